"""What was refused: counted by reason, logged at a bounded rate, unregistered ids kept (rule V5)."""

from __future__ import annotations

from collections import OrderedDict

import structlog

from camwatch.errors import RejectReason

IDS_KEPT = 1000
LOG_EVERY_S = 60.0
LINES_PER_PERIOD = 60

_log = structlog.get_logger("rejections")


class Rejections:
    """Counts refused messages. Logs one line per camera a minute, and 60 lines a minute in all."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(RejectReason, 0)
        self.unregistered: OrderedDict[str, int] = OrderedDict()  # id → messages, latest last
        self._logged: OrderedDict[str, float] = OrderedDict()
        self._period_began = float("-inf")
        self._lines = 0
        self._withheld = 0

    def add(self, reason: RejectReason, who: str, now: float, **details: object) -> None:
        """Count a refused message from `who` (a camera's id, or a topic) at monotonic second `now`."""
        self.counts[reason] += 1
        if reason is RejectReason.UNREGISTERED:
            self.unregistered[who] = self.unregistered.pop(who, 0) + 1
            if len(self.unregistered) > IDS_KEPT:
                self.unregistered.popitem(last=False)
        if self._may_log(who, now):
            _log.warning("message rejected", reason=str(reason), camera=who, **details)

    def forget(self, registered: frozenset[str]) -> None:
        """Drop the ids that the inventory has come to know."""
        for camera in registered & self.unregistered.keys():
            del self.unregistered[camera]

    def _may_log(self, who: str, now: float) -> bool:
        if now - self._logged.get(who, float("-inf")) < LOG_EVERY_S:
            return False
        if now - self._period_began >= LOG_EVERY_S:
            if self._withheld:
                _log.warning("more messages were rejected than logged", withheld=self._withheld)
            self._period_began, self._lines, self._withheld = now, 0, 0
        if self._lines >= LINES_PER_PERIOD:
            self._withheld += 1
            return False
        self._lines += 1
        self._logged[who] = now
        self._logged.move_to_end(who)
        if len(self._logged) > IDS_KEPT:
            self._logged.popitem(last=False)
        return True
