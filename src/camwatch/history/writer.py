"""Writes batches: events become rows by table, stored in few large statements.

Order is kept within each table. What begins and ends in the same batch is one row; what began earlier is
ended in place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import structlog
from sqlalchemy import Connection, Float, Table, func, select

from camwatch.core.checkpoint_model import CameraCheckpoint, LinkGroupCheckpoint
from camwatch.core.events import Backfill, MonitoringGap, OutageEvent, Reboot, ServicePeriodEvent, Transition
from camwatch.core.model import Camera, Cause, MaintenanceWindow, Purpose, Status
from camwatch.core.status_time import Proven
from camwatch.history import backfills, schema
from camwatch.history.dialects import bulk_insert
from camwatch.history.sealing import Checkpoints, Seal, Sealer
from camwatch.history.write_queue import Batch, InventorySnapshot

CHECKPOINT = CameraCheckpoint._fields[2:]
"""The columns of a checkpoint besides the key: fields of CameraCheckpoint."""

_log = structlog.get_logger("history")

_REALS = [
    place for place, name in enumerate(CHECKPOINT) if isinstance(schema.checkpoints.c[name].type, Float)
]
_LARGEST = (1 << 63) - 1


class _Known(NamedTuple):
    key: int
    site: str
    zone: str
    purpose: str
    name: str


class Cameras:
    """Cameras with a row, and their keys. Only one daemon writes, so the cache is correct."""

    def __init__(self, connection: Connection) -> None:
        table = schema.cameras.c
        rows = connection.execute(
            select(table.id, table.operator, table.key, table.site, table.zone, table.purpose, table.name)
        )
        self._known = {(row[0], row[1]): _Known(*row[2:]) for row in rows}
        self._next = max((known.key for known in self._known.values()), default=0) + 1
        self._changed: dict[tuple[str, str], _Known] = {}
        places = schema.placements.c
        query = select(places.camera_key, places.site, places.purpose).order_by(places.since_ms, places.id)
        self._places: dict[int, tuple[str, str]] = {
            key: (site, purpose) for key, site, purpose in connection.execute(query)
        }
        self._moved: list[tuple[int, int, str, str]] = []

    def upsert(self, camera: Camera, at_ms: int) -> None:
        """Store the inventory's row of a camera, valid from an instant on (rule V7)."""
        said = (camera.site, camera.zone, camera.purpose.value, camera.name)
        known = self._set(camera.id, camera.operator, tuple(map(_clean, said)))
        place = known.site, known.purpose
        if self._places.get(known.key) != place:
            self._places[known.key] = place
            self._moved.append((known.key, _bounded(at_ms), *place))

    def key(self, camera: str, operator: str, site: str = "") -> int:
        """Return a camera's key; one unknown to every inventory gets a row."""
        known = self._known.get((camera, operator))
        if known is None:
            known = self._set(camera, operator, (site, "", Purpose.VIDEO_PROTECTION.value, camera))
        return known.key

    def store(self, sealer: Sealer) -> None:
        """Write the rows that are new or changed."""
        rows = [(known.key, *who, *known[1:]) for who, known in self._changed.items()]
        names = ("key", "id", "operator", "site", "zone", "purpose", "name")
        sealer.put(schema.cameras, names, rows, upsert=True)
        sealer.add(schema.placements, ("camera_key", "since_ms", "site", "purpose"), self._moved)
        self._changed.clear()
        self._moved.clear()

    def _set(self, camera: str, operator: str, said: tuple[str, ...]) -> _Known:
        known = self._known.get((camera, operator))
        if known is None:
            key, self._next = self._next, self._next + 1
        elif known[1:] == said:
            return known
        else:
            key = known.key
        found = self._known[camera, operator] = self._changed[camera, operator] = _Known(key, *said)
        return found


class Writer(NamedTuple):
    """Cached state of the store between batches."""

    cameras: Cameras
    checkpoints: Checkpoints

    @classmethod
    def of(cls, connection: Connection) -> Writer:
        """Return the present state."""
        return cls(Cameras(connection), Checkpoints(connection))


def write_batch(connection: Connection, filed: Writer, batch: Batch, run: str) -> Seal | None:
    """Store a batch of this `run` of camwatch, within the caller's transaction.

    Returns its seal, None if the record did not change.
    """
    sealer = Sealer(connection)
    cameras = filed.cameras
    for roll in batch.inventories:
        for camera in roll.cameras:
            cameras.upsert(camera, roll.at_ms)
        _sync_maintenance(sealer, roll)
    rows = _BatchRows(cameras)
    for event in batch.events:
        take = _TAKE.get(type(event))
        if take is not None:
            take(rows, event)
    checkpoints = [
        (cameras.key(memory.camera, memory.operator), *_checkpoint_row(memory))
        for memory in {(memory.camera, memory.operator): memory for memory in batch.checkpoints}.values()
    ]
    counts = {
        (cameras.key(each.camera, each.operator), each.reason): _bounded(each.messages)
        for each in batch.rejected
    }
    cameras.store(sealer)
    rows.store(sealer)
    names = ("camera_key", *CHECKPOINT)
    bulk_insert(connection, schema.checkpoints, names, checkpoints, upsert=True)
    refusals = [(*key, messages) for key, messages in counts.items()]
    bulk_insert(connection, schema.rejections, ("camera_key", "reason", "messages"), refusals, upsert=True)
    filed.checkpoints.take(names, checkpoints)
    _replace_groups(connection, batch.groups)
    sealed = sealer.seal(batch.watermark_ms)
    facts = {
        "watermark_ms": batch.watermark_ms,
        "steady": batch.steady,
        "batch": batch.number,
        "run": run,
        "checkpoints": filed.checkpoints.sealed(run, batch.number, batch.watermark_ms),
    }
    bulk_insert(
        connection,
        schema.store_metadata,
        ("name", "value"),
        [(name, str(value)) for name, value in facts.items()],
        upsert=True,
    )
    return sealed


class _BatchRows:
    """The rows of one batch, by table."""

    def __init__(self, cameras: Cameras) -> None:
        self._key = cameras.key
        self.transitions: list[tuple[Any, ...]] = []
        self.outages = _OpenClose()
        self.service = _OpenClose()
        self.fills: dict[int, list[Proven]] = {}
        self.blindness: list[tuple[Any, ...]] = []
        self.reboots: list[tuple[int, int]] = []

    def transition(self, event: Transition) -> None:
        key = self._key(event.camera, event.operator, event.site)
        cause = None if event.cause is None else event.cause.value
        at, noticed = _bounded(event.at.utc_ms), _bounded(event.detected_at.utc_ms)
        bounds = (None if each is None else _bounded(each) for each in (event.earliest_ms, event.latest_ms))
        self.transitions.append((key, at, noticed, event.new.value, cause, *bounds))

    def outage(self, event: OutageEvent) -> None:
        key = self._key(event.camera, event.operator, event.site)
        at, noticed = _bounded(event.at.utc_ms), _bounded(event.detected_at.utc_ms)
        row = [key, at, None, noticed, (event.cause or Cause.TIMEOUT).value]
        if event.opened and event.again:
            self.outages.begin_again(key, row)
        elif event.opened:
            self.outages.begin(key, row)
        else:
            self.outages.end(key, at)

    def service_change(self, event: ServicePeriodEvent) -> None:
        key, at = self._key(event.camera, event.operator), _bounded(event.at.utc_ms)
        if event.started:
            self.service.begin(key, [key, at, None])
            self.transitions.append((key, at, at, event.status.value, None, None, None))
        else:
            self.service.end(key, at)

    def fill(self, event: Backfill) -> None:
        start, end = _bounded(event.start_ms), _bounded(event.end_ms)
        if start < end:
            first = start if event.certain_start_ms is None else _bounded(event.certain_start_ms)
            last = end if event.certain_end_ms is None else _bounded(event.certain_end_ms)
            mine = self.fills.setdefault(self._key(event.camera, event.operator), [])
            mine.append(Proven(start, end, first, last))

    def blind(self, event: MonitoringGap) -> None:
        who = schema.packed(event.operators), schema.packed(event.links)
        began, ended = _bounded(event.began.utc_ms), _bounded(event.ended.utc_ms)
        self.blindness.append((*who, event.cause.value, began, ended))

    def reboot(self, event: Reboot) -> None:
        self.reboots.append((self._key(event.camera, event.operator), _bounded(event.at.utc_ms)))

    def store(self, sealer: Sealer) -> None:
        names: tuple[str, ...] = (
            "camera_key", "at_ms", "detected_ms", "status", "cause", "earliest_ms", "latest_ms",
        )  # fmt: skip
        sealer.add(schema.transitions, names, self.transitions)
        _begin_again(sealer, self.outages)
        _end(sealer, schema.outages, self.outages.ended)
        names = ("camera_key", "at_ms", "end_ms", "detected_ms", "cause")
        sealer.add(schema.outages, names, self.outages.begun)
        _end(sealer, schema.service_periods, self.service.ended)
        sealer.add(schema.service_periods, ("camera_key", "start_ms", "end_ms"), self.service.begun)
        if self.fills:
            backfills.store(sealer, self.fills)
        names = ("operators", "links", "cause", "began_ms", "ended_ms")
        sealer.add(schema.monitoring_gaps, names, self.blindness)
        sealer.add(schema.reboots, ("camera_key", "at_ms"), self.reboots)


def _begin_again(sealer: Sealer, outages: _OpenClose) -> None:
    """Reopen outages that a removal ended (V6); begin those that the record lacks.

    They were rolled up, or the store went back (H1).
    """
    table, moved = schema.outages.c, schema.transitions.c
    again = []
    for key, row in outages.again.items():
        newest = select(func.max(table.id)).where(table.camera_key == key)
        before = select(moved.status).where(
            moved.camera_key == key, moved.at_ms < row[1], moved.status != Status.UNKNOWN.value
        )
        seen = sealer.connection.execute(before.order_by(moved.at_ms.desc(), moved.id.desc()).limit(1))
        number = sealer.connection.execute(newest).scalar()
        if number is not None and seen.scalar() == Status.DOWN.value:
            again.append(number)
        else:
            outages.begin_at_last(key, row)
    if again:
        sealer.reopen(schema.outages, again)


def _end(sealer: Sealer, table: Table, rows: dict[int, int]) -> None:
    """End open rows; in a record changed by others some may be missing, which is logged."""
    ended = sealer.end(table, rows)
    if ended != len(rows):
        _log.error(
            "the record has not what ended now: run `camwatch audit`",
            table=table.name,
            ended=len(rows),
            found=ended,
        )


class _OpenClose:
    """Rows that begin in this batch (`end_ms` is third), and ends of earlier ones.

    `again`: ended in an earlier batch and reopened, by key, with a row in case the record lacks it.
    """

    def __init__(self) -> None:
        self.begun: list[list[Any]] = []
        self.ended: dict[int, int] = {}
        self.again: dict[int, list[Any]] = {}
        self._newest: dict[int, list[Any]] = {}

    def begin(self, key: int, row: list[Any]) -> None:
        self.begun.append(row)
        self._newest[key] = row

    def begin_again(self, key: int, row: list[Any]) -> None:
        if key in self._newest:
            self._newest[key][2] = None
        elif self.ended.pop(key, None) is None:
            self.again[key] = row

    def begin_at_last(self, key: int, row: list[Any]) -> None:
        """Begin what could not be reopened, with its end."""
        row[2] = self.ended.pop(key, None)
        self.begun.insert(0, row)

    def end(self, key: int, end_ms: int) -> None:
        row = self._newest.get(key)
        if row is None or row[2] is not None:
            self.ended[key] = end_ms
        else:
            row[2] = end_ms


_TAKE: dict[type, Callable[[_BatchRows, Any], None]] = {
    Transition: _BatchRows.transition,
    OutageEvent: _BatchRows.outage,
    ServicePeriodEvent: _BatchRows.service_change,
    Backfill: _BatchRows.fill,
    MonitoringGap: _BatchRows.blind,
    Reboot: _BatchRows.reboot,
}


def _sync_maintenance(sealer: Sealer, roll: InventorySnapshot) -> None:
    """Store the windows of the inventory; one that began and was removed ended then (V3)."""
    table = schema.maintenance_windows
    rows = sealer.connection.execute(
        select(table.c.scope, table.c.scope_id, table.c.start_ms, table.c.end_ms, table.c.id, table.c.reason)
    )
    stored = {tuple(row[:4]): (row[4], row[5]) for row in rows}
    announced = {_span(window): _clean(window.reason) for window in roll.windows}
    kept = dict(announced)
    for span in sorted(stored.keys() - announced.keys()):
        if span[2] < roll.at_ms:
            cut = (*span[:3], min(span[3], roll.at_ms))
            kept.setdefault(cut, stored[span][1])
    sealer.drop(table, [stored[span][0] for span in sorted(stored.keys() - kept.keys())])
    names = ("scope", "scope_id", "start_ms", "end_ms", "reason")
    changed = [span for span in kept if span in stored and kept[span] != stored[span][1]]
    sealer.put(table, ("id", *names), [(stored[span][0], *span, kept[span]) for span in changed], upsert=True)
    sealer.add(table, names, [(*span, reason) for span, reason in kept.items() if span not in stored])


def _span(window: MaintenanceWindow) -> tuple[str, str, int, int]:
    return window.scope.value, window.scope_id, _bounded(window.start_ms), _bounded(window.end_ms)


def _replace_groups(connection: Connection, sights: Iterable[LinkGroupCheckpoint]) -> None:
    connection.execute(schema.link_groups.delete())
    rows = {
        sight.links: (
            schema.packed(sight.links),
            schema.packed(sight.operators),
            sight.last_packet_ms,
            sight.blind,
        )
        for sight in sights
    }
    bulk_insert(
        connection, schema.link_groups, ("links", "operators", "last_packet_ms", "blind"), rows.values()
    )


def _checkpoint_row(memory: CameraCheckpoint) -> list[Any]:
    """Return the values of a checkpoint for the driver; numbers beyond 64 bits are capped."""
    row: list[Any] = [
        value if type(value) is not int or -_LARGEST <= value <= _LARGEST else _bounded(value)
        for value in memory[2:]
    ]
    row[0], row[1] = memory.underlying_status.value, memory.status.value
    row[3] = None if memory.cause is None else memory.cause.value
    for place in _REALS:
        if row[place] is not None:
            row[place] = float(row[place]) + 0.0  # SQLite keeps no negative zero
    return row


def _bounded(number: int) -> int:
    return max(-_LARGEST, min(number, _LARGEST))


def _clean(text: str) -> str:
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")  # PostgreSQL holds no such character
