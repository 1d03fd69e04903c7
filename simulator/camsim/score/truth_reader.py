"""What really was, read back from the file of a run. Times are Unix milliseconds."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise, zip_longest
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from camsim.errors import ScoreError
from camsim.ground_truth import FORMAT


class TrueOutage(NamedTuple):
    """A camera could not be heard in [from_ms, until_ms); `heard_ms`: its last sign of life before; `why`."""

    from_ms: int
    until_ms: int
    heard_ms: int
    why: str
    over: bool  # whether it came back within the run


@dataclass(frozen=True, slots=True)
class Lag:
    """A way that lagged: what was sent at `sent_ms[i]` arrived at `arrived_ms[i]`, evenly in between."""

    sent_ms: tuple[int, ...]
    arrived_ms: tuple[int, ...]

    def late_ms(self, sent_ms: float) -> float:
        """Return by how much later arrives what is sent at an instant."""
        after = bisect_right(self.sent_ms, sent_ms)
        if after in (0, len(self.sent_ms)):
            return 0.0
        (left, right), (down, up) = (
            self.sent_ms[after - 1 : after + 1],
            self.arrived_ms[after - 1 : after + 1],
        )
        return down + (up - down) * (sent_ms - left) / (right - left) - sent_ms

    def most_late_ms(self, first_ms: float, last_ms: float) -> float:
        """Return by how much later arrives what is sent from one instant to another, at most."""
        between = self.sent_ms[bisect_left(self.sent_ms, first_ms) : bisect_right(self.sent_ms, last_ms)]
        return max(self.late_ms(sent) for sent in (first_ms, *between, last_ms))

    def beyond(self, most_ms: float) -> list[tuple[int, int]]:
        """Return the time in which what came was later than that."""
        both = list(zip(self.sent_ms, self.arrived_ms, strict=True))
        return [
            (sent, arrived)
            for (sent, came), (_, arrived) in pairwise(both)
            if max(came - sent, self.late_ms(sent)) > most_ms
        ]


@dataclass(slots=True)
class TrueCamera:
    """One camera that lived at some time, with its absences in order."""

    id: str
    operator: str
    interval_ms: float
    begins_ms: int = 0
    absences: list[TrueOutage] = field(default_factory=list)
    lies: int = 0
    """Number of spoofed heartbeats."""
    lags: list[Lag] = field(default_factory=list)

    def late_ms(self, sent_ms: float) -> float:
        """Return by how much later arrives what is sent at an instant."""
        return max((lag.late_ms(sent_ms) for lag in self.lags), default=0.0)

    def most_late_ms(self, last_ms: float) -> float:
        """Return by how much later arrives what is sent in the interval up to an instant, at most."""
        first_ms = last_ms - self.interval_ms
        return max((lag.most_late_ms(first_ms, last_ms) for lag in self.lags), default=0.0)


@dataclass(slots=True)
class GroundTruth:
    """One run: cameras by id, and when the broker was not there."""

    scenario: str
    seed: int
    began_ms: int
    ended_ms: int
    cameras: dict[str, TrueCamera]
    links: list[tuple[int, int]]


def read_truth(file: Path) -> GroundTruth:
    """Read the file that `camsim run --truth` wrote. Raises ScoreError."""
    try:
        text = file.read_text("utf-8")
    except OSError as error:
        raise ScoreError(f"--truth {file}: cannot be read: {error.strerror}") from None
    try:
        lines = [json.loads(line) for line in text.splitlines()]
        return _real(file, lines)
    except (ValueError, KeyError, TypeError) as error:
        raise ScoreError(f"--truth {file}: is not a ground truth of camsim: {error!r}") from None


def _real(file: Path, lines: list[dict[str, Any]]) -> GroundTruth:
    if not lines or lines[0]["kind"] != "run" or lines[-1]["kind"] != "end":
        raise ScoreError(f"--truth {file}: is incomplete: let camsim end normally or with Ctrl-C")
    head, end = lines[0], lines[-1]
    if head["format"] != FORMAT:
        raise ScoreError(f"--truth {file}: is of format {head['format']}, this camsim reads {FORMAT}")
    began_ms = int(head["began_ms"])
    kinds, lives = _grouped(lines, "kind"), _grouped(lines, "camera", kind="alive")
    real = GroundTruth(head["scenario"], head["seed"], began_ms, _moment(began_ms, end["at_s"]), {}, [])
    for line in kinds["camera"]:
        if line["camera"] in lives:
            camera = TrueCamera(line["camera"], line["operator"], line["interval_s"] * 1000)
            _absences(camera, sorted(lives[camera.id], key=itemgetter("from_s")), real)
            real.cameras[camera.id] = camera
    for line in kinds["lie"]:
        if line["camera"] in real.cameras:
            real.cameras[line["camera"]].lies += 1
    for line in kinds["lag"]:
        _lag(line, real)
    for line in kinds["link"]:
        real.links.append((_moment(began_ms, line["from_s"]), _moment(began_ms, line["until_s"])))
    return real


def _grouped(lines: list[dict[str, Any]], by: str, **only: str) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        if only.items() <= line.items():
            found[line[by]].append(line)
    return found


def _lag(line: dict[str, Any], real: GroundTruth) -> None:
    sent, arrived = zip(*line["arrivals"], strict=True)
    lag = Lag(*(tuple(_moment(real.began_ms, each) for each in side) for side in (sent, arrived)))
    for name in line["cameras"]:
        if name in real.cameras:
            real.cameras[name].lags.append(lag)


def _moment(began_ms: int, seconds: float) -> int:
    return round(began_ms + seconds * 1000)


def _absences(camera: TrueCamera, lives: list[dict[str, Any]], real: GroundTruth) -> None:
    camera.begins_ms = _moment(real.began_ms, lives[0]["from_s"])
    for line, after in zip_longest(lives, lives[1:]):
        if line["why"] == "end":
            continue
        until = real.ended_ms if after is None else _moment(real.began_ms, after["from_s"])
        begins, heard = (_moment(real.began_ms, line[name]) for name in ("until_s", "heard_s"))
        camera.absences.append(TrueOutage(begins, until, heard, line["why"], after is not None))
