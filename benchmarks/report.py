"""The table that people read, on the terminal and in docs/reference/benchmarks.md."""

from __future__ import annotations

import datetime as dt
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from benchmarks.peers import versions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

DOCUMENT = Path("docs/reference/benchmarks.md")

_LEGEND = """\
Go exporter: `prometheus-mqtt-exporter` (mqtt2prometheus, Debian). Python exporter: `mqtt-exporter` (PyPI).
mosquitto_sub: Mosquitto's C client, which receives and prints, and neither decodes nor judges.
generate_latest: the renderer of `prometheus_client`, given the samples of camwatch's own answer."""

_REPEAT = """\
`make bench` takes about seven minutes and writes this document; the machine should have nothing else to do.
`make bench ARGS=--quick` gives a first look, `make bench ARGS="--only detection"` one measurement (ingest,
metrics, memory, hold, detection, history, window or pages); neither writes."""


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison. `reached` is None where there is no target; `remedy` names what would reach it."""

    what: str
    ours: str
    peer: str = ""
    ratio: float | None = None
    target: str = ""
    reached: bool | None = None
    remedy: str = ""

    @property
    def verdict(self) -> str:
        """Return `reached`, `MISSED`, or nothing where there is no target."""
        return "" if self.reached is None else "reached" if self.reached else "MISSED"

    @property
    def ratio_text(self) -> str:
        """Return the ratio with at most three decimals, or nothing."""
        return "" if self.ratio is None else f"{self.ratio:.3f}"[:5].rstrip(".")


@dataclass(frozen=True, slots=True)
class Figure:
    """A value with its unit, and whose it is."""

    value: float
    unit: str
    of: str = ""

    def __str__(self) -> str:
        """Return the figure with three digits, after the name of whose it is."""
        digits = f"{self.value:.0f}" if self.value >= 100 else f"{self.value:.3g}"
        return f"{self.of} {digits} {self.unit}".strip()


def beside(what: str, ours: Figure, peer: Figure, at_most: float | None = None, remedy: str = "") -> Row:
    """Compare with a peer: the target is a ratio, if there is one."""
    ratio = ours.value / peer.value
    if at_most is None:
        return Row(what, str(ours), str(peer), ratio)
    return Row(what, str(ours), str(peer), ratio, f"<= {at_most:.3g}", ratio <= at_most, remedy)


def within(what: str, ours: Figure, at_most: float, remedy: str = "", beside: str = "") -> Row:
    """Compare with a fixed limit in the figure's own unit; `beside` is shown in place of a peer."""
    target = f"<= {at_most:.3g} {ours.unit}"
    return Row(what, str(ours), beside, None, target, ours.value <= at_most, remedy)


def table(rows: Iterable[Row]) -> str:
    """Return the rows as plain text of at most 80 columns."""
    lines = [_line("", "camwatch", "beside", "ratio", "target", ""), "-" * 80]
    lines += [_line(r.what, r.ours, r.peer, r.ratio_text, r.target, r.verdict) for r in rows]
    return "\n".join(lines)


def _line(what: str, ours: str, peer: str, ratio: str, target: str, verdict: str) -> str:
    return f"{what:<24} {ours:>7} {peer:>23} {ratio:>5} {target:>9} {verdict:<7}".rstrip()


def document(rows: Sequence[Row], notes: Sequence[str], command: str) -> str:
    """Return the whole of docs/reference/benchmarks.md."""
    origin = (
        f"Written by `{command}` on {dt.datetime.now(dt.UTC):%d %B %Y}; not edited by hand."
        " All figures are of one run, on one machine, everything on the loopback."
    )
    parts = [
        "# Benchmarks",
        origin,
        "## Result",
        _markdown(rows),
        _LEGEND,
        *_missed(rows),
        "## How it was measured",
        "\n".join(f"- {note}" for note in notes),
        "## To repeat it",
        _REPEAT,
        "## On what",
        "\n".join(f"- {fact}" for fact in machine()),
    ]
    return "\n\n".join(parts) + "\n"


def machine() -> list[str]:
    """Return the facts that a figure depends on: processor, memory, system, versions."""
    memory = psutil.virtual_memory().total / 2**30
    linux = platform.release().partition("-")[0]
    return [
        f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB of memory, Linux {linux}",
        f"{platform.python_implementation()} {platform.python_version()}",
        *(f"`{name}` {version}" for name, version in versions().items()),
    ]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _missed(rows: Iterable[Row]) -> list[str]:
    missed = [row for row in rows if row.reached is False]
    if not missed:
        return ["Every target is reached."]
    lines = [
        f"- {row.what}: {row.ours}{f', a ratio of {row.ratio_text}' * (row.ratio is not None)}, "
        f"wanted {row.target}. {row.remedy}".rstrip()
        for row in missed
    ]
    return ["## Targets that were missed", "\n".join(lines)]


def _markdown(rows: Iterable[Row]) -> str:
    lines = ["| | camwatch | beside | ratio | target | |", "|---|---:|---:|---:|---:|---|"]
    lines += [
        f"| {r.what} | {r.ours} | {r.peer} | {r.ratio_text} | {r.target.replace('<=', '≤')} | {r.verdict} |"
        for r in rows
    ]
    return "\n".join(lines)
