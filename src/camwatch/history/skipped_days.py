"""Days that the wall clock skipped when it was set ahead (rule T2).

Machines without a clock of their own start in 1970. The days up to the present have no rows: the recorded
step of the clock covers them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import ColumnElement, Connection, or_, select

from camwatch.accounting.calendar import Calendar, LocalDay
from camwatch.accounting.records import OPEN_ENDED
from camwatch.core.model import GapCause
from camwatch.core.status_time import Interval, merge, without
from camwatch.history import schema
from camwatch.history.metadata import fetch_tuples


def skipped(connection: Connection) -> tuple[Interval, ...]:
    """Return the time that the wall clock left out, UTC milliseconds."""
    return merge(each for each in gap_spans(connection, GapCause.CLOCK_STEP) if each.start < each.end)


def gap_spans(connection: Connection, cause: GapCause) -> list[Interval]:
    """Return when gaps of this cause began and ended, UTC milliseconds, in the order of their rows."""
    table = schema.monitoring_gaps.c
    query = select(table.began_ms, table.ended_ms).where(table.cause == str(cause)).order_by(table.id)
    return [Interval(*row) for row in fetch_tuples(connection, query)]


def whole_days(calendar: Calendar, spans: Iterable[Interval]) -> tuple[Interval, ...]:
    """Return the local days that lie wholly in one of these spans, together."""
    found = []
    for span in spans:
        first = calendar.day(span.start)
        start = first.start if first.start == span.start else first.end
        found.append(Interval(start, max(start, calendar.day(span.end).start)))
    return merge(found)


def lived_days(
    calendar: Calendar, within: Interval, gaps: Sequence[Interval], busy: Iterable[Interval]
) -> Iterator[LocalDay]:
    """Yield the local days of a span, without those wholly in `gaps`, unless something is `busy` in them."""
    kept = merge(
        Interval(calendar.day(starts).start, calendar.day(max(starts, ends - 1)).end) for starts, ends in busy
    )
    for span in without([within], merge(without(whole_days(calendar, gaps), kept))):
        yield from calendar.days(*span)


def service_unlived(
    connection: Connection,
    chosen: ColumnElement[bool] | None,
    calendar: Calendar,
    within: Interval,
) -> Iterator[tuple[int, str, int]]:
    """Yield for how many milliseconds cameras (None: all) were in service on skipped days.

    Of each time in service that touches a day: the camera's key, the day, the milliseconds. In order of time.
    """
    days = [
        (day, day.date.isoformat())
        for gap in whole_days(calendar, skipped(connection))
        for day in calendar.days(max(gap.start, within.start), min(gap.end, within.end))
    ]
    if not days:
        return
    table = schema.service_periods.c
    query = select(table.camera_key, table.start_ms, table.end_ms).order_by(table.start_ms)
    query = query.where(
        table.start_ms < days[-1][0].end, or_(table.end_ms.is_(None), table.end_ms > days[0][0].start)
    )
    if chosen is not None:
        query = query.where(table.camera_key.in_(select(schema.cameras.c.key).where(chosen)))
    for key, start, end in fetch_tuples(connection, query):
        for day, name in days:
            spent = min(OPEN_ENDED if end is None else end, day.end) - max(start, day.start)
            if spent > 0:
                yield key, name, spent
