"""Compares the ground truth with camwatch's record, camera by camera. Pure. Times are milliseconds.

A true absence is *due* when it was longer than the silence that declares a camera down, and the broker was
reachable: it must be an outage. A recorded outage without an absence is a mistake. The rate and duration of
mistakes are the mistake recurrence time and mistake duration of Chen, Toueg and Aguilera, On the Quality of
Service of Failure Detectors (IEEE Transactions on Computers 51(5), 2002).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import NamedTuple

from camsim.score.observations import Observations, ObservedCamera, Outage
from camsim.score.truth_reader import GroundTruth, TrueCamera, TrueOutage

Span = tuple[int, int]
_NONE = ObservedCamera()
_ON_THE_WAY_MS = 250  # the longest delivery of a heartbeat on a busy machine


class DetectedOutage(NamedTuple):
    """One absence, and the outage that camwatch recorded for it; errors are recorded minus true."""

    interval_ms: float
    absence: TrueOutage
    outage: Outage
    lag_ms: float = 0.0
    """The largest lag of a message sent in the interval before the deadline.

    camwatch learns that a lag falls from the cameras' latest messages, up to an interval later.
    """

    @property
    def detection_ms(self) -> int:
        """From the last heartbeat to the detection."""
        return self.outage.detected_ms - self.absence.heard_ms

    @property
    def outside(self) -> list[bool]:
        """For each end with bounds: whether the truth is outside by more than a delivery."""
        bounds, absence = self.outage.bounds, self.absence
        ends = [(bounds.at_earliest_ms, bounds.at_latest_ms, absence.from_ms)]
        if absence.over:
            ends.append((bounds.end_earliest_ms, bounds.end_latest_ms, absence.until_ms))
        return [
            not low - _ON_THE_WAY_MS <= truth <= high + _ON_THE_WAY_MS
            for low, high, truth in ends
            if low is not None and high is not None
        ]

    @property
    def start_error_ms(self) -> int:
        """By how much the outage begins later than the absence."""
        return self.outage.at_ms - self.absence.from_ms

    @property
    def end_error_ms(self) -> int | None:
        """By how much it ends later than the absence; None where one of them has no end."""
        if self.outage.end_ms is None or not self.absence.over:
            return None
        return self.outage.end_ms - self.absence.until_ms


class Mistake(NamedTuple):
    """An outage of a camera that was reachable."""

    camera: str
    duration_ms: int


class Missed(NamedTuple):
    """An absence that was due, but has no outage."""

    camera: str
    absence: TrueOutage


@dataclass(frozen=True, slots=True)
class CameraScore:
    """One camera's figures over the time of the score."""

    camera: TrueCamera
    record: ObservedCamera
    outages: int
    covered_ms: int
    true_down_ms: int
    judged_down_ms: int
    knowable_ms: int
    """Time that is unknown although the broker was reachable and the camera sent heartbeats."""
    false_up_ms: int
    """Time up more than one interval after its last heartbeat, because of spoofed heartbeats."""

    @property
    def error_ms(self) -> int:
        """Recorded minus true down time."""
        return self.judged_down_ms - self.true_down_ms


@dataclass(slots=True)
class Score:
    """The score of one run; `watched_ms` is the scored time of all cameras."""

    real: GroundTruth
    ended_ms: int
    found: list[DetectedOutage] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)
    missed: list[Missed] = field(default_factory=list)
    cameras: list[CameraScore] = field(default_factory=list)
    true_blind_ms: int = 0
    judged_blind_ms: int = 0
    watched_ms: int = 0


def score_run(
    real: GroundTruth, judged: Observations, down_after: float, settle_intervals: float = 3.0
) -> Score:
    """Score a run, without its first intervals, in which camwatch sees the cameras first, and its last one.

    camwatch declares a camera down after `down_after` intervals of silence.
    """
    # The goodbyes at the end begin outages, which may date back to the last due heartbeats.
    last = max((camera.interval_ms for camera in real.cameras.values()), default=0)
    ended = min(round(real.ended_ms - last), judged.watermark_ms)
    marks = Score(real, ended)
    for name, camera in real.cameras.items():
        record = judged.cameras.get(name, _NONE)
        begin = _begin(camera, record, real.ended_ms, settle_intervals)
        if begin < ended:
            _mark(marks, camera, record, begin, down_after)
    marks.true_blind_ms = _length(clipped(real.links, real.began_ms, ended))
    marks.judged_blind_ms = _length(clipped(merged(judged.blind), real.began_ms, ended))
    return marks


def _begin(camera: TrueCamera, record: ObservedCamera, ended_ms: int, settle_intervals: float) -> int:
    """Return the begin of a camera's score: `settle_intervals` after both it and camwatch were running.

    A store may contain later runs, so changes detected after the end of this one do not count. A camera that
    was never up in this run is scored from its own begin.
    """
    ups = (change.detected_ms for change in record.changes if change.status == "up")
    seen = min((noticed for noticed in ups if noticed < ended_ms), default=0)
    return round(max(camera.begins_ms, seen) + settle_intervals * camera.interval_ms)


def _mark(marks: Score, camera: TrueCamera, record: ObservedCamera, begin: int, down_after: float) -> None:
    end = marks.ended_ms
    marks.watched_ms += end - begin
    absences = [each for each in camera.absences if each.until_ms > begin and each.from_ms < end]
    outages = [each for each in record.outages if (each.end_ms or end) > begin and each.at_ms < end]
    needed_ms = down_after * camera.interval_ms
    # A lag beyond the silence that declares a camera down makes blind.
    hidden = [*marks.real.links, *(span for lag in camera.lags for span in lag.beyond(needed_ms))]
    _pair(marks, camera, _joined(absences), outages, needed_ms, hidden)
    spans: dict[str, list[Span]] = defaultdict(list)
    for start, stop, status in stretches(record, begin, end):
        spans[status].append((start, stop))
    covered, away = spans["up"] + spans["down"], [(each.from_ms, each.until_ms) for each in absences]
    false_up = (_false_up(camera, absence, spans["up"]) for absence in absences if camera.lies)
    marks.cameras.append(
        CameraScore(
            camera,
            record,
            outages=len(outages),
            covered_ms=_length(covered),
            true_down_ms=_length(_both(covered, away)),
            judged_down_ms=_length(spans["down"]),
            knowable_ms=_knowable(camera, spans["unknown"], away, hidden),
            false_up_ms=sum(false_up),
        )
    )


def _joined(absences: Sequence[TrueOutage]) -> Iterator[TrueOutage]:
    """Join absences between which the camera sent no heartbeat: a status message alone ends no outage."""
    last: TrueOutage | None = None
    for each in absences:
        if last is not None and each.heard_ms > last.until_ms:
            yield last
            last = None
        last = each if last is None else last._replace(until_ms=each.until_ms, over=each.over)
    if last is not None:
        yield last


def _pair(
    marks: Score,
    camera: TrueCamera,
    absences: Iterable[TrueOutage],
    outages: Sequence[Outage],
    needed_ms: float,
    hidden: Sequence[Span],
) -> None:
    """Find the outage of each absence, absences without an outage, and outages without an absence.

    Args:
        needed_ms: the silence after which camwatch declares a camera down
        hidden: when camwatch could not receive the camera's messages
    """
    used: set[Outage] = set()
    for absence in absences:
        mine = [each for each in outages if _touch(absence, each, marks.ended_ms)]
        used.update(mine)
        if mine:
            lag = camera.most_late_ms(absence.heard_ms + needed_ms)
            marks.found.append(DetectedOutage(camera.interval_ms, absence, mine[0], lag))
        elif _is_due(camera, absence, needed_ms, hidden, marks.ended_ms):
            marks.missed.append(Missed(camera.id, absence))
    for outage in outages:
        if outage not in used:
            lasted = (outage.end_ms or marks.ended_ms) - outage.at_ms
            marks.mistakes.append(Mistake(camera.id, lasted))


def _touch(absence: TrueOutage, outage: Outage, end_ms: int) -> bool:
    return outage.at_ms < absence.until_ms and (outage.end_ms or end_ms) > absence.from_ms


def _is_due(
    camera: TrueCamera, absence: TrueOutage, needed_ms: float, hidden: Iterable[Span], end_ms: int
) -> bool:
    """Return whether an absence was long enough to be detected, with the broker reachable throughout.

    A lag makes no absence shorter, but an absence that shows only after the end of the score is not due.
    """
    seen_until = min(absence.until_ms, end_ms - camera.late_ms(absence.heard_ms + needed_ms))
    margin = 2 * camera.interval_ms
    disturbed = any(
        start - margin < seen_until and absence.heard_ms < stop + needed_ms for start, stop in hidden
    )
    return seen_until - absence.heard_ms > needed_ms + margin and not disturbed


def _knowable(
    camera: TrueCamera, unknown: Sequence[Span], away: Sequence[Span], hidden: Iterable[Span]
) -> int:
    """Return the unknown time in which camwatch was not blind and the camera had sent heartbeats."""
    # After the broker's return each camera opens a session, and has an interval for its first heartbeat.
    grace = round(2 * camera.interval_ms) + 2000
    blind = [(start, stop + grace) for start, stop in hidden]
    return _length(unknown) - _length(_both(unknown, merged([*blind, *away])))


def _false_up(camera: TrueCamera, absence: TrueOutage, up: Sequence[Span]) -> int:
    """Return for how long an absent camera was up, from one interval after its last heartbeat on."""
    overdue = round(absence.heard_ms + camera.interval_ms) + _ON_THE_WAY_MS
    return _length(_both(up, [(overdue, absence.until_ms)])) if absence.until_ms > overdue else 0


def stretches(record: ObservedCamera, begin: int, end: int) -> list[tuple[int, int, str]]:
    """Return the recorded statuses of a camera in [begin, end), backfilled by late heartbeats."""
    found: list[tuple[int, int, str]] = []
    nexts = [change.at_ms for change in record.changes[1:]] + [end]
    for change, until in zip(record.changes, nexts, strict=True):
        start, stop = max(change.at_ms, begin), min(until, end)
        if start < stop:
            found += _filled(start, stop, change.status, record.fills)
    return found


def _filled(start: int, stop: int, status: str, fills: Sequence[Span]) -> Iterator[tuple[int, int, str]]:
    if status not in ("unknown", "down"):
        yield start, stop, status
        return
    for begin, end in clipped(merged(fills), start, stop):
        if start < begin:
            yield start, begin, status
        yield begin, end, "up"
        start = end
    if start < stop:
        yield start, stop, status


def merged(spans: Iterable[Span]) -> list[Span]:
    """Return the same time as disjoint spans, in order."""
    result: list[Span] = []
    for start, stop in sorted(spans):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], stop))
        elif stop > start:
            result.append((start, stop))
    return result


def clipped(spans: Iterable[Span], begin: int, end: int) -> list[Span]:
    """Return the parts of the spans within [begin, end)."""
    return [(max(start, begin), min(stop, end)) for start, stop in spans if start < end and stop > begin]


def _both(some: Iterable[Span], others: Iterable[Span]) -> list[Span]:
    theirs = merged(others)
    return [piece for start, stop in some for piece in clipped(theirs, start, stop)]


def _length(spans: Iterable[Span]) -> int:
    return sum(stop - start for start, stop in spans)


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return the smallest value that this share does not exceed (the nearest rank); None of no values."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, -(-round(share * 1e6) * len(ordered) // 1_000_000) - 1)]


def mean(values: Sequence[float]) -> float | None:
    """Return the mean; None of no values."""
    return fmean(values) if values else None
