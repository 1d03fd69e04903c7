"""The account of every in-service millisecond of a camera (rules A1-A4, T3).

An account grows only up to the instant that is already judged (`accounted_until_ms`), and only by whole
milliseconds from one boundary to the next, so its sums are exact and nothing is ever taken back.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple, Self

from camwatch.core.model import Status


@dataclass(slots=True)
class StatusTime:
    """Milliseconds of one camera (or, summed, of a group) in each status; `degraded` lies within `up`.

    `uncertain_up` and `uncertain_down` are the parts of `up` and `down` in which the camera may as well have
    been the other: they lie between the bounds of a change (rule A3).
    """

    up: int = 0
    down: int = 0
    unknown: int = 0
    maintenance: int = 0
    degraded: int = 0
    uncertain_up: int = 0
    uncertain_down: int = 0

    def add(self, status: Status, milliseconds: int, *, uncertain: bool = False) -> None:
        """Credit time to the account that belongs to an in-service status."""
        if status is Status.UP:
            self.up += milliseconds
            self.uncertain_up += milliseconds if uncertain else 0
        elif status is Status.DOWN:
            self.down += milliseconds
            self.uncertain_down += milliseconds if uncertain else 0
        elif status is Status.MAINTENANCE:
            self.maintenance += milliseconds
        else:
            self.unknown += milliseconds

    @property
    def in_service(self) -> int:
        """Milliseconds in service: the sum of the accounts, exactly (rule A1)."""
        return self.up + self.down + self.unknown + self.maintenance

    @property
    def availability(self) -> float | None:
        """Return up / (up + down); None without covered time (rule A2)."""
        return _ratio(self.up, self.up + self.down)

    @property
    def coverage(self) -> float | None:
        """Return the share of the time, outside maintenance, that can be spoken for; None without any."""
        return _ratio(self.up + self.down, self.up + self.down + self.unknown)

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Return the availability had what is unknown or uncertain all been down, and all been up (A3)."""
        whole = self.up + self.down + self.unknown
        return (self.least_up / whole, self.most_up / whole) if whole else None

    @property
    def least_up(self) -> int:
        """Milliseconds that were up for certain."""
        return self.up - self.uncertain_up

    @property
    def most_up(self) -> int:
        """Milliseconds that may have been up."""
        return self.up + self.unknown + self.uncertain_down


def sum_status_times(accounts: Iterable[StatusTime]) -> StatusTime:
    """Sum the milliseconds of a group, to be divided afterwards (rule A4)."""
    result = StatusTime()
    for account in accounts:
        result.up += account.up
        result.down += account.down
        result.unknown += account.unknown
        result.maintenance += account.maintenance
        result.degraded += account.degraded
        result.uncertain_up += account.uncertain_up
        result.uncertain_down += account.uncertain_down
    return result


class Interval(NamedTuple):
    """A maintenance window: milliseconds, `starts` inside and `ends` outside."""

    start: int
    end: int


class Proven(NamedTuple):
    """Up time that late heartbeats prove (rule E4): [starts, ends), for certain [sure_starts, sure_ends).

    Each end is the middle of what it may be. Milliseconds.
    """

    starts: int
    ends: int
    sure_starts: int
    sure_ends: int

    @classmethod
    def of(cls, starts: int, ends: int, sure_starts: int | None = None, sure_ends: int | None = None) -> Self:
        """Return it where None stands for "all of it is certain"."""
        first = starts if sure_starts is None else sure_starts
        last = ends if sure_ends is None else sure_ends
        return cls(starts, ends, first, last)

    @property
    def span(self) -> Interval:
        """All of it."""
        return Interval(self.starts, self.ends)

    @property
    def edges(self) -> tuple[Interval, ...]:
        """Between which instants it began and ended, where that is not known exactly."""
        began = Interval(2 * self.starts - self.sure_starts, self.sure_starts)
        ended = Interval(self.sure_ends, 2 * self.ends - self.sure_ends)
        return tuple(edge for edge in (began, ended) if edge.start < edge.end)

    @property
    def earliest(self) -> int:
        """The first instant of which it tells anything."""
        return min(self.starts, 2 * self.starts - self.sure_starts)

    @property
    def latest(self) -> int:
        """The last."""
        return max(self.ends, 2 * self.ends - self.sure_ends)


def unite(stretches: Iterable[Proven]) -> list[Proven]:
    """Return the same time as disjoint stretches in order, however it was told.

    Of two that overlap or touch the signs of life are no further apart than an interval: between them is no
    doubt.
    """
    result: list[Proven] = []
    for each in sorted(stretches):
        if result and each.starts <= result[-1].ends:
            last = result[-1]
            result[-1] = Proven(
                last.starts,
                max(last.ends, each.ends),
                min(last.sure_starts, each.sure_starts),
                max(last.sure_ends, each.sure_ends),
            )
        elif each.ends > each.starts:
            result.append(each)
    return result


def within(spans: Iterable[Interval], holes: tuple[Interval, ...]) -> tuple[Interval, ...]:
    """Return the time of spans that lies in one of the (merged) holes."""
    return tuple(
        Interval(start, end) for span in spans for start, end, inside in split(holes, *span) if inside
    )


def merge(spans: Iterable[Interval]) -> tuple[Interval, ...]:
    """Return the same time as disjoint spans in order."""
    result: list[Interval] = []
    for span in sorted(spans):
        if result and span.start <= result[-1].end:
            result[-1] = Interval(result[-1].start, max(result[-1].end, span.end))
        elif span.end > span.start:
            result.append(span)
    return tuple(result)


def contains(spans: tuple[Interval, ...], instant: int) -> bool:
    """Tell whether an instant lies inside one of the spans."""
    return any(span.start <= instant < span.end for span in spans)


def split(spans: tuple[Interval, ...], start: int, end: int) -> Iterator[tuple[int, int, bool]]:
    """Cut [start, end) where it enters and leaves the (merged) spans: (from, to, inside)."""
    for span in spans:
        if span.end <= start:
            continue
        if span.start >= end or start >= end:
            break
        if start < span.start:
            yield start, span.start, False
            start = span.start
        until = min(end, span.end)
        yield start, until, True
        start = until
    if start < end:
        yield start, end, False


def without(spans: Iterable[Interval], holes: tuple[Interval, ...]) -> tuple[Interval, ...]:
    """Return the time of spans that lies in none of the (merged) holes."""
    return tuple(
        Interval(start, end)
        for span in spans
        for start, end, inside in split(
            holes[bisect_right(holes, span.start, key=attrgetter("end")) :], *span
        )
        if not inside
    )


def next_edge(spans: tuple[Interval, ...], instant: int) -> int | None:
    """Return the first beginning or end of a span after an instant."""
    return min((edge for span in spans for edge in span if edge > instant), default=None)


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
