"""How a language writes figures, durations and instants; and what forms send."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from camwatch.i18n import NO_VALUE, Language
from camwatch.web.pages.form_input import local_ms, offset_of
from camwatch.web.pages.renderer import preferred_language

PARIS = ZoneInfo("Europe/Paris")
FR, EN = Language("fr", PARIS), Language("en", PARIS)
NOON = datetime(2026, 11, 25, 11, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("accept", "lang"),
    [
        ("", "fr"),
        ("en", "en"),
        ("en-US,en;q=0.9", "en"),
        ("fr-FR,fr;q=0.9,en;q=0.8", "fr"),
        ("de,en;q=0.5", "en"),
        ("de,nl", "fr"),
        ("en;q=0.3, fr;q=0.7", "fr"),
        ("en;q=much", "fr"),
    ],
)
def test_a_browser_gets_the_language_that_it_wants_more(accept: str, lang: str) -> None:
    assert preferred_language(accept) == lang


def test_a_percentage_is_rounded_down_and_never_reads_100_too_soon() -> None:
    assert EN.percent(9_999_999, 10_000_000) == "99.99%"
    assert EN.percent(10, 10) == "100.00%"
    assert FR.percent(99_5, 100_0) == "99,50\u202f%"


def test_of_nothing_there_is_no_percentage() -> None:
    """A2."""
    assert FR.percent(0, 0) == NO_VALUE
    assert FR.ratio(None) == NO_VALUE


def test_a_ratio_without_an_exact_float_is_shown_as_written() -> None:
    assert EN.ratio(0.9999) == "99.99%"
    assert EN.ratio(0.57) == "57.00%"


@pytest.mark.parametrize(
    ("ms", "french", "english"),
    [
        (999, "0 s", "0 s"),
        (59_999, "59 s", "59 s"),
        (60_000, "1 min", "1 min"),
        (125_000, "2 min 05 s", "2 min 05 s"),
        (3_599_999, "59 min", "59 min"),
        (3_900_000, "1 h 05 min", "1 h 05 min"),
        (86_400_000, "1 j", "1 d"),
        (90_000_000, "1 j 1 h", "1 d 1 h"),
        (-5, "0 s", "0 s"),
    ],
)
def test_a_duration_has_its_two_greatest_units(ms: int, french: str, english: str) -> None:
    assert (FR.format_duration(ms), EN.format_duration(ms)) == (french, english)


def test_an_instant_of_another_day_tells_the_day() -> None:
    assert FR.format_relative_day(datetime(2026, 11, 24, 8, 5, tzinfo=UTC), NOON) == "hier 09:05"
    assert FR.format_relative_day(datetime(2026, 11, 2, 8, 5, tzinfo=UTC), NOON) == "2 nov. 09:05"
    assert FR.format_relative_day(datetime(2025, 1, 1, 8, 5, tzinfo=UTC), NOON) == "1er janvier 2025 09:05"


def test_a_plural_follows_the_language_with_nought_singular_in_french_only() -> None:
    found = "{n} camera found", "{n} cameras found"
    assert FR.ngettext(*found, 0) == "0 caméra trouvée"
    assert EN.ngettext(*found, 0) == "0 cameras found"
    assert FR.ngettext(*found, 1234) == "1\u202f234 caméras trouvées"


def test_a_promise_is_shown_with_all_of_its_digits() -> None:
    assert [FR.format_objective(each) for each in (None, 0.99, 0.99995)] == [
        NO_VALUE,
        "99,00\u202f%",
        "99,995\u202f%",
    ]


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-07-01T12:00", datetime(2026, 7, 1, 10, 0, tzinfo=UTC)),
        ("2026-11-25 18:00", datetime(2026, 11, 25, 17, 0, tzinfo=UTC)),
        ("2026-10-25T02:30", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # comes twice: the first
    ],
)
def test_a_local_time_from_a_form_is_an_instant(text: str, utc: datetime) -> None:
    assert local_ms(text, PARIS) == round(utc.timestamp() * 1000)


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-13-01T00:00", "2026-03-29T02:30", "9" * 30])
def test_what_is_no_time_is_none(text: str) -> None:
    assert local_ms(text, PARIS) is None


def test_a_month_and_a_day_have_french_names() -> None:
    assert FR.month(date(2026, 8, 1)) == "Août 2026"
    assert FR.short_day(date(2026, 2, 1)) == "1 févr."


def test_an_offset_that_is_none_is_the_beginning() -> None:
    from starlette.datastructures import QueryParams  # noqa: PLC0415 - only here

    assert [offset_of(QueryParams(offset=text)) for text in ("50", "", "-1", "x", "9" * 12)] == [
        50,
        0,
        0,
        0,
        0,
    ]
