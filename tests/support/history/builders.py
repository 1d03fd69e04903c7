"""Batches for the tests of the record: times are seconds after `T0`, cameras are `ville`'s at `mairie`."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, select, text

from camwatch.core.checkpoint_model import CameraCheckpoint
from camwatch.core.events import Event, OutageEvent, ServicePeriodEvent, Transition
from camwatch.core.model import Camera, Cause, Instant, Lifecycle, Purpose, Status
from camwatch.history import schema, sealing
from camwatch.history.store import Store
from camwatch.history.write_queue import Batch

T0 = 1_767_258_000_000


def ms(t: float) -> int:
    """Return the UTC milliseconds of `t`."""
    return T0 + round(t * 1000)


def at(t: float) -> Instant:
    """Return `t` on both clocks; they share no digits."""
    return Instant(5_000 + t, ms(t))


def camera(camera_id: str = "cam-1", operator: str = "ville", **row: Any) -> Camera:
    """Return a camera in service."""
    said = {"site": "mairie", "zone": "centre", "name": camera_id, "purpose": Purpose.TRAFFIC, **row}
    return Camera(id=camera_id, operator=operator, lifecycle=Lifecycle.IN_SERVICE, **said)


def went(
    new: Status, t: float, name: str = "cam-1", noticed: float | None = None, cause: Cause | None = None
) -> Transition:
    """Return a change of status at `t`."""
    noticed_at = at(t if noticed is None else noticed)
    return Transition(name, "ville", "mairie", Status.UNKNOWN, new, at(t), noticed_at, cause)


def outage(
    t: float, name: str = "cam-1", *, ended: bool = False, noticed: float | None = None
) -> OutageEvent:
    """Return the beginning of an outage at `t`, or that it `ended` then."""
    cause = None if ended else Cause.WILL
    return OutageEvent(
        name, "ville", "mairie", not ended, at(t), at(t if noticed is None else noticed), cause
    )


def entered(t: float, name: str = "cam-1", status: Status = Status.UNKNOWN) -> ServicePeriodEvent:
    """Return the beginning of a camera's ledger."""
    return ServicePeriodEvent(name, "ville", True, at(t), status)


def left(t: float, name: str = "cam-1") -> ServicePeriodEvent:
    """Return the end of a camera's ledger."""
    return ServicePeriodEvent(name, "ville", False, at(t), Status.RETIRED)


def memory(name: str = "cam-1", **fields: Any) -> CameraCheckpoint:
    """Return what is remembered of a camera that is up; every field differs from every other."""
    whole = CameraCheckpoint(
        name, "ville", Status.UP, Status.MAINTENANCE, 1, Cause.GOODBYE, 2, 3, 4, 5, True, 6,
        7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17.5, 18.25, -20.5, "21 22",
    )  # fmt: skip
    return whole._replace(**fields)


def batch(number: int, *events: Event, **rest: Any) -> Batch:
    """Return a batch of these events, vouching up to as many seconds as its number."""
    return Batch(number, ms(number), events=list(events), **rest)


def rows(store: Store, query: str) -> list[tuple[Any, ...]]:
    """Return what a question to the store's tables finds."""
    with store.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def seal_anew(connection: Connection) -> None:
    """Seal what was put into the tables by hand, as somebody does who has the whole store to himself."""
    connection.execute(delete(schema.seals))
    for table in sealing.SEALED:
        names = tuple(table.c.keys())
        rows = connection.execute(select(table).order_by(*table.primary_key))
        while some := [tuple(row) for row in rows.fetchmany(2000)]:
            sealer = sealing.Sealer(connection)
            sealer.wrote(table, names, some)
            sealer.seal(0)
    sealing.seal_checkpoints(connection)
