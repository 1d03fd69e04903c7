"""Output of commands: tables, progress, local times, durations.

A terminal gets its own width and colour; a pipe or a file gets 80 columns of plain text. Nothing is cut:
longer texts wrap in their column.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from zoneinfo import ZoneInfo

import typer
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

WIDTH = 80
_UNITS = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))


def show(*parts: RenderableType) -> None:
    """Print texts and tables, each on lines of its own, without trailing blanks."""
    console = _console(stderr=False)
    with console.capture() as captured:
        for part in parts:
            console.print(part, overflow="fold")
    typer.echo("".join(f"{line.rstrip(' ')}\n" for line in captured.get().splitlines()), nl=False)


def table(*heads: str, wrapped: str) -> Table:
    """Return a table without rows; the column `wrapped` wraps where the table would be too wide."""
    result = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for head in heads:
        result.add_column(head, overflow="fold", no_wrap=head != wrapped)
    return result


def indented(part: str | Table, columns: int) -> Padding:
    """Return a text or a table that wraps behind this many blanks."""
    return Padding(part, (0, 0, 0, columns))


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on standard error, if that is a terminal, until the block ends.

    Yields a function that takes how many cameras are done, and of how many.
    """
    shown = _console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("cameras")
    with Progress(*columns, console=shown, transient=True, disable=not shown.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)


def format_datetime(utc_ms: int, zone: ZoneInfo) -> str:
    """Return a local time to the second, with its offset: the hour 2:00 comes twice in autumn."""
    return f"{datetime.fromtimestamp(utc_ms // 1000, zone):%Y-%m-%d %H:%M:%S %z}"


def format_minute(utc_ms: int, zone: ZoneInfo) -> str:
    """Return a local time to the minute."""
    return f"{datetime.fromtimestamp(utc_ms // 1000, zone):%Y-%m-%d %H:%M}"


def format_duration(milliseconds: int) -> str:
    """Return a duration in its two largest units: `2 h 05 min`, `43 s`, `0.2 s`."""
    seconds = milliseconds // 1000
    if seconds < 1:
        return f"{milliseconds / 1000:.1f} s" if milliseconds else "0 s"
    for (unit, size), (smaller, part) in itertools.pairwise(_UNITS):
        if seconds >= size:
            return f"{seconds // size} {unit} {seconds % size // part:02} {smaller}"
    return f"{seconds} s"


def count(number: int, noun: str) -> str:
    """Return a number with its noun: `1 camera`, `2 cameras`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _console(*, stderr: bool) -> Console:
    terminal = (sys.stderr if stderr else sys.stdout).isatty()
    width = None if terminal else WIDTH
    return Console(stderr=stderr, width=width, markup=False, emoji=False, highlight=False)
