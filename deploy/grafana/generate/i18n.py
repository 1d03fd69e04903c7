"""Texts of the dashboards: English in the code, other languages in `deploy/grafana/locales`.

Identifiers (operators, sites, cameras) are the inventory's and are shown as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from camwatch.i18n.catalogs import DEFAULT_LANGUAGE, languages, own_name, translations
from camwatch.i18n.labels import LABELS

LOCALES = Path(__file__).parents[1] / "locales"
LANGUAGES = languages(LOCALES)


def forms(one: str, many: str) -> tuple[str, str]:
    """Mark the words for one camera and for several, for extraction."""
    return one, many


STATUSES: Mapping[str, tuple[str, str]] = {
    "down": forms("Down", "Down"),
    "unknown": forms("Unknown", "Unknown"),
    "maintenance": forms("Maintenance", "In maintenance"),
    "up": forms("Up", "Up"),
    "planned": forms("Planned", "Planned"),
    "retired": forms("Retired", "Retired"),
}
"""Every status, worst first: of one camera, and over a number of cameras."""

REASONS = tuple(LABELS["reason"])
"""Why a camera is degraded."""

WINDOWS = ("1h", "24h", "7d", "30d", "365d")
"""The rolling windows of availability."""


class Translator:
    """Translates the texts of the dashboards into one language."""

    def __init__(self, lang: str) -> None:
        self.lang = lang
        self._texts = translations(lang, LOCALES, "grafana")
        self._labels = translations(lang)

    def __call__(self, text: str, /, **fields: object) -> str:
        """Return the translation of an English text, its fields filled in if any are given."""
        translated = self._texts.gettext(text)
        return translated.format(**fields) if fields else translated

    def status(self, status: str) -> str:
        """Return the word for the status of a camera."""
        return self._texts.ngettext(*STATUSES[status], 1)

    def counted(self, status: str) -> str:
        """Return the words over a number of cameras with a status."""
        return self._texts.ngettext(*STATUSES[status], 2)

    def label(self, group: str, value: str) -> str:
        """Return the name of a value, as on camwatch's own pages."""
        return self._labels.gettext(LABELS[group][value])

    def window(self, window: str) -> str:
        """Return the words for a rolling window."""
        if window.endswith("d"):
            return self._texts.gettext("{n} d").format(n=window[:-1])
        return f"{window[:-1]} h"

    def uid(self, page: str) -> str:
        """Return the unique id of a dashboard in this language; part of its address."""
        return f"camwatch-{page}" if self.lang == DEFAULT_LANGUAGE else f"camwatch-{page}-{self.lang}"

    @property
    def name(self) -> str:
        """The name of the language in the language itself."""
        return own_name(self.lang)
