"""Late heartbeats prove what was not seen, and what was taken for an outage (rules E4, L8, S9)."""

from __future__ import annotations

from typing import Any

import pytest

from camwatch.accounting.records import CameraHistory, History, StatusChange
from camwatch.accounting.timeline import TimelineOverlays, status_time_between
from camwatch.core.events import Backfill
from camwatch.core.model import Lifecycle, Status
from camwatch.core.status_time import Interval, Proven, StatusTime
from camwatch.core.telemetry import RejectionReason, SessionStatus
from tests.support.fleet import START, World, enrolment, utc_ms


def sent(world: World, t: float, **said: Any) -> RejectionReason | None:
    """Deliver now a heartbeat that was sent at `t`."""
    return world.beat(ts=(START.utc_ms + t * 1000) / 1000, **said)


def lived(until: float) -> World:
    """Return a world whose camera gave heartbeats with `ts` at 0, 10, … up to `until`."""
    world = World()
    t = 0.0
    while t <= until:
        world.to(t)
        sent(world, t)
        t += 10
    return world


def ledger(world: World, until: float) -> StatusTime:
    """Return the account from 0 to `until`, as the record gives it: transitions, and fills over them."""
    camera = CameraHistory("cam-1", "ville", "mairie", "", world.camera().camera.purpose, "")
    camera.service_periods = [Interval(utc_ms(0), utc_ms(until))]
    camera.changes = [StatusChange(utc_ms(0), Status.UNKNOWN)]
    camera.changes += [StatusChange(move.at.utc_ms, move.new) for move in world.transitions()]
    camera.backfills = [Proven.of(fill.start_ms, fill.end_ms) for fill in fills(world)]
    record = History([camera], [], [], utc_ms(until), 0, 0, "")
    return status_time_between(
        TimelineOverlays(record).intervals(camera, utc_ms(until)), utc_ms(0), utc_ms(until)
    )


def fills(world: World) -> list[Backfill]:
    """Return what late heartbeats filled so far, as it is told at the next checkpoint."""
    world.watch.account([world.camera()], world.now)
    world.events += world.watch.drain_events()
    return [event for event in world.events if isinstance(event, Backfill)]


def up(seconds: float) -> StatusTime:
    """Return an account of nothing but up time."""
    return StatusTime(up=round(seconds * 1000))


@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize("checkpoint", [True, False])
def test_kept_heartbeats_fill_the_blindness_with_both_its_edges(early: bool, checkpoint: bool) -> None:
    """S9: from the last proof to the first on time, before the subscription is confirmed or after it."""
    world = lived(100).to(103).lose().to(400)
    if not early:
        world.regain()
    for t in range(110, 390, 10):
        assert sent(world, t) is RejectionReason.LATE
        if checkpoint and t % 70 == 0:
            assert fills(world)
    if early:
        world.to(400.5).regain()
    assert sent(world, 398) is None
    world.to(408)
    sent(world, 408)
    assert ledger(world, 408) == up(408)


def test_time_between_a_late_heartbeat_and_the_next_proof_is_proven() -> None:
    """E3, E4: from half an interval before the late one on."""
    world = lived(100).reload().to(150).reload(enrolment()).to(152)
    assert sent(world, 152) is None
    world.to(153)
    assert sent(world, 138) is RejectionReason.LATE
    assert fills(world) == []  # its clock may have been set back: the next heartbeat tells
    world.to(168)
    [fill] = fills(world)
    assert (fill.start_ms, fill.end_ms) == (utc_ms(133), utc_ms(152))


def test_lost_heartbeats_leave_no_doubt_up_to_down_after() -> None:
    """E3: between two signs of life at most `down_after` apart the camera lived."""
    world = lived(100).blind(103, 400)
    for t in (145, 190, 235, 280, 325, 370):
        sent(world, t)
    sent(world, 400)
    assert ledger(world, 400) == up(400)


def test_a_long_gap_is_unknown_but_for_half_an_interval_at_each_proof() -> None:
    """E4."""
    world = lived(100).blind(103, 400)
    sent(world, 200)
    sent(world, 260)
    sent(world, 400)
    account = ledger(world, 400)
    assert account.unknown == (195 - 103 + 255 - 205 + 400 - 265) * 1000
    assert account.in_service == 400_000
    assert account.down == 0


def test_what_was_sent_inside_an_outage_proves_it_false_there() -> None:
    """E4, E2: and it stays down until a heartbeat comes in time; the way opened when the late ones came."""
    world = lived(100).to(300)
    for t in (150, 200, 285):
        assert sent(world, t) is RejectionReason.LATE
        assert world.status() is Status.DOWN
    world.to(305)
    sent(world, 305)
    assert world.last().at == 300
    assert ledger(world, 305) == StatusTime(
        up=(105 + 10 + 10 + 305 - 280) * 1000, down=(300 - 105 - 40) * 1000
    )
    assert world.account().down == 195_000  # what was exported stays


def test_a_late_heartbeat_after_a_short_gap_fills_what_it_proves() -> None:
    """E3, E4: unknown from when the one before was due, but for the time around it."""
    world = lived(100).blind(103, 140).to(164)
    assert sent(world, 150) is RejectionReason.LATE
    world.to(170)
    sent(world, 170)
    assert ledger(world, 170) == StatusTime(up=(110 + 170 - 145) * 1000, unknown=(145 - 110) * 1000)


def test_all_that_was_sent_inside_an_outage_leaves_nothing_of_it() -> None:
    """E4: a landlord's bridge that kept everything for three minutes."""
    world = lived(100).to(300)
    for t in range(110, 281, 10):
        assert sent(world, t) is RejectionReason.LATE
    sent(world, 300)
    assert ledger(world, 300) == up(300)


def test_nothing_is_proven_of_the_time_before_a_boot() -> None:
    """E4: a camera that tells its uptime was not up before it began."""
    world = World()
    for t in range(0, 110, 10):
        world.to(t)
        sent(world, t, uptime_s=1000.0 + t)
    world.blind(103, 400)
    assert sent(world, 200, uptime_s=1.5) is RejectionReason.LATE
    [fill] = fills(world.to(420))
    assert (fill.start_ms, fill.end_ms) == (utc_ms(198.5), utc_ms(205))


def test_late_words_and_an_outage_after_the_blindness_stand_side_by_side() -> None:
    """E4, S7."""
    world = lived(100).to(160)
    world.lose().to(400).regain()
    sent(world, 165)
    world.to(500)
    account = ledger(world, 500)
    assert account.down == (160 - 105 + 500 - 410) * 1000
    assert account.up == (105 + 170 - 160) * 1000


def test_without_ts_nothing_is_late() -> None:
    """L8: a heartbeat that does not tell when it was sent proves the instant at which it came."""
    world = World().beats(100).blind(103, 400)
    assert world.beat() is None
    assert fills(world) == []
    assert ledger(world, 400).unknown == 297_000


def test_a_status_message_among_kept_heartbeats_does_not_part_them() -> None:
    """S9: `online` does not tell when it was sent; the heartbeats around it do."""
    world = lived(100).blind(103, 400)
    for t in range(110, 200, 10):
        sent(world, t)
    world.word(SessionStatus.ONLINE)
    for t in range(210, 390, 10):
        sent(world, t)
    sent(world, 400)
    world.to(410)
    sent(world, 410)
    assert ledger(world, 410) == up(410)


def test_an_old_boot_played_again_fills_nothing_beyond_unknown_time() -> None:
    """L8, A1: up, down and maintenance stay what they were; the sum is the same."""
    world = World(enrolment())
    for t in range(0, 110, 10):
        world.to(t)
        sent(world, t, seq=t // 10, uptime_s=t + 100.0)
    world.blind(103, 400)
    sent(world, 400, seq=0, uptime_s=1.0)
    before = ledger(world, 400)
    for t in range(0, 110, 10):
        sent(world, t, seq=t // 10, uptime_s=t + 100.0)
    after = ledger(world, 400)
    assert after.in_service == before.in_service == 400_000
    assert after.unknown >= before.unknown - 5_000
    assert after.down == before.down


def test_what_a_clock_told_before_it_went_wrong_stays_proven() -> None:
    """E4, L8: a clock is doubted for what it told since the last proof on time."""
    world = World()
    for t in range(0, 110, 10):
        world.to(t)
        sent(world, t, uptime_s=500.0 + t)
    world.blind(103, 400)
    for t in range(110, 210, 10):
        assert sent(world, t, uptime_s=500.0 + t) is RejectionReason.LATE
    for t in (400, 410, 420, 430, 440):  # its clock stands
        world.to(t)
        sent(world, 400, uptime_s=500.0 + t)
    assert world.camera().doubted_until > world.now.mono
    [fill] = fills(world)
    assert (fill.start_ms, fill.end_ms) == (utc_ms(100), utc_ms(205))


def test_heartbeats_late_by_a_wrong_clock_prove_life_on_arrival() -> None:
    """L8, L10: nobody else shows a lag, and 32 intervals show that it is the clock."""
    world = World(enrolment("cam-1"), enrolment("cam-2"))
    for t in range(0, 600, 10):
        world.to(t).beat("cam-2", seq=t // 10)
        behind = 60 if t >= 160 else 0
        if not 100 < t < 160:
            sent(world, t - behind, seq=(t - behind) // 10, uptime_s=500.0 + t - behind)
    assert Status.DOWN in [move.new for move in world.moves()]
    assert world.status() is Status.UP
    account = ledger(world, 590)
    assert (account.down, account.up) == (170_000 - 105_000, 590_000 - 65_000)


def test_a_late_heartbeat_proves_nothing_beyond_the_proof_that_followed_it() -> None:
    """E3, E4: what is unknown after that proof is so for another reason."""
    world = lived(100).to(105)
    world.reload(enrolment(lifecycle=Lifecycle.RETIRED)).to(110).reload(enrolment())
    world.to(130)
    assert sent(world, 95) is RejectionReason.LATE
    sent(world, 130)
    assert world.moves()[-1].at == 130
    assert [fill.end_ms for fill in fills(world) if fill.end_ms > utc_ms(100)] == []


def test_the_exported_account_does_not_change() -> None:
    """Counters stay as judged at the time; what is proven later shows in the record."""
    world = lived(100).blind(103, 400)
    before = world.account()
    for t in range(110, 400, 10):
        sent(world, t)
    assert world.account() == before


def test_two_boots_in_the_dark_are_both_believed() -> None:
    """L6, S9: a camera that started twice while nobody looked lived all the same."""
    world = World()
    for t in range(0, 110, 10):
        world.to(t)
        sent(world, t, seq=50 + t // 10, uptime_s=500.0 + t)
    world.blind(103, 400)
    for boot, end in ((110, 250), (250, 400)):
        for t in range(boot, end, 10):
            assert sent(world, t, seq=(t - boot) // 10, uptime_s=float(t - boot)) in (
                RejectionReason.LATE,
                None,
            )
    world.to(402)
    sent(world, 402, seq=16, uptime_s=152.0)
    assert ledger(world, 402) == up(402)
    assert len(world.reboots()) == 2


def test_one_link_may_bring_what_it_kept_after_another_is_in_sight_again() -> None:
    """S1, S9: both edges are closed, although newer proofs came first."""
    world = World(links=("main", "second"))
    for t in range(0, 110, 10):
        world.to(t)
        sent(world, t, seq=t // 10)
    world.to(103).lose("main").lose("second").to(400).regain("second")
    for t in range(400, 450, 10):
        world.to(t)
        world.beat(link="second", ts=(START.utc_ms + t * 1000) / 1000, seq=t // 10)
    world.regain("main")
    for t in range(120, 390, 10):
        sent(world, t, seq=t // 10)
    assert ledger(world, 440) == up(440)


def test_a_run_by_a_clock_that_may_be_wrong_is_not_emitted_for_another() -> None:
    """L8: the uptime runs and the clock jumps, so neither of two such runs is kept."""
    world = World()
    for t in range(0, 110, 10):
        world.to(t)
        sent(world, t, uptime_s=500.0 + t)
    world.blind(103, 400)
    assert sent(world, 150, uptime_s=900.0) is RejectionReason.LATE
    world.to(402)
    assert sent(world, 300, uptime_s=902.0) is RejectionReason.LATE
    world.to(412)
    assert sent(world, 320, uptime_s=912.0) is None  # its clock is ignored now
    world.to(500)
    assert [(fill.start_ms, fill.end_ms) for fill in fills(world)] == [(utc_ms(400), utc_ms(412))]


def test_a_run_from_before_a_clock_went_wrong_stays_proven() -> None:
    """L8, E4: one heartbeat that a broker kept, and 32 intervals of a clock that is 60 s behind."""
    world = World(enrolment("cam-1"), enrolment("cam-2"))
    for t in range(0, 110, 10):
        world.to(t).beat("cam-2", seq=t // 10)
        sent(world, t, seq=t // 10, uptime_s=500.0 + t)
    world.blind(103, 400).beat("cam-2")
    assert sent(world, 150, seq=15, uptime_s=650.0) is RejectionReason.LATE
    sent(world, 400, seq=40, uptime_s=900.0)
    for t in range(410, 1100, 10):
        world.to(t).beat("cam-2")
        if t >= 500:
            sent(world, t - 60, seq=t // 10 - 6, uptime_s=440.0 + t)
    spans = sorted((fill.start_ms, fill.end_ms) for fill in fills(world))
    assert spans == [(utc_ms(145), utc_ms(155)), (utc_ms(500), utc_ms(820))]
