"""Bars of days and of hours: honest about what was not seen, and readable without colour."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from camwatch.core.model import Status
from camwatch.core.status_time import StatusTime
from camwatch.web.pages.formatting import Language
from camwatch.web.pages.strips import hours, strip
from camwatch.web.views.history import StatusIntervalView

EN = Language("en", ZoneInfo("Europe/Paris"))
DAY = 86_400_000
FIRST = date(2026, 11, 1)
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def kinds(*accounts: StatusTime) -> dict[str, str]:
    """Return what is drawn, by kind."""
    return dict(strip(EN, accounts, FIRST).paths)


def test_a_day_that_was_up_is_a_whole_bar() -> None:
    assert kinds(StatusTime(up=DAY)) == {"up": "M0 0h8v24h-8z"}


def test_a_day_that_was_not_seen_is_hatched_and_never_green_or_red() -> None:
    assert set(kinds(StatusTime(unknown=DAY))) == {"unknown"}


def test_the_worse_a_day_was_the_higher_its_red() -> None:
    ups = (9995, 9950, 9600, 8500, 100)
    heights = [kinds(StatusTime(up=up, down=10_000 - up))["down"].split("v")[1] for up in ups]
    assert [int(height.split("h")[0]) for height in heights] == [3, 6, 10, 15, 24]


def test_a_day_that_was_partly_unknown_says_so_beside_its_availability() -> None:
    found = strip(EN, [StatusTime(up=DAY // 2, unknown=DAY // 2)], FIRST)
    assert set(dict(found.paths)) == {"up", "unknown"}
    assert found.text == "Always up while seen. 1 day partly unknown."


def test_little_unknown_time_is_told_and_a_quarter_of_an_hour_is_drawn() -> None:
    minute = DAY // 1440
    little, more = (
        StatusTime(up=DAY - minute, unknown=minute),
        StatusTime(up=DAY - 15 * minute, unknown=15 * minute),
    )
    assert strip(EN, [little], FIRST).values == "100.00% (unknown 1 min)"
    assert (set(kinds(little)), set(kinds(more))) == ({"up"}, {"up", "unknown"})


def test_maintenance_and_no_service_have_forms_of_their_own() -> None:
    assert set(kinds(StatusTime(maintenance=DAY), StatusTime())) == {"maintenance", "nothing"}


def test_a_strip_says_in_words_when_it_was_down() -> None:
    accounts = [StatusTime(up=DAY), StatusTime(up=DAY * 3 // 4, down=DAY // 4)]
    assert strip(EN, accounts, FIRST).text == "Below 100%: 2 Nov 75.00%."
    assert strip(EN, accounts, FIRST).values == "100.00%|75.00% (down 6 h 00 min)"


def test_a_strip_of_what_was_never_seen_says_that() -> None:
    assert strip(EN, [StatusTime()], FIRST).text == "Never seen."


def test_the_last_24_hours_show_even_a_short_outage() -> None:
    down = NOW - timedelta(hours=6)
    found = [
        StatusIntervalView(status=status, start=begin, end=end)
        for status, begin, end in (
            (Status.UP, NOW - timedelta(hours=30), down),
            (Status.DOWN, down, down + timedelta(seconds=20)),
            (Status.UP, down + timedelta(seconds=20), NOW),
        )
    ]
    drawn = hours(EN, found, NOW)
    assert drawn.stretches[-1] == ("down", "1080.0", "3.0")  # on top
    assert drawn.text == "In 24 hours: up 23 h 59 min, down 20 s."
    assert drawn.labels == ("13:00", "19:00", "01:00", "07:00", "13:00")
