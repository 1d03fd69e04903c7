"""How a language writes what the reports say: texts, plurals, numbers, instants.

Figures come in as texts that are already rounded; a language swaps signs and digits' grouping, never digits.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_decimal

from camwatch.reports.figures import Kind, Shown
from camwatch.reports.period import Period, local
from camwatch.reports.texts import TEXTS

Lang: TypeAlias = Literal["fr", "en"]

NONE = "–"
"""Stands where there is no value: neither 0 nor 100 % (rule A2)."""
_THIN = "\u202f"  # narrow, no break: what French puts before these signs, and between thousands
_NARROW = re.compile(r" (?=[%:;!?»])|(?<=«) ")
_QUARTER = 900_000  # ms; the offsets of all zones change at full quarters of an hour


class Language:
    """One language, and the time zone in which it shows instants."""

    def __init__(self, lang: Lang, zone: ZoneInfo) -> None:
        self.lang, self.zone = lang, zone
        self._locale = Locale.parse({"fr": "fr_FR", "en": "en_GB"}[lang])
        column = 0 if lang == "fr" else 1
        self._texts = {name: typeset(forms[column], lang) for name, forms in TEXTS.items()}
        self._quarters: dict[int, tuple[str, int, str]] = {}
        self._pattern = "%d/%m/%Y" if lang == "fr" else "%Y-%m-%d"
        self.point = self._locale.number_symbols["latn"]["decimal"]
        self.number = lru_cache(maxsize=4096)(self._number)

    def text(self, name: str, **fields: object) -> str:
        """Return a text, with its fields filled in; `n` chooses among the forms of a plural."""
        text = self._texts[name]
        if "n" in fields:
            count = int(str(fields["n"]))
            one, _, many = text.partition("|")
            text = one if not many or self._locale.plural_form(count) == "one" else many
            fields["n"] = self.number(count)
        return text.format(**fields) if fields else text

    def shown(self, figure: Shown) -> str:
        """Return a figure as this language writes it."""
        if figure.text is None:
            return NONE
        if figure.kind is Kind.PERCENT:
            return self.percent(figure.text)
        if figure.kind is Kind.YES:
            return self.text(figure.text)
        return self.duration(figure.text) if figure.kind is Kind.DURATION else self.number(int(figure.text))

    def percent(self, text: str | None) -> str:
        """Return a percentage, with its sign."""
        if text is None:
            return NONE
        return f"{text.replace('.', self.point)}{_THIN if self.lang == 'fr' else ''}%"

    def duration(self, text: str) -> str:
        """Return a duration, with a real minus."""
        return text.replace("-", "−")

    def _number(self, count: int) -> str:
        return format_decimal(count, locale=self._locale)

    def instant(self, ms: int) -> str:
        """Return an instant to the second, rounded down, with its offset in the hour that comes twice."""
        quarter = ms // _QUARTER
        found = self._quarters.get(quarter)
        if found is None:
            moment = local(quarter * _QUARTER, self.zone)
            twice = moment.replace(fold=0).utcoffset() != moment.replace(fold=1).utcoffset()
            offset = f" {moment:%z}" if twice else ""
            found = f"{moment:{self._pattern} %H}", moment.minute, offset
            self._quarters[quarter] = found
        hour, minute, offset = found
        minutes, second = divmod(ms // 1000 - quarter * 900, 60)
        return f"{hour}:{minute + minutes:02}:{second:02}{offset}"

    def day(self, day: date) -> str:
        """Return a day in words."""
        text = format_date(day, "d MMMM y", locale=self._locale)
        # French numbers the first of a month as the first; the tables of the library do not know that.
        return re.sub(r"^1 ", "1er ", text) if self.lang == "fr" else text

    def short_day(self, day: date) -> str:
        """Return a day and its month, in few signs."""
        return format_date(day, "d MMM", locale=self._locale)

    def month(self, day: date) -> str:
        """Return the month of a day, with its year, as a title."""
        text = format_date(day, "LLLL y", locale=self._locale)
        return text[:1].upper() + text[1:]

    def period(self, period: Period) -> str:
        """Return a period in words: its month, or its days."""
        if period.month:
            return self.month(period.first)
        if period.first == period.last:
            return self.day(period.first)
        return self.text("from_to", first=self.day(period.first), last=self.day(period.last))

    def span(self, period: Period) -> str:
        """Return the first and the last day of a period."""
        return self.text("from_to", first=self.day(period.first), last=self.day(period.last))


def typeset(text: str, lang: Lang) -> str:
    """Put narrow no-break spaces where French wants them; other languages keep what they have."""
    return _NARROW.sub(_THIN, text) if lang == "fr" else text.replace(" %", "%")
