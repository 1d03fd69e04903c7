"""Listing: outages one by one, each with its camera and what it lasted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import Connection, select

from camwatch.accounting.records import OPEN_ENDED, CameraHistory, History, OutageRecord
from camwatch.accounting.timeline import TimelineOverlays, status_time_between
from camwatch.core.status_time import StatusTime
from camwatch.history import schema
from camwatch.history.metadata import fetch_tuples, read_metadata
from camwatch.history.placements import site_at
from camwatch.history.public_ids import public_ids
from camwatch.history.queries import read, touches


class OutageWithCamera(NamedTuple):
    """An outage with its camera; `account` is of its time, `down` in it what it lasted.

    Site and purpose of the camera are those that it had when the outage began (rule V7).
    """

    camera: CameraHistory
    outage: OutageRecord
    account: StatusTime


class OutageRow(NamedTuple):
    """A row of the outage table with its camera; `number` is the primary key."""

    number: int
    at_ms: int
    end_ms: int | None
    operator: str
    camera: str


def outages(  # noqa: PLR0913 - one filter a flag of `camwatch outages list`
    connection: Connection,
    *,
    public: int | None = None,
    operators: Iterable[str] | None = None,
    camera: str | None = None,
    site: str | None = None,
    from_ms: int = 0,
    to_ms: int = OPEN_ENDED,
    still_open: bool = False,
    unattributed: bool = False,
) -> list[OutageWithCamera]:
    """Return the outages that touch [from_ms, to_ms) and fit every filter, oldest first.

    `public` is the id of one, `site` where the camera stood when it began. Those that corrected maintenance
    or late heartbeats cover wholly are among them, with no time in `down`.
    """
    rows = outage_index(
        connection,
        operators,
        from_ms,
        to_ms,
        public=public,
        camera=camera,
        site=site,
        still_open=still_open,
    )
    found = load_outages(connection, rows)
    return [each for each in found if not (unattributed and each.outage.attributions)]


def outage_index(
    connection: Connection,
    operators: Iterable[str] | None,
    from_ms: int,
    to_ms: int,
    *,
    public: int | None = None,
    camera: str | None = None,
    site: str | None = None,
    still_open: bool = False,
) -> list[OutageRow]:
    """Return the outages of these operators (None: all) that fit, oldest first, as their table has them."""
    table, who = schema.outages, schema.cameras
    number = None if public is None else public_ids(connection).outage_of(public)
    if public is not None and number is None:
        return []
    start = max(from_ms, read_metadata(connection).rolled_up_until_ms)
    wanted = [table.c.at_ms < to_ms, touches(table.c.at_ms, table.c.end_ms, start)]
    wanted += [
        column == value
        for column, value in ((table.c.id, number), (who.c.id, camera), (site_at(table.c.at_ms), site))
        if value is not None
    ]
    if operators is not None:
        wanted.append(who.c.operator.in_(list(operators)))
    if still_open:
        wanted.append(table.c.end_ms.is_(None))
    query = select(table.c.id, table.c.at_ms, table.c.end_ms, who.c.operator, who.c.id).join(who)
    rows = fetch_tuples(connection, query.where(*wanted).order_by(table.c.at_ms, table.c.id))
    return [OutageRow(*row) for row in rows]


def load_outages(connection: Connection, rows: Sequence[OutageRow]) -> list[OutageWithCamera]:
    """Return all about these outages, in their order."""
    if not rows:
        return []
    public = public_ids(connection).outage
    places = {public(row.number): place for place, row in enumerate(rows)}
    ends = max(OPEN_ENDED if row.end_ms is None else row.end_ms + 1 for row in rows)
    alone = rows[0].camera if len({row.camera for row in rows}) == 1 else None
    operators = {row.operator for row in rows}
    record = read(connection, operators, min(row.at_ms for row in rows), ends, camera=alone)
    return sorted(_listed(record, places.keys()), key=lambda each: places[each.outage.id])


def _listed(record: History, ids: AbstractSet[int]) -> Iterator[OutageWithCamera]:
    overlays = TimelineOverlays(record)
    for camera in record.cameras:
        mine = [outage for outage in camera.outages if outage.id in ids]
        stretches = overlays.dated(camera, record.watermark_ms) if mine else []
        for outage in mine:
            until = record.watermark_ms if outage.end_ms is None else outage.end_ms
            place = camera.place_at(outage.at_ms)
            whose = replace(camera, site=place.site, purpose=place.purpose)
            yield OutageWithCamera(whose, outage, status_time_between(stretches, outage.at_ms, until))
