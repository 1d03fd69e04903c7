"""The stretch of local days that a report is about, and how much of it the store can speak for (A5).

Days are those of the configured time zone, so one may have 23 or 25 hours. A period never reaches into
the future: its end is where its days end, or where the record does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from camwatch.accounting.calendar import Calendar, last_of_month

FRESH_MS = 60_000
"""A store that vouched for an instant at most this long ago belongs to a daemon that runs."""


class Completeness(StrEnum):
    """How the end of the period lies to what the store vouches for."""

    COMPLETE = "complete"  # the store vouches for all of it
    PARTIAL = "partial"  # it is not over: cut where the store's word ends
    STALE = "stale"  # camwatch does not run: unknown since the store's last word


@dataclass(frozen=True, slots=True)
class Period:
    """Whole local days, `first` to `last`, both included."""

    first: date
    last: date
    zone: ZoneInfo

    @property
    def start_ms(self) -> int:
        """When the first day begins, UTC milliseconds."""
        return Calendar(self.zone).start_of(self.first)

    @property
    def end_ms(self) -> int:
        """When the last day is over, UTC milliseconds."""
        return Calendar(self.zone).start_of(self.last + timedelta(days=1))

    @property
    def month(self) -> bool:
        """Tell whether it is exactly one calendar month."""
        return self == month_of(self.first, self.zone)

    def completeness(self, watermark_ms: int, now_ms: int) -> tuple[int, Completeness]:
        """Return where the accounts of the period end, and why there."""
        if self.end_ms <= watermark_ms:
            return self.end_ms, Completeness.COMPLETE
        if now_ms - watermark_ms <= FRESH_MS:
            return watermark_ms, Completeness.PARTIAL
        return min(self.end_ms, now_ms), Completeness.STALE


def local(ms: int, zone: ZoneInfo) -> datetime:
    """Return an instant as the clocks of the zone show it."""
    return datetime.fromtimestamp(ms // 1000, UTC).astimezone(zone)


def month_of(day: date, zone: ZoneInfo) -> Period:
    """Return the calendar month that holds a day."""
    return Period(day.replace(day=1), last_of_month(day), zone)


def last_month(now_ms: int, zone: ZoneInfo) -> Period:
    """Return the last calendar month that is over."""
    return month_of(local(now_ms, zone).date().replace(day=1) - timedelta(days=1), zone)
