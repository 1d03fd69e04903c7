"""The status time of a group of cameras over every rolling and calendar window (A4, A5).

All changes of the group are in one log, in order of time. A cursor is a position in it with the sums of all
time before it, so a window is the difference of two cursors. Cursors only move forward: a scrape costs as
much as has changed since the last one, whatever the number of cameras.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from camwatch.accounting.calendar import Calendar
from camwatch.accounting.records import OPEN_ENDED
from camwatch.accounting.timeline import StatusInterval, UncertainStatus
from camwatch.core.model import Status
from camwatch.core.status_time import Interval, StatusTime

TimelineStatus: TypeAlias = Status | UncertainStatus | None
"""The status of a camera, and whether it is uncertain; None: out of service."""

_HOUR_MS = 3_600_000
ROLLING: dict[str, int] = {
    "1h": _HOUR_MS,
    "24h": 24 * _HOUR_MS,
    "7d": 7 * 24 * _HOUR_MS,
    "30d": 30 * 24 * _HOUR_MS,
    "365d": 365 * 24 * _HOUR_MS,
}
"""Windows that end now: their length in milliseconds."""

CALENDAR: dict[str, Callable[[Calendar, int], Interval]] = {
    "day": Calendar.day,
    "week": Calendar.week,
    "month": Calendar.month,
    "year": Calendar.year,
}
"""Windows from the start of the local day, week, month or year until now."""

WINDOWS = (*ROLLING, *CALENDAR)
"""The names of all windows, as exported."""

# A change in the log is one integer: its instant, the old slot (three bits), the new slot (three bits).
_OUT, _UP, _DOWN, _UNKNOWN, _MAINTENANCE, _UNCERTAIN_UP, _UNCERTAIN_DOWN = range(7)
_SLOTS: dict[TimelineStatus, int] = {
    None: _OUT,
    Status.PLANNED: _OUT,
    Status.RETIRED: _OUT,
    Status.UP: _UP,
    Status.DOWN: _DOWN,
    Status.UNKNOWN: _UNKNOWN,
    Status.MAINTENANCE: _MAINTENANCE,
    UncertainStatus.UP: _UNCERTAIN_UP,
    UncertainStatus.DOWN: _UNCERTAIN_DOWN,
}
_PRUNE_AT = 4096


class _Cursor:
    """How many cameras had which status at an instant, and for how long until then.

    `moments` sums the instants since when: n cameras since a, b, … were up for n·t - (a + b + …) by t.
    """

    __slots__ = ("at", "counts", "index", "moments")

    def __init__(self) -> None:
        self.at = -OPEN_ENDED
        self.index = 0  # of the first change after `at`
        self.counts = [0] * 7
        self.moments = [0] * 7

    def copy(self) -> _Cursor:
        twin = _Cursor()
        twin.at, twin.index = self.at, self.index
        twin.counts, twin.moments = self.counts.copy(), self.moments.copy()
        return twin

    def take(self, change: int) -> None:
        """Apply a change not after this cursor's instant."""
        at, old, new = change >> 6, change >> 3 & 7, change & 7
        self.counts[old] -= 1
        self.moments[old] -= at
        self.counts[new] += 1
        self.moments[new] += at

    def move(self, at: int, log: array[int]) -> None:
        """Move forward to an instant."""
        end = bisect_right(log, at << 6 | 63, self.index)
        for index in range(self.index, end):
            self.take(log[index])
        self.at, self.index = at, end

    def spent(self, slot: int) -> int:
        """Return the milliseconds of all cameras together until this instant."""
        return self.counts[slot] * self.at - self.moments[slot]


class RollingWindow:
    """The status times of one group of cameras. Instants are UTC milliseconds.

    The windows end at `now_ms` at first; the last status in each of `timelines` lasts until a change.
    """

    def __init__(
        self, calendar: Calendar, now_ms: int, timelines: Iterable[Iterable[StatusInterval]] = ()
    ) -> None:
        self._calendar = calendar
        self._log = array("q", sorted(change for timeline in timelines for change in _changes(timeline)))
        starts = {name: now_ms - length for name, length in ROLLING.items()}
        self._ends: dict[str, int] = {}  # when the next local day, week, month or year begins
        for name, unit in CALENDAR.items():
            starts[name], self._ends[name] = unit(calendar, now_ms)
        self._tails: dict[str, _Cursor] = {}  # at the beginning of each window
        cursor = _Cursor()
        for name in sorted(starts, key=starts.__getitem__):
            cursor.move(starts[name], self._log)
            self._tails[name] = cursor.copy()
        cursor.move(now_ms, self._log)
        self._head = cursor  # now
        self._prune(1)

    def apply(self, at_ms: int, old: TimelineStatus, new: TimelineStatus) -> None:
        """Change a camera's status from an instant on, past or now."""
        if _SLOTS[old] == _SLOTS[new]:
            return
        change = _coded(at_ms, old, new)
        self._log.insert(bisect_right(self._log, change), change)
        for cursor in (self._head, *self._tails.values()):
            if at_ms <= cursor.at:
                cursor.take(change)
                cursor.index += 1

    def status_times(self, now_ms: int) -> dict[str, StatusTime]:
        """Return the status time of each window that ends now; now never decreases (rule T2)."""
        now = max(now_ms, self._head.at)
        for name, unit in CALENDAR.items():
            if now >= self._ends[name]:
                start, self._ends[name] = unit(self._calendar, now)
                # It began after the last call, so the way from there is short.
                self._tails[name] = self._head.copy()
                self._tails[name].move(start, self._log)
        for name, length in ROLLING.items():
            self._tails[name].move(now - length, self._log)
        self._head.move(now, self._log)
        self._prune(_PRUNE_AT)
        return {name: self._since(self._tails[name]) for name in WINDOWS}

    def _since(self, tail: _Cursor) -> StatusTime:
        spent = [self._head.spent(slot) - tail.spent(slot) for slot in range(7)]
        return StatusTime(
            spent[_UP] + spent[_UNCERTAIN_UP],
            spent[_DOWN] + spent[_UNCERTAIN_DOWN],
            spent[_UNKNOWN],
            spent[_MAINTENANCE],
            uncertain_up=spent[_UNCERTAIN_UP],
            uncertain_down=spent[_UNCERTAIN_DOWN],
        )

    def _prune(self, at_least: int) -> None:
        """Drop the changes before every cursor."""
        cursors = (self._head, *self._tails.values())
        passed = min(cursor.index for cursor in cursors)
        if passed >= at_least:
            del self._log[:passed]
            for cursor in cursors:
                cursor.index -= passed


def _coded(at_ms: int, old: TimelineStatus, new: TimelineStatus) -> int:
    return at_ms << 6 | _SLOTS[old] << 3 | _SLOTS[new]


def _changes(timeline: Iterable[StatusInterval]) -> Iterator[int]:
    """Yield the changes that make these intervals, coded."""
    end = -OPEN_ENDED
    status: TimelineStatus = None
    for stretch in timeline:
        if status is not None and end < stretch.start:
            yield _coded(end, status, None)
            status = None
        yield _coded(stretch.start, status, stretch.timeline_status)
        end, status = stretch.end, stretch.timeline_status
    if status is not None and end < OPEN_ENDED:
        yield _coded(end, status, None)
