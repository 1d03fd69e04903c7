"""The state of each camera, link and link group while the daemon runs. Only the core changes it.

A camera's state is a flat record, because every heartbeat goes through it; figures are derived from it.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import NamedTuple

from camwatch.core.checkpoint_model import EMPTY
from camwatch.core.conditions import Flapping, Reason
from camwatch.core.incidents import IncidentGroup
from camwatch.core.model import NEVER, Camera, Cause, GapCause, Instant, Liveness, Status, Thresholds
from camwatch.core.status_time import Interval, StatusTime, contains

GAP_BOUNDS_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 7.5, 10.0, 12.5, 15.0, 20.0, 30.0, 45.0, 60.0, 120.0, 300.0)
"""Upper bounds of the histogram of gaps between heartbeats, seconds."""


OFFSET_WINDOW = 32
"""Over how many heartbeats the smallest clock offset is taken (rule L7)."""


_NO_OFFSETS = array("d", [float("inf")] * OFFSET_WINDOW)


def no_offsets() -> array[float]:
    """Return an empty memory of clock offsets."""
    return _NO_OFFSETS[:]


class Run(NamedTuple):
    """Signs of life on end: up from `starts`, for certain from `sure`, to the last, at `ends`.

    `closed`: the last of them was on time. `told`: all of this is among the events.
    """

    start: int
    end: int
    sure: int
    closed: bool = False
    emitted: bool = False


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
    delivered_until: float = NEVER
    last_packet_at: Instant | None = None
    groups: list[LinkGroup] = field(default_factory=list)
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
    clock_offset: float = NEVER  # while it is behind: by how much, on the steady clock, ...
    clock_offset_since: float = NEVER  # ... and since when by the same
    in_time_at: float = NEVER  # when more of its cameras were last found on time than late
    next_check_at: float = float("inf")  # when the lag is to be reckoned next
    scheduled_lag: float = 0.0  # the longest lag by which its cameras' deadlines may have been put off

    @property
    def visible(self) -> bool:
        """Whether what its cameras say now would be known in time (rules S1, S11)."""
        return self.up and not self.catching_up and not self.behind

    def covers(self, operator: str) -> bool:
        """Tell whether the cameras of an operator are heard over this link."""
        return not self.operators or operator in self.operators


@dataclass(slots=True, eq=False)
class LinkGroup:
    """The links that carry the same cameras: in sight while one of them is up (rule S1)."""

    links: tuple[LinkState, ...]
    blind_since: Instant | None
    delivered_until: float = NEVER
    cause: GapCause = GapCause.OFFLINE  # of the present blindness, or the last
    resumed: bool = False  # whether an earlier process saw these cameras
    ever_visible: bool = False  # whether there ever was sight in this process: no ledger before (rule S6)
    visible_since: float = NEVER  # monotonic, when sight last returned
    lag: float = 0.0  # seconds: the longest of its links (rule S11)
    lagged_from: float = NEVER  # monotonic: when the present lag, or the last one, began, ...
    lagged_to: float = NEVER  # ... when it was last reckoned, ...
    lagged_s: float = 0.0  # ... and how long it was at most, in seconds
    operators: tuple[str, ...] = ()  # of these cameras, as of the last reload
    cameras: dict[int, CameraState] = field(default_factory=dict)


class CameraState:
    """Everything that is known of one camera. Times are monotonic seconds unless the name says otherwise."""

    __slots__ = (
        "accounted_until_ms",
        "backfill",
        "backfill_at_proof",
        "backfills_emitted",
        "bitrate_bps",
        "boot",
        "budget",
        "budget_until",
        "camera",
        "cause",
        "clock_offset",
        "deadline_override",
        "disordered",
        "doubted_until",
        "down_s",
        "down_until",
        "due_override",
        "expected",
        "firmware",
        "first_seq",
        "flapping",
        "fps",
        "fps_min",
        "gap_proofs",
        "gaps",
        "groups",
        "heartbeats",
        "hidden_from",
        "hidden_to",
        "hint",
        "hint_at",
        "hint_until",
        "index",
        "interval_s",
        "inventory_changed_at",
        "late_arrivals",
        "late_offset",
        "late_proof",
        "late_proved_more",
        "late_sent_ms",
        "late_since",
        "late_ts",
        "link_group",
        "missing_seqs",
        "next_check_at",
        "next_seq",
        "not_up",
        "offset_index",
        "offset_max_s",
        "offsets",
        "outage_open",
        "outages",
        "override_for",
        "persisted",
        "proof",
        "proof_link",
        "proof_link_down_since",
        "proof_ms",
        "reasons",
        "reasons_ended",
        "rebooted",
        "reboots",
        "replay_last_at",
        "replay_seq",
        "replay_started_at",
        "replay_ts",
        "return_arrived_at",
        "return_earliest",
        "returned_at",
        "sent_late",
        "since",
        "status",
        "status_time",
        "steady",
        "storage_max",
        "storage_used_ratio",
        "suspect_s",
        "temperature_celsius",
        "temperature_max",
        "temperature_min",
        "thresholds",
        "ts",
        "undecided_until",
        "underlying_status",
        "uptime",
        "will_grace_s",
        "windows",
    )  # fmt: skip

    def __init__(
        self, index: int, camera: Camera, life: Status, now: Instant, sight: LinkGroup, gaps: Gaps
    ) -> None:
        self.index = index
        self.camera = camera
        self.link_group = sight
        self.gaps = gaps
        self.groups: tuple[IncidentGroup, ...] = ()
        self.windows: tuple[Interval, ...] = ()  # merged maintenance windows, UTC milliseconds
        self.configure(Liveness(), Thresholds())
        # what it is
        self.underlying_status = life  # below maintenance
        self.status = life  # as last recorded
        self.cause: Cause | None = None  # of the last conviction
        self.inventory_changed_at = now.mono  # since when the inventory says what it says
        self.since = now
        self.steady = False  # up, in sight, no hint held, nothing being filled: a heartbeat changes no status
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
        self.returned_at = NEVER  # when it showed that it can speak again (rule E2)
        self.return_arrived_at = NEVER  # when that arrived, ...
        self.return_earliest = NEVER  # ... and when it was said at the earliest
        self.hidden_from = NEVER  # since when it may have come back unseen (E2)
        self.hidden_to = NEVER  # when sight of it returned
        self.proof_link: LinkState | None = None  # the link of its last proof
        self.proof_link_down_since: Instant | None = (
            None  # since when that link is lost, while others are not (rule S13)
        )
        self.next_check_at = float("inf")
        self._reset_message_order()
        # what it last said
        self.fps: float | None = None
        self.bitrate_bps: float | None = None
        self.temperature_celsius: float | None = None
        self.storage_used_ratio: float | None = None
        self.firmware: str | None = None
        self.reasons = 0  # bits of Reason; a plain int, which a heartbeat tests fast
        self.reasons_ended: dict[Reason, float] = {}
        self._reset_counters()

    def _reset_message_order(self) -> None:
        """Know nothing yet of its boots, its order and its clock."""
        self.first_seq = 0
        self.next_seq: int | None = None
        self.disordered = NEVER  # arrival of the newest heartbeat that was not the next one
        self.expected: int | None = None  # the `seq` that was the next one then
        self.missing_seqs: tuple[range, ...] = ()  # runs of `seq` that were missed
        self.replay_started_at = NEVER  # arrival of the first in a run of duplicates that counts upwards
        self.replay_last_at = NEVER  # and of the last of them
        self.replay_seq = 0  # and its `seq`
        self.replay_ts: float | None = None  # and its `ts`
        self.uptime = -1.0
        self.rebooted = NEVER  # arrival of the newest heartbeat that showed a reboot
        self.boot: float | None = None  # arrival minus uptime, of the last heartbeat on time
        self.ts: float | None = None
        self.offsets: array[float] = no_offsets()
        self.offset_index = 0
        self.clock_offset = float("inf")  # infinite: none yet
        self.late_since = NEVER  # arrival of the first in a run of evenly late heartbeats
        self.late_proof = NEVER  # the proof on time before the last of them
        self.late_offset = float("inf")  # and how far its clock was from the steady one
        self.late_ts = NEVER  # what the last of them said it was
        # how many messages it may send, for whoever takes them: see `receiving`
        self.budget = 0  # what `heartbeats` may reach
        self.budget_until = NEVER  # before this instant
        self.late_proved_more = False  # whether the newest late heartbeat told more than what was known
        self.late_sent_ms = NEVER  # when the newest was sent that did, monotonic milliseconds
        self.undecided_until = NEVER  # until then it may be the clock that is wrong: nothing is filled
        self.doubted_until = NEVER  # its clock stood still, or moved by itself (rule L8)

    def _reset_counters(self) -> None:
        """Begin counts and accounts."""
        self.heartbeats = 0
        self.outages = 0
        self.outage_open = False
        self.down_until: Instant | None = (
            None  # when blindness hid an open outage (S7), or an absence ended it (V6)
        )
        self.reboots = 0
        self.flapping: Flapping | None = None
        self.status_time = StatusTime()
        self.accounted_until_ms: int | None = None  # monotonic; everything before it is accounted
        self.not_up: list[Interval] = []  # the last time that was not up, monotonic milliseconds
        self.gap_proofs: list[float] = []  # the last proof before each of it, and the first after
        self.backfill: Run | None = None  # from where, and up to which late heartbeat, it was up (rule E4)
        self.backfills_emitted: list[Run] = []  # the same of earlier ones, to tell none of them again
        self.late_arrivals: Interval | None = (
            None  # when late heartbeats came since the last proof on time, the last run
        )
        # Both, as they were at that proof, if a late heartbeat came since.
        self.backfill_at_proof: tuple[Run | None, tuple[Run, ...]] | None = None
        self.persisted = EMPTY  # what the store has of it: the counters that are exported

    def configure(self, liveness: Liveness, thresholds: Thresholds) -> None:
        """Set deadlines and thresholds; the flat copies are what every heartbeat reads."""
        self.interval_s = liveness.interval_s
        self.down_s = liveness.down_s
        self.suspect_s = liveness.suspect_s
        self.will_grace_s = liveness.grace_s
        self.thresholds = thresholds
        self.fps_min = thresholds.fps_min
        self.storage_max = thresholds.storage_used_max_ratio
        self.temperature_min = thresholds.temperature_min_celsius
        self.temperature_max = thresholds.temperature_max_celsius
        self.offset_max_s = thresholds.clock_offset_max_s

    @property
    def one_visible_link(self) -> bool:
        """Whether it does not matter which link brings a heartbeat, nor how long that waited (S13, E3)."""
        return len(self.link_group.links) < 2 and self.link_group.blind_since is None

    def status_at(self, now: Instant) -> Status:
        """Return what the camera is now: maintenance covers what its life signs say (rules V3, V4)."""
        if self.windows and self.underlying_status in _COVERED and contains(self.windows, now.utc_ms):
            return Status.MAINTENANCE
        return self.underlying_status


_COVERED = (Status.UP, Status.DOWN, Status.UNKNOWN)
