"""Site and purpose of a camera are kept with their time of validity (rule V7)."""

from __future__ import annotations

from pathlib import Path

import pytest

from camwatch.accounting.timeline import TimelineOverlays, status_time_between
from camwatch.core.model import Purpose, Scope
from camwatch.core.status_time import StatusTime
from camwatch.errors import CorrectionError
from camwatch.history import schema
from camwatch.history.correction_scope import concerning
from camwatch.history.correction_writer import append
from camwatch.history.corrections import Maintenance
from camwatch.history.dialects import read_transaction, write_transaction
from camwatch.history.outage_list import outages
from camwatch.history.queries import read
from camwatch.history.retention import roll_up
from camwatch.history.sealing import Sealer
from camwatch.history.store import Store
from camwatch.settings import HistorySettings
from tests.integration.history.test_retention import BEGIN, HOUR, Past, everything, told, written
from tests.support.fleet import enrolment, fleet, utc_ms
from tests.support.history.recorder_fixture import PARIS, Kept

MOVED_AT = 600


def places(store: Store, from_s: float, to_s: float) -> list[tuple[str, str, Purpose]]:
    """Return where the record of a stretch has the cameras, and for what."""
    with read_transaction(store.engine) as connection:
        record = read(connection, None, utc_ms(from_s), utc_ms(to_s))
    return [(camera.operator, camera.site, camera.purpose) for camera in record.cameras]


def test_past_periods_keep_site_purpose_and_operator(
    store: Store,
) -> None:
    kept = Kept(store, enrolment())
    kept.world.beats(MOVED_AT)
    kept.keep()
    before = places(store, 0, 300)
    assert before == [("ville", "mairie", Purpose.VIDEO_PROTECTION)]

    kept.reload(enrolment(site="gare", purpose=Purpose.TRAFFIC)).keep()
    kept.world.beats(1200)
    kept.keep()
    assert places(store, 0, 300) == before
    assert places(store, 700, 900) == [("ville", "gare", Purpose.TRAFFIC)]

    kept.reload(enrolment(operator="alpha", site="gare")).keep()
    kept.world.beats(1800)
    kept.keep()
    assert places(store, 0, 300) == before
    assert places(store, 1300, 1500) == [("alpha", "gare", Purpose.VIDEO_PROTECTION)]
    assert kept.problems() == []


def test_a_restart_notes_no_move_where_nothing_moved(store: Store) -> None:
    kept = Kept(store, enrolment())
    kept.world.beats(100)
    kept.keep().keep()
    with store.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM placements").scalar() == 1


def moved(store: Store) -> Kept:
    """Let cam-1 be down for a while at `mairie`, then all move to `gare`."""
    kept = Kept(store, *fleet(2))
    kept.world.beats(100)
    kept.world.beats(200, "cam-2")
    kept.world.beats(MOVED_AT)
    kept.keep()
    roof = Maintenance(Scope.SITE, "mairie", utc_ms(10), utc_ms(50))
    append(store.engine, "zoé", "roof", roof, utc_ms(MOVED_AT))
    kept.reload(*fleet(2, site="gare")).keep()
    kept.world.beats(MOVED_AT + 300)
    return kept.keep()


def mine(store: Store) -> list[str]:
    """Return why the corrections were made that concern `ville`."""
    with read_transaction(store.engine) as connection:
        return [entry.reason for entry in concerning(connection, ["ville"])]


def test_a_correction_at_a_former_site_still_concerns_its_operator(store: Store) -> None:
    """V7, H2: what a report of the past is anchored to stays when cameras move."""
    moved(store)
    assert mine(store) == ["roof"]
    for why, site, since, until in (
        ("before any was there", "gare", 100, 200),
        ("when all were gone", "mairie", MOVED_AT + 10, MOVED_AT + 20),
        ("across the move", "gare", 100, MOVED_AT + 10),
    ):
        window = Maintenance(Scope.SITE, site, utc_ms(since), utc_ms(until))
        append(store.engine, "zoé", why, window, utc_ms(MOVED_AT + 200))
    assert mine(store) == ["roof", "across the move"]


def test_announced_maintenance_concerns_cameras_that_move_there_before(store: Store) -> None:
    """V7, H2: a correction that was counted once is counted for good."""
    kept = Kept(store, *fleet(2))
    kept.world.beats(100)
    kept.keep()
    ahead = Maintenance(Scope.SITE, "mairie", utc_ms(5000), utc_ms(6000))
    append(store.engine, "zoé", "ahead", ahead, utc_ms(100))
    assert mine(store) == ["ahead"]
    kept.world.beats(200)
    kept.reload(*fleet(2, site="gare")).keep()
    assert mine(store) == ["ahead"]


def test_a_past_window_is_taken_for_the_site_where_cameras_stood(store: Store) -> None:
    """V7: also by somebody who sees those cameras only."""
    moved(store)
    window = Maintenance(Scope.SITE, "mairie", utc_ms(60), utc_ms(80), ("ville",))
    append(store.engine, "zoé", "roof again", window, utc_ms(900))
    with pytest.raises(CorrectionError, match="no site 'mairie'"):
        append(store.engine, "zoé", "not theirs", window._replace(operators=("alpha",)), utc_ms(900))


def test_an_outage_is_listed_where_its_camera_stood_when_it_began(store: Store) -> None:
    """V7: by its site, and with it."""
    kept = moved(store)
    kept.world.beats(1000, "cam-2")
    kept.world.beats(1100)
    kept.keep()
    with read_transaction(store.engine) as connection:
        every = outages(connection)
        there, here, nowhere = (outages(connection, site=site) for site in ("mairie", "gare", "port"))
    assert [each.camera.site for each in every] == ["mairie", "gare"]
    assert [each.outage.id for each in there + here] == [each.outage.id for each in every]
    assert [len(there), len(here), nowhere] == [1, 1, []]


def account(store: Store, to_s: float) -> StatusTime:
    """Return what the first minutes of cam-1 come to in the record up to an instant."""
    with read_transaction(store.engine) as connection:
        record = read(connection, ["ville"], 0, utc_ms(to_s), camera="cam-1")
    stretches = TimelineOverlays(record).dated(record.cameras[0], utc_ms(to_s))
    return status_time_between(stretches, utc_ms(0), utc_ms(MOVED_AT))


def test_maintenance_of_a_site_covers_no_time_at_another_site(store: Store) -> None:
    """V7, V3: whatever period a report is of, and whenever people say it."""
    moved(store)
    before = account(store, MOVED_AT - 10), account(store, MOVED_AT + 200)
    assert before[0].maintenance == before[1].maintenance == 40_000
    switch = Maintenance(Scope.SITE, "gare", utc_ms(20), utc_ms(MOVED_AT + 100))
    append(store.engine, "zoé", "switch", switch, utc_ms(900))
    assert (account(store, MOVED_AT - 10), account(store, MOVED_AT + 200)) == before
    roof = Maintenance(Scope.SITE, "mairie", utc_ms(300), utc_ms(MOVED_AT + 200))
    append(store.engine, "zoé", "roof again", roof, utc_ms(900))
    assert account(store, MOVED_AT + 200).maintenance == 40_000 + 300_000


def test_windows_of_a_period_are_those_of_the_sites_at_that_time(store: Store) -> None:
    """V7: of the time in which they stood there."""
    moved(store)
    for why, site, since, until in (
        ("not yet there", "gare", 20, 90),
        ("there", "gare", 20, MOVED_AT + 90),
        ("no longer", "mairie", MOVED_AT + 10, MOVED_AT + 90),
    ):
        window = Maintenance(Scope.SITE, site, utc_ms(since), utc_ms(until))
        append(store.engine, "zoé", why, window, utc_ms(900))
    with read_transaction(store.engine) as connection:
        record = read(connection, ["ville"], 0, utc_ms(900))
    assert [window.reason for window in record.maintenance] == ["roof", "there"]


def test_folding_changes_nothing_where_cameras_stood_elsewhere(tmp_path: Path) -> None:
    """V7, A1: maintenance of the site where a camera went is not laid over days before, folded or not."""
    with Store.open(HistorySettings(url=f"sqlite:///{tmp_path}/camwatch.db")) as store:
        store.acquire_lock()
        written(store, [Past(BEGIN, [(BEGIN, "up")], None)])
        stood = [(1, BEGIN, "site-1", "traffic"), (1, BEGIN + 240 * HOUR, "gare", "traffic")]
        with write_transaction(store.engine) as connection:
            sealer = Sealer(connection)
            sealer.add(schema.placements, ("camera_key", "since_ms", "site", "purpose"), stood)
            sealer.seal(BEGIN)
        for site, since in (("gare", 30), ("site-1", 60)):
            switch = Maintenance(Scope.SITE, site, BEGIN + since * HOUR, BEGIN + (since + 10) * HOUR)
            append(store.engine, "zoé", "switch", switch)
        before = told(everything(store))
        assert before["cam-1"]["2026-10-21"].status_time == StatusTime(up=24 * HOUR)
        assert before["cam-1"]["2026-10-22"].status_time == StatusTime(up=14 * HOUR, maintenance=10 * HOUR)
        for days in range(4, 14):
            roll_up(store.engine, PARIS, 3, BEGIN + (24 * days + 1) * HOUR)
        assert told(everything(store)) == before
