"""Marks of runs under faults: each camera's record against its truth. Pure. Errors are in intervals."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import sqrt
from statistics import fmean

from benchmarks.faults import DOWN_AFTER, Played
from camsim.score.matching import clipped, merged, stretches
from camsim.score.observations import ObservedCamera, Outage
from tests.support.herd import Camera, Kind

Span = tuple[int, int]
_ON_THE_WAY_MS = 250
_EXAMPLES = 5
_BEGIN = 3  # intervals in which camwatch meets a camera


@dataclass(slots=True)
class KindMarks:
    """All cameras of a kind, over all runs."""

    start: list[float] = field(default_factory=list)
    end: list[float] = field(default_factory=list)
    down: list[float] = field(default_factory=list)
    """Of outages that no fault came near: judged less true."""
    up_though_dead: list[float] = field(default_factory=list)
    down_though_alive: list[float] = field(default_factory=list)
    """Stretches of more than one interval."""
    missed: int = 0
    mistakes: int = 0
    bounds: int = 0
    outside: list[str] = field(default_factory=list)
    """A true instant outside the bounds of an outage: its camera, and by how many milliseconds."""
    stretches: list[str] = field(default_factory=list)
    """Which camera was up though dead, or down though alive, and from when to when."""
    unknown: float = 0.0
    dark: float = 0.0


def marked(runs: Iterable[Played]) -> dict[str, KindMarks]:
    """Return the marks of each kind of camera."""
    found: dict[str, KindMarks] = defaultdict(KindMarks)
    for run in runs:
        for camera in run.herd:
            _mark(found[camera.kind.value], camera, run)
    return {kind.value: found[kind.value] for kind in Kind if kind.value in found}


def _mark(marks: KindMarks, camera: Camera, run: Played) -> None:
    said = run.judged.cameras.get(camera.id, ObservedCamera())
    interval = camera.interval_s * 1000
    begin, end = round(camera.began_ms + _BEGIN * interval), min(run.ended_ms, run.judged.watermark_ms)
    away = list(_absences(camera, begin, end))
    life = stretches(said, begin, end)
    outages = [each for each in said.outages if (each.end_ms or end) > begin and each.at_ms < end]
    _ends(marks, camera.id, away, outages, run, interval)
    spoke = [(at, at + 1) for at in camera.sent_ms]
    long_away = [(start, stop) for start, stop, silent in away if silent > (DOWN_AFTER + 0.5) * interval]
    up = [(start, stop) for start, stop, status in life if status == "up"]
    down = [(start, stop) for start, stop, status in life if status == "down"]
    _stretches(marks, marks.up_though_dead, f"{camera.id} up though dead", _both(up, long_away), interval)
    lived = _without((begin, end), [(start, stop) for start, stop, _ in away])
    alive = [piece for piece in _both(down, lived) if _both([piece], spoke)]
    _stretches(marks, marks.down_though_alive, f"{camera.id} down though alive", alive, interval)
    marks.unknown += sum(stop - start for start, stop, status in life if status == "unknown") / interval
    marks.dark += sum(stop - start for start, stop in clipped(merged(run.dark), begin, end)) / interval


def _absences(camera: Camera, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield when a camera could not be heard, with how long its silence was.

    Of one whose heartbeats waited and came, nothing was missed.
    """
    for absence in camera.absences:
        until = absence.until_ms
        if camera.kind is Kind.QUEUE and until is not None:
            continue
        following = next((at for at in camera.sent_ms if until is not None and at >= until), end)
        if absence.from_ms < end and (until or end) > begin:
            yield max(absence.from_ms, begin), min(until or end, end), following - absence.heard_ms


def _ends(
    marks: KindMarks,
    camera: str,
    away: Sequence[tuple[int, int, int]],
    outages: Sequence[Outage],
    run: Played,
    interval: float,
) -> None:
    def during(absence: tuple[int, int, int]) -> list[Outage]:
        start, stop, _ = absence
        return [each for each in outages if each.at_ms < stop and (each.end_ms or run.ended_ms) > start]

    for absence in away:
        start, stop, silent = absence
        mine, over = during(absence), stop < run.ended_ms
        near = clipped(run.dark, round(start - 2 * interval), round(stop + 2 * interval))
        if not mine and not near and silent > (DOWN_AFTER + 1) * interval and over:
            marks.missed += 1
        ended = mine[0].end_ms if len(mine) == 1 else None
        if not near and over and ended is not None:
            marks.start.append((mine[0].at_ms - start) / interval)
            marks.end.append((ended - stop) / interval)
            marks.down.append(marks.end[-1] - marks.start[-1])
    for outage in outages:
        # One outage covers many absences that a monitoring gap joins.
        under = [each for each in away if outage in during(each)]
        if not under:
            marks.mistakes += 1
        elif all(len(during(each)) == 1 for each in under):
            _bounds(marks, camera, outage, under[0][0], under[-1][1])


def _bounds(marks: KindMarks, camera: str, outage: Outage, start: int, stop: int) -> None:
    bounds = outage.bounds
    for end, low, high, truth in (
        ("began", bounds.at_earliest_ms, bounds.at_latest_ms, start),
        ("ended", bounds.end_earliest_ms, bounds.end_latest_ms, stop),
    ):
        if low is not None and high is not None:
            marks.bounds += 1
            if not low - _ON_THE_WAY_MS <= truth <= high + _ON_THE_WAY_MS:
                marks.outside.append(
                    f"{camera} {end} at {truth}, between {low - truth:+} and {high - truth:+}"
                )


def _stretches(
    marks: KindMarks, found: list[float], what: str, spans: Iterable[Span], interval: float
) -> None:
    """Note those longer than one interval."""
    for start, stop in spans:
        if stop - start > interval:
            found.append((stop - start) / interval)
            marks.stretches.append(f"{what} from {start} to {stop}")


def _both(some: Iterable[Span], others: Iterable[Span]) -> list[Span]:
    theirs = merged(others)
    return [piece for start, stop in some for piece in clipped(theirs, start, stop)]


def _without(span: Span, holes: Iterable[Span]) -> list[Span]:
    begin, end = span
    found = []
    for start, stop in merged(holes):
        if begin < start:
            found.append((begin, start))
        begin = max(begin, stop)
    return [*found, (begin, end)] if begin < end else found


# ---- for people


def table(found: dict[str, KindMarks], runs: Sequence[Played]) -> str:
    """Return the figures as text; `bias / RMSE` of the down time of an outage."""
    faults: Counter[str] = Counter()
    for run in runs:
        faults.update(run.faults)
    head = (
        f"{'in intervals':26}{'clean':>7}{'down: bias/RMSE':>17}{'start':>8}{'end':>8}"
        f"{'missed':>8}{'mistakes':>9}{'up, dead':>13}{'down, alive':>13}{'unknown/dark':>15}{'outside':>12}"
    )
    lines = [
        f"{len(runs)} runs; audit finds fault in {sum(not run.sound for run in runs)}; "
        + ", ".join(f"{name} {count}" for name, count in sorted(faults.items())),
        "",
        head,
    ]
    lines += [_line(kind, marks) for kind, marks in [*found.items(), ("all", _all(found.values()))]]
    for kind, marks in found.items():
        lines += [f"{kind}: {each}" for each in marks.stretches[:_EXAMPLES]]
        lines += [f"outside, {kind}: {each}" for each in marks.outside[:_EXAMPLES]]
    return "\n".join(lines)


def _line(kind: str, marks: KindMarks) -> str:
    down = f"{_mean(marks.down)} / {_rms(marks.down)}"
    return (
        f"{kind:26}{len(marks.down):>7}{down:>17}{_mean(marks.start):>8}{_mean(marks.end):>8}"
        f"{marks.missed:>8}{marks.mistakes:>9}{_cases(marks.up_though_dead):>13}"
        f"{_cases(marks.down_though_alive):>13}{f'{marks.unknown:.0f}/{marks.dark:.0f}':>15}"
        f"{f'{len(marks.outside)} of {marks.bounds}':>12}"
    )


def _all(kinds: Iterable[KindMarks]) -> KindMarks:
    total = KindMarks()
    for one in kinds:
        for name in KindMarks.__slots__:
            setattr(total, name, getattr(total, name) + getattr(one, name))
    return total


def _mean(values: Sequence[float]) -> str:
    return f"{fmean(values):+.2f}" if values else "–"


def _rms(values: Sequence[float]) -> str:
    return f"{sqrt(fmean(value**2 for value in values)):.2f}" if values else "–"


def _cases(stretched: Sequence[float]) -> str:
    return f"{len(stretched)}: {sum(stretched):.1f}"
