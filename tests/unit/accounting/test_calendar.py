"""Local days, weeks, months and years, in zones that make it hard (rule A5)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camwatch.accounting.calendar import Calendar
from camwatch.core.status_time import Interval

HOUR = 3_600_000
PARIS = Calendar(ZoneInfo("Europe/Paris"))
ZONES = (
    "Europe/Paris",
    "UTC",
    "America/Santiago",  # midnight does not exist on the day of the change
    "Asia/Beirut",
    "America/Havana",  # midnight comes twice
    "America/St_Johns",  # set back at 00:01, so that the day before shows again
    "America/Toronto",  # in 1919 set ahead from 23:30, so that a day began at 00:30
    "Pacific/Apia",  # skipped a day
    "Australia/Lord_Howe",  # half an hour
    "Africa/Casablanca",
)
_UNITS = (Calendar.day, Calendar.week, Calendar.month, Calendar.year)
_CALENDARS = st.sampled_from([Calendar(ZoneInfo(name)) for name in ZONES])
_FROM, _TO = (round(datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1000) for year in (1915, 2060))
_HARD = [  # changes of clocks, UTC
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2026, 9, 6, 4, tzinfo=UTC),
    datetime(2026, 3, 28, 22, tzinfo=UTC),
    datetime(2026, 11, 1, 5, tzinfo=UTC),
    datetime(1990, 10, 28, 2, 31, tzinfo=UTC),
    datetime(1919, 3, 31, 4, 30, tzinfo=UTC),
    datetime(2011, 12, 30, 10, tzinfo=UTC),
]
_INSTANTS = st.one_of(
    st.integers(_FROM, _TO),
    st.builds(
        lambda change, off: round(change.timestamp() * 1000) + off,
        st.sampled_from(_HARD),
        st.integers(-26 * HOUR, 26 * HOUR),
    ),
)


def utc(*when: int) -> int:
    """Return UTC milliseconds."""
    return (
        round(datetime.fromisoformat("{:04}-{:02}-{:02}T{:02}:{:02}Z".format(*when, 0, 0)).timestamp()) * 1000
    )


def hours(span: Interval) -> float:
    """Return how long a span is."""
    return (span.end - span.start) / HOUR


@given(_CALENDARS, _INSTANTS)
def test_days_weeks_months_and_years_tile_the_time_line(calendar: Calendar, instant: int) -> None:
    """A5: no gap, no overlap, whatever the clocks did."""
    for unit in _UNITS:
        span = unit(calendar, instant)
        assert span.start <= instant < span.end
        assert unit(calendar, span.start) == unit(calendar, span.end - 1) == span
        assert unit(calendar, span.end).start == span.end
        assert unit(calendar, span.start - 1).end == span.start


@given(_CALENDARS, _INSTANTS)
def test_a_day_begins_at_the_first_instant_that_shows_its_date(calendar: Calendar, instant: int) -> None:
    """A5: as a clock on the wall shows it, minute after minute."""

    def shown(at_ms: int) -> date:
        return datetime.fromtimestamp(at_ms // 1000, calendar.zone).date()

    today, span = calendar.date_of(instant), calendar.day(instant)
    assert shown(span.start) == today
    assert shown(span.start - 1) < today
    assert all(shown(at) < today for at in range(span.start - 3 * HOUR, span.start, 60_000))
    assert all(shown(at) <= today for at in range(span.start, span.end, HOUR // 2))


@given(_CALENDARS, _INSTANTS)
def test_months_and_years_begin_with_their_first_day_and_weeks_on_monday(
    calendar: Calendar, instant: int
) -> None:
    """A5."""
    today = calendar.date_of(instant)
    firsts = (today - timedelta(today.weekday()), today.replace(day=1), today.replace(month=1, day=1))
    for unit, first in zip(_UNITS[1:], firsts, strict=True):
        span = unit(calendar, instant)
        assert span.start == calendar.start_of(first)
        assert calendar.date_of(span.start) >= first
        assert calendar.date_of(span.start - 1) < first


@given(_CALENDARS, _INSTANTS, st.integers(0, 40 * 24 * HOUR))
def test_the_days_of_a_stretch_cover_it_one_after_the_other(
    calendar: Calendar, start: int, length: int
) -> None:
    """A5."""
    days = list(calendar.days(start, start + length))
    assert [(day.start, day.end) for day in days] == [calendar.day(day.start) for day in days]
    assert [day.date for day in days] == [calendar.date_of(day.end - 1) for day in days]
    assert [day.end for day in days[:-1]] == [day.start for day in days[1:]]
    if length:
        assert (days[0], days[-1].end) == ((days[0].date, *calendar.day(start)), days[-1].end)
        assert days[-1].start < start + length <= days[-1].end
    else:
        assert days == []


@pytest.mark.parametrize(
    ("zone", "instant", "starts", "long"),
    [
        ("Europe/Paris", (2026, 3, 29, 12), (2026, 3, 28, 23), 23),
        ("Europe/Paris", (2026, 10, 25, 12), (2026, 10, 24, 22), 25),
        ("Europe/Paris", (2026, 7, 1, 12), (2026, 6, 30, 22), 24),
        ("America/Santiago", (2026, 9, 6, 12), (2026, 9, 6, 4), 23),  # from 01:00
        ("America/Santiago", (2026, 4, 4, 12), (2026, 4, 4, 3), 25),  # 23:00 came twice
        ("Asia/Beirut", (2026, 3, 29, 12), (2026, 3, 28, 22), 23),
        ("America/Havana", (2026, 11, 1, 12), (2026, 11, 1, 4), 25),  # from the first midnight
        ("America/St_Johns", (1990, 10, 28, 3), (1990, 10, 28, 2, 30), 25),
        ("America/Toronto", (1919, 3, 31, 12), (1919, 3, 31, 4, 30), 23.5),
        ("Pacific/Apia", (2011, 12, 30, 12), (2011, 12, 30, 10), 24),
        ("Australia/Lord_Howe", (2026, 4, 5, 1), (2026, 4, 4, 13), 24.5),
    ],
)
def test_a_day_is_as_long_as_the_zone_makes_it(
    zone: str, instant: tuple[int, ...], starts: tuple[int, ...], long: float
) -> None:
    """A5: both changes of summer time, with and without a midnight."""
    span = Calendar(ZoneInfo(zone)).day(utc(*instant))
    assert (span.start, hours(span)) == (utc(*starts), long)


def test_the_week_of_a_change_is_an_hour_shorter_or_longer() -> None:
    """A5."""
    assert [hours(PARIS.week(utc(2026, *day))) for day in ((3, 26), (10, 25), (7, 1))] == [167, 169, 168]


def test_months_and_years_are_those_of_the_zone() -> None:
    """A5: half past eleven in the evening in UTC is the next year in Paris."""
    assert PARIS.month(utc(2026, 12, 31, 23, 30)) == (utc(2026, 12, 31, 23), utc(2027, 1, 31, 23))
    assert PARIS.year(utc(2026, 12, 31, 23, 30)) == (utc(2026, 12, 31, 23), utc(2027, 12, 31, 23))
    assert hours(PARIS.year(utc(2028, 2, 29))) == 366 * 24


def test_a_day_that_a_zone_skipped_is_not_there() -> None:
    """A5: Samoa went from 29 to 31 December 2011."""
    samoa = Calendar(ZoneInfo("Pacific/Apia"))
    days = [day.date.day for day in samoa.days(utc(2011, 12, 29), utc(2012, 1, 1))]
    assert days == [28, 29, 31, 1]
    assert hours(samoa.between(date(2011, 12, 30), date(2011, 12, 31))) == 0
    assert hours(samoa.month(utc(2011, 12, 1))) == 30 * 24
