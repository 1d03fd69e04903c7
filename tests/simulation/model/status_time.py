"""Reference model of a camera's status time, under the maintenance known at the time."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TypeAlias

from tests.simulation.model.records import StatusChange

Cover: TypeAlias = tuple[tuple[int, int], ...]
"""Disjoint spans in order, [from, to), UTC milliseconds."""


def clipped(cover: Cover, since: int, until: int) -> list[tuple[int, int]]:
    """Return the parts of the spans within [since, until)."""
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
class StatusTimeModel:
    """`totals`: milliseconds by status up to `accounted_until` (on the axis; None: out of service).

    `cover`: the maintenance as known at the time; windows announced later do not change the past.
    `announced`: when a window began as it became known: changes at that instant were emitted before it.
    """

    totals: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("up", "down", "unknown", "maintenance"), 0)
    )
    accounted_until: int | None = None
    at: int = 0  # number of changes up to `accounted_until`
    cover: Cover = ()
    announced: tuple[int, ...] = ()

    def set_maintenance(self, spans: list[tuple[int, int]], since: int) -> None:
        """Replace the windows from an instant on (V6)."""
        far = 1 << 62
        if any(start <= since < end for start, end in spans):
            self.announced += (since,)
        self.cover = joined([*clipped(self.cover, -far, since), *clipped(joined(spans), since, far)])

    def account_until(self, changes: list[StatusChange], accounted: int, to_utc: int) -> None:
        """Account up to an instant."""
        if self.accounted_until is None:
            while self.at < len(changes) and not changes[self.at].status:
                self.at += 1
            self.accounted_until = changes[self.at].at
            self.at += 1
        while self.accounted_until < accounted:
            while self.at < len(changes) and changes[self.at].at <= self.accounted_until:
                self.at += 1
            until = min(accounted, changes[self.at].at) if self.at < len(changes) else accounted
            self._account_span(changes[self.at - 1].status, until, to_utc)

    def close(self, changes: list[StatusChange], to_utc: int) -> None:
        """Account up to the end of service."""
        if self.accounted_until is None:
            return
        out = next(number for number in range(self.at, len(changes)) if not changes[number].status)
        self.account_until(changes, changes[out].at, to_utc)
        self.accounted_until, self.at = None, out + 1

    def snapshot(self) -> StatusTimeModel:
        """Return a copy to restore later."""
        twin = copy.copy(self)
        twin.totals = dict(self.totals)
        return twin

    def _account_span(self, status: str, until: int, to_utc: int) -> None:
        assert self.accounted_until is not None
        start, end = self.accounted_until + to_utc, until + to_utc
        covered = sum(b - a for a, b in clipped(self.cover, start, end)) if self.cover else 0
        self.totals["maintenance"] += covered
        self.totals[status] += until - self.accounted_until - covered
        self.accounted_until = until
