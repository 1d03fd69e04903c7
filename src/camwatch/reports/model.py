"""A report before it is written down: who asked for what, and what was found. Values only.

Instants are UTC milliseconds, durations milliseconds. Nothing in a section concerns another operator.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from camwatch.accounting.records import Attribution
from camwatch.core.model import BlindCause, Cause, Lifecycle, Purpose, Scope
from camwatch.core.status_time import Account, Span
from camwatch.reports.figures import Figures
from camwatch.reports.period import Period, Reach


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked for: a section for each operator, in this order, and a total if `total`.

    `purpose`, `site` and `camera` narrow it; operators that have nothing of it then get no section.
    """

    period: Period
    operators: tuple[str, ...]
    total: bool
    purpose: Purpose | None = None
    site: str | None = None
    camera: str | None = None

    @property
    def narrowed(self) -> bool:
        """Tell whether only some cameras of an operator are asked for."""
        return not (self.purpose is None and self.site is None and self.camera is None)


@dataclass(slots=True)
class Line:
    """The figures of one group: an operator, a purpose, a site."""

    id: str
    name: str
    figures: Figures = field(default_factory=Figures)
    objective: float | None = None


@dataclass(slots=True)
class CameraLine:
    """The figures of one camera, and the account of each of its days that has one."""

    id: str
    operator: str
    site: str
    purpose: Purpose
    name: str
    figures: Figures
    days: dict[int, Account]  # by the number of the day in the period, from 0


@dataclass(frozen=True, slots=True)
class OutageLine:
    """One outage that touches the period.

    `duration` is its down time up to its end, or to the end of the accounts if it goes on (`end_ms`
    None); `inside` is the part of that within the period. Where `at_ms` or `end_ms` is not exact, it lies
    within its bounds. One that late heartbeats `voided` counts nowhere.
    """

    id: int
    camera: str
    name: str
    at_ms: int
    end_ms: int | None
    cause: Cause
    attribution: Attribution | None
    duration: int
    inside: int
    at_bounds: Span | None = None
    end_bounds: Span | None = None
    voided: bool = False

    @property
    def excluded(self) -> bool:
        """Tell whether contracts leave it out; of a voided one nothing is left to leave out."""
        return self.attribution is not None and self.attribution.excluded and not self.voided


@dataclass(frozen=True, slots=True)
class BlindLine:
    """A blind interval, cut to the period; `end_ms` None: not over when the accounts end."""

    start_ms: int
    end_ms: int | None
    duration: int
    cause: BlindCause
    links: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WindowLine:
    """A maintenance window that touches the period, as announced or as corrected (`id`)."""

    id: int | None
    scope: Scope
    scope_id: str
    name: str
    starts_ms: int
    ends_ms: int
    reason: str
    who: str
    withdrawn: bool


@dataclass(slots=True)
class Section:
    """All about one operator. `idle` counts its cameras that have no figure, by their place in life."""

    line: Line
    purposes: list[Line]
    sites: list[Line]
    cameras: list[CameraLine]
    outages: list[OutageLine]
    blind: list[BlindLine]
    windows: list[WindowLine]
    idle: dict[Lifecycle, int]

    @property
    def excluded(self) -> list[OutageLine]:
        """The outages that contracts leave out."""
        return [outage for outage in self.outages if outage.excluded]

    @property
    def worst(self) -> list[CameraLine]:
        """The cameras with the most down time."""
        return worst(self.cameras)


@dataclass(slots=True)
class Total:
    """All operators together."""

    line: Line
    purposes: list[Line]
    worst: list[CameraLine]


@dataclass(slots=True)
class Report:
    """A report: `until_ms` is where its accounts end, `reach` says why there.

    `folded_ms`: of the time before it there are sums of days, and no single outage any more.
    `corrections` counts the journal, `head` is the hash of its newest entry. A report on some operators
    counts those that concern them, and has an `anchor` instead of a `head`: it tells nothing of others.
    """

    question: Question
    version: str
    made_ms: int
    vouched_ms: int
    folded_ms: int
    until_ms: int
    reach: Reach
    corrections: int
    head: str
    days: list[date]  # of the period, as far as the accounts go
    sections: list[Section]
    total: Total | None
    anchor: str = ""
    sealed: str = ""  # the newest seal of the record; empty: not known


WORST = 10
"""That many cameras are called the worst."""


def worst(cameras: list[CameraLine]) -> list[CameraLine]:
    """Return the cameras with the most down time, the worst first; none that was never down."""
    found = [camera for camera in cameras if camera.figures.account.down]
    return sorted(found, key=lambda camera: (-camera.figures.account.down, camera.operator, camera.id))[
        :WORST
    ]
