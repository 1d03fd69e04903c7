"""Days that nobody lived through: the wall clock left them out as it was set ahead (rule T2).

Machines without a clock of their own start in 1970. The days up to the present, of each camera, are in no
row: that the clock was set says all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import ColumnElement, Connection, or_, select

from camwatch.accounting.calendar import Calendar, LocalDay
from camwatch.accounting.records import OPEN_END
from camwatch.core.model import BlindCause
from camwatch.core.status_time import Span, merged, without
from camwatch.history import schema
from camwatch.history.metadata import plain


def left_out(connection: Connection) -> tuple[Span, ...]:
    """Return the time that the wall clock left out, UTC milliseconds."""
    table = schema.blindness.c
    query = select(table.began_ms, table.ended_ms).where(table.cause == str(BlindCause.CLOCK))
    return merged(Span(began, ended) for began, ended in plain(connection, query) if began < ended)


def whole_days(calendar: Calendar, spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return the local days that lie wholly in one of these spans, together."""
    found = []
    for span in spans:
        first = calendar.day(span.starts)
        start = first.starts if first.starts == span.starts else first.ends
        found.append(Span(start, max(start, calendar.day(span.ends).starts)))
    return merged(found)


def lived_days(
    calendar: Calendar, within: Span, gaps: Sequence[Span], busy: Iterable[Span]
) -> Iterator[LocalDay]:
    """Yield the local days of a span, without those wholly in `gaps`, unless something is `busy` in them."""
    kept = merged(
        Span(calendar.day(starts).starts, calendar.day(max(starts, ends - 1)).ends) for starts, ends in busy
    )
    for span in without([within], merged(without(whole_days(calendar, gaps), kept))):
        yield from calendar.days(*span)


def service_unlived(
    connection: Connection,
    chosen: ColumnElement[bool] | None,
    calendar: Calendar,
    within: Span,
) -> Iterator[tuple[int, str, int]]:
    """Yield for how many milliseconds cameras (None: all) were in service on days that nobody lived through.

    Of each time in service that touches a day: the camera's key, the day, the milliseconds. In order of time.
    """
    days = [
        (day, day.date.isoformat())
        for gap in whole_days(calendar, left_out(connection))
        for day in calendar.days(max(gap.starts, within.starts), min(gap.ends, within.ends))
    ]
    if not days:
        return
    table = schema.service.c
    query = select(table.camera_key, table.start_ms, table.end_ms).order_by(table.start_ms)
    query = query.where(
        table.start_ms < days[-1][0].ends, or_(table.end_ms.is_(None), table.end_ms > days[0][0].starts)
    )
    if chosen is not None:
        query = query.where(table.camera_key.in_(select(schema.cameras.c.key).where(chosen)))
    for key, start, end in plain(connection, query):
        for day, name in days:
            spent = min(OPEN_END if end is None else end, day.ends) - max(start, day.starts)
            if spent > 0:
                yield key, name, spent
