"""The figures of a score, for the table, for JSON and for limits. Times in seconds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from math import sqrt
from operator import attrgetter
from pathlib import Path
from statistics import fmean
from typing import Any

import yaml

from camsim.errors import ScoreError
from camsim.score.matching import CameraScore, DetectedOutage, Missed, Score, mean, percentile
from camsim.text_file import read_text

Figures = dict[str, Any]
_operator_of = attrgetter("camera.operator")


def figures(marks: Score, down_after: float) -> Figures:
    """Return every figure of a run; None if there is no data."""
    found = marks.found
    ended = [
        (each.start_error_ms / each.interval_ms, error / each.interval_ms)
        for each in found
        if (error := each.end_error_ms) is not None
    ]
    outside = [each for one in found for each in one.outside]
    return {
        "scenario": marks.real.scenario,
        "seed": marks.real.seed,
        "cameras": len(marks.cameras),
        "watched_camera_s": marks.watched_ms / 1000,
        "length_s": (marks.ended_ms - marks.real.began_ms) / 1000,
        "absences": len(found) + len(marks.missed),
        "detected": len(found),
        "missed": len(marks.missed),
        "mistakes": len(marks.mistakes),
        "mistake_recurrence_s": marks.watched_ms / 1000 / len(marks.mistakes) if marks.mistakes else None,
        "mistake_duration_s": _spread([each.duration_ms / 1000 for each in marks.mistakes]),
        "detection_s": _spread([each.detection_ms / 1000 for each in found]),
        "detection_intervals": _spread([each.detection_ms / each.interval_ms for each in found]),
        "detection_late_s": _spread(
            [(each.detection_ms - down_after * each.interval_ms - each.lag_ms) / 1000 for each in found]
        ),
        "start_error_intervals": _error([each.start_error_ms / each.interval_ms for each in found]),
        "end_error_intervals": _error([end for _, end in ended]),
        "down_error_intervals": _error([end - start for start, end in ended]),
        "camera_error_intervals_per_outage": _error(
            [each.error_ms / each.camera.interval_ms / max(1, each.outages) for each in marks.cameras]
        ),
        "bounds_told": len(outside),
        "outside_bounds": sum(outside),
        "unknown_but_knowable_s": sum(each.knowable_ms for each in marks.cameras) / 1000,
        "up_on_false_evidence_s": sum(each.false_up_ms for each in marks.cameras) / 1000,
        "blind_s": marks.judged_blind_ms / 1000,
        "blind_error_s": (marks.judged_blind_ms - marks.true_blind_ms) / 1000,
        "operators": {
            name: _operator(list(each))
            for name, each in groupby(sorted(marks.cameras, key=_operator_of), _operator_of)
        },
        "causes": _causes(found, marks.missed),
    }


def _spread(values: Sequence[float]) -> dict[str, float | None]:
    """Return mean, percentiles and maximum."""
    return {
        "mean": mean(values),
        "p50": percentile(values, 0.5),
        "p95": percentile(values, 0.95),
        "p99": percentile(values, 0.99),
        "max": max(values, default=None),
    }


def _error(values: Sequence[float]) -> dict[str, float | None]:
    """Return bias, root mean square, and absolute errors."""
    return {
        "mean": mean(values),
        "rms": sqrt(fmean(value**2 for value in values)) if values else None,
        "mean_absolute": mean([abs(value) for value in values]),
        "p99_absolute": percentile([abs(value) for value in values], 0.99),
        "max_absolute": max((abs(value) for value in values), default=None),
    }


def _operator(cameras: Sequence[CameraScore]) -> dict[str, float | None]:
    covered = sum(each.covered_ms for each in cameras)
    true = sum(each.true_down_ms for each in cameras)
    judged = sum(each.judged_down_ms for each in cameras)
    return {
        "availability": 1 - judged / covered if covered else None,
        "true_availability": 1 - true / covered if covered else None,
        "error": (true - judged) / covered if covered else None,
        "outages": sum(each.outages for each in cameras),
    }


def _causes(found: Iterable[DetectedOutage], missed: Iterable[Missed]) -> dict[str, Figures]:
    groups: dict[str, list[DetectedOutage]] = defaultdict(list)
    for each in found:
        groups[each.absence.why].append(each)
    lost = Counter(one.absence.why for one in missed)
    return {
        why: {
            "detected": len(mine := groups[why]),
            "missed": lost[why],
            "detection_intervals": _spread([each.detection_ms / each.interval_ms for each in mine]),
            "start_error_intervals": _error([each.start_error_ms / each.interval_ms for each in mine]),
        }
        for why in sorted({*groups, *lost})
    }


def read_limits(file: Path) -> dict[str, float]:
    """Read limits: YAML, a figure's name (`detection_s.p99`) with its maximum. Raises ScoreError."""
    try:
        limits = yaml.safe_load(read_text(file, f"--limits {file}", ScoreError))
    except yaml.YAMLError as error:
        raise ScoreError(f"--limits {file}: cannot be read: {error}") from None
    if not isinstance(limits, dict) or not all(isinstance(value, int | float) for value in limits.values()):
        raise ScoreError(f"--limits {file}: write one figure a line, like `mistakes: 0`")
    return {str(name): float(value) for name, value in limits.items()}


def beyond(found: Figures, limits: Mapping[str, float]) -> list[str]:
    """Return a line for each figure beyond its limit. Raises ScoreError for an unknown figure.

    Limits apply to absolute values, except for detection times.
    """
    exceeded = []
    for name, most in limits.items():
        value: Any = found
        for part in name.split("."):
            if not isinstance(value, dict) or part not in value:
                raise ScoreError(f"--limits: figure {name!r} does not exist")
            value = value[part]
        if value is not None and not isinstance(value, int | float):
            raise ScoreError(f"--limits: {name!r} is not a single figure")
        if value is not None and (value if name.startswith("detection") else abs(value)) > most:
            exceeded.append(f"{name} is {value:.6g}, wanted at most {most:g}")
    return exceeded
