"""The page in a real Chromium: it prints on A4, with its heads on every page."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from camwatch.core.model import Purpose
from camwatch.i18n import Language
from camwatch.reports.renderers import html_page
from tests.support.pace import PATIENCE_S
from tests.support.reports.record_builders import PARIS, fleet, month, report_of

CITY = fleet()
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--no-pdf-header-footer",
)


def printed(folder: Path, operators: tuple[str, ...], lang: str) -> list[str]:
    """Print a month to PDF, and return the text of each page."""
    objectives = {Purpose.VIDEO_PROTECTION: 0.99, Purpose.TRAFFIC: 0.95}
    record, total = month(CITY), len(operators) > 1
    report = report_of(record, operators=operators, inventory=CITY, total=total, objectives=objectives)
    page, pdf = folder / "report.html", folder / "report.pdf"
    page.write_text(html_page.write(report, Language(lang, PARIS)), encoding="utf-8")
    command = [
        "chromium",
        *FLAGS,
        f"--user-data-dir={folder / 'profile'}",
        f"--print-to-pdf={pdf}",
        str(page),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE_S)
    sizes = subprocess.run(["pdfinfo", str(pdf)], check=True, capture_output=True, text=True).stdout
    assert re.search(r"Page size: +59[45]\.\d+ x 84[12]", sizes), "A4"
    text = subprocess.run(["pdftotext", "-layout", str(pdf), "-"], check=True, capture_output=True).stdout
    return text.decode().removesuffix("\f").split("\f")


def test_a_month_of_the_whole_city_prints_with_heads_on_every_page(tmp_path: Path) -> None:
    pages = printed(tmp_path, tuple(CITY.operators), "fr")
    assert 25 <= len(pages) <= 50
    text = "\n".join(pages)
    for wanted in (
        "Rapport de disponibilité",
        "Tous les exploitants",
        "Octobre 2026",
        "Objectifs par usage",
        "Par caméra",
        "Ville d’Aix",
    ):
        assert wanted in text, wanted
    for camera in CITY.cameras.values():
        if camera.lifecycle == "in_service":
            # A long id is broken over lines, never cut.
            assert camera.id[:14] in text, camera.id
    cameras = [page for page in pages if page.count("centre-") > 10 and "Jours" in page]
    assert len(cameras) > 5, "the head of the cameras' table is on each of its pages"
    for number, page in enumerate(pages, 1):
        assert re.search(rf"{number} / {len(pages)}\s*$", page), "pages are numbered"


@pytest.mark.parametrize(
    ("operator", "lang", "said"),
    [
        ("bailleur-saint-eutrope", "fr", "Bailleur de Saint-Eutrope"),
        ("sacogiva", "en", "No camera was in service in this period"),
    ],
)
def test_a_small_operators_report_is_a_few_pages(tmp_path: Path, operator: str, lang: str, said: str) -> None:
    pages = printed(tmp_path, (operator,), lang)
    assert len(pages) <= 2, "no page is left half empty"
    assert said in " ".join(pages[0].split())
