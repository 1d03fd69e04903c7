"""What really was, as JSON lines: when each camera could be heard, why that ended, what befell the broker.

It is worked out from the plan, not from what the network did to us: so it is the same for a seed whatever
machine plays it. Times are seconds after `began_ms` of the first line, which alone tells the date.

kind        fields
run         format, scenario, seed, interval_s, speed, cameras, began_ms
camera      camera, operator, site, zone, purpose, interval_s: who is played
alive       camera, from_s, until_s, why, heard_s: until which `why` (an action, or `end`) it could be heard,
            and when it was heard last
condition   camera, what, from_s, until_s: it lived, and this was wrong
lie         camera, what, from_s, until_s: somebody else spoke for it
link        from_s, until_s: the broker was not there
lag         cameras, arrivals (pairs of instants: what is sent then arrives then): their way to us lagged
end         at_s
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from camsim.device import Device
from camsim.errors import UsageError
from camsim.faults import (
    Commission,
    EndFault,
    Lag,
    NetworkCut,
    PowerOff,
    SpoofedMessage,
    StartBroker,
    StartFault,
    StopBroker,
)
from camsim.fleet import Fleet, PlayedCamera
from camsim.schedule import Step
from camsim.virtual_camera import VirtualCamera

FORMAT: Final = 1
_END = "end"


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a scenario: what the truth of it depends on. `interval_s` is as played, after `speed`."""

    scenario: str
    fleet: Fleet
    steps: tuple[Step, ...]
    seed: int
    interval_s: float
    speed: float = 1.0

    def interval_of(self, camera: PlayedCamera) -> float:
        """Return how far apart a camera's heartbeats are, in seconds."""
        return camera.interval_s / self.speed if camera.interval_s else self.interval_s


def header(run: Run, began_ms: int) -> dict[str, Any]:
    """Return the first line."""
    return {
        "kind": "run",
        "format": FORMAT,
        "scenario": run.scenario,
        "seed": run.seed,
        "interval_s": run.interval_s,
        "speed": run.speed,
        "cameras": len(run.fleet.cameras),
        "began_ms": began_ms,
    }


def lines(run: Run, ended_s: float) -> Iterator[dict[str, Any]]:
    """Yield all other lines of a run that ended after `ended_s` seconds."""
    mine: dict[str, list[Step]] = defaultdict(list)
    for step in run.steps:
        if step.at_s < ended_s:
            for camera in step.cameras:
                mine[camera.id].append(step)
    for camera in run.fleet.cameras:
        yield {
            "kind": "camera",
            "camera": camera.id,
            "operator": camera.operator,
            "site": camera.site,
            "zone": camera.zone,
            "purpose": camera.purpose,
            "interval_s": run.interval_of(camera),
        }
    for camera in run.fleet.cameras:
        life = VirtualCamera(Device(camera, run.seed, run.interval_of(camera)))
        yield from _CameraTruth(camera, life).told(mine[camera.id], ended_s)
    yield from _links(run.steps, ended_s)
    yield from _lags(run.steps, ended_s)
    yield {"kind": "end", "at_s": _round(ended_s)}


class GroundTruthFile:
    """Where the truth goes; a context. Raises UsageError if it cannot be written."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._begun = False

    def __enter__(self) -> Self:
        try:
            self._out = self._file.open("w", encoding="utf-8")
        except OSError as error:
            raise UsageError(f"--truth {self._file}: cannot be written: {error.strerror}") from None
        return self

    def __exit__(self, *_: object) -> None:
        self._out.close()

    def begin(self, run: Run, began_ms: int) -> None:
        """Note that it began at that time."""
        self._begun = True
        self._write([header(run, began_ms)])

    def end(self, run: Run, ended_s: float) -> None:
        """Write what was, if it began at all."""
        if self._begun:
            self._write(lines(run, ended_s))

    def _write(self, said: Iterable[dict[str, Any]]) -> None:
        for line in said:
            self._out.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._out.flush()


@dataclass(slots=True)
class _CameraTruth:
    camera: PlayedCamera
    life: VirtualCamera

    def told(self, steps: list[Step], ended_s: float) -> Iterator[dict[str, Any]]:
        """Yield what befell one camera, in order of its ends."""
        held: dict[str, Step] = {}
        if not self.camera.planned:
            self.life.commission(0.0)
        for step in steps:
            was = self.life.reachable
            self._befall(step)
            if isinstance(step.change, StartFault):
                held[step.reason] = step
            elif isinstance(step.change, EndFault):
                yield from self._condition(held.pop(step.reason, None), step.at_s)
            elif isinstance(step.change, SpoofedMessage):
                yield self._line("lie", step.at_s, step.at_s, what=step.change.kind)
            if was and not self.life.reachable:
                yield from self._alive(step.at_s, step.why)
        for step in held.values():
            yield from self._condition(step, ended_s)
        if self.life.reachable:
            self.life.catch_up(ended_s)
            yield from self._alive(ended_s, _END)

    def _alive(self, until_s: float, why: str) -> Iterator[dict[str, Any]]:
        if until_s > self.life.back_s:
            heard_s = _round(self.life.last_delivered_s or until_s)
            yield self._line("alive", self.life.back_s, until_s, why=why, heard_s=heard_s)

    def _condition(self, step: Step | None, until_s: float) -> Iterator[dict[str, Any]]:
        if step is None or not isinstance(step.change, StartFault):
            return
        if not isinstance(step.change.effect, PowerOff | NetworkCut):
            yield self._line("condition", step.at_s, until_s, what=step.why)

    def _befall(self, step: Step) -> None:
        match step.change:
            case StartFault(effect):
                self.life.hold(step.reason, effect, step.at_s)
            case EndFault():
                self.life.release(step.reason, step.at_s)
            case Commission():
                self.life.commission(step.at_s)

    def _line(self, kind: str, from_s: float, until_s: float, **rest: object) -> dict[str, Any]:
        times = {"from_s": _round(from_s), "until_s": _round(until_s)}
        return {"kind": kind, "camera": self.camera.id, **times, **rest}


def _links(steps: Iterable[Step], ended_s: float) -> Iterator[dict[str, Any]]:
    since: float | None = None
    for step in steps:
        if isinstance(step.change, StopBroker) and step.at_s < ended_s and since is None:
            since = step.at_s
        elif isinstance(step.change, StartBroker) and since is not None:
            yield {"kind": "link", "from_s": _round(since), "until_s": _round(min(step.at_s, ended_s))}
            since = None
    if since is not None:
        yield {"kind": "link", "from_s": _round(since), "until_s": _round(ended_s)}


def _lags(steps: Iterable[Step], ended_s: float) -> Iterator[dict[str, Any]]:
    for step in steps:
        match step.change:
            case StartFault(Lag() as lag) if step.at_s < ended_s:
                arrivals = [[_round(sent), _round(arrives)] for sent, arrives in lag.knots()]
                yield {"kind": "lag", "cameras": [camera.id for camera in step.cameras], "arrivals": arrivals}


def _round(seconds: float) -> float:
    return round(seconds, 3)
