"""The record as JSON lines, over both databases: and the simulator reads the same from the tables."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path

from camsim.score.observations import Bounds, Change, Outage, collected, from_store
from camwatch.core.events import Backfill, Event, MonitoringGap
from camwatch.core.model import Cause, GapCause, Status
from camwatch.history.export import _queries, export
from camwatch.history.store import Store
from camwatch.history.write_queue import Batch
from camwatch.settings import HistorySettings
from tests.support.history.builders import at, entered, memory, ms, outage, went


def lived(store: Store) -> None:
    """Keep two cameras: one was down for a while, one was unknown, and late heartbeats filled half of it."""
    store.write(
        Batch(
            1,
            ms(1000),
            events=[
                entered(0),
                entered(0, "cam-2"),
                went(Status.UP, 1),
                went(Status.DOWN, 100, noticed=135, cause=Cause.WILL),
                outage(100, noticed=135),
                went(Status.UP, 300),
                outage(300, ended=True),
                went(Status.UNKNOWN, 200, "cam-2"),
                Backfill("cam-2", "ville", ms(250), ms(270)),
                MonitoringGap(("main", "aux 2"), ("ville",), GapCause.LINK, at(200), at(280)),
                MonitoringGap(
                    (), (), GapCause.CLOCK_STEP, at(500), at(400)
                ),  # it was set back: nobody was blind
            ],
            checkpoints=[memory(), memory("cam-2")],
        )
    )


def test_what_is_told_is_what_the_tables_hold(store: Store, store_url: str) -> None:
    lived(store)
    lines = [json.loads(line) for line in b"".join(export(store.engine, 0, ms(2000))).splitlines()]
    assert lines[-1] == {"kind": "watermark", "at_ms": ms(1000)}
    (blind,) = [line for line in lines if line["kind"] == "monitoring_gap"]
    assert (blind["operators"], blind["links"]) == (["ville"], ["main", "aux 2"])
    told, read = collected(lines), from_store(store_url)
    assert told == read
    assert told.cameras["cam-1"].outages == [
        Outage(ms(100), ms(300), ms(135), "will", Bounds(ms(100), ms(100), ms(300), ms(300)))
    ]
    assert told.cameras["cam-1"].changes[1:] == [
        Change(ms(1), ms(1), "up", ms(1), ms(1)),
        Change(ms(100), ms(135), "down", ms(100), ms(100)),
        Change(ms(300), ms(300), "up", ms(300), ms(300)),
    ]
    assert told.cameras["cam-2"].fills == [(ms(250), ms(270))]
    assert (told.blind, told.watermark_ms) == ([(ms(200), ms(280))], ms(1000))


def test_of_a_stretch_of_time_the_last_change_before_it_is_told_too(store: Store) -> None:
    lived(store)
    lines = [json.loads(line) for line in b"".join(export(store.engine, ms(120), ms(130))).splitlines()]
    kinds = [(line["kind"], line.get("camera"), line.get("status")) for line in lines]
    assert kinds == [
        ("transition", "cam-2", "unknown"),
        ("transition", "cam-1", "down"),
        ("outage", "cam-1", None),
        ("watermark", None, None),
    ]


def test_an_outage_is_told_as_late_heartbeats_leave_it(store: Store) -> None:
    """E1, E4: with its bounds; one that they cover is voided."""
    down = went(Status.DOWN, 100)._replace(earliest_ms=ms(95), latest_ms=ms(105))
    events: list[Event] = [
        entered(0, status=Status.UP), down, outage(100), went(Status.UP, 200), outage(200, ended=True),
    ]  # fmt: skip
    store.write(Batch(1, ms(1000), events=events, checkpoints=[memory()]))

    def told() -> tuple[object, ...]:
        lines = [json.loads(line) for line in b"".join(export(store.engine, 0, ms(2000))).splitlines()]
        (line,) = [line for line in lines if line["kind"] == "outage"]
        names = ("at_ms", "end_ms", "at_earliest_ms", "at_latest_ms", "end_earliest_ms", "end_latest_ms")
        return (*((line[name] - ms(0)) / 1000 for name in names), line["voided"])

    assert told() == (100, 200, 95, 105, 200, 200, False)
    store.write(Batch(2, ms(1001), events=[Backfill("cam-1", "ville", ms(90), ms(150))]))
    assert told() == (150, 200, 150, 150, 200, 200, False)
    store.write(Batch(3, ms(1002), events=[Backfill("cam-1", "ville", ms(140), ms(200))]))
    assert told() == (100, 200, 95, 105, 200, 200, True)


def test_an_empty_store_vouches_for_nothing(store: Store) -> None:
    assert json.loads(b"".join(export(store.engine, 0, ms(1)))) == {"kind": "watermark", "at_ms": 0}


def test_rows_of_some_operators_are_found_by_their_cameras(tmp_path: Path) -> None:
    """Three cameras' record once took the walk of everybody's transitions."""
    with contextlib.closing(Store.open(HistorySettings(url=f"sqlite:///{tmp_path / 'one.db'}"))) as store:
        for kind, query in _queries(0, ms(2000), frozenset({"ville"})):
            if kind != "monitoring_gap":
                told = str(query.compile(store.engine, compile_kwargs={"literal_binds": True}))
                with store.engine.connect() as connection:
                    plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {told}")]
                table = {"transition": "transitions", "outage": "outages", "backfill": "backfills"}[kind]
                steps = [step for step in plan if re.search(rf"\b{table}\b", step)]
                assert steps, plan
                assert all("camera_key" in step and step.startswith("SEARCH") for step in steps), plan
