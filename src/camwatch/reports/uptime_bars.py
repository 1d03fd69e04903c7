"""Uptime bars of reports and pages: a bar for each day or month, drawn as a few SVG paths.

Not only colour shows the level, but also height and hatching. A run of equal bars is one
horizontal line, which the style sheet makes as thick as the bars and dashes (`stroke-dasharray: 8 2`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from itertools import groupby
from typing import Final, TypeAlias

from camwatch.core.status_time import StatusTime, sum_status_times
from camwatch.i18n import Language
from camwatch.reports.model import CameraRow, Report

MAX_DAYS: Final = 62
"""A longer period has a bar for each month."""
CELL, BAR, HEIGHT = 10, 8, 24
"""Distance of the bars, width of a bar and height of the drawing, in the units of the drawing."""
_MIDDLE: Final = HEIGHT // 2
_NAMED: Final = 6  # days that are named in the text alternative

Paths: TypeAlias = tuple[tuple[str, str], ...]
"""Kind (`up`, `down`, `partly`, `unknown`, `maintenance`, `not_in_service`) and data of each path."""


class UptimeLevel(StrEnum):
    """The availability of a day, or why it has none."""

    FULL = "full"
    HIGH = "high"
    FAIR = "fair"
    LOW = "low"
    POOR = "poor"
    UNKNOWN = "unknown"
    MAINTENANCE = "maintenance"
    NOT_IN_SERVICE = "not_in_service"


_LIMITS: Final = ((99, UptimeLevel.HIGH), (95, UptimeLevel.FAIR), (80, UptimeLevel.LOW))  # percent
_DOWN_HEIGHTS: Final = {
    UptimeLevel.HIGH: 6,
    UptimeLevel.FAIR: 12,
    UptimeLevel.LOW: 18,
    UptimeLevel.POOR: HEIGHT,
}


def level(day: StatusTime | None) -> UptimeLevel:
    """Return the level of a day (or month)."""
    if day is None or not day.in_service:
        return UptimeLevel.NOT_IN_SERVICE
    covered = day.up + day.down
    if not covered:
        return UptimeLevel.MAINTENANCE if day.maintenance >= day.unknown else UptimeLevel.UNKNOWN
    if not day.down:
        return UptimeLevel.FULL
    return next((name for limit, name in _LIMITS if day.up * 100 >= limit * covered), UptimeLevel.POOR)


def is_partly_unknown(day: StatusTime | None) -> bool:
    """Return whether a hundredth (a quarter of an hour) of a day with an availability is unknown."""
    covered = 0 if day is None else day.up + day.down
    return day is not None and covered > 0 and day.unknown * 100 >= covered + day.unknown


def draw(days: Sequence[StatusTime | None]) -> Paths:
    """Return the paths of the bars."""
    levels = [level(day) for day in days]
    down = [(number, _DOWN_HEIGHTS[found]) for number, found in enumerate(levels) if found in _DOWN_HEIGHTS]
    drawn = {
        "up": _runs([found in _DOWN_HEIGHTS or found is UptimeLevel.FULL for found in levels], _MIDDLE),
        "down": "".join(f"M{x * CELL} {HEIGHT}v-{high}h{BAR}v{high}z" for x, high in down),
        "partly": _runs([is_partly_unknown(day) for day in days], 4),
        "unknown": _runs([found is UptimeLevel.UNKNOWN for found in levels], _MIDDLE),
        "maintenance": _runs([found is UptimeLevel.MAINTENANCE for found in levels], _MIDDLE),
        "not_in_service": _runs([found is UptimeLevel.NOT_IN_SERVICE for found in levels], _MIDDLE),
    }
    return tuple((kind, path) for kind, path in drawn.items() if path)


def _runs(flags: Sequence[bool], y: int) -> str:
    """Return a horizontal line at `y` for each run of bars."""
    path, start = "", 0
    for flag, run in groupby(flags):
        end = start + len(list(run))
        if flag:
            path += f"M{start * CELL} {y}H{end * CELL - (CELL - BAR)}"
        start = end
    return path


def describe(language: Language, days: Sequence[StatusTime | None], names: Sequence[str], digits: int) -> str:
    """Return the text alternative: the availability of the last days that were below 100 %."""
    known = [(name, day) for name, day in zip(names, days, strict=True) if day is not None]
    below = [
        f"{name} {language.percent(day.up, day.up + day.down, digits)}" for name, day in known if day.down
    ]
    if below:
        listed = ", ".join(below[-_NAMED:]) + (", …" if len(below) > _NAMED else "")
        return language.gettext("Below 100%: {days}.", days=listed)
    if any(day.up for _, day in known):
        return language.gettext("Always up while visible.")
    return language.gettext("Never visible.")


def legend_items(language: Language) -> dict[str, Paths]:
    """Return one bar of each kind, by its name."""
    samples = {language.percent_text("100"): StatusTime(up=100)}
    for limit, _ in _LIMITS:
        samples[f"≥ {language.percent_text(str(limit))}"] = StatusTime(up=limit, down=100 - limit)
    samples |= {
        f"< {language.percent_text('80')}": StatusTime(down=1),
        language.gettext("partly unknown"): StatusTime(up=1, unknown=1),
        language.gettext("unknown"): StatusTime(unknown=1),
        language.gettext("maintenance"): StatusTime(maintenance=1),
        language.gettext("not in service"): StatusTime(),
    }
    return {name: draw([day]) for name, day in samples.items()}


class Chart:
    """The uptime bars of the cameras of a report: a bar for each day, or each month of a long period."""

    def __init__(self, report: Report, language: Language) -> None:
        self._language = language
        self.by_month = len(report.days) > MAX_DAYS
        month = (lambda number: report.days[number].replace(day=1)) if self.by_month else None
        self._days = [list(numbers) for _, numbers in groupby(range(len(report.days)), month)]  # of each bar
        self.first = [report.days[numbers[0]] for numbers in self._days]
        self.width = len(self.first) * CELL
        name = language.month if self.by_month else language.short_day
        self._names = [name(day) for day in self.first]

    def labels(self) -> Iterator[tuple[float, str]]:
        """Yield the position and the text of each label: the number of a month, or of every fifth day."""
        for number, day in enumerate(self.first):
            if self.by_month or day.day == 1 or day.day % 5 == 0 or len(self.first) < 8:
                yield number * CELL + BAR / 2, str(day.month if self.by_month else day.day)

    def bars(self, camera: CameraRow) -> tuple[Paths, str]:
        """Return the drawing of a camera and its text alternative."""
        parts = [[camera.days[number] for number in days if number in camera.days] for days in self._days]
        times = [sum_status_times(part) if part else None for part in parts]
        return draw(times), describe(self._language, times, self._names, digits=3)
