"""Maintenance windows: they cover a status and do not change it (rules V3, V4)."""

from __future__ import annotations

import pytest

from camwatch.core.events import Transition
from camwatch.core.model import Cause, Instant, MaintenanceWindow, Scope, Status
from camwatch.core.status_time import Interval, contains, merge, next_edge, split
from camwatch.core.telemetry import SessionStatus
from tests.support.fleet import BARE, START, Move, World, alive, enrolment, fleet, window

UNKNOWN, UP, DOWN, MAINTENANCE = Status.UNKNOWN, Status.UP, Status.DOWN, Status.MAINTENANCE
TIMEOUT = Cause.TIMEOUT


def story(world: World, camera_id: str = "cam-1") -> list[tuple[Status, float]]:
    """Return what the camera became, and when that was true."""
    return [(move.new, move.at) for move in world.moves(camera_id)]


def test_a_window_begins_and_ends_to_the_millisecond() -> None:
    """V3: the beginning is inside, the end is not."""
    world = alive(windows=[window(55.25, 123.456)]).beats(200)
    assert story(world) == [(MAINTENANCE, 55.25), (UP, 123.456)]
    account = world.account()
    assert (account.up, account.maintenance) == (200_000 - 68_206, 68_206)


def test_what_a_camera_is_now_knows_its_windows_at_once() -> None:
    """V3, V4: the record waits until the time before is certain, the status does not."""
    world = alive(windows=[window(55, 60)]).beats(50)
    for t, status in ((54.999, UP), (55.0, MAINTENANCE), (59.999, MAINTENANCE), (60.0, UP)):
        assert world.to(t).status() is status


def test_a_camera_that_works_through_its_window_is_up_before_and_after() -> None:
    """V3: no outage."""
    world = alive(windows=[window(50, 150)]).beats(200)
    assert story(world) == [(MAINTENANCE, 50), (UP, 150)]
    assert world.camera().outages == 0


def test_life_is_judged_beneath_a_window() -> None:
    """V3: taken down and brought back inside it, a camera was in maintenance and nothing else."""
    world = alive(windows=[window(50, 400)]).beats(100).to(300)
    assert world.camera().underlying_status is DOWN
    assert world.status() is MAINTENANCE
    world.beats(500)
    assert story(world) == [(MAINTENANCE, 50), (UP, 400)]
    assert world.camera().outages == 0
    assert world.account().maintenance == 350_000


def test_an_outage_that_begins_with_a_window_is_maintenance() -> None:
    """V3, V4: the window begins when the camera died, which is known later."""
    world = alive(until=100, windows=[window(105, 400)]).to(200)
    [moved] = world.transitions()
    assert (moved.new, moved.cause, moved.deadline) == (MAINTENANCE, None, None)
    later = world.to(450).last()
    assert (later.new, later.at, later.cause) == (DOWN, 400, TIMEOUT)


def test_a_camera_still_dead_when_its_window_ends_is_down_from_then() -> None:
    """V3, A6: the status is what the life signs say, with the cause that they told."""
    world = alive(windows=[window(50, 400)]).beats(100).to(450)
    assert world.moves() == [
        Move(UP, MAINTENANCE, at=50, noticed=world.moves()[0].noticed),
        Move(MAINTENANCE, DOWN, at=400, noticed=world.moves()[1].noticed, cause=TIMEOUT),
    ]
    assert 400 <= world.last().noticed <= 407
    assert world.camera().outages == 1
    assert world.account().down == 45_000  # until half an interval ago (E5)


def test_an_outage_that_a_goodbye_began_in_a_window_keeps_its_cause() -> None:
    """A6."""
    world = alive(windows=[window(50, 400)]).beats(100).to(101)
    world.word(SessionStatus.GOODBYE)
    assert world.to(450).last()[:3] == (MAINTENANCE, DOWN, 400)
    assert world.last().cause is Cause.GOODBYE


def test_a_camera_silent_when_its_window_begins_was_down_until_then() -> None:
    """V3, E1: dead at 5, in maintenance from 20, convicted at 45: both are told."""
    world = alive(windows=[window(20, 100)]).to(50)
    assert world.moves() == [
        Move(UP, DOWN, at=5, noticed=45, cause=TIMEOUT),
        Move(DOWN, MAINTENANCE, at=20, noticed=45),
    ]
    account = world.account()
    assert (account.up, account.down, account.maintenance) == (5_000, 15_000, 25_000)
    assert story(world.to(120))[2:] == [(DOWN, 100)]
    assert world.camera().outages == 2


def test_a_camera_silent_before_its_window_and_back_in_it_was_never_down() -> None:
    """V3, L2: the proof came before the deadline."""
    world = alive(windows=[window(20, 100)]).to(40).beats(150)
    assert story(world) == [(MAINTENANCE, 20), (UP, 100)]


def test_a_silence_within_a_window_is_down_from_its_end() -> None:
    """V3, L3: due within the window, so down beneath it; its end uncovers that."""
    world = alive(windows=[window(15, 30)]).beats(10).to(60)
    assert story(world) == [(MAINTENANCE, 15), (DOWN, 30)]
    assert world.last()[3:] == (55.0, TIMEOUT)
    assert world.camera().outages == 1


def test_a_window_over_a_down_camera_makes_two_outages() -> None:
    """S7 speaks of blindness; a declared maintenance is not one."""
    world = alive(windows=[window(100, 200)]).to(250)
    assert story(world) == [(DOWN, 5), (MAINTENANCE, 100), (DOWN, 200)]
    assert world.camera().outages == 2


def test_a_window_over_an_unknown_camera() -> None:
    """V4: maintenance covers unknown; the blindness before and after it stays unknown."""
    world = alive(windows=[window(200, 300)], until=100).to(101).lose().to(400)
    assert story(world) == [(UNKNOWN, 101), (MAINTENANCE, 200), (UNKNOWN, 300)]
    account = world.account()
    assert (account.unknown, account.maintenance) == (199_000, 100_000)


def test_sight_lost_before_a_window_makes_unknown_what_lies_before_it() -> None:
    """V3, S4: the blindness is judged inside the window, for the time before it."""
    world = alive(windows=[window(110, 400)], until=100).to(101).lose().to(200)
    assert story(world) == [(UNKNOWN, 101), (MAINTENANCE, 110)]
    assert world.regain().beats(500) is world
    assert story(world)[2:] == [(UP, 400)]


@pytest.mark.parametrize(
    ("scope", "scope_id"), [(Scope.CAMERA, "cam-1"), (Scope.SITE, "mairie"), (Scope.OPERATOR, "ville")]
)
def test_a_window_covers_its_camera_its_site_or_its_operator(scope: Scope, scope_id: str) -> None:
    """V3."""
    other = enrolment("other", site="puyricard", operator="sacogiva")
    world = World(enrolment(), other, windows=[window(50, 60, scope, scope_id)])
    world.beats(100)
    assert story(world)[1:] == [(MAINTENANCE, 50), (UP, 60)]
    assert story(world, "other") == [(UP, 0)]


def test_overlapping_windows_are_one_stay_in_maintenance() -> None:
    """V3, A1: camera, site and operator at once; touching ones too."""
    windows = [
        window(50, 70),
        window(60, 80, Scope.SITE, "mairie"),
        window(80, 90, Scope.OPERATOR, "ville"),
        window(55, 56, Scope.OPERATOR, "ville"),
        window(120, 130),
    ]
    world = alive(windows=windows).beats(200)
    assert story(world) == [(MAINTENANCE, 50), (UP, 90), (MAINTENANCE, 120), (UP, 130)]
    assert world.account().maintenance == 50_000


def test_windows_shorter_than_a_heartbeat_are_told_all_the_same() -> None:
    """V3, T3."""
    world = alive(windows=[window(t + 0.001, t + 0.002) for t in range(1, 20)]).beats(50)
    assert len(story(world)) == 38
    assert world.account().maintenance == 19


def test_a_frozen_broker_delays_the_record_of_a_window_only() -> None:
    """V3, S10."""
    world = alive(windows=[window(20, 30)])
    world.frozen.add("main")
    world.to(43)
    assert story(world) == []
    world.beat()
    world.to(44)
    assert story(world) == [(MAINTENANCE, 20), (UP, 30)]


# --- declared, changed and cancelled while running


def test_a_window_cancelled_while_it_holds_ends_with_the_reload() -> None:
    """V3, V6."""
    world = alive(windows=[window(50, 500)]).beats(103).reload(enrolment()).beats(200)
    assert story(world) == [(MAINTENANCE, 50), (UP, 103)]
    account = world.account()
    assert (account.up, account.maintenance) == (145_000, 53_000)


def test_a_window_cancelled_over_a_silent_camera_ends_with_the_reload() -> None:
    """V3, V6: what is not accounted yet stays under the window that held then."""
    world = alive(windows=[window(50, 500)]).beats(100).to(130).reload(enrolment()).to(200)
    assert story(world) == [(MAINTENANCE, 50), (DOWN, 130)]
    assert world.account().maintenance == 80_000


def test_a_window_declared_late_begins_with_the_reload() -> None:
    """V3, V6: nothing is taken back, and nothing is excused afterwards."""
    world = alive().beats(100).to(130).reload(enrolment(), windows=[window(20, 200)]).to(300)
    assert story(world) == [(DOWN, 105), (MAINTENANCE, 130), (DOWN, 200)]
    account = world.account()
    assert (account.up, account.down, account.maintenance) == (105_000, 120_000, 70_000)


def test_a_window_made_longer_goes_on_without_a_seam() -> None:
    """V3, V6."""
    world = (
        alive(windows=[window(50, 100)]).beats(80).reload(enrolment(), windows=[window(50, 150)]).beats(200)
    )
    assert story(world) == [(MAINTENANCE, 50), (UP, 150)]


def test_reloading_the_same_windows_changes_nothing() -> None:
    """V6: at any instant, the edges too."""
    windows = [window(50, 100), window(100, 120), window(150, 160)]
    world = alive(windows=windows)
    for t in range(1, 200):
        world.to(t)
        if t % 10 == 0:
            world.beat()
        world.reload(enrolment(), windows=windows)
    assert story(world) == [(MAINTENANCE, 50), (UP, 120), (MAINTENANCE, 150), (UP, 160)]
    assert len(world.camera().windows) <= 1


def test_a_window_that_is_over_before_the_reload_has_no_effect() -> None:
    """V3, V6."""
    world = alive().beats(100).reload(enrolment(), windows=[window(20, 60)]).beats(200)
    assert story(world) == []
    assert world.camera().windows == ()


@pytest.mark.parametrize("life", [UP, DOWN])
def test_a_window_that_ended_stays_ended_while_utc_runs_slower(life: Status) -> None:
    """V3, T2: UTC at half speed, as it gives way to a wall clock that was set back."""
    world = World(*fleet(1), windows=[window(50, 60)])
    watch, camera = world.watch, world.camera()
    for step in range(1, 3000):
        mono = START.mono + step * 0.1
        slow = Instant(mono, START.utc_ms + (step * 100 if step < 602 else 60_200 + (step - 602) * 50))
        watch.tick(slow)
        if step % 50 == 0 and (life is UP or step < 100):
            watch.heartbeat(camera, slow, BARE)
        watch.packets_taken(watch.links["main"], slow)
        if step % 150 == 3:  # just after the end of the window, and 15 s later, when UTC gave way by 7.5 s
            watch._recorder.account_until_certain(camera, slow)
    changes = [event for event in watch.drain_events() if isinstance(event, Transition)]
    assert [change.new for change in changes][-2:] == [MAINTENANCE, life]
    assert sum(change.new is MAINTENANCE for change in changes) == 1
    assert camera.outages == (0 if life is UP else 2)
    assert camera.status_time.in_service == (285_300 if life is UP else 280_300)


# --- spans


def test_spans_are_merged_into_disjoint_ones_in_order() -> None:
    assert merge(
        [Interval(5, 9), Interval(1, 3), Interval(3, 4), Interval(6, 7), Interval(20, 20), Interval(30, 10)]
    ) == (
        Interval(1, 4),
        Interval(5, 9),
    )


def test_a_span_holds_its_start_and_not_its_end() -> None:
    """V3."""
    spans = (Interval(10, 20), Interval(30, 40))
    assert [instant for instant in range(50) if contains(spans, instant)] == [*range(10, 20), *range(30, 40)]
    assert [next_edge(spans, instant) for instant in (0, 10, 19, 20, 39, 40)] == [
        10,
        20,
        20,
        30,
        40,
        None,
    ]


def test_cutting_time_at_spans_loses_and_doubles_nothing() -> None:
    """A1."""
    spans = (Interval(10, 20), Interval(30, 40))
    for start in range(50):
        for end in range(start, 50):
            cut = list(split(spans, start, end))
            assert [t for begin, stop, _ in cut for t in range(begin, stop)] == list(range(start, end))
            assert all(
                contains(spans, t) is inside for begin, stop, inside in cut for t in range(begin, stop)
            )
            assert all(begin < stop for begin, stop, _ in cut)


def test_a_window_is_a_value() -> None:
    assert window(0, 1) == MaintenanceWindow(
        Scope.CAMERA, "cam-1", START.utc_ms, START.utc_ms + 1000, "works"
    )
