"""The marks for people: a table of at most 80 columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from camsim.score.figures import Figures

_WIDTH = 80


def table(found: Figures) -> str:
    """Return the table."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Figures) -> Iterator[str]:
    yield f"{found['scenario']} (seed {found['seed']})"
    yield "=" * min(_WIDTH, len(found["scenario"]) + len(str(found["seed"])) + 8)
    hours = found["watched_camera_s"] / 3600
    yield _row("length", _seconds(found["length_s"]))
    yield _row("cameras, and the time that they were watched", f"{found['cameras']}, {hours:,.1f} h")
    yield _row("absences that should be outages", str(found["absences"]))
    yield _row("… detected, missed", f"{found['detected']}, {found['missed']}")
    yield _row("mistakes (outages of cameras that lived)", str(found["mistakes"]))
    if found["mistakes"]:
        yield _row("… time between two, per camera", _seconds(found["mistake_recurrence_s"]))
        yield _row("… how long one lasted, mean", _seconds(found["mistake_duration_s"]["mean"]))
    yield _row("unknown although it could be known", _seconds(found["unknown_but_knowable_s"]))
    yield _row("up on false evidence", _seconds(found["up_on_false_evidence_s"]))
    yield _row("ends with bounds, truth outside", f"{found['bounds_told']}, {found['outside_bounds']}")
    yield _row("blind, and how far from the truth", _pair(found["blind_s"], found["blind_error_s"]))
    yield ""
    yield f"{'':34}{'mean':>11}{'p50':>11}{'p95':>11}{'p99':>11}"
    for name, label in (
        ("detection_s", "detection, seconds"),
        ("detection_intervals", "detection, intervals"),
        ("detection_late_s", "… beyond the deadline, seconds"),
    ):
        yield _spread(label, found[name], ("mean", "p50", "p95", "p99"))
    yield ""
    yield f"{'in intervals':34}{'mean':>11}{'rms':>11}{'|p99|':>11}{'|max|':>11}"
    for name, label in (
        ("start_error_intervals", "outage begins late by"),
        ("end_error_intervals", "outage ends late by"),
        ("down_error_intervals", "down time of an outage too long by"),
        ("camera_error_intervals_per_outage", "… of a camera, per outage"),
    ):
        yield _spread(label, found[name], ("mean", "rms", "p99_absolute", "max_absolute"))
    yield ""
    yield f"{'why':34}{'detected':>11}{'missed':>11}{'p50':>11}{'p99':>11}"
    for why, cause in found["causes"].items():
        spread = cause["detection_intervals"]
        numbers = f"{cause['detected']:>11}{cause['missed']:>11}"
        yield f"{why:34}{numbers}{_number(spread['p50'])}{_number(spread['p99'])}"
    yield ""
    yield f"{'operator':34}{'true':>15}{'judged':>15}{'error':>15}"
    for name, operator in found["operators"].items():
        ratios = [_percent(operator[key]) for key in ("true_availability", "availability", "error")]
        yield f"{name[:33]:34}{''.join(ratios)}"


def _row(label: str, value: str) -> str:
    return f"{label:50}{value:>30}"


def _spread(label: str, spread: dict[str, Any], names: tuple[str, ...]) -> str:
    return f"{label:34}{''.join(_number(spread[name]) for name in names)}"


def _number(value: float | None) -> str:
    return f"{'–' if value is None else f'{value:.3f}':>11}"


def _percent(value: float | None) -> str:
    return f"{'–' if value is None else f'{100 * value:.5f} %':>15}"


def _seconds(value: float | None) -> str:
    if value is None:
        return "–"
    if value >= 7200:
        return f"{value / 3600:,.1f} h"
    return f"{value / 60:,.1f} min" if value >= 120 else f"{value:.2f} s"


def _pair(value: float, error: float) -> str:
    return f"{_seconds(value)}, {error:+.2f} s"
