"""A landlord's report holds nothing of anybody else: it is handed over, and may be published."""

from __future__ import annotations

import pytest

from camwatch.accounting.records import AttributedCause, Attribution, GapRecord, MaintenanceRecord
from camwatch.core.model import Camera, GapCause, Lifecycle, Purpose, Scope
from camwatch.i18n import Language
from camwatch.reports.renderers import csv_table, html_page, json_document, text_table
from tests.support.reports.record_builders import (
    DAY,
    PARIS,
    H,
    inventory_of,
    painter,
    record_of,
    report_of,
    utc,
)

NOON = utc("2026-10-10T12:00")
OTHERS = "zorglub"
"""Stands in everything that is of others: ids, names, people, reasons, links."""


def handed_over(operator: str) -> dict[str, str]:
    """Return the report of one operator on a record that was read for all, in every format."""
    said = Attribution(AttributedCause.WORKS, True, f"{OTHERS} Anne", f"{OTHERS} why", NOON + DAY)
    mine = painter("cam-1", "sacogiva", site="shared").outage(1, NOON, NOON + H).done()
    theirs = painter(f"{OTHERS}-cam", OTHERS, site="shared", name=f"{OTHERS} name")
    elsewhere = painter(f"{OTHERS}-cam-2", OTHERS, site=f"{OTHERS}-site", purpose=Purpose.TRAFFIC)
    cameras = [
        mine,
        theirs.outage(4711, NOON, NOON + 3 * H, said).done(),
        elsewhere.outage(4712, NOON, NOON + 5 * H).done(),
    ]
    blind = [
        GapRecord((OTHERS,), (f"{OTHERS}-link",), GapCause.LINK, NOON + 7 * H, NOON + 8 * H),
        GapRecord(("sacogiva", OTHERS), ("shared-link",), GapCause.LINK, NOON, NOON + H),
        GapRecord((), ("shared-link", f"{OTHERS}-link"), GapCause.OFFLINE, NOON + DAY, NOON + DAY + H),
        GapRecord((OTHERS,), (f"{OTHERS}-link",), GapCause.CLOCK_STEP, NOON + 3 * DAY, NOON + 3 * DAY + H),
    ]
    windows = [
        MaintenanceRecord(5, Scope.CAMERA, f"{OTHERS}-cam", NOON, NOON + H, f"{OTHERS} reason", OTHERS, NOON),
        MaintenanceRecord(6, Scope.SITE, f"{OTHERS}-site", NOON, NOON + H, f"{OTHERS} reason", OTHERS, NOON),
        MaintenanceRecord(7, Scope.OPERATOR, OTHERS, NOON, NOON + H, f"{OTHERS} reason", OTHERS, NOON),
        MaintenanceRecord(8, Scope.SITE, "shared", NOON + DAY, NOON + 2 * DAY, "le mur", "Ana", NOON),
    ]
    record = record_of(*cameras, gaps=blind, maintenance=windows)
    planned = Camera(f"{OTHERS}-3", OTHERS, "shared", "", OTHERS, Purpose.TRAFFIC, Lifecycle.PLANNED)
    report = report_of(record, operators=(operator,), inventory=inventory_of(record, planned))
    formats = {"json": json_document.write(report)}
    for lang in ("fr", "en"):
        language = Language("fr" if lang == "fr" else "en", PARIS)
        formats[f"html {lang}"] = html_page.write(report, language)
        formats[f"csv {lang}"] = csv_table.write(report, language)
        formats[f"table {lang}"] = text_table.write(report, language)
    return formats


def test_a_landlords_report_holds_nothing_of_others() -> None:
    """Not their cameras, outages, people, links, maintenance, nor when only they were out of sight."""
    for name, text in handed_over("sacogiva").items():
        assert "sacogiva" in text, name
        for secret in (OTHERS, "4711", "4712"):
            assert secret not in text.lower(), (name, secret)
        for moment in ("10/10/2026 19:00:00", "2026-10-10 19:00:00", "2026-10-10T17:00:00"):
            assert moment not in text, f"{name} tells when others were out of sight"


@pytest.mark.parametrize("name", ["json", "html fr", "table fr", "csv fr"])
def test_it_holds_all_that_is_the_landlords(name: str) -> None:
    text = handed_over("sacogiva")[name]
    for mine in ("cam-1", "shared", "le mur", "Ana", "shared-link"):
        assert mine in text, mine
    # The clock was noticed out of sight of others, but it changed everybody's record.
    assert ("2026-10-13T10:00:00.000Z" if name in ("json", "csv fr") else "13/10/2026 12:00:00") in text


def test_the_others_are_in_their_own() -> None:
    """So that the test above does not pass by silence."""
    for name, text in handed_over(OTHERS).items():
        for theirs in (
            f"{OTHERS}-cam",
            "4711",
            "4712",
            f"{OTHERS} why",
            f"{OTHERS} reason",
            f"{OTHERS}-link",
        ):
            assert theirs in text, (name, theirs)
