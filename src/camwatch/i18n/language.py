"""How one language writes texts, numbers, percentages, durations and instants."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_decimal

from camwatch.i18n import rounding
from camwatch.i18n.catalogs import LOCALES, translations
from camwatch.i18n.labels import LABELS

NO_VALUE: Final = "–"
"""The text of a missing value: neither 0 nor 100 % (rule A2)."""

_PAGE_DIGITS: Final = 2  # after the point of a percentage on a page; reports have three
_QUARTER_MS: Final = 900_000  # the offsets of all zones change at full quarters of an hour


class Language:
    """One language, and the time zone in which it shows instants.

    Texts come from the catalogue of `lang` in the folder `locales`; one that is missing there stays English.
    """

    def __init__(self, lang: str, zone: ZoneInfo, locales: Path = LOCALES) -> None:
        self.lang, self.zone = lang, zone
        self.locale = Locale.parse("en_GB" if lang == "en" else lang)
        self.point: str = self.locale.number_symbols["latn"]["decimal"]
        # Babel has a full no-break space before the sign; typography wants a narrow one.
        self.percent_sign = (
            str(self.locale.percent_formats[None].pattern).rpartition("0")[2].replace("\xa0", "\u202f") or "%"
        )
        self.number = lru_cache(maxsize=4096)(self._number)
        self._texts = translations(lang, locales)
        self._quarter_hour = lru_cache(maxsize=None)(self._format_quarter_hour)

    # --- texts

    def gettext(self, text: str, /, **fields: object) -> str:
        """Return the translation of an English text, its fields filled in if any are given."""
        translated = self._texts.gettext(text)
        return translated.format(**fields) if fields else translated

    def ngettext(self, singular: str, plural: str, n: int, /, **fields: object) -> str:
        """Return the translation for a number, which fills in the field `n`."""
        return self._texts.ngettext(singular, plural, n).format(n=self.number(n), **fields)

    def label(self, group: str, value: str, **fields: object) -> str:
        """Return the name of a value: `group` is one of `LABELS`, `value` one of its keys."""
        return self.gettext(LABELS[group][value], **fields)

    # --- numbers

    def _number(self, value: float, digits: int = 0) -> str:
        pattern = "#,##0." + "0" * digits if digits else "#,##0"
        return str(format_decimal(value, pattern, locale=self.locale))

    def percent(self, part: int, whole: int, digits: int = _PAGE_DIGITS) -> str:
        """Return a share in percent, rounded down."""
        return self.percent_text(rounding.percent(part, whole, digits))

    def ratio(self, ratio: float | None) -> str:
        """Return a ratio in percent, rounded down; a tolerance makes up for binary fractions."""
        return NO_VALUE if ratio is None else self.percent(int(ratio * 10**4 + 1e-6), 10**4)

    def format_objective(self, objective: float | None) -> str:
        """Return an objective in percent with all of its digits."""
        text = None if objective is None else rounding.format_objective(objective, _PAGE_DIGITS)
        return self.percent_text(text)

    def percent_text(self, text: str | None) -> str:
        """Return a rounded percentage with the point and the sign of this language."""
        return NO_VALUE if text is None else f"{text.replace('.', self.point)}{self.percent_sign}"

    # --- durations

    def format_duration(self, milliseconds: float) -> str:
        """Return a duration in its two largest units, rounded down."""
        seconds = int(milliseconds // 1000)
        days, rest = divmod(max(seconds, 0), 86_400)
        hours, rest = divmod(rest, 3600)
        minutes, second = divmod(rest, 60)
        if days:
            day = self.gettext("{n} d", n=self.number(days))
            return f"{day} {hours} h" if hours else day
        if hours:
            return f"{hours} h {minutes:02} min"
        if minutes >= 10 or (minutes and not second):
            return f"{minutes} min"
        return f"{minutes} min {second:02} s" if minutes else f"{second} s"

    def hours_minutes_seconds(self, milliseconds: int) -> str:
        """Return a duration as h:mm:ss, rounded down, with a real minus sign."""
        return rounding.hours_minutes_seconds(milliseconds).replace("-", "−")

    # --- days and instants

    def day(self, day: date) -> str:
        """Return a day in words."""
        text = str(format_date(day, "d MMMM y", locale=self.locale))
        # French has an ordinal for the first of a month; Babel's patterns have none.
        return f"1er{text[1:]}" if self.lang == "fr" and day.day == 1 else text

    def short_day(self, day: date) -> str:
        """Return a day and its month, abbreviated."""
        return str(format_date(day, "d MMM", locale=self.locale))

    def month(self, day: date) -> str:
        """Return the month of a day with its year, as a title."""
        text = str(format_date(day, "LLLL y", locale=self.locale))
        return text[:1].upper() + text[1:]

    def clock(self, at: datetime) -> str:
        """Return the time of day, to the second."""
        return f"{at.astimezone(self.zone):%H:%M:%S}"

    def instant(self, at: datetime) -> str:
        """Return an instant in words, to the second."""
        return f"{self.day(at.astimezone(self.zone).date())} {self.clock(at)}"

    def format_relative_day(self, at: datetime, now: datetime) -> str:
        """Return an instant, with its day unless that is today."""
        local, today = at.astimezone(self.zone), now.astimezone(self.zone)
        if local.date() == today.date():
            return self.clock(at)
        if local.date() == today.date() - timedelta(days=1):
            yesterday = self.gettext("yesterday")
            return f"{yesterday} {local:%H:%M}"
        day = self.short_day if abs((today - local).days) < 300 else self.day
        return f"{day(local.date())} {local:%H:%M}"

    def timestamp(self, ms: int) -> str:
        """Return an instant (UTC milliseconds) in digits, with its offset in the hour that comes twice."""
        quarter, rest = divmod(ms, _QUARTER_MS)
        hour, minute, offset = self._quarter_hour(quarter)
        minutes, second = divmod(rest // 1000, 60)
        return f"{hour}:{minute + minutes:02}:{second:02}{offset}"

    def _format_quarter_hour(self, quarter: int) -> tuple[str, int, str]:
        moment = datetime.fromtimestamp(quarter * _QUARTER_MS // 1000, UTC).astimezone(self.zone)
        ambiguous = moment.replace(fold=0).utcoffset() != moment.replace(fold=1).utcoffset()
        # Translators: the pattern of a date in digits (Unicode CLDR).
        day = format_date(moment.date(), self.gettext("yyyy-MM-dd"), locale=self.locale)
        return f"{day} {moment:%H}", moment.minute, f" {moment:%z}" if ambiguous else ""
