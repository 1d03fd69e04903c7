"""Languages: gettext catalogues, and how a language writes numbers, percentages, durations and dates.

English texts are the message ids. Every other language is a catalogue in `locales/`, and nothing else.
"""

from __future__ import annotations

from camwatch.i18n.catalogs import DEFAULT_LANGUAGE, N_, languages, own_name
from camwatch.i18n.language import NO_VALUE, Language

__all__ = ["DEFAULT_LANGUAGE", "NO_VALUE", "N_", "Language", "languages", "own_name"]
