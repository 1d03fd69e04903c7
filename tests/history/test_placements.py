"""Site and purpose of a camera are kept with their time of validity (rule V7)."""

from __future__ import annotations

from camwatch.core.model import Purpose
from camwatch.history.engine import begin_read
from camwatch.history.reading import read
from camwatch.history.store import Store
from tests.history.keeping import Kept
from tests.support.fleet import enrolment, utc_ms

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
