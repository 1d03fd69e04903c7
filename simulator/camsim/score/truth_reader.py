"""Reads the ground truth of a run. Times are Unix milliseconds."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise, zip_longest
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from camsim.errors import ScoreError
from camsim.ground_truth import FORMAT
from camsim.text_file import read_text

_Line = dict[str, Any]


class TrueOutage(NamedTuple):
    """A camera was not reachable in [from_ms, until_ms); its last message before arrived at `heard_ms`."""

    from_ms: int
    until_ms: int
    heard_ms: int
    why: str
    over: bool  # it came back within the run


@dataclass(frozen=True, slots=True)
class Lag:
    """A lag of a path: a message of `sent_ms[i]` arrived at `arrived_ms[i]`, interpolated in between."""

    sent_ms: tuple[int, ...]
    arrived_ms: tuple[int, ...]

    def late_ms(self, sent_ms: float) -> float:
        """Return the lag of a message sent at an instant."""
        after = bisect_right(self.sent_ms, sent_ms)
        if after in (0, len(self.sent_ms)):
            return 0.0
        (left, right), (down, up) = (
            self.sent_ms[after - 1 : after + 1],
            self.arrived_ms[after - 1 : after + 1],
        )
        return down + (up - down) * (sent_ms - left) / (right - left) - sent_ms

    def most_late_ms(self, first_ms: float, last_ms: float) -> float:
        """Return the largest lag of a message sent between two instants."""
        between = self.sent_ms[bisect_left(self.sent_ms, first_ms) : bisect_right(self.sent_ms, last_ms)]
        return max(self.late_ms(sent) for sent in (first_ms, *between, last_ms))

    def beyond(self, most_ms: float) -> list[tuple[int, int]]:
        """Return the spans in which messages were later than that."""
        both = list(zip(self.sent_ms, self.arrived_ms, strict=True))
        return [
            (sent, arrived)
            for (sent, came), (_, arrived) in pairwise(both)
            if max(came - sent, self.late_ms(sent)) > most_ms
        ]


@dataclass(slots=True)
class TrueCamera:
    """One camera that was reachable at some time, with its absences in order."""

    id: str
    operator: str
    interval_ms: float
    begins_ms: int = 0
    absences: list[TrueOutage] = field(default_factory=list)
    lies: int = 0
    """Number of spoofed heartbeats."""
    lags: list[Lag] = field(default_factory=list)

    def late_ms(self, sent_ms: float) -> float:
        """Return the lag of a message sent at an instant."""
        return max((lag.late_ms(sent_ms) for lag in self.lags), default=0.0)

    def most_late_ms(self, last_ms: float) -> float:
        """Return the largest lag of a message sent in the interval up to an instant."""
        first_ms = last_ms - self.interval_ms
        return max((lag.most_late_ms(first_ms, last_ms) for lag in self.lags), default=0.0)


@dataclass(slots=True)
class GroundTruth:
    """One run: cameras by id, and `links`: when the broker was stopped."""

    scenario: str
    seed: int
    began_ms: int
    ended_ms: int
    cameras: dict[str, TrueCamera]
    links: list[tuple[int, int]]

    def at_ms(self, seconds: float) -> int:
        """Return the instant this many seconds after the begin."""
        return round(self.began_ms + seconds * 1000)


def read_truth(file: Path) -> GroundTruth:
    """Read the file that `camsim run --truth` wrote. Raises ScoreError."""
    text = read_text(file, f"--truth {file}", ScoreError)
    try:
        lines = [json.loads(line) for line in text.splitlines()]
        return _real(file, lines)
    except (ValueError, KeyError, TypeError) as error:
        raise ScoreError(f"--truth {file}: is not a ground truth of camsim: {error!r}") from None


def _real(file: Path, lines: list[_Line]) -> GroundTruth:
    if not lines or lines[0]["kind"] != "run" or lines[-1]["kind"] != "end":
        raise ScoreError(f"--truth {file}: is not complete: let camsim end on its own or by Ctrl-C")
    head, end = lines[0], lines[-1]
    if head["format"] != FORMAT:
        raise ScoreError(f"--truth {file}: is of format {head['format']}, this camsim reads {FORMAT}")
    real = GroundTruth(head["scenario"], head["seed"], int(head["began_ms"]), 0, {}, [])
    real.ended_ms = real.at_ms(end["at_s"])
    kinds = _grouped(lines, "kind")
    lives = _grouped(kinds["alive"], "camera")
    for line in kinds["camera"]:
        if mine := sorted(lives[line["camera"]], key=itemgetter("from_s")):
            real.cameras[line["camera"]] = TrueCamera(
                line["camera"],
                line["operator"],
                line["interval_s"] * 1000,
                real.at_ms(mine[0]["from_s"]),
                list(_absences(mine, real)),
            )
    for line in kinds["lie"]:
        if line["camera"] in real.cameras:
            real.cameras[line["camera"]].lies += 1
    for line in kinds["lag"]:
        lag = Lag(*(tuple(map(real.at_ms, side)) for side in zip(*line["arrivals"], strict=True)))
        for name in real.cameras.keys() & line["cameras"]:
            real.cameras[name].lags.append(lag)
    real.links += [(real.at_ms(line["from_s"]), real.at_ms(line["until_s"])) for line in kinds["link"]]
    return real


def _grouped(lines: list[_Line], by: str) -> dict[str, list[_Line]]:
    found: dict[str, list[_Line]] = defaultdict(list)
    for line in lines:
        found[line[by]].append(line)
    return found


def _absences(lives: list[_Line], real: GroundTruth) -> Iterator[TrueOutage]:
    for line, after in zip_longest(lives, lives[1:]):
        if line["why"] != "end":
            until_ms = real.ended_ms if after is None else real.at_ms(after["from_s"])
            begins_ms, heard_ms = real.at_ms(line["until_s"]), real.at_ms(line["heard_s"])
            yield TrueOutage(begins_ms, until_ms, heard_ms, line["why"], after is not None)
