"""How long an outage lasted: by its camera's changes and by what late heartbeats leave of it (E, E4)."""

from __future__ import annotations

from camwatch.accounting.outage_length import by_evidence, down_ms
from camwatch.accounting.records import OPEN_ENDED, CameraHistory, OutageRecord, StatusChange
from camwatch.accounting.timeline import StatusInterval
from camwatch.core.model import Cause, Purpose, Status
from camwatch.core.status_time import Interval, Proven

UP, DOWN, UNKNOWN = Status.UP, Status.DOWN, Status.UNKNOWN


def outage(at_ms: int = 100, end_ms: int | None = 200) -> OutageRecord:
    """Return an outage."""
    return OutageRecord(1, at_ms, end_ms, at_ms + 45, Cause.TIMEOUT)


def judged(
    changes: list[StatusChange], *fills: Proven, of: OutageRecord | None = None, service: int = OPEN_ENDED
) -> OutageRecord:
    """Return the one outage of a camera, by the evidence that its record has."""
    camera = CameraHistory(
        "cam-1",
        "ville",
        "mairie",
        "centre",
        Purpose.TRAFFIC,
        "",
        changes=changes,
        service_periods=[Interval(0, service)],
        backfills=list(fills),
        outages=[of or outage()],
    )
    (found,) = by_evidence(camera)
    return found


def test_an_outage_has_the_bounds_of_the_changes_that_began_and_ended_it() -> None:
    """E."""
    found = judged([StatusChange(100, DOWN, 90, 110), StatusChange(200, UP, 195, 200)])
    assert (found.at_bounds, found.end_bounds) == (Interval(90, 110), Interval(195, 200))


def test_a_change_without_bounds_or_rolled_up_leaves_it_exact() -> None:
    """E: the next change of the camera is not taken for the one that is gone."""
    found = judged([StatusChange(200, UP), StatusChange(300, DOWN, 290, 310)])
    assert (found.at_bounds, found.end_bounds) == (None, None)
    assert judged([]).at_bounds is None


def test_of_the_changes_of_one_instant_the_one_that_fits_bounds_it() -> None:
    """S7: blindness may end in the instant at which the outage is found to have begun."""
    found = judged([StatusChange(100, UNKNOWN), StatusChange(100, DOWN, 90, 110), StatusChange(200, UP)])
    assert found.at_bounds == Interval(90, 110)


def test_late_heartbeats_beside_an_outage_change_nothing() -> None:
    """E4."""
    changes = [StatusChange(100, DOWN), StatusChange(200, UP)]
    assert judged(changes, Proven.of(200, 250)) == judged(changes)


def test_late_heartbeats_shorten_an_outage_from_both_ends() -> None:
    """E4: where they are sure of less, the ends are bounded by what they are sure of."""
    changes = [StatusChange(100, DOWN), StatusChange(200, UP)]
    found = judged(changes, Proven(90, 120, 90, 115), Proven(180, 210, 185, 210))
    assert (found.at_ms, found.end_ms) == (120, 180)
    assert (found.at_bounds, found.end_bounds) == (Interval(115, 125), Interval(175, 185))


def test_late_heartbeats_of_the_end_leave_the_beginning() -> None:
    """E4."""
    found = judged([StatusChange(100, DOWN), StatusChange(200, UP)], Proven.of(180, 210))
    assert (found.at_ms, found.end_ms) == (100, 180)


def test_an_outage_that_ended_unseen_has_its_last_stay_before_that() -> None:
    """S7: blind from 150 on, and up when sight returned: late heartbeats of the stay shorten it."""
    found = judged([StatusChange(100, DOWN), StatusChange(150, UNKNOWN)], Proven.of(90, 120))
    assert (found.at_ms, found.end_ms) == (120, 200)


def test_late_heartbeats_that_cover_an_outage_void_it() -> None:
    """E4: it keeps the instants that it was thought to have."""
    found = judged([StatusChange(100, DOWN), StatusChange(200, UP)], Proven.of(50, 250))
    assert found.voided
    assert (found.at_ms, found.end_ms) == (100, 200)


def test_late_heartbeats_of_a_blindness_within_an_outage_do_not_shorten_it() -> None:
    """S7: blindness parts an outage in two stays; what fills it alone takes nothing from either."""
    changes = [StatusChange(100, DOWN), StatusChange(130, UNKNOWN), StatusChange(160, DOWN)]
    changes += [StatusChange(200, UP)]
    assert judged(changes, Proven.of(135, 155)) == judged(changes)


def test_an_outage_that_is_blind_at_once_and_again_has_no_stay_there() -> None:
    """S7: two changes that are not down follow each other, and the first is the outage's own instant."""
    changes = [StatusChange(100, UNKNOWN), StatusChange(120, Status.MAINTENANCE), StatusChange(150, DOWN)]
    changes += [StatusChange(200, UP)]
    found = judged(changes, Proven.of(140, 170))
    assert (found.at_ms, found.end_ms) == (170, 200)


def test_an_open_outage_stays_open_whatever_its_beginning_becomes() -> None:
    """E4."""
    found = judged([StatusChange(100, DOWN)], Proven.of(90, 120), of=outage(end_ms=None))
    assert (found.at_ms, found.end_ms) == (120, None)


def test_an_absence_ends_a_stay_within_an_outage() -> None:
    """V6: late heartbeats after the camera left the inventory are beside the outage."""
    changes = [StatusChange(100, DOWN)]
    found = judged(changes, Proven.of(160, 190), service=150)
    assert (found.at_ms, found.end_ms) == (100, 200)


def test_the_length_is_the_down_time_alone_and_only_so_far() -> None:
    """A6."""
    life = [
        StatusInterval(100, 130, DOWN),
        StatusInterval(130, 160, UNKNOWN),
        StatusInterval(160, 200, DOWN),
        StatusInterval(200, 300, UP),
    ]
    assert down_ms(life, outage(), 300) == 70
    assert down_ms(life, outage(end_ms=None), 170) == 40
