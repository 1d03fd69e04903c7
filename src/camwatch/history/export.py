"""The record as JSON lines, for programs that check it: changes of status, outages, fills, blindness.

Each line has its `kind`; times are UTC milliseconds. The last line is `watermark`: the history is complete
up to its `at_ms`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Engine,
    ScalarSelect,
    Select,
    and_,
    exists,
    func,
    or_,
    select,
    true,
)

from camwatch.accounting.records import OutageRecord
from camwatch.core.model import GapCause, Status
from camwatch.history import schema
from camwatch.history.dialects import read_transaction
from camwatch.history.metadata import fetch_tuples, read_metadata
from camwatch.history.outage_list import OutageRow, load_outages
from camwatch.history.public_ids import public_ids

_TOGETHER: Final = 500  # lines in a piece
_OF_CHANGE: Final = ("at_ms", "detected_ms", "status", "cause", "earliest_ms", "latest_ms")
_json = msgspec.json.Encoder().encode


def export(
    engine: Engine, begin_ms: int, end_ms: int, operators: Iterable[str] | None = None
) -> Iterator[bytes]:
    """Yield the record of [begin_ms, end_ms), in pieces of some hundred lines, as of one instant.

    Of these operators (None: of all). It contains the last transition of each
    camera before the beginning: its status then.
    """
    only = None if operators is None else frozenset(operators)
    with read_transaction(engine) as connection:
        for kind, query in _queries(begin_ms, end_ms, only):
            if kind == "outage":
                yield from _outages(connection, query)
            else:
                yield from _pieces(kind, connection, query, only if kind == "monitoring_gap" else None)
        yield _json({"kind": "watermark", "at_ms": read_metadata(connection).watermark_ms}) + b"\n"


def _outages(connection: Connection, query: Select[Any]) -> Iterator[bytes]:
    """Yield outages with their bounds, and as late heartbeats leave them: few have to be looked at."""
    public = public_ids(connection).outage
    rows = fetch_tuples(connection, query)
    for start in range(0, len(rows), _TOGETHER):
        some = [_Outage(*row) for row in rows[start : start + _TOGETHER]]
        doubted = [OutageRow(*each[:3], each.operator, each.camera) for each in some if each.filled]
        amended = {each.outage.id: each.outage for row in doubted for each in load_outages(connection, [row])}
        yield b"".join(
            _json(_outage_line(each, amended.get(public(each.id)), public(each.id))) + b"\n" for each in some
        )


class _Outage(NamedTuple):
    """An outage as the query gives it; `filled`: late heartbeats touch it."""

    id: int
    at_ms: int
    end_ms: int | None
    camera: str
    operator: str
    detected_ms: int
    cause: str
    at_earliest_ms: int | None
    at_latest_ms: int | None
    end_earliest_ms: int | None
    end_latest_ms: int | None
    filled: bool


def _outage_line(found: _Outage, amended: OutageRecord | None, public: int) -> dict[str, Any]:
    line = {"kind": "outage", **found._asdict(), "id": public, "voided": False}
    del line["filled"]
    exact = {
        "at_earliest_ms": "at_ms",
        "at_latest_ms": "at_ms",
        "end_earliest_ms": "end_ms",
        "end_latest_ms": "end_ms",
    }
    for name, point in exact.items():
        line[name] = line[point] if line[name] is None else line[name]
    if amended is not None:
        line |= {name: getattr(amended, name) for name in ("at_ms", "end_ms", *exact, "voided")}
    return line


def _pieces(
    kind: str, connection: Connection, query: Select[Any], only: frozenset[str] | None = None
) -> Iterator[bytes]:
    rows = connection.execute(query, execution_options={"stream_results": True})
    names = tuple(rows.keys())
    for some in rows.partitions(_TOGETHER):
        lines = (_readable({"kind": kind, **dict(zip(names, row, strict=True))}) for row in some)
        if only is not None:
            lines = (shown for line in lines if (shown := _theirs(line, only)) is not None)
        yield b"".join(_json(line) + b"\n" for line in lines)


def _theirs(line: dict[str, Any], only: frozenset[str]) -> dict[str, Any] | None:
    """Return the line of a monitoring gap, limited to these operators; None if it concerns none of them."""
    if not line["operators"] or line["cause"] == GapCause.CLOCK_STEP:
        return {**line, "operators": [], "links": []}
    seen = [operator for operator in line["operators"] if operator in only]
    links = line["links"] if line["cause"] == GapCause.LINK else []
    return {**line, "operators": seen, "links": links} if seen else None


def _readable(line: dict[str, Any]) -> dict[str, Any]:
    for name in ("operators", "links"):
        if name in line:
            line[name] = schema.unpacked(line[name])
    return line


def _bounds(at: Column[Any], *, begins: bool) -> Iterator[ScalarSelect[Any]]:
    """Yield the bounds of the change that began an outage, or that ended it."""
    change, outages = schema.transitions.alias(), schema.outages.c
    down = change.c.status == str(Status.DOWN)
    for name in ("earliest_ms", "latest_ms"):
        query = select(change.c[name]).where(
            change.c.camera_key == outages.camera_key, change.c.at_ms == at, down if begins else ~down
        )
        yield query.order_by(change.c.id).limit(1).scalar_subquery()


def _filled() -> ColumnElement[bool]:
    fills, outages = schema.backfills.c, schema.outages.c
    return exists().where(
        fills.camera_key == outages.camera_key,
        fills.end_ms > outages.at_ms,
        or_(outages.end_ms.is_(None), fills.start_ms < outages.end_ms),
    )


def _queries(begin_ms: int, end_ms: int, only: frozenset[str] | None) -> Iterator[tuple[str, Select[Any]]]:
    """Yield what to read. Some operators' rows are found by their cameras' keys, not among all others'."""
    who = (schema.cameras.c.id.label("camera"), schema.cameras.c.operator)
    key = schema.cameras.c.key
    changes, outages, fills, blind = (
        schema.transitions.c,
        schema.outages.c,
        schema.backfills.c,
        schema.monitoring_gaps.c,
    )
    keys = None if only is None else select(key).where(schema.cameras.c.operator.in_(only))

    def theirs(of: Column[Any]) -> ColumnElement[bool]:
        return true() if keys is None else of.in_(keys)

    earlier = schema.transitions.alias()
    last = (
        select(func.coalesce(func.max(earlier.c.at_ms), 0))
        .where(and_(earlier.c.camera_key == changes.camera_key, earlier.c.at_ms <= begin_ms))
        .scalar_subquery()
    )
    yield (
        "transition",
        select(*who, *(changes[name] for name in _OF_CHANGE))
        .join_from(schema.transitions, schema.cameras, changes.camera_key == key)
        .where(theirs(changes.camera_key), changes.at_ms < end_ms, changes.at_ms >= last)
        .order_by(changes.id if only is None else changes.id + 0),  # or SQLite walks all, to sort none,
    )
    yield (
        "outage",
        select(outages.id, outages.at_ms, outages.end_ms, *who, outages.detected_ms, outages.cause)
        .add_columns(*_bounds(outages.at_ms, begins=True), *_bounds(outages.end_ms, begins=False), _filled())
        .join_from(schema.outages, schema.cameras, outages.camera_key == key)
        .where(
            theirs(outages.camera_key),
            outages.at_ms < end_ms,
            or_(outages.end_ms.is_(None), outages.end_ms > begin_ms),
        )
        .order_by(outages.at_ms),
    )
    yield (
        "backfill",
        select(*who, fills.start_ms, fills.end_ms)
        .join_from(schema.backfills, schema.cameras, fills.camera_key == key)
        .where(theirs(fills.camera_key), fills.start_ms < end_ms, fills.end_ms > begin_ms)
        .order_by(fills.id if only is None else fills.id + 0),
    )
    yield (
        "monitoring_gap",
        select(blind.operators, blind.links, blind.cause, blind.began_ms, blind.ended_ms)
        # A clock that was set back hid no camera.
        .where(and_(blind.began_ms < end_ms, blind.ended_ms > begin_ms, blind.ended_ms > blind.began_ms))
        .order_by(blind.began_ms),
    )
