"""Queries of the record of an interval of time, as plain values; figures are derived in `accounting`.

Pass every function a connection of `dialects.read_transaction`: otherwise a batch stored meanwhile makes the
record inconsistent.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from camwatch.accounting.calendar import Calendar
from camwatch.accounting.outage_length import by_evidence
from camwatch.accounting.records import (
    OPEN_ENDED,
    CameraHistory,
    DailyRollup,
    GapRecord,
    History,
    MaintenanceRecord,
    OutageRecord,
    StatusChange,
)
from camwatch.accounting.timeline import scopes_of
from camwatch.core.model import Cause, GapCause, Scope, Status
from camwatch.core.status_time import Interval, Proven, StatusTime
from camwatch.history import schema
from camwatch.history.corrections import CorrectionState, load
from camwatch.history.metadata import Query, fetch_tuples, read_metadata
from camwatch.history.placements import places
from camwatch.history.public_ids import public_ids
from camwatch.history.skipped_days import service_unlived

IN_LEDGER = {str(status): status for status in (Status.UP, Status.DOWN, Status.UNKNOWN, Status.MAINTENANCE)}
"""The statuses in service, by their text in the tables; all others are out of service."""


_BOUNDED_MS = 86_400_000  # so long before it may a change begin to be uncertain: the longest interval


def read(
    connection: Connection,
    operators: Iterable[str] | None,
    from_ms: int,
    to_ms: int,
    *,
    camera: str | None = None,
    journal: CorrectionState | None = None,
) -> History:
    """Return the record of [from_ms, to_ms), UTC milliseconds.

    The cameras are those in service in that interval, by operator and id. If an outage began earlier, its
    camera's record, monitoring gaps and windows begin with it. Rolled-up days are in `days`; the rest of the
    record begins at `rolled_up_until_ms`.

    Args:
        connection: A read transaction.
        operators: Whose cameras; None: all.
        from_ms: Start of the interval.
        to_ms: End of the interval.
        camera: The id of a single camera.
        journal: The corrections, if they are loaded already.
    """
    known = read_metadata(connection)
    journal = journal or load(connection)
    chosen = _camera_filter(operators, camera)
    found = _cameras(connection, chosen, to_ms)
    stretch = _Query(
        connection, chosen, max(from_ms, known.rolled_up_until_ms), to_ms, known.rolled_up_until_ms
    )
    since = stretch.fill(found, journal)
    if known.rolled_up_zone is not None and from_ms < known.rolled_up_until_ms:
        _fill_days(stretch, found, from_ms, known.rolled_up_zone)
    cameras = [camera for camera in found.values() if camera.service_periods or camera.days]
    everyone = chosen is None
    return History(
        cameras=cameras,
        gaps=_blindness(stretch, since, None if everyone else {camera.operator for camera in cameras}),
        maintenance=_windows(stretch, since, journal, None if everyone else cameras),
        watermark_ms=known.watermark_ms,
        rolled_up_until_ms=known.rolled_up_until_ms,
        corrections=journal.corrections,
        chain_head=journal.head,
    )


def _camera_filter(operators: Iterable[str] | None, camera: str | None) -> ColumnElement[bool] | None:
    """Return the condition on cameras; None for all."""
    wanted: list[ColumnElement[bool]] = []
    if operators is not None:
        wanted.append(schema.cameras.c.operator.in_(list(operators)))
    if camera is not None:
        wanted.append(schema.cameras.c.id == camera)
    return and_(*wanted) if wanted else None


def _cameras(
    connection: Connection, chosen: ColumnElement[bool] | None, to_ms: int
) -> dict[int, CameraHistory]:
    """Return the cameras, each with its places until the interval ended (rule V7)."""
    table, stood = schema.cameras, places(connection, chosen)
    query = select(table.c.key, table.c.id, table.c.operator, table.c.zone, table.c.name).order_by(
        table.c.operator, table.c.id
    )
    if chosen is not None:
        query = query.where(chosen)
    found = {}
    for key, camera, operator, zone, name in connection.execute(query):
        first, *rest = stood[key]
        *earlier, last = first, *(place for place in rest if place.since_ms < to_ms)
        found[key] = CameraHistory(camera, operator, last.site, zone, last.purpose, name, earlier=earlier)
    return found


class _Query(NamedTuple):
    """The chosen cameras in [from_ms, to_ms), after the rolled-up days."""

    connection: Connection
    chosen: ColumnElement[bool] | None
    from_ms: int
    to_ms: int
    rolled_up_until_ms: int

    def rows(self, query: Query, key: ColumnElement[int] | None = None) -> list[tuple[Any, ...]]:
        """Return rows, only of the chosen cameras if `key` is their column."""
        if key is not None and self.chosen is not None:
            query = query.where(key.in_(select(schema.cameras.c.key).where(self.chosen)))
        return fetch_tuples(self.connection, query)

    def fill(self, found: dict[int, CameraHistory], journal: CorrectionState) -> int:
        """Fill the cameras' records; return the earliest instant that they cover."""
        _fill_outages(self, found, journal)
        since = _fill_changes(self, found)
        _fill_service(self, found, since)
        fills, reboots = schema.backfills.c, schema.reboots.c
        query = select(
            fills.camera_key, fills.start_ms, fills.end_ms, fills.certain_start_ms, fills.certain_end_ms
        ).order_by(fills.start_ms)
        query = query.where(fills.start_ms < self.to_ms, fills.end_ms > since)
        for key, start, end, *sure in self.rows(query, fills.camera_key):
            found[key].backfills.append(Proven.of(start, end, *sure))
        again = select(reboots.camera_key, reboots.at_ms).order_by(reboots.at_ms)
        again = again.where(reboots.at_ms >= self.from_ms, reboots.at_ms < self.to_ms)
        for key, at in self.rows(again, reboots.camera_key):
            found[key].reboots.append(at)
        for camera in found.values():
            if camera.outages:
                camera.outages = by_evidence(camera)
        return since


def touches(starts: ColumnElement[int], ends: ColumnElement[int], from_ms: int) -> ColumnElement[bool]:
    """Return the condition that [starts, ends), open if `ends` is null, ends after `from_ms`."""
    return or_(ends.is_(None), ends > from_ms, and_(ends == starts, starts >= from_ms))


def _fill_changes(stretch: _Query, found: dict[int, CameraHistory]) -> int:
    """Add the changes; return when the first outage began that overlaps the interval, or its start."""
    table, start = schema.transitions, stretch.from_ms
    changes = select(
        table.c.camera_key, table.c.at_ms, table.c.status, table.c.earliest_ms, table.c.latest_ms
    ).order_by(table.c.at_ms, table.c.id)
    began = {
        key: camera.outages[0].at_ms
        for key, camera in found.items()
        if camera.outages and camera.outages[0].at_ms < start
    }
    back = changes.where(table.c.camera_key.in_(began), table.c.at_ms < start)
    if began:
        back = back.where(table.c.at_ms >= min(began.values()))
    before = changes.where(table.c.id.in_(last_transition_before(stretch.connection, stretch.chosen, start)))
    # What is uncertain at the end of the stretch is bounded by a change that comes after it.
    inside = changes.where(
        table.c.at_ms >= start,
        table.c.at_ms < stretch.to_ms + _BOUNDED_MS,
        or_(table.c.at_ms < stretch.to_ms, table.c.earliest_ms < stretch.to_ms),
    )
    words = IN_LEDGER
    lists = {key: camera.changes for key, camera in found.items()}
    for key, at, status, earliest, latest in stretch.rows(before):
        if key not in began:
            lists[key].append(StatusChange(at, words.get(status), earliest, latest))
    for key, at, status, earliest, latest in stretch.rows(back) if began else ():
        if at >= began[key]:
            lists[key].append(StatusChange(at, words.get(status), earliest, latest))
    for key, at, status, earliest, latest in stretch.rows(inside, table.c.camera_key):
        lists[key].append(StatusChange(at, words.get(status), earliest, latest))
    return max(stretch.rolled_up_until_ms, min(began.values(), default=start))


def last_transition_before(
    connection: Connection, chosen: ColumnElement[bool] | None, instant: int
) -> list[int]:
    """Return the id of the last transition before an instant, of each chosen camera (None: all)."""
    table, who = schema.transitions, schema.cameras
    last = (
        select(table.c.id)
        .where(table.c.camera_key == who.c.key, table.c.at_ms < instant)
        .order_by(table.c.at_ms.desc(), table.c.id.desc())
        .limit(1)
        .correlate(who)
        .scalar_subquery()
    )
    # A query of its own: in one with the transitions, SQLite would walk through all the years.
    query = select(last).select_from(who)
    if chosen is not None:
        query = query.where(chosen)
    return [number for number in connection.execute(query).scalars() if number is not None]


def _fill_service(stretch: _Query, found: dict[int, CameraHistory], since: int) -> None:
    """Add the service periods, from where changes are known; `since` is the earliest of these instants.

    Earlier ones are included if an outage continues across an absence (V6).
    """
    table = schema.service_periods
    query = select(table.c.camera_key, table.c.start_ms, table.c.end_ms).order_by(table.c.start_ms)
    query = query.where(
        table.c.start_ms < stretch.to_ms, or_(table.c.end_ms.is_(None), table.c.end_ms > since)
    )
    for key, start, end in stretch.rows(query, table.c.camera_key):
        camera = found[key]
        first = min((outage.at_ms for outage in camera.outages[:1]), default=stretch.from_ms)
        if end is not None and end <= min(first, stretch.from_ms):
            continue
        known = stretch.rolled_up_until_ms
        if camera.changes and camera.changes[0].at_ms < stretch.from_ms:
            known = max(known, camera.changes[0].at_ms)
        camera.service_periods.append(Interval(max(start, known), OPEN_ENDED if end is None else end))


def _fill_outages(stretch: _Query, found: dict[int, CameraHistory], journal: CorrectionState) -> None:
    table = schema.outages
    query = select(
        table.c.camera_key, table.c.id, table.c.at_ms, table.c.end_ms, table.c.detected_ms, table.c.cause
    ).where(table.c.at_ms < stretch.to_ms, touches(table.c.at_ms, table.c.end_ms, stretch.from_ms))
    query = query.order_by(table.c.at_ms, table.c.id)
    causes = {str(cause): cause for cause in Cause}
    public = public_ids(stretch.connection).outage
    for key, number, at, end, noticed, cause in stretch.rows(query, table.c.camera_key):
        said = journal.attributions.get(number, ())
        found[key].outages.append(OutageRecord(public(number), at, end, noticed, causes[cause], said))


def _fill_days(stretch: _Query, found: dict[int, CameraHistory], from_ms: int, zone: ZoneInfo) -> None:
    """Add the rolled-up days that overlap [from_ms, to_ms)."""
    table = schema.daily_rollups
    calendar = Calendar(zone)
    first = calendar.date_of(max(from_ms, 0)).isoformat()
    last = calendar.date_of(min(stretch.to_ms, stretch.rolled_up_until_ms) - 1).isoformat()
    query = select(
        table.c.camera_key, table.c.day, table.c.up, table.c.down, table.c.unknown, table.c.maintenance,
        table.c.excluded, table.c.outages, table.c.reboots, table.c.uncertain_up, table.c.uncertain_down,
    ).order_by(table.c.day)  # fmt: skip
    query = query.where(table.c.day >= first, table.c.day <= last)
    for key, day, up, down, unknown, maintenance, excluded, count, reboots, *uncertain in stretch.rows(
        query, table.c.camera_key
    ):
        account = StatusTime(up, down, unknown, maintenance, 0, *uncertain)
        found[key].days[day] = DailyRollup(account, excluded, count, reboots)
    _fill_unlived(stretch, found, calendar, Interval(calendar.day(max(from_ms, 0)).start, stretch.to_ms))


def _fill_unlived(
    stretch: _Query, found: dict[int, CameraHistory], calendar: Calendar, within: Interval
) -> None:
    """Add the rolled-up days that the wall clock skipped: unknown, and in no row (rule T2)."""
    within = within._replace(end=min(within.end, stretch.rolled_up_until_ms))
    unlived: dict[int, dict[str, int]] = {}
    for key, day, spent in service_unlived(stretch.connection, stretch.chosen, calendar, within):
        mine = unlived.setdefault(key, {})
        mine[day] = mine.get(day, 0) + spent
    for key, days in unlived.items():
        stored = found[key].days
        days_of = {day: DailyRollup(StatusTime(unknown=spent)) for day, spent in days.items()} | stored
        found[key].days = dict(sorted(days_of.items()))


def _blindness(stretch: _Query, since: int, operators: set[str] | None) -> list[GapRecord]:
    table, sights = schema.monitoring_gaps, schema.link_groups
    over = select(table.c.operators, table.c.links, table.c.cause, table.c.began_ms, table.c.ended_ms)
    over = over.where(
        table.c.began_ms < stretch.to_ms,
        table.c.ended_ms > since,
        table.c.ended_ms > table.c.began_ms,  # a clock that was set back hid no camera
    )
    rows: list[Any] = list(stretch.rows(over.order_by(table.c.began_ms, table.c.id)))
    now = select(sights.c.operators, sights.c.links, sights.c.last_packet_ms)
    for named, links, seen in stretch.rows(
        now.where(sights.c.blind, sights.c.last_packet_ms < stretch.to_ms)
    ):
        rows.append((named, links, GapCause.LINK, seen, None))
    found = []
    for named, links, word, began, ended in rows:
        of, cause = schema.unpacked(named), GapCause(word)
        # A step of our clock is a gap in the record of every operator.
        of_all = not of or cause is GapCause.CLOCK_STEP
        if operators is None or of_all or not operators.isdisjoint(of):
            found.append(GapRecord(of, schema.unpacked(links), cause, began, ended))
    return found


def monitoring_gaps(connection: Connection, from_ms: int, to_ms: int) -> list[GapRecord]:
    """Return the monitoring gaps in [from_ms, to_ms), oldest first."""
    return _blindness(_Query(connection, None, from_ms, to_ms, 0), from_ms, None)


def inventory_maintenance(connection: Connection, from_ms: int, to_ms: int) -> list[MaintenanceRecord]:
    """Return the windows of the inventory that overlap [from_ms, to_ms)."""
    table = schema.maintenance_windows
    query = select(table.c.scope, table.c.scope_id, table.c.start_ms, table.c.end_ms, table.c.reason)
    query = query.where(table.c.start_ms < to_ms, table.c.end_ms > from_ms)
    return [
        MaintenanceRecord(None, Scope(scope), scope_id, starts, ends, reason)
        for scope, scope_id, starts, ends, reason in fetch_tuples(connection, query)
    ]


def corrected(
    connection: Connection, journal: CorrectionState, from_ms: int, to_ms: int
) -> list[MaintenanceRecord]:
    """Return the windows added by corrections that overlap [from_ms, to_ms), with public ids."""
    public = public_ids(connection).correction
    return [
        window._replace(id=None if window.id is None else public(window.id))
        for window in journal.windows
        if window.start_ms < to_ms and window.end_ms > from_ms
    ]


def _windows(
    stretch: _Query, since: int, journal: CorrectionState, cameras: list[CameraHistory] | None
) -> list[MaintenanceRecord]:
    """Return the windows of the interval that cover the cameras (None: all), oldest first."""
    found = inventory_maintenance(stretch.connection, since, stretch.to_ms)
    found += corrected(stretch.connection, journal, since, stretch.to_ms)
    if cameras is not None:
        over: dict[tuple[Scope, str], list[tuple[str, Interval]]] = {}
        for camera in cameras:
            for scope, there in scopes_of(camera):
                over.setdefault(scope, []).append((camera.operator, there))
        found = [
            window
            for window in found
            if any(
                window.operators.covers(operator) and window.start_ms < ends and window.end_ms > starts
                for operator, (starts, ends) in over.get((window.scope, window.scope_id), ())
            )
        ]
    return sorted(found, key=lambda window: (window.start_ms, window.scope_id, window.end_ms))
