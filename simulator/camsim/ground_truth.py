"""The ground truth as JSON lines: when and why each camera was reachable or not, and the broker's restarts.

It is calculated from the plan, so it is the same for a seed on every machine. Times are seconds after
`began_ms` of the first line.

kind        fields
run         format, scenario, seed, interval_s, speed, cameras, began_ms
camera      camera, operator, site, zone, purpose, interval_s
alive       camera, from_s, until_s, why (an action, or `end`), heard_s: it was reachable until `why`, and its
            last message arrived at `heard_s`
condition   camera, what, from_s, until_s: a fault of a camera that runs
lie         camera, what, from_s, until_s: a spoofed message
link        from_s, until_s: the broker was stopped
lag         cameras, arrivals (pairs of instants: sent, arrived): their path lagged
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
from camsim.faults import Effect, Lag, Moment, NetworkCut, PowerOff, SpoofedMessage
from camsim.fleet import Fleet, PlayedCamera
from camsim.schedule import Step
from camsim.virtual_camera import VirtualCamera

FORMAT: Final = 1
_END = "end"
_Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a scenario. `interval_s` is already divided by `speed`."""

    scenario: str
    fleet: Fleet
    steps: tuple[Step, ...]
    seed: int
    interval_s: float
    speed: float = 1.0

    def interval_of(self, camera: PlayedCamera) -> float:
        """Return the seconds between a camera's heartbeats."""
        return camera.interval_s / self.speed if camera.interval_s else self.interval_s


def header(run: Run, began_ms: int) -> _Line:
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


def lines(run: Run, ended_s: float) -> Iterator[_Line]:
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
        yield from _camera_lines(camera, run, mine[camera.id], ended_s)
    yield from _links(run.steps, ended_s)
    yield from _lags(run.steps, ended_s)
    yield {"kind": "end", "at_s": _round(ended_s)}


class GroundTruthFile:
    """The file of a ground truth; a context. Raises UsageError if it cannot be written."""

    def __init__(self, file: Path) -> None:
        self._begun = False
        try:
            self._out = file.open("w", encoding="utf-8")
        except OSError as error:
            raise UsageError(f"--truth {file}: cannot be written: {error.strerror}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._out.close()

    def begin(self, run: Run, began_ms: int) -> None:
        """Write the first line."""
        self._begun = True
        self._write([header(run, began_ms)])

    def end(self, run: Run, ended_s: float) -> None:
        """Write all other lines, if the run began."""
        if self._begun:
            self._write(lines(run, ended_s))

    def _write(self, found: Iterable[_Line]) -> None:
        for line in found:
            self._out.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._out.flush()


def _camera_lines(camera: PlayedCamera, run: Run, steps: list[Step], ended_s: float) -> Iterator[_Line]:
    """Yield the lines of one camera, in order of their ends."""
    life = VirtualCamera(Device(camera, run.seed, run.interval_of(camera)))
    conditions: dict[str, Step] = {}
    if not camera.planned:
        life.apply(Moment.COMMISSION, "", 0.0)
    for step in steps:
        was_reachable = life.reachable
        life.apply(step.change, step.reason, step.at_s)
        match step.change:
            case PowerOff() | NetworkCut():
                pass
            case Effect():
                conditions[step.reason] = step
            case Moment.END_EFFECT if begun := conditions.pop(step.reason, None):
                yield _line("condition", camera, begun.at_s, step.at_s, what=begun.why)
            case SpoofedMessage(kind):
                yield _line("lie", camera, step.at_s, step.at_s, what=kind)
        if was_reachable and not life.reachable:
            yield from _alive(camera, life, step.at_s, step.why)
    for step in conditions.values():
        yield _line("condition", camera, step.at_s, ended_s, what=step.why)
    if life.reachable:
        life.catch_up(ended_s)
        yield from _alive(camera, life, ended_s, _END)


def _alive(camera: PlayedCamera, life: VirtualCamera, until_s: float, why: str) -> Iterator[_Line]:
    if until_s > life.back_s:
        heard_s = _round(life.last_delivered_s or until_s)
        yield _line("alive", camera, life.back_s, until_s, why=why, heard_s=heard_s)


def _line(kind: str, camera: PlayedCamera, from_s: float, until_s: float, **rest: object) -> _Line:
    return {"kind": kind, "camera": camera.id, "from_s": _round(from_s), "until_s": _round(until_s), **rest}


def _links(steps: Iterable[Step], ended_s: float) -> Iterator[_Line]:
    since_s: float | None = None
    for step in steps:
        if step.change is Moment.STOP_BROKER and step.at_s < ended_s and since_s is None:
            since_s = step.at_s
        elif step.change is Moment.START_BROKER and since_s is not None:
            yield {"kind": "link", "from_s": _round(since_s), "until_s": _round(min(step.at_s, ended_s))}
            since_s = None
    if since_s is not None:
        yield {"kind": "link", "from_s": _round(since_s), "until_s": _round(ended_s)}


def _lags(steps: Iterable[Step], ended_s: float) -> Iterator[_Line]:
    for step in steps:
        if isinstance(step.change, Lag) and step.at_s < ended_s:
            arrivals = [[_round(sent), _round(arrives)] for sent, arrives in step.change.knots()]
            yield {"kind": "lag", "cameras": [camera.id for camera in step.cameras], "arrivals": arrivals}


def _round(seconds: float) -> float:
    return round(seconds, 3)
