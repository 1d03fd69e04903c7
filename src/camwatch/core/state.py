"""The state of each camera, link and link group in this process. Only the core changes it.

A camera's state is a flat record, because every heartbeat goes through it; figures are derived from it.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, field
from typing import NamedTuple

from camwatch.core.checkpoint_model import EMPTY, CameraCheckpoint
from camwatch.core.conditions import Flapping, Reason
from camwatch.core.incidents import IncidentGroup
from camwatch.core.model import NEVER, Camera, Cause, GapCause, Instant, Liveness, Status, Thresholds
from camwatch.core.status_time import Interval, StatusTime, contains

GAP_BOUNDS_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 7.5, 10.0, 12.5, 15.0, 20.0, 30.0, 45.0, 60.0, 120.0, 300.0)
"""Upper bounds of the histogram of gaps between heartbeats, seconds."""

OFFSET_WINDOW = 32
"""Number of heartbeats over which the smallest clock offset is taken (rule L7)."""

_COVERED = (Status.UP, Status.DOWN, Status.UNKNOWN)
_NO_OFFSETS = array("d", [math.inf] * OFFSET_WINDOW)


def no_offsets() -> array[float]:
    """Return an empty ring of clock offsets."""
    return _NO_OFFSETS[:]


class Run(NamedTuple):
    """A run of late heartbeats that prove up time; monotonic milliseconds."""

    start: int  # up from here, probably
    end: int  # the last heartbeat
    certain_from: int  # up from here, certainly
    closed: bool = False  # a heartbeat on time ended it: it does not grow at its end
    emitted: bool = False  # all of it is among the events


@dataclass(slots=True)
class GapHistogram:
    """Histogram of the gaps between the proofs of an operator's cameras; the last count is +Inf."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(GAP_BOUNDS_S) + 1))
    total_s: float = 0.0


@dataclass(slots=True, eq=False)
class LinkState:
    """One session with a broker. Times are monotonic seconds, lags are seconds."""

    name: str
    operators: frozenset[str]  # empty: all
    up: bool = False  # connected and subscribed
    delivered_until: float = NEVER  # everything sent before has arrived (rules S10, S11)
    last_packet_at: Instant | None = None
    groups: list[LinkGroup] = field(default_factory=list)
    catching_up: bool = False  # subscribed, but the broker's backlog has not all arrived (rule S11)
    lagging: bool = False  # the lag is longer than its cameras may be silent (rule S11)
    lag: float = 0.0  # how much later than sent its messages arrive
    canary_lag: float = 0.0  # the same by its canary, 0 if that was on time (rule S12)
    seen_until: float = NEVER  # messages sent since are under way; NEVER: it does not lag
    late: dict[int, tuple[float, float]] = field(default_factory=dict)  # by camera: (arrival, lateness)
    newest_late: float = NEVER  # arrival of the newest late heartbeat
    doubted: bool = False  # a decision waits for a packet that shows the link up to date (rule S10)
    copies: dict[int, float] = field(default_factory=dict)  # by camera: arrival of a copy on time (S13)
    sent_late: float = NEVER  # sending time of the newest late heartbeat in the present packets
    clock_offset: float = NEVER  # while lagging: the lag by the monotonic clock, ...
    clock_offset_since: float = NEVER  # ... and since when it is constant
    in_time_at: float = NEVER  # when more of its cameras were last on time than late
    next_check_at: float = math.inf  # when the lag is measured next
    scheduled_lag: float = 0.0  # the longest lag by which deadlines of its cameras may be delayed

    @property
    def visible(self) -> bool:
        """Whether messages of its cameras arrive in time (rules S1, S11)."""
        return self.up and not self.catching_up and not self.lagging

    def covers(self, operator: str) -> bool:
        """Return whether the link carries an operator's cameras."""
        return not self.operators or operator in self.operators


@dataclass(slots=True, eq=False)
class LinkGroup:
    """The links that carry the same cameras: visible while one of them is (rule S1). Monotonic seconds."""

    links: tuple[LinkState, ...]
    blind_since: Instant | None  # None: visible
    delivered_until: float = NEVER  # the latest of its links
    cause: GapCause = GapCause.OFFLINE  # of the present monitoring gap, or the last
    resumed: bool = False  # an earlier process saw these cameras
    ever_visible: bool = False  # visible at least once in this process: cameras enter service then (S6)
    visible_since: float = NEVER  # when it last became visible
    lag: float = 0.0  # the longest of its visible links (rule S11)
    lagged_from: float = NEVER  # when the present lag, or the last one, began, ...
    lagged_to: float = NEVER  # ... when it was last measured, ...
    lagged_s: float = 0.0  # ... and its maximum
    operators: tuple[str, ...] = ()  # of its cameras, as of the last reload
    cameras: dict[int, CameraState] = field(default_factory=dict)


@dataclass(slots=True, eq=False, repr=False)
class CameraState:
    """Everything known of one camera. Times are monotonic seconds unless the name has another unit.

    `NEVER` and None mean "not yet". Deadlines and thresholds are flat copies, set by `configure`: every
    heartbeat reads them.
    """

    index: int  # unique in this process, never given twice
    camera: Camera  # its row in the inventory
    underlying_status: Status  # below maintenance
    since: Instant  # when `status` became true
    link_group: LinkGroup
    gaps: GapHistogram  # its operator's
    groups: tuple[IncidentGroup, ...] = ()
    windows: tuple[Interval, ...] = ()  # merged maintenance windows, UTC milliseconds

    # settings
    interval_s: float = field(init=False)
    down_s: float = field(init=False)  # silence after which it is down
    suspect_s: float = field(init=False)  # silence after which it is suspect
    will_grace_s: float = field(init=False)  # time to disprove a hint
    thresholds: Thresholds = field(init=False)
    fps_min: float = field(init=False)
    storage_max: float = field(init=False)
    temperature_min: float = field(init=False)
    temperature_max: float = field(init=False)
    offset_max_s: float = field(init=False)

    # status
    status: Status = field(init=False)  # as recorded last
    cause: Cause | None = None  # why it was declared down last
    inventory_changed_at: float = field(init=False)  # when the inventory last changed its row
    steady: bool = False  # up, visible, no hint, no open backfill: a heartbeat changes no status

    # proofs and deadlines
    proof: float = NEVER  # the newest proof
    proof_ms: int | None = None  # the same, UTC
    sent_late: float = NEVER  # equals `proof` if that heartbeat came late: then it is when it was sent
    override_for: float = NEVER  # the proof for which the two overrides hold
    due_override: float = NEVER  # when a heartbeat is due instead
    deadline_override: float = NEVER  # when the camera is down instead
    hint: Cause | None = None
    hint_at: float = NEVER  # arrival of the hint
    hint_until: float = NEVER  # when the hint makes the camera down
    returned_at: float = NEVER  # when it could send again (rule E2), ...
    return_arrived_at: float = NEVER  # ... when that message arrived, ...
    return_earliest: float = NEVER  # ... and when it was sent at the earliest
    hidden_from: float = NEVER  # it may have come back unseen since then ...
    hidden_to: float = NEVER  # ... until it became visible (rule E2)
    proof_link: LinkState | None = None  # the link of its newest proof
    proof_link_down_since: Instant | None = None  # that link is lost, while others are not (rule S13)
    next_check_at: float = math.inf  # when the state machine reviews it

    # boots and sequence numbers
    first_seq: int = 0  # the smallest `seq` of this boot
    next_seq: int | None = None  # the expected `seq`
    disordered: float = NEVER  # arrival of the newest heartbeat with an unexpected `seq` or uptime
    expected: int | None = None  # `next_seq` before that heartbeat
    missing_seqs: tuple[range, ...] = ()  # runs of missed `seq`
    replay_started_at: float = NEVER  # arrival of the first in a run of duplicates that counts up, ...
    replay_last_at: float = NEVER  # ... arrival of the last of them, ...
    replay_seq: int = 0  # ... its `seq` ...
    replay_ts: float | None = None  # ... and its `ts`
    uptime: float = -1.0  # the largest of this boot, seconds; negative: unknown
    rebooted: float = NEVER  # arrival of the newest heartbeat that showed a reboot
    boot: float | None = None  # arrival minus uptime, of the newest heartbeat on time

    # clock
    ts: float | None = None  # the newest `ts`
    offsets: array[float] = field(default_factory=no_offsets)  # arrival minus `ts`, a ring
    offset_index: int = 0  # the next slot of the ring
    clock_offset: float = math.inf  # the smallest of `offsets`; infinite: none yet
    late_since: float = NEVER  # arrival of the first in a run of equally late heartbeats, ...
    late_proof: float = NEVER  # ... the proof on time before the last of them, ...
    late_offset: float = math.inf  # ... the distance of its clock from the monotonic one ...
    late_ts: float = NEVER  # ... and its `ts`
    undecided_until: float = NEVER  # until then the clock may be wrong: backfills are held back
    doubted_until: float = NEVER  # until then the clock counts as broken (rule L8)

    # message budget, see `message_budget`
    budget: int = 0  # the value that `heartbeats` may reach ...
    budget_until: float = NEVER  # ... before this instant
    late_proved_more: bool = False  # whether the newest late heartbeat added to the record
    late_sent_ms: float = NEVER  # when the newest that did was sent, monotonic milliseconds

    # last values
    fps: float | None = None
    bitrate_bps: float | None = None
    temperature_celsius: float | None = None
    storage_used_ratio: float | None = None
    firmware: str | None = None
    reasons: int = 0  # bits of Reason; a plain int is fast to test
    reasons_ended: dict[Reason, float] = field(default_factory=dict)
    flapping: Flapping | None = None

    # counters and status time
    heartbeats: int = 0
    outages: int = 0
    reboots: int = 0
    outage_open: bool = False
    down_until: Instant | None = None  # when an open outage was last seen (S7) or the camera was removed (V6)
    status_time: StatusTime = field(default_factory=StatusTime)
    accounted_until_ms: int | None = None  # monotonic; status time is final before it. None: out of service
    persisted: CameraCheckpoint = EMPTY  # what the store has: the counters that are exported

    # late heartbeats, see `backfill`
    not_up: list[Interval] = field(default_factory=list)  # the newest unknown or down time, monotonic ms
    gap_proofs: list[float] = field(default_factory=list)  # the proofs at the edges of that time
    backfill: Run | None = None  # the run that may still grow
    backfills_emitted: list[Run] = field(default_factory=list)  # earlier runs, so that none is emitted twice
    # Both, as they were at the newest proof on time, if a late heartbeat came since.
    backfill_at_proof: tuple[Run | None, tuple[Run, ...]] | None = None
    late_arrivals: Interval | None = None  # arrivals of the newest run of late heartbeats, monotonic ms

    def __post_init__(self) -> None:
        self.status = self.underlying_status
        self.inventory_changed_at = self.since.mono
        self.configure(Liveness(), Thresholds())

    def configure(self, liveness: Liveness, thresholds: Thresholds) -> None:
        """Set deadlines and thresholds."""
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
        """Whether the link of a heartbeat, and its waiting time, cannot matter (rules S13, E3)."""
        return len(self.link_group.links) < 2 and self.link_group.blind_since is None

    def status_at(self, now: Instant) -> Status:
        """Return the status at an instant: maintenance covers the underlying one (rules V3, V4)."""
        if self.windows and self.underlying_status in _COVERED and contains(self.windows, now.utc_ms):
            return Status.MAINTENANCE
        return self.underlying_status
