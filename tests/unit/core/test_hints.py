"""Last wills and goodbyes: a hint, held, is cancelled by a proof or believed (rule L5)."""

from __future__ import annotations

import pytest

from camwatch.core import deadlines
from camwatch.core.model import Cause, Liveness, Status
from camwatch.core.telemetry import SessionStatus
from tests.support.fleet import Move, World, alive, enrolment, fleet, instant, utc_ms

UNKNOWN, UP, DOWN = Status.UNKNOWN, Status.UP, Status.DOWN
HINTS = [(SessionStatus.OFFLINE, Cause.WILL), (SessionStatus.GOODBYE, Cause.GOODBYE)]


@pytest.mark.parametrize(("word", "cause"), HINTS)
def test_a_hint_that_no_proof_follows_is_believed_after_its_hold(word: SessionStatus, cause: Cause) -> None:
    """L5, E1: down 1.5 intervals later, `at` the hint: so soon after the proof it is the death."""
    world = alive(until=100).to(104)
    world.word(word)
    assert world.to(118.999).moves() == []
    assert world.to(119).moves() == [Move(UP, DOWN, at=104, noticed=119, cause=cause)]
    bounds = (
        (utc_ms(100), utc_ms(104)) if cause is Cause.WILL else (None, None)
    )  # a keep-alive runs out later
    assert (world.transitions()[0].earliest_ms, world.transitions()[0].latest_ms) == bounds


@pytest.mark.parametrize(("word", "cause"), HINTS)
def test_a_hint_long_after_the_last_heartbeat_dates_no_death(word: SessionStatus, cause: Cause) -> None:
    """E1: 1.5 intervals later it is a keep-alive that ran out; the camera died between its heartbeats."""
    world = alive(until=100).to(115)
    world.word(word)
    assert world.to(200).moves() == [Move(UP, DOWN, at=105, noticed=130, cause=cause)]
    assert (world.transitions()[0].earliest_ms, world.transitions()[0].latest_ms) == (
        utc_ms(100),
        utc_ms(112.5),
    )


def test_a_will_after_the_new_session_is_ignored_for_long_intervals() -> None:
    """L5: its next heartbeat is due after the ten seconds that are set; it has 1.5 intervals."""
    world = World(enrolment(liveness=Liveness(interval_s=60))).beats(300, every=60)
    world.to(330).word(SessionStatus.ONLINE)
    world.word(SessionStatus.OFFLINE)  # of the session before
    world.to(360).beats(900, every=60)
    assert [move.new for move in world.moves()] == [UP]


def test_a_hint_makes_the_camera_suspect_at_once() -> None:
    """L5, C1."""
    world = alive().to(3)
    world.word(SessionStatus.OFFLINE)
    assert world.status() is UP
    assert deadlines.is_suspect(world.camera(), world.now.mono)


@pytest.mark.parametrize("proof", ["heartbeat", "online"])
def test_a_proof_cancels_a_hint(proof: str) -> None:
    """L5: a camera that came back under the same name within the hold was never down."""
    world = alive(until=100).to(104)
    world.word(SessionStatus.OFFLINE)
    world.to(109.9)
    if proof == "heartbeat":
        world.beat()
    else:
        world.word(SessionStatus.ONLINE)
    assert not deadlines.is_suspect(world.camera(), world.now.mono)
    world.beats(200)
    assert world.moves() == []
    assert world.camera().outages == 0


def test_after_a_cancelled_hint_silence_has_its_full_time_again() -> None:
    """L2, L5."""
    world = alive(until=100).to(104)
    world.word(SessionStatus.OFFLINE)
    world.to(106).beat()
    assert world.to(150.999).moves() == []
    assert world.to(151).moves() == [Move(UP, DOWN, at=111, noticed=151, cause=Cause.TIMEOUT)]


def test_a_refused_heartbeat_cancels_no_hint() -> None:
    """L1, L5, L9: a duplicate proves nothing."""
    world = World()
    world.beat(seq=1)
    world.to(4).word(SessionStatus.OFFLINE)
    world.to(5).beat(seq=1)
    assert world.to(20).last() == Move(UP, DOWN, at=4, noticed=19, cause=Cause.WILL)


def test_a_second_hint_does_not_prolong_the_hold() -> None:
    """L5: a goodbye and the will after it are one going."""
    world = alive().to(2)
    world.word(SessionStatus.GOODBYE)
    world.to(9).word(SessionStatus.OFFLINE)
    assert world.to(30).moves() == [Move(UP, DOWN, at=2, noticed=17, cause=Cause.WILL)]


def test_a_hint_shortly_before_the_deadline_does_not_put_it_off() -> None:
    """L3, L5."""
    world = alive().to(44)
    world.word(SessionStatus.OFFLINE)
    assert world.to(45).moves() == [Move(UP, DOWN, at=5, noticed=45, cause=Cause.WILL)]


def test_the_hold_is_a_setting() -> None:
    """L5; but never less than 1.5 intervals."""
    world = World(*fleet(1), enrolment("cam-2", Liveness(will_grace_s=20)))
    world.beats(0)
    for camera_id in ("cam-1", "cam-2"):
        world.word(SessionStatus.OFFLINE, camera_id)
    world.to(40)
    assert world.last("cam-1").noticed == 15
    assert world.last("cam-2").noticed == 20


def test_a_retained_hint_counts_while_the_camera_is_unknown() -> None:
    """L5, S5: it tells why a camera is down of which nothing is known, but takes none of its deadline."""
    world = World().to(1)
    world.word(SessionStatus.OFFLINE, retained=True)
    assert world.to(44.999).moves() == []
    assert world.to(45).moves() == [Move(UNKNOWN, DOWN, at=1, noticed=45, cause=Cause.WILL)]


def test_a_retained_hint_says_nothing_of_a_camera_that_was_heard_before() -> None:
    """L5: it is of an earlier session."""
    world = alive().to(5).stall(100)
    assert world.status() is UNKNOWN
    world.word(SessionStatus.OFFLINE, retained=True)
    assert world.to(145).last() == Move(UNKNOWN, DOWN, at=110, noticed=145, cause=Cause.TIMEOUT)


def test_a_hint_while_unknown_counts_when_not_retained_too() -> None:
    """L5."""
    world = World().to(1)
    world.word(SessionStatus.GOODBYE)
    assert world.to(30).moves() == [Move(UNKNOWN, DOWN, at=1, noticed=16, cause=Cause.GOODBYE)]


def test_a_proof_cancels_a_retained_hint() -> None:
    """L5."""
    world = World().to(1)
    world.word(SessionStatus.OFFLINE, retained=True)
    world.to(10.9).beat()
    assert world.to(40).moves() == [Move(UNKNOWN, UP, at=10.9, noticed=10.9)]


@pytest.mark.parametrize("word", [SessionStatus.OFFLINE, SessionStatus.GOODBYE])
def test_a_retained_hint_means_nothing_for_a_camera_that_is_up(word: SessionStatus) -> None:
    """L5: it is of an earlier session, as this one gave a proof since."""
    world = alive().to(5)
    world.word(word, retained=True)
    assert not deadlines.is_suspect(world.camera(), world.now.mono)
    world.beats(60)
    assert world.moves() == []


def test_a_hint_means_nothing_for_a_camera_that_is_down() -> None:
    """L5: one outage, with the cause that was seen first."""
    world = alive().to(50)
    world.word(SessionStatus.OFFLINE)
    assert world.to(100).moves() == [Move(UP, DOWN, at=5, noticed=45, cause=Cause.TIMEOUT)]


def test_a_hint_is_extended_by_a_stall_and_an_interval() -> None:
    """L5, S2, S4, S8."""
    world = alive(until=100).to(104)
    world.word(SessionStatus.OFFLINE)
    world.to(106).stall(116)
    assert world.to(138.999).moves() == []
    assert world.to(139).moves() == [
        Move(UP, UNKNOWN, at=104, noticed=139),
        Move(UNKNOWN, DOWN, at=116, noticed=139, cause=Cause.WILL),
    ]


def test_the_wills_that_a_broker_publishes_as_it_ends_convict_nobody() -> None:
    """L5, S2, S4: a camera that needs 30 s to come back to a broker that was away for 20 s."""
    world = alive(until=100).to(104)
    world.word(SessionStatus.OFFLINE)
    world.blind(104.01, 124)
    world.to(154).beat()
    assert [move.new for move in world.to(190).moves()] == [UNKNOWN, UP]


def test_a_camera_that_died_just_before_its_broker_is_down_by_silence() -> None:
    """L5, S4: the deadline, put off by the blindness and one interval."""
    world = alive(until=100).to(104)
    world.word(SessionStatus.OFFLINE)
    world.blind(106, 116).to(200)
    assert world.moves() == [
        Move(UP, UNKNOWN, at=110, noticed=165),
        Move(UNKNOWN, DOWN, at=126, noticed=165, cause=Cause.TIMEOUT),
    ]


def test_a_hint_held_into_a_long_blindness_is_dropped() -> None:
    """L5, S4: the camera had all the time to come back."""
    world = alive(until=100).to(104)
    world.word(SessionStatus.OFFLINE)
    world.blind(106, 300)
    world.to(345)
    assert world.moves() == [
        Move(UP, UNKNOWN, at=106, noticed=151),
        Move(UNKNOWN, DOWN, at=310, noticed=345, cause=Cause.TIMEOUT),
    ]


def test_a_hint_for_an_unknown_camera_is_dropped_by_a_long_blindness_too() -> None:
    """L5, S5: the broker repeats a retained one at the next subscription."""
    world = World().to(1)
    world.word(SessionStatus.OFFLINE, retained=True)
    world.blind(5, 200).to(245)
    assert world.moves() == [Move(UNKNOWN, DOWN, at=210, noticed=245, cause=Cause.TIMEOUT)]


def test_the_grace_of_a_hint_begins_with_the_first_subscription() -> None:
    """L5, S2: brokers may send what they retained before they grant the subscription."""
    world = World(sight=False).to(1)
    world.word(SessionStatus.OFFLINE, retained=True)
    world.to(4).regain().to(140)
    assert world.moves() == [Move(UNKNOWN, DOWN, at=4, noticed=49, cause=Cause.WILL)]


@pytest.mark.parametrize(("retained", "confirmed"), [(False, False), (True, False), (True, True)])
def test_a_hint_kept_by_the_broker_during_a_lost_link_is_dropped(retained: bool, confirmed: bool) -> None:
    """L5, S5: a broker that was stopped has kept the wills of all its cameras, and they come back in 30 s."""
    world = alive().to(5).lose().to(100)
    if confirmed:
        world.regain()
    world.word(SessionStatus.OFFLINE, retained=retained)
    if not confirmed:
        world.regain()
    world.to(130).beat()
    assert world.to(140).moves() == [
        Move(UP, UNKNOWN, at=5, noticed=50),
        Move(UNKNOWN, UP, at=130, noticed=130),
    ]


def test_a_hint_kept_by_the_broker_for_a_short_while_is_dropped() -> None:
    """L5, S4: the broker was away for 10 s, the camera needs 30 s to come back."""
    world = alive(until=100).to(104).lose().to(114)
    world.word(SessionStatus.OFFLINE)
    world.regain().to(144).beat()
    assert world.to(180).moves() == []


def test_a_held_hint_stops_the_account_at_the_hint() -> None:
    """L5, A1: until it is decided, the time after the hint is nobody's."""
    world = alive(until=100).to(104)
    world.word(SessionStatus.OFFLINE)
    world.to(109)
    assert world.account().up == 104_000
    world.beat()
    assert world.account().up == 109_000


def test_a_believed_hint_leaves_no_time_up_after_it() -> None:
    """L5, A1."""
    world = alive(until=100).to(104)
    world.word(SessionStatus.OFFLINE)
    account = world.to(120).account()
    assert (account.up, account.down) == (104_000, 11_000)  # down until half an interval ago (E5)


def test_the_deadline_of_a_believed_hint_is_the_end_of_its_hold() -> None:
    """L5: the detection delay is measured against it."""
    world = alive(until=100).to(104)
    world.word(SessionStatus.OFFLINE)
    world.to(119)
    (conviction,) = world.transitions()
    assert getattr(conviction, "deadline", None) == instant(119).mono
