"""The record as JSON lines, over both databases: and the simulator reads the same from the tables."""

from __future__ import annotations

import json

from camsim.score.judged import Change, Outage, collected, from_store
from camwatch.core.model import BlindCause, Blindness, Cause, Fill, Status
from camwatch.history.export import export
from camwatch.history.store import Store
from tests.history.builders import at, batch, entered, memory, ms, outage, went


def lived(store: Store) -> None:
    """Keep two cameras: one was down for a while, one was unknown, and late heartbeats filled half of it."""
    store.write(
        batch(
            1000,
            entered(0),
            entered(0, "cam-2"),
            went(Status.UP, 1),
            went(Status.DOWN, 100, noticed=135, cause=Cause.WILL),
            outage(100, noticed=135),
            went(Status.UP, 300),
            outage(300, ended=True),
            went(Status.UNKNOWN, 200, "cam-2"),
            Fill("cam-2", "ville", ms(250), ms(270)),
            Blindness(("main", "aux 2"), ("ville",), BlindCause.LINK, at(200), at(280)),
            memories=[memory(), memory("cam-2")],
        )
    )


def test_what_is_told_is_what_the_tables_hold(store: Store, store_url: str) -> None:
    lived(store)
    lines = [json.loads(line) for line in b"".join(export(store.engine, 0, ms(2000))).splitlines()]
    assert lines[-1] == {"kind": "vouched", "at_ms": ms(1000)}
    (blind,) = [line for line in lines if line["kind"] == "blind"]
    assert (blind["operators"], blind["links"]) == (["ville"], ["main", "aux 2"])
    told, read = collected(lines), from_store(store_url)
    assert told == read
    assert told.cameras["cam-1"].outages == [Outage(ms(100), ms(300), ms(135), "will")]
    assert told.cameras["cam-1"].changes[1:] == [
        Change(ms(1), ms(1), "up"),
        Change(ms(100), ms(135), "down"),
        Change(ms(300), ms(300), "up"),
    ]
    assert told.cameras["cam-2"].fills == [(ms(250), ms(270))]
    assert (told.blind, told.vouched_ms) == ([(ms(200), ms(280))], ms(1000))


def test_of_a_stretch_of_time_the_last_change_before_it_is_told_too(store: Store) -> None:
    lived(store)
    lines = [json.loads(line) for line in b"".join(export(store.engine, ms(120), ms(130))).splitlines()]
    kinds = [(line["kind"], line.get("camera"), line.get("status")) for line in lines]
    assert kinds == [
        ("transition", "cam-2", "unknown"),
        ("transition", "cam-1", "down"),
        ("outage", "cam-1", None),
        ("vouched", None, None),
    ]


def test_an_empty_store_vouches_for_nothing(store: Store) -> None:
    assert json.loads(b"".join(export(store.engine, 0, ms(1)))) == {"kind": "vouched", "at_ms": 0}
