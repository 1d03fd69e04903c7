"""What outlives the process: which checkpoints count as stored, and what a start makes of them (S6, V6)."""

from __future__ import annotations

from camwatch.core.checkpoint_model import EMPTY
from camwatch.core.events import OutageEvent, ServicePeriodEvent
from camwatch.core.model import IncidentKind, Lifecycle, Status
from camwatch.core.scoped_incidents import ScopedIncidents
from tests.support.fleet import alive, enrolment, fleet, seconds
from tests.unit.core.test_resume import Left, restarted


def test_a_counter_is_exported_from_what_the_store_has() -> None:
    world = alive(until=30)
    state = world.camera()
    checkpoint = world.watch.checkpoint(state, world.now)
    world.watch.mark_persisted([checkpoint])
    assert state.persisted == checkpoint


def test_what_the_store_has_of_other_cameras_is_nobodys_counter() -> None:
    """V6: of one that left the inventory, and of the id while it was another operator's."""
    world = alive(until=30)
    checkpoint = world.watch.checkpoint(world.camera(), world.now)
    world.watch.mark_persisted([checkpoint._replace(camera="gone"), checkpoint._replace(operator="before")])
    assert world.camera().persisted is EMPTY


def test_a_first_start_has_nothing_to_go_on_from() -> None:
    """S6: without checkpoints, the time before is nobody's blindness."""
    left = Left(alive(until=30))
    left.memories = []
    again = restarted(left, 100.0)
    again.events.clear()
    again.regain().beats(130)
    assert [move.new for move in again.moves()] == [Status.UP]


def test_a_camera_removed_between_processes_left_when_last_accounted() -> None:
    """V6: one that was up has no outage to end."""
    left = Left(alive(until=30))
    left.events.clear()
    again = restarted(left, 100.0, enrolment("cam-2"))
    ended = [event for event in again.events if isinstance(event, ServicePeriodEvent) and not event.started]
    assert [(event.camera, event.status) for event in ended] == [("cam-1", Status.UP)]
    assert seconds(ended[0].at) <= 30
    assert not [event for event in again.events if isinstance(event, OutageEvent)]


def test_an_outage_ends_where_its_camera_changed_operators() -> None:
    """V6: it is the former operator's, and its new one begins without."""
    left = Left(alive(until=30).to(200))
    left.events.clear()
    again = restarted(left, 300.0, enrolment("cam-1", operator="other"))
    (ended,) = [event for event in again.events if isinstance(event, OutageEvent)]
    assert (ended.camera, ended.operator, ended.opened) == ("cam-1", "ville", False)
    assert not again.camera().outage_open


def test_the_members_of_an_incident_are_its_cameras_that_are_still_watched() -> None:
    """I1."""
    world = alive(*fleet(4), until=30).to(200)
    group = world.watch.incidents[IncidentKind.SITE, "mairie"]
    assert [state.camera.id for state in world.watch.incident_members(group)] == [
        f"cam-{number}" for number in range(1, 5)
    ]
    world.reload(*fleet(3))
    assert len(list(world.watch.incident_members(group))) == 3


def test_a_scope_created_during_an_incident_leaves_out_planned_cameras() -> None:
    """I1: it is open already, so nobody is told that it began."""
    planned = enrolment("cam-5", lifecycle=Lifecycle.PLANNED)
    world = alive(*fleet(4), until=30)
    world.reload(*fleet(4), planned).to(200)
    groups = ScopedIncidents(world.watch).of(frozenset({"ville"}))
    (site,) = [group for group in groups if group.kind is IncidentKind.SITE]
    assert site.id == "mairie"
    assert len(site.members) == 4
