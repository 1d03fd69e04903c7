"""In service or not, and the inventory that changes while running (rules V1, V2, V4, V6)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from camwatch.core import deadlines
from camwatch.core.events import Backfill, ServicePeriodEvent
from camwatch.core.model import CameraConfig, Cause, Instant, Lifecycle, Liveness, Purpose, Status, Thresholds
from camwatch.core.status_time import StatusTime
from camwatch.core.telemetry import RejectionReason, SessionStatus
from camwatch.wire.heartbeat import Heartbeat
from tests.support.fleet import START, Move, World, alive, enrolment, fleet, instant, utc_ms, window

PLANNED, RETIRED, UNKNOWN, UP, DOWN = (
    Status.PLANNED,
    Status.RETIRED,
    Status.UNKNOWN,
    Status.UP,
    Status.DOWN,
)
TIMEOUT = Cause.TIMEOUT


def planned(camera_id: str = "cam-1") -> CameraConfig:
    """Return a camera that is planned, without a date."""
    return enrolment(camera_id, lifecycle=Lifecycle.PLANNED)


def dated(t: float, lifecycle: Lifecycle = Lifecycle.IN_SERVICE) -> CameraConfig:
    """Return a camera with an in-service date, in seconds since START."""
    return enrolment(lifecycle=lifecycle, in_service_from_ms=utc_ms(t))


def retired() -> CameraConfig:
    """Return a camera that is kept for history."""
    return enrolment(lifecycle=Lifecycle.RETIRED)


@pytest.mark.parametrize(
    ("lifecycle", "date", "status"),
    [
        (Lifecycle.PLANNED, None, PLANNED),
        (Lifecycle.PLANNED, 100, PLANNED),
        (Lifecycle.PLANNED, -100, UNKNOWN),
        (Lifecycle.PLANNED, 0, UNKNOWN),
        (Lifecycle.IN_SERVICE, None, UNKNOWN),
        (Lifecycle.IN_SERVICE, 100, PLANNED),
        (Lifecycle.IN_SERVICE, -100, UNKNOWN),
        (Lifecycle.RETIRED, None, RETIRED),
        (Lifecycle.RETIRED, -100, RETIRED),
    ],
)
def test_the_inventory_says_what_a_camera_begins_as(
    lifecycle: Lifecycle, date: float | None, status: Status
) -> None:
    """V1, V2."""
    row = enrolment(lifecycle=lifecycle, in_service_from_ms=None if date is None else utc_ms(date))
    world = World(row)
    assert world.status() is status
    assert world.moves() == []


def test_a_planned_camera_is_not_in_the_ledger_and_never_down() -> None:
    """V1."""
    world = World(planned()).to(10_000)
    assert world.moves() == []
    assert world.account().in_service == 0


def test_a_heartbeat_commissions_a_planned_camera() -> None:
    """V1: from that instant it is in the ledger."""
    world = World(planned()).to(500)
    assert world.beat() is None
    assert world.to(560).moves() == [
        Move(PLANNED, UP, at=500, noticed=500),
        Move(UP, DOWN, at=505, noticed=545, cause=TIMEOUT),
    ]
    account = world.account()
    assert (account.up, account.in_service) == (5_000, 55_000)


@pytest.mark.parametrize("word", [SessionStatus.OFFLINE, SessionStatus.GOODBYE])
@pytest.mark.parametrize("retained", [True, False])
def test_a_hint_says_nothing_of_a_planned_camera(word: SessionStatus, retained: bool) -> None:
    """V1, L5."""
    world = World(planned()).to(5)
    world.word(word, retained=retained)
    assert world.to(100).moves() == []


@pytest.mark.parametrize("retained", [True, False])
def test_online_does_not_commission(retained: bool) -> None:
    """V1, L1: a bridge may repeat what a camera said once, when it was tried out."""
    world = World(planned()).to(5)
    world.word(SessionStatus.ONLINE, retained=retained)
    assert world.status() is PLANNED


def test_at_its_in_service_date_a_silent_camera_is_unknown_and_then_down() -> None:
    """V1, S5: it has a whole `down_after` to show itself."""
    world = World(dated(7200.5)).to(7300)
    assert world.moves() == [
        Move(PLANNED, UNKNOWN, at=7200.5, noticed=7200.5),
        Move(UNKNOWN, DOWN, at=7210.5, noticed=7245.5, cause=TIMEOUT),
    ]
    account = world.account()
    assert (account.unknown, account.down) == (10_000, 84_500)


def test_an_in_service_date_that_passes_out_of_sight_convicts_nobody() -> None:
    """V1, S2, S5."""
    world = World(dated(100)).to(50).lose().to(300)
    assert world.moves() == [Move(PLANNED, UNKNOWN, at=100, noticed=100)]
    world.regain().to(345)
    assert world.last() == Move(UNKNOWN, DOWN, at=310, noticed=345, cause=TIMEOUT)
    assert world.account().unknown == 210_000


def test_an_in_service_date_passed_in_a_stall_declares_none_down() -> None:
    """V1, S8: in the ledger from its date, with the time to show itself from the waking."""
    world = World(dated(100), enrolment("cam-2")).to(50).stall(1000)
    world.beat("cam-2")
    world.to(1044)
    assert world.moves() == [Move(PLANNED, UNKNOWN, at=100, noticed=1000)]
    assert world.to(1045).last() == Move(UNKNOWN, DOWN, at=1010, noticed=1045, cause=TIMEOUT)


def test_a_proof_after_a_skipped_date_gives_the_whole_deadline() -> None:
    """V1, L2, T2: what a heartbeat would have been due by since the date does not count against it."""
    world = World(dated(100)).to(10)
    late = Instant(
        START.mono + 60, START.utc_ms + 160_000
    )  # the date was 60 s ago, the loop has not looked yet
    world.watch.heartbeat(world.camera(), late, Heartbeat())
    assert world.camera().underlying_status is Status.UP
    assert deadlines.down_deadline(world.camera()) == late.mono + 45


def test_a_camera_commissioned_before_its_date_stays_in_service() -> None:
    """V1: "before the date *and* the first proof"; the date is nothing more to it, nor is a reload."""
    world = World(dated(1000)).to(100).beats(200).reload(dated(1000)).beats(1200)
    assert world.moves() == [Move(PLANNED, UP, at=100, noticed=100)]


def test_a_reload_can_plan_again_what_never_gave_a_proof() -> None:
    """V1: its time in the ledger ends there, and begins anew."""
    world = World().to(100).reload(planned())
    assert world.last() == Move(DOWN, PLANNED, at=100, noticed=100)
    in_service = world.to(500).account().in_service
    assert in_service == 100_000
    world.beats(600)
    assert world.account().in_service == 200_000


@pytest.mark.parametrize("date", [None, 400.0])
def test_a_reload_that_puts_a_camera_in_service_does_so_from_then(date: float | None) -> None:
    """V1, V6: a date that lies in the past does not reach back behind the reload that brought it."""
    row = enrolment() if date is None else dated(date)
    world = World(planned()).to(1000).reload(row).to(1100)
    assert world.moves() == [
        Move(PLANNED, UNKNOWN, at=1000, noticed=1000),
        Move(UNKNOWN, DOWN, at=1010, noticed=1045, cause=TIMEOUT),
    ]


def test_a_date_that_is_put_off_is_waited_for() -> None:
    """V1, V6."""
    world = World(dated(100)).to(50).reload(dated(9000)).to(8999.999)
    assert world.moves() == []
    assert world.to(9000).moves() == [Move(PLANNED, UNKNOWN, at=9000, noticed=9000)]


def test_a_retired_camera_is_not_expected_and_its_heartbeats_are() -> None:
    """V2: refused as unexpected, and changing nothing."""
    world = World(retired()).to(5)
    assert world.beat() is RejectionReason.UNEXPECTED
    assert world.word(SessionStatus.ONLINE) is RejectionReason.UNEXPECTED
    assert world.word(SessionStatus.OFFLINE) is RejectionReason.UNEXPECTED
    assert world.word(SessionStatus.OFFLINE, retained=True) is None
    assert world.to(1000).moves() == []
    assert world.camera().heartbeats == 0
    assert world.account().in_service == 0


def test_retiring_a_camera_ends_its_ledger_and_its_outage() -> None:
    """V2, V6."""
    world = alive().to(100).reload(retired()).to(500)
    assert world.moves()[1:] == [Move(DOWN, RETIRED, at=100, noticed=100)]
    assert world.account().in_service == 100_000
    world.reload(enrolment()).to(600)
    assert world.moves()[2:] == [
        Move(RETIRED, UNKNOWN, at=500, noticed=500),
        Move(UNKNOWN, DOWN, at=510, noticed=545, cause=TIMEOUT),
    ]
    assert world.camera().outages == 2


def test_retired_and_planned_take_precedence_over_maintenance() -> None:
    """V4."""
    for row, status in ((retired(), RETIRED), (planned(), PLANNED)):
        world = World(row, windows=[window(-100, 1000)]).to(50)
        assert world.status() is status
        assert world.moves() == []


def test_retirement_inside_a_window_is_told_and_keeps_the_ledger_exact() -> None:
    """V2, V4, A1."""
    world = alive(windows=[window(50, 500)]).beats(100).reload(retired(), windows=[window(50, 500)]).to(600)
    assert [(move.old, move.new, move.at) for move in world.moves()][-1] == (
        Status.MAINTENANCE,
        RETIRED,
        100,
    )
    account = world.account()
    assert (account.up, account.maintenance, account.in_service) == (50_000, 50_000, 100_000)


# --- reload


def test_an_unchanged_camera_keeps_its_state() -> None:
    """V6: at any moment of its life, nothing is noticed of the reload."""
    world, other = alive(until=100), alive(until=100)
    for t in range(101, 300):
        world.to(t).reload(enrolment())
        other.to(t)
    assert world.moves() == other.moves()
    assert world.account() == other.account()


def test_a_changed_row_keeps_the_state_and_shows_in_what_follows() -> None:
    """V6."""
    world = alive(until=100).to(120)
    state = world.camera()
    world.reload(enrolment(name="Nouvelle", site="puyricard", purpose=Purpose.TRAFFIC)).to(145)
    assert world.camera() is state
    (down,) = world.transitions()
    assert getattr(down, "site", "") == "puyricard"
    assert world.moves() == [Move(UP, DOWN, at=105, noticed=145, cause=TIMEOUT)]
    assert state.camera.purpose is Purpose.TRAFFIC


@pytest.mark.parametrize(
    ("setting", "noticed", "at"),
    [(Liveness(interval_s=20), 190.0, 110.0), (Liveness(interval_s=4), 120.0, 102.0)],
)
def test_new_deadlines_hold_from_the_reload_on(setting: Liveness, noticed: float, at: float) -> None:
    """L2, V6: a silence that is too long by the new ones is convicted at the reload."""
    world = alive(until=100).to(120).reload(enrolment(liveness=setting))
    world.to(noticed).tick()
    assert world.last() == Move(UP, DOWN, at=max(105, at), noticed=noticed, cause=TIMEOUT)


def test_new_thresholds_hold_from_the_next_heartbeat_on() -> None:
    """C3, V6."""
    world = World()
    world.beat(fps=10.0)
    world.reload(enrolment(thresholds=Thresholds(fps_min=12)))
    world.to(10).beat(fps=10.0)
    assert world.camera().reasons
    world.reload(enrolment()).to(20).beat(fps=10.0)
    assert not world.camera().reasons


def test_an_added_camera_begins_unknown_with_a_ledger_from_the_reload() -> None:
    """V6, S6."""
    world = alive(until=100).to(105).reload(*fleet(2)).to(200)
    assert world.moves("cam-2") == [Move(UNKNOWN, DOWN, at=115, noticed=150, cause=TIMEOUT)]
    account = world.account("cam-2")
    assert (account.unknown, account.down) == (10_000, 80_000)


def test_a_camera_added_while_out_of_sight_waits_for_sight() -> None:
    """V6, S5: for an operator whose link is known, and for a new one."""
    world = alive(until=100).to(105).lose().to(200)
    world.reload(*fleet(2), enrolment("new", operator="sacogiva")).to(300).regain().to(345)
    for camera_id in ("cam-2", "new"):
        assert world.moves(camera_id) == [Move(UNKNOWN, DOWN, at=310, noticed=345, cause=TIMEOUT)]


def test_a_removed_camera_comes_back_unknown_and_its_counts_go_on() -> None:
    """V6; counters never decrease within a process, whatever is taken out of the inventory."""
    world = alive(*fleet(2), until=100)
    before, heartbeats = replace(world.account("cam-2")), world.camera("cam-2").heartbeats
    assert before.up
    assert heartbeats
    world.reload(*fleet(1)).to(200)
    assert list(world.watch.cameras) == ["cam-1"]
    assert world.moves("cam-2") == []
    world.reload(*fleet(2))
    assert world.status("cam-2") is UNKNOWN
    assert world.account("cam-2") == before
    world.beat("cam-2")
    assert world.camera("cam-2").heartbeats == heartbeats + 1


def test_a_camera_that_changes_hands_begins_anew() -> None:
    """V6: another operator's topic, link and account."""
    world = alive(until=100).reload(enrolment(operator="sacogiva"))
    assert world.status() is UNKNOWN
    assert world.account().in_service == 0
    world.beat()
    assert world.camera().camera.operator == "sacogiva"


def test_cameras_stand_in_the_order_of_their_ids() -> None:
    """For pages and metrics that do not jump about."""
    world = World(*reversed(fleet(9))).reload(*fleet(5), enrolment("aaa"))
    assert list(world.watch.cameras) == ["aaa", *(f"cam-{number}" for number in range(1, 6))]


def test_a_reload_of_everything_at_once() -> None:
    """V6: added, removed, changed, retired, planned and untouched in one go."""
    rows = fleet(6)
    world = alive(*rows, until=100)
    changed = replace(rows[1], liveness=Liveness(interval_s=20))
    gone = enrolment("cam-4", lifecycle=Lifecycle.RETIRED)
    moved = enrolment("cam-5", site="puyricard")
    world.to(105).reload(rows[0], changed, gone, moved, planned("cam-6"), enrolment("cam-7")).to(145)
    assert {camera_id: world.status(camera_id) for camera_id in world.watch.cameras} == {
        "cam-1": DOWN,
        "cam-2": UP,
        "cam-4": RETIRED,
        "cam-5": DOWN,
        "cam-6": DOWN,  # it gave a proof: an inventory that plans it again is not believed
        "cam-7": UNKNOWN,
    }
    assert world.watch.next_deadline == instant(150).mono


def test_a_date_passed_in_a_stall_counts_before_the_proof_after_it() -> None:
    """V1, S8: the ledger begins with the date, whether the loop or a heartbeat is first to notice."""
    world = World(enrolment(lifecycle=Lifecycle.PLANNED, in_service_from_ms=utc_ms(100)))
    world.to(50)
    world.t = 200.0
    world.beat()
    assert world.account() == StatusTime(unknown=100_000)
    assert [(move.new, move.at) for move in world.moves()] == [(Status.UNKNOWN, 100.0), (Status.UP, 200.0)]


def test_a_planned_camera_returns_in_service_from_the_reload_on() -> None:
    world = World(planned(), enrolment("cam-2")).to(10)
    world.reload(enrolment("cam-2"))
    world.to(20).reload(enrolment(), enrolment("cam-2"))
    world.to(30)
    assert world.moves("cam-1") == []
    assert world.account() == StatusTime(unknown=10_000)


def test_a_heartbeat_sent_before_the_plan_commissions_no_sooner() -> None:
    """V2, S11: its link lags by 20 s, and it was retired when it said that."""
    world, others = World(*fleet(5)), fleet(4)
    for t, late in ((0, 0), (10, 0), (20, 0), (40, 20), (44, 20), (48, 20)):
        world.to(t)
        for camera_id in list(world.watch.cameras)[: 4 if late else 5]:
            world.beat(camera_id, ts=START.utc_ms / 1000 + t - late)
    world.reload(*others, enrolment("cam-5", lifecycle=Lifecycle.RETIRED))
    world.to(60).reload(*others, planned("cam-5"))
    assert world.beat("cam-5", ts=START.utc_ms / 1000 + 40) is None
    assert world.last("cam-5") == Move(PLANNED, UP, at=60, noticed=60)
    began = [event for event in world.events if isinstance(event, ServicePeriodEvent)][-1]
    assert (began.camera, began.started, began.at) == ("cam-5", True, instant(60))


def test_a_date_passed_while_removed_declares_no_camera_down() -> None:
    """V1, V6: nobody expected it then."""
    world = World(dated(20), enrolment("cam-2")).to(10)
    world.reload(enrolment("cam-2"))
    world.to(100).reload(dated(20), enrolment("cam-2"))
    world.to(200)
    assert world.moves() == [
        Move(PLANNED, UNKNOWN, at=100, noticed=100),
        Move(UNKNOWN, DOWN, at=110, noticed=145, cause=TIMEOUT),
    ]


def test_a_camera_removed_while_down_may_return_retired() -> None:
    """V6: its outage ended with its removal, and does not continue."""
    world = alive(until=10).to(60)
    assert world.status() is DOWN
    world.reload(enrolment("other")).to(100).reload(enrolment("other"), retired())
    assert world.last() == Move(UNKNOWN, RETIRED, 100, 100)


def test_retiring_a_camera_that_was_never_visible_ends_no_service() -> None:
    """V2: it did not enter service."""
    world = World(sight=False).to(5).reload(retired())
    assert world.status() is RETIRED
    assert not any(isinstance(event, ServicePeriodEvent) for event in world.events)


def test_a_late_heartbeat_says_nothing_of_a_camera_planned_again() -> None:
    """V1: only a proof puts it in service."""
    world = World()
    for t in range(0, 60, 10):
        world.to(t).beat(ts=utc_ms(t) / 1000)
    world.reload(retired()).reload(planned()).to(100)
    assert world.beat(ts=utc_ms(70) / 1000) is RejectionReason.LATE
    assert world.status() is PLANNED
    assert not any(isinstance(event, Backfill) for event in world.events)
