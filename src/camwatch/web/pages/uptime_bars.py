"""The uptime bars of the last days (drawn as in reports), and the status bar of the last 24 hours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from camwatch.core.status_time import StatusTime
from camwatch.i18n import Language
from camwatch.reports.uptime_bars import BAR, CELL, Paths, UptimeLevel, describe, draw, level
from camwatch.web.views.history import StatusIntervalView

DAYS: Final = 90
_DAY: Final = timedelta(days=1)
_MS: Final = timedelta(milliseconds=1)
_MINUTE_MS: Final = 60_000
_MIN_WIDTH: Final = 3.0  # minutes; narrower is not visible


@dataclass(frozen=True, slots=True)
class DailyBars:
    """The bars of some days: `text` is the text alternative, `values` are the days' tooltips, `|` between."""

    width: int
    paths: Paths
    text: str
    values: str
    first: str


def daily_bars(w: Language, days: Sequence[StatusTime], first: date) -> DailyBars:
    """Return the bars of consecutive days from `first` on."""
    names = [w.short_day(first + timedelta(days=number)) for number in range(len(days))]
    text = describe(w, days, names, digits=2)
    unknown = sum(day.unknown > 0 for day in days)
    if unknown and any(day.up + day.down for day in days):
        text += " " + w.ngettext("{n} day with unknown time.", "{n} days with unknown time.", unknown)
    width = len(days) * CELL - (CELL - BAR)
    return DailyBars(width, draw(days), text, "|".join(_tooltip(w, day) for day in days), first.isoformat())


def _tooltip(w: Language, day: StatusTime) -> str:
    match level(day):
        case UptimeLevel.NOT_IN_SERVICE:
            return w.gettext("not in service")
        case UptimeLevel.MAINTENANCE:
            return w.gettext("maintenance")
        case UptimeLevel.UNKNOWN:
            return w.gettext("unknown")
    availability = w.percent(day.up, day.up + day.down)
    spent = _status_times(w, {"down": day.down, "unknown": day.unknown})
    return f"{availability} ({spent})" if spent else availability


def _status_times(w: Language, spent: dict[str, int]) -> str:
    return ", ".join(
        f"{w.label('status', name).lower()} {w.format_duration(ms)}" for name, ms in spent.items() if ms
    )


@dataclass(frozen=True, slots=True)
class StatusBar:
    """The status of the last 24 hours: intervals (status, x, width in minutes), labels, text alternative."""

    intervals: tuple[tuple[str, str, str], ...]
    labels: tuple[str, ...]
    text: str


def status_bar(w: Language, found: Sequence[StatusIntervalView], now: datetime) -> StatusBar:
    """Return the status of a camera in the last 24 hours."""
    start = now - _DAY
    drawn, spent = [], dict.fromkeys(("up", "down", "unknown", "maintenance"), 0)
    for interval in found:
        status = interval.status.value
        begin = max((interval.start - start) // _MS, 0)
        duration = min((interval.end - start) // _MS, _DAY // _MS) - begin
        if status in spent and duration > 0:
            spent[status] += duration
            width = max(duration / _MINUTE_MS, _MIN_WIDTH)
            drawn.append((status, f"{begin / _MINUTE_MS:.1f}", f"{width:.1f}"))
    times = _status_times(w, spent)
    text = w.gettext("Last 24 hours: {parts}.", parts=times) if times else w.gettext("Not in service.")
    marks = (start + timedelta(hours=hours) for hours in range(0, 25, 6))
    labels = tuple(f"{mark.astimezone(w.zone):%H:%M}" for mark in marks)
    # Up time first: the widened intervals are drawn over it.
    return StatusBar(tuple(sorted(drawn, key=lambda each: each[0] != "up")), labels, text)
