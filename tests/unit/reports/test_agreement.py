"""The four formats tell the same: each is read back by a reader of its own and compared, figure by figure."""

from __future__ import annotations

import json
from typing import Any

import pytest

from camwatch.core.model import Purpose
from camwatch.i18n import Language
from camwatch.reports.figures import FIGURES, OF_OBJECTIVE, Kind
from camwatch.reports.labels import figure_label
from camwatch.reports.model import Report
from camwatch.reports.renderers import csv_table, html_page, json_document, text_table
from tests.support.reports.parsing import Figures, Of, Page, of_html, of_table, rows_of_csv
from tests.support.reports.record_builders import PARIS, fleet, month, report_of

FRENCH = Language("fr", PARIS)
CITY = fleet()
OPERATORS = tuple(CITY.operators)
OBJECTIVES = {Purpose.VIDEO_PROTECTION: 0.99, Purpose.ACCESS_CONTROL: 0.9995}


@pytest.fixture(scope="module", params=[False, True], ids=["whole", "folded"])
def report(request: pytest.FixtureRequest) -> Report:
    """Return a month of the whole fleet: some 290 outages, nine operators of which seven have no camera."""
    record = month(CITY, folded=request.param)
    return report_of(record, operators=OPERATORS, inventory=CITY, total=True, objectives=OBJECTIVES)


@pytest.fixture(scope="module")
def document(report: Report) -> dict[str, Any]:
    """Return the JSON, read back."""
    found: dict[str, Any] = json.loads(json_document.write(report))
    return found


@pytest.fixture(scope="module")
def page(report: Report) -> str:
    return html_page.write(report, FRENCH)


@pytest.fixture(scope="module")
def text(report: Report) -> str:
    return text_table.write(report, FRENCH)


@pytest.fixture(scope="module")
def rows(report: Report) -> list[dict[str, str]]:
    """Return the spreadsheet, read back."""
    return rows_of_csv(csv_table.write(report, FRENCH))


def french(name: str, text: str | None) -> str:
    """Write a figure of the JSON as French does, by other means than the code."""
    if text is None:
        return "–"
    if FIGURES[name].kind is Kind.PERCENT:
        return text.replace(".", ",") + "\u202f%"
    if FIGURES[name].kind is Kind.BOOLEAN:
        return {"yes": "oui", "no": "non"}[text]
    if FIGURES[name].kind is Kind.COUNT:
        return f"{int(text):,}".replace(",", "\u202f")
    return text.replace("-", "−")


def of_json(document: dict[str, Any]) -> dict[Of, dict[str, Any]]:
    """Return the figures of every line of the JSON."""
    found = {("total", "whole", ""): document["total"]["figures"]}
    for line in document["total"]["purposes"]:
        found["total", "purpose", line["id"]] = line["figures"]
    for section in document["operators"]:
        found[section["id"], "whole", ""] = section["figures"]
        found["total", "operator", section["id"]] = section["figures"]
        for camera in section["cameras"]:
            found[section["id"], "camera", camera["id"]] = camera["figures"]
            found["total", "camera", camera["id"]] = camera["figures"]
        for kind in ("purposes", "sites"):
            for line in section[kind]:
                found[section["id"], kind[:-1], line["id"]] = line["figures"]
    return found


def compare(found: dict[Of, Figures], expected: dict[Of, dict[str, Any]]) -> int:
    """Compare what a format shows with the JSON, and return how many figures that were."""
    count = 0
    for of, figures in found.items():
        for name, text in figures.items():
            assert text == french(name, expected[of]["shown"][name]), (of, name)
            count += 1
    return count


def test_the_page_shows_what_the_json_has(document: dict[str, Any], page: str) -> None:
    found = of_html(page)
    assert compare(found, of_json(document)) > 458 * 5
    shown = {of for of in found if of[1] == "camera" and of[0] != "total"}
    assert len(shown) == sum(len(section["cameras"]) for section in document["operators"]) == 458


def test_the_text_shows_what_the_json_has(document: dict[str, Any], text: str) -> None:
    labels = {figure_label(FRENCH, name): name for name in FIGURES}
    purposes = {FRENCH.label("purpose", name): str(name) for name in Purpose}
    found = of_table(text, labels)
    known = {(of[0], of[1], purposes.get(of[2], of[2])): figures for of, figures in found.items()}
    assert compare(known, of_json(document)) > 458 * 5
    assert len({of for of in known if of[1] == "camera" and of[0] != "total"}) == 458
    whole = known["ville", "whole", ""]
    assert whole.keys() == FIGURES.keys()


def test_each_format_measures_purposes_by_their_objective(
    document: dict[str, Any], page: str, text: str, rows: list[dict[str, str]]
) -> None:
    """A7: in the sections and in the total; a purpose without one has none of its figures anywhere."""
    labels = {figure_label(FRENCH, name): name for name in FIGURES}
    in_text, in_page, expected = of_table(text, labels), of_html(page), of_json(document)
    sheet = {(row["operator"] or "total", row["id"]): row for row in rows if row["row"] == "purpose"}
    for section in ("total", "ville"):
        for purpose in Purpose:
            shown = expected[section, "purpose", purpose]["shown"]
            promised = {name: french(name, shown[name]) for name in OF_OBJECTIVE}
            assert (shown["objective"] is not None) == (purpose in OBJECTIVES)
            named = FRENCH.label("purpose", purpose)
            for figures in (in_text[section, "purpose", named], in_page[section, "purpose", purpose]):
                told = {name: figures[name] for name in OF_OBJECTIVE if name in figures}
                assert told == (promised if purpose in OBJECTIVES else {})
            row = sheet[section, purpose]
            assert row["objective_percent"] == (shown["objective"] or "").replace(".", ",")
            assert [row[name] for name in OF_OBJECTIVE[1:]] == [
                shown[name] or "" for name in OF_OBJECTIVE[1:]
            ]


def test_the_spreadsheet_shows_what_the_json_has(
    document: dict[str, Any], rows: list[dict[str, str]]
) -> None:
    expected = of_json(document)
    count = 0
    for row in rows:
        kind = row["row"]
        if kind not in ("total", "operator", "purpose", "site", "camera"):
            continue
        section = row["operator"] or "total"
        line = expected[section, "whole" if kind in ("total", "operator") else kind, _id(row)]
        for name, (sort, *_) in FIGURES.items():
            text = line["shown"][name] or ""
            if sort is Kind.PERCENT:
                assert row[f"{name}_percent"] == text.replace(".", ","), (row, name)
            else:
                assert row[name] == text, (row, name)
            if sort is Kind.DURATION:
                assert row[f"{name}_ms"] == str(line["exact"].get(name, "")), (row, name)
            count += 1
    assert count > 458 * len(FIGURES)


def _id(row: dict[str, str]) -> str:
    return "" if row["row"] in ("total", "operator") else row["id"]


def test_outages_blind_intervals_and_maintenance_agree(
    document: dict[str, Any], page: str, text: str, rows: list[dict[str, str]]
) -> None:
    tables = {(t.section, t.kind): t for t in Page(page).tables}
    for section in document["operators"]:
        mine = [row for row in rows if row["operator"] == section["id"]]
        sheet = [row for row in mine if row["row"] == "outage"]
        table = tables.get((section["id"], "outage"))
        listed = [cells for _, cells in table.rows[1:]] if table else []
        assert len(sheet) == len(listed) == len(section["outages"])
        for outage, row, cells in zip(section["outages"], sheet, listed, strict=True):
            ended = "en cours" if outage["end"] is None else FRENCH.timestamp(outage["end"]["ms"])
            start = FRENCH.timestamp(outage["start"]["ms"])
            assert cells[:6] == [
                *(str(outage["id"]), outage["camera"], start, ended),
                *(outage["duration"], outage["in_period"]),
            ]
            assert (row["id"], row["camera"], row["start"], row["start_utc"], row["duration_ms"]) == (
                *(str(outage["id"]), outage["camera"], start, outage["start"]["utc"]),
                str(outage["duration_ms"]),
            )
            assert row["in_period"] == outage["in_period"]
            said = outage["attribution"]
            assert (row["attributed"], row["author"]) == (
                (said["cause"], said["author"]) if said else ("", "")
            )
            assert f"N°\u202f{outage['id']}" in text or f"N° {outage['id']}  {outage['camera']}" in text
            assert f"{start} → {ended}  {outage['duration']}" in text
        for kind, listed_as in (("monitoring_gap", "monitoring_gaps"), ("maintenance", "maintenance")):
            sheet = [row for row in mine if row["row"] == kind]
            table = tables.get((section["id"], kind))
            listed = [cells for _, cells in table.rows[1:]] if table else []
            assert len(sheet) == len(listed) == len(section[listed_as])
            for told, row, cells in zip(section[listed_as], sheet, listed, strict=True):
                assert cells[:2] == [
                    FRENCH.timestamp(told["start"]["ms"]),
                    FRENCH.timestamp(told["end"]["ms"]),
                ]
                assert (row["start_utc"], row["end_utc"]) == (told["start"]["utc"], told["end"]["utc"])
                if kind == "monitoring_gap":
                    assert cells[2] == row["duration"] == told["duration"]


def test_exclusions_are_listed_one_by_one_with_who_when_and_why(document: dict[str, Any], page: str) -> None:
    """A6."""
    tables = {(t.section, t.kind): t for t in Page(page).tables}
    (ville,) = [section for section in document["operators"] if section["id"] == "ville"]
    excluded = [outage for outage in ville["outages"] if (outage["attribution"] or {}).get("excluded")]
    listed = [cells for _, cells in tables["ville", "exclusion"].rows[1:]]
    assert excluded
    assert [(cells[0], cells[2], cells[4], cells[5], cells[6]) for cells in listed] == [
        (
            *(str(outage["id"]), outage["in_period"], outage["attribution"]["author"]),
            *(FRENCH.timestamp(outage["attribution"]["created_at"]["ms"]), outage["attribution"]["reason"]),
        )
        for outage in excluded
    ]
    whole = next(line for line in document["operators"] if line["id"] == "ville")["figures"]["exact"]
    assert whole["excluded"] == sum(outage["in_period_ms"] for outage in excluded)


def test_the_sums_of_the_json_are_exact(document: dict[str, Any]) -> None:
    """A1, A4."""
    accounts = ("up", "down", "unknown", "maintenance")
    for section in document["operators"]:
        whole = section["figures"]["exact"]
        assert whole["in_service"] == sum(whole[name] for name in accounts)
        for name in (*accounts, "excluded", "outages", "reboots"):
            for kind in ("cameras", "sites", "purposes"):
                assert whole[name] == sum(line["figures"]["exact"][name] for line in section[kind])
    total = document["total"]["figures"]["exact"]
    assert total["up"] == sum(section["figures"]["exact"]["up"] for section in document["operators"])


def test_an_operator_without_a_camera_has_no_availability_in_any_format(report: Report) -> None:
    """A2."""
    alone = report_of(month(CITY), operators=("bailleur-4",), inventory=CITY)
    document = json.loads(json_document.write(alone))
    (section,) = document["operators"]
    assert section["figures"]["shown"]["availability"] is None
    assert section["cameras"] == []
    page = Page(html_page.write(alone, FRENCH))
    assert page.key_figures["bailleur-4"]["availability"] == "–"
    assert "Aucune caméra en service" in page.text
    text = text_table.write(alone, FRENCH)
    assert "Aucune caméra en service" in text
    assert f"{'Disponibilité':38}  {'–':>16}" in text
    (row,) = [row for row in rows_of_csv(csv_table.write(alone, FRENCH)) if row["row"] == "operator"]
    assert (row["cameras"], row["availability_percent"]) == ("0", "")
    assert "100,000" not in text + page.text
    assert report.total is not None
