"""Each format for itself: what a terminal, a spreadsheet, a program and a browser need of it."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from dataclasses import replace

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from camwatch.accounting.records import AttributedCause, Attribution
from camwatch.cli import app
from camwatch.core.model import Purpose
from camwatch.core.status_time import StatusTime
from camwatch.i18n import Language
from camwatch.reports import uptime_bars
from camwatch.reports.figures import FIGURES, Figures
from camwatch.reports.model import GroupRow, Report
from camwatch.reports.period import Period
from camwatch.reports.renderers import csv_table, html_page, json_document, text_table
from tests.support.examples import examples
from tests.support.paths import ROOT
from tests.support.reports.parsing import Page, rows_of_csv
from tests.support.reports.record_builders import (
    DAY,
    OCTOBER,
    PARIS,
    H,
    fleet,
    month,
    painter,
    record_of,
    report_of,
    utc,
)

CITY = fleet()
OBJECTIVES = {Purpose.VIDEO_PROTECTION: 0.99, Purpose.ACCESS_CONTROL: 0.9995, Purpose.TRAFFIC: 0.95}
FRENCH, ENGLISH = Language("fr", PARIS), Language("en", PARIS)
NOON = utc("2026-10-10T12:00")
HOSTILE = '=HYPERLINK("http://x")\r\n<script>alert(1)</script>&amp;\x1b[31m'


@pytest.fixture(scope="module")
def ville() -> Report:
    return report_of(month(CITY), operators=("ville",), inventory=CITY, objectives=OBJECTIVES)


def hostile(name: str = HOSTILE) -> Report:
    """Return a report in which people were told to be called something."""
    said = Attribution(AttributedCause.OTHER, True, name, name, NOON + DAY)
    return report_of(record_of(painter(name=name).outage(1, NOON, NOON + H, said).done()))


# The terminal


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_the_text_is_at_most_80_columns_wide(ville: Report, lang: str) -> None:
    text = text_table.write(ville, Language(lang, PARIS))
    assert max(cell_len(line) for line in text.splitlines()) <= 80
    assert not any(line != line.rstrip(" ") for line in text.splitlines())


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_objectives_of_a_year_of_the_fleet_stand_in_80_columns(ville: Report, lang: str) -> None:
    """A7: a budget of some 400 000 hours, and more than twice that used."""
    year = StatusTime(up=458 * 276 * DAY, down=458 * 90 * DAY)
    section = ville.sections[0]
    lines = [GroupRow(purpose, purpose, Figures(year), 0.9) for purpose in Purpose]
    text = text_table.write(
        replace(ville, sections=[replace(section, purposes=lines)]), Language(lang, PARIS)
    )
    assert max(cell_len(line) for line in text.splitlines()) <= 80
    assert "402307:12:00" in text
    assert "−586972:48:00" in text


@examples(60)
@given(st.text(min_size=1, max_size=200))
def test_no_name_makes_the_text_wider_or_speaks_to_the_terminal(name: str) -> None:
    text = text_table.write(hostile(name), FRENCH)
    assert max(cell_len(line) for line in text.split("\n")) <= 80
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)


@pytest.mark.parametrize(
    ("name", "shown"),
    [("Émile", "Émile"), ("E\u0301mile", "E\u0301mile"), ("広場", "広場"), ("\u202eÉmi\u200ble", "Émile")],
)
def test_figures_are_aligned_whatever_the_width_of_the_signs(name: str, shown: str) -> None:
    """A combining accent takes no column, a wide sign two; what cannot be seen is left out."""
    rows = [line for line in text_table.write(hostile(name), FRENCH).splitlines() if "(cam-1)" in line]
    assert [line.partition(" (cam-1) ")[0] for line in rows] == [shown, shown]
    wide = sum(unicodedata.east_asian_width(sign) == "W" for sign in shown)
    marks = sum(map(bool, map(unicodedata.combining, shown)))
    assert [len(line) + wide - marks for line in rows] == [80, 80]


# The spreadsheet


def test_the_spreadsheet_is_what_french_settings_open_right(ville: Report) -> None:
    text = csv_table.write(ville, FRENCH)
    assert text.startswith("\ufeffrow;operator;id;name;")
    assert text.count("\r\n") == text.count("\n") == len(rows_of_csv(text)) + 1
    camera = next(row for row in rows_of_csv(text) if row["row"] == "camera")
    assert re.fullmatch(r"\d+,\d{3}", camera["availability_percent"])
    assert camera["name"] == "La Rotonde – caméra 1, vue d’ensemble"


def test_the_spreadsheet_in_english_has_commas_and_points(ville: Report) -> None:
    rows = rows_of_csv(csv_table.write(ville, ENGLISH), ",")
    assert re.fullmatch(r"\d+\.\d{3}", rows[-400]["availability_percent"] or "0.000")
    assert {row["row"] for row in rows} == {
        *("report", "operator", "without_figure", "purpose", "site", "camera"),
        *("outage", "monitoring_gap", "maintenance"),
    }


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t=", "\r=", " =", "＝", "\n+"])
def test_no_name_becomes_a_formula(sign: str) -> None:
    text = csv_table.write(hostile(f"{sign}1+1"), FRENCH)
    for row in rows_of_csv(text):
        for cell in row.values():
            number = re.fullmatch(r"-?\d+([:,]\d+)*", cell)
            assert number or not re.match(r"\s*[=+\-@＝]", cell), cell
    assert rows_of_csv(text)[-1]["author"].startswith("'")


@pytest.mark.parametrize("lang", ["fr", "en"])
@pytest.mark.parametrize("opened_with", [",", ";", "\t"])
@pytest.mark.parametrize("between", [",", ";", "\t", "\n", ", ", ';"', '; "'])
def test_no_text_becomes_a_formula_with_another_list_separator(
    between: str, opened_with: str, lang: str
) -> None:
    text = csv_table.write(hostile(f"power cut{between}=cmd|'/c calc'!A0;"), Language(lang, PARIS))
    for row in csv.reader(io.StringIO(text.removeprefix(csv_table.BOM)), delimiter=opened_with):
        for cell in row:
            assert not re.match(r"[\s\"]*[=+@]", cell), cell


def test_a_text_that_is_no_formula_stays_as_it_is() -> None:
    assert csv_table.plain("Rotonde – nord; 3=4, a-b @home") == "Rotonde – nord; 3=4, a-b @home"
    assert csv_table.plain("cut; -5 degrees") == "cut;' -5 degrees"


# The program's


def test_the_json_has_instants_both_as_text_and_as_number(ville: Report) -> None:
    document = json.loads(json_document.write(ville))
    assert document["format"], document["format_version"] == ("camwatch-report", 1)
    assert document["period"]["start"] == {"utc": "2026-09-30T22:00:00.000Z", "ms": OCTOBER.start_ms}
    assert document["period"]["end"] == {"utc": "2026-10-31T23:00:00.000Z", "ms": OCTOBER.end_ms}
    assert json_document.iso(-1) == "1969-12-31T23:59:59.999Z"
    assert document["total"] is None


# The page


def test_the_page_needs_nothing_else(ville: Report) -> None:
    """No script, no other file, no address."""
    text = html_page.write(ville, FRENCH)
    page = Page(text)
    assert page.open == []
    assert not {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "object", "embed"}
    assert not any(name.startswith("on") for _, said in page.tags for name in said)
    assert not re.search(r"https?:|//|@import|url\(", text)
    assert len(text.encode()) < 2_000_000


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_the_page_says_its_language_and_every_table_has_heads(ville: Report, lang: str) -> None:
    page = Page(html_page.write(ville, Language(lang, PARIS)))
    assert ("html", {"lang": lang}) in page.tags
    assert sum(tag == "h1" for tag, _ in page.tags) == 1
    scopes = [said.get("scope") for tag, said in page.tags if tag == "th"]
    assert set(scopes) == {"col", "row"}
    strips = [said for tag, said in page.tags if tag == "svg" and said.get("role") == "img"]
    assert len(strips) >= 457
    assert all(said["aria-label"] for said in strips), "what is drawn is also said"
    ids = [said["id"] for _, said in page.tags if said.get("id")]
    assert len(ids) == len(set(ids))


def test_names_are_escaped() -> None:
    text = html_page.write(hostile(), FRENCH)
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_french_has_narrow_spaces_where_its_typography_wants_them() -> None:
    text = html_page.write(hostile("Nom"), FRENCH)
    assert not re.search(r"[ \u00a0][%:;!?](\s|<)", Page(text).text.partition("}\n")[2].rpartition("}")[2])
    assert FRENCH.percent_text("99.123") == "99,123\u202f%"
    assert ENGLISH.percent_text("99.123") == "99.123%"
    assert FRENCH.number(1234) == "1\u202f234"
    assert FRENCH.day(OCTOBER.first) == "1er octobre 2026"


def test_the_hour_that_comes_twice_is_told_apart() -> None:
    """A5."""
    first, second = utc("2026-10-25T00:30:00+00:00"), utc("2026-10-25T01:30:00+00:00")
    assert FRENCH.timestamp(first) == "25/10/2026 02:30:00 +0200"
    assert FRENCH.timestamp(second) == "25/10/2026 02:30:00 +0100"
    assert ENGLISH.timestamp(second + H) == "2026-10-25 03:30:00"


# The chart


@pytest.mark.parametrize(
    ("account", "level"),
    [
        (None, "not_in_service"),
        (StatusTime(), "not_in_service"),
        (StatusTime(up=1), "full"),
        (StatusTime(up=99, down=1), "high"),
        (StatusTime(up=98, down=2), "fair"),
        (StatusTime(up=94, down=6), "low"),
        (StatusTime(up=79, down=21), "poor"),
        (StatusTime(unknown=5), "unknown"),
        (StatusTime(unknown=5, maintenance=6), "maintenance"),
        (StatusTime(down=1, unknown=99), "poor"),
    ],
)
def test_a_day_has_one_level(account: StatusTime | None, level: str) -> None:
    assert uptime_bars.level(account) == level


def test_a_strip_says_in_words_what_it_draws() -> None:
    brush = painter().outage(1, NOON, NOON + 6 * H)
    report = report_of(record_of(brush.done()))
    paths, text = uptime_bars.Chart(report, FRENCH).bars(report.sections[0].cameras[0])
    assert text == "Moins de 100\u202f%\u202f: 10 oct. 75,000\u202f%."
    assert paths == (("up", "M0 12H308"), ("down", "M90 24v-24h8v24z"))


def test_a_long_period_is_drawn_by_months() -> None:
    year = Period(OCTOBER.first.replace(month=1), OCTOBER.last.replace(month=12), PARIS)
    report = report_of(record_of(painter(since=year.start_ms).outage(1, NOON, NOON + DAY).done()), year)
    found = uptime_bars.Chart(report, ENGLISH)
    assert [label for _, label in found.labels()] == [str(number) for number in range(1, 13)]
    assert found.bars(report.sections[0].cameras[0])[1] == "Below 100%: October 2026 96.778%."


def test_a_note_says_what_the_report_does_not_know(ville: Report) -> None:
    noted = replace(ville, rolled_up_until_ms=NOON)
    for text in (html_page.write(noted, FRENCH), text_table.write(noted, FRENCH)):
        assert "10/10/2026 12:00:00" in text
        assert "l’historique ne garde que des" in text


def test_every_figure_option_and_row_is_documented() -> None:
    page = (ROOT / "docs" / "reference" / "reports.md").read_text(encoding="utf-8")
    for name in FIGURES:
        assert f"`{name}`" in page, name
    command = typer.main.get_command(app).commands["report"]  # type: ignore[attr-defined]
    options = [option for parameter in command.params for option in parameter.opts]
    for option in (option for option in options if option not in ("--config", "--help")):
        assert f"`{option}" in page, option


def test_the_documented_shape_is_the_shape(ville: Report) -> None:
    page = (ROOT / "docs" / "reference" / "reports.md").read_text(encoding="utf-8")
    shape = page.partition('{ "format"')[2].partition("```")[0]
    document = json.loads(json_document.write(ville))
    section = document["operators"][0]
    said = next(outage for outage in section["outages"] if outage["attribution"])
    parts = (document, document["period"], document["only"], document["corrections"], section)
    lines = (
        section["cameras"][0],
        said,
        said["attribution"],
        section["monitoring_gaps"][0],
        section["maintenance"][0],
    )
    for part in (*parts, *lines):
        for name in part:
            assert f'"{name}"' in '"format"' + shape, name
