"""Dates and times that people write, read strictly: one reader for tables, flags, forms and the API.

A `ValueError` from here is for people: it quotes what was written, and gives the expected form.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

VALID_YEARS: Final = range(1971, 2200)

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DATE_TIME = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d([.]\d{1,9})?)?(?P<offset>[Zz]|[+-]\d\d:?\d\d)?", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_day(text: str) -> date:
    """Return a day written like `2026-11-22`. Raises ValueError."""
    if not _DAY.fullmatch(text):
        raise _invalid(text, "a date", "like 2026-11-22")
    return _read(text).date()


def parse_month(text: str) -> date:
    """Return the first day of a month written like `2026-11`. Raises ValueError."""
    try:
        return parse_day(f"{text}-01")
    except ValueError:
        raise _invalid(text, "a month", "like 2026-11") from None


def parse_instant(text: str, zone: ZoneInfo | None) -> datetime:
    """Return an instant in ISO 8601, with its offset. Raises ValueError.

    A time without an offset is local to `zone`: one that comes twice in autumn is the first of the two,
    one that the spring change skips is refused. Without a `zone` the offset is required.
    """
    found = _DATE_TIME.fullmatch(text)
    if found is None or (zone is None and found["offset"] is None):
        raise _invalid(text, "a date-time", f"like 2026-11-22T08:00{'Z' if zone is None else ''}")
    when = _read(text.upper())
    if when.tzinfo is not None or zone is None:
        return when
    local = when.replace(tzinfo=zone)
    if local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != when:
        raise ValueError(
            f"{quoted(text)} does not exist in {zone}: the clocks skip it; write a time before or after"
        )
    return local


def parse_day_or_instant(text: str, zone: ZoneInfo) -> datetime:
    """Return an instant, or the first of a day in `zone`. Raises ValueError."""
    if _DATE_TIME.fullmatch(text):
        return parse_instant(text, zone)
    # In a zone whose clocks skip midnight, this is the instant at which they do.
    return datetime.combine(parse_day(text), datetime.min.time(), zone)


def utc_ms(when: datetime) -> int:
    """Return an aware date-time as UTC milliseconds, rounded down."""
    return (when - _EPOCH) // timedelta(milliseconds=1)


def _read(text: str) -> datetime:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{quoted(text)} is not in the calendar: check day, month and time") from None
    if when.year not in VALID_YEARS:
        years = f"{VALID_YEARS.start} to {VALID_YEARS.stop - 1}"
        raise ValueError(f"{quoted(text)} is out of range: write a year from {years}")
    return when


def quoted(text: str) -> str:
    """Return a text in quotes, cut where it is long."""
    return repr(text if len(text) <= 40 else text[:39] + "…")


def _invalid(text: str, noun: str, example: str) -> ValueError:
    return ValueError(
        f"{quoted(text)} is not {noun}: write {noun} {example}"
        if text
        else f"is empty: write {noun} {example}"
    )
