"""Instants in pages."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from camwatch.i18n import NO_VALUE, Language
from camwatch.web.pages import renderer

EN = Language("en", ZoneInfo("Europe/Paris"))
NOON = datetime(2026, 11, 25, 11, 0, tzinfo=UTC)
MORNING = datetime(2026, 11, 25, 8, 5, 9, tzinfo=UTC)
TITLE = 'datetime="2026-11-25T08:05:09Z" title="25 November 2026 09:05:09 – 2026-11-25 08:05:09 UTC"'


def test_an_instant_is_local_with_utc_as_its_tooltip() -> None:
    assert str(renderer._time(EN, NOON, MORNING)) == f"<time {TITLE}>09:05:09</time>"
    assert renderer._time(EN, NOON, None) == NO_VALUE


def test_an_age_is_marked_for_the_script_that_keeps_it_counting() -> None:
    assert str(renderer._age(EN, NOON, MORNING)) == f"<time {TITLE} data-ago>2 h 54 min</time>"
