"""Catalogues: complete in French, and all that another language needs."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from gettext import NullTranslations
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Message
from babel.messages.pofile import read_po

from camwatch.accounting.records import AttributedCause
from camwatch.core.conditions import REASON_NAMES
from camwatch.core.model import Cause, GapCause, IncidentKind, Purpose, Scope, Status
from camwatch.i18n import DEFAULT_LANGUAGE, Language, languages, own_name
from camwatch.i18n.catalogs import LOCALES, translations
from camwatch.i18n.labels import LABELS
from camwatch.reports.renderers import html_page, text_table
from camwatch.web.auth.login import LoginFailure
from camwatch.web.auth.principal import Role
from tests.support.pace import PATIENCE_S
from tests.support.reports.record_builders import PARIS, fleet, month, report_of
from tests.support.web.page_paths import PAGES, named
from tests.support.web.two_operator_app import town

ROOT = Path(__file__).parents[3]
GERMAN = Path(__file__).parent / "german.po"


def texts(message: Message, attribute: str) -> tuple[str, ...]:
    """Return all forms of a message id (`id`) or of its translation (`string`)."""
    found = getattr(message, attribute)
    return found if isinstance(found, tuple) else (found,)


def fields(forms: Iterable[str]) -> set[str]:
    """Return the placeholders of all forms of a text."""
    return {name for form in forms for _, name, _, _ in Formatter().parse(form) if name}


def read(path: Path) -> dict[object, Message]:
    """Return the messages of a catalogue or a template, by id."""
    with path.open("rb") as file:
        catalog = read_po(file, abort_invalid=True)
    assert not catalog.obsolete, sorted(map(str, catalog.obsolete))
    return {message.id: message for message in catalog if message.id}


@pytest.mark.parametrize(
    ("config", "catalog"),
    [
        ("babel.cfg", LOCALES / "fr" / "LC_MESSAGES" / "camwatch.po"),
        ("deploy/grafana/babel.cfg", ROOT / "deploy/grafana/locales/fr/LC_MESSAGES/grafana.po"),
    ],
)
def test_french_translates_every_text_and_nothing_else(config: str, catalog: Path, tmp_path: Path) -> None:
    template = tmp_path / "texts.pot"
    command = (
        "babel.messages.frontend",
        "-q",
        "extract",
        "-F",
        config,
        "-k",
        "tr",
        "-k",
        "forms:1,2",
        "-o",
        str(template),
        ".",
    )
    subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, check=True, capture_output=True, timeout=PATIENCE_S
    )
    wanted, french = read(template), read(catalog)
    assert french.keys() == wanted.keys(), "run `make translations`, then translate"
    assert len(french) > 100
    for message in french.values():
        ids, translated = texts(message, "id"), texts(message, "string")
        assert not message.fuzzy, ids
        assert all(translated), ids
        assert fields(translated) == fields(ids), ids
        assert not any(re.search(r" [:;!?»%]|« |'", re.sub(r"`[^`]*`", "", text)) for text in translated), ids


def test_every_value_has_a_label() -> None:
    groups: dict[str, Iterable[str]] = {
        "status": Status,
        "purpose": Purpose,
        "cause": Cause,
        "attributed": AttributedCause,
        "gap": GapCause,
        "scope": Scope,
        "incident": IncidentKind,
        "role": Role,
        "login": LoginFailure,
        "reason": REASON_NAMES.values(),
        "why": [*Status, *Cause],
    }
    for group, values in groups.items():
        assert {str(value) for value in values} == LABELS[group].keys(), group


def test_languages_are_the_catalogues_and_english(tmp_path: Path) -> None:
    assert languages() == ("fr", "en")
    for lang in ("de", "fr"):
        (tmp_path / lang / "LC_MESSAGES").mkdir(parents=True)
        (tmp_path / lang / "LC_MESSAGES" / "camwatch.po").touch()
    (tmp_path / "README").touch()
    assert languages(tmp_path) == ("fr", "de", "en")
    assert languages()[0] == DEFAULT_LANGUAGE


def test_a_new_catalogue_is_a_new_language(tmp_path: Path) -> None:
    """Untranslated texts stay English; numbers, dates and percentages come with the language."""
    folder = tmp_path / "de" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    shutil.copy(GERMAN, folder / "camwatch.po")
    german = Language("de", PARIS, tmp_path)
    assert german.label("status", "down") == "Gestört"
    assert german.gettext("Log out") == "Log out"
    assert german.ngettext("{n} camera down", "{n} cameras down", 1234) == "1.234 Kameras gestört"
    assert german.ngettext("{n} outage", "{n} outages", 1) == "1 outage"
    assert german.percent(9_999, 10_000) == "99,99\u202f%"
    assert german.timestamp(1_764_000_000_000) == "24.11.2025 17:00:00"
    assert (own_name("de"), german.format_duration(2 * 86_400_000)) == ("Deutsch", "2 T")


class Untranslated(NullTranslations):
    """Collects the texts that were asked for in vain."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def gettext(self, message: str) -> str:
        """Note a text."""
        self.found.add(message)
        return message

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """Note a text with a plural."""
        self.found.add(msgid1)
        return super().ngettext(msgid1, msgid2, n)


async def test_pages_and_reports_ask_for_no_text_that_extraction_does_not_find(tmp_path: Path) -> None:
    asked = Untranslated()
    translations("fr").add_fallback(asked)
    with contextlib.contextmanager(town)(tmp_path) as built:
        async with built.client() as client:
            for path in PAGES:
                await client.get(named(built, path), headers={"accept-language": "fr"})
    inventory = fleet()
    for record in (month(inventory), month(inventory, folded=True)):
        report = report_of(record, operators=tuple(inventory.operators), inventory=inventory, total=True)
        html_page.write(report, Language("fr", PARIS))
        text_table.write(report, Language("fr", PARIS))
    assert asked.found == set()


SHOW = """
import asyncio, httpx, sys
from pathlib import Path
import camwatch
from camwatch.cli import app
from tests.support.web.two_operator_app import Town, LANDLORD
from typer.testing import CliRunner

assert Path(camwatch.__file__).is_relative_to(sys.argv[1])

async def pages(town):
    async with town.client() as client:
        await client.get("/preferences", params={"lang": "de"})
        print((await client.get("/")).text)
        asked = {"lang": "de", "format": "html", "month": "2026-01"}
        answer = await client.get("/api/v1/reports", params=asked)
        print(answer.status_code, answer.text)
    async with town.client() as client:
        print((await client.get("/incidents", headers={"accept-language": "de-DE"})).text)

town = Town(Path(sys.argv[2]))
asyncio.run(pages(town))
town.close()
print(CliRunner().invoke(app, ["report", "--help"]).output)
"""


def test_pages_api_and_command_line_know_a_language_by_its_catalogue_alone(tmp_path: Path) -> None:
    package, folder = tmp_path / "src" / "camwatch", tmp_path / "town"
    shutil.copytree(ROOT / "src" / "camwatch", package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "locales/de/LC_MESSAGES").mkdir(parents=True)
    shutil.copy(GERMAN, package / "locales/de/LC_MESSAGES/camwatch.po")
    folder.mkdir()
    shown = subprocess.run(
        [sys.executable, "-c", SHOW, str(tmp_path), str(folder)],
        cwd=ROOT,
        env={"PYTHONPATH": f"{tmp_path / 'src'}:{ROOT}", "COLUMNS": "200"},
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert shown.returncode == 0, shown.stderr
    assert '<html lang="de"' in shown.stdout
    assert shown.stdout.count('lang="de"') >= 4
    assert ">Deutsch</a>" in shown.stdout
    assert "Kamera" in shown.stdout
    assert "[fr|de|en]" in shown.stdout
