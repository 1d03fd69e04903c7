"""The period of a report in local days, and how much of it the record covers (A5).

Days are those of the configured time zone: one may have 23 or 25 hours.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from camwatch.accounting.calendar import Calendar, last_of_month

FRESH_MS = 60_000
"""Maximum age of the watermark of a running daemon."""


class Completeness(StrEnum):
    """How much of the period the record covers."""

    COMPLETE = "complete"  # all of it
    PARTIAL = "partial"  # it is not over: the figures end at the watermark
    STALE = "stale"  # camwatch is not running: unknown since the watermark


@dataclass(frozen=True, slots=True)
class Period:
    """Whole local days, `first` to `last`, both included."""

    first: date
    last: date
    zone: ZoneInfo

    @property
    def start_ms(self) -> int:
        """The start of the first day, UTC milliseconds."""
        return Calendar(self.zone).start_of(self.first)

    @property
    def end_ms(self) -> int:
        """The end of the last day, UTC milliseconds."""
        return Calendar(self.zone).start_of(self.last + timedelta(days=1))

    @property
    def month(self) -> bool:
        """Whether it is exactly one calendar month."""
        return self == month_of(self.first, self.zone)

    def completeness(self, watermark_ms: int, now_ms: int) -> tuple[int, Completeness]:
        """Return the instant at which the figures of the period end, and why."""
        if self.end_ms <= watermark_ms:
            return self.end_ms, Completeness.COMPLETE
        if now_ms - watermark_ms <= FRESH_MS:
            return watermark_ms, Completeness.PARTIAL
        return min(self.end_ms, now_ms), Completeness.STALE


def local(ms: int, zone: ZoneInfo) -> datetime:
    """Return an instant in a time zone, to the second."""
    return datetime.fromtimestamp(ms // 1000, UTC).astimezone(zone)


def month_of(day: date, zone: ZoneInfo) -> Period:
    """Return the calendar month of a day."""
    return Period(day.replace(day=1), last_of_month(day), zone)


def last_month(now_ms: int, zone: ZoneInfo) -> Period:
    """Return the last complete calendar month."""
    return month_of(local(now_ms, zone).date().replace(day=1) - timedelta(days=1), zone)
