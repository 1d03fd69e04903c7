"""What is kept of each camera, link and sight while the daemon runs. Only `watch` changes it.

A camera's state is a flat record, because every heartbeat goes through it; figures are derived from it.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from camwatch.core.checkpoint import NOTHING
from camwatch.core.conditions import Flapping, Reason
from camwatch.core.deadlines import NEVER
from camwatch.core.incidents import IncidentGroup
from camwatch.core.message_order import no_offsets
from camwatch.core.model import BlindCause, Camera, Cause, Instant, Liveness, Status, Thresholds
from camwatch.core.status_time import Account, Span, covered

if TYPE_CHECKING:
    from camwatch.core.backfill import Run

GAP_BOUNDS_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 7.5, 10.0, 12.5, 15.0, 20.0, 30.0, 45.0, 60.0, 120.0, 300.0)
"""Upper bounds of the histogram of gaps between heartbeats, seconds."""


@dataclass(slots=True)
class Gaps:
    """Histogram of the gaps between the proofs of an operator's cameras; the last count is +Inf."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(GAP_BOUNDS_S) + 1))
    total_s: float = 0.0


@dataclass(slots=True, eq=False)
class LinkState:
    """One session with a broker, as the core sees it.

    `heard` is the monotonic instant up to which it has brought everything (rules S10, S11): that of its last
    packet, unless that was late.
    """

    name: str
    operators: frozenset[str]  # empty: all
    up: bool = False
    heard: float = NEVER
    last_packet: Instant | None = None
    sights: list[Sight] = field(default_factory=list)
    catching_up: bool = False  # subscribed, but what the broker kept is not through yet (rule S11)
    behind: bool = False  # its lag is longer than its cameras may be silent (rule S11)
    lag: float = 0.0  # seconds: how much later than sent its messages arrive
    canary_lag: float = 0.0  # the same by its canary, if it has one and that was late (rule S12)
    seen_upto: float = NEVER  # monotonic: what was sent since is under way; NEVER: it does not lag
    late: dict[int, tuple[float, float]] = field(default_factory=dict)  # camera: (arrival, lateness)
    newest_late: float = NEVER  # arrival of the newest late heartbeat
    doubted: bool = False  # a camera waits for it to show that it brings what is sent now (rule S10)
    copies: dict[int, float] = field(default_factory=dict)  # camera: when one came that was on time (S13)
    sent_late: float = NEVER  # when the newest late heartbeat of the present packets was sent
    apart: float = NEVER  # while it is behind: by how much, on the steady clock, ...
    apart_since: float = NEVER  # ... and since when by the same
    in_time_at: float = NEVER  # when more of its cameras were last found on time than late
    look_at: float = float("inf")  # when the lag is to be reckoned next
    armed_lag: float = 0.0  # the longest lag by which its cameras' deadlines may have been put off

    @property
    def sees(self) -> bool:
        """Whether what its cameras say now would be known in time (rules S1, S11)."""
        return self.up and not self.catching_up and not self.behind

    def carries(self, operator: str) -> bool:
        """Tell whether the cameras of an operator are heard over this link."""
        return not self.operators or operator in self.operators


@dataclass(slots=True, eq=False)
class Sight:
    """The links that carry the same cameras: in sight while one of them is up (rule S1)."""

    links: tuple[LinkState, ...]
    blind_since: Instant | None
    heard: float = NEVER
    cause: BlindCause = BlindCause.AWAY  # of the present blindness, or the last
    resumed: bool = False  # whether an earlier process saw these cameras
    began: bool = False  # whether there ever was sight in this process: no ledger before (rule S6)
    since: float = NEVER  # monotonic, when sight last returned
    lag: float = 0.0  # seconds: the longest of its links (rule S11)
    lagged_from: float = NEVER  # monotonic: when the present lag, or the last one, began, ...
    lagged_to: float = NEVER  # ... when it was last reckoned, ...
    lagged_s: float = 0.0  # ... and how long it was at most, in seconds
    operators: tuple[str, ...] = ()  # of these cameras, as of the last reload
    cameras: dict[int, CameraState] = field(default_factory=dict)


class CameraState:
    """Everything that is known of one camera. Times are monotonic seconds unless the name says otherwise."""

    __slots__ = (
        "account",
        "again_at",
        "again_last",
        "again_seq",
        "again_ts",
        "armed",
        "bitrate_bps",
        "boot",
        "budget",
        "budget_until",
        "calm",
        "came",
        "camera",
        "cause",
        "clock_offset",
        "dark",
        "deadline_override",
        "disordered",
        "doubted_until",
        "down_s",
        "due_override",
        "expected",
        "fill",
        "filled",
        "firmware",
        "first_seq",
        "flapping",
        "fps",
        "fps_min",
        "gaps",
        "groups",
        "heartbeats",
        "hidden_from",
        "hidden_to",
        "hint",
        "hint_at",
        "hint_hold_s",
        "hint_until",
        "index",
        "interval_s",
        "late_after",
        "late_apart",
        "late_at",
        "late_news",
        "late_ts",
        "late_upto",
        "left_down",
        "life",
        "lost",
        "next_seq",
        "offset_at",
        "offset_max_s",
        "offsets",
        "opened",
        "opened_by",
        "opened_from",
        "outage_open",
        "outages",
        "override_for",
        "proof",
        "proof_ms",
        "reasons",
        "reasons_ended",
        "rebooted",
        "reboots",
        "row_at",
        "sent_late",
        "settled_ms",
        "sight",
        "signs",
        "since",
        "sound",
        "status",
        "storage_max",
        "storage_used_ratio",
        "stored",
        "suspect_s",
        "temperature_celsius",
        "temperature_max",
        "temperature_min",
        "thresholds",
        "ts",
        "undecided_until",
        "unseen",
        "uptime",
        "via",
        "windows",
    )  # fmt: skip

    def __init__(
        self, index: int, camera: Camera, life: Status, now: Instant, sight: Sight, gaps: Gaps
    ) -> None:
        self.index = index
        self.camera = camera
        self.sight = sight
        self.gaps = gaps
        self.groups: tuple[IncidentGroup, ...] = ()
        self.windows: tuple[Span, ...] = ()  # merged maintenance windows, UTC milliseconds
        self.configure(Liveness(), Thresholds())
        # what it is
        self.life = life  # below maintenance
        self.status = life  # as last recorded
        self.cause: Cause | None = None  # of the last conviction
        self.row_at = now.mono  # since when the inventory says what it says
        self.since = now
        self.calm = False  # up, in sight, no hint held, nothing being filled: a heartbeat changes no status
        # proof and deadlines
        self.proof = NEVER
        self.proof_ms: int | None = None  # UTC
        self.sent_late = NEVER  # `proof`, where that was late: it was sent then, and heard later
        self.override_for = NEVER
        self.due_override = NEVER
        self.deadline_override = NEVER
        self.hint: Cause | None = None
        self.hint_at = NEVER
        self.hint_until = NEVER
        self.opened = NEVER  # when it showed that it can speak again (rule E2)
        self.opened_by = NEVER  # when that arrived, ...
        self.opened_from = NEVER  # ... and when it was said at the earliest
        self.hidden_from = NEVER  # since when it may have come back unseen (E2)
        self.hidden_to = NEVER  # when sight of it returned
        self.via: LinkState | None = None  # the link of its last proof
        self.lost: Instant | None = None  # since when that link is lost, while others are not (rule S13)
        self.armed = float("inf")
        self._meet()
        # what it last said
        self.fps: float | None = None
        self.bitrate_bps: float | None = None
        self.temperature_celsius: float | None = None
        self.storage_used_ratio: float | None = None
        self.firmware: str | None = None
        self.reasons = 0  # bits of Reason; a plain int, which a heartbeat tests fast
        self.reasons_ended: dict[Reason, float] = {}
        self._open_books()

    def _meet(self) -> None:
        """Know nothing yet of its boots, its order and its clock."""
        self.first_seq = 0
        self.next_seq: int | None = None
        self.disordered = NEVER  # arrival of the newest heartbeat that was not the next one
        self.expected: int | None = None  # the `seq` that was the next one then
        self.unseen: tuple[range, ...] = ()  # runs of `seq` that were missed
        self.again_at = NEVER  # arrival of the first in a run of duplicates that counts upwards
        self.again_last = NEVER  # and of the last of them
        self.again_seq = 0  # and its `seq`
        self.again_ts: float | None = None  # and its `ts`
        self.uptime = -1.0
        self.rebooted = NEVER  # arrival of the newest heartbeat that showed a reboot
        self.boot: float | None = None  # arrival minus uptime, of the last heartbeat on time
        self.ts: float | None = None
        self.offsets: array[float] = no_offsets()
        self.offset_at = 0
        self.clock_offset = float("inf")  # infinite: none yet
        self.late_at = NEVER  # arrival of the first in a run of evenly late heartbeats
        self.late_after = NEVER  # the proof on time before the last of them
        self.late_apart = float("inf")  # and how far its clock was from the steady one
        self.late_ts = NEVER  # what the last of them said it was
        # how many messages it may send, for whoever takes them: see `receiving`
        self.budget = 0  # what `heartbeats` may reach
        self.budget_until = NEVER  # before this instant
        self.late_news = False  # whether the newest late heartbeat told more than what was known
        self.late_upto = NEVER  # when the newest was sent that did, monotonic milliseconds
        self.undecided_until = NEVER  # until then it may be the clock that is wrong: nothing is filled
        self.doubted_until = NEVER  # its clock stood still, or moved by itself (rule L8)

    def _open_books(self) -> None:
        """Begin counts and accounts."""
        self.heartbeats = 0
        self.outages = 0
        self.outage_open = False
        self.left_down: Instant | None = (
            None  # when blindness hid an open outage (S7), or an absence ended it (V6)
        )
        self.reboots = 0
        self.flapping: Flapping | None = None
        self.account = Account()
        self.settled_ms: int | None = None  # monotonic; everything before it is accounted
        self.dark: list[Span] = []  # the last time that was not up, monotonic milliseconds
        self.signs: list[float] = []  # the last proof before each of it, and the first after
        self.fill: Run | None = None  # from where, and up to which late heartbeat, it was up (rule E4)
        self.filled: list[Run] = []  # the same of earlier ones, to tell none of them again
        self.came: Span | None = None  # when late heartbeats came since the last proof on time, the last run
        # Both, as they were at that proof, if a late heartbeat came since.
        self.sound: tuple[Run | None, tuple[Run, ...]] | None = None
        self.stored = NOTHING  # what the store has of it: the counters that are exported

    def configure(self, liveness: Liveness, thresholds: Thresholds) -> None:
        """Set deadlines and thresholds; the flat copies are what every heartbeat reads."""
        self.interval_s = liveness.interval_s
        self.down_s = liveness.down_s
        self.suspect_s = liveness.suspect_s
        self.hint_hold_s = liveness.grace_s
        self.thresholds = thresholds
        self.fps_min = thresholds.fps_min
        self.storage_max = thresholds.storage_used_max_ratio
        self.temperature_min = thresholds.temperature_min_celsius
        self.temperature_max = thresholds.temperature_max_celsius
        self.offset_max_s = thresholds.clock_offset_max_s

    @property
    def plain(self) -> bool:
        """Whether it does not matter which link brings a heartbeat, nor how long that waited (S13, E3)."""
        return len(self.sight.links) < 2 and self.sight.blind_since is None

    def status_at(self, now: Instant) -> Status:
        """Return what the camera is now: maintenance covers what its life signs say (rules V3, V4)."""
        if self.windows and self.life in _COVERED and covered(self.windows, now.utc_ms):
            return Status.MAINTENANCE
        return self.life


_COVERED = (Status.UP, Status.DOWN, Status.UNKNOWN)
