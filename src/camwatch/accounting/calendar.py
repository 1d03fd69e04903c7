"""Local days, weeks, months and years as intervals of UTC milliseconds (rule A5).

A day begins at the first instant whose local date is that day, whether its midnight occurs once, twice or
never. Days tile time: each ends where the next begins, after 23, 24 or 25 hours.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from camwatch.core.status_time import Interval

_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)


def last_of_month(day: date) -> date:
    """Return the last day of the month of a day."""
    return (day.replace(day=1) + 31 * _DAY).replace(day=1) - _DAY


class LocalDay(NamedTuple):
    """One local day: its date, and [starts, ends) in UTC milliseconds."""

    date: date
    start: int
    end: int


class Calendar:
    """The calendar of one time zone. Instants are UTC milliseconds since 1970."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone
        self._starts: dict[date, int] = {}
        self._last = LocalDay(date.min, 0, 0)

    def date_of(self, at_ms: int) -> date:
        """Return the local date of an instant."""
        return self._at(at_ms).date

    def day(self, at_ms: int) -> Interval:
        """Return the local day of an instant."""
        return Interval(*self._at(at_ms)[1:])

    def week(self, at_ms: int) -> Interval:
        """Return the local week of an instant, from Monday."""
        today = self.date_of(at_ms)
        return self.between(monday := today - today.weekday() * _DAY, monday + _WEEK)

    def month(self, at_ms: int) -> Interval:
        """Return the local month of an instant."""
        today = self.date_of(at_ms)
        return self.between(today.replace(day=1), last_of_month(today) + _DAY)

    def year(self, at_ms: int) -> Interval:
        """Return the local year of an instant."""
        first = self.date_of(at_ms).replace(month=1, day=1)
        return self.between(first, first.replace(year=first.year + 1))

    def between(self, first: date, after: date) -> Interval:
        """Return the time from the start of one local day to the start of another."""
        return Interval(self.start_of(first), self.start_of(after))

    def days(self, start_ms: int, end_ms: int) -> Iterator[LocalDay]:
        """Yield the local days, whole, that overlap [start_ms, end_ms).

        A day that the zone skipped (it moved across the date line) is missing.
        """
        while start_ms < end_ms:
            today = self._at(start_ms)
            yield today
            start_ms = today.end

    def start_of(self, day: date) -> int:
        """Return the first instant of a local day (or of the next one, if the zone skipped that day)."""
        start = self._starts.get(day)
        if start is None:
            start = self._starts[day] = self._first_instant(day)
        return start

    def _at(self, at_ms: int) -> LocalDay:
        if not self._last.start <= at_ms < self._last.end:
            day = datetime.fromtimestamp(at_ms // 1000, self.zone).date()
            # A clock set back across midnight shows the day before again: that time is the new day's.
            while at_ms >= self.start_of(day + _DAY):
                day += _DAY
            self._last = LocalDay(day, self.start_of(day), self.start_of(day + _DAY))
        return self._last

    def _first_instant(self, day: date) -> int:
        midnight = datetime.combine(day, time.min, self.zone)
        second = int(midnight.timestamp())
        if self._shown(second) != midnight.replace(tzinfo=None):
            # The clock skipped midnight: find where, between the two readings of it.
            early = int(midnight.replace(fold=1).timestamp())
            while early < second:
                middle = (early + second) // 2
                if self._shown(middle).date() < day:
                    early = middle + 1
                else:
                    second = middle
        return second * 1000

    def _shown(self, second: int) -> datetime:
        """Return the reading of a local clock."""
        return datetime.fromtimestamp(second, UTC).astimezone(self.zone).replace(tzinfo=None)
