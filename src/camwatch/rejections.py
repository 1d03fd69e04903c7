"""What was refused, and fields of no use: counted by reason and by camera, logged at a bounded rate.

Unregistered ids are kept (rule V5). What is kept of cameras is bounded by the inventory.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import structlog

from camwatch.core.model import Instant
from camwatch.errors import RejectReason
from camwatch.wire.heartbeat import Heartbeat

IDS_KEPT = 1000
LOG_EVERY_S = 60.0
LINES_PER_PERIOD = 60
SOURCE = "camwatch"
"""The one format that cameras speak: the `source` label of what is counted by it."""

_OF_NO_CAMERA = frozenset({RejectReason.UNREGISTERED, RejectReason.UNKNOWN_TOPIC})

_log = structlog.get_logger("rejections")


@dataclass(slots=True)
class Tally:
    """How often something happened, and when last (UTC milliseconds)."""

    count: int = 0
    last_ms: int = 0

    def add(self, now: Instant) -> None:
        """Count once more."""
        self.count += 1
        self.last_ms = now.utc_ms


class Rejections:
    """Counts refused messages and dropped fields since the start.

    Logs one line a minute per camera and reason, and 60 lines a minute in all.
    """

    def __init__(self) -> None:
        self.counts = dict.fromkeys(RejectReason, 0)
        self.unregistered: OrderedDict[str, int] = OrderedDict()  # id → messages, latest last
        self.refused: defaultdict[str, defaultdict[str, Tally]] = _tallies()  # by camera and reason
        self.fields = dict.fromkeys(Heartbeat.__struct_fields__, 0)  # how often each was dropped
        self.dropped: defaultdict[str, defaultdict[str, Tally]] = _tallies()  # by camera and field
        self._logged: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._period_began = float("-inf")
        self._lines = 0
        self._withheld = 0

    def add(self, reason: RejectReason, who: str, now: Instant, **details: object) -> None:
        """Count a refused message from `who` (a camera's id, or a topic)."""
        self.counts[reason] += 1
        if reason not in _OF_NO_CAMERA:
            self.refused[who][reason].add(now)
        elif reason is RejectReason.UNREGISTERED:
            self.unregistered[who] = self.unregistered.pop(who, 0) + 1
            if len(self.unregistered) > IDS_KEPT:
                self.unregistered.popitem(last=False)
        if self._may_log(who, reason, now.mono):
            _log.warning("message rejected", reason=str(reason), camera=who, **details)

    def drop(self, camera: str, fields: Iterable[str], now: Instant) -> None:
        """Count fields of a heartbeat that could not be used (rule C4)."""
        tallies = self.dropped[camera]
        for field in fields:
            self.fields[field] += 1
            tallies[field].add(now)
            if self._may_log(camera, field, now.mono):
                _log.warning("field dropped", camera=camera, field=field)

    def forget(self, registered: frozenset[str]) -> None:
        """Drop the ids that the inventory has come to know, and the cameras that it knows no more."""
        for camera in registered & self.unregistered.keys():
            del self.unregistered[camera]
        for kept in (self.refused, self.dropped):
            for camera in kept.keys() - registered:
                del kept[camera]

    def _may_log(self, who: str, what: str, now: float) -> bool:
        key = (who, what)
        if now - self._logged.get(key, float("-inf")) < LOG_EVERY_S:
            return False
        if now - self._period_began >= LOG_EVERY_S:
            if self._withheld:
                _log.warning("more messages were rejected than logged", withheld=self._withheld)
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


def _tallies() -> defaultdict[str, defaultdict[str, Tally]]:
    return defaultdict(lambda: defaultdict(Tally))
