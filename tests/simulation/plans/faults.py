"""What can go wrong in a plan: one small value for each thing, so that failures shrink by leaving some out.

`at` is counted from the beginning of the plan; what a fault needs beside that, it carries itself: leaving
one out changes nothing in the others. Durations are milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from tests.simulation.plans.codec import Ms, names

# --- what befalls a camera


@dataclass(frozen=True, slots=True)
class Dies:
    """A camera sends nothing for a while, then boots; `how`: silence, goodbye, will, old-will.

    A will is told after `told`, or as the camera returns and takes over its session; an old one may come
    after the return, which was under another client id.
    """

    at: Ms
    camera: str
    lasts: Ms
    how: str
    told: Ms


@dataclass(frozen=True, slots=True)
class Flaps:
    """A camera dies so many times in a row, without a word."""

    at: Ms
    camera: str
    times: int
    up: Ms
    down: Ms


@dataclass(frozen=True, slots=True)
class Loses:
    """The next so many messages of a camera are lost on their way."""

    at: Ms
    camera: str
    count: int


@dataclass(frozen=True, slots=True)
class Duplicates:
    """The next so many messages of a camera come twice, once more after `after`."""

    at: Ms
    camera: str
    count: int
    after: Ms


@dataclass(frozen=True, slots=True)
class Delays:
    """The next so many messages of a camera take longer `by`: they overtake one another, or are late."""

    at: Ms
    camera: str
    count: int
    by: Ms


@dataclass(frozen=True, slots=True)
class Holds:
    """An operator's bridge keeps all messages for a while, then brings them at once; or drops them."""

    at: Ms
    operator: str
    lasts: Ms
    drops: bool


@dataclass(frozen=True, slots=True)
class Replays:
    """The last so many messages of a camera before `back` come once more, `apart` from each other."""

    at: Ms
    camera: str
    back: Ms
    count: int
    apart: Ms


@dataclass(frozen=True, slots=True)
class Retains:
    """A camera has its next heartbeat retained: each subscription brings it again, for good."""

    at: Ms
    camera: str


@dataclass(frozen=True, slots=True)
class Strays:
    """The next so many messages of a camera come on another operator's topic."""

    at: Ms
    camera: str
    count: int
    operator: str


@dataclass(frozen=True, slots=True)
class Babbles:
    """A camera sends so many messages that nobody can take; `what` names the kind of nonsense."""

    at: Ms
    camera: str
    count: int
    what: str


@dataclass(frozen=True, slots=True)
class Sets:
    """A camera's clock is set, for good."""

    at: Ms
    camera: str
    by: Ms


@dataclass(frozen=True, slots=True)
class Drifts:
    """A camera's clock goes wrong for a while, by so many millionths."""

    at: Ms
    camera: str
    lasts: Ms
    millionths: int


@dataclass(frozen=True, slots=True)
class Wanders:
    """A camera's clock is wrong for a while `by` so much, and then is right again."""

    at: Ms
    camera: str
    lasts: Ms
    by: Ms


@dataclass(frozen=True, slots=True)
class Stands:
    """A camera's clock stands still for a while, or (`step`) goes on in steps only."""

    at: Ms
    camera: str
    lasts: Ms
    step: Ms


@dataclass(frozen=True, slots=True)
class Sticks:
    """A camera does not count for a while: its `seq` stays as it was."""

    at: Ms
    camera: str
    lasts: Ms


@dataclass(frozen=True, slots=True)
class Ails:
    """A camera says for a while that it is covered."""

    at: Ms
    camera: str
    lasts: Ms


# --- what befalls links and the daemon


@dataclass(frozen=True, slots=True)
class Cuts:
    """A link brings nothing from `at` on, is noticed to be lost after `noticed`, can be had after `lasts`.

    With `noticed` after `lasts` nobody notices: a broker froze, and thaws. `early`: what a session kept
    comes before the subscription is confirmed.
    """

    at: Ms
    link: str
    noticed: Ms
    lasts: Ms
    early: bool


@dataclass(frozen=True, slots=True)
class Lags:
    """For a while all messages of a link come later, in order, by at most `by`.

    `how`: steady, grows, uneven, bursts, thin (so many messages in a row need as long). `stream`: what else
    the broker says waits behind them.
    """

    at: Ms
    link: str
    lasts: Ms
    by: Ms
    how: str
    stream: bool


@dataclass(frozen=True, slots=True)
class Greets:
    """An operator's bridge says `online` for all its cameras, whether they live or not."""

    at: Ms
    operator: str


@dataclass(frozen=True, slots=True)
class Stalls:
    """The daemon's loop stands still; `packets`: then it looks at what came before it looks at deadlines."""

    at: Ms
    lasts: Ms
    packets: bool


@dataclass(frozen=True, slots=True)
class Stops:
    """camwatch is stopped in order, and started again."""

    at: Ms
    lasts: Ms


@dataclass(frozen=True, slots=True)
class Crashes:
    """camwatch is killed, `lag` after it last stored all, and started again.

    While it stores once more: before statement number `statement`, past the last one after the commit;
    -1: while nothing is stored.
    """

    at: Ms
    lasts: Ms
    lag: Ms
    statement: int


@dataclass(frozen=True, slots=True)
class LosesStore:
    """The store fails for a while; `stored`: what it says failed the first time was stored all the same."""

    at: Ms
    lasts: Ms
    stored: bool


@dataclass(frozen=True, slots=True)
class SetsWall:
    """The wall clock of camwatch's machine is set."""

    at: Ms
    by: Ms


# --- what people do


@dataclass(frozen=True, slots=True)
class Leaves:
    """A camera is not in the inventory for a while."""

    at: Ms
    camera: str
    lasts: Ms


@dataclass(frozen=True, slots=True)
class Retires:
    """A camera is retired for a while."""

    at: Ms
    camera: str
    lasts: Ms


@dataclass(frozen=True, slots=True)
class Plans:
    """A camera is planned from the beginning, in service from `at` (if `dated`) or by its first proof.

    It first sends after `speaks`.
    """

    at: Ms
    camera: str
    dated: bool
    speaks: Ms


@dataclass(frozen=True, slots=True)
class Paces:
    """The inventory names another interval for a camera for a while; `follows`: and the camera keeps it."""

    at: Ms
    camera: str
    lasts: Ms
    interval: Ms
    follows: bool


@dataclass(frozen=True, slots=True)
class Moves:
    """A camera is put on another site."""

    at: Ms
    camera: str
    site: str


@dataclass(frozen=True, slots=True)
class Announces:
    """The inventory names maintenance, from `starts` to `ends` after `at`; taken out `taken` after."""

    at: Ms
    scope: str
    where: str
    starts: Ms
    ends: Ms
    taken: Ms


@dataclass(frozen=True, slots=True)
class Corrects:
    """People put maintenance in the journal, from `starts` to `ends` after `at`; 0: never cancelled."""

    at: Ms
    scope: str
    where: str
    starts: Ms
    ends: Ms
    cancelled: Ms


@dataclass(frozen=True, slots=True)
class Attributes:
    """People say why a camera's last outage was, and whether it counts."""

    at: Ms
    camera: str
    cause: str
    excluded: bool


OfCamera: TypeAlias = (
    Dies
    | Flaps
    | Loses
    | Duplicates
    | Delays
    | Replays
    | Retains
    | Strays
    | Babbles
    | Sets
    | Drifts
    | Wanders
    | Stands
    | Sticks
    | Ails
)
OfDaemon: TypeAlias = Cuts | Lags | Stalls | Stops | Crashes | LosesStore | SetsWall
OfPeople: TypeAlias = Leaves | Retires | Plans | Paces | Moves | Announces | Corrects | Attributes
Fault: TypeAlias = OfCamera | Holds | Greets | OfDaemon | OfPeople

KINDS: dict[str, type[Fault]] = names(
    Dies, Flaps, Loses, Duplicates, Delays, Holds, Replays, Retains, Strays, Babbles, Sets, Drifts, Wanders,
    Stands, Sticks, Ails, Greets, Cuts, Lags, Stalls, Stops, Crashes, LosesStore, SetsWall,
    Leaves, Retires, Plans, Paces, Moves, Announces, Corrects, Attributes,
)  # fmt: skip
"""Every kind of fault, by its name in text."""
