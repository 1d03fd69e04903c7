"""Boots and sequences: duplicates, reordering, reboots with and without what would tell them (L6, L9)."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from camwatch.core.events import Backfill
from camwatch.core.message_order import MAX_MISSING_RUNS
from camwatch.core.model import Cause, Status
from camwatch.core.state import OFFSET_WINDOW
from camwatch.core.telemetry import RejectionReason, SessionStatus
from tests.support.fleet import START, Move, World, utc_ms

CLOCK = START.utc_ms / 1000
"""What a camera's clock shows at second 0, when it is right."""


def deliver(world: World, *seqs: int, every: float = 0.0) -> list[RejectionReason | None]:
    """Deliver heartbeats that tell their `seq`, and return why each proves nothing."""
    outcomes = []
    for seq in seqs:
        outcomes.append(world.beat(seq=seq))
        world.to(world.t + every)
    return outcomes


def booted(world: World, at: float, count: int, *, fields: str, seq: int = 0, clock: float = CLOCK) -> int:
    """Let a camera that booted at `at` give `count` heartbeats, 10 s apart; return how many were refused.

    `fields`: which of `ts`, `uptime_s` and `seq` it tells. `clock` is what it shows at second 0.
    """
    refused = 0
    for number in range(count):
        world.to(at + 10 * number)
        said: dict[str, Any] = {"ts": clock + world.t, "uptime_s": 10.0 * number + 2, "seq": seq + number}
        refused += world.beat(**{name: said[name] for name in fields.split()}) is not None
    return refused


def test_the_same_seq_twice_in_one_boot_is_a_duplicate() -> None:
    """L9."""
    world = World()
    assert deliver(world, 5, 5) == [None, RejectionReason.DUPLICATE]
    assert world.camera().heartbeats == 1


def test_a_duplicate_moves_no_deadline_and_changes_nothing_told() -> None:
    """L1, L9."""
    world = World()
    world.beat(seq=5, fps=25.0)
    world.to(40).beat(seq=5, fps=1.0, video_loss=True)
    assert world.camera().fps == 25.0
    assert not world.camera().reasons
    assert world.to(45).last() == Move(Status.UP, Status.DOWN, at=5, noticed=45, cause=Cause.TIMEOUT)


def test_a_duplicate_brings_nobody_up() -> None:
    """L1, L9."""
    world = World()
    world.beat(seq=5)
    world.to(60).beat(seq=5)
    assert world.status() is Status.DOWN


def test_without_seq_nothing_is_a_duplicate() -> None:
    """L9."""
    world = World()
    assert [world.beat(), world.beat(), world.beat(fps=3.0)] == [None, None, None]
    assert world.camera().heartbeats == 3


@pytest.mark.parametrize("order", list(itertools.permutations((1, 2, 3, 4))))
def test_heartbeats_in_any_order_are_each_taken_once(order: tuple[int, ...]) -> None:
    """L9: reordered is not repeated."""
    world = World()
    assert deliver(world, *order) == [None] * 4
    assert deliver(world, *order) == [RejectionReason.DUPLICATE] * 4
    assert deliver(world, 5) == [None]


def test_an_older_heartbeat_than_the_first_one_seen_is_new_too() -> None:
    """L9: camwatch began in the middle of a boot."""
    world = World()
    assert deliver(world, 100, 98, 99, 98, 97) == [None, None, None, RejectionReason.DUPLICATE, None]


def test_missed_heartbeats_are_remembered_up_to_a_bound() -> None:
    """L9: memory is bounded, whatever a camera counts."""
    world = World()
    for seq in range(0, 4 * MAX_MISSING_RUNS, 2):
        assert world.beat(seq=seq, uptime_s=5.0) is None
    assert len(world.camera().missing_seqs) == MAX_MISSING_RUNS
    for seq, refusal in (
        (1, RejectionReason.DUPLICATE),
        (4 * MAX_MISSING_RUNS - 3, None),
        (4 * MAX_MISSING_RUNS - 3, RejectionReason.DUPLICATE),
    ):
        assert world.beat(seq=seq, uptime_s=5.0) is refusal


def test_a_long_run_of_missed_heartbeats_is_new_in_any_order() -> None:
    """L9, S9: what one link kept for an hour comes after what another link brings now."""
    world = World()
    last = 10**15
    for seq in (0, last, 400, 399, 401, last - 1, *range(1, 399)):
        assert world.beat(seq=seq, uptime_s=5.0) is None
    for seq in (0, last, 400, 399, 401, last - 1, 1, 398):
        assert world.beat(seq=seq, uptime_s=5.0) is RejectionReason.DUPLICATE


def test_a_skipped_seq_is_a_lost_heartbeat_and_no_more() -> None:
    """L9."""
    world = World()
    assert deliver(world, 1, 2, 7, 8, 5, 5) == [None] * 5 + [RejectionReason.DUPLICATE]
    assert world.reboots() == []


def test_a_falling_uptime_is_a_reboot_and_counted_with_its_time() -> None:
    """L6."""
    world = World()
    world.beat(uptime_s=1000.0)
    world.to(10).beat(uptime_s=1010.0)
    world.to(30).beat(uptime_s=4.0)
    assert world.reboots() == [26.0]
    assert world.camera().reboots == 1


def test_an_uptime_that_stands_still_is_no_reboot() -> None:
    """L6: falling, not "not rising"."""
    world = World()
    world.beat(uptime_s=5.0)
    world.beat(uptime_s=5.0)
    assert world.reboots() == []


@pytest.mark.parametrize("fields", ["uptime_s", "uptime_s ts", "uptime_s seq", "uptime_s ts seq"])
def test_after_a_reboot_every_heartbeat_counts(fields: str) -> None:
    """L6, L9: the sequence begins anew."""
    world = World()
    assert booted(world, 0, 30, fields=fields) == 0
    assert booted(world, 310, 40, fields=fields) == 0
    assert world.reboots() == [308.0]
    assert world.moves() == [Move(Status.UNKNOWN, Status.UP, at=0, noticed=0)]


@pytest.mark.parametrize("fields", ["ts", "seq", "ts seq", "seq uptime_s ts", "uptime_s"])
@pytest.mark.parametrize("length", [3, 20, 64, 65, 200])
def test_a_reboot_costs_no_camera_its_life(fields: str, length: int) -> None:
    """L9: even one that tells too little to know its boots apart is not convicted for counting anew."""
    world = World()
    booted(world, 0, length, fields=fields)
    assert booted(world, length * 10.0, length + 5, fields=fields) <= 2
    assert world.moves() == [Move(Status.UNKNOWN, Status.UP, at=0, noticed=0)]


@pytest.mark.parametrize("fields", ["ts", "ts seq", "ts uptime_s", "ts seq uptime_s"])
def test_a_camera_whose_clock_restarts_with_every_boot_is_alive(fields: str) -> None:
    """L6, L8, L9: no battery and no NTP: `ts` − `uptime_s` is the same in every boot."""
    world = World()
    booted(world, 0, 100, fields=fields, clock=0.0)
    assert booted(world, 1010, 100, fields=fields, clock=-1010.0) <= 2
    assert [move for move in world.moves() if move.new is Status.DOWN] == []
    assert world.reboots() == ([1008.0] if "uptime_s" in fields else [])


def test_an_older_heartbeat_of_the_same_boot_is_no_reboot() -> None:
    """L6: its uptime fell, but it was sent before the one that overtook it."""
    world = World()
    for uptime, at in ((100.0, 0.0), (120.0, 20.0), (115.0, 20.5), (130.0, 30.0)):
        world.to(at)
        seq = int(uptime / 5)
        assert world.beat(uptime_s=uptime, ts=CLOCK - 100 + uptime, seq=seq) is None
    assert world.reboots() == []


def test_a_whole_number_of_seconds_of_uptime_is_no_reboot_by_rounding() -> None:
    """L6."""
    world = World()
    world.beat(uptime_s=101.0, ts=CLOCK + 0.01)
    world.beat(uptime_s=100.0, ts=CLOCK - 0.4)
    assert world.reboots() == []


def test_a_boot_loop_counts_every_boot() -> None:
    """L6."""
    world = World()
    for boot in range(10):
        booted(world, boot * 35.0, 3, fields="seq ts uptime_s")
    assert world.camera().reboots == 9
    assert world.camera().heartbeats == 30


def test_a_boot_loop_with_the_same_uptime_counts_every_boot() -> None:
    """L6, L9: one heartbeat a boot, always at the same second: newer by its clock, so no duplicate."""
    world = World()
    for boot in range(10):
        world.to(boot * 35.0)
        assert world.beat(seq=0, uptime_s=2.0, ts=CLOCK + world.t) is None
    assert world.camera().reboots == 9
    assert world.moves() == [Move(Status.UNKNOWN, Status.UP, at=0, noticed=0)]


def test_a_repeated_heartbeat_is_no_reboot_where_the_clock_is_unset() -> None:
    """L6, L9."""
    world = World()
    world.beat(seq=0, uptime_s=0.0, ts=0.0)
    world.to(1)
    assert world.beat(seq=0, uptime_s=0.0, ts=0.0) is RejectionReason.DUPLICATE


def test_a_copy_after_a_late_heartbeat_proves_nothing() -> None:
    """L8, L9: a run of copies ends with the next heartbeat on time, though a late one is the newest sign."""
    world = World()
    for seq in range(40):
        world.to(seq * 10.0)
        assert world.beat(seq=seq, ts=CLOCK + world.t) is None
        if seq in (10, 11):
            assert world.beat(seq=seq - 5, ts=CLOCK + world.t - 50) is RejectionReason.DUPLICATE
    world.to(600)
    assert world.beat(seq=40, ts=CLOCK + 400) is RejectionReason.LATE
    assert world.beat(seq=39, ts=CLOCK + 390) is RejectionReason.DUPLICATE
    assert world.status() is Status.DOWN


def test_a_camera_that_counts_anew_is_believed_over_two_links() -> None:
    """L9, S1: each heartbeat comes twice, and its copy takes nothing from it."""
    world = World(links=("main", "second"))
    for seq in [*range(40), *range(40)]:
        world.beat(link="main", seq=seq)
        world.beat(link="second", seq=seq)
        world.to(world.t + 10)
    assert world.moves() == [Move(Status.UNKNOWN, Status.UP, at=0, noticed=0)]
    assert world.camera().heartbeats == 78


def test_copies_of_late_heartbeats_over_a_second_link_prove_nothing() -> None:
    """L8, L9, S1: a bridge brings hours later what it kept, over both links."""
    world = World(links=("main", "second"))
    for seq in range(20):
        world.to(seq * 10.0)
        world.beat(link="main", seq=seq, ts=CLOCK + world.t)
        world.beat(link="second", seq=seq, ts=CLOCK + world.t)
    world.to(4000)
    for seq in range(20, 40):
        assert world.beat(link="main", seq=seq, ts=CLOCK + seq * 10.0) is RejectionReason.LATE
        assert world.beat(link="second", seq=seq, ts=CLOCK + seq * 10.0) is RejectionReason.DUPLICATE
    assert world.status() is Status.DOWN


def test_a_count_that_went_on_while_nobody_could_see_it_is_one_count() -> None:
    """L9, S4: a camera that tells nothing but `seq` boots, and the link is lost for half a minute."""
    world = World()
    booted(world, 0, 30, fields="seq")
    world.to(300)
    assert world.beat(seq=0) is RejectionReason.DUPLICATE
    world.blind(305, 335).to(340)
    assert world.beat(seq=4) is None


def test_a_count_that_begins_beside_a_word_costs_two_heartbeats() -> None:
    """L9: a camera that boots says `online` and beats in one packet."""
    world = World()
    booted(world, 0, 20, fields="seq")
    world.to(200).word(SessionStatus.ONLINE)
    assert booted(world, 200, 20, fields="seq") == 2


def test_a_restarted_count_and_clock_are_believed_after_32_heartbeats() -> None:
    """L8, L9: without an uptime nothing else tells it from a boot played again; but it is not dead."""
    world = World()
    booted(world, 0, 400, fields="ts seq")
    assert booted(world, 4010, 100, fields="ts seq", clock=CLOCK - 90_000) <= OFFSET_WINDOW + 1
    assert world.status() is Status.UP


def test_a_burst_of_old_duplicates_is_not_taken_for_a_new_boot() -> None:
    """L9: a broker that repeats what was not acknowledged proves no life."""
    world = World()
    booted(world, 0, 10, fields="seq")
    world.to(130)
    assert deliver(world, *range(10)) == [RejectionReason.DUPLICATE] * 10
    world.to(160)
    assert deliver(world, *range(10)) == [RejectionReason.DUPLICATE] * 10
    assert world.last() == Move(Status.UP, Status.DOWN, at=95, noticed=135, cause=Cause.TIMEOUT)


def test_one_heartbeat_repeated_for_hours_proves_nothing() -> None:
    """L9."""
    world = World()
    world.beat(seq=7)
    assert deliver(world, *[7] * 100, every=30.0) == [RejectionReason.DUPLICATE] * 100
    assert world.status() is Status.DOWN


def test_a_second_path_that_repeats_every_heartbeat_later_adds_nothing() -> None:
    """L9: two bridged brokers: the copies count upwards too, beside what they copy."""
    world = World()
    for seq in range(100):
        world.to(seq * 10.0)
        assert world.beat(seq=seq) is None
        if seq >= 3:
            assert world.beat(seq=seq - 3) is RejectionReason.DUPLICATE
    assert world.camera().heartbeats == 100


def test_a_late_heartbeat_of_the_boot_before_does_not_silence_the_new_boot() -> None:
    """L8, L9: its `seq` is ahead of the new boot's, which must not make those duplicates for long."""
    world = World()
    booted(world, 0, 50, fields="seq ts uptime_s")
    booted(world, 510, 5, fields="seq ts uptime_s")
    world.to(555).beat(seq=50, ts=CLOCK + 500, uptime_s=502.0)
    for number in range(5, 30):
        world.to(510 + 10 * number).beat(seq=number, ts=CLOCK + world.t, uptime_s=10.0 * number + 2)
    assert world.moves() == [Move(Status.UNKNOWN, Status.UP, at=0, noticed=0)]


def test_a_boot_under_a_short_lag_leaves_the_clock_as_it_was_known() -> None:
    """L6, L7: it was on time by the clock before, so nothing says that this is another one."""
    world = World()
    booted(world, 0, 10, fields="seq ts uptime_s")
    world.to(118).beat(seq=0, ts=CLOCK + 110, uptime_s=2.0)
    assert world.reboots() == [116.0]
    assert world.camera().clock_offset == pytest.approx(0, abs=0.001)


def test_a_boot_that_sets_the_clock_back_begins_to_learn_it_anew() -> None:
    """L6, L7: on time by no clock that was known."""
    world = World()
    booted(world, 0, 10, fields="seq ts uptime_s")
    assert booted(world, 110, 3, fields="seq ts uptime_s", clock=CLOCK - 60) == 0
    assert world.camera().clock_offset == pytest.approx(60, abs=0.001)


def test_what_a_new_boot_said_while_a_bridge_held_it_back_is_late_too() -> None:
    """L6, E4, S9: the link was there all the time; that the boot before speaks late tells what happened."""
    world = World()
    booted(world, 0, 10, fields="seq ts uptime_s")
    world.to(400)
    said: list[dict[str, Any]] = [{"seq": 10, "ts": CLOCK + 100, "uptime_s": 102.0}]
    said += [{"seq": step, "ts": CLOCK + 120 + step * 10, "uptime_s": 2.0 + step * 10} for step in range(29)]
    for told in said:
        world.beat(**told)
    assert world.camera().clock_offset == pytest.approx(0, abs=0.001)
    [fill] = [event for event in world.events if isinstance(event, Backfill)]
    assert (fill.start_ms, fill.end_ms) == (utc_ms(90), utc_ms(400))


def test_an_old_number_played_again_ends_no_outage() -> None:
    """L9: a boot that has counted so far began before the last proof, and so is none."""
    world = World()
    booted(world, 0, 200, fields="seq")
    world.to(2100)
    assert world.status() is Status.DOWN
    assert world.beat(seq=100) is RejectionReason.DUPLICATE
    assert world.status() is Status.DOWN


def test_what_a_second_link_kept_for_hours_is_no_new_boot() -> None:
    """L9, S1: a broker brings at once what the other one brought long ago; it tells nothing but numbers."""
    world = World(links=("main", "second"))
    for seq in range(200):
        world.to(seq * 10.0)
        world.beat(link="main", seq=seq)
    assert {world.beat(link="second", seq=seq) for seq in range(20, 200)} == {RejectionReason.DUPLICATE}


def test_a_repeated_count_after_a_replay_keeps_the_clock() -> None:
    """L9: the clock shows that the third one is new, so nothing of it is forgotten."""
    world = World()
    for t in range(0, 110, 10):
        world.to(t).beat(ts=utc_ms(t) / 1000, seq=t // 10)
    for t, seq, ts in ((110, 8, 80), (120, 9, 90)):
        assert world.to(t).beat(ts=utc_ms(ts) / 1000, seq=seq) is RejectionReason.DUPLICATE
    assert world.to(130).beat(ts=utc_ms(130) / 1000, seq=10) is None
    assert world.camera().clock_offset == pytest.approx(0)
    assert world.reboots() == []
