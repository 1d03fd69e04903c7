"""Many cameras, one cause (rules I1, I2)."""

from __future__ import annotations

import pytest

from camwatch.core.events import IncidentEvent
from camwatch.core.incidents import IncidentGroup
from camwatch.core.model import IncidentKind, Instant, Lifecycle, Liveness, Status
from tests.support.fleet import Move, World, alive, enrolment, fleet, seconds, window

SITE, OPERATOR, LINK = IncidentKind.SITE, IncidentKind.OPERATOR, IncidentKind.LINK


def told(world: World, kind: IncidentKind = SITE) -> list[tuple[bool, float, float, int]]:
    """Return the incidents of a kind: (open, since, noticed, cameras)."""
    return [
        (change.opened, seconds(change.since), seconds(change.detected_at), change.cameras)
        for change in world.incidents()
        if change.kind is kind
    ]


def group_of(count: int) -> IncidentGroup:
    """Return a site with so many cameras in service."""
    group = IncidentGroup(SITE, "mairie")
    group.in_service = count
    return group


def at(t: float) -> Instant:
    """Return second `t` of a clock of its own."""
    return Instant(t, round(t * 1000))


def names(*numbers: int) -> list[str]:
    """Return the ids of the cameras with these numbers."""
    return [f"cam-{number}" for number in numbers]


def test_a_site_whose_cameras_all_go_down_has_one_incident() -> None:
    """I1: for the site, its operator and their link alike."""
    world = alive(*fleet(3))
    for t, camera_id in ((2.0, "cam-3"), (4.0, "cam-1"), (6.0, "cam-2")):
        world.to(t).beat(camera_id)
    world.to(60)
    for kind, group in ((SITE, "mairie"), (OPERATOR, "ville"), (LINK, "main")):
        assert told(world, kind) == [(True, 7.0, 51.0, 3)]
        assert [change.id for change in world.incidents() if change.kind is kind] == [group]


@pytest.mark.parametrize(
    ("size", "dead", "opens"),
    [
        (2, 2, False),
        (3, 2, False),
        (3, 3, True),
        (4, 3, True),
        (5, 3, True),
        (6, 3, False),
        (6, 4, True),
        (10, 5, False),
        (10, 6, True),
        (100, 59, False),
        (100, 60, True),
    ],
)
def test_three_cameras_and_sixty_per_cent_make_an_incident(size: int, dead: int, opens: bool) -> None:
    """I1: both, and at the limits."""
    world = alive(*fleet(size)).beats(100, *(names(*range(dead + 1, size + 1)) or ["cam-1"]))
    if dead == size:
        world = alive(*fleet(size)).to(100)
    assert bool(told(world)) is opens


@pytest.mark.parametrize(("last", "opens"), [(60.0, True), (60.001, False)])
def test_they_go_down_within_a_minute(last: float, opens: bool) -> None:
    """I1: by when they went down, not by when it was noticed."""
    group = group_of(3)
    for camera, t in enumerate((0.0, 30.0, last)):
        change = group.camera_down(camera, at(t), at(t + 35))
    assert (change is not None) is opens


def test_slow_cameras_and_fast_ones_die_together() -> None:
    """I1: the minute is one of `at`, however late the slow one's silence is noticed."""
    slow = Liveness(interval_s=60)
    world = World(enrolment("slow", slow), *fleet(2))
    world.beat("slow")
    world.beats(40, *names(1, 2)).to(300)
    assert told(world) == [(True, 30.0, 270.0, 3)]


def test_a_conviction_noticed_long_after_an_incident_ended_opens_none() -> None:
    """I1: its minute is over, and nothing else may come of it."""
    slow = Liveness(interval_s=60)
    world = World(*fleet(3), enrolment("slow", slow))
    world.beat("slow")
    world.beats(100, *names(1, 2, 3)).to(160).beats(300, *names(1, 2, 3))
    assert told(world) == [(True, 105.0, 145.0, 3), (False, 105.0, 160.0, 3)]
    assert world.moves("slow")[-1] == Move(Status.UP, Status.DOWN, 30.0, 270.0, world.last("slow").cause)


def test_an_incident_ends_when_half_are_back() -> None:
    """I1."""
    world = alive(*fleet(4)).to(100)
    world.beat("cam-2")
    assert len(told(world)) == 1
    world.to(101).beat("cam-4")
    assert told(world) == [(True, 5.0, 45.0, 3), (False, 5.0, 101.0, 4)]


def test_of_three_cameras_two_must_be_back() -> None:
    """I1: one is less than half."""
    world = alive(*fleet(3)).to(100)
    world.beat("cam-1")
    assert len(told(world)) == 1
    world.beat("cam-2")
    assert len(told(world)) == 2


def test_cameras_that_follow_later_belong_to_the_open_incident() -> None:
    """I1: half of all that it took."""
    world = alive(*fleet(6)).beats(100, *names(5, 6)).to(200)
    for number in (1, 2):
        world.beat(f"cam-{number}")
    assert len(told(world)) == 1
    world.beat("cam-5")
    assert told(world) == [(True, 5.0, 45.0, 4), (False, 5.0, 200.0, 6)]


def test_a_camera_that_was_down_long_before_is_not_part_of_it() -> None:
    """I1: its return ends nothing."""
    world = alive(*fleet(5)).beats(200, *names(2, 3, 4, 5)).to(300)
    assert told(world) == [(True, 205.0, 245.0, 3)]
    for number in (1, 2):
        world.beat(f"cam-{number}")
    assert len(told(world)) == 1
    world.beat("cam-3")
    assert len(told(world)) == 2


def test_a_camera_that_came_back_within_the_minute_is_not_counted() -> None:
    """I1: at no time were three of them down."""
    group = group_of(3)
    assert group.camera_down(1, at(0), at(35)) is None
    assert group.camera_recovered(1, at(40), up=True) is None
    assert group.camera_down(2, at(10), at(45)) is None
    assert group.camera_down(3, at(11), at(46)) is None
    assert group.camera_down(1, at(50), at(85)) is not None


def test_a_camera_that_goes_and_comes_counts_once() -> None:
    """I1: three changes of one camera are no incident."""
    group = group_of(3)
    for t in range(0, 50, 5):
        assert group.camera_down(1, at(t), at(t)) is None
        assert group.camera_recovered(1, at(t + 1), up=True) is None


def test_an_incident_can_follow_an_incident() -> None:
    """I1."""
    world = alive(*fleet(3))
    for round_ in range(4):
        world.to(round_ * 200.0).beats(round_ * 200.0 + 100)
    assert [change[:2] for change in told(world)] == [
        (True, 105.0),
        (False, 105.0),
        (True, 305.0),
        (False, 305.0),
        (True, 505.0),
        (False, 505.0),
    ]


def test_planned_and_retired_cameras_do_not_weigh() -> None:
    """I1: of the site's *in-service* cameras."""
    others = [enrolment(f"p-{number}", lifecycle=Lifecycle.PLANNED) for number in range(10)]
    others += [enrolment(f"r-{number}", lifecycle=Lifecycle.RETIRED) for number in range(10)]
    world = World(*fleet(3), *others).beats(0, *names(1, 2, 3)).to(60)
    assert told(world) == [(True, 5.0, 45.0, 3)]


def test_commissioned_cameras_count_and_retired_ones_do_not() -> None:
    """I1, V1, V2."""
    rows = [*fleet(5), enrolment("new", lifecycle=Lifecycle.PLANNED)]
    world = World(*rows)
    group = world.watch.incidents[SITE, "mairie"]
    assert group.in_service == 5
    world.beats(10)
    assert group.in_service == 6
    world.reload(*rows[:3], enrolment("cam-4", lifecycle=Lifecycle.RETIRED), rows[5])
    assert group.in_service == 4
    world.reload(*rows)
    assert group.in_service == 6


def test_incidents_of_a_link_and_an_operator_reach_over_their_sites() -> None:
    """I1: two cameras on each of five sites make no site's incident."""
    rows = [enrolment(f"s{site}-{n}", site=f"site-{site}") for site in range(5) for n in range(2)]
    world = alive(*rows).to(60)
    assert told(world) == []
    assert told(world, OPERATOR) == [(True, 5.0, 45.0, 6)]
    assert told(world, LINK) == [(True, 5.0, 45.0, 6)]


def test_operators_have_incidents_apart() -> None:
    """I1."""
    rows = [*fleet(3), *(enrolment(f"s-{n}", operator="sacogiva", site="fontaines") for n in range(3))]
    world = alive(*rows).beats(100, *names(1, 2, 3))
    assert [change.id for change in world.incidents()] == ["fontaines", "sacogiva"]


def test_cameras_of_an_incident_are_down_and_accounted() -> None:
    """I2: an incident excuses nobody."""
    world = alive(*fleet(3)).to(100)
    assert told(world)
    for camera_id in world.watch.cameras:
        assert world.status(camera_id) is Status.DOWN
        assert world.account(camera_id).down == 90_000
        assert world.camera(camera_id).outages == 1


def test_maintenance_takes_a_camera_out_of_an_incident() -> None:
    """I1, V3: of four, two in maintenance and one back leave half of two."""
    world = alive(*fleet(4), windows=[window(100, 900, scope_id=name) for name in names(1, 2)]).to(110)
    assert len(told(world)) == 1
    world.beat("cam-3")
    assert told(world)[1:] == [(False, 5.0, 110.0, 2)]


def test_an_incident_of_cameras_that_are_all_in_maintenance_is_over() -> None:
    """I1, V3."""
    world = alive(*fleet(3), windows=[window(100, 900, scope_id=name) for name in names(1, 2, 3)]).to(110)
    assert [change[0] for change in told(world)] == [True, False]


def test_cameras_in_maintenance_cause_no_incident() -> None:
    """I1, V3: nor does their silence when only the windows end apart."""
    world = alive(*fleet(3), windows=[window(5, 300, scope_id=name) for name in names(1, 2, 3)]).to(200)
    assert told(world) == []


def test_a_removed_camera_leaves_its_incident() -> None:
    """I1, V6."""
    world = alive(*fleet(4)).to(100).reload(*fleet(2))
    assert len(told(world)) == 1
    world.beat("cam-1")
    assert told(world)[1:] == [(False, 5.0, 100.0, 2)]


def test_a_camera_that_moves_away_leaves_its_incident() -> None:
    """I1, V6."""
    world = alive(*fleet(3)).to(100)
    world.reload(*(enrolment(name, site="puyricard") for name in names(1, 2, 3)))
    assert [change[0] for change in told(world)] == [True, False]
    assert world.watch.incidents[SITE, "mairie"].in_service == 0
    assert world.watch.incidents[SITE, "puyricard"].in_service == 3


def test_blindness_inside_an_incident_is_the_same_incident() -> None:
    """I1, S7."""
    world = alive(*fleet(3)).to(100).lose().to(300).regain().to(400)
    assert len(told(world)) == 1
    world.beats(410)
    assert told(world)[1:] == [(False, 5.0, 400.0, 3)]


def test_cameras_dead_at_the_first_subscription_are_an_incident() -> None:
    """I1, S5."""
    world = World(*fleet(5)).to(60)
    assert told(world) == [(True, 10.0, 45.0, 3)]


def test_an_incident_is_known_to_be_open() -> None:
    """I1: what `camwatch_site_incident` shows."""
    world = alive(*fleet(3)).to(60)
    group = world.watch.incidents[SITE, "mairie"]
    assert group.since
    assert seconds(group.since) == 5.0
    world.beats(70)
    assert group.since is None


@pytest.mark.parametrize("share", [0.59, 1.0])
def test_ten_thousand_cameras_going_down_and_coming_back_cost_little_each(share: float) -> None:
    """I1: what is looked at grows as n log n, with an incident and without: counted, not timed."""
    count, looked = 10_000, 0

    class Counted(float):
        def __lt__(self, other: float) -> bool:
            nonlocal looked
            looked += 1
            return float(self) < float(other)

    group = group_of(count)
    changes: list[IncidentEvent | None] = []
    for camera in range(round(count * share)):
        t = Counted(camera * 0.001)
        changes.append(group.camera_down(camera, Instant(t, 0), at(50)))
    changes += [group.camera_recovered(camera, at(100), up=True) for camera in range(round(count * share))]
    opened = [change for change in changes if change is not None]
    assert [change.opened for change in opened] == ([True, False] if share > 0.6 else [])
    assert looked < 40 * count


@pytest.mark.no_cover
def test_a_fleet_of_ten_thousand_dies_and_returns() -> None:
    """I1: with all that belongs to it, in one tick and one second."""
    world = World(*fleet(10_000)).beats(0).to(44)
    world.t = 45
    world.tick()
    assert len([event for event in world.events if getattr(event, "new", None) is Status.DOWN]) == 10_000
    assert told(world, OPERATOR) == [(True, 5.0, 45.0, 6_000)]
    for camera_id in list(world.watch.cameras)[:4_999]:
        world.beat(camera_id)
    assert len(told(world, OPERATOR)) == 1
    world.beats(45)
    assert told(world, OPERATOR)[1:] == [(False, 5.0, 45.0, 10_000)]
