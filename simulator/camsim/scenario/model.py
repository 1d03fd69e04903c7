"""A scenario, as it is read: values only. Times in seconds after the fleet has connected."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from camsim.scenario.actions import ACTIONS, Action


@dataclass(frozen=True, slots=True)
class Selector:
    """Which cameras: those that fit everything that is said; `share` and `count` draw some of them."""

    camera: frozenset[str] | None = None
    site: frozenset[str] | None = None
    zone: frozenset[str] | None = None
    operator: frozenset[str] | None = None
    purpose: frozenset[str] | None = None
    share: float | None = None
    count: int | None = None
    seed: int = 0

    def __str__(self) -> str:
        """Return the selector for people."""
        said = []
        for name in ("camera", "site", "zone", "operator", "purpose"):
            among = getattr(self, name)
            if among is not None:
                said.append(f"{name} {', '.join(sorted(among))}")
        if self.share is not None:
            said.append(f"{self.share:.3g} of them")
        if self.count is not None:
            said.append(f"{self.count} of them")
        return "; ".join(said) or "all"


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a file, for errors; lines and columns from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        """Return file, line and column, as editors understand them."""
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the timeline. It happens `times` times, `every` seconds apart; `for_s` None: to the end.

    With `spread_s`, each camera is late by its own draw, up to so much.
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

    @property
    def kind(self) -> Action:
        """What the catalogue says of its action."""
        return ACTIONS[self.action]

    def __getitem__(self, name: str) -> Any:
        """Return a parameter, or its default."""
        return self.parameters[name] if name in self.parameters else self.kind.parameters[name].default


@dataclass(frozen=True, slots=True)
class Scenario:
    """What befalls a fleet within `duration_s`; `interval_s` is for cameras whose row gives none."""

    title: str
    description: str
    duration_s: float | None
    interval_s: float | None
    timeline: tuple[Entry, ...]

    def faster(self, speed: float) -> Scenario:
        """Return the same scenario in less time: everything that is a time is divided by `speed`."""
        return replace(
            self,
            duration_s=_divided(self.duration_s, speed),
            interval_s=_divided(self.interval_s, speed),
            timeline=tuple(_faster(entry, speed) for entry in self.timeline),
        )


NOTHING = Scenario("", "", None, None, ())
"""A fleet that nothing befalls, without end."""

_TIMES = {"up", "takes", "off_for", "on_for", "within", "by", "up_to", "plus", "pace"}
"""Parameters that are durations of the scenario, in all actions but one."""


def _faster(entry: Entry, speed: float) -> Entry:
    # A clock error does not scale with the speed of the scenario.
    parameters = {
        name: entry[name] / speed if name in _TIMES and entry.action != "clock_jump" else entry[name]
        for name in entry.kind.parameters
    }
    return replace(
        entry,
        at_s=entry.at_s / speed,
        for_s=_divided(entry.for_s, speed),
        every_s=entry.every_s / speed,
        spread_s=entry.spread_s / speed,
        parameters=parameters,
    )


def _divided(seconds: float | None, speed: float) -> float | None:
    return None if seconds is None else seconds / speed
