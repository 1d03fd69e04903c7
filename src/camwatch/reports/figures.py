"""The figures of a camera or a group: milliseconds and counts that add up, and how they are shown.

A group is the sum of its cameras, divided afterwards (rule A4).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple

from camwatch.accounting.objectives import error_budget_ms, objective_met
from camwatch.core.status_time import StatusTime, sum_status_times
from camwatch.i18n import N_, rounding


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


class FigureType(NamedTuple):
    """The kind of a figure and its names, in English; an empty name is the one before it."""

    kind: Kind
    label: str
    column: str = ""  # at the head of a column of the HTML page
    short: str = ""  # at the head of a column of the text


FIGURES: Final = {
    "cameras": FigureType(Kind.COUNT, N_("Cameras in service"), N_("Cameras")),
    "availability": FigureType(Kind.PERCENT, N_("Availability"), N_("Avail\xadability"), N_("Avail.")),
    "availability_lower": FigureType(Kind.PERCENT, N_("at least"), N_("Lower bound")),
    "availability_upper": FigureType(Kind.PERCENT, N_("at most"), N_("Upper bound")),
    "coverage": FigureType(Kind.PERCENT, N_("Coverage"), N_("Cover\xadage"), N_("Cover.")),
    "contractual": FigureType(
        Kind.PERCENT, N_("Contractual availability"), N_("Contract\xadual"), N_("Contract")
    ),
    "objective": FigureType(Kind.PERCENT, N_("Objective")),
    "objective_met": FigureType(Kind.BOOLEAN, N_("Objective met"), N_("Met")),
    "contractual_met": FigureType(
        Kind.BOOLEAN, N_("Objective met by contract"), N_("Met by contract"), N_("Contract")
    ),
    "budget": FigureType(Kind.DURATION, N_("Error budget"), N_("Budget")),
    "budget_used": FigureType(Kind.DURATION, N_("Budget used"), short=N_("Used")),
    "budget_left": FigureType(Kind.DURATION, N_("Budget left"), short=N_("Left")),
    "in_service": FigureType(Kind.DURATION, N_("Time in service")),
    "up": FigureType(Kind.DURATION, N_("Up")),
    "down": FigureType(Kind.DURATION, N_("Down")),
    "unknown": FigureType(Kind.DURATION, N_("Unknown")),
    "maintenance": FigureType(Kind.DURATION, N_("Maintenance")),
    "uncertain_up": FigureType(Kind.DURATION, N_("of which uncertain, up")),
    "uncertain_down": FigureType(Kind.DURATION, N_("of which uncertain, down")),
    "excluded": FigureType(Kind.DURATION, N_("Down, excluded from contract")),
    "outages": FigureType(Kind.COUNT, N_("Outages started"), N_("Outages")),
    "outages_ended": FigureType(Kind.COUNT, N_("Outages ended")),
    "mttr": FigureType(Kind.DURATION, N_("Mean time to repair (MTTR)"), N_("MTTR")),
    "mtbf": FigureType(Kind.DURATION, N_("Mean time between failures (MTBF)")),
    "reboots": FigureType(Kind.COUNT, N_("Reboots")),
}
"""Every figure of a line, in the order of the documents."""

OF_OBJECTIVE = ("objective", "objective_met", "contractual_met", "budget", "budget_used", "budget_left")
"""The figures that only a line with an objective has."""

OF_CAMERA = ("availability", "contractual", "coverage", "outages", "down")
"""The figures of a camera in a table."""


_KINDS: Final = {name: figure.kind for name, figure in FIGURES.items()}
_COUNTS: Final = ("excluded", "outages", "closed_outages", "total_repair_ms", "reboots", "cameras")


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
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))

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
        exact: dict[str, Any] = {name: getattr(account, name) for name in account.__slots__}
        exact |= {name: getattr(self, name) for name in _COUNTS}
        exact |= {
            "in_service": account.in_service,
            "outages_ended": self.closed_outages,
            "mttr": self.total_repair_ms // self.closed_outages if self.closed_outages else None,
            "mtbf": account.up // self.outages if self.outages else None,
        }
        if objective is not None:
            budget = error_budget_ms(objective, covered)
            exact["objective_met"] = objective_met(objective, account.up, covered)
            exact["contractual_met"] = objective_met(objective, account.up, contractual)
            if covered:
                exact |= {"budget": budget, "budget_used": account.down, "budget_left": budget - account.down}
        return {
            name: FormattedFigure(kind, None, percents[name])
            if kind is Kind.PERCENT
            else FormattedFigure(kind, exact.get(name), _text(kind, exact.get(name)))
            for name, kind in _KINDS.items()
        }


def _text(kind: Kind, exact: int | bool | None) -> str | None:
    if exact is None:
        return None
    if kind is Kind.BOOLEAN:
        return "yes" if exact else "no"
    return rounding.hours_minutes_seconds(exact) if kind is Kind.DURATION else str(exact)
