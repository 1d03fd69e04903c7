"""The score as text, in tables of 80 columns."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console
from rich.table import Table

from camsim.scenario.value_types import format_duration
from camsim.score.figures import Figures

_WIDTH = 80


def table(found: Figures) -> str:
    """Return the score as text."""
    out = io.StringIO()
    console = Console(
        file=out, width=_WIDTH, force_terminal=False, markup=False, emoji=False, highlight=False
    )
    title = f"{found['scenario']} (seed {found['seed']})"
    console.print(title, "=" * min(_WIDTH, len(title)), _facts(found), sep="\n")
    for part in _tables(found):
        console.print("", part, sep="\n")
    return "".join(f"{line.rstrip(' ')}\n" for line in out.getvalue().splitlines())


def _tables(found: Figures) -> Iterator[Table]:
    yield _spreads(
        "",
        found,
        ("mean", "p50", "p95", "p99"),
        {
            "detection_s": "detection, seconds",
            "detection_intervals": "detection, intervals",
            "detection_late_s": "… beyond the deadline, seconds",
        },
    )
    yield _spreads(
        "in intervals",
        found,
        ("mean", "rms", "p99_absolute", "max_absolute"),
        {
            "start_error_intervals": "outage starts late by",
            "end_error_intervals": "outage ends late by",
            "down_error_intervals": "down time of an outage too long by",
            "camera_error_intervals_per_outage": "… of a camera, per outage",
        },
    )
    yield _columns(
        ("cause", "detected", "missed", "p50", "p99"),
        (
            (
                *(why, str(cause["detected"]), str(cause["missed"])),
                *(_number(cause["detection_intervals"][name]) for name in ("p50", "p99")),
            )
            for why, cause in found["causes"].items()
        ),
    )
    yield _columns(
        ("operator", "true", "measured", "error"),
        (
            (name, *(_percent(operator[key]) for key in ("true_availability", "availability", "error")))
            for name, operator in found["operators"].items()
        ),
    )


def _facts(found: Figures) -> Table:
    rows = {
        "length": format_duration(found["length_s"]),
        "cameras, and their visible time": f"{found['cameras']}, {found['watched_camera_s'] / 3600:,.1f} h",
        "absences that should be outages": str(found["absences"]),
        "… detected, missed": f"{found['detected']}, {found['missed']}",
        "false outages (of cameras that were alive)": str(found["mistakes"]),
    }
    if found["mistakes"]:
        rows["… time between two, per camera"] = format_duration(found["mistake_recurrence_s"])
        rows["… mean duration"] = format_duration(found["mistake_duration_s"]["mean"])
    blind_s, error_s = found["blind_s"], found["blind_error_s"]
    rows |= {
        "unknown although it could be known": format_duration(found["unknown_but_knowable_s"]),
        "up on false evidence": format_duration(found["up_on_false_evidence_s"]),
        "ends with bounds, truth outside": f"{found['bounds_told']}, {found['outside_bounds']}",
        "blind, and how far from the truth": f"{format_duration(blind_s)}, {error_s:+.2f} s",
    }
    return _columns(("", ""), rows.items())


def _spreads(head: str, found: Figures, names: tuple[str, ...], labels: dict[str, str]) -> Table:
    shown = {"p99_absolute": "|p99|", "max_absolute": "|max|"}
    return _columns(
        (head, *(shown.get(name, name) for name in names)),
        ((label, *(_number(found[key][name]) for name in names)) for key, label in labels.items()),
    )


def _columns(heads: Sequence[str], rows: Iterable[tuple[str, ...]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=0, expand=True, header_style="", show_header=any(heads))
    for number, head in enumerate(heads):
        if number:
            table.add_column(head, justify="right", min_width=11, no_wrap=True)
        else:
            table.add_column(head, ratio=1, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.5f} %"
