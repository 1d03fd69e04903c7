"""Faults to be planted in what judges by event time, dates both ends of an outage, and believes arrivals.

The others, and how they are planted: `planted`.
"""

from __future__ import annotations

from typing import NamedTuple


class Mutant(NamedTuple):
    """In `file`, `new` instead of `old` breaks the `rule`."""

    rule: str
    what: str
    file: str
    old: str
    new: str


TIMES: dict[str, Mutant] = {}
