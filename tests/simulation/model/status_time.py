"""A second account of one camera: its milliseconds, added up from what it was and the maintenance over it."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TypeAlias

from tests.simulation.model.records import Change

Cover: TypeAlias = tuple[tuple[int, int], ...]
"""Disjoint spans in order, [from, to), UTC milliseconds."""


def clipped(cover: Cover, since: int, until: int) -> list[tuple[int, int]]:
    """Return what of the spans lies in [since, until)."""
    return [(max(start, since), min(end, until)) for start, end in cover if start < until and since < end]


def joined(spans: list[tuple[int, int]]) -> Cover:
    """Return the same time as disjoint spans in order."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if start >= end:
            continue
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return tuple(found)


@dataclass
class Book:
    """`spent`: milliseconds up to `upto` (on the axis, None: out of service) by what they were.

    `cover` is the maintenance as it was known: what is past does not change when other windows are announced.
    `announced` is when some of it began as it became known: what was at that instant was told before.
    """

    spent: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("up", "down", "unknown", "maintenance"), 0)
    )
    upto: int | None = None
    at: int = 0  # how many changes have begun by `upto`
    cover: Cover = ()
    announced: tuple[int, ...] = ()

    def covers(self, spans: list[tuple[int, int]], since: int) -> None:
        """Take other windows, which hold from an instant on (V6)."""
        far = 1 << 62
        if any(start <= since < end for start, end in spans):
            self.announced += (since,)
        self.cover = joined([*clipped(self.cover, -far, since), *clipped(joined(spans), since, far)])

    def settle(self, changes: list[Change], settled: int, to_utc: int) -> None:
        """Go forward to an instant."""
        if self.upto is None:
            while self.at < len(changes) and not changes[self.at].life:
                self.at += 1
            self.upto = changes[self.at].at
            self.at += 1
        while self.upto < settled:
            while self.at < len(changes) and changes[self.at].at <= self.upto:
                self.at += 1
            until = min(settled, changes[self.at].at) if self.at < len(changes) else settled
            self._spend(changes[self.at - 1].life, until, to_utc)

    def close(self, changes: list[Change], to_utc: int) -> None:
        """Go forward to where its time in service ended."""
        if self.upto is None:
            return
        out = next(number for number in range(self.at, len(changes)) if not changes[number].life)
        self.settle(changes, changes[out].at, to_utc)
        self.upto, self.at = None, out + 1

    def remembered(self) -> Book:
        """Return a copy, to go back to."""
        twin = copy.copy(self)
        twin.spent = dict(self.spent)
        return twin

    def _spend(self, life: str, until: int, to_utc: int) -> None:
        assert self.upto is not None
        start, end = self.upto + to_utc, until + to_utc
        covered = sum(b - a for a, b in clipped(self.cover, start, end)) if self.cover else 0
        self.spent["maintenance"] += covered
        self.spent[life] += until - self.upto - covered
        self.upto = until
