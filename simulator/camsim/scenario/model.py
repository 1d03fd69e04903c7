"""The values of a scenario. Times are seconds after the fleet connected."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

from camsim.scenario.actions import ACTIONS, Action

SELECTED_BY = ("camera", "site", "zone", "operator", "purpose")


@dataclass(frozen=True, slots=True)
class Selector:
    """Selects the cameras that match every given field; `share` and `count` draw some of them."""

    camera: frozenset[str] | None = None
    site: frozenset[str] | None = None
    zone: frozenset[str] | None = None
    operator: frozenset[str] | None = None
    purpose: frozenset[str] | None = None
    share: float | None = None
    count: int | None = None
    seed: int = 0

    def __str__(self) -> str:
        """Return the selector as users read it."""
        given = ((name, getattr(self, name)) for name in SELECTED_BY)
        parts = [f"{name} {', '.join(sorted(among))}" for name, among in given if among is not None]
        share = None if self.share is None else f"{self.share:.3g}"
        parts += [f"{most} of them" for most in (share, self.count) if most is not None]
        return "; ".join(parts) or "all"


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a file, for errors; lines and columns from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        """Return file, line and column, as editors understand them."""
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the timeline. It occurs `times` times, `every_s` apart; `for_s` None: to the end.

    With `spread_s`, each camera is late by its own draw, up to `spread_s`.
    """

    action: str
    place: Place
    at_s: float = 0.0
    for_s: float | None = None
    every_s: float = 0.0
    times: int = 1
    spread_s: float = 0.0
    on: Selector = Selector()
    parameters: dict[str, Any] = field(default_factory=dict)

    def faster(self, speed: float) -> Entry:
        """Return the entry with its times divided by `speed`; the error of a clock is none of them."""
        scaled = _TIMES if self.action != "clock_jump" else ()
        parameters = {
            name: self[name] / speed if name in scaled else self[name] for name in self.kind.parameters
        }
        return _faster(replace(self, parameters=parameters), speed)

    @property
    def kind(self) -> Action:
        """The definition of its action."""
        return ACTIONS[self.action]

    def __getitem__(self, name: str) -> Any:
        """Return a parameter, or its default."""
        return self.parameters[name] if name in self.parameters else self.kind.parameters[name].default


@dataclass(frozen=True, slots=True)
class Scenario:
    """The faults of a fleet within `duration_s`; `interval_s` is for cameras whose row gives none."""

    title: str = ""
    description: str = ""
    duration_s: float | None = None
    interval_s: float | None = None
    timeline: tuple[Entry, ...] = ()

    def faster(self, speed: float) -> Scenario:
        """Return the same scenario with every time divided by `speed`."""
        return _faster(replace(self, timeline=tuple(entry.faster(speed) for entry in self.timeline)), speed)


NOTHING = Scenario()
"""A run without faults and without end."""

_TIMES = {"up", "takes", "off_for", "on_for", "within", "by", "up_to", "plus", "pace"}
"""Parameters that are durations of the scenario, in all actions but `clock_jump`."""
_T = TypeVar("_T", Entry, Scenario)


def _faster(record: _T, speed: float) -> _T:
    """Return a record with its times (fields that end in `_s`) divided by `speed`."""
    given = {each.name: getattr(record, each.name) for each in fields(record)}
    times = {
        name: value / speed for name, value in given.items() if name.endswith("_s") and value is not None
    }
    return replace(record, **times)
