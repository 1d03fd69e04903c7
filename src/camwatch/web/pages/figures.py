"""Figures of pages: availability, coverage and the error budget (rule A7), as text."""

from __future__ import annotations

from dataclasses import dataclass

from camwatch.accounting.objectives import error_budget_ms, objective_met
from camwatch.i18n import NO_VALUE, Language
from camwatch.web.views.history import StatusTimeView


def availability(w: Language, time: StatusTimeView | None) -> str:
    """Return the availability of some time."""
    return NO_VALUE if time is None else w.percent(time.up_ms, time.up_ms + time.down_ms)


def coverage(w: Language, time: StatusTimeView | None) -> str:
    """Return the coverage of some time."""
    if time is None:
        return NO_VALUE
    covered = time.up_ms + time.down_ms
    return w.percent(covered, covered + time.unknown_ms)


@dataclass(frozen=True, slots=True)
class Budget:
    """The rest of an error budget: milliseconds, as a share of it, and in words."""

    ms: int
    ratio: float
    met: bool
    left: str
    budget: str
    text: str


def budget_of(w: Language, time: StatusTimeView | None, objective: float | None) -> Budget | None:
    """Return an error budget; None without an objective or without covered time (rule A2)."""
    if time is None or objective is None or not time.up_ms + time.down_ms:
        return None
    covered = time.up_ms + time.down_ms
    budget_ms = error_budget_ms(objective, covered)
    left_ms = budget_ms - time.down_ms
    budget = w.format_duration(budget_ms)
    if left_ms >= 0:
        left = w.format_duration(left_ms)
        text = w.gettext("{left} of {budget}", left=left, budget=budget)
    else:
        text = left = w.gettext("exceeded by {time}", time=w.format_duration(-left_ms))
    met = bool(objective_met(objective, time.up_ms, covered))
    return Budget(left_ms, left_ms / budget_ms if budget_ms else 0.0, met, left, budget, text)
