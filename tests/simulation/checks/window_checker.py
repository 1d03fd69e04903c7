"""A second account of every window that is shown (A4, A5), from plain calendar arithmetic."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta

from camwatch.core.model import MaintenanceWindow
from camwatch.core.status_time import StatusTime
from tests.simulation.checks import history_checker
from tests.simulation.model.camera import Mind
from tests.simulation.model.fleet import Opinion
from tests.simulation.model.records import Piece
from tests.simulation.plans.codec import DAY, HOUR
from tests.simulation.plans.plan import PARIS

_ROLLING = {"1h": HOUR, "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY, "365d": 365 * DAY}


def starts(now: int) -> dict[str, int]:
    """Return when each window that ends now began."""
    today = datetime.fromtimestamp(now / 1000, PARIS).date()
    days = {
        "day": today,
        "week": today - timedelta(days=today.weekday()),
        "month": today.replace(day=1),
        "year": today.replace(month=1, day=1),
    }
    return {name: now - length for name, length in _ROLLING.items()} | {
        name: _midnight(day) for name, day in days.items()
    }


def spent(lives: Iterable[list[Piece]], start: int, end: int) -> dict[str, int]:
    """Return the milliseconds of [start, end) in each status, of all cameras together."""
    found = dict.fromkeys(("up", "down", "unknown", "maintenance"), 0)
    for life in lives:
        for piece in life:
            found[piece.status] += max(0, min(piece.end, end) - max(piece.start, start))
    return found


def problems(
    opinion: Opinion, operator: str, told: dict[str, StatusTime], works: Sequence[MaintenanceWindow]
) -> Iterator[str]:
    """Yield where an operator's accounts are not what they should be: exactly, or within what is not sure."""
    minds = [mind for mind in opinion.minds.values() if mind.operator == operator and mind.changes]
    if any(_undecided(opinion, mind) for mind in minds):
        return
    now = opinion.now.utc
    lives: tuple[list[list[Piece]], list[list[Piece]]] = ([], [])
    for mind in minds:
        judged = history_checker.judged(mind, opinion.books[mind.name], now)
        undecided = opinion.hearings[mind.name].is_undecided(opinion.now.at)
        proven = history_checker.fills(mind, 0, mind.late_before if undecided else None)
        for found, fills in zip(lives, proven, strict=True):
            found.append(history_checker.corrected(mind, judged, fills, (), works))
    for name, start in starts(now).items():
        least, most = (spent(life, start, now) for life in lives)
        for status, count in least.items():
            edges = sorted((count, most[status]))
            if not edges[0] <= getattr(told[name], status) <= edges[1]:
                yield f"{operator}, {name}: told is {told[name]}, should be {least}"


def _undecided(opinion: Opinion, mind: Mind) -> bool:
    """Whether what reaches back is told later: maintenance over a life that is not settled, its site."""
    if mind.strayed:  # corrections on its sites reach back with the next derivation only
        return True
    if mind.settled is None:
        return False
    settled = mind.settled + opinion.now.utc - opinion.now.at
    cover = opinion.books[mind.name].cover
    return any(settled <= edge <= opinion.now.utc for span in cover for edge in span)


def _midnight(day: date) -> int:
    return round(datetime.combine(day, time.min, PARIS).timestamp() * 1000)
