"""Finds and loads `.po` catalogues. They are compiled in memory: no compiled file can be stale."""

from __future__ import annotations

from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import Final

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

SOURCE_LANGUAGE: Final = "en"
"""The language of the message ids; it has no catalogue."""
DEFAULT_LANGUAGE: Final = "fr"
"""The language of clients that ask for none."""
LOCALES: Final = Path(__file__).parents[1] / "locales"


def N_(text: str) -> str:  # noqa: N802 - the name that gettext's tools know
    """Mark a text for extraction; it is translated where it is shown."""
    return text


@cache
def languages(folder: Path = LOCALES) -> tuple[str, ...]:
    """Return the codes of all languages: the default one, then the others in alphabetical order."""
    found = {path.parents[1].name for path in folder.glob("*/LC_MESSAGES/*.po")} | {SOURCE_LANGUAGE}
    return tuple(sorted(found, key=lambda code: (code != DEFAULT_LANGUAGE, code)))


@cache
def translations(lang: str, folder: Path = LOCALES, domain: str = "camwatch") -> NullTranslations:
    """Return the texts of a language; untranslated and fuzzy ones stay English."""
    path = folder / lang / "LC_MESSAGES" / f"{domain}.po"
    if not path.exists():
        return NullTranslations()
    compiled = BytesIO()
    with path.open("rb") as file:
        write_mo(compiled, read_po(file, locale=lang))
    compiled.seek(0)
    return GNUTranslations(compiled)


def own_name(lang: str) -> str:
    """Return the name of a language in the language itself."""
    name = str(Locale.parse(lang).display_name)
    return name[:1].upper() + name[1:]
