"""The contract of the store, the same over a file and a server: what is written is what is there."""

from __future__ import annotations

import dataclasses
from typing import Any, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camwatch.core.checkpoint_model import CameraCheckpoint, LinkGroupCheckpoint
from camwatch.core.events import Backfill, IncidentEvent, MonitoringGap, Reboot
from camwatch.core.model import Cause, GapCause, IncidentKind, MaintenanceWindow, Purpose, Scope, Status
from camwatch.history.store import Store
from camwatch.history.write_queue import InventorySnapshot, StoredState
from camwatch.rejections import RejectedMessages
from camwatch.settings import HistorySettings
from tests.support.history.builders import at, batch, camera, entered, left, memory, ms, outage, rows, went

TRANSITIONS = "SELECT at_ms, detected_ms, status, cause FROM transitions ORDER BY id"
OUTAGES = "SELECT at_ms, detected_ms, end_ms, cause FROM outages ORDER BY id"
SERVICE = "SELECT start_ms, end_ms FROM service_periods ORDER BY id"
FILLS = (
    "SELECT c.id, start_ms, end_ms FROM backfills JOIN cameras c ON camera_key = key ORDER BY backfills.id"
)
WINDOWS = (
    "SELECT scope_id, start_ms, end_ms, reason FROM maintenance_windows ORDER BY scope_id, start_ms, end_ms"
)
CAMERAS = "SELECT id, operator, site, zone, purpose, name FROM cameras ORDER BY key"


def test_a_store_remembers_nothing_the_first_time(store: Store) -> None:
    assert store.load() == StoredState()


def test_what_is_remembered_comes_back_as_it_was(store: Store) -> None:
    """S6: the next process goes on from what this one knew."""
    memories = [memory(), memory("cam-2", cause=None, due_ms=None, next_seq=None, outage_open=False)]
    sights = (
        LinkGroupCheckpoint(("main", "a broker"), ("ville", "sacogiva"), ms(3), True),
        LinkGroupCheckpoint(("other",), (), ms(4), False),
    )
    store.write(batch(1, checkpoints=memories, groups=sights))
    past = store.load()
    assert past == StoredState(memories, [], past.groups, ms(1), 1, 0)
    assert sorted(past.groups) == sorted(sights)


def test_the_newest_memory_of_a_camera_holds(store: Store) -> None:
    store.write(batch(1, checkpoints=[memory(up=1), memory(up=2)]))
    assert [found.up for found in store.load().checkpoints] == [2]
    store.write(batch(2, checkpoints=[memory("cam-2")]))
    store.write(batch(3, checkpoints=[memory(up=3)]))
    assert {found.camera: found.up for found in store.load().checkpoints} == {"cam-1": 3, "cam-2": 7}


def test_rejections_are_stored_by_camera_operator_and_reason(store: Store) -> None:
    late, twice = (
        RejectedMessages("cam-1", "ville", "late", 3),
        RejectedMessages("cam-1", "ville", "duplicate", 2),
    )
    other = RejectedMessages("cam-1", "bailleur", "late", 1)
    store.write(batch(1, rejected=[late, twice, other, late._replace(messages=4)]))
    store.write(batch(2, rejected=[twice._replace(messages=5)]))
    found = sorted(store.load().rejected)
    assert found == sorted([late._replace(messages=4), twice._replace(messages=5), other])


def test_sights_are_those_of_the_newest_batch(store: Store) -> None:
    store.write(
        batch(
            1,
            groups=(
                LinkGroupCheckpoint(("main",), (), 5, False),
                LinkGroupCheckpoint(("other",), (), 6, False),
            ),
        )
    )
    store.write(batch(2, groups=(LinkGroupCheckpoint(("main",), (), 7, True),)))
    assert store.load().groups == [LinkGroupCheckpoint(("main",), (), 7, True)]


def test_a_batch_that_was_stored_is_not_stored_again(store: Store) -> None:
    """The commit of a batch may be lost on its way back: the writer then sends it once more."""
    again = batch(
        1, entered(0), went(Status.UP, 1), outage(2), Backfill("cam-1", "ville", 1, 5), checkpoints=[memory()]
    )
    store.write(again)
    store.write(again)
    assert len(rows(store, TRANSITIONS)) == 2
    assert len(rows(store, OUTAGES)) == len(rows(store, SERVICE)) == 1
    assert store.load().number == 1
    assert store.load().watermark_ms == ms(1)


def test_transitions_are_kept_in_order_with_both_their_times(store: Store) -> None:
    """T1: `at` is when it became true, not when it was noticed."""
    store.write(batch(1, went(Status.UP, 1), went(Status.DOWN, 5, noticed=9.5, cause=Cause.TIMEOUT)))
    store.write(batch(2, went(Status.UNKNOWN, 4, noticed=10), went(Status.UP, 20)))
    assert rows(store, TRANSITIONS) == [
        (ms(1), ms(1), "up", None),
        (ms(5), ms(9.5), "down", "timeout"),
        (ms(4), ms(10), "unknown", None),
        (ms(20), ms(20), "up", None),
    ]


def test_an_outage_is_one_row_that_its_end_closes(store: Store) -> None:
    """A6: in the same batch or in a later one; another camera's goes on."""
    store.write(batch(1, outage(1, noticed=2), outage(1, "cam-2"), outage(3, ended=True)))
    store.write(batch(2, outage(5)))
    assert rows(store, OUTAGES) == [
        (ms(1), ms(2), ms(3), "will"),
        (ms(1), ms(1), None, "will"),
        (ms(5), ms(5), None, "will"),
    ]
    store.write(batch(3, outage(6, ended=True), outage(7), outage(8, ended=True), outage(9)))
    assert [row[2] for row in rows(store, OUTAGES)] == [ms(3), None, ms(6), ms(8), None]


def test_an_end_with_nothing_open_changes_nothing_and_is_told(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """H1: a row that others took away must not stop the record, nor be missed in silence."""
    store.write(batch(1, outage(1), outage(2, ended=True)))
    store.write(batch(2, outage(9, ended=True), left(9)))
    assert rows(store, OUTAGES) == [(ms(1), ms(1), ms(2), "will")]
    assert rows(store, SERVICE) == []
    assert capsys.readouterr().out.count("the record has not what ended now") == 2


def test_the_number_of_an_outage_is_never_given_twice(store: Store) -> None:
    """Attributions name it (A6), also after retention has dropped the outage."""
    store.write(batch(1, outage(1), outage(1, "cam-2")))
    [(last,)] = rows(store, "SELECT max(id) FROM outages")
    with store.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM outages")
    store.write(batch(2, outage(2)))
    assert rows(store, "SELECT id FROM outages") == [(last + 1,)]


def test_a_camera_enters_its_ledger_as_what_it_is_then(store: Store) -> None:
    """A1: the time in service, with a status from its first millisecond."""
    store.write(batch(1, entered(1, status=Status.MAINTENANCE), left(3), entered(5)))
    assert rows(store, SERVICE) == [(ms(1), ms(3)), (ms(5), None)]
    assert rows(store, TRANSITIONS) == [(ms(1), ms(1), "maintenance", None), (ms(5), ms(5), "unknown", None)]
    store.write(batch(2, left(8)))
    assert rows(store, SERVICE) == [(ms(1), ms(3)), (ms(5), ms(8))]


def test_proven_time_grows_one_row_while_it_is_unbroken(store: Store) -> None:
    """L8: a queue of late heartbeats is one stretch of uptime, not one for each."""
    store.write(batch(1, *(Backfill("cam-1", "ville", t, t + 20) for t in range(0, 100, 10))))
    assert rows(store, FILLS) == [("cam-1", 0, 110)]
    store.write(batch(2, Backfill("cam-1", "ville", 110, 120), Backfill("cam-2", "ville", 115, 130)))
    store.write(batch(3, Backfill("cam-1", "ville", 200, 210), Backfill("cam-1", "ville", 190, 205)))
    store.write(batch(4, Backfill("cam-1", "ville", 300, 300), Backfill("cam-1", "ville", 180, 191)))
    assert rows(store, FILLS) == [("cam-1", 0, 120), ("cam-2", 115, 130), ("cam-1", 180, 210)]


def test_proven_time_grows_the_row_that_it_meets_whichever_is_the_newest(store: Store) -> None:
    """E4: two stretches by turns, and what joins them at last; a reader unites what lies within another."""
    for number in range(1, 7):
        start = 100 * (number % 2)
        store.write(batch(number, Backfill("cam-1", "ville", start, start + 10 * number)))
    assert rows(store, FILLS) == [("cam-1", 100, 150), ("cam-1", 0, 60)]
    store.write(batch(7, Backfill("cam-1", "ville", 55, 120), Backfill("cam-2", "ville", 55, 120)))
    assert rows(store, FILLS) == [("cam-1", 100, 150), ("cam-1", 0, 150), ("cam-2", 55, 120)]


def test_proven_time_keeps_from_when_until_when_it_is_certain(store: Store) -> None:
    """E4: as it grows, within a batch and from one to the next."""
    one, more = Backfill("cam-1", "ville", 100, 200, 105, 195), Backfill("cam-1", "ville", 100, 210, 105, 205)
    store.write(batch(1, one, more))
    store.write(batch(2, Backfill("cam-1", "ville", 100, 300, 105, 300)))
    query = "SELECT start_ms, end_ms, certain_start_ms, certain_end_ms FROM backfills"
    assert rows(store, query) == [(100, 300, 105, 300)]


def test_blindness_and_reboots_are_kept_and_incidents_are_not(store: Store) -> None:
    blind = MonitoringGap(("main", "a b"), ("ville", "sacogiva"), GapCause.STALL, at(1), at(2.5))
    everyone = MonitoringGap(("main",), (), GapCause.OFFLINE, at(3), at(4))
    incident = IncidentEvent(IncidentKind.SITE, "mairie", True, at(1), at(2), 3)
    store.write(batch(1, blind, incident, Reboot("cam-1", "ville", at(4)), everyone))
    assert rows(
        store, "SELECT links, operators, cause, began_ms, ended_ms FROM monitoring_gaps ORDER BY id"
    ) == [
        ("main\na b", "ville\nsacogiva", "stall", ms(1), ms(2.5)),
        ("main", "", "offline", ms(3), ms(4)),
    ]
    assert rows(store, "SELECT at_ms FROM reboots") == [(ms(4),)]


def test_a_roll_tells_who_the_cameras_are(store: Store) -> None:
    """V6: what the inventory changes is changed; a camera that changes hands is another one."""
    store.write(batch(1, inventories=[InventorySnapshot((camera(), camera("cam-2")), (), ms(0))]))
    moved = camera(
        site="halle", zone="nord", name="La Halle — «\u202fé\u202f»", purpose=Purpose.ACCESS_CONTROL
    )
    sold = camera("cam-2", "sacogiva")
    store.write(batch(2, inventories=[InventorySnapshot((moved, sold), (), ms(1))]))
    assert rows(store, CAMERAS) == [
        ("cam-1", "ville", "halle", "nord", "access_control", "La Halle — «\u202fé\u202f»"),
        ("cam-2", "ville", "mairie", "centre", "traffic", "cam-2"),
        ("cam-2", "sacogiva", "mairie", "centre", "traffic", "cam-2"),
    ]


def test_a_camera_that_no_roll_named_is_kept_with_what_is_known(store: Store) -> None:
    store.write(batch(1, went(Status.UP, 1), Reboot("cam-2", "ville", at(1)), checkpoints=[memory("cam-3")]))
    assert rows(store, CAMERAS) == [
        ("cam-1", "ville", "mairie", "", "video_protection", "cam-1"),
        ("cam-2", "ville", "", "", "video_protection", "cam-2"),
        ("cam-3", "ville", "", "", "video_protection", "cam-3"),
    ]
    store.write(batch(2, inventories=[InventorySnapshot((camera("cam-2"),), (), ms(2))]))
    assert rows(store, CAMERAS)[1] == ("cam-2", "ville", "mairie", "centre", "traffic", "cam-2")


def windows(*spans: tuple[str, int, int], reason: str = "works") -> tuple[MaintenanceWindow, ...]:
    return tuple(MaintenanceWindow(Scope.SITE, site, start, end, reason) for site, start, end in spans)


def test_maintenance_that_is_taken_out_of_the_inventory_ends_then(store: Store) -> None:
    """V3: one that has not begun never was; one that has, was until now; one that is over stays."""
    announced = windows(("over", 0, 50), ("running", 50, 200), ("coming", 150, 300), ("kept", 10, 500))
    store.write(batch(1, inventories=[InventorySnapshot((), announced, 0)]))
    store.write(
        batch(
            2,
            inventories=[
                InventorySnapshot((), (*windows(("kept", 10, 500)), *windows(("new", 90, 95))), 100)
            ],
        )
    )
    assert rows(store, WINDOWS) == [
        ("kept", 10, 500, "works"),
        ("new", 90, 95, "works"),
        ("over", 0, 50, "works"),
        ("running", 50, 100, "works"),
    ]


def test_maintenance_cut_to_what_is_there_already_is_there_once(store: Store) -> None:
    """Two rows of the same span would be one too many for the table, and the batch would never be stored."""
    store.write(
        batch(
            1,
            inventories=[
                InventorySnapshot((), windows(("a", 0, 100), ("a", 0, 300), ("a", 0, 400), ("a", 0, 400)), 0)
            ],
        )
    )
    store.write(batch(2, inventories=[InventorySnapshot((), windows(("a", 0, 100), reason="other"), 100)]))
    assert rows(store, WINDOWS) == [("a", 0, 100, "other")]
    store.write(
        batch(
            3,
            inventories=[
                InventorySnapshot((), (), 100),
                InventorySnapshot((), windows(("a", 0, 100), ("a", 0, 400)), 120),
            ],
        )
    )
    assert rows(store, WINDOWS) == [("a", 0, 100, "works"), ("a", 0, 400, "works")]


HUGE = 10**400


def test_a_number_that_no_column_holds_is_stored_as_the_largest(store: Store) -> None:
    """A camera may count from anywhere; one heartbeat must not stop the record of all others."""
    largest = 2**63 - 1
    store.write(
        batch(
            1, Backfill("cam-1", "ville", -HUGE, HUGE), checkpoints=[memory(first_seq=HUGE, next_seq=-HUGE)]
        )
    )
    [found] = store.load().checkpoints
    assert (found.first_seq, found.next_seq) == (largest, -largest)
    assert rows(store, FILLS) == [("cam-1", -largest, largest)]


def test_a_character_that_no_column_holds_is_replaced(store: Store) -> None:
    roll = InventorySnapshot((camera(name="a\0b", site="\0"),), windows(("a", 0, 1), reason="\0"), 0)
    store.write(batch(1, inventories=[roll]))
    assert rows(store, CAMERAS)[0][5] == "a\N{REPLACEMENT CHARACTER}b"


WHOLE = st.integers(-(2**63) + 1, 2**63 - 1)
REAL = st.floats(allow_nan=False)
TYPES: dict[Any, st.SearchStrategy[Any]] = {
    str: st.just("ville"),
    Status: st.sampled_from(Status),
    Cause | None: st.none() | st.sampled_from(Cause),
    int: WHOLE,
    int | None: st.none() | WHOLE,
    bool: st.booleans(),
    float | None: st.none() | REAL,
}
MEMORIES = st.builds(
    CameraCheckpoint, **{name: TYPES[kind] for name, kind in get_type_hints(CameraCheckpoint).items()}
)


@settings(max_examples=25)
@given(remembered=st.lists(MEMORIES, min_size=1, max_size=4))
def test_any_memory_comes_back_as_it_was(store: Store, remembered: list[CameraCheckpoint]) -> None:
    """S6, and T3: milliseconds are whole, and what was a fraction is that fraction to the last bit."""
    named = [found._replace(camera=f"cam-{number}") for number, found in enumerate(remembered)]
    store.write(batch(store.load().number + 1, checkpoints=named))
    assert store.load().checkpoints[: len(named)] == named


def test_a_second_process_goes_on_where_the_first_stopped(store_url: str) -> None:
    """S6, S7: an outage that one daemon saw begin is ended by the next; keys and numbers go on."""
    where = HistorySettings(url=store_url)
    with Store.open(where) as first:
        first.acquire_lock()
        first.write(batch(1, entered(0), outage(1), Backfill("cam-1", "ville", 0, 5)))
    with Store.open(where) as second:
        second.acquire_lock()
        second.write(
            batch(2, outage(4, ended=True), Backfill("cam-1", "ville", 5, 9), went(Status.UP, 4, "cam-2"))
        )
        assert rows(second, OUTAGES) == [(ms(1), ms(1), ms(4), "will")]
        assert rows(second, FILLS) == [("cam-1", 0, 9)]
        assert [row[0] for row in rows(second, CAMERAS)] == ["cam-1", "cam-2"]


def test_the_first_error_inside_a_batch_undoes_all_of_it(store: Store) -> None:
    """A batch is stored whole or not at all, and what the store knows of keys is undone with it."""
    broken = batch(1, went(Status.UP, 1), checkpoints=[memory(since_ms=None)])
    with pytest.raises(Exception, match="since_ms"):
        store.write(broken)
    assert (rows(store, CAMERAS), rows(store, TRANSITIONS), store.load().number) == ([], [], 0)
    store.write(dataclasses.replace(broken, checkpoints=[memory()]))
    assert len(rows(store, TRANSITIONS)) == 1


def test_a_whole_city_going_down_is_stored_in_few_statements(store: Store) -> None:
    """10,000 cameras at once: no statement for each row."""
    names = [f"cam-{number}" for number in range(10_000)]
    events = [event for name in names for event in (outage(1, name), went(Status.DOWN, 1, name))]
    ends = [event for name in names for event in (outage(2, name, ended=True), went(Status.UP, 2, name))]
    store.write(batch(1, *events))
    store.write(batch(2, *ends))
    assert rows(store, "SELECT count(*), min(end_ms), max(end_ms) FROM outages") == [(10_000, ms(2), ms(2))]
    assert rows(store, "SELECT count(*) FROM transitions") == [(20_000,)]
