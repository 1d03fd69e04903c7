"""How a language writes what the reports say: texts, plurals, numbers, instants.

Figures come in as texts that are already rounded; a language swaps signs and digits' grouping, never digits.
"""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo

from camwatch.i18n import NARROW_NBSP, NO_VALUE, Formatter, Lang
from camwatch.reports.figures import FormattedFigure, Kind
from camwatch.reports.period import Period, local
from camwatch.reports.translations import TEXTS

_NARROW = re.compile(r" (?=[%:;!?»])|(?<=«) ")
_QUARTER = 900_000  # ms; the offsets of all zones change at full quarters of an hour


class Language(Formatter):
    """One language, and the time zone in which it shows instants."""

    def __init__(self, lang: Lang, zone: ZoneInfo) -> None:
        column = 0 if lang == "fr" else 1
        super().__init__(lang, zone, {name: typeset(forms[column], lang) for name, forms in TEXTS.items()})
        self._quarters: dict[int, tuple[str, int, str]] = {}
        self._pattern = "%d/%m/%Y" if lang == "fr" else "%Y-%m-%d"

    def shown(self, figure: FormattedFigure) -> str:
        """Return a figure as this language writes it."""
        if figure.text is None:
            return NO_VALUE
        if figure.kind is Kind.PERCENT:
            return self.percent(figure.text)
        if figure.kind is Kind.BOOLEAN:
            return self.text(figure.text)
        return self.duration(figure.text) if figure.kind is Kind.DURATION else self.number(int(figure.text))

    def percent(self, text: str | None) -> str:
        """Return a percentage, with its sign."""
        if text is None:
            return NO_VALUE
        return f"{text.replace('.', self.point)}{self.percent_sign}"

    def duration(self, text: str) -> str:
        """Return a duration, with a real minus."""
        return text.replace("-", "−")

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
    return _NARROW.sub(NARROW_NBSP, text) if lang == "fr" else text.replace(" %", "%")
