"""The figures of a camera or a group: milliseconds and counts that add up, and how they are shown.

A group is the sum of its cameras, divided afterwards (rule A4).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from camwatch.accounting.objectives import error_budget_ms, objective_met
from camwatch.core.status_time import StatusTime, sum_status_times
from camwatch.i18n import rounding


class Kind(StrEnum):
    """The kind of a figure, which determines how a language writes it."""

    COUNT = "count"
    DURATION = "duration"  # exact in milliseconds, shown as h:mm:ss
    PERCENT = "percent"
    BOOLEAN = "yes"  # true or false


class FormattedFigure(NamedTuple):
    """A figure: `exact` is milliseconds, a count or a boolean (none for ratios); no `text`: no value."""

    kind: Kind
    exact: int | bool | None
    text: str | None


FIGURES = {
    "cameras": Kind.COUNT,
    "availability": Kind.PERCENT,
    "availability_lower": Kind.PERCENT,
    "availability_upper": Kind.PERCENT,
    "coverage": Kind.PERCENT,
    "contractual": Kind.PERCENT,
    "objective": Kind.PERCENT,
    "objective_met": Kind.BOOLEAN,
    "contractual_met": Kind.BOOLEAN,
    "budget": Kind.DURATION,
    "budget_used": Kind.DURATION,
    "budget_left": Kind.DURATION,
    "in_service": Kind.DURATION,
    "up": Kind.DURATION,
    "down": Kind.DURATION,
    "unknown": Kind.DURATION,
    "maintenance": Kind.DURATION,
    "uncertain_up": Kind.DURATION,
    "uncertain_down": Kind.DURATION,
    "excluded": Kind.DURATION,
    "outages": Kind.COUNT,
    "outages_ended": Kind.COUNT,
    "mttr": Kind.DURATION,
    "mtbf": Kind.DURATION,
    "reboots": Kind.COUNT,
}
"""Every figure of a line, in the order of the documents."""


OF_OBJECTIVE = ("objective", "objective_met", "contractual_met", "budget", "budget_used", "budget_left")
"""The figures that only a line with an objective has."""


@dataclass(slots=True)
class Figures:
    """The figures of a camera or a group in a period; durations are milliseconds.

    `excluded` is the part of `down` that contracts exclude. `outages` started in the period, `closed_outages`
    ended in it; `total_repair_ms` is the whole down time of the latter.
    """

    account: StatusTime = field(default_factory=StatusTime)
    excluded: int = 0
    outages: int = 0
    closed_outages: int = 0
    total_repair_ms: int = 0
    reboots: int = 0
    cameras: int = 0

    def add(self, other: Figures) -> None:
        """Add the figures of a camera, or of a smaller group."""
        self.account = sum_status_times((self.account, other.account))
        self.excluded += other.excluded
        self.outages += other.outages
        self.closed_outages += other.closed_outages
        self.total_repair_ms += other.total_repair_ms
        self.reboots += other.reboots
        self.cameras += other.cameras

    def shown(self, objective: float | None = None) -> dict[str, FormattedFigure]:
        """Return every figure by name, in the order of `FIGURES`."""
        account = self.account
        covered = account.up + account.down
        whole = covered + account.unknown
        contractual = covered - self.excluded
        percents = {
            "availability": rounding.percent(account.up, covered),
            "availability_lower": rounding.percent(account.least_up, whole),
            "availability_upper": rounding.percent(account.most_up, whole),
            "coverage": rounding.percent(covered, whole),
            "contractual": rounding.percent(account.up, contractual),
            "objective": None if objective is None else rounding.format_objective(objective),
        }
        exact: dict[str, int | bool | None] = {
            "cameras": self.cameras,
            "in_service": account.in_service,
            "up": account.up,
            "down": account.down,
            "unknown": account.unknown,
            "maintenance": account.maintenance,
            "uncertain_up": account.uncertain_up,
            "uncertain_down": account.uncertain_down,
            "excluded": self.excluded,
            "outages": self.outages,
            "outages_ended": self.closed_outages,
            "mttr": self.total_repair_ms // self.closed_outages if self.closed_outages else None,
            "mtbf": account.up // self.outages if self.outages else None,
            "reboots": self.reboots,
        }
        if objective is not None:
            budget = error_budget_ms(objective, covered)
            exact["objective_met"] = objective_met(objective, account.up, covered)
            exact["contractual_met"] = objective_met(objective, account.up, contractual)
            if covered:
                exact |= {
                    "budget": budget,
                    "budget_used": account.down,
                    "budget_left": budget - account.down,
                }
        return {
            name: FormattedFigure(kind, None, percents[name])
            if kind is Kind.PERCENT
            else FormattedFigure(kind, exact.get(name), _text(kind, exact.get(name)))
            for name, kind in FIGURES.items()
        }


def _text(kind: Kind, exact: int | bool | None) -> str | None:
    if exact is None:
        return None
    if kind is Kind.BOOLEAN:
        return "yes" if exact else "no"
    return rounding.hours_minutes_seconds(exact) if kind is Kind.DURATION else str(exact)
