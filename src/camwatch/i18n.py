"""What API, pages and reports share: a report's forms, and a language's texts, plurals, numbers, days."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from functools import lru_cache
from typing import Final, Literal, TypeAlias, get_args
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_decimal

Lang: TypeAlias = Literal["fr", "en"]
LANGS: Final[tuple[Lang, ...]] = get_args(Lang)

NO_VALUE: Final = "–"
"""Stands where there is no value: neither 0 nor 100 % (rule A2)."""
NARROW_NBSP: Final = "\u202f"
"""A narrow space without a break: what French puts before `%` and some other signs, and between thousands."""


class ReportFormat(StrEnum):
    """How a report is written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    HTML = "html"

    @property
    def media_type(self) -> str:
        """What it is to HTTP."""
        return {
            ReportFormat.TABLE: "text/plain; charset=utf-8",
            ReportFormat.CSV: "text/csv; charset=utf-8",
            ReportFormat.JSON: "application/json",
            ReportFormat.HTML: "text/html; charset=utf-8",
        }[self]

    @property
    def ending(self) -> str:
        """How the name of a file of it ends, without the dot."""
        return "txt" if self is ReportFormat.TABLE else self.value


class Formatter:
    """One language with its texts, and the time zone in which it shows instants."""

    def __init__(self, lang: Lang, zone: ZoneInfo, texts: Mapping[str, str]) -> None:
        self.lang, self.zone = lang, zone
        self.locale = Locale.parse({"fr": "fr_FR", "en": "en_GB"}[lang])
        self.point: str = self.locale.number_symbols["latn"]["decimal"]
        self.percent_sign = f"{NARROW_NBSP}%" if lang == "fr" else "%"
        self.number = lru_cache(maxsize=4096)(self._number)
        self._texts = texts

    def text(self, name: str, /, **fields: object) -> str:
        """Return a text, its fields filled in; `n` chooses among the forms of a plural, parted by `|`."""
        text = self._texts[name]
        if "n" in fields:
            count = int(str(fields["n"]))
            one, _, many = text.partition("|")
            text = one if not many or self.locale.plural_form(count) == "one" else many
            fields["n"] = self.number(count)
        return text.format(**fields) if fields else text

    def _number(self, value: float, digits: int = 0) -> str:
        pattern = "#,##0." + "0" * digits if digits else "#,##0"
        return str(format_decimal(value, pattern, locale=self.locale))

    def day(self, day: date) -> str:
        """Return a day in words."""
        text = str(format_date(day, "d MMMM y", locale=self.locale))
        # French numbers the first of a month as the first; the tables of the library do not know that.
        return f"1er{text[1:]}" if self.lang == "fr" and day.day == 1 else text

    def short_day(self, day: date) -> str:
        """Return a day and its month, in few signs."""
        return str(format_date(day, "d MMM", locale=self.locale))

    def month(self, day: date) -> str:
        """Return the month of a day, with its year, as a title."""
        text = str(format_date(day, "LLLL y", locale=self.locale))
        return text[:1].upper() + text[1:]
