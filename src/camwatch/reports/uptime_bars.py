"""The chart of a camera's days: one strip of cells, drawn with few strokes.

A cell tells its level twice, by colour and by the height of its bar or by its hatching, so that it reads
in grey and for those who see no red. Runs of equal cells are one dashed stroke: 458 cameras stay small.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from camwatch.core.status_time import StatusTime
from camwatch.reports import rounding
from camwatch.reports.figures import add_account
from camwatch.reports.formatting import Language
from camwatch.reports.model import CameraRow, Report

MOST_DAYS = 62
"""A longer period is drawn by months."""
CELL, BAR, HEIGHT = 10, 9, 12
"""Width of a cell, width of what is drawn in it, and its height, in the units of the drawing."""
FEW = 6
"""That many days are named in the text that stands for a strip."""


class UptimeLevel(StrEnum):
    """What a day was: the better the smaller; then those without an availability."""

    FULL = "0"
    HIGH = "1"
    FAIR = "2"
    LOW = "3"
    POOR = "4"
    UNKNOWN = "unknown"
    MAINTENANCE = "maintenance"
    NOTHING = "nothing"


_BAR_HEIGHTS = {UptimeLevel.HIGH: 3, UptimeLevel.FAIR: 6, UptimeLevel.LOW: 9, UptimeLevel.POOR: 12}
_COVERED = (UptimeLevel.FULL, UptimeLevel.HIGH, UptimeLevel.FAIR, UptimeLevel.LOW, UptimeLevel.POOR)


def level(account: StatusTime | None) -> UptimeLevel:
    """Return the level of a day (or month): by its availability, or why it has none."""
    if account is None or not account.in_service:
        return UptimeLevel.NOTHING
    covered = account.up + account.down
    if not covered:
        return UptimeLevel.MAINTENANCE if account.maintenance >= account.unknown else UptimeLevel.UNKNOWN
    if not account.down:
        return UptimeLevel.FULL
    limits = ((99, UptimeLevel.HIGH), (95, UptimeLevel.FAIR), (80, UptimeLevel.LOW))
    return next((name for share, name in limits if account.up * 100 >= share * covered), UptimeLevel.POOR)


def is_partly_unknown(account: StatusTime | None) -> bool:
    """Tell whether more than a tenth of a day that has an availability is unknown."""
    if account is None or not account.up + account.down:
        return False
    return account.unknown * 10 > account.up + account.down + account.unknown


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """The cells of a period: days, or months where there are many; `first` is the first day of each."""

    by_month: bool
    first: tuple[date, ...]
    cells: tuple[int, ...]  # of each day, the number of its cell

    @property
    def width(self) -> int:
        """Return the width of the drawing."""
        return len(self.first) * CELL

    def labels(self) -> Iterator[tuple[float, str]]:
        """Return where what stands above the cells: the day or the month; not every day has room."""
        for number, day in enumerate(self.first):
            named = self.by_month or day.day == 1 or day.day % 5 == 0
            if named or len(self.first) < 8:
                yield number * CELL + BAR / 2, str(day.month if self.by_month else day.day)


def axis(days: Sequence[date]) -> TimeAxis:
    """Return the cells for the days of a period."""
    if len(days) <= MOST_DAYS:
        return TimeAxis(False, tuple(days), tuple(range(len(days))))
    months: list[date] = []
    cells = []
    for day in days:
        if not months or day.replace(day=1) != months[-1].replace(day=1):
            months.append(day)
        cells.append(len(months) - 1)
    return TimeAxis(True, tuple(months), tuple(cells))


@dataclass(frozen=True, slots=True)
class Strip:
    """One camera's drawing: the class of each path and its data; `text` says the same in words."""

    paths: tuple[tuple[str, str], ...]
    text: str


class Chart:
    """The strips of the cameras of a report."""

    def __init__(self, report: Report, language: Language) -> None:
        self.axis = axis(report.days)
        self._language = language
        self._names = [
            language.month(day) if self.axis.by_month else language.short_day(day) for day in self.axis.first
        ]

    def strip(self, camera: CameraRow) -> Strip:
        """Return the drawing of a camera."""
        accounts = self._accounts(camera)
        return Strip(tuple(_paths(accounts)), self._text(accounts))

    def _accounts(self, camera: CameraRow) -> list[StatusTime | None]:
        accounts: list[StatusTime | None] = [None] * len(self.axis.first)
        for number, account in camera.days.items():
            cell = self.axis.cells[number]
            into = accounts[cell]
            if not self.axis.by_month:
                accounts[cell] = account
            elif into is None:
                accounts[cell] = into = StatusTime()
                add_account(into, account)
            else:
                add_account(into, account)
        return accounts

    def _text(self, accounts: Sequence[StatusTime | None]) -> str:
        language = self._language
        found = [
            f"{name} {language.percent(rounding.percent(account.up, account.up + account.down))}"
            for name, account in zip(self._names, accounts, strict=True)
            if account is not None and account.down
        ]
        seen = any(account is not None and account.up + account.down for account in accounts)
        if not found:
            return language.text("chart_perfect" if seen else "chart_unseen")
        more = ", …" if len(found) > FEW else ""
        return language.text("chart_few", days=", ".join(found[:FEW]) + more)


def legend_items() -> dict[str, Strip]:
    """Return one cell of each kind, by the name of its text."""
    of_hundred = {
        UptimeLevel.FULL: 100,
        UptimeLevel.HIGH: 99,
        UptimeLevel.FAIR: 95,
        UptimeLevel.LOW: 80,
        UptimeLevel.POOR: 50,
    }
    accounts = {f"level_{name}": StatusTime(up=up, down=100 - up) for name, up in of_hundred.items()}
    accounts["partly"] = StatusTime(up=1, unknown=1)
    accounts["level_unknown"] = StatusTime(unknown=1)
    accounts["level_maintenance"] = StatusTime(maintenance=1)
    return {name: Strip(tuple(_paths([account])), "") for name, account in accounts.items()}


def _paths(accounts: Sequence[StatusTime | None]) -> Iterator[tuple[str, str]]:
    """Draw: a dashed line is a run of cells, strokes over it say what they are."""
    levels = [level(account) for account in accounts]
    middle = HEIGHT / 2
    for name, kinds in (("c", _COVERED), ("u", (UptimeLevel.UNKNOWN,)), ("m", (UptimeLevel.MAINTENANCE,))):
        runs = list(_runs([found in kinds for found in levels]))
        if runs:
            yield name, "".join(f"M{start * CELL} {middle:g}H{end * CELL - 1}" for start, end in runs)
    bars = [(number, _BAR_HEIGHTS[found]) for number, found in enumerate(levels) if found in _BAR_HEIGHTS]
    if bars:
        yield "d", "".join(f"M{x * CELL} {HEIGHT}v-{high}h{BAR}v{high}z" for x, high in bars)
    unknown = [number for number, found in enumerate(levels) if found is UptimeLevel.UNKNOWN]
    if unknown:
        yield "h", "".join(_hatched(unknown, HEIGHT))
    partly = [number for number, account in enumerate(accounts) if is_partly_unknown(account)]
    if partly:
        yield "h", "".join(_hatched(partly, HEIGHT / 2))
    worked_on = [number for number, found in enumerate(levels) if found is UptimeLevel.MAINTENANCE]
    if worked_on:
        yield "w", "".join(f"M{x * CELL + 1.5:g} 4h6m-6 4h6" for x in worked_on)


def _hatched(cells: Iterable[int], high: float) -> Iterator[str]:
    for cell in cells:
        left = cell * CELL
        half, middle = high / 2, left + BAR / 2
        right = f"L{left + BAR}"
        yield f"M{left} {high:g}{right} 0M{left} {half:g}L{middle:g} 0M{middle:g} {high:g}{right} {half:g}"


def _runs(flags: Sequence[bool]) -> Iterator[tuple[int, int]]:
    start = None
    for number, flag in enumerate([*flags, False]):
        if flag and start is None:
            start = number
        elif not flag and start is not None:
            yield start, number
            start = None
