"""The bars of days, and of the last 24 hours: drawn with few strokes, and said in words for who sees none.

A day tells what it was by height and by pattern before it tells by colour: red grows from the bottom with the
share that was down, unknown time is hatched from the top, maintenance is a lower bar, nothing is a line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from camwatch.core.status_time import StatusTime
from camwatch.i18n import NO_VALUE
from camwatch.web.pages.formatting import Language
from camwatch.web.views.history import StatusIntervalView

DAYS: Final = 90
_CELL, _BAR, _HEIGHT = 10, 8, 24
_FEW: Final = 6  # days that are named in the words
_LEVELS: Final = ((0.999, 3), (0.99, 6), (0.95, 10), (0.80, 15))  # availability at least, height of the red
_SEEN_FROM: Final = 100  # unknown time is drawn from this part of the day on, a quarter of an hour
_DAY: Final = timedelta(days=1)
_MS: Final = timedelta(milliseconds=1)
_MINUTE_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class UptimeBar:
    """A drawing of days: its paths by kind, the same in words, and each day's figure for the pointer."""

    width: int
    paths: tuple[tuple[str, str], ...]
    text: str
    values: str
    first: str


def strip(w: Language, accounts: Sequence[StatusTime], first: date) -> UptimeBar:
    """Return the drawing of some days in a row."""
    paths: dict[str, list[str]] = {}
    for number, account in enumerate(accounts):
        for kind, top, high in _bars(account):
            paths.setdefault(kind, []).append(f"M{number * _CELL} {top}h{_BAR}v{high}h-{_BAR}z")
    return UptimeBar(
        width=len(accounts) * _CELL - (_CELL - _BAR),
        paths=tuple((kind, "".join(found)) for kind, found in paths.items()),
        text=_words(w, accounts, first),
        values="|".join(_value(w, account) for account in accounts),
        first=first.isoformat(),
    )


def _bars(account: StatusTime) -> Iterable[tuple[str, int, int]]:
    """Yield what is drawn for a day: kind, top and height."""
    covered = account.up + account.down
    if not account.in_service:
        yield "nothing", 11, 2
    elif not covered:
        if account.maintenance >= account.unknown:
            yield "maintenance", 6, 12
        else:
            yield "unknown", 0, _HEIGHT
    else:
        yield "up", 0, _HEIGHT
        if account.down:
            share = account.up / covered
            high = next((height for least, height in _LEVELS if share >= least), _HEIGHT)
            yield "down", _HEIGHT - high, high
        if account.unknown * _SEEN_FROM >= covered + account.unknown:
            yield "unknown", 0, 9


def _value(w: Language, account: StatusTime) -> str:
    """Return what the pointer is told of a day; a stroke would part the days."""
    t = w.text
    if not account.in_service:
        return t("legend_nothing")
    if not account.up + account.down:
        return t("legend_maintenance" if account.maintenance >= account.unknown else "legend_unknown")
    parts = ("down", account.down), ("unknown", account.unknown)
    spent = ", ".join(f"{t(f'status_{kind}').lower()} {w.format_duration(ms)}" for kind, ms in parts if ms)
    told = w.percent(account.up, account.up + account.down)
    return f"{told} ({spent})" if spent else told


def _words(w: Language, accounts: Sequence[StatusTime], first: date) -> str:
    seen = any(account.up + account.down for account in accounts)
    if not seen:
        return w.text("strip_unseen")
    bad = [
        f"{w.short_day(first + timedelta(days=number))} {w.percent(account.up, account.up + account.down)}"
        for number, account in enumerate(accounts)
        if account.down
    ]
    dark = sum(account.unknown > 0 for account in accounts)
    told = w.text("strip_perfect")
    if bad:
        told = w.text("strip_few", days=", ".join(bad[-_FEW:]) + (", …" if len(bad) > _FEW else ""))
    return f"{told} {w.text('strip_unknown', n=dark)}" if dark else told


@dataclass(frozen=True, slots=True)
class DayBar:
    """A drawing of the last 24 hours: stretches (kind, x, width) in minutes, the times below, and words."""

    stretches: tuple[tuple[str, str, str], ...]
    labels: tuple[str, ...]
    text: str


def hours(w: Language, found: Sequence[StatusIntervalView], now: datetime) -> DayBar:
    """Return the drawing of what a camera was in the 24 hours before now."""
    start = now - _DAY
    drawn, spent = [], dict.fromkeys(("up", "down", "unknown", "maintenance"), 0)
    for stretch in found:
        kind = stretch.status.value
        begin = max((stretch.start - start) // _MS, 0)
        lasted = min((stretch.end - start) // _MS, _DAY // _MS) - begin
        if kind not in spent or lasted <= 0:
            continue
        spent[kind] += lasted
        # What is short must be seen, too: a line as wide as three minutes.
        wide = max(lasted / _MINUTE_MS, 3.0)
        drawn.append((kind != "up", kind, f"{begin / _MINUTE_MS:.1f}", f"{wide:.1f}"))
    parts = [
        f"{w.text(f'status_{kind}').lower()} {w.format_duration(ms)}" for kind, ms in spent.items() if ms
    ]
    text = w.text("hours_text", parts=", ".join(parts)) if parts else w.text("hours_nothing")
    marks = [start + timedelta(hours=each) for each in range(0, 25, 6)]
    labels = tuple(f"{mark.astimezone(w.zone):%H:%M}" for mark in marks)
    # The short ones last, so that they lie on top.
    return DayBar(tuple(each[1:] for each in sorted(drawn, key=lambda each: each[0])), labels, text)


def format_availability(w: Language, account: StatusTime) -> str:
    """Return the availability of an account."""
    return w.percent(account.up, account.up + account.down) if account.up + account.down else NO_VALUE
