"""The audit passes on whatever the daemon wrote, and finds each row that was changed, lost or invented."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camwatch.accounting.records import AttributedCause
from camwatch.core.model import Lifecycle, Scope
from camwatch.history.audit import audit
from camwatch.history.correction_writer import append
from camwatch.history.corrections import Maintenance, OutageAttribution
from camwatch.history.store import Store
from camwatch.settings import HistorySettings
from tests.support.fleet import enrolment, fleet, utc_ms, window
from tests.support.history.recorder_fixture import PARIS, Kept


def eventful(store: Store) -> Kept:
    """Return a store with outages, blindness, maintenance, a restart, and corrections."""
    kept = Kept(store, *fleet(3), windows=[window(900, 960)])
    world = kept.world
    world.beats(100).beats(300, "cam-2", "cam-3")  # cam-1 is down
    kept.keep()
    world.blind(310, 500).beats(700, "cam-2", "cam-3").beats(800)
    kept.keep().restart(200)
    world.beats(1400)
    kept.keep()
    append(store.engine, "zoé", "EDF", OutageAttribution(1, AttributedCause.POWER, True), utc_ms(1400))
    append(
        store.engine, "zoé", "roof", Maintenance(Scope.SITE, "mairie", utc_ms(50), utc_ms(90)), utc_ms(1401)
    )
    return kept


def test_the_audit_of_an_eventful_day_passes_and_says_what_it_checked(store: Store) -> None:
    """A1, S7: outages, blindness, maintenance, a restart and corrections on both databases."""
    kept = eventful(store)
    result = audit(store.engine, PARIS)
    assert result.findings == []
    assert result.checked.cameras == 3
    assert result.checked.transitions > 10
    assert result.checked.outages == 1
    assert result.checked.corrections == 2
    assert result.head == kept.record().chain_head


def test_the_audit_of_an_empty_store_passes(store: Store) -> None:
    assert audit(store.engine, PARIS).findings == []


TAMPERED = {
    "DELETE FROM outages": "without an outage",
    "UPDATE outages SET end_ms = end_ms + 1": "does not match the time in down",
    "UPDATE outages SET end_ms = NULL": "does not match the time in down",
    "INSERT INTO outages (camera_key, at_ms, detected_ms, end_ms, cause) VALUES (2, 1767258000500, 1, 1767258000600, 'will')": "does not match the time in down",  # noqa: E501 - one statement
    "DELETE FROM transitions WHERE status = 'down'": "does not match the time in down",
    "UPDATE transitions SET at_ms = at_ms + 90000 WHERE status = 'down'": "without an outage",
    "UPDATE transitions SET at_ms = 1 WHERE id = 8": "is older than the one stored before it",
    "DELETE FROM transitions WHERE camera_key = 2": "begins without a status",
    "UPDATE transitions SET status = 'retired' WHERE status = 'maintenance'": "retired while in service",
    "UPDATE service_periods SET end_ms = start_ms + 100000": "while out of service",
    "UPDATE service_periods SET end_ms = start_ms - 1": "ends before it begins",
    "UPDATE service_periods SET start_ms = start_ms - 1": "begins without a status",
    "INSERT INTO service_periods (camera_key, start_ms)"
    " SELECT camera_key, start_ms + 5 FROM service_periods": "overlap",
    "DELETE FROM service_periods": "differ in whether it is in service|while out of service",
    "DELETE FROM checkpoints": "nothing is remembered of it",
    "UPDATE checkpoints SET status = 'down', underlying_status = 'down'": (
        "the record ends with up, remembered is down"
    ),
    "UPDATE checkpoints SET underlying_status = 'down'": "but its life is down",
    "UPDATE checkpoints SET outage_open = (1 = 1)": "differ in whether it has an outage",
    "UPDATE checkpoints SET accounted_until_ms = NULL": "differ in whether it is in service",
    "UPDATE checkpoints SET up = up + 200": "counted",
    "UPDATE checkpoints SET unknown = unknown - 200": "counted",
    "UPDATE store_metadata SET value = '1767258000000' WHERE name = 'watermark_ms'": "end of the record",
    "UPDATE monitoring_gaps SET ended_ms = began_ms - 1": "a blindness ends before it begins",
    "INSERT INTO backfills (camera_key, start_ms, end_ms) VALUES (1, 7, 7)": "a fill ends before it begins",
    "UPDATE corrections SET reason = 'X' WHERE seq = 1": "correction 1 was changed",
    "UPDATE corrections SET author = 'X' WHERE seq = 2": "correction 2 was changed",
    "UPDATE corrections SET created_ms = created_ms + 1 WHERE seq = 2": "correction 2 was changed",
    "UPDATE corrections SET payload = replace(payload, 'true', 'false')": "correction 1 was changed",
    "UPDATE corrections SET payload = payload || ' '": "correction 1 was changed",
    "UPDATE corrections SET payload = '{'": "correction 1 was changed",
    "UPDATE corrections SET previous = hash WHERE seq = 2": "does not name the hash",
    "DELETE FROM corrections WHERE seq = 1": "some are missing",
    "UPDATE corrections SET seq = 3 WHERE seq = 2": "some are missing",
}


@pytest.mark.parametrize("statement", TAMPERED)
def test_whatever_is_changed_in_the_tables_is_found(tmp_path: Path, statement: str) -> None:
    """A1, S6, S7, A6: each table is held against the others."""
    with Store.open(HistorySettings(url=f"sqlite:///{tmp_path / 'camwatch.db'}")) as store:
        store.acquire_lock()
        kept = eventful(store)
        assert kept.problems() == []
        with store.engine.begin() as connection:
            assert connection.exec_driver_sql(statement).rowcount > 0
        found = kept.problems()
        for expected in TAMPERED[statement].split("|"):
            assert any(expected in problem for problem in found), found


def test_the_audit_tells_of_how_many_cameras_it_is_through(store: Store) -> None:
    Kept(store, *fleet(3)).keep()
    told: list[tuple[int, int]] = []
    audit(store.engine, PARIS, lambda done, of: told.append((done, of)))
    assert told == [(1, 3), (2, 3), (3, 3)]


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["beats", "silence", "blind", "restart", "keep", "remove", "stall", "retire"]),
        st.integers(1, 400),
    ),
    max_size=14,
)


@settings(max_examples=40)
@given(acts=ACTS)
def test_the_audit_passes_on_whatever_the_daemon_wrote(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[str, int]]
) -> None:
    """A1, S6, S7, V2: any order of heartbeats, silence, blindness, restarts and reloads."""
    file = tmp_path_factory.mktemp("audit") / "camwatch.db"
    with Store.open(HistorySettings(url=f"sqlite:///{file}")) as store:
        store.acquire_lock()
        kept = Kept(store, *fleet(2), windows=[window(300, 700), window(1500, 1600, Scope.SITE, "mairie")])
        world = kept.world
        for act, seconds in acts:
            if act == "beats":
                world.beats(world.t + seconds, *list(world.watch.cameras)[:1])
            elif act == "silence":
                world.to(world.t + seconds)
            elif act == "blind":
                world.blind(world.t, world.t + seconds)
            elif act == "stall":
                world.stall(world.t + seconds)
            elif act == "restart":
                kept.keep().restart(seconds)
            elif act == "remove":
                kept.reload(*fleet(1 + seconds % 2))
            elif act == "retire":
                kept.reload(
                    *fleet(1),
                    enrolment("cam-2", lifecycle=[Lifecycle.RETIRED, Lifecycle.PLANNED][seconds % 2]),
                )
            else:
                kept.keep()
        assert kept.keep().problems() == []
