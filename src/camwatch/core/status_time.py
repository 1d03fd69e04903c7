"""Status time: the milliseconds of a camera in each status, exactly (rules A1-A4, T3), and spans of time.

Time is credited only as far as it is certain (`accounted_until_ms`), and in whole milliseconds from one edge
to the next, so sums are exact and nothing is ever taken back.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import NamedTuple, Self

from camwatch.core.model import Status


@dataclass(slots=True)
class StatusTime:
    """Milliseconds of one camera (or, summed, of a group) in each status."""

    up: int = 0
    down: int = 0
    unknown: int = 0
    maintenance: int = 0
    degraded: int = 0  # part of `up`
    uncertain_up: int = 0  # part of `up`, within the bounds of a change: it may have been down (rule A3)
    uncertain_down: int = 0  # part of `down` that may have been up

    def add(self, status: Status, milliseconds: int, *, uncertain: bool = False) -> None:
        """Add time in an in-service status."""
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
        """Milliseconds in service: the sum of all four (rule A1)."""
        return self.up + self.down + self.unknown + self.maintenance

    @property
    def availability(self) -> float | None:
        """Up time by covered time, up / (up + down); None without any (rule A2)."""
        return _ratio(self.up, self.up + self.down)

    @property
    def coverage(self) -> float | None:
        """(up + down) / (up + down + unknown); None without any."""
        return _ratio(self.up + self.down, self.up + self.down + self.unknown)

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The availability if all unknown or uncertain time were down, and if it were up (A3)."""
        whole = self.up + self.down + self.unknown
        return (self.least_up / whole, self.most_up / whole) if whole else None

    @property
    def least_up(self) -> int:
        """Milliseconds that were certainly up."""
        return self.up - self.uncertain_up

    @property
    def most_up(self) -> int:
        """Milliseconds that may have been up."""
        return self.up + self.unknown + self.uncertain_down


_values = attrgetter(*(field.name for field in fields(StatusTime)))


def sum_status_times(status_times: Iterable[StatusTime]) -> StatusTime:
    """Sum the status times of a group; ratios are taken of the sums (rule A4)."""
    return StatusTime(*map(sum, zip(*map(_values, status_times), strict=True)))


class Interval(NamedTuple):
    """[start, end) in milliseconds."""

    start: int
    end: int


class Proven(NamedTuple):
    """Up time in [start, end) that late heartbeats prove (rule E4); milliseconds.

    [certain_start, certain_end) of it is certain; `start` and `end` are the middles of what they may be.
    """

    start: int
    end: int
    certain_start: int
    certain_end: int

    @classmethod
    def of(
        cls, start: int, end: int, certain_start: int | None = None, certain_end: int | None = None
    ) -> Self:
        """Return it; None means that all of it is certain."""
        first = start if certain_start is None else certain_start
        last = end if certain_end is None else certain_end
        return cls(start, end, first, last)

    @property
    def span(self) -> Interval:
        """[start, end)."""
        return Interval(self.start, self.end)

    @property
    def edges(self) -> tuple[Interval, ...]:
        """The bounds between which it began and ended, if that is not known exactly."""
        began = Interval(2 * self.start - self.certain_start, self.certain_start)
        ended = Interval(self.certain_end, 2 * self.end - self.certain_end)
        return tuple(edge for edge in (began, ended) if edge.start < edge.end)

    @property
    def earliest(self) -> int:
        """The first instant that it may cover."""
        return min(self.start, 2 * self.start - self.certain_start)

    @property
    def latest(self) -> int:
        """The last instant that it may cover."""
        return max(self.end, 2 * self.end - self.certain_end)


def unite(stretches: Iterable[Proven]) -> list[Proven]:
    """Return the same time as disjoint stretches, in order.

    Heartbeats of two stretches that overlap or touch are no further apart than an interval: the time between
    them is proven.
    """
    result: list[Proven] = []
    for each in sorted(stretches):
        if result and each.start <= result[-1].end:
            last = result[-1]
            result[-1] = Proven(
                last.start,
                max(last.end, each.end),
                min(last.certain_start, each.certain_start),
                max(last.certain_end, each.certain_end),
            )
        elif each.end > each.start:
            result.append(each)
    return result


def within(spans: Iterable[Interval], holes: tuple[Interval, ...]) -> tuple[Interval, ...]:
    """Return the time of spans inside the (merged) holes."""
    return tuple(
        Interval(start, end) for span in spans for start, end, inside in split(holes, *span) if inside
    )


def merge(spans: Iterable[Interval]) -> tuple[Interval, ...]:
    """Return the same time as disjoint spans, in order."""
    result: list[Interval] = []
    for span in sorted(spans):
        if result and span.start <= result[-1].end:
            result[-1] = Interval(result[-1].start, max(result[-1].end, span.end))
        elif span.end > span.start:
            result.append(span)
    return tuple(result)


def contains(spans: tuple[Interval, ...], instant: int) -> bool:
    """Return whether an instant is inside one of the spans."""
    return any(span.start <= instant < span.end for span in spans)


def split(spans: tuple[Interval, ...], start: int, end: int) -> Iterator[tuple[int, int, bool]]:
    """Cut [start, end) at the edges of the (merged) spans; yield (from, to, inside a span)."""
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
    """Return the time of spans outside the (merged) holes."""
    return tuple(
        Interval(start, end)
        for span in spans
        for start, end, inside in split(
            holes[bisect_right(holes, span.start, key=attrgetter("end")) :], *span
        )
        if not inside
    )


def next_edge(spans: tuple[Interval, ...], instant: int) -> int | None:
    """Return the first start or end of a span after an instant."""
    return min((edge for span in spans for edge in span if edge > instant), default=None)


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
