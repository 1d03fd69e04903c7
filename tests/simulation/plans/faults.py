"""The faults of a plan. Each is an independent value, so that a failure shrinks by leaving some out.

`at` is counted from the start of the plan. Durations are milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, get_args

from tests.simulation.plans.codec import Ms, by_name

# --- cameras


@dataclass(frozen=True, slots=True)
class CameraOutage:
    """A camera is off for a while, then boots; `how`: silence, goodbye, will, old-will.

    A last will is published `will_after` its death, or when the camera takes over its session; an old one, of
    another client id, may arrive after the return.
    """

    at: Ms
    camera: str
    duration: Ms
    how: str
    will_after: Ms


@dataclass(frozen=True, slots=True)
class Flapping:
    """A camera goes off several times in a row, in silence."""

    at: Ms
    camera: str
    times: int
    up: Ms
    down: Ms


@dataclass(frozen=True, slots=True)
class MessageLoss:
    """The next `count` messages of a camera are lost on their way."""

    at: Ms
    camera: str
    count: int


@dataclass(frozen=True, slots=True)
class DuplicateMessages:
    """The next `count` messages of a camera arrive twice, the second time `after` the first."""

    at: Ms
    camera: str
    count: int
    after: Ms


@dataclass(frozen=True, slots=True)
class DelayedMessages:
    """The next `count` messages of a camera take `by` longer: they overtake one another, or are late."""

    at: Ms
    camera: str
    count: int
    by: Ms


@dataclass(frozen=True, slots=True)
class BridgeBuffering:
    """An operator's bridge keeps all messages for a while and then sends them at once, or drops them."""

    at: Ms
    operator: str
    duration: Ms
    drops: bool


@dataclass(frozen=True, slots=True)
class Replay:
    """The last `count` messages of a camera before `back` arrive once more, `apart` from each other."""

    at: Ms
    camera: str
    back: Ms
    count: int
    apart: Ms


@dataclass(frozen=True, slots=True)
class RetainedHeartbeat:
    """A camera's next heartbeat is retained: each subscription delivers it again."""

    at: Ms
    camera: str


@dataclass(frozen=True, slots=True)
class WrongTopic:
    """The next `count` messages of a camera arrive on another operator's topic."""

    at: Ms
    camera: str
    count: int
    operator: str


@dataclass(frozen=True, slots=True)
class MalformedMessages:
    """A camera sends `count` invalid messages; `what` is the kind of error."""

    at: Ms
    camera: str
    count: int
    what: str


@dataclass(frozen=True, slots=True)
class CameraClockStep:
    """A camera's clock is set and stays wrong."""

    at: Ms
    camera: str
    by: Ms


@dataclass(frozen=True, slots=True)
class CameraClockDrift:
    """A camera's clock drifts for a while, by `millionths`."""

    at: Ms
    camera: str
    duration: Ms
    millionths: int


@dataclass(frozen=True, slots=True)
class CameraClockOffset:
    """A camera's clock is wrong by `by` for a while, and then right again."""

    at: Ms
    camera: str
    duration: Ms
    by: Ms


@dataclass(frozen=True, slots=True)
class CameraClockFreeze:
    """A camera's clock stands still for a while, or (`step`) advances in steps."""

    at: Ms
    camera: str
    duration: Ms
    step: Ms


@dataclass(frozen=True, slots=True)
class SequenceFreeze:
    """A camera's `seq` stays the same for a while."""

    at: Ms
    camera: str
    duration: Ms


@dataclass(frozen=True, slots=True)
class Tampering:
    """A camera reports tampering for a while."""

    at: Ms
    camera: str
    duration: Ms


# --- links and the daemon


@dataclass(frozen=True, slots=True)
class LinkCut:
    """A link delivers nothing for `duration`; its loss is detected after `detected`.

    With `detected` after `duration` the loss is never detected: a broker froze, and resumed. `early`: what a
    session kept arrives before the subscription is confirmed.
    """

    at: Ms
    link: str
    detected: Ms
    duration: Ms
    early: bool


@dataclass(frozen=True, slots=True)
class LinkLag:
    """For a while all messages of a link arrive late, in order, by at most `by`.

    `how`: steady, grows, uneven, bursts, thin (a burst takes as long to drain). `stream`: everything else
    from the broker waits behind them.
    """

    at: Ms
    link: str
    duration: Ms
    by: Ms
    how: str
    stream: bool


@dataclass(frozen=True, slots=True)
class BridgeOnline:
    """An operator's bridge publishes `online` for all its cameras, whether they are on or not."""

    at: Ms
    operator: str


@dataclass(frozen=True, slots=True)
class LoopStall:
    """The daemon's loop stalls; `packets`: afterwards it reads its sockets before it checks deadlines."""

    at: Ms
    duration: Ms
    packets: bool


@dataclass(frozen=True, slots=True)
class Restart:
    """camwatch is stopped cleanly, and started again."""

    at: Ms
    duration: Ms


@dataclass(frozen=True, slots=True)
class Crash:
    """camwatch is killed, `lag` after its last checkpoint, and started again.

    During a checkpoint: before statement number `statement`, or after the commit if there are fewer; -1:
    while nothing is being stored.
    """

    at: Ms
    duration: Ms
    lag: Ms
    statement: int


@dataclass(frozen=True, slots=True)
class StoreOutage:
    """The store fails for a while; `stored`: the first write that fails is stored all the same."""

    at: Ms
    duration: Ms
    stored: bool


@dataclass(frozen=True, slots=True)
class HostClockStep:
    """The wall clock of camwatch's host is set."""

    at: Ms
    by: Ms


# --- inventory and corrections


@dataclass(frozen=True, slots=True)
class Removal:
    """A camera is not in the inventory for a while."""

    at: Ms
    camera: str
    duration: Ms


@dataclass(frozen=True, slots=True)
class Retirement:
    """A camera is retired for a while."""

    at: Ms
    camera: str
    duration: Ms


@dataclass(frozen=True, slots=True)
class PlannedCamera:
    """A camera is planned from the start, in service from `at` (if `dated`) or by its first proof.

    It sends nothing before `first_message`.
    """

    at: Ms
    camera: str
    dated: bool
    first_message: Ms


@dataclass(frozen=True, slots=True)
class IntervalChange:
    """The inventory has another interval for a camera for a while; `follows`: the camera keeps to it."""

    at: Ms
    camera: str
    duration: Ms
    interval: Ms
    follows: bool


@dataclass(frozen=True, slots=True)
class SiteChange:
    """A camera moves to another site."""

    at: Ms
    camera: str
    site: str


@dataclass(frozen=True, slots=True)
class InventoryMaintenance:
    """A maintenance window of the inventory, from `starts` to `ends` after `at`; removed `taken` after it."""

    at: Ms
    scope: str
    where: str
    starts: Ms
    ends: Ms
    taken: Ms


@dataclass(frozen=True, slots=True)
class MaintenanceCorrection:
    """A maintenance window entered as correction, from `starts` to `ends` after `at`; 0: never cancelled."""

    at: Ms
    scope: str
    where: str
    starts: Ms
    ends: Ms
    cancelled: Ms


@dataclass(frozen=True, slots=True)
class Attribution:
    """A camera's last outage is attributed, and excluded or not."""

    at: Ms
    camera: str
    cause: str
    excluded: bool


CameraFault: TypeAlias = (
    CameraOutage
    | Flapping
    | MessageLoss
    | DuplicateMessages
    | DelayedMessages
    | Replay
    | RetainedHeartbeat
    | WrongTopic
    | MalformedMessages
    | CameraClockStep
    | CameraClockDrift
    | CameraClockOffset
    | CameraClockFreeze
    | SequenceFreeze
    | Tampering
)
DaemonFault: TypeAlias = LinkCut | LinkLag | LoopStall | Restart | Crash | StoreOutage | HostClockStep
InventoryFault: TypeAlias = (
    Removal
    | Retirement
    | PlannedCamera
    | IntervalChange
    | SiteChange
    | InventoryMaintenance
    | MaintenanceCorrection
    | Attribution
)
Fault: TypeAlias = CameraFault | BridgeBuffering | BridgeOnline | DaemonFault | InventoryFault

KINDS: dict[str, type[Fault]] = by_name(*get_args(Fault))
"""Every kind of fault by its name in text."""
