"""Sight and blindness: nobody is convicted for what could not be seen (rules S1-S5, S7)."""

from __future__ import annotations

from typing import Any

import pytest

from camwatch.core import deadlines
from camwatch.core.events import Backfill, MonitoringGap
from camwatch.core.model import Cause, GapCause, Liveness, Status
from camwatch.core.telemetry import RejectionReason, SessionStatus
from tests.support.fleet import START, Move, World, alive, enrolment, fleet, instant, seconds, utc_ms

UNKNOWN, UP, DOWN = Status.UNKNOWN, Status.UP, Status.DOWN
TIMEOUT = Cause.TIMEOUT


def test_before_the_first_subscription_nothing_is_in_sight() -> None:
    """S1, S6."""
    world = World(sight=False).to(1000)
    assert world.is_blind()
    assert world.status() is UNKNOWN
    assert world.account().in_service == 0
    world.regain().to(1044.999)
    assert not world.is_blind()
    assert world.moves() == []
    assert world.to(1045).moves() == [Move(UNKNOWN, DOWN, at=1010, noticed=1045, cause=TIMEOUT)]


def test_a_link_that_carries_nobody_blinds_nobody() -> None:
    """S1."""
    world = World(enrolment(operator="ville"), links={"main": ["ville"], "spare": ["sacogiva"]}, sight=False)
    world.regain("main")
    assert not world.is_blind()


@pytest.mark.parametrize(
    ("begin", "end", "noticed"),
    [
        # last proof 100, due 110, deadline 145
        (102.0, 107.0, 160.0),  # before the heartbeat was due
        (100.0, 109.999, 164.999),
        (105.0, 110.0, 160.0),  # sight is back when it is due
        (105.0, 115.0, 165.0),  # around the due instant
        (110.0, 115.0, 160.0),
        (111.0, 116.0, 160.0),  # after it
        (120.0, 130.0, 165.0),
        (144.0, 149.0, 160.0),
        (102.0, 146.999, 199.999),  # nearly as long as blind_after
        (144.999, 189.998, 199.999),
    ],
)
def test_a_short_gap_moves_the_deadline_by_its_length_and_an_interval(
    begin: float, end: float, noticed: float
) -> None:
    """S2, S4, E1: `at` is one interval after sight returned; before, from when it was due, it is unknown."""
    world = alive(until=100).blind(begin, end)
    assert world.to(noticed - 0.001).moves() == []
    unknown, down = world.to(noticed).moves()
    assert unknown == Move(UP, UNKNOWN, 110.0, noticed)
    assert down == Move(UNKNOWN, DOWN, down.at, noticed, TIMEOUT)
    assert down.at == pytest.approx(end + 10, abs=0.0011)


@pytest.mark.parametrize(("begin", "end", "back"), [(102.0, 132.0, 160.0), (120.0, 150.0, 184.0)])
def test_a_camera_dead_across_a_short_gap_has_no_unseen_up_time(
    begin: float, end: float, back: float
) -> None:
    """E3: its proofs are further apart than `down_after`, so what lies between is unknown, not up."""
    world = alive(until=100).blind(begin, end).to(back)
    world.beat()
    assert world.moves() == [Move(UP, UNKNOWN, 110.0, back), Move(UNKNOWN, UP, back, back)]
    account = world.beats(back + 20).account()
    assert (account.up, account.unknown) == (110_000 + 20_000, round((back - 110) * 1000))


def test_two_short_blindnesses_both_move_the_deadline() -> None:
    """S4."""
    world = alive(until=100).blind(105, 110).blind(140, 145)
    assert world.to(174.999).moves() == []
    assert world.to(175).moves() == [
        Move(UP, UNKNOWN, at=110, noticed=175),
        Move(UNKNOWN, DOWN, at=155, noticed=175, cause=TIMEOUT),
    ]


def test_a_proof_after_a_short_blindness_ends_its_grace() -> None:
    """L2, S4: the deadline is 4.5 intervals from the proof again."""
    world = alive(until=100).blind(105, 125).to(126)
    world.beat()
    assert world.to(171).moves() == [Move(UP, DOWN, at=131, noticed=171, cause=TIMEOUT)]


def test_a_proof_right_after_a_short_blindness_brings_the_deadline_forward() -> None:
    """L2, S4: the grace of the blindness must not delay the conviction of who spoke since."""
    world = alive(until=100).blind(101, 141).to(147)
    world.beat()
    assert world.to(192).last() == Move(UP, DOWN, at=152, noticed=192, cause=TIMEOUT)


def test_a_short_blindness_moves_the_suspicion_too() -> None:
    """C1, S2."""
    world = alive(until=100).blind(105, 115)
    for t, suspect in ((144.999, False), (145.0, True)):
        world.to(t)
        assert deadlines.is_suspect(world.camera(), world.now.mono) is suspect


def test_nobody_becomes_suspect_while_nobody_can_be_heard() -> None:
    """C1, S2."""
    world = alive(until=100).to(105).lose().to(149)
    assert world.status() is UP
    assert not deadlines.is_suspect(world.camera(), world.now.mono)


@pytest.mark.parametrize("begin", [100.0, 105.0, 110.0, 125.0, 144.999])
def test_a_long_blindness_makes_the_camera_unknown_at_its_beginning(begin: float) -> None:
    """S4, E3: or from when its heartbeat was due, if that was earlier: silence in sight is not up."""
    world = alive(until=100).to(begin).lose().to(begin + 44.999)
    assert world.moves() == []
    assert world.to(begin + 45).moves() == [Move(UP, UNKNOWN, at=min(begin, 110.0), noticed=begin + 45)]
    assert world.to(5000).moves()[1:] == []


def test_blindness_begins_at_the_last_packet_and_not_when_it_was_noticed() -> None:
    """S3."""
    world = alive(until=100)
    world.frozen.add("main")
    world.to(120).lose(last_packet=101)
    assert world.to(145.999).moves() == []
    assert world.to(146).moves() == [Move(UP, UNKNOWN, at=101, noticed=146)]


def test_a_loss_detected_late_is_unknown_from_the_last_packet() -> None:
    """S3, S4, S10."""
    world = alive(until=100)
    world.frozen.add("main")
    world.to(200).lose(last_packet=101).to(200.001)
    assert world.moves() == [Move(UP, UNKNOWN, at=101, noticed=200)]


def test_a_link_lost_and_regained_in_one_loop_turn_gives_the_same_events() -> None:
    """S3, S4: the blindness is judged when it ends, if not before."""
    world = alive(until=100)
    world.frozen.add("main")
    world.to(160)
    world.lose(last_packet=101).regain()
    assert world.moves() == [Move(UP, UNKNOWN, at=101, noticed=160)]


def test_when_sight_returns_a_proof_makes_an_unknown_camera_up() -> None:
    """S5, L4."""
    world = alive(until=100).blind(101, 500).to(512)
    world.beat()
    assert world.moves() == [Move(UP, UNKNOWN, at=101, noticed=146), Move(UNKNOWN, UP, at=512, noticed=512)]


def test_without_a_proof_after_a_gap_the_camera_is_down_an_interval_later() -> None:
    """S5: with a fresh deadline."""
    world = alive(until=100).blind(101, 500)
    assert world.to(544.999).moves() == [Move(UP, UNKNOWN, at=101, noticed=146)]
    assert world.to(545).last() == Move(UNKNOWN, DOWN, at=510, noticed=545, cause=TIMEOUT)


def test_each_return_of_sight_gives_an_unknown_camera_a_fresh_deadline() -> None:
    """S5."""
    world = alive(until=100).blind(101, 500).blind(530, 531)
    assert world.to(575.999).last().new is UNKNOWN
    assert world.to(576).last() == Move(UNKNOWN, DOWN, at=541, noticed=576, cause=TIMEOUT)


def test_a_camera_that_was_down_stays_down_through_a_short_blindness() -> None:
    """S4, S7, E3: changes no status, and begins no outage; but the time in between is unknown."""
    world = alive(until=100).to(150).blind(160, 200).to(1000)
    assert world.moves() == [
        Move(UP, DOWN, at=105, noticed=145, cause=TIMEOUT),
        Move(DOWN, UNKNOWN, at=160, noticed=200),
        Move(UNKNOWN, DOWN, at=200, noticed=200, cause=TIMEOUT),
    ]
    assert world.camera().outages == 1


def test_down_before_and_after_a_long_blindness_is_one_outage() -> None:
    """S7: the blind time inside it is unknown, not down."""
    world = alive(until=100).to(150).blind(160, 500).to(600)
    assert world.moves() == [
        Move(UP, DOWN, at=105, noticed=145, cause=TIMEOUT),
        Move(DOWN, UNKNOWN, at=160, noticed=205),
        Move(UNKNOWN, DOWN, at=510, noticed=545, cause=TIMEOUT),
    ]
    assert world.camera().outages == 1
    account = world.account()
    assert (account.up, account.down, account.unknown) == (105_000, 55_000 + 85_000, 350_000)


def test_a_proof_between_two_stays_in_down_makes_them_two_outages() -> None:
    """S7."""
    world = alive(until=100).to(150).blind(160, 500).to(501)
    world.beat()
    assert world.to(600).camera().outages == 2


def test_a_camera_lost_in_the_blindness_has_a_first_outage_after_it() -> None:
    """S7."""
    world = alive(until=100).blind(101, 500).to(600)
    assert world.camera().outages == 1


def test_two_links_are_in_sight_while_one_of_them_is() -> None:
    """S1."""
    world = World(links=("one", "two")).beats(100).lose("one").to(101)
    assert not world.is_blind()
    world.beat(link="two")
    world.lose("two").to(102)
    assert world.is_blind()
    world.regain("one")
    assert not world.is_blind()


def test_losing_a_link_without_its_heartbeats_moves_no_deadline() -> None:
    """S1, S2, S13."""
    world = World(links=("one", "two")).beats(100).lose("two").to(120).regain("two")
    assert world.to(145).last() == Move(UP, DOWN, at=105, noticed=145, cause=TIMEOUT)


def test_losing_the_link_of_its_heartbeats_hides_that_camera_alone() -> None:
    """S13: its session was with that broker, and it takes time to find the other."""
    world = World(*fleet(2), links=("one", "two"))
    for t in range(0, 110, 10):
        world.to(t).beat("cam-1", link="one")
        world.beat("cam-2", link="two")
    world.to(101).lose("one").to(145)
    assert [world.status("cam-1"), world.status("cam-2")] == [UP, DOWN]
    assert world.to(146).last("cam-1") == Move(UP, UNKNOWN, at=101, noticed=146)
    assert world.to(190.999).status("cam-1") is UNKNOWN
    assert world.to(191).last("cam-1") == Move(UNKNOWN, DOWN, at=156, noticed=191, cause=TIMEOUT)


def test_a_camera_that_shows_on_the_other_link_was_up_all_the_time() -> None:
    """S13, E3."""
    world = World(links=("one", "two")).beats(100).lose("one").to(130)
    world.beat(link="two")
    assert world.to(170).moves() == [Move(UNKNOWN, UP, at=0, noticed=0)]
    assert world.account().up == 135_000
    assert world.to(175).last() == Move(UP, DOWN, at=135, noticed=175, cause=TIMEOUT)


def test_a_returning_link_gives_its_cameras_the_grace_of_a_short_gap() -> None:
    """S4, S13."""
    world = World(links=("one", "two")).beats(100).lose("one").to(120).regain("one")
    assert world.to(174.999).status() is UP
    assert world.to(175).last() == Move(UNKNOWN, DOWN, at=130, noticed=175, cause=TIMEOUT)


def test_a_camera_hidden_alone_joins_the_gap_of_the_others() -> None:
    """S4, S13: a look at it when its own time is over changes nothing, and asks for no other at once."""
    world = World(links=("one", "two")).beats(100).to(146).lose("one").to(180).lose("two").to(224.999)
    assert world.last() == Move(UP, DOWN, at=105, noticed=145, cause=TIMEOUT)
    assert world.to(225).last() == Move(DOWN, UNKNOWN, at=180, noticed=225)


def test_blindness_of_two_links_begins_at_the_last_packet_of_either() -> None:
    """S1, S3."""
    world = World(links=("one", "two")).beats(100, every=1)
    world.frozen = {"one", "two"}
    world.to(120).lose("two", last_packet=103).to(121).lose("one", last_packet=101)
    world.to(148)
    assert world.last() == Move(UP, UNKNOWN, at=103, noticed=148)


def test_operators_on_different_links_are_blind_apart() -> None:
    """S1: a landlord's bridge that fails says nothing about the city's cameras."""
    world = World(
        enrolment("city", operator="ville"),
        enrolment("landlord", operator="sacogiva"),
        links={"main": ["ville"], "bridge": ["sacogiva"]},
    )
    world.beats(100).lose("bridge").beats(200, "city")
    assert world.status("landlord") is UNKNOWN
    assert world.status("city") is UP
    assert world.is_blind()
    world.to(300)
    assert world.status("city") is DOWN
    assert world.status("landlord") is UNKNOWN


def ts_of(t: float) -> float:
    """Return what the clock of a camera shows."""
    return START.utc_ms / 1000 + t


def told_until(t: int) -> World:
    """Return the world of one camera that tells when it speaks, up to an instant."""
    world = World()
    for at in range(0, t + 1, 10):
        world.to(at).beat(ts=ts_of(at))
    return world


def test_what_a_broker_kept_proves_life_when_it_was_sent() -> None:
    """E3, S9: it comes before the subscription is confirmed, and waited for less than an interval."""
    world = told_until(100).to(101).lose().to(500)
    world.beat(ts=ts_of(493))
    world.regain().to(600)
    assert world.moves() == [
        Move(UNKNOWN, UP, at=0, noticed=0),
        Move(UP, UNKNOWN, at=101, noticed=146),
        Move(UNKNOWN, UP, at=493, noticed=500),
        Move(UP, UNKNOWN, at=503, noticed=555),
        Move(UNKNOWN, DOWN, at=510, noticed=555, cause=TIMEOUT),
    ]


def test_a_kept_heartbeat_without_a_time_proves_nothing_of_now() -> None:
    """E3: it may have waited since the link was lost."""
    world = alive(until=100).to(101).lose().to(500)
    world.beat()
    world.regain().to(600)
    assert world.moves() == [
        Move(UP, UNKNOWN, at=101, noticed=146),
        Move(UNKNOWN, DOWN, at=510, noticed=545, cause=TIMEOUT),
    ]
    world.beat()
    assert world.status() is UP


@pytest.mark.parametrize("told", [True, False])
def test_a_down_camera_heard_in_a_gap_is_unknown_there(told: bool) -> None:
    """E3, S7: it came back after sight was lost, so it was not down up to what was kept."""
    world = told_until(100).to(200).lose().to(215)
    assert world.last() == Move(UP, DOWN, at=105, noticed=145, cause=TIMEOUT)
    said: dict[str, Any] = {"ts": ts_of(211)} if told else {}
    world.beat(**said)
    world.regain().to(221).beat(ts=ts_of(221))
    back = (211, 215) if told else (221, 221)
    assert world.moves()[2:] == [
        Move(DOWN, UNKNOWN, at=200, noticed=215),
        Move(UNKNOWN, UP, at=back[0], noticed=back[1]),
    ]


def test_a_late_heartbeat_of_a_down_camera_shows_its_return_in_a_gap() -> None:
    """E3, S7: what it was since sight was lost is unknown, but for what its words prove."""
    world = told_until(100).to(200).lose().to(230)
    world.beat(ts=ts_of(215))
    world.regain().to(231).beat(ts=ts_of(231))
    assert [move.new for move in world.moves()] == [UP, DOWN, UNKNOWN, UP]
    [fill] = [each for each in world.events if isinstance(each, Backfill)]
    assert (fill.start_ms, fill.end_ms) == (utc_ms(210), utc_ms(231))


@pytest.mark.parametrize(("uptime_s", "at"), [(12.0, 215), (2.0, 218)])
def test_a_camera_that_booted_out_of_sight_was_back_when_sight_returned(uptime_s: float, at: float) -> None:
    """E2: or since it booted."""
    world = World()
    for t in range(0, 101, 10):
        world.to(t).beat(ts=ts_of(t), seq=t // 10, uptime_s=1000.0 + t)
    world.to(200).lose().to(215).regain().to(218)
    world.beat(ts=ts_of(218), seq=0, uptime_s=uptime_s)
    back = world.transitions()[-1]
    assert (back.new, back.at.utc_ms) == (UP, utc_ms(at))
    assert (back.earliest_ms, back.latest_ms) == (utc_ms(218 - uptime_s), utc_ms(218))


def test_a_camera_may_have_come_back_at_any_time_since_sight_was_lost() -> None:
    """E2: where its first heartbeat comes within the interval after sight returned."""
    world = told_until(100).to(200).lose().to(215).regain().to(221)
    world.beat(ts=ts_of(221))
    back = world.transitions()[-1]
    assert (back.new, back.at.utc_ms) == (UP, utc_ms(221))
    assert (back.earliest_ms, back.latest_ms) == (utc_ms(187.5), utc_ms(221))


def test_a_camera_heard_in_a_gap_is_unknown_if_the_gap_continues() -> None:
    """S4: the subscription was refused after all."""
    world = told_until(100).to(101).lose().to(500)
    world.beat(ts=ts_of(500))
    assert world.to(545).last() == Move(UP, UNKNOWN, at=500, noticed=545)


@pytest.mark.parametrize("silent_for", [5.0, 80.0])
def test_packets_before_the_subscription_do_not_shorten_the_gap(silent_for: float) -> None:
    """S1, S3: a broker that answers but grants no subscription shows us nothing."""
    world = alive(until=100).to(100 + silent_for).lose(last_packet=100 + silent_for).to(103 + silent_for)
    world.watch.packets_taken(world.watch.links["main"], world.now)
    world.account()
    world.to(400)
    assert world.last() == Move(world.last().old, UNKNOWN, at=100 + silent_for, noticed=145 + silent_for)
    account = world.account()
    assert account.unknown == (400 - 100 - round(silent_for)) * 1000


@pytest.mark.no_cover
def test_ten_thousand_cameras_go_blind_and_return_together() -> None:
    """S4, S5: each by its own deadline."""
    slow = Liveness(interval_s=60)
    world = World(*fleet(9_999), enrolment("slow", slow))
    world.beats(0).blind(1, 61)
    assert world.status("cam-1") is UNKNOWN
    assert world.status("slow") is UP
    assert world.watch.next_deadline == instant(61 + 45).mono


@pytest.mark.parametrize(("sent", "deadline"), [(20, 95), (28, 103), (35, 105), (39, 105)])
def test_heartbeats_sent_in_a_gap_are_judged_by_their_sending_time(sent: float, deadline: float) -> None:
    """S4, L8: its last heartbeat before was of second 0, and it was out of sight from 30 to 50."""
    world = World()
    world.beat(ts=START.utc_ms / 1000)
    world.blind(30, 50)
    assert world.beat(ts=START.utc_ms / 1000 + sent) is RejectionReason.LATE
    world.to(200)
    assert world.last().new is Status.DOWN
    assert world.last().noticed == deadline


@pytest.mark.parametrize(("up_s", "lost_s"), [(1.0, 0.5), (9.0, 1.0), (3.0, 40.0), (20.0, 30.0)])
def test_a_death_is_found_despite_many_short_gaps(up_s: float, lost_s: float) -> None:
    """S4: no longer up than for twice the deadline, and down a deadline and an interval after the last."""
    world = World(*fleet(2))
    world.beat()
    while world.t < 900:
        world.to(world.t + up_s)
        world.beat("cam-2")
        world.lose().to(world.t + lost_s).regain()
        assert world.status() is not UP or world.t <= 90 + lost_s + 45
    last = world.t
    world.beats(last + 60, "cam-2")
    assert DOWN not in [move.new for move in world.moves("cam-2")]
    assert world.last().new is DOWN
    assert world.last().noticed <= last + 55


def test_a_birth_before_a_silent_camera_is_declared_down_dates_its_return() -> None:
    """E2: it was back at 143, its deadline passed at 145, and its heartbeat came at 149."""
    world = told_until(100).to(143)
    world.word(SessionStatus.ONLINE)
    world.to(149).beat(ts=ts_of(149))
    assert world.moves()[1:] == [
        Move(UP, DOWN, at=105, noticed=145, cause=TIMEOUT),
        Move(DOWN, UP, at=143, noticed=149),
    ]
    assert world.transitions()[-1].earliest_ms is None


def test_a_birth_before_the_last_proof_dates_no_return() -> None:
    """E2: it said `online` at 100, gave a proof, died, and was back after a short hold of its will."""
    world = told_until(100).to(100.5)
    world.word(SessionStatus.ONLINE)
    world.to(101).beat(ts=ts_of(101))
    world.to(102).word(SessionStatus.OFFLINE)
    world.to(160).beat(ts=ts_of(160))
    assert world.last() == Move(DOWN, UP, at=160, noticed=160)


def test_an_online_just_after_a_gap_may_be_of_an_earlier_return() -> None:
    """E2: a broker that restarts makes all connect anew."""
    world = told_until(100).to(200).lose().to(215).regain().to(216)
    world.word(SessionStatus.ONLINE)
    world.to(221).beat(ts=ts_of(221))
    back = world.transitions()[-1]
    assert (back.new, back.at.utc_ms) == (UP, utc_ms(216))
    assert (back.earliest_ms, back.latest_ms) == (utc_ms(187.5), utc_ms(216))


def test_a_new_operator_is_visible_at_once_through_a_connected_link() -> None:
    """S1: its cameras need no new subscription to be judged."""
    first = enrolment("cam-1", operator="alpha")
    world = World(first, links={"main": ["alpha"], "spare": ["alpha", "beta"]}).to(10)
    world.reload(first, enrolment("cam-2", operator="beta")).to(200)
    assert world.status("cam-2") is Status.DOWN


def test_only_links_that_were_ever_visible_are_in_the_checkpoint() -> None:
    """S6: of the others an earlier process may know more."""
    cameras = enrolment("cam-1", operator="alpha"), enrolment("cam-2", operator="beta")
    world = World(*cameras, links={"main": ["alpha"], "spare": ["beta"]}, sight=False).regain("main")
    assert [each.links for each in world.watch.link_group_checkpoints()] == [("main",)]


def test_an_unknown_camera_stays_unknown_while_its_own_link_is_down() -> None:
    """S13: its proofs came over a link that is lost again before its deadline."""
    world = World(links=("main", "spare"))
    world.beat(link="main")
    world.to(5).lose("main").lose("spare").to(100).regain("main").regain("spare").to(101).lose("main")
    assert world.to(200).status() is Status.UNKNOWN
    assert world.regain("main").to(260).status() is Status.DOWN


def test_a_link_that_is_lost_twice_leaves_one_gap() -> None:
    """S1: the gap begins with the first loss."""
    world = World().to(1).lose().to(100).lose().to(101).regain()
    [gap] = [event for event in world.events if isinstance(event, MonitoringGap)]
    assert (seconds(gap.began), seconds(gap.ended)) == (1, 101)


def test_online_kept_by_a_broker_may_be_of_any_time_of_the_gap() -> None:
    """E2: a camera that was down before the gap returned between its beginning and its end."""
    world = alive(until=10).to(100).lose().to(120)
    world.word(SessionStatus.ONLINE)
    world.to(121).regain().to(125).beat()
    [*_, back] = world.transitions()
    assert (back.new, seconds(back.at)) == (Status.UP, 121)
    assert (back.earliest_ms, back.latest_ms) == (utc_ms(100 - 1.25 * 10), utc_ms(121))


def test_a_gap_found_outside_the_core_is_an_event_in_order() -> None:
    """T2: such as a step of the wall clock."""
    world = alive(until=10)
    gap = MonitoringGap((), (), GapCause.CLOCK_STEP, instant(5), instant(10))
    world.watch.record_gap(gap)
    assert world.watch.drain_events() == [gap]
