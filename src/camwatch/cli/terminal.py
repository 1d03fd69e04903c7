"""How commands show times, durations and tables: local times, whole words, at most 80 columns."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

WIDTH = 80
_GAP = "  "
_UNITS = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))


def format_datetime(utc_ms: int, zone: ZoneInfo) -> str:
    """Return a local time to the second, with its offset, which tells the two 2:30 of autumn apart."""
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


def truncate(text: str, width: int) -> str:
    """Return a text, cut where it is longer than that."""
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"


def wrap(text: str, blanks: int) -> str:
    """Return a text in lines of at most 80 columns, each after so many blanks."""
    margin = " " * blanks
    return textwrap.fill(text, WIDTH, initial_indent=margin, subsequent_indent=margin)


def table_text(header: Sequence[str], rows: Sequence[Sequence[str]], squeezed: int) -> Iterator[str]:
    """Yield the lines of a table; the column number `squeezed` gives way where it would be too wide."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    others = sum(widths) - widths[squeezed] + len(_GAP) * (len(widths) - 1)
    widths[squeezed] = min(widths[squeezed], max(8, WIDTH - others))
    for row in (header, *rows):
        cells = (truncate(cell, width).ljust(width) for cell, width in zip(row, widths, strict=True))
        yield _GAP.join(cells).rstrip()
