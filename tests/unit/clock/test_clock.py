"""The one clock: two hands, of which the UTC one never runs backwards (rule T2)."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camwatch.clock import AHEAD_MAX_S, DOUBT_S, STEP_S, Clock, ClockStep, steady
from camwatch.core.model import Instant

BEGIN_S = 1_767_258_000.0


class Hands:
    """The machine's two clocks, moved by hand, and the Clock that reads them."""

    def __init__(self) -> None:
        self.mono = 5_000.0
        self.wall = BEGIN_S
        self.steps: list[float] = []
        self.gaps: list[float] = []  # seconds that never were, of each step; negative: seconds behind
        self.clock = Clock(self._jumped, lambda: self.mono, lambda: self.wall)

    def _jumped(self, jump: ClockStep) -> None:
        if jump.recorded:
            self.gaps.append((jump.ended.utc_ms - jump.began.utc_ms) / 1000)
        if jump.is_step:
            self.steps.append(jump.seconds)

    def pass_s(self, seconds: float) -> Instant:
        """Let both clocks go on."""
        self.mono += seconds
        self.wall += seconds
        return self.clock()

    @property
    def utc_s(self) -> float:
        """What the Clock says now, in seconds since the beginning."""
        return self.clock().utc_ms / 1000 - BEGIN_S


def test_both_hands_go_on_together() -> None:
    """Rule T1."""
    hands = Hands()
    assert hands.clock() == Instant(5_000.0, 1_767_258_000_000)
    assert hands.pass_s(12.345) == Instant(5_012.345, 1_767_258_012_345)
    assert hands.steps == []


def test_a_step_forward_is_followed_at_once_and_counted() -> None:
    """Rule T2."""
    hands = Hands()
    hands.wall += 3600
    assert hands.pass_s(1) == Instant(5_001.0, 1_767_261_601_000)
    assert hands.steps == [pytest.approx(3600)]
    assert hands.gaps == [pytest.approx(3600)]


def test_a_step_back_tells_how_far_the_wall_clock_is_behind() -> None:
    """Rule T2: nothing is left out; what is, is what was never recorded."""
    hands = Hands()
    hands.pass_s(1)
    hands.wall -= 200
    hands.pass_s(1)
    assert hands.gaps == [pytest.approx(-200)]
    hands.wall -= 10
    hands.pass_s(1)
    assert hands.gaps[1:] == [pytest.approx(-209.5, abs=0.002)]
    hands.wall += 215  # set right again, and by a little more: only the little more never was
    hands.pass_s(1)
    assert hands.gaps[2:] == [pytest.approx(6, abs=0.002)]


def test_utc_begins_no_earlier_than_the_record_of_an_earlier_process() -> None:
    """Rules T2, S6: the clock was set back while camwatch did not run."""
    now = [5_000.0, BEGIN_S]
    clock = Clock(
        lambda _: None, lambda: now[0], lambda: now[1], not_before_ms=round(BEGIN_S * 1000) + 60_000
    )
    assert clock().utc_ms == round(BEGIN_S * 1000) + 60_000
    now[0] += 10
    now[1] += 10
    assert clock().utc_ms == round(BEGIN_S * 1000) + 65_000


def test_after_a_step_back_utc_runs_at_half_speed_until_caught_up() -> None:
    """Rule T2: what happens later is recorded later."""
    hands = Hands()
    hands.wall -= 10
    assert hands.utc_s == 0
    shown = [hands.pass_s(4).utc_ms / 1000 - BEGIN_S for _ in range(7)]
    assert shown == pytest.approx([2, 4, 6, 8, 10, 14, 18], abs=0.002)
    assert hands.wall - BEGIN_S == 18
    assert hands.steps == [pytest.approx(-10)]


def test_a_step_ahead_of_more_than_an_hour_is_followed_once_it_has_lasted() -> None:
    """Rule T7: the ten minutes are on the steady clock; then the gap is told, and no second step."""
    hands = Hands()
    hands.wall += 86_400
    hands.pass_s(1)
    assert hands.steps == [pytest.approx(86_400)]
    assert hands.gaps == []
    hands.pass_s(DOUBT_S - 1)
    assert hands.utc_s == pytest.approx(DOUBT_S, abs=0.002)
    assert hands.clock.lead_s == pytest.approx(-86_400)
    hands.pass_s(1)
    assert hands.utc_s == pytest.approx(86_400 + DOUBT_S + 1, abs=0.002)
    assert hands.steps == [pytest.approx(86_400)]
    assert hands.gaps == [pytest.approx(86_400)]
    assert not hands.clock.in_doubt


def test_a_step_in_doubt_that_is_set_once_more_has_to_last_anew() -> None:
    """Rule T7."""
    hands = Hands()
    hands.wall += 86_400
    hands.pass_s(DOUBT_S - 10)
    hands.wall += 86_400
    hands.pass_s(1)
    hands.pass_s(DOUBT_S - 1)
    assert hands.clock.in_doubt
    hands.wall -= 86_400 * 2 - 60  # by less than an hour ahead of us it is believed at once
    hands.pass_s(1)
    assert hands.gaps == [pytest.approx(60, abs=0.002)]


def test_the_cameras_clocks_confirm_a_step_in_doubt_or_contradict_it() -> None:
    """Rule T7: they are the other witness."""
    hands = Hands()
    hands.wall += 7200
    hands.pass_s(1)
    hands.clock.confirm(-3600, 60)  # neither the one nor the other
    hands.pass_s(DOUBT_S - 2)
    hands.clock.confirm(0.3, 60)
    hands.pass_s(DOUBT_S - 1)
    assert hands.gaps == []
    hands.clock.confirm(-7190, 60)
    assert hands.gaps == [pytest.approx(7200)]
    now = hands.pass_s(1)
    assert now.utc_ms == round(hands.wall * 1000)
    hands.clock.confirm(-7200, 60)  # nothing is in doubt any more
    assert hands.gaps == [pytest.approx(7200)]


def test_a_record_that_leads_by_more_than_minutes_keeps_its_pace() -> None:
    """Rule T5: half speed is sound for minutes only, an outage of four seconds lasts four seconds."""
    hands = Hands()
    hands.wall -= AHEAD_MAX_S + 1
    for _ in range(10):
        before = hands.clock()
        assert hands.pass_s(4).utc_ms - before.utc_ms == 4000
    assert hands.clock.lead_s == pytest.approx(AHEAD_MAX_S + 1)
    hands.wall += 2  # back among the minutes, and it gives way
    hands.pass_s(0)
    assert hands.pass_s(4).utc_ms - before.utc_ms == pytest.approx(6000, abs=3)


def test_each_step_is_counted_once_however_often_the_clock_is_read() -> None:
    hands = Hands()
    for seconds in (-7200, 5, 3, -3, 86_400):
        hands.wall += seconds
        for _ in range(5):
            hands.pass_s(0.5)
    assert hands.steps == [pytest.approx(seconds) for seconds in (-7200, 5, 3, -3, 86_400)]


@pytest.mark.parametrize("seconds", [-STEP_S, -0.5, 0.5, STEP_S])
def test_a_correction_of_two_seconds_or_less_is_no_step(seconds: float) -> None:
    hands = Hands()
    hands.wall += seconds
    hands.pass_s(1)
    assert hands.steps == []


@given(
    st.lists(
        st.tuples(
            st.floats(0, 1e5) | st.sampled_from([0.0, 1e-9, 2.5e-7, 1e-6]),
            st.floats(-1e6, 1e6) | st.sampled_from([0.0, -1e-3, -1.5]),
        ),
        max_size=60,
    )
)
def test_utc_never_runs_backwards_and_the_monotonic_hand_is_left_alone(
    moves: list[tuple[float, float]],
) -> None:
    """Rules T1, T2."""
    hands = Hands()
    before = hands.clock()
    for passed, step in moves:
        hands.wall += step
        now = hands.pass_s(passed)
        assert now.mono == hands.mono
        assert now.utc_ms >= before.utc_ms
        assert now.utc_ms - before.utc_ms >= int(passed * 500) - 2  # at half speed at the least
        if not hands.clock.in_doubt:  # then never behind the wall clock, but for its jitter
            assert now.utc_ms >= int(hands.wall * 1000) - 7
        before = now


@given(
    st.lists(
        st.tuples(
            st.floats(0, 2e3).map(lambda passed: round(passed, 3)),
            st.sampled_from(
                [0.0, 0.0, 40.0, 200.0, 1800.0, 7200.0, 3e8, -40.0, -290.0, -900.0, -7200.0, -3e8]
            ),
        ),
        max_size=40,
    )
)
def test_skipped_and_lost_time_is_reported_to_the_millisecond(
    moves: list[tuple[float, float]],
) -> None:
    """Rules T2, T3, T5, T7: UTC is the steady clock, the leaps that were told, and the slow minutes."""
    hands = Hands()
    first = hands.clock()
    slowed = 0.0
    for passed, step in moves:
        hands.wall += step
        before = hands.clock()
        lead = hands.clock.lead_s
        after = hands.pass_s(passed)
        if 0 < lead <= AHEAD_MAX_S:
            slowed += min(lead, 0.5 * passed)
            assert hands.clock.lead_s == pytest.approx(max(0.0, lead - 0.5 * passed), abs=0.02)
        elif lead > AHEAD_MAX_S:
            assert after.utc_ms - before.utc_ms == round(passed * 1000)
    leapt = sum(gap for gap in hands.gaps if gap > 0)
    passed_s = hands.mono - first.mono
    shown_s = (hands.clock().utc_ms - first.utc_ms) / 1000
    assert shown_s == pytest.approx(passed_s + leapt - slowed, abs=0.02 * (1 + len(moves)))


@given(
    st.floats(1.1, 1e5).map(lambda hours: hours * 3600),
    st.lists(st.floats(0.01, 60).map(lambda passed: round(passed, 3)), min_size=1, max_size=9),
)
def test_a_step_that_is_taken_back_within_ten_minutes_is_cancelled(step: float, passed: list[float]) -> None:
    """Rule T7: the time line is as if it had never been."""
    hands = Hands()
    first = hands.clock()
    hands.wall += step
    for seconds in passed:
        now = hands.pass_s(seconds)
        assert hands.clock.in_doubt
        assert now.utc_ms - first.utc_ms == round(now.mono * 1000) - round(first.mono * 1000)
    hands.wall -= step
    now = hands.pass_s(1)
    assert not hands.clock.in_doubt
    assert abs(now.utc_ms - first.utc_ms - (round(now.mono * 1000) - round(first.mono * 1000))) <= 5
    assert hands.steps == [pytest.approx(step), pytest.approx(-step)]
    assert sum(abs(gap) for gap in hands.gaps) <= 0.005


@given(st.lists(st.tuples(st.floats(0, 50), st.floats(0, 0.004)), min_size=2, max_size=40))
def test_a_moment_is_the_same_millisecond_however_the_hands_are_read(
    readings: list[tuple[float, float]],
) -> None:
    """Rules T1, T3: a record made later of an earlier moment agrees with the one made then."""
    hands = Hands()
    shown = set()
    for passed, between in readings:
        hands.mono += passed
        hands.wall = BEGIN_S + hands.mono - 5_000.0 + between  # the second hand is read a little later
        now = hands.clock()
        shown.add(now.utc_ms - round(now.mono * 1000))
    assert len(shown) == 1


@given(st.lists(st.floats(-1e4, 1e4), max_size=20))
def test_no_step_is_counted_but_those_beyond_two_seconds(moves: list[float]) -> None:
    hands = Hands()
    for step in moves:
        hands.wall += step
        hands.pass_s(0.1)
    expected = [step for step in moves if abs(step) > STEP_S]
    # What lies right at two seconds is a matter of what the hands are held together over.
    if all(abs(abs(step) - STEP_S) > 0.011 for step in moves):
        assert hands.steps == [pytest.approx(step, abs=0.011) for step in expected]


@given(st.floats(3, AHEAD_MAX_S - 1))
def test_the_wall_clock_is_caught_up_with_after_twice_the_step(step: float) -> None:
    hands = Hands()
    hands.wall -= step
    hands.clock()
    hands.pass_s(2 * step + 1)
    assert hands.utc_s == pytest.approx(hands.wall - BEGIN_S, abs=0.002)


def test_a_process_that_is_put_aside_while_it_reads_sees_no_jump() -> None:
    """Rule T2: the second hand may be read long after the first."""
    hands = Hands()
    late = iter([0.4, 0.2, 0.1, 0.9])

    def wall() -> float:
        delay = next(late, 0.0)
        hands.mono += delay
        hands.wall += delay
        return hands.wall

    jumps: list[ClockStep] = []
    clock = Clock(jumps.append, lambda: hands.mono, wall)
    late = iter([0.3, 0.5, 2.5, 0.1])
    first, second = clock(), clock()
    assert jumps == []
    assert second.utc_ms - first.utc_ms == round(second.mono * 1000) - round(first.mono * 1000)
    assert second.utc_ms == round(hands.wall * 1000)


def test_without_hands_it_tells_the_time_of_this_machine() -> None:
    clock = Clock()
    first = clock()
    assert abs(clock().utc_ms / 1000 - time.time()) < 60
    assert clock() >= first


def test_a_clock_without_a_listener_reports_a_step_afterwards() -> None:
    """Rule T2: while the daemon is built there is nobody yet to record it."""
    hand = [5_000.0, BEGIN_S]
    clock = Clock(None, lambda: hand[0], lambda: hand[1])
    began = clock()
    hand[1] += 30
    assert clock() == began
    jumps: list[ClockStep] = []
    clock.listen(jumps.append)
    assert clock().utc_ms == began.utc_ms + 30_000
    assert [(round(jump.seconds), jump.began) for jump in jumps] == [(30, began)]


def test_corrections_of_milliseconds_leave_a_doubt_as_old_as_it_is() -> None:
    """Rule T7: a clock that is set by a little each minute is followed all the same."""
    hands = Hands()
    hands.wall += 7200
    hands.pass_s(1)
    for _ in range(round(DOUBT_S / 60)):
        assert hands.clock.in_doubt
        hands.wall += 0.006
        hands.pass_s(60)
    assert not hands.clock.in_doubt


def restarted(then: Instant, wall_ahead_s: float, boot: str | None = None) -> Clock:
    """Return the clock of a process that begins five minutes later; the wall clock was set meanwhile."""
    hand = [then.mono + 300, then.utc_ms / 1000 + 300 + wall_ahead_s]
    said = steady(then) if boot is None else f"{boot} {steady(then).split()[1]}"
    return Clock(None, lambda: hand[0], lambda: hand[1], not_before_ms=then.utc_ms, steady_then=said)


def test_a_restart_lets_a_step_of_more_than_an_hour_last_anew() -> None:
    """Rules T7, S6: the steady clock goes on, so the next process knows how far the wall clock was set."""
    then = Instant(5_000.0, round(BEGIN_S * 1000))
    clock = restarted(then, 86_400)
    jumps: list[ClockStep] = []
    clock.listen(jumps.append)
    assert clock() == Instant(5_300.0, then.utc_ms + 300_000)
    assert clock.in_doubt
    assert [(round(jump.seconds), jump.followed) for jump in jumps] == [(86_400, False)]
    clock.confirm(-86_400.0, 60.0)
    assert clock().utc_ms == then.utc_ms + 300_000 + 86_400_000


@pytest.mark.parametrize(
    ("ahead_s", "boot"), [(3600, None), (0, None), (86_400, "another"), (86_400, "unknown"), (-20, None)]
)
def test_a_start_believes_the_wall_clock_otherwise(ahead_s: float, boot: str | None) -> None:
    """Rule S6: after a boot nothing else is known; a step of up to an hour is followed at once."""
    then = Instant(5_000.0, round(BEGIN_S * 1000))
    clock = restarted(then, ahead_s, boot)
    assert clock().utc_ms == then.utc_ms + 300_000 + round(ahead_s * 1000)
    assert not clock.in_doubt
