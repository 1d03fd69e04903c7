"""Both languages say everything, and nothing that nobody asks for."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest

import camwatch.web
from camwatch.accounting.records import AttributedCause
from camwatch.core.conditions import REASON_NAMES
from camwatch.core.model import Cause, GapCause, IncidentKind, Purpose, Scope, Status
from camwatch.web.auth.login import LoginFailure
from camwatch.web.auth.principal import Role
from camwatch.web.pages import translations_en, translations_fr

WEB = Path(camwatch.web.__file__).parent
SOURCES = "\n".join(
    path.read_text(encoding="utf-8")
    for path in (*WEB.glob("templates/**/*.html"), *WEB.glob("pages/*.py"))
    if not path.name.startswith("texts_")
)
FR, EN = translations_fr.TEXTS, translations_en.TEXTS


def fields(text: str) -> list[set[str]]:
    """Return the fields of each form of a text."""
    return [{name for _, name, _, _ in Formatter().parse(form) if name} for form in text.split("|")]


def test_both_languages_have_the_same_texts_in_the_same_order() -> None:
    assert list(FR) == list(EN)


@pytest.mark.parametrize("key", list(FR))
def test_a_text_has_the_same_fields_in_both_languages_and_in_every_form(key: str) -> None:
    wanted = set.union(*fields(FR[key]))
    counted = wanted - {"n"}
    assert set.union(*fields(EN[key])) == wanted
    assert all(counted <= found for found in (*fields(FR[key]), *fields(EN[key])))
    assert len(fields(FR[key])) <= 2
    assert len(fields(EN[key])) <= 2


def test_every_text_that_is_asked_for_is_there() -> None:
    asked = set(re.findall(r"""\b(?:t|text)\(\s*"([a-z0-9_]+)"\s*[,)]""", SOURCES))
    assert asked - set(FR) == set()
    assert len(asked) > 100


@pytest.mark.parametrize(
    ("prefix", "words"),
    [
        ("status", Status),
        ("purpose", Purpose),
        ("cause", Cause),
        ("attributed", AttributedCause),
        ("gap", GapCause),
        ("scope", Scope),
        ("incident", IncidentKind),
        ("role", Role),
        ("login", LoginFailure),
        ("reason", REASON_NAMES.values()),
        ("why", Status),
        ("why", Cause),
        ("window", ("planned", "under_way", "over", "cancelled")),
    ],
)
def test_every_word_of_the_record_has_a_text(prefix: str, words: object) -> None:
    missing = [word for word in words if f"{prefix}_{word}" not in FR]  # type: ignore[attr-defined]
    assert missing == []


def test_no_text_is_there_for_nothing() -> None:
    built = re.findall(r"""["']([a-z0-9]+_)["']\s*~|f["']([a-z0-9]+_)\{""", SOURCES)
    prefixes = {one or other for one, other in built}
    idle = {
        key
        for key in FR
        if not re.search(rf"""["']{key}["']""", SOURCES)
        and not any(key.startswith(each) for each in prefixes)
    }
    assert idle == set()


def test_french_has_no_typewriter_spaces_or_apostrophes() -> None:
    for key, text in FR.items():
        assert not re.search(r" [:;!?»%]", text), key
        assert "'" not in text, key
