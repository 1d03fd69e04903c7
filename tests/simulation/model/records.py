"""Records of the model: instants, changes, proofs, late heartbeats, outages and groups of links."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

NEVER = -(1 << 60)


class Moment(NamedTuple):
    """An instant on the axis, and the UTC that camwatch showed."""

    at: int
    utc: int


class StatusChange(NamedTuple):
    """From `at` (`utc` in the record) on the camera was `status`; empty: out of service.

    `alternatives`: other instants that are right too, where the rules leave it open.
    """

    at: int
    utc: int
    status: str
    cause: str
    detected: int
    alternatives: tuple[int, ...] = ()


class LateHeartbeat(NamedTuple):
    """A late heartbeat: when it was sent, by camwatch's clock; the time it proves; its process.

    Not `sure`: what it fills is open, or a crash may have lost it. `came`: when it arrived, which is what
    counts if its clock turns out to be `wrong`.
    """

    utc: int
    before: int
    after: int
    reach: int
    process: int
    sure: bool
    came: int
    wrong: bool = False


class StatusSpan(NamedTuple):
    """The camera was `status` in [start, end); `cause` is why it was down."""

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
    """A proof at `at`. `boot`: of a `new` boot, the `same`, not shown (empty) or ambiguous (`?`).

    `waited`: how long it was under way, though not late. `uptime`: that of its boot, in ms.
    """

    at: int
    boot: str = ""
    waited: int = 0
    uptime: int | None = None

    @property
    def sent(self) -> int:
        """When it was sent, as far as its link shows."""
        return self.at - self.waited


class Return(NamedTuple):
    """Evidence that a camera came back at `at`, corrected for the lag; it arrived at `by` (E2)."""

    at: int
    by: int

    def dated(self, sent: int, floor: int) -> int:
        """Return when it came back, given when the first proof was sent and the earliest that it allows."""
        lagged = self.by > self.at
        return min(sent, self.by, max(self.at, floor) if lagged else self.at)


@dataclass
class GroupModel:
    """The links that carry the same cameras; `gap_start`: since when none is visible, None: one is.

    `seen_before`: an earlier process saw their cameras. `why`: the cause of the gap. `lag`: how much later
    than sent messages arrive.
    """

    links: tuple[str, ...]
    gap_start: int | None
    gap_start_utc: int
    delivered_until: int
    cause: str
    seen_before: bool
    began: bool = False
    since: int = NEVER
    lag: int = 0
    operators: tuple[str, ...] = ()

    @property
    def kept_since(self) -> int | None:
        """Since when a broker may have kept what arrives now; None: it was sent just now."""
        return self.gap_start if self.began or self.seen_before else None
