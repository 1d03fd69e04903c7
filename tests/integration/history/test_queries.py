"""What is read back of a stretch of time is what was stored of it, and what it needs from before."""

from __future__ import annotations

import pytest

from camwatch.accounting.records import (
    OPEN_ENDED,
    AttributedCause,
    GapRecord,
    History,
    MaintenanceRecord,
    StatusChange,
)
from camwatch.accounting.timeline import TimelineOverlays, status_time_between
from camwatch.core.checkpoint_model import LinkGroupCheckpoint
from camwatch.core.events import Backfill, Event, MonitoringGap, Reboot
from camwatch.core.model import GapCause, MaintenanceWindow, Scope, Status
from camwatch.core.status_time import Interval, Proven, StatusTime
from camwatch.history.correction_writer import append
from camwatch.history.corrections import GENESIS, Maintenance, OutageAttribution
from camwatch.history.dialects import read_transaction
from camwatch.history.outage_list import OutageWithCamera, outages
from camwatch.history.queries import read
from camwatch.history.store import Store
from camwatch.history.write_queue import Batch, InventorySnapshot
from tests.support.history.builders import at, camera, entered, left, ms, outage, went
from tests.support.numbers import ids_of


def stored(store: Store) -> None:
    """Write a thousand seconds of three cameras, two of `ville`, one of `bailleur`."""
    cameras = (camera(), camera("cam-2", site="gare"), camera("cam-3", "bailleur"))
    windows = (MaintenanceWindow(Scope.SITE, "gare", ms(100), ms(200), "paint"),)
    blind = MonitoringGap(("main",), ("ville",), GapCause.LINK, at(300), at(400))
    other = MonitoringGap(("main",), ("bailleur",), GapCause.LINK, at(310), at(410))
    clock = MonitoringGap((), (), GapCause.CLOCK_STEP, at(420), at(430))
    store.write(
        Batch(
            1, ms(1000),
            events=[
                entered(0), entered(0, "cam-2"), entered(10)._replace(camera="cam-3", operator="bailleur"),
                went(Status.UP, 5), went(Status.DOWN, 50), outage(50, noticed=95),
                went(Status.UP, 20, "cam-2"), went(Status.DOWN, 150, "cam-2"), outage(150, "cam-2"),
                went(Status.UP, 160, "cam-2"), outage(160, "cam-2", ended=True),
                blind, other, clock,
                went(Status.UNKNOWN, 300), went(Status.DOWN, 410), went(Status.UP, 600),
                outage(600, ended=True),
                went(Status.RETIRED, 700), left(700),
                Backfill("cam-1", "ville", ms(305), ms(310)), Reboot("cam-1", "ville", at(610)),
            ],
            inventories=[InventorySnapshot(cameras, windows, ms(0))],
            groups=(
                LinkGroupCheckpoint(("main",), ("ville",), ms(900), True),
                LinkGroupCheckpoint(("x",), (), ms(1), False),
            ),
        )
    )  # fmt: skip


def reading(
    store: Store, start: float = 0, end: float = 1000, *operators: str, camera: str | None = None
) -> History:
    with read_transaction(store.engine) as connection:
        return read(connection, operators or None, ms(start), ms(end), camera=camera)


def listing(store: Store, **wanted: object) -> list[OutageWithCamera]:
    with read_transaction(store.engine) as connection:
        return outages(connection, **wanted)  # type: ignore[arg-type]


def test_everything_of_a_camera_is_in_the_record(store: Store) -> None:
    stored(store)
    record = reading(store)
    assert [camera.id for camera in record.cameras] == ["cam-3", "cam-1", "cam-2"]
    first = record.cameras[1]
    assert (first.operator, first.site, first.zone, first.purpose) == ("ville", "mairie", "centre", "traffic")
    assert first.service_periods == [Interval(ms(0), ms(700))]
    assert record.cameras[2].service_periods == [Interval(ms(0), OPEN_ENDED)]
    assert first.changes == [
        StatusChange(ms(0), Status.UNKNOWN),
        StatusChange(ms(5), Status.UP),
        StatusChange(ms(50), Status.DOWN),
        StatusChange(ms(300), Status.UNKNOWN),
        StatusChange(ms(410), Status.DOWN),
        StatusChange(ms(600), Status.UP),
        StatusChange(ms(700), None),
    ]
    assert first.backfills == [Proven.of(ms(305), ms(310))]
    assert first.reboots == [ms(610)]
    assert [(out.at_ms, out.end_ms, out.detected_ms, out.cause) for out in first.outages] == [
        (ms(50), ms(600), ms(95), "will")
    ]
    assert (record.watermark_ms, record.rolled_up_until_ms, record.corrections, record.chain_head) == (
        ms(1000),
        0,
        0,
        GENESIS,
    )


def test_an_empty_store_has_an_empty_record(store: Store) -> None:
    assert reading(store) == History([], [], [], 0, 0, 0, GENESIS)


def test_a_stretch_begins_with_what_each_camera_was_before_it(store: Store) -> None:
    stored(store)
    record = reading(store, 650, 660)
    assert [camera.changes for camera in record.cameras] == [
        [StatusChange(ms(10), Status.UNKNOWN)],
        [StatusChange(ms(600), Status.UP)],
        [StatusChange(ms(160), Status.UP)],
    ]
    assert [camera.outages + camera.backfills + camera.reboots for camera in record.cameras] == [[], [], []]
    assert reading(store, 650, 660, camera="cam-1").cameras[0].service_periods == [Interval(ms(600), ms(700))]


def test_an_outage_that_reaches_into_the_stretch_is_whole(store: Store) -> None:
    """S7: its down time can be told, though it began long before; blind time inside it is not down."""
    stored(store)
    record = reading(store, 500, 550, camera="cam-1")
    (camera,) = record.cameras
    assert camera.changes[0] == StatusChange(ms(50), Status.DOWN)
    stretches = TimelineOverlays(record).intervals(camera, ms(550))
    # Of the 110 s that were blind, late heartbeats filled 5 s; the clock left out 10 s.
    assert status_time_between(stretches, ms(50), ms(550)) == StatusTime(
        up=5_000, down=380_000, unknown=115_000
    )


def test_cameras_out_of_service_in_the_period_are_not_in_the_record(store: Store) -> None:
    stored(store)
    assert [camera.id for camera in reading(store, 700, 1000, "ville").cameras] == ["cam-2"]
    assert [camera.id for camera in reading(store, 0, 5).cameras] == ["cam-1", "cam-2"]


def test_blindness_is_that_of_the_operators_and_a_set_clock_is_everybodys(store: Store) -> None:
    """S1, T2: one that is not over comes from what is remembered of the sights."""
    stored(store)
    clock = GapRecord((), (), GapCause.CLOCK_STEP, ms(420), ms(430))
    link = GapRecord(("bailleur",), ("main",), GapCause.LINK, ms(310), ms(410))
    assert reading(store, 0, 1000, "bailleur").gaps == [link, clock]
    assert reading(store, 0, 1000, "ville").gaps[-1] == GapRecord(
        ("ville",), ("main",), GapCause.LINK, ms(900), None
    )
    assert len(reading(store).gaps) == 4
    assert reading(store, 411, 421, "bailleur").gaps == [clock]


def test_windows_are_those_over_the_cameras(store: Store) -> None:
    """V3: of the inventory, without a number, and of the journal, with theirs."""
    stored(store)
    append(store.engine, "zoé", "toit", Maintenance(Scope.OPERATOR, "bailleur", ms(30), ms(40)), ms(900))
    number = ids_of(store.engine).correction(1)
    added = MaintenanceRecord(number, Scope.OPERATOR, "bailleur", ms(30), ms(40), "toit", "zoé", ms(900))
    announced = MaintenanceRecord(None, Scope.SITE, "gare", ms(100), ms(200), "paint")
    assert reading(store).maintenance == [added, announced]
    assert reading(store, 0, 1000, "bailleur").maintenance == [added]
    assert reading(store, camera="cam-2").maintenance == [announced]
    assert reading(store, 300, 500).maintenance == [announced], "the outage under way began before it"
    assert reading(store, 650, 1000).maintenance == []


def test_attributions_come_with_their_outage(store: Store) -> None:
    """A6."""
    stored(store)
    append(store.engine, "zoé", "EDF", OutageAttribution(1, AttributedCause.POWER, True), ms(900))
    record = reading(store, camera="cam-1")
    (found,) = record.cameras[0].outages
    assert found.attribution is not None
    assert (found.attribution.cause, found.attribution.excluded) == ("power", True)
    assert record.corrections == 1


def disproved(store: Store, *fills: Backfill) -> None:
    """Keep an outage that began between 95 and 105, and these late heartbeats."""
    down = went(Status.DOWN, 100)._replace(earliest_ms=ms(95), latest_ms=ms(105))
    events: list[Event] = [
        entered(0, status=Status.UP), down, outage(100), went(Status.UP, 200), outage(200, ended=True),
    ]  # fmt: skip
    store.write(
        Batch(1, ms(1000), events=[*events, *fills], inventories=[InventorySnapshot((camera(),), (), ms(0))])
    )


def test_an_outage_comes_with_the_instants_between_which_it_began(store: Store) -> None:
    """E1."""
    disproved(store)
    (found,) = listing(store)
    assert (found.outage.at_bounds, found.outage.end_bounds) == (Interval(ms(95), ms(105)), None)
    assert found.account == StatusTime(down=100_000, uncertain_down=5_000)
    change = reading(store).cameras[0].changes[1]
    assert change == StatusChange(ms(100), Status.DOWN, ms(95), ms(105))


def test_the_end_of_a_period_is_as_uncertain_as_the_change_after_it(store: Store) -> None:
    """A3: the change came after the stretch, or within its last 3 s."""
    disproved(store)
    record = reading(store, 0, 98)
    (camera,) = record.cameras
    found = status_time_between(TimelineOverlays(record).dated(camera, ms(98)), ms(0), ms(98))
    assert found == StatusTime(up=98_000, uncertain_up=3_000)


def test_an_outage_that_late_heartbeats_disprove_is_listed_as_voided(store: Store) -> None:
    """E4: it keeps its instants, and has no down time."""
    disproved(store, Backfill("cam-1", "ville", ms(90), ms(205)))
    (found,) = listing(store)
    assert (found.outage.voided, found.outage.at_ms, found.outage.end_ms) == (True, ms(100), ms(200))
    assert found.account == StatusTime(up=100_000)


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        ({}, [1, 2]),
        ({"public": 2}, [2]),
        ({"public": 9}, []),
        ({"operators": ["ville"]}, [1, 2]),
        ({"operators": ["bailleur"]}, []),
        ({"camera": "cam-2"}, [2]),
        ({"site": "mairie"}, [1]),
        ({"from_ms": ms(160)}, [1]),
        ({"to_ms": ms(150)}, [1]),
        ({"still_open": True}, []),
        ({"unattributed": True}, [2]),
    ],
    ids=str,
)
def test_outages_are_listed_by_every_filter(store: Store, wanted: dict[str, object], ids: list[int]) -> None:
    stored(store)
    append(store.engine, "zoé", "EDF", OutageAttribution(1, AttributedCause.POWER, True))
    public = ids_of(store.engine)
    if "public" in wanted:
        wanted = {"public": public.outage(int(str(wanted["public"])))}
    found = listing(store, **wanted)
    assert [listed.outage.id for listed in found] == list(map(public.outage, ids))
    down = {1: 430_000, 2: 10_000}
    assert [listed.account.down for listed in found] == [down[number] for number in ids]


def test_an_open_outage_lasts_until_what_the_store_vouches_for(store: Store) -> None:
    stored(store)
    store.write(Batch(2, ms(1100), events=[went(Status.DOWN, 1040, "cam-2"), outage(1040, "cam-2")]))
    (found,) = listing(store, still_open=True)
    assert (found.outage.end_ms, found.account.down) == (None, 60_000)
