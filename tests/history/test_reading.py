"""What is read back of a stretch of time is what was stored of it, and what it needs from before."""

from __future__ import annotations

import pytest

from camwatch.accounting.records import OPEN_END, Attributed, BlindRecord, Change, Record, WindowRecord
from camwatch.accounting.timeline import Overlays, account_of
from camwatch.core.checkpoint import SightMemory
from camwatch.core.model import BlindCause, Blindness, Fill, Happening, Reboot, Scope, Status, Window
from camwatch.core.status_time import Account, Proven, Span
from camwatch.history.batch import Batch, Roll
from camwatch.history.corrections import GENESIS, Maintenance, OutageAttribution, append
from camwatch.history.dialects import begin_read
from camwatch.history.outage_list import Listed, outages
from camwatch.history.queries import read
from camwatch.history.store import Store
from tests.history.builders import at, camera, entered, left, ms, outage, went
from tests.support.numbers import ids_of


def stored(store: Store) -> None:
    """Write a thousand seconds of three cameras, two of `ville`, one of `bailleur`."""
    cameras = (camera(), camera("cam-2", site="gare"), camera("cam-3", "bailleur"))
    windows = (Window(Scope.SITE, "gare", ms(100), ms(200), "paint"),)
    blind = Blindness(("main",), ("ville",), BlindCause.LINK, at(300), at(400))
    other = Blindness(("main",), ("bailleur",), BlindCause.LINK, at(310), at(410))
    clock = Blindness((), (), BlindCause.CLOCK, at(420), at(430))
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
                Fill("cam-1", "ville", ms(305), ms(310)), Reboot("cam-1", "ville", at(610)),
            ],
            rolls=[Roll(cameras, windows, ms(0))],
            sights=(SightMemory(("main",), ("ville",), ms(900), True), SightMemory(("x",), (), ms(1), False)),
        )
    )  # fmt: skip


def reading(
    store: Store, start: float = 0, end: float = 1000, *operators: str, camera: str | None = None
) -> Record:
    with begin_read(store.engine) as connection:
        return read(connection, operators or None, ms(start), ms(end), camera=camera)


def listing(store: Store, **wanted: object) -> list[Listed]:
    with begin_read(store.engine) as connection:
        return outages(connection, **wanted)  # type: ignore[arg-type]


def test_everything_of_a_camera_is_in_the_record(store: Store) -> None:
    stored(store)
    record = reading(store)
    assert [camera.id for camera in record.cameras] == ["cam-3", "cam-1", "cam-2"]
    first = record.cameras[1]
    assert (first.operator, first.site, first.zone, first.purpose) == ("ville", "mairie", "centre", "traffic")
    assert first.service == [Span(ms(0), ms(700))]
    assert record.cameras[2].service == [Span(ms(0), OPEN_END)]
    assert first.changes == [
        Change(ms(0), Status.UNKNOWN),
        Change(ms(5), Status.UP),
        Change(ms(50), Status.DOWN),
        Change(ms(300), Status.UNKNOWN),
        Change(ms(410), Status.DOWN),
        Change(ms(600), Status.UP),
        Change(ms(700), None),
    ]
    assert first.fills == [Proven.of(ms(305), ms(310))]
    assert first.reboots == [ms(610)]
    assert [(out.at_ms, out.end_ms, out.noticed_ms, out.cause) for out in first.outages] == [
        (ms(50), ms(600), ms(95), "will")
    ]
    assert (record.vouched_ms, record.folded_ms, record.corrections, record.head) == (ms(1000), 0, 0, GENESIS)


def test_an_empty_store_has_an_empty_record(store: Store) -> None:
    assert reading(store) == Record([], [], [], 0, 0, 0, GENESIS)


def test_a_stretch_begins_with_what_each_camera_was_before_it(store: Store) -> None:
    stored(store)
    record = reading(store, 650, 660)
    assert [camera.changes for camera in record.cameras] == [
        [Change(ms(10), Status.UNKNOWN)],
        [Change(ms(600), Status.UP)],
        [Change(ms(160), Status.UP)],
    ]
    assert [camera.outages + camera.fills + camera.reboots for camera in record.cameras] == [[], [], []]
    assert reading(store, 650, 660, camera="cam-1").cameras[0].service == [Span(ms(600), ms(700))]


def test_an_outage_that_reaches_into_the_stretch_is_whole(store: Store) -> None:
    """S7: its down time can be told, though it began long before; blind time inside it is not down."""
    stored(store)
    record = reading(store, 500, 550, camera="cam-1")
    (camera,) = record.cameras
    assert camera.changes[0] == Change(ms(50), Status.DOWN)
    stretches = Overlays(record).stretches(camera, ms(550))
    # Of the 110 s that were blind, late heartbeats filled 5 s; the clock left out 10 s.
    assert account_of(stretches, ms(50), ms(550)) == Account(up=5_000, down=380_000, unknown=115_000)


def test_cameras_that_were_not_in_service_in_the_stretch_are_not_in_the_record(store: Store) -> None:
    stored(store)
    assert [camera.id for camera in reading(store, 700, 1000, "ville").cameras] == ["cam-2"]
    assert [camera.id for camera in reading(store, 0, 5).cameras] == ["cam-1", "cam-2"]


def test_blindness_is_that_of_the_operators_and_a_set_clock_is_everybodys(store: Store) -> None:
    """S1, T2: one that is not over comes from what is remembered of the sights."""
    stored(store)
    clock = BlindRecord((), (), BlindCause.CLOCK, ms(420), ms(430))
    link = BlindRecord(("bailleur",), ("main",), BlindCause.LINK, ms(310), ms(410))
    assert reading(store, 0, 1000, "bailleur").blind == [link, clock]
    assert reading(store, 0, 1000, "ville").blind[-1] == BlindRecord(
        ("ville",), ("main",), BlindCause.LINK, ms(900), None
    )
    assert len(reading(store).blind) == 4
    assert reading(store, 411, 421, "bailleur").blind == [clock]


def test_windows_are_those_over_the_cameras(store: Store) -> None:
    """V3: of the inventory, without a number, and of the journal, with theirs."""
    stored(store)
    append(store.engine, "zoé", "toit", Maintenance(Scope.OPERATOR, "bailleur", ms(30), ms(40)), ms(900))
    number = ids_of(store.engine).correction(1)
    added = WindowRecord(number, Scope.OPERATOR, "bailleur", ms(30), ms(40), "toit", "zoé", ms(900))
    announced = WindowRecord(None, Scope.SITE, "gare", ms(100), ms(200), "paint")
    assert reading(store).windows == [added, announced]
    assert reading(store, 0, 1000, "bailleur").windows == [added]
    assert reading(store, camera="cam-2").windows == [announced]
    assert reading(store, 300, 500).windows == [announced], "the outage under way began before it"
    assert reading(store, 650, 1000).windows == []


def test_attributions_come_with_their_outage(store: Store) -> None:
    """A6."""
    stored(store)
    append(store.engine, "zoé", "EDF", OutageAttribution(1, Attributed.POWER, True), ms(900))
    record = reading(store, camera="cam-1")
    (found,) = record.cameras[0].outages
    assert found.attribution is not None
    assert (found.attribution.cause, found.attribution.excluded) == ("power", True)
    assert record.corrections == 1


def disproved(store: Store, *fills: Fill) -> None:
    """Keep an outage that began between 95 and 105, and these late heartbeats."""
    down = went(Status.DOWN, 100)._replace(earliest_ms=ms(95), latest_ms=ms(105))
    events: list[Happening] = [
        entered(0, status=Status.UP), down, outage(100), went(Status.UP, 200), outage(200, ended=True),
    ]  # fmt: skip
    store.write(Batch(1, ms(1000), events=[*events, *fills], rolls=[Roll((camera(),), (), ms(0))]))


def test_an_outage_comes_with_the_instants_between_which_it_began(store: Store) -> None:
    """E1."""
    disproved(store)
    (found,) = listing(store)
    assert (found.outage.at_bounds, found.outage.end_bounds) == (Span(ms(95), ms(105)), None)
    assert found.account == Account(down=100_000, uncertain_down=5_000)
    change = reading(store).cameras[0].changes[1]
    assert change == Change(ms(100), Status.DOWN, ms(95), ms(105))


def test_the_end_of_a_stretch_is_as_uncertain_as_the_change_after_it_makes_it(store: Store) -> None:
    """A3: the change came after the stretch, or within its last 3 s."""
    disproved(store)
    record = reading(store, 0, 98)
    (camera,) = record.cameras
    found = account_of(Overlays(record).dated(camera, ms(98)), ms(0), ms(98))
    assert found == Account(up=98_000, uncertain_up=3_000)


def test_an_outage_that_late_heartbeats_disprove_is_listed_as_voided(store: Store) -> None:
    """E4: it keeps its instants, and has no down time."""
    disproved(store, Fill("cam-1", "ville", ms(90), ms(205)))
    (found,) = listing(store)
    assert (found.outage.voided, found.outage.at_ms, found.outage.end_ms) == (True, ms(100), ms(200))
    assert found.account == Account(up=100_000)


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
    append(store.engine, "zoé", "EDF", OutageAttribution(1, Attributed.POWER, True))
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
