"""The nouns of the second opinion: instants, changes, proofs, late heartbeats, and what links see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

NEVER = -(1 << 60)


class Moment(NamedTuple):
    """An instant on the axis, and the UTC that camwatch showed."""

    at: int
    utc: int


class Change(NamedTuple):
    """From `at` on (and `utc`, in the record) the camera was `life`; empty: out of the ledger.

    `or_at`: other instants that are right as well, where the rules leave it to judgement.
    """

    at: int
    utc: int
    life: str
    cause: str
    noticed: int
    or_at: tuple[int, ...] = ()


class Late(NamedTuple):
    """A late heartbeat: when it was sent, by camwatch's clock; what it proves around it; who took it.

    Not `sure`: what it fills is a matter of judgement, or a crash may have made camwatch forget it. `came`:
    when it did, which is what counts if its clock turns out to be `wrong`.
    """

    utc: int
    before: int
    after: int
    reach: int
    process: int
    sure: bool
    came: int
    wrong: bool = False


class Piece(NamedTuple):
    """The camera was `status` in [start, end); `cause` says why it is down."""

    start: int
    end: int
    status: str
    cause: str = ""


class Outage(NamedTuple):
    """One outage; `end` is None while it lasts."""

    start: int
    end: int | None
    cause: str


class Proof(NamedTuple):
    """A proof of life at `at`. `boot`: it is of a `new` boot, the `same`, some (empty), who knows (?).

    `waited`: for how long, on its way, though it was not late. `uptime`: what it says of that boot, in ms.
    """

    at: int
    boot: str = ""
    waited: int = 0
    uptime: int | None = None

    @property
    def sent(self) -> int:
        """When it was sent, as far as its link tells."""
        return self.at - self.waited


class Opened(NamedTuple):
    """The way of a camera that is down opened at `at`, as far as the lag tells; that arrived at `by` (E2)."""

    at: int
    by: int

    def dated(self, sent: int, floor: int) -> int:
        """Return when it opened, given the first proof's sending and the earliest that this proof allows."""
        lagged = self.by > self.at
        return min(sent, self.by, max(self.at, floor) if lagged else self.at)


@dataclass
class Sight:
    """What the links that carry the same cameras see; `blind`: since when nothing, None: in sight.

    `seen_before`: an earlier process saw them. `why` they can not be seen now. `lag`: how much later than
    sent messages come.
    """

    links: tuple[str, ...]
    blind: int | None
    blind_utc: int
    heard: int
    why: str
    seen_before: bool
    began: bool = False
    since: int = NEVER
    lag: int = 0
    operators: tuple[str, ...] = ()

    @property
    def kept_since(self) -> int | None:
        """Since when a broker may have kept what comes now; None: it was sent just now."""
        return self.blind if self.began or self.seen_before else None
