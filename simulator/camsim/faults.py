"""What is done to the fleet and when: `KIND:SELECTOR@START+DURATION`, checked and laid out in time. Pure."""

from __future__ import annotations

import difflib
import heapq
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import count

from camsim.errors import FaultError
from camsim.fleet import Fleet, PlayedCamera

FLAP_OFF_INTERVALS = 6
"""How long a flapping camera is without power: longer than the 4.5 intervals that make it down."""
FLAP_ON_INTERVALS = 3
"""How long it then has power again: long enough for a proof of life."""
_FORM = "write KIND:SELECTOR@START+DURATION, as in power:site=jas-vasarely@30+60"


class Kind(StrEnum):
    """What happens to the cameras."""

    POWER = "power"
    NETWORK = "network"
    FLAP = "flap"
    COMMISSION = "commission"


class Scope(StrEnum):
    """What a selector names."""

    CAMERA = "camera"
    SITE = "site"
    OPERATOR = "operator"
    ALL = "all"


class Action(StrEnum):
    """One thing that the simulator can do to cameras."""

    CUT_POWER = "power off"
    SILENCE = "network silent"
    RESTORE = "restored"
    COMMISSION = "commissioned"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: times in seconds after the fleet has connected; `duration_s` None lasts until the end."""

    kind: Kind
    scope: Scope
    name: str
    start_s: float
    duration_s: float | None = None

    @property
    def target(self) -> str:
        """The selector as it was written."""
        return self.scope if self.scope is Scope.ALL else f"{self.scope}={self.name}"

    def __str__(self) -> str:
        """Return the fault as `parse_fault` reads it."""
        lasting = "" if self.duration_s is None else f"+{self.duration_s:g}"
        return f"{self.kind}:{self.target}@{self.start_s:g}{lasting}"


@dataclass(frozen=True, slots=True)
class Step:
    """One moment of a fault: `at_s` seconds after the fleet has connected, do `action` to `cameras`.

    `reason` is the same for the steps of one fault and no other: a camera that two faults hold comes
    back when the second lets go.
    """

    at_s: float
    action: Action
    cameras: tuple[PlayedCamera, ...]
    reason: str
    target: str


def parse_fault(spec: str) -> Fault:
    """Read one `--fault`. Raises FaultError, which says what to write instead."""
    kind, colon, rest = spec.partition(":")
    selector, at, when = rest.partition("@")
    if not colon or not at:
        raise FaultError(spec, _FORM)
    if kind not in set(Kind):
        raise FaultError(spec, f"unknown kind {kind!r}: use {', '.join(Kind)}")
    scope, equals, name = selector.partition("=")
    if scope not in set(Scope) or (scope == Scope.ALL) is bool(equals) or bool(equals) is not bool(name):
        raise FaultError(spec, f"unknown selector {selector!r}: use camera=ID, site=ID, operator=ID or all")
    start, plus, duration = when.partition("+")
    fault = Fault(
        kind=Kind(kind),
        scope=Scope(scope),
        name=name,
        start_s=_seconds(spec, start),
        duration_s=_seconds(spec, duration) if plus else None,
    )
    if fault.duration_s == 0:
        raise FaultError(spec, "the duration is 0: give seconds above 0, or leave it out for until the end")
    if fault.kind is Kind.COMMISSION and plus:
        raise FaultError(spec, "a commissioning lasts: leave the duration out")
    return fault


def selected(fault: Fault, fleet: Fleet) -> tuple[PlayedCamera, ...]:
    """Return the cameras that a fault concerns: planned ones for `commission`, else whatever is selected.

    Raises FaultError if the fleet has none.
    """
    found = tuple(camera for camera in fleet.cameras if _key(fault.scope, camera) == fault.name)
    if not found:
        known = sorted({_key(fault.scope, camera) for camera in fleet.cameras})
        near = difflib.get_close_matches(fault.name, known, n=3)
        hint = f": did you mean {' or '.join(near)}?" if near else f", which has {', '.join(known[:5])}, …"
        raise FaultError(str(fault), f"no camera of the fleet has {fault.target}{hint}")
    if fault.kind is Kind.COMMISSION:
        found = tuple(camera for camera in found if camera.planned)
        if not found:
            raise FaultError(
                str(fault), "nothing to commission: every camera it selects is in service already"
            )
    return found


def timeline(faults: Iterable[Fault], fleet: Fleet, interval_s: float) -> Iterator[Step]:
    """Return every step of the faults in order of time, without end if one flaps until the end.

    `interval_s` is the heartbeat interval of cameras that have none of their own, in seconds.
    Raises FaultError, before the first step, if the fleet has none of the cameras that a fault selects.
    """
    steps = [
        _steps(fault, selected(fault, fleet), f"fault {number}", interval_s)
        for number, fault in enumerate(faults, 1)
    ]
    return heapq.merge(*steps, key=lambda step: step.at_s)


def _steps(fault: Fault, cameras: tuple[PlayedCamera, ...], reason: str, interval_s: float) -> Iterator[Step]:
    def step(at_s: float, action: Action) -> Step:
        return Step(at_s, action, cameras, reason, fault.target)

    end_s = math.inf if fault.duration_s is None else fault.start_s + fault.duration_s
    match fault.kind:
        case Kind.COMMISSION:
            yield step(fault.start_s, Action.COMMISSION)
            return
        case Kind.FLAP:
            longest_s = max(camera.interval_s or interval_s for camera in cameras)
            yield from (step(*moment) for moment in _flaps(fault.start_s, end_s, longest_s))
        case Kind.POWER:
            yield step(fault.start_s, Action.CUT_POWER)
        case Kind.NETWORK:
            yield step(fault.start_s, Action.SILENCE)
    if end_s < math.inf:
        yield step(end_s, Action.RESTORE)


def _flaps(start_s: float, end_s: float, interval_s: float) -> Iterator[tuple[float, Action]]:
    """Return the moments of power off and on before `end_s`; without end if that is infinite."""
    for turn in count():
        off_s = start_s + turn * (FLAP_OFF_INTERVALS + FLAP_ON_INTERVALS) * interval_s
        if off_s >= end_s:
            return
        yield off_s, Action.CUT_POWER
        on_s = off_s + FLAP_OFF_INTERVALS * interval_s
        if on_s >= end_s:
            return
        yield on_s, Action.RESTORE


def _key(scope: Scope, camera: PlayedCamera) -> str:
    match scope:
        case Scope.CAMERA:
            return camera.id
        case Scope.SITE:
            return camera.site
        case Scope.OPERATOR:
            return camera.operator
        case Scope.ALL:
            return ""


def _seconds(spec: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise FaultError(spec, f"{text!r} is not a number of seconds: {_FORM}")
    return seconds
