"""How the pages write in one language: texts, plurals, numbers, instants, durations.

Figures are always rounded down, so that 99.9996 % never reads 100 %.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from markupsafe import Markup

from camwatch.i18n import NO_VALUE, Formatter, Lang
from camwatch.web.pages import translations_en, translations_fr

TEXTS: Final[dict[Lang, dict[str, str]]] = {"fr": translations_fr.TEXTS, "en": translations_en.TEXTS}

_FINE: Final = 10_000  # of a whole: hundredths of a percent


class Language(Formatter):
    """One language, and the time zone in which it shows instants."""

    def __init__(self, lang: Lang, zone: ZoneInfo) -> None:
        super().__init__(lang, zone, TEXTS[lang])

    def percent(self, part: int, whole: int) -> str:
        """Return a share in percent, rounded down to hundredths."""
        return self._percent(part * _FINE // whole) if whole > 0 else NO_VALUE

    def format_objective(self, objective: float | None) -> str:
        """Return an objective in percent with all of its digits, at least two after the point."""
        if objective is None:
            return NO_VALUE
        value = Decimal(str(objective)).scaleb(2)
        text = f"{value:f}" if -int(value.as_tuple().exponent) > 2 else f"{value:.2f}"
        return f"{text.replace('.', self.point)}{self.percent_sign}"

    def ratio(self, ratio: float | None) -> str:
        """Return a ratio in percent, rounded down to hundredths; binary fractions are let off a hair."""
        return NO_VALUE if ratio is None else self._percent(int(ratio * _FINE + 1e-6))

    def _percent(self, hundredths: int) -> str:
        units, rest = divmod(hundredths, 100)
        return f"{units}{self.point}{rest:02}{self.percent_sign}"

    # --- durations

    def format_duration(self, milliseconds: float) -> str:
        """Return a duration in its two greatest units, rounded down."""
        seconds = int(milliseconds // 1000)
        days, rest = divmod(max(seconds, 0), 86_400)
        hours, rest = divmod(rest, 3600)
        minutes, second = divmod(rest, 60)
        day = "j" if self.lang == "fr" else "d"
        if days:
            return f"{self.number(days)} {day} {hours} h" if hours else f"{self.number(days)} {day}"
        if hours:
            return f"{hours} h {minutes:02} min"
        if minutes >= 10 or (minutes and not second):
            return f"{minutes} min"
        return f"{minutes} min {second:02} s" if minutes else f"{second} s"

    # --- instants

    def format_relative_day(self, at: datetime, now: datetime) -> str:
        """Return an instant, the day only where it is not today."""
        local, today = at.astimezone(self.zone), now.astimezone(self.zone)
        clock = f"{local:%H:%M:%S}"
        if local.date() == today.date():
            return clock
        if local.date() == today.date() - timedelta(days=1):
            return f"{self.text('yesterday')} {local:%H:%M}"
        if abs((today - local).days) < 300:
            return f"{self.short_day(local.date())} {local:%H:%M}"
        return f"{self.day(local.date())} {local:%H:%M}"

    def instant(self, at: datetime) -> str:
        """Return an instant with its day, to the second."""
        local = at.astimezone(self.zone)
        return f"{self.day(local.date())} {local:%H:%M:%S}"

    def clock(self, at: datetime) -> str:
        """Return the time of day, to the second."""
        return f"{at.astimezone(self.zone):%H:%M:%S}"

    def time(self, at: datetime | None, now: datetime) -> Markup | str:
        """Return an instant for a page: local, and UTC when pointed at."""
        return NO_VALUE if at is None else self._element(at, self.format_relative_day(at, now), "")

    def format_age(self, at: datetime | None, now: datetime) -> Markup | str:
        """Return how long ago something was; the page keeps it counting."""
        if at is None:
            return NO_VALUE
        return self._element(at, self.format_duration((now - at).total_seconds() * 1000), " data-ago")

    def _element(self, at: datetime, text: str, more: str) -> Markup:
        utc = at.astimezone(UTC)
        return Markup(
            '<time datetime="{:%Y-%m-%dT%H:%M:%SZ}" title="{} – {:%Y-%m-%d %H:%M:%S} UTC"{}>{}</time>'
        ).format(
            utc,
            self.instant(at),
            utc,
            Markup(more),  # noqa: S704 - one of our own two literals
            text,
        )


def preferred(accept_language: str) -> Lang:
    """Return the language that a browser asks for: French or English, whichever it wants more.

    Without a word of either it is French: the house's own.
    """
    wanted: dict[str, float] = {}
    for part in accept_language.lower().split(","):
        tag, _, quality = part.strip().partition(";q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            continue
        wanted[tag.strip().partition("-")[0]] = max(weight, wanted.get(tag[:2], 0.0))
    return "en" if wanted.get("en", 0.0) > wanted.get("fr", 0.0) else "fr"
