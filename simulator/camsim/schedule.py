"""Plans the steps of a scenario, each with its time, change and cameras. Pure: same seed, same plan."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final, TypeAlias

from camsim.errors import ScenarioError
from camsim.faults import (
    Change,
    ClockWrong,
    Delay,
    Duplicate,
    Effect,
    FieldOverride,
    Install,
    Jitter,
    Lag,
    Loss,
    MalformedPayload,
    Moment,
    NetworkCut,
    PowerOff,
    Reorder,
    SpoofedMessage,
    StorageFills,
)
from camsim.fleet import Fleet, PlayedCamera
from camsim.scenario.model import SELECTED_BY, Entry, Scenario, Selector
from camsim.seeded_random import uniform

_MOST_STEPS = 5_000_000


@dataclass(frozen=True, slots=True)
class Step:
    """A change of `cameras` (none: of the broker), `at_s` seconds after the fleet connected.

    `reason` is unique to one occurrence of one entry and, where they are spread, one camera. `why` is the
    action, `tells` the line that announces the occurrence, empty in all but its first step.
    """

    at_s: float
    cameras: tuple[PlayedCamera, ...]
    change: Change
    reason: str
    why: str
    tells: str = ""


def plan(scenario: Scenario, fleet: Fleet, seed: int) -> list[Step]:
    """Return all steps of a scenario in order of time.

    Raises ScenarioError, with the place, if an entry selects no camera, or never ends.
    """
    problems: list[str] = []
    steps: list[Step] = []
    for number, entry in enumerate(scenario.timeline, 1):
        try:
            cameras = () if entry.kind.fleet else _selected(entry, fleet, seed)
            steps += _steps(entry, number, cameras, scenario.duration_s, seed)
        except _UnusableEntryError as misfit:
            problems.append(f"{entry.place}: {misfit}")
    if problems:
        raise ScenarioError(*problems)
    steps.sort(key=lambda step: step.at_s)  # stable: in the order of the file
    return steps


class _UnusableEntryError(Exception):
    """An entry does not fit the fleet, or the scenario."""


def _selected(entry: Entry, fleet: Fleet, seed: int) -> tuple[PlayedCamera, ...]:
    """Return the cameras that an entry concerns, in the fleet's order."""
    found = list(fleet.cameras)
    for name in SELECTED_BY:
        among = getattr(entry.on, name)
        if among is not None:
            value = attrgetter("id" if name == "camera" else name)
            known = set(map(value, fleet.cameras))
            for wanted in sorted(among - known):
                near = difflib.get_close_matches(wanted, sorted(known), n=3)
                hint = f"did you mean {' or '.join(near)}?" if near else f"it has {_some(known)}"
                raise _UnusableEntryError(f"no camera of the fleet has {name} {wanted!r}: {hint}")
            found = [camera for camera in found if value(camera) in among]
    if entry.action == "commission":
        found = [camera for camera in found if camera.planned]
        if not found:
            raise _UnusableEntryError("nothing to commission: no camera that it selects is planned")
    if not found:
        raise _UnusableEntryError(f"no camera of the fleet fits {entry.on}")
    found = _drawn(found, entry.on, seed)
    if entry.action == "uplink_cut":
        sites = {camera.site for camera in found}
        found = [camera for camera in fleet.cameras if camera.site in sites]
    return tuple(found)


def _drawn(cameras: list[PlayedCamera], on: Selector, seed: int) -> list[PlayedCamera]:
    """Return some of the cameras: at least one of a share, no more than a count."""
    order = sorted(cameras, key=lambda camera: uniform(seed, camera.id, "selected", on.seed))
    most = len(order) if on.share is None else max(1, round(on.share * len(order)))
    chosen = set(order[: min(most, on.count or most)])
    return [camera for camera in cameras if camera in chosen]


def _some(known: Iterable[str]) -> str:
    names = sorted(known)
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")


def _steps(
    entry: Entry, number: int, cameras: tuple[PlayedCamera, ...], ends_s: float | None, seed: int
) -> Iterator[Step]:
    """Yield the steps of an entry; cameras that are spread over time have steps of their own."""
    groups: Sequence[tuple[float, tuple[PlayedCamera, ...]]] = [(0.0, cameras)]
    count = 0
    for turn in range(entry.times):
        tells = _tells(entry, cameras)
        if entry.spread_s:
            late = (entry.spread_s * uniform(seed, camera.id, "spread", number, turn) for camera in cameras)
            groups = [(by, (camera,)) for by, camera in zip(late, cameras, strict=True)]
        for by, group in groups:
            begins_s = entry.at_s + turn * entry.every_s + by
            until_s = None if entry.for_s is None else begins_s + entry.for_s
            reason = f"{number}/{turn}" + (f"/{group[0].id}" if entry.spread_s else "")
            for at_s, change in _Occurrence(entry, begins_s, until_s, ends_s).changes():
                count += len(group) or 1
                if count > _MOST_STEPS:
                    raise _UnusableEntryError(
                        f"makes more than {_MOST_STEPS:,} steps: let it last shorter, or slower"
                    )
                yield Step(at_s, group, change, reason, entry.action, tells)
                tells = ""


def _tells(entry: Entry, cameras: tuple[PlayedCamera, ...]) -> str:
    if entry.kind.fleet:
        return entry.action.replace("_", " ")
    count = f"{len(cameras)} camera{'s' if len(cameras) > 1 else ''}"
    return f"{entry.action.replace('_', ' ')}: {entry.on} ({count})"


_TimedChanges: TypeAlias = Iterator[tuple[float, Change]]


@dataclass(frozen=True, slots=True)
class _Occurrence:
    """One occurrence of an entry; `ends_s` is the end of the scenario."""

    entry: Entry
    begins_s: float
    until_s: float | None
    ends_s: float | None

    def changes(self) -> _TimedChanges:
        """Return its changes in order of time."""
        return _CHANGES.get(self.entry.action, _Occurrence.effect)(self)

    @property
    def end_s(self) -> float:
        """When it ends, for actions that need an end."""
        if self.until_s is not None:
            return self.until_s
        if self.ends_s is None:
            raise _UnusableEntryError(
                f"{self.entry.action} has no end: give it 'for', or the run a --duration"
            )
        return self.ends_s

    def effect(self) -> _TimedChanges:
        """Yield one effect, and its end if it has one."""
        yield self.begins_s, _EFFECTS[self.entry.action](self.entry, self.begins_s)
        if self.until_s is not None:
            yield self.until_s, Moment.END_EFFECT

    def moment(self) -> _TimedChanges:
        """Yield one change that happens at once."""
        yield self.begins_s, _MOMENTS[self.entry.action]

    def cycle(self) -> _TimedChanges:
        """Yield power off and on, repeatedly."""
        off, on = ("off_for", "on_for") if self.entry.action == "flap" else ("takes", "up")
        at_s, end_s = self.begins_s, self.end_s
        while at_s < end_s:
            yield at_s, PowerOff()
            yield min(at_s + self.entry[off], end_s), Moment.END_EFFECT
            at_s += self.entry[off] + self.entry[on]

    def reboot(self) -> _TimedChanges:
        """Yield one restart, after which a new firmware reports its version."""
        installs = self.entry.action == "firmware"
        yield self.begins_s, PowerOff(goodbye=installs or self.entry["goodbye"])
        back_s = self.begins_s + self.entry["takes"]
        if installs:
            yield back_s, Install(self.entry["version"])
        yield back_s, Moment.END_EFFECT

    def lag(self) -> _TimedChanges:
        """Yield a lag and its end, on which its growth depends."""
        entry, end_s = self.entry, self.end_s
        if entry["by"] - entry["up_to"] > (end_s - self.begins_s) / 2:
            raise _UnusableEntryError("the lag shrinks so quickly that messages would overtake each other")
        yield (
            self.begins_s,
            Lag(self.begins_s, end_s, entry["by"], entry["up_to"], entry["plus"], entry.on.seed),
        )
        yield end_s, Moment.END_EFFECT

    def spoofed(self) -> _TimedChanges:
        """Yield spoofed messages at an even pace."""
        own = self.entry.action == "replay" or self.entry["topic"] == "own"
        at_s, end_s, number = self.begins_s, self.end_s, 0
        while at_s < end_s:
            yield at_s, SpoofedMessage(self.entry.action, number, own_topic=own)
            number += 1
            at_s = self.begins_s + number * self.entry["pace"]

    def broker(self) -> _TimedChanges:
        """Yield a stop and a start of the broker."""
        yield self.begins_s, Moment.STOP_BROKER
        yield self.begins_s if self.until_s is None else self.until_s, Moment.START_BROKER


_MOMENTS: Final[dict[str, Change]] = {
    "commission": Moment.COMMISSION,
    "reconnect": Moment.RECONNECT,
    "retained_heartbeat": SpoofedMessage("retained"),
}

_CHANGES: Final[dict[str, Callable[[_Occurrence], _TimedChanges]]] = {
    "flap": _Occurrence.cycle,
    "reboot_loop": _Occurrence.cycle,
    "reboot": _Occurrence.reboot,
    "firmware": _Occurrence.reboot,
    "lag": _Occurrence.lag,
    "spoof": _Occurrence.spoofed,
    "replay": _Occurrence.spoofed,
    "broker_restart": _Occurrence.broker,
    **dict.fromkeys(_MOMENTS, _Occurrence.moment),
}

_EFFECTS: Final[dict[str, Callable[[Entry, float], Effect]]] = {
    "power_cut": lambda entry, _: PowerOff(silent=entry["silent"]),
    "network_cut": lambda _entry, _: NetworkCut(),
    "uplink_cut": lambda _entry, _: NetworkCut(),
    "frozen": lambda _entry, _: FieldOverride({"frozen": True}),
    "video_loss": lambda _entry, _: FieldOverride({"video_loss": True}),
    "tamper": lambda _entry, _: FieldOverride({"tamper": True}),
    "low_fps": lambda entry, _: FieldOverride({"fps": entry["fps"]}),
    "not_recording": lambda _entry, _: FieldOverride({"recording": False}),
    "overheating": lambda entry, _: FieldOverride({"temperature_celsius": entry["celsius"]}),
    "storage_fills": lambda entry, at_s: StorageFills(at_s, entry["within"], entry["to"]),
    "clock_drift": lambda entry, at_s: ClockWrong(at_s, ppm=entry["ppm"]),
    "clock_jump": lambda entry, at_s: ClockWrong(at_s, by_s=entry["by"]),
    "loss": lambda entry, _: Loss(entry["share"]),
    "jitter": lambda entry, _: Jitter(entry["share"]),
    "delay": lambda entry, _: Delay(entry["by"], entry["plus"]),
    "duplicate": lambda entry, _: Duplicate(entry["share"]),
    "reorder": lambda entry, _: Reorder(entry["share"]),
    "malformed": lambda entry, _: MalformedPayload(entry["share"]),
    "oversized": lambda entry, _: MalformedPayload(entry["share"], oversized=True),
}
