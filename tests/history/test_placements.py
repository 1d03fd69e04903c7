"""Site and purpose of a camera are kept with their time of validity (rule V7)."""

from __future__ import annotations

import pytest

from camwatch.core.model import Purpose, Scope
from camwatch.errors import CorrectionError
from camwatch.history.concerning import concerning
from camwatch.history.engine import begin_read
from camwatch.history.journal import Maintenance, append
from camwatch.history.listing import outages
from camwatch.history.reading import read
from camwatch.history.store import Store
from tests.history.keeping import Kept
from tests.support.fleet import enrolment, fleet, utc_ms

MOVED_AT = 600


def places(store: Store, from_s: float, to_s: float) -> list[tuple[str, str, Purpose]]:
    """Return where the record of a stretch has the cameras, and for what."""
    with begin_read(store.engine) as connection:
        record = read(connection, None, utc_ms(from_s), utc_ms(to_s))
    return [(camera.operator, camera.site, camera.purpose) for camera in record.cameras]


def test_a_period_that_is_over_keeps_site_and_purpose_and_operator_when_the_inventory_changes(
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
    with begin_read(store.engine) as connection:
        return [entry.why for entry in concerning(connection, ["ville"])]


def test_what_was_corrected_where_cameras_stood_goes_on_to_concern_their_operator(store: Store) -> None:
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


def test_what_was_announced_concerns_an_operator_whose_cameras_move_before_it(store: Store) -> None:
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
    with begin_read(store.engine) as connection:
        every = outages(connection)
        there, here, nowhere = (outages(connection, site=site) for site in ("mairie", "gare", "port"))
    assert [each.camera.site for each in every] == ["mairie", "gare"]
    assert [each.outage.id for each in there + here] == [each.outage.id for each in every]
    assert [len(there), len(here), nowhere] == [1, 1, []]
