"""A link that is merely behind accuses nobody, and hides no death (rules S10, S11)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camwatch.core.event_time import QUANTILE
from camwatch.core.events import Backfill, MonitoringGap
from camwatch.core.model import Cause, GapCause, Status
from camwatch.core.telemetry import RejectionReason, SessionStatus
from camwatch.wire.heartbeat import Heartbeat
from tests.support.examples import examples
from tests.support.fleet import START, Move, World, fleet, instant, utc_ms

UP, DOWN, UNKNOWN = Status.UP, Status.DOWN, Status.UNKNOWN
CAMERAS = 10
APART_S = 1.0


class Road:
    """A link on which all arrives in order, each `delay(t)` seconds after it was sent at `t`, or later.

    Nothing else is heard on it: what the broker answers waits in the same line. Cameras send `ts`, `seq` and
    `uptime_s` every 10 s, `APART_S` apart; `died` maps some to their end, `back` to when they speak again.
    """

    def __init__(
        self,
        delay: Callable[[float], float],
        died: dict[int, float] | None = None,
        back: dict[int, float] | None = None,
    ) -> None:
        self.world = World(*fleet(CAMERAS), chatter_s=0.5)
        self.world.frozen.add("main")
        self._delay = delay
        self._died = died or {}
        self._back = back or {}

    def run(self, until: float) -> World:
        """Deliver all that arrives up to an instant."""
        for arrival, sent, camera in self._arrivals(until):
            self.world.to(round(arrival, 3))
            self.world.beat(
                f"cam-{camera}",
                ts=(START.utc_ms + round(sent * 1000)) / 1000,
                seq=round(sent // 10),
                uptime_s=1000.0 + sent,
            )
        return self.world.to(until)

    def _arrivals(self, until: float) -> Iterator[tuple[float, float, int]]:
        last = 0.0
        step = 0
        while step * APART_S < until:
            sent = step * APART_S
            camera = step % CAMERAS + 1
            if sent < self._died.get(camera, float("inf")) or sent >= self._back.get(camera, float("inf")):
                last = max(last, sent + self._delay(sent))
                if last < until:
                    yield last, sent, camera
            step += 1


def declared(world: World) -> dict[str, list[Move]]:
    """Return who was declared down."""
    found = {name: [move for move in world.moves(name) if move.new is DOWN] for name in world.watch.cameras}
    return {name: moves for name, moves in found.items() if moves}


@examples(15)
@given(st.lists(st.integers(15, 42), min_size=1, max_size=12))
def test_however_uneven_the_lag_nobody_is_declared_down_and_nobody_unknown(lags: list[int]) -> None:
    """S11: as long as it is shorter than `down_after`; it grows from 15 s, and changes every 20 s."""

    def delay(sent: float) -> float:
        index = int((sent - 100) // 20)
        return 0.1 if sent < 100 else float(lags[index]) if index < len(lags) else 0.1

    world = Road(delay).run(600)
    for name in world.watch.cameras:
        assert [move.new for move in world.moves(name)] == [UP]


@pytest.mark.parametrize("cameras", [3, 4, 5, 8])
@pytest.mark.parametrize("grows", [0.5, 0.7, 0.8])
@pytest.mark.parametrize("apart", [1, 2, 3])
def test_a_lag_that_grows_declares_nobody_of_a_few_cameras_down(
    cameras: int, grows: float, apart: int
) -> None:
    """S11: what they say comes ever further apart, so that fewer than three have spoken lately."""
    world = World(*fleet(cameras))
    sent = [
        (step + (0.1 if step < 100 else min(100.0, 0.1 + (step - 100) * grows)), step, camera)
        for step in range(400)
        for camera in range(1, cameras + 1)
        if (step - camera * apart) % 10 == 0
    ]
    for arrival, at, camera in sorted(sent):
        world.to(round(arrival, 3))
        ts = START.utc_ms / 1000 + at
        world.beat(f"cam-{camera}", ts=ts, seq=at // 10, uptime_s=1000.0 + at)
    assert declared(world) == {}


def test_a_lag_that_differs_from_camera_to_camera_declares_nobody_down() -> None:
    """S11: what one camera said late is no sign that all before it is through."""
    world = World(*fleet(CAMERAS), chatter_s=0.5)
    world.frozen.add("main")
    sent = [(float(t + number), number) for t in range(0, 400, 10) for number in range(1, CAMERAS + 1)]
    on_the_way = [(t + (0.1 if t < 100 else min(43.0, 6.0 + (t - 100) / 10 + 2 * n)), t, n) for t, n in sent]
    for arrival, t, number in sorted(on_the_way):
        world.to(round(arrival, 3))
        ts = (START.utc_ms + round(t * 1000)) / 1000
        world.beat(f"cam-{number}", ts=ts, seq=round(t // 10), uptime_s=1000.0 + t)
    assert declared(world) == {}


def test_a_lag_that_grows_beyond_two_minutes_declares_nobody_down() -> None:
    """S11: beyond `down_after` the link is blind, with that cause, and its cameras unknown; not before."""
    world = Road(lambda sent: 0.1 if sent < 100 else min(120.0, 15 + (sent - 100) * 0.3)).run(700)
    assert declared(world) == {}
    assert not any(move.at < 180 for name in world.watch.cameras for move in world.moves(name)[1:])
    assert {world.status(name) for name in world.watch.cameras} == {UNKNOWN}
    assert world.watch.links["main"].lag == pytest.approx(120, abs=10)
    assert world.is_blind()
    world.frozen.clear()
    for t in (700, 710):
        for name in world.to(t).watch.cameras:
            world.beat(name, ts=START.utc_ms / 1000 + t)
    assert world.to(715).watch.links["main"].lag == pytest.approx(0.0)
    [gap] = [each for each in world.events if isinstance(each, MonitoringGap) and each.cause is GapCause.LAG]
    assert not world.is_blind()
    assert gap.ended > gap.began


@pytest.mark.parametrize("lag", [15.0, 30.0, 44.0])
def test_a_real_death_under_a_lag_is_found_within_the_lag_and_the_deadline(lag: float) -> None:
    """S11, E1: and dated by when its last heartbeat was sent."""
    world = Road(lambda sent: 0.1 if sent < 100 else lag, {3: 200.0}).run(400)
    assert list(declared(world)) == ["cam-3"]
    [down] = declared(world)["cam-3"]
    last_sent = 192.0  # the third camera speaks two seconds after every tenth
    assert down.at == pytest.approx(last_sent + 5, abs=0.2)
    assert last_sent + 45 <= down.noticed <= last_sent + 45 + lag + 1.3
    assert down.cause is Cause.TIMEOUT


@pytest.mark.parametrize("back", [262.5, 271.0, 283.0, 288.4, 291.9])
def test_a_return_under_a_lag_that_ends_is_dated_by_when_the_camera_spoke(back: float) -> None:
    """S11, E2: what waited for less than an interval is not late, but did not come at once, either."""

    def delay(sent: float) -> float:
        return 0.1 if sent < 100 else min(15 + (sent - 100) / 10, max(0.1, 300 - sent))

    world = Road(delay, {3: 150.0}, {3: back}).run(400)
    [up] = [event for event in world.transitions() if event.new is UP and event.old is DOWN]
    assert up.earliest_ms is not None
    assert up.latest_ms is not None
    assert up.earliest_ms <= utc_ms(back) <= up.latest_ms
    assert up.at.utc_ms == pytest.approx(utc_ms(back), abs=5100)


@pytest.mark.parametrize("waits", [0, 9, 12, 21])
def test_an_online_under_a_lag_dates_the_end_despite_accounting(waits: int) -> None:
    """S11, E2, E5: it may have waited for less: it is no earlier than half an interval before the proof."""
    world = World(*fleet(4))
    for t in range(400):
        world.to(t).account()
        if t == 300:
            world.word(SessionStatus.ONLINE, "cam-1")
        late = 30 if t >= 100 else 0
        if t % 10 == 0:
            for number in (2, 3, 4):
                say(world, number, t - late)
        if t % 10 == 1 and (t < 100 or t >= 300 + waits):
            say(world, 1, t - late)
    [up] = [event for event in world.transitions() if event.new is UP and event.old is DOWN]
    first = next(t for t in range(300 + waits, 400) if t % 10 == 1) - 30
    assert up.at.utc_ms == pytest.approx(utc_ms(max(270, first - 5)), abs=2)


def test_a_birth_under_a_lag_is_no_earlier_than_the_boot_that_follows_it() -> None:
    """S11, E2: it waited for longer than the lag of the others tells."""
    world = World(*fleet(4))
    for t in range(312):
        world.to(t)
        if t == 300:
            world.word(SessionStatus.ONLINE, "cam-1")
        for number in (2, 3, 4) if t % 10 == 0 else ():
            say(world, number, t - (30 if t >= 100 else 0))
        if t % 10 == 1 and t < 100:
            say(world, 1, t)
    world.beat("cam-1", ts=START.utc_ms / 1000 + 281, seq=0, uptime_s=2.0)
    back = world.transitions()[-1]
    assert (back.new, back.at.utc_ms) == (UP, utc_ms(279))
    assert (back.earliest_ms, back.latest_ms) == (utc_ms(260), utc_ms(300))


def behind(lag: float, waits: float, back: float, *, tells: bool = True) -> World:
    """Return a world of ten in which all that is sent after 100 s arrives `lag` seconds late.

    cam-1 is silent from 250 s until `back`, says `online` then, which `waits`, and `ts` only if it `tells`.
    """
    world = World(*fleet(CAMERAS))
    said = [(back + waits, back, 0)]
    for second in range(600):
        arrival, sent = second + (0.0 if second < 100 else lag), float(second)
        said += [(arrival, sent, number) for number in range(2, CAMERAS + 1) if second % 10 == number - 1]
        if second % 10 == 3 and not 250 <= sent < back:
            said.append((arrival, sent, 1))
    for arrival, sent, number in sorted(said):
        world.to(arrival)
        if not number:
            world.word(SessionStatus.ONLINE, "cam-1")
        elif number == 1 and not tells:
            world.beat("cam-1")
        else:
            say(world, number, sent)
    return world


@pytest.mark.no_cover
@examples(60)
@given(lag=st.floats(11, 30), hurries=st.floats(0, 1), back=st.floats(400, 410))
def test_an_online_that_waited_less_than_the_lag_errs_by_half_an_interval(
    lag: float, hurries: float, back: float
) -> None:
    """S11, E2: the lag is the longest, and none of its own."""
    world = behind(lag, lag * hurries, back)
    [up] = [event for event in world.transitions() if event.new is UP and event.old is DOWN]
    assert up.at.utc_ms == pytest.approx(utc_ms(back), abs=5010)
    assert up.earliest_ms is not None
    assert up.latest_ms is not None
    assert up.earliest_ms <= utc_ms(back) <= up.latest_ms


@pytest.mark.no_cover
@examples(60)
@given(lag=st.floats(11, 30), hurries=st.floats(0, 1), back=st.floats(400, 410))
def test_bounds_include_the_lag_where_heartbeats_have_no_time(
    lag: float, hurries: float, back: float
) -> None:
    """S11, E1, E2."""
    world = behind(lag, lag * hurries, back, tells=False)
    down, up = (event for event in world.transitions() if {event.new, event.old} == {UP, DOWN})
    for edge, truth in ((down, 243.0), (up, back)):
        assert edge.earliest_ms is not None
        assert edge.latest_ms is not None
        assert edge.earliest_ms <= utc_ms(truth) <= edge.latest_ms


def test_what_comes_just_after_a_lag_may_have_waited_for_up_to_an_interval() -> None:
    """S11, E2."""
    world = World(*fleet(4))
    for t in range(340):
        world.to(t)
        if t == 305:
            world.word(SessionStatus.ONLINE, "cam-1")
        for number in (2, 3, 4) if t % 10 == 0 else ():
            say(world, number, t - (30 if 100 <= t < 300 else 0))
        if t % 10 == 1 and (t < 100 or t >= 310):
            say(world, 1, t)
    back = next(event for event in world.transitions() if event.new is UP and event.old is DOWN)
    assert (back.at.utc_ms, back.earliest_ms) == (utc_ms(305), utc_ms(295))


def test_a_camera_was_back_when_it_sent_its_first_heartbeat() -> None:
    """E2: what comes before that waited as well, though for less than an interval."""
    world = World(*fleet(1))
    for sent in (0, 10, 20, 30, 40):
        world.to(sent)
        say(world, 1, sent)
    world.to(206)
    world.word(SessionStatus.ONLINE, "cam-1")
    world.to(209)
    say(world, 1, 203)
    back = world.transitions()[-1]
    assert (back.new, back.at.utc_ms) == (UP, utc_ms(203))
    assert (back.earliest_ms, back.latest_ms) == (utc_ms(200), utc_ms(206))


@pytest.mark.parametrize("ms", range(8))
def test_a_proof_older_than_what_is_accounted_fills_the_record(ms: int) -> None:
    """S11, E4: a camera back under a lag that was not known when its down time was put down."""
    back = 204 + ms / 1000
    world = World(*fleet(4))
    for t in range(0, 101, 10):
        world.to(t)
        for number in (1, 2, 3, 4):
            say(world, number, t)
    for t in range(110, 201, 10):
        world.to(t)
        for number in (2, 3, 4):
            say(world, number, t)
    world.to(230).account()
    assert world.status("cam-1") is DOWN
    for number in (2, 3, 4):
        say(world, number, 205)
    world.to(231)
    assert world.watch.links["main"].lag == pytest.approx(25)
    assert say(world, 1, back) is None
    assert world.status("cam-1") is UP
    [fill] = [event for event in world.events if isinstance(event, Backfill)]
    assert (fill.start_ms, fill.end_ms) == (utc_ms(back - 5), utc_ms(225))


def test_a_link_that_catches_up_in_a_burst_declares_only_the_dead() -> None:
    """S11: all of the backlog is taken before anyone is judged by it."""
    world = Road(lambda sent: max(0.1, 140 - sent) if 100 <= sent < 140 else 0.1, {5: 110.0}).run(300)
    assert list(declared(world)) == ["cam-5"]
    [down] = declared(world)["cam-5"]
    assert down.noticed <= 104 + 45 + 1.3  # the lag is over: it puts nothing off any more


def test_a_few_late_cameras_are_no_lag_of_the_link() -> None:
    """S11: odd clocks, or a landlord's bridge, delay nobody else's judgement."""
    world = World(*fleet(CAMERAS))
    for step in range(30):
        t = step * 10.0
        world.to(t)
        for number in range(1, CAMERAS + 1):
            behind = 20.0 if number <= 3 and step > 5 else 0.0
            ts = (START.utc_ms + round((t - behind) * 1000)) / 1000
            world.beat(f"cam-{number}", ts=ts, seq=step)
        assert world.watch.links["main"].lag == 0.0


def test_one_camera_that_is_late_all_the_time_hides_nobodys_death() -> None:
    """S10, S11: not with an old message in each packet that comes."""
    world = World(*fleet(CAMERAS))
    world.frozen.add("main")
    for step in range(120):
        t = step * 1.0
        world.to(t)
        spoke = [(number, t) for number in range(2, CAMERAS + 1) if step % 10 == number % 10]
        alive = [(number, sent) for number, sent in spoke if not (number == 3 and sent > 40)]
        packet(world, *alive, (1, t / 2 if t > 20 else t))
    [down] = declared(world)["cam-3"]
    assert down.noticed <= 33 + 45 + 1
    assert declared(world).keys() <= {"cam-1", "cam-3"}  # the first is as old as it says


@examples(20)
@given(st.lists(st.integers(11, 100_000), min_size=1, max_size=20), st.sampled_from([4, 20]))
def test_late_heartbeats_of_one_camera_do_not_hide_dead_ones(behind: list[int], cameras: int) -> None:
    """S11: once they are silent, it is the only one that speaks, and still no witness of its link."""
    world = World(*fleet(cameras)).beats(20)
    for step in range(12):
        world.to(25.0 + 5 * step)
        packet(world, (1, world.t - behind[step % len(behind)]))
    assert {name: moves[0].noticed for name, moves in declared(world).items() if name != "cam-1"} == {
        f"cam-{number}": 65 for number in range(2, cameras + 1)
    }


@pytest.mark.parametrize("apart_s", [200.0, 3600.0, 1e9])
def test_a_lag_says_nothing_of_the_time_before_there_was_sight(apart_s: float) -> None:
    """S11, S3: what three cameras that are late by an hour hide began when the link was subscribed."""
    world = World(*fleet(3), sight=False).to(100).regain()
    for t in (101, 111):
        world.to(t)
        packet(world, *((number, t) for number in (1, 2, 3)))
    world.to(115)
    packet(world, *((number, 115 - apart_s) for number in (1, 2, 3)))
    world.to(118)
    assert world.is_blind()
    [sight] = world.watch.link_group_checkpoints()
    assert sight.last_packet_ms >= utc_ms(100)
    for t in (120, 130, 140):
        world.to(t)
        packet(world, *((number, t) for number in (1, 2, 3)))
    gaps = [event for event in world.events if isinstance(event, MonitoringGap)]
    assert [(gap.cause, gap.began >= instant(100)) for gap in gaps] == [(GapCause.LAG, True)]
    assert all(each.at >= instant(100) for each in world.transitions())


def packet(world: World, *beats: tuple[int, float]) -> None:
    """Let heartbeats arrive together: of which camera, and when each was sent."""
    watch, link = world.watch, world.watch.links["main"]
    watch.packets_arrived(link, world.now)
    for number, sent in beats:
        said = Heartbeat(ts=(START.utc_ms + round(sent * 1000)) / 1000, uptime_s=700.0 + sent)
        watch.heartbeat(world.camera(f"cam-{number}"), world.now, said)
    world.heard()


def test_the_lag_covers_nine_cameras_in_ten() -> None:
    """S11: one odd clock among the late does not stretch it."""
    twelve = 12
    world = World(*fleet(twelve))
    for t in (0.0, 10.0, 20.0):
        world.to(t)
        for number in range(1, twelve + 1):
            world.beat(
                f"cam-{number}", ts=(START.utc_ms + t * 1000) / 1000, seq=int(t // 10), uptime_s=t + 50
            )
    world.to(50)
    for number in range(1, twelve + 1):
        behind = 3000.0 if number == twelve else 20.0 + number / 10
        sent = 50 - behind
        world.beat(f"cam-{number}", ts=(START.utc_ms + sent * 1000) / 1000, seq=3, uptime_s=sent + 50)
    world.to(52)
    assert QUANTILE == 0.9
    assert world.watch.links["main"].lag == pytest.approx(21.1)


# --- a session that the broker kept


def test_after_a_kept_session_judging_waits_for_the_backlog() -> None:
    """S11, S9: it trickles for two minutes; a broker answers in between, and that is not enough."""
    world = World(*fleet(3))
    for t in range(0, 101, 10):
        world.to(t)
        for number in (1, 2, 3):
            say(world, number, t)
    world.lose().to(160)
    link = world.watch.links["main"]
    world.watch.link_up(link, world.now, backlog=True)
    for step in range(120):
        world.to(160 + step)
        asked = world.now.mono
        for number in (1, 2, 3):
            if number < 3 or step < 3:  # the third died at about 130
                assert say(world, number, 110 + step) is RejectionReason.LATE
        world.watch.link_answered(link, world.now, asked)
        assert world.is_blind()
    assert declared(world) == {}
    for number in (1, 2):
        assert say(world, number, 279) is None
    asked = world.to(280).now.mono
    world.watch.link_answered(link, world.to(280.1).now, asked)
    assert not world.is_blind()
    for t in range(290, 340, 10):
        world.to(t)
        say(world, 1, t)
        say(world, 2, t)
    assert list(declared(world)) == ["cam-3"]
    assert world.last("cam-3").at == pytest.approx(290, abs=0.2)


def test_a_steady_lag_after_a_restart_is_no_fault_of_the_cameras_clocks() -> None:
    """L8, S11: a new process does not know when they booted; a line that is half a minute behind stays so."""
    world = World(*fleet(CAMERAS))
    for t in range(0, 101, 10):
        world.to(t)
        for number in range(1, CAMERAS + 1):
            say(world, number, t)
    for camera in world.watch.cameras.values():
        camera.boot = None  # as after a restart
    world.lose().to(135)
    world.watch.link_up(world.watch.links["main"], world.now, backlog=True)
    for t in range(140, 261, 10):
        world.to(t)
        for number in range(1, CAMERAS + 1):
            say(world, number, t - 30)
    assert world.watch.links["main"].lag == pytest.approx(30)
    for camera in world.watch.cameras.values():
        assert camera.clock_offset == pytest.approx(0, abs=0.01)
        assert not camera.reasons


def test_an_answer_with_nothing_late_behind_the_question_ends_the_backlog() -> None:
    """S11: a broker that kept nothing holds nobody up."""
    world = World(*fleet(3), sight=False).to(5)
    link = world.watch.links["main"]
    world.watch.link_up(link, world.now, backlog=True)
    assert world.is_blind()
    world.watch.link_answered(link, world.to(5.01).now, instant(5).mono)
    assert not world.is_blind()


def say(world: World, number: int, sent: float) -> RejectionReason | None:
    """Let a camera's heartbeat arrive that was sent at an instant."""
    return world.beat(
        f"cam-{number}",
        ts=(START.utc_ms + round(sent * 1000)) / 1000,
        seq=round(sent),
        uptime_s=500.0 + sent,
    )


@pytest.mark.parametrize("on_time", [0, 1])
def test_a_constant_lag_of_a_link_is_blamed_on_the_clocks_in_the_end(on_time: int) -> None:
    """L8, S11: after 32 intervals, also if one camera was on time all along."""
    world = World(*fleet(5))
    for t in range(0, 800, 10):
        world.to(t)
        for number in range(1, 6):
            behind = 70 if t >= 200 and number <= 5 - on_time else 0
            if not 100 < t < 170 or number > 5 - on_time:
                sent = (START.utc_ms / 1000) + t - behind
                world.beat(f"cam-{number}", ts=sent, seq=(t - behind) // 10, uptime_s=500.0 + t - behind)
    assert not world.watch.links["main"].lag
    assert world.camera().clock_offset == pytest.approx(70)
