"""Bars of days and of hours: honest about what was not seen, and readable without colour."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from camwatch.core.model import Status
from camwatch.core.status_time import StatusTime
from camwatch.i18n import Language
from camwatch.web.pages.uptime_bars import daily_bars, status_bar
from camwatch.web.views.history import StatusIntervalView

EN = Language("en", ZoneInfo("Europe/Paris"))
DAY = 86_400_000
FIRST = date(2026, 11, 1)
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def kinds(*accounts: StatusTime) -> dict[str, str]:
    """Return what is drawn, by kind."""
    return dict(daily_bars(EN, accounts, FIRST).paths)


def test_a_day_that_was_up_is_a_whole_bar() -> None:
    assert kinds(StatusTime(up=DAY)) == {"up": "M0 12H8"}


def test_a_day_that_was_not_seen_is_hatched_and_never_green_or_red() -> None:
    assert set(kinds(StatusTime(unknown=DAY))) == {"unknown"}


def test_the_worse_a_day_was_the_higher_its_red() -> None:
    ups = (9950, 9600, 8500, 100)
    drawn = [kinds(StatusTime(up=up, down=10_000 - up))["down"] for up in ups]
    assert drawn == [f"M0 24v-{height}h8v{height}z" for height in (6, 12, 18, 24)]


def test_a_day_that_was_partly_unknown_says_so_beside_its_availability() -> None:
    found = daily_bars(EN, [StatusTime(up=DAY // 2, unknown=DAY // 2)], FIRST)
    assert set(dict(found.paths)) == {"up", "partly"}
    assert found.text == "Always up while visible. 1 day with unknown time."


def test_little_unknown_time_is_told_and_a_quarter_of_an_hour_is_drawn() -> None:
    minute = DAY // 1440
    little, more = (
        StatusTime(up=DAY - minute, unknown=minute),
        StatusTime(up=DAY - 15 * minute, unknown=15 * minute),
    )
    assert daily_bars(EN, [little], FIRST).values == "100.00% (unknown 1 min)"
    assert (set(kinds(little)), set(kinds(more))) == ({"up"}, {"up", "partly"})


def test_maintenance_and_no_service_have_forms_of_their_own() -> None:
    assert set(kinds(StatusTime(maintenance=DAY), StatusTime())) == {"maintenance", "not_in_service"}


def test_the_text_alternative_names_the_days_with_outages() -> None:
    accounts = [StatusTime(up=DAY), StatusTime(up=DAY * 3 // 4, down=DAY // 4)]
    assert daily_bars(EN, accounts, FIRST).text == "Below 100%: 2 Nov 75.00%."
    assert daily_bars(EN, accounts, FIRST).values == "100.00%|75.00% (down 6 h 00 min)"


def test_a_camera_that_was_never_visible_has_a_text_alternative() -> None:
    assert daily_bars(EN, [StatusTime()], FIRST).text == "Never visible."


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
    drawn = status_bar(EN, found, NOW)
    assert drawn.intervals[-1] == ("down", "1080.0", "3.0")  # on top
    assert drawn.text == "Last 24 hours: up 23 h 59 min, down 20 s."
    assert drawn.labels == ("13:00", "19:00", "01:00", "07:00", "13:00")
