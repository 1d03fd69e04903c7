"""Rejected messages and dropped fields: counted by reason and by camera, logged at a limited rate.

Ids of unregistered cameras are kept (rule V5). Rejections of a camera are counted across restarts, even while
it is not in the inventory: memory is bounded by the cameras that ever were in it.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import structlog

from camwatch.core.model import Instant
from camwatch.errors import RejectReason
from camwatch.wire.heartbeat import Heartbeat

IDS_KEPT = 1000
LOG_EVERY_S = 60.0
LINES_PER_PERIOD = 60
SOURCE = "camwatch"
"""The `source` label: the only message format that cameras speak."""

_OF_NO_CAMERA = frozenset({RejectReason.UNREGISTERED, RejectReason.UNKNOWN_TOPIC})

_log = structlog.get_logger("rejections")


@dataclass(slots=True)
class RejectionCount:
    """A count and the time of its last increment (UTC milliseconds; 0: none since the start).

    `stored` is the count in the store, which is exported because a crash does not lose it.
    """

    count: int = 0
    last_ms: int = 0
    stored: int = 0

    def add(self, now: Instant) -> None:
        """Count one at `now`."""
        self.count += 1
        self.last_ms = now.utc_ms


class RejectedMessages(NamedTuple):
    """The messages of a camera rejected for one reason since it was first monitored."""

    camera: str
    operator: str
    reason: str
    messages: int


_Tallies: TypeAlias = defaultdict[str, RejectionCount]  # by reason, or by field


class Rejections:
    """Counts rejected messages and dropped fields, those of cameras across restarts.

    Logs at most one line a minute for each camera and reason, and 60 lines a minute in all.
    """

    def __init__(self) -> None:
        self.counts = dict.fromkeys(RejectReason, 0)
        self.unregistered: OrderedDict[str, int] = OrderedDict()  # id → messages, latest last
        self.refused: defaultdict[str, _Tallies] = _tallies()  # by camera and reason
        self._parted: defaultdict[tuple[str, str], _Tallies] = defaultdict(
            lambda: defaultdict(RejectionCount)
        )
        self._owners: Mapping[str, str] = {}  # the operator of each camera in the inventory
        self.fields = dict.fromkeys(Heartbeat.__struct_fields__, 0)  # how often each was dropped
        self.dropped: defaultdict[str, _Tallies] = _tallies()  # by camera and field
        self._logged: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._period_began = float("-inf")
        self._lines = 0
        self._withheld = 0

    def record(self, reason: RejectReason, who: str, now: Instant, **details: object) -> None:
        """Count a rejected message from `who`, a camera's id or a topic."""
        self.counts[reason] += 1
        if reason not in _OF_NO_CAMERA:
            self.refused[who][reason].add(now)
        elif reason is RejectReason.UNREGISTERED:
            self.unregistered[who] = self.unregistered.pop(who, 0) + 1
            if len(self.unregistered) > IDS_KEPT:
                self.unregistered.popitem(last=False)
        if self._may_log(who, reason, now.mono):
            _log.warning("message rejected", reason=str(reason), camera=who, **details)

    def record_dropped_field(self, camera: str, fields: Iterable[str], now: Instant) -> None:
        """Count the unusable fields of a heartbeat (rule C4)."""
        tallies = self.dropped[camera]
        for field in fields:
            self.fields[field] += 1
            tallies[field].add(now)
            if self._may_log(camera, field, now.mono):
                _log.warning("field dropped", camera=camera, field=field)

    def resume(self, past: Iterable[RejectedMessages]) -> None:
        """Restore the counts of an earlier process; call it before the first `adopt`."""
        for each in past:
            self._parted[each.camera, each.operator][each.reason] = RejectionCount(
                each.messages, stored=each.messages
            )

    def adopt(self, owners: Mapping[str, str]) -> None:
        """Set the operator of each camera in the inventory; with another operator it is another camera."""
        for camera in owners.keys() & self.unregistered.keys():
            del self.unregistered[camera]
        for camera, operator in self._owners.items() - owners.items():
            self.dropped.pop(camera, None)
            if camera in self.refused:
                self._parted[camera, operator] = self.refused.pop(camera)
        for camera, operator in self._parted.keys() & owners.items():
            self.refused[camera] = self._parted.pop((camera, operator))
        self._owners = owners

    def news(self, cameras: Iterable[str]) -> Iterator[RejectedMessages]:
        """Yield the counts of these cameras that differ from the store."""
        for camera in cameras:
            for reason, tally in self.refused.get(camera, {}).items():
                if tally.count != tally.stored:
                    yield RejectedMessages(camera, self._owners[camera], str(reason), tally.count)

    def stored(self, counts: Iterable[RejectedMessages]) -> None:
        """Mark these counts as stored."""
        for camera, operator, reason, messages in counts:
            mine = self._owners.get(camera) == operator
            (self.refused[camera] if mine else self._parted[camera, operator])[reason].stored = messages

    def all_stored(self) -> Iterator[RejectedMessages]:
        """Yield every count as it is in the store."""
        mine = ((camera, self._owners[camera], tallies) for camera, tallies in self.refused.items())
        parted = ((*who, tallies) for who, tallies in self._parted.items())
        for camera, operator, tallies in (*mine, *parted):
            for reason, tally in tallies.items():
                if tally.stored:
                    yield RejectedMessages(camera, operator, str(reason), tally.stored)

    def _may_log(self, who: str, what: str, now: float) -> bool:
        key = (who, what)
        if now - self._logged.get(key, float("-inf")) < LOG_EVERY_S:
            return False
        if now - self._period_began >= LOG_EVERY_S:
            if self._withheld:
                _log.warning("rejection log rate-limited", withheld=self._withheld)
            self._period_began, self._lines, self._withheld = now, 0, 0
        if self._lines >= LINES_PER_PERIOD:
            self._withheld += 1
            return False
        self._lines += 1
        self._logged[key] = now
        self._logged.move_to_end(key)
        if len(self._logged) > IDS_KEPT:
            self._logged.popitem(last=False)
        return True


def _tallies() -> defaultdict[str, _Tallies]:
    return defaultdict(lambda: defaultdict(RejectionCount))
