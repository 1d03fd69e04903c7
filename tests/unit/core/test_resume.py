"""A life that one process began and another goes on with: blind in between, and nothing else (rule S6)."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camwatch.core.checkpoint_model import CameraCheckpoint, LinkGroupCheckpoint
from camwatch.core.events import Backfill, Event, MonitoringGap, OutageEvent, ServicePeriodEvent, Transition
from camwatch.core.model import CameraConfig, Cause, GapCause, Lifecycle, MaintenanceWindow, Status
from camwatch.core.monitor import FleetMonitor
from camwatch.core.status_time import StatusTime
from camwatch.core.telemetry import RejectionReason, SessionStatus
from tests.support.examples import examples
from tests.support.fleet import START, World, enrolment, fleet, seconds, utc_ms, window

UNKNOWN, UP, DOWN, MAINTENANCE = Status.UNKNOWN, Status.UP, Status.DOWN, Status.MAINTENANCE


class Left:
    """What a process left behind: as of its last write."""

    def __init__(self, world: World) -> None:
        watch = world.watch
        self.memories: list[CameraCheckpoint] = [
            watch.checkpoint(state, world.now) for state in watch.cameras.values()
        ]
        self.memories += watch.drain_removed()
        self.sights: list[LinkGroupCheckpoint] = list(watch.link_group_checkpoints())
        self.watermark_ms = world.now.utc_ms
        world.events += watch.drain_events()
        self.events: list[Event] = world.events.copy()


def restarted(
    left: Left,
    t: float,
    *enrolments: CameraConfig,
    windows: Iterable[MaintenanceWindow] = (),
    links: tuple[str, ...] = ("main",),
) -> World:
    """Return the world of another process, which begins at `t` where the first one left off."""
    world = World(enrolment("nobody"), links=links, sight=False)
    world.t = t
    world.watch = type(world.watch)(world.now, dict.fromkeys(links, frozenset()))
    world.watch.resume(world.now, left.memories, left.sights, left.watermark_ms)
    world.events = left.events.copy()
    world.reload(*(enrolments or [enrolment()]), windows=windows)
    return world


def outages(world: World) -> list[tuple[bool, float]]:
    """Return each beginning (True) and end of an outage."""
    return [(event.opened, seconds(event.at)) for event in world.events if isinstance(event, OutageEvent)]


def counters(world: World) -> tuple[int, int, int]:
    """Return heartbeats, outages and reboots."""
    state = world.camera()
    return state.heartbeats, state.outages, state.reboots


def fills(world: World) -> list[Backfill]:
    """Return what late heartbeats filled."""
    return [event for event in world.events if isinstance(event, Backfill)]


# --- the same as blindness


@pytest.mark.no_cover
@examples(150)
@given(
    st.lists(st.integers(1, 900), min_size=2, max_size=12),
    st.integers(1, 900),
    st.integers(51, 3000),
    st.booleans(),
    st.booleans(),
)
def test_a_restart_is_a_blindness_and_nothing_else(
    gaps: list[int], then: int, length: int, hint: bool, late: bool
) -> None:
    """S6: in the middle of any life; tenths of seconds. Same transitions, same account, same counters."""
    worlds = []
    for restart in (False, True):
        world, t = World(), 0.0
        for gap in gaps:
            t = round(t + gap / 10, 1)
            world.to(t).beat(seq=round(t * 10), ts=START.utc_ms / 1000 + t)
        stop = round(t + then / 10, 1)
        world.to(stop).heard()
        back = round(stop + length / 10, 1)
        if restart:
            world = restarted(Left(world), back)
        else:
            world.lose().to(back)
        world.regain()
        if late:
            world.beat(seq=round(t * 10) + 1, ts=START.utc_ms / 1000 + t + 1)
        if hint:
            world.to(round(back + 20, 1)).word(SessionStatus.GOODBYE)
        world.to(round(back + 100, 1)).beat(seq=10**6, ts=START.utc_ms / 1000 + back + 100)
        worlds.append(world)
    blind, resumed = worlds
    assert [move[:3] + move[4:] for move in resumed.moves()] == [
        move[:3] + move[4:] for move in blind.moves()
    ]
    assert resumed.account() == blind.account()
    assert outages(resumed) == outages(blind)
    state, other = resumed.camera(), blind.camera()
    assert (state.heartbeats, state.outages, state.reboots) == (
        other.heartbeats,
        other.outages,
        other.reboots,
    )
    told = [event for event in blind.events if isinstance(event, Backfill)]
    assert [event for event in resumed.events if isinstance(event, Backfill)] == told


def test_what_is_remembered_is_restored() -> None:
    """S6: remembering what was restored gives the same memory."""
    world = World().beats(30, every=10.0)
    world.beat(seq=2**62, ts=START.utc_ms / 1000 + 30.25, uptime_s=99.5)
    left = Left(world.to(33))
    again = restarted(left, 34.0)
    assert again.watch.checkpoint(again.camera(), again.now) == left.memories[0]


def test_late_heartbeats_fill_time_before_a_restart_in_maintenance() -> None:
    """S9, V3: beneath the window nobody remembers since when it is unknown; since its last proof at most."""
    world = World(windows=[window(300, 1000)])
    for t in range(0, 110, 10):
        world.to(t).beat(ts=START.utc_ms / 1000 + t)
    left = Left(world.to(103).lose().to(500))
    resumed = restarted(left, 600.0, windows=[window(300, 1000)]).to(700).regain()
    for t in range(110, 690, 10):
        assert resumed.beat(ts=START.utc_ms / 1000 + t) is RejectionReason.LATE
    resumed.to(701)
    resumed.beat(ts=START.utc_ms / 1000 + 701)
    [fill] = [event for event in resumed.events if isinstance(event, Backfill)]
    assert (fill.start_ms, fill.end_ms) == (utc_ms(100), utc_ms(701))


def test_what_an_earlier_process_had_not_seen_is_filled_by_a_later_one() -> None:
    """E4, S9: another link was seen in between, and the broker of this one kept what was sent."""
    links = ("main", "second")
    world = World(links=links)
    for t in range(0, 110, 10):
        world.to(t).beat(ts=START.utc_ms / 1000 + t, link="main")
    left = Left(world.to(103).lose("main").lose("second").to(500))
    second = restarted(left, 600.0, links=links).to(610).regain("second")
    second.beat(ts=START.utc_ms / 1000 + 610, link="second")
    third = restarted(Left(second.to(613).lose("second")), 700.0, links=links).to(710).regain("main")
    for t in range(110, 610, 10):
        assert third.beat(ts=START.utc_ms / 1000 + t, link="main") is RejectionReason.LATE
    third.to(711).beat(ts=START.utc_ms / 1000 + 711, link="main")
    third.watch._state_machine.emit_backfill(third.camera(), third.now)
    third.events += third.watch.drain_events()
    assert [each.start_ms for each in fills(third)] == [utc_ms(105)]
    assert fills(third)[0].end_ms >= utc_ms(605)


def test_a_camera_that_leaves_and_returns_shows_what_the_store_has_of_it() -> None:
    """A1: it left with more than was stored, which a crash would take back from whoever had read it."""
    world = World(*fleet(2)).beats(30)
    camera = world.camera("cam-2")
    camera.persisted = world.watch.checkpoint(camera, world.now)
    world.beats(60).reload(enrolment("cam-1"))
    world.to(70).reload(*fleet(2))
    again = world.camera("cam-2")
    assert (again.persisted.up, again.persisted.heartbeats) == (30_000, 4)
    assert (again.status_time.up, again.heartbeats) == (60_000, 8)


# --- short and long


def test_a_restart_shorter_than_blind_after_changes_no_status() -> None:
    """S4, S6: up all along."""
    left = Left(World().beats(100).to(104))
    world = restarted(left, 130.0).regain().to(140)
    world.beat()
    assert [move.new for move in world.moves()] == [UP]
    assert world.account() == StatusTime(up=140_000)
    (blindness,) = [event for event in world.events if isinstance(event, MonitoringGap)]
    assert (blindness.cause, seconds(blindness.began)) == (GapCause.OFFLINE, 104.0)


def test_a_longer_restart_is_unknown_from_the_last_packet() -> None:
    """S6, S5: until the proof, or down an interval after sight returned."""
    left = Left(World(*fleet(2)).beats(100).to(104))
    world = restarted(left, 200.0, *fleet(2)).regain().to(205)
    world.beat("cam-1")
    world.to(300)
    assert world.account("cam-1").unknown == 101_000
    assert world.moves("cam-2")[-2:] == [
        (UP, UNKNOWN, 104.0, 200.0, None),
        (UNKNOWN, DOWN, 210.0, 245.0, Cause.TIMEOUT),
    ]


def test_a_proof_before_the_first_subscription_leaves_time_unknown() -> None:
    """S6: the broker is away too; a link that never was regained ends nothing."""
    left = Left(World().beats(100).to(104))
    world = restarted(left, 200.0).to(300)
    assert world.account().unknown == 196_000
    assert [move.at for move in world.moves()][-1] == 104.0
    again = restarted(Left(world), 400.0).to(410).regain()
    assert again.account().unknown == 306_000
    assert len(again.moves()) == len(world.moves())


# --- outages


def test_one_outage_through_a_restart() -> None:
    """S7: down before and after it; the counter stays, the time between is unknown."""
    left = Left(World().beats(100).to(200))
    world = restarted(left, 300.0).regain().to(400)
    world.beat()
    assert outages(world) == [(True, 105.0), (False, 400.0)]
    assert world.camera().outages == 1
    assert world.account() == StatusTime(up=105_000, down=95_000 + 90_000, unknown=110_000)


def test_an_outage_that_ended_during_a_restart_ended_at_the_stop() -> None:
    """S7: the last instant at which it was seen to be down."""
    left = Left(World().beats(100).to(200))
    world = restarted(left, 300.0).regain().to(302)
    world.beat()
    assert outages(world) == [(True, 105.0), (False, 200.0)]


def test_a_camera_that_never_gave_a_proof_is_down_through_a_restart() -> None:
    """S6, S7, E3: what is certain ends before the last packet of the process before, proof or none."""
    left = Left(World().to(100))
    world = restarted(left, 120.0, windows=[window(50, 60)])
    assert world.account() == StatusTime(unknown=10_000, down=85_000)
    world.regain().to(200)
    assert world.account() == StatusTime(unknown=10_000 + 20_000, down=90_000 + 75_000)
    assert outages(world) == [(True, 10.0)]


# --- who is watched


def test_maintenance_that_ran_while_camwatch_was_away_is_maintenance() -> None:
    """V3, S6: whatever the camera did, and to the millisecond."""
    left = Left(World().beats(100).to(104))
    world = restarted(left, 400.0, windows=[window(150, 200.25), window(380, 500)]).regain()
    world.beat()
    world.to(600)
    assert world.account().maintenance == 50_250 + 120_000
    ways = [(move.new, move.at) for move in world.moves()]
    assert ways[1:6] == [
        (UNKNOWN, 104.0),
        (MAINTENANCE, 150.0),
        (UNKNOWN, 200.25),
        (MAINTENANCE, 380.0),
        (DOWN, 500.0),
    ]


def test_a_camera_removed_meanwhile_ends_where_it_was_last_certain() -> None:
    """V6, A1: its ledger and its outage end; it is remembered, and counts on when it returns."""
    left = Left(World(*fleet(2)).beats(100, "cam-1").to(200))
    world = restarted(left, 300.0, *fleet(1))
    (gone,) = [event for event in world.events if isinstance(event, ServicePeriodEvent) and not event.started]
    assert (gone.camera, seconds(gone.at), gone.status) == ("cam-2", 195.0, DOWN)
    ends = [event for event in world.events if isinstance(event, OutageEvent) and not event.opened]
    assert [(event.camera, seconds(event.at)) for event in ends] == [("cam-2", 195.0)]
    world.regain().reload(*fleet(2))
    assert world.camera("cam-2").outages == 1
    assert world.camera("cam-2").status_time == StatusTime(unknown=10_000, down=185_000)
    (parted,) = [each for each in world.watch.drain_removed() if each.camera == "cam-2"]
    assert (parted.accounted_until_ms, parted.outage_open) == (None, False)


def test_a_date_that_passes_while_camwatch_is_away_begins_the_service() -> None:
    """V1, A1: at the date, and unknown; not when somebody looked again."""
    row = enrolment(in_service_from_ms=utc_ms(150))
    left = Left(World(row).to(100))
    world = restarted(left, 300.0, row).regain().to(302)
    world.beat()
    [entered] = [event for event in world.events if isinstance(event, ServicePeriodEvent)]
    assert (seconds(entered.at), entered.status) == (150.0, UNKNOWN)
    assert [seconds(event.at) for event in world.transitions()] == [150.0, 302.0]
    assert world.account() == StatusTime(unknown=152_000)


def test_a_camera_that_flaps_does_so_after_a_restart() -> None:
    """C2: six changes in half an hour hold until there are two or fewer."""
    world = World()
    for t in range(0, 601, 100):
        world.to(t).beat()
    assert world.camera().flapping
    again = restarted(Left(world.to(602)), 610.0).regain().to(612)
    again.beat()
    flapping = again.camera().flapping
    assert flapping is not None
    assert flapping.is_active(again.now.mono)
    assert not flapping.is_active(again.now.mono + 1800)


def test_a_commissioned_camera_is_in_service_after_a_restart() -> None:
    """V1: its table still says planned; the proof said otherwise."""
    row = enrolment(lifecycle=Lifecycle.PLANNED)
    world = World(row).to(100)
    world.beat()
    again = restarted(Left(world.to(104)), 120.0, row).regain().to(200)
    assert again.account() == StatusTime(up=10_000, unknown=20_000, down=65_000)


def test_a_camera_that_is_new_begins_unknown_at_the_first_subscription() -> None:
    """S6."""
    left = Left(World(*fleet(1)).beats(100).to(104))
    world = restarted(left, 300.0, *fleet(2)).to(320).regain().to(400)
    assert world.account("cam-2") == StatusTime(unknown=10_000, down=65_000)


def test_an_incident_is_found_again_and_ends() -> None:
    """I1: opened by the process before; it is open for the new one, and over when half are back."""
    world = World(*fleet(4)).beats(100)
    world.to(200)
    assert [each.opened for each in world.incidents()] == [True, True, True]
    again = restarted(Left(world), 220.0, *fleet(4))
    again.events.clear()
    again.regain()
    assert all(group.since is not None for group in again.watch.incidents.values())
    for name in ("cam-1", "cam-2"):
        again.beat(name)
    assert [each.opened for each in again.incidents()] == [False, False, False]


# --- sights, clocks, numbers


def test_links_that_were_named_otherwise_saw_what_the_store_vouches_for() -> None:
    """S6: an unknown sight; blind from the last instant that is vouched for."""
    left = Left(World().beats(100).to(104))
    world = restarted(left, 200.0, links=("other",)).regain("other").to(203)
    world.beat(link="other")
    assert world.account().unknown == 99_000


def test_blindness_that_lasted_already_began_with_its_last_packet() -> None:
    """S3, S6: the link was lost before camwatch stopped."""
    left = Left(World().beats(100).to(104).lose().to(130))
    assert left.sights[0].blind
    world = restarted(left, 200.0).regain().to(203)
    world.beat()
    assert world.account() == StatusTime(up=104_000, unknown=99_000)


def test_the_first_kept_heartbeat_is_late_by_the_clock_that_is_remembered() -> None:
    """L7, L8, S9: a camera whose clock is 40 s ahead."""
    world = World()
    for t in range(0, 110, 10):
        world.to(t).beat(ts=START.utc_ms / 1000 + t + 40)
    again = restarted(Left(world.to(104)), 300.0).regain()
    assert again.beat(ts=START.utc_ms / 1000 + 110 + 40) is RejectionReason.LATE
    assert again.beat(ts=START.utc_ms / 1000 + 299 + 40) is None


def test_a_reboot_in_the_dark_is_counted_once() -> None:
    """L6, S9."""
    world = World()
    for t in range(0, 110, 10):
        world.to(t).beat(seq=t // 10 + 70, uptime_s=700.0 + t, ts=START.utc_ms / 1000 + t)
    again = restarted(Left(world.to(104)), 300.0).regain()
    for number in range(10):
        sent = 200 + 10 * number
        again.beat(seq=number, uptime_s=10.0 * number, ts=START.utc_ms / 1000 + sent)
    assert again.reboots() == [200.0]
    assert again.camera().reboots == 1


@pytest.mark.parametrize("seq", [2**53 + 1, 2**63 - 2, 2**63 - 1, 2**64 - 1, 2**70])
def test_the_largest_sequence_numbers_do_no_harm(seq: int) -> None:
    """L9: as far as a store can hold them they are remembered; beyond, the next heartbeat says it anew."""
    world = World().to(10)
    world.beat(seq=seq)
    left = Left(world.to(11))
    assert all(type(value) is not int or abs(value) < 2**63 for value in left.memories[0]), (
        "a store holds 64 bits"
    )
    again = restarted(left, 20.0).regain()
    assert again.beat(seq=seq + 1) is None
    assert again.beat(seq=seq + 1) is RejectionReason.DUPLICATE


def test_transitions_of_both_processes_follow_one_another() -> None:
    """T2: in order, on the clock that is recorded."""
    left = Left(World().beats(100).to(200))
    world = restarted(left, 300.0).regain().to(400)
    world.beat()
    moves = [event for event in world.events if isinstance(event, Transition)]
    assert [event.old for event in moves[1:]] == [event.new for event in moves[:-1]]
    assert sorted(event.at.utc_ms for event in moves) == [event.at.utc_ms for event in moves]
    assert moves[-1].at.utc_ms == utc_ms(400)


@pytest.mark.parametrize("with_uptime", [False, True])
def test_a_clock_set_ahead_between_processes_declares_none_down(with_uptime: bool) -> None:
    """T2, L8, S6: by our clock all that cameras say is an hour late; they are believed in time."""

    def beat(world: World, seq: int, really: float) -> RejectionReason | None:
        uptime = 1000.0 + really if with_uptime else None
        return world.beat(ts=utc_ms(really) / 1000, seq=seq, uptime_s=uptime)

    world = World()
    for seq in range(10):
        assert beat(world.to(10.0 * seq), seq, 10.0 * seq) is None
    left = Left(world)
    again = World(sight=False)
    again.t = 3700.0  # the record ends at 90 s; ten seconds later, the clock says an hour more
    again.watch = FleetMonitor(again.now, {"main": frozenset()})
    again.watch.resume(again.now, left.memories, left.sights, world.now.utc_ms)
    again.reload(enrolment())
    again.regain()
    for seq in range(10, 20):
        again.to(3705.0 + 10 * (seq - 10))
        beat(again, seq, again.t - 3600)
    assert DOWN not in [move.new for move in again.moves()]
    assert again.status() is UP


def test_an_old_heartbeat_of_an_unset_clock_is_no_new_boot() -> None:
    """L6, S6, S9: what a link kept is heard again over another one, after camwatch was away."""

    def beat(world: World, seq: int, link: str, off: float = 90_000.0) -> RejectionReason | None:
        return world.beat(link=link, seq=seq, ts=utc_ms(10.0 * seq) / 1000 + off, uptime_s=10.0 * seq)

    links = ("main", "second")
    world = World(links=links)
    for seq in range(20):
        assert beat(world.to(10.0 * seq), seq, "main") is None
    again = restarted(Left(world), 1000.0, links=links).regain("main").regain("second")
    for seq in range(20, 50):
        assert beat(again, seq, "main") is RejectionReason.LATE
    for seq in range(50, 100):  # its clock is set right
        assert beat(again, seq, "main", off=0.0) is RejectionReason.LATE
    assert beat(again, 20, "second") is not None
    assert again.reboots() == []
    assert again.status() is UNKNOWN


@pytest.mark.parametrize("ahead_s", [30.0, 150.0, 1000.0])
@pytest.mark.parametrize(("until", "back"), [(135.0, 163.0), (125.0, 203.0), (155.0, 1000.0)])
def test_a_clock_that_was_ahead_while_camwatch_was_away_convicts_nobody(
    ahead_s: float, until: float, back: float
) -> None:
    """L8, S9: what was kept looks fresh by that clock, so its boot seems to have begun later than it did."""

    def beat(world: World, seq: int) -> None:
        t = 10.0 * seq
        for camera in ("cam-1", "cam-2", "cam-3", "cam-4"):  # the others' clocks are right
            wrong = ahead_s if camera == "cam-1" and 105 <= t < until else 0.0
            world.beat(camera, ts=utc_ms(t) / 1000 + wrong, seq=seq, uptime_s=1000.0 + t)

    world = World(*fleet(4))
    for seq in range(11):
        beat(world.to(10.0 * seq), seq)
    again = restarted(Left(world), back, *fleet(4))
    link = again.watch.links["main"]
    again.watch.link_up(link, again.now, backlog=True)
    kept = int(back // 10) + 1
    for seq in range(11, kept):
        beat(again, seq)
    again.watch.link_answered(link, again.now, again.now.mono)
    for seq in range(kept, kept + 60):
        beat(again.to(10.0 * seq), seq)
    assert DOWN not in [move.new for move in again.moves()]
    assert again.status("cam-1") is UP


def test_a_camera_that_was_planned_may_be_retired_after_a_restart() -> None:
    """V2: the inventory of the new process says so."""
    before = World(enrolment(lifecycle=Lifecycle.PLANNED)).to(10)
    assert restarted(Left(before), 100, enrolment(lifecycle=Lifecycle.RETIRED)).status() is Status.RETIRED
