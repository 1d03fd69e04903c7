"""The accounts of a group of cameras over every window that is shown, kept up change by change (A4, A5).

All changes of the group lie in one log, in order of time. A cursor is a place in it and knows what all time
before it adds up to, so a window is the difference of two cursors. Cursors only move forward: a scrape
costs what has happened since the one before, however many cameras and changes there are.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from camwatch.accounting.calendar import Calendar
from camwatch.accounting.records import OPEN_ENDED
from camwatch.accounting.timeline import StatusInterval, Unsure
from camwatch.core.model import Status
from camwatch.core.status_time import Interval, StatusTime

What: TypeAlias = Status | Unsure | None
"""What a camera was; None: not in the ledger."""

_HOUR_MS = 3_600_000
ROLLING: dict[str, int] = {
    "1h": _HOUR_MS,
    "24h": 24 * _HOUR_MS,
    "7d": 7 * 24 * _HOUR_MS,
    "30d": 30 * 24 * _HOUR_MS,
    "365d": 365 * 24 * _HOUR_MS,
}
"""Windows that end now, and their length in milliseconds."""

CALENDAR: dict[str, Callable[[Calendar, int], Interval]] = {
    "day": Calendar.day,
    "week": Calendar.week,
    "month": Calendar.month,
    "year": Calendar.year,
}
"""Windows from the beginning of the local day, week, month or year until now."""

WINDOWS = (*ROLLING, *CALENDAR)
"""The names of all windows, as metrics show them."""

# A change in the log is one integer: its instant, what was (three bits), what is from then on (three bits).
_OUT, _UP, _DOWN, _UNKNOWN, _MAINTENANCE, _UNSURE_UP, _UNSURE_DOWN = range(7)
_SLOTS: dict[What, int] = {
    None: _OUT,
    Status.PLANNED: _OUT,
    Status.RETIRED: _OUT,
    Status.UP: _UP,
    Status.DOWN: _DOWN,
    Status.UNKNOWN: _UNKNOWN,
    Status.MAINTENANCE: _MAINTENANCE,
    Unsure.UP: _UNSURE_UP,
    Unsure.DOWN: _UNSURE_DOWN,
}
_PRUNE_AT = 4096


class _Cursor:
    """How many cameras were what at an instant, and for how long until then.

    `moments` sums up the instants since when: n cameras since a, b, … were up for n·t - (a + b + …) by t.
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
        """Take a change that was not after this cursor's instant."""
        at, old, new = change >> 6, change >> 3 & 7, change & 7
        self.counts[old] -= 1
        self.moments[old] -= at
        self.counts[new] += 1
        self.moments[new] += at

    def move(self, at: int, log: array[int]) -> None:
        """Go forward to an instant."""
        end = bisect_right(log, at << 6 | 63, self.index)
        for index in range(self.index, end):
            self.take(log[index])
        self.at, self.index = at, end

    def spent(self, slot: int) -> int:
        """Return the milliseconds until this instant of all cameras together."""
        return self.counts[slot] * self.at - self.moments[slot]


class RollingWindow:
    """The accounts of one group of cameras; `lives` holds the stretches of each, `now_ms` begins the count.

    Instants are UTC milliseconds. What a camera is now it stays until a change says otherwise.
    """

    def __init__(
        self, calendar: Calendar, now_ms: int, lives: Iterable[Iterable[StatusInterval]] = ()
    ) -> None:
        self._calendar = calendar
        self._log = array("q", sorted(change for life in lives for change in _changes(life)))
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

    def apply(self, at_ms: int, old: What, new: What) -> None:
        """Take that a camera was `new` and not `old` from an instant on, past or now; None: no ledger."""
        if _SLOTS[old] == _SLOTS[new]:
            return
        change = _coded(at_ms, old, new)
        self._log.insert(bisect_right(self._log, change), change)
        for cursor in (self._head, *self._tails.values()):
            if at_ms <= cursor.at:
                cursor.take(change)
                cursor.index += 1

    def status_times(self, now_ms: int) -> dict[str, StatusTime]:
        """Return the account of each window that ends now; time does not run backwards (rule T2)."""
        now = max(now_ms, self._head.at)
        for name, unit in CALENDAR.items():
            if now >= self._ends[name]:
                start, self._ends[name] = unit(self._calendar, now)
                # It began after the last look, so from there on it is a short way.
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
            spent[_UP] + spent[_UNSURE_UP],
            spent[_DOWN] + spent[_UNSURE_DOWN],
            spent[_UNKNOWN],
            spent[_MAINTENANCE],
            uncertain_up=spent[_UNSURE_UP],
            uncertain_down=spent[_UNSURE_DOWN],
        )

    def _prune(self, at_least: int) -> None:
        """Drop the changes that every window has left behind."""
        cursors = (self._head, *self._tails.values())
        passed = min(cursor.index for cursor in cursors)
        if passed >= at_least:
            del self._log[:passed]
            for cursor in cursors:
                cursor.index -= passed


def _coded(at_ms: int, old: What, new: What) -> int:
    return at_ms << 6 | _SLOTS[old] << 3 | _SLOTS[new]


def _changes(life: Iterable[StatusInterval]) -> Iterator[int]:
    """Yield the changes that make these stretches, coded."""
    end = -OPEN_ENDED
    status: What = None
    for stretch in life:
        if status is not None and end < stretch.start:
            yield _coded(end, status, None)
            status = None
        yield _coded(stretch.start, status, stretch.what)
        end, status = stretch.end, stretch.what
    if status is not None and end < OPEN_ENDED:
        yield _coded(end, status, None)
