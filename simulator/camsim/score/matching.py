"""The marks: truth against judgement, camera by camera. Pure. Times are milliseconds.

A true absence is *due* when it was longer than the silence that convicts, and while the broker was there:
it must be an outage. A judged outage that lies over no absence is a mistake; its rate and its duration are
the measures of Chen, Toueg and Aguilera, On the Quality of Service of Failure Detectors (IEEE Transactions on
Computers 51(5), 2002), who call them mistake recurrence time and mistake duration.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import NamedTuple

from camsim.score.observations import Observations, ObservedCamera, Outage
from camsim.score.truth_reader import GroundTruth, TrueCamera, TrueOutage

Span = tuple[int, int]
_NONE = ObservedCamera()
_ON_THE_WAY_MS = 250  # what a heartbeat may take from the camera to camwatch, on a machine that is busy


class DetectedOutage(NamedTuple):
    """One absence, and the outage that camwatch made of it; errors are judged minus true."""

    camera: str
    operator: str
    interval_ms: float
    absence: TrueOutage
    outage: Outage
    lag_ms: float = 0.0
    """By how much later arrives what is sent in the interval before the deadline, at most.

    A lag shows in what cameras said last, an interval ago at most: sooner nobody can know that it fell.
    """

    @property
    def detection_ms(self) -> int:
        """From the last sign of life to the conviction."""
        return self.outage.detected_ms - self.absence.heard_ms

    @property
    def outside(self) -> list[bool]:
        """For each end with bounds: whether the truth lies outside, by more than a message's time."""
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
        """How much later than the truth the outage begins."""
        return self.outage.at_ms - self.absence.from_ms

    @property
    def end_error_ms(self) -> int | None:
        """How much later than the truth it ends; None where one of them has no end."""
        if self.outage.end_ms is None or not self.absence.over:
            return None
        return self.outage.end_ms - self.absence.until_ms


class Mistake(NamedTuple):
    """An outage of a camera that lived."""

    camera: str
    operator: str
    outage: Outage
    duration_ms: int


class Missed(NamedTuple):
    """An absence that should have been an outage, and was none."""

    camera: str
    operator: str
    absence: TrueOutage


@dataclass(slots=True)
class CameraScore:
    """What was reckoned of one camera, over the time that camwatch speaks for: down time, true and judged."""

    camera: str
    operator: str
    interval_ms: float
    outages: int = 0
    covered_ms: int = 0
    true_down_ms: int = 0
    judged_down_ms: int = 0
    knowable_ms: int = 0
    """Unknown, though the broker was there and the camera spoke."""
    false_up_ms: int = 0
    """Up more than one interval after its last sign of life, due to spoofed heartbeats."""

    @property
    def error_ms(self) -> int:
        """Judged minus true down time."""
        return self.judged_down_ms - self.true_down_ms


@dataclass(slots=True)
class Score:
    """All marks of one run; `watched_ms` is the camera time that was marked, summed."""

    scenario: str
    seed: int
    began_ms: int
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
    """Mark a run, without its first intervals, in which camwatch meets the cameras, and its last one.

    camwatch declares a camera down after `down_after` intervals of silence.
    """
    # The goodbyes of the end begin outages, which may date back to when the last heartbeats were due.
    last = max((camera.interval_ms for camera in real.cameras.values()), default=0)
    ended = min(round(real.ended_ms - last), judged.watermark_ms)
    marks = Score(real.scenario, real.seed, real.began_ms, ended)
    for name, camera in real.cameras.items():
        said = judged.cameras.get(name, _NONE)
        begin = _begin(camera, said, real.ended_ms, settle_intervals)
        if begin < marks.ended_ms:
            _mark(marks, camera, said, begin, real, down_after)
    marks.true_blind_ms = _length(clipped(real.links, marks.began_ms, marks.ended_ms))
    marks.judged_blind_ms = _length(clipped(merged(judged.blind), marks.began_ms, marks.ended_ms))
    return marks


def _begin(camera: TrueCamera, said: ObservedCamera, ended_ms: int, settle_intervals: float) -> int:
    """Return from when on a camera is marked: both it and camwatch were there, and had time to meet.

    A store may hold later runs as well: what was noticed after the end of this one says nothing of it, and a
    camera that was never seen up in it is marked all the same.
    """
    ups = (change.detected_ms for change in said.changes if change.status == "up")
    seen = min((noticed for noticed in ups if noticed < ended_ms), default=0)
    return round(max(camera.begins_ms, seen) + settle_intervals * camera.interval_ms)


def _mark(
    marks: Score, camera: TrueCamera, said: ObservedCamera, begin: int, real: GroundTruth, down_after: float
) -> None:
    end = marks.ended_ms
    marks.watched_ms += end - begin
    mine = CameraScore(camera.id, camera.operator, camera.interval_ms)
    absences = [each for each in camera.absences if each.until_ms > begin and each.from_ms < end]
    outages = [each for each in said.outages if (each.end_ms or end) > begin and each.at_ms < end]
    needed_ms = down_after * camera.interval_ms
    late = (span for lag in camera.lags for span in lag.beyond(needed_ms))  # a lag that makes blind
    hidden = [*real.links, *late]
    _pair(marks, camera, _joined(absences), outages, needed_ms, hidden)
    mine.outages = len(outages)
    life = stretches(said, begin, end)
    covered = [(start, stop) for start, stop, status in life if status in ("up", "down")]
    away = [(each.from_ms, each.until_ms) for each in absences]
    mine.covered_ms = _length(covered)
    mine.true_down_ms = _length(_both(covered, away))
    mine.judged_down_ms = _length([(start, stop) for start, stop, status in life if status == "down"])
    mine.knowable_ms = _knowable(camera, life, away, hidden)
    if camera.lies:
        up = [(start, stop) for start, stop, status in life if status == "up"]
        mine.false_up_ms = sum(_false_up(camera, absence, up) for absence in absences)
    marks.cameras.append(mine)


def _joined(absences: Sequence[TrueOutage]) -> Iterator[TrueOutage]:
    """Join absences between which the camera sent no heartbeat: words alone end no outage."""
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
    """Find the outage of each absence, the absences without one, and the outages without one.

    A silence of `needed_ms` convicts; camwatch could see nothing in `hidden`.
    """
    used: set[Outage] = set()
    for absence in absences:
        mine = [each for each in outages if _touch(absence, each, marks.ended_ms)]
        used.update(mine)
        if mine:
            lag = camera.most_late_ms(absence.heard_ms + needed_ms)
            marks.found.append(
                DetectedOutage(camera.id, camera.operator, camera.interval_ms, absence, mine[0], lag)
            )
        elif _is_due(camera, absence, needed_ms, hidden, marks.ended_ms):
            marks.missed.append(Missed(camera.id, camera.operator, absence))
    for outage in outages:
        if outage not in used:
            lasted = (outage.end_ms or marks.ended_ms) - outage.at_ms
            marks.mistakes.append(Mistake(camera.id, camera.operator, outage, lasted))


def _touch(absence: TrueOutage, outage: Outage, end_ms: int) -> bool:
    return outage.at_ms < absence.until_ms and (outage.end_ms or end_ms) > absence.from_ms


def _is_due(
    camera: TrueCamera, absence: TrueOutage, needed_ms: float, hidden: Iterable[Span], end_ms: int
) -> bool:
    """Whether an absence was long enough to be seen, with a broker that was there all the time.

    A lag makes no absence shorter, but what came too late for the end of the marks need not be seen.
    """
    seen_until = min(absence.until_ms, end_ms - camera.late_ms(absence.heard_ms + needed_ms))
    margin = 2 * camera.interval_ms
    disturbed = any(
        start - margin < seen_until and absence.heard_ms < stop + needed_ms for start, stop in hidden
    )
    return seen_until - absence.heard_ms > needed_ms + margin and not disturbed


def _knowable(
    camera: TrueCamera, life: Sequence[tuple[int, int, str]], away: Sequence[Span], hidden: Iterable[Span]
) -> int:
    """Return the unknown time in which camwatch could have known: not blind, and the camera had spoken."""
    unknown = [(start, stop) for start, stop, status in life if status == "unknown"]
    # After the broker's return each camera has an interval to be heard, and a session to open before.
    grace = round(2 * camera.interval_ms) + 2000
    blind = [(start, stop + grace) for start, stop in hidden]
    return _length(unknown) - _length(_both(unknown, merged([*blind, *away])))


def _false_up(camera: TrueCamera, absence: TrueOutage, up: Sequence[Span]) -> int:
    """Return for how long an absent camera was up, beyond what its last sign of life vouches for."""
    vouched = round(absence.heard_ms + camera.interval_ms) + _ON_THE_WAY_MS
    return _length(_both(up, [(vouched, absence.until_ms)])) if absence.until_ms > vouched else 0


def stretches(said: ObservedCamera, begin: int, end: int) -> list[tuple[int, int, str]]:
    """Return what camwatch says that the camera was in [begin, end), with what late heartbeats filled."""
    found: list[tuple[int, int, str]] = []
    nexts = [change.at_ms for change in said.changes[1:]] + [end]
    for change, until in zip(said.changes, nexts, strict=True):
        start, stop = max(change.at_ms, begin), min(until, end)
        if start < stop:
            found += _filled(start, stop, change.status, said.fills)
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
    """Return what of the spans lies within [begin, end)."""
    return [(max(start, begin), min(stop, end)) for start, stop in spans if start < end and stop > begin]


def _both(some: Iterable[Span], others: Iterable[Span]) -> list[Span]:
    theirs = merged(others)
    return [piece for start, stop in some for piece in clipped(theirs, start, stop)]


def _length(spans: Iterable[Span]) -> int:
    return sum(stop - start for start, stop in spans)


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return the smallest value that so many do not exceed (the nearest rank); None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, -(-round(share * 1e6) * len(ordered) // 1_000_000) - 1)]


def mean(values: Sequence[float]) -> float | None:
    """Return the mean; None of nothing."""
    return fmean(values) if values else None
