"""What many cameras are late by together, what brings late words alone, and two links of which one lags."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from camwatch.core.model import Status
from tests.support.examples import examples
from tests.support.fleet import START, World, fleet, seconds
from tests.unit.core.test_resume import Left, restarted

DOWN, UNKNOWN, UP = Status.DOWN, Status.UNKNOWN, Status.UP
STOPPED = 400


class Sent(NamedTuple):
    """A heartbeat on its way, in seconds; the first is camera 0, and counts from 0."""

    arrives: float
    at: float
    camera: int
    seq: int


def beat(world: World, sent: Sent, link: str | None = None) -> None:
    """Let a heartbeat arrive now, from a camera whose own clock is right."""
    ts, uptime_s = START.utc_ms / 1000 + sent.at, 1000.0 + sent.at
    world.beat(f"cam-{sent.camera + 1}", link, ts=ts, seq=sent.seq, uptime_s=uptime_s)


def under_way(
    phases: list[float], delay: Callable[[float], float], begin: float, end: float, *, opens: float = 0.0
) -> list[Sent]:
    """Return what cameras send from `begin` to `end`, one in 10 s each, in the order in which it arrives.

    Nothing does before the way `opens`.
    """

    def sent() -> Iterator[Sent]:
        for camera, phase in enumerate(phases):
            for seq in range(int(end / 10)):
                if begin <= (at := phase + 10 * seq) < end:
                    yield Sent(max(opens, at + delay(at)), at, camera, seq)

    return sorted(sent())


def statuses(world: World) -> set[Status]:
    """Return which statuses there are."""
    return {world.status(name) for name in world.watch.cameras}


def declared(world: World, since: float = 0.0) -> list[str]:
    """Return who was declared down since an instant."""
    return [
        name
        for name in world.watch.cameras
        if any(move.new is DOWN and move.noticed > since for move in world.moves(name))
    ]


@pytest.mark.no_cover
@examples(40)
@given(
    phases=st.lists(st.floats(0, 9.9), min_size=4, max_size=8),
    ahead=st.sampled_from([30.0, 40.0, 50.0, 600.0, 7200.0, 400 * 86_400.0]),
    away=st.floats(5, 60),
    jitter=st.sampled_from([0.0, 0.5, 2.0, 4.0, 9.0]),
    kept=st.booleans(),
    draw=st.randoms(use_true_random=False),
)
@example(phases=[3.9, 4.6, 9.5, 1.1], ahead=7200.0, away=6.6, jitter=9.0, kept=True, draw=random.Random(2))
@example(
    phases=[8.1, 7.8, 6.6, 0.3, 7.2], ahead=30.0, away=59.9, jitter=9.0, kept=True, draw=random.Random(1)
)
def test_a_start_with_our_own_clock_ahead_accuses_nobody(
    phases: list[float], ahead: float, away: float, jitter: float, kept: bool, draw: random.Random
) -> None:
    """S11, L8, T4: all look late by the same, and are believed at the same instant, not one by one."""
    world = World(*fleet(len(phases)))
    for sent in under_way(phases, lambda _at: draw.uniform(0, jitter), 0, STOPPED - 10):
        world.to(round(sent.arrives, 3))
        beat(world, sent)
    left = Left(world.to(STOPPED))
    begins = STOPPED + away
    world = restarted(left, begins + ahead, *fleet(len(phases)))
    link = world.watch.links["main"]
    world.watch.link_up(link, world.now, backlog=kept)
    begin, asked = STOPPED if kept else begins, world.now.mono
    for sent in under_way(phases, lambda _at: draw.uniform(0, jitter), begin, begins + 900, opens=begins):
        world.to(round(sent.arrives + ahead, 3))
        if link.catching_up and world.now.mono - asked > 2:
            world.watch.link_answered(link, world.now, asked)
            asked = world.now.mono
        beat(world, sent)
    assert declared(world, since=STOPPED + 1) == []
    assert jitter > 4 or statuses(world) == {UP}


def test_a_subscription_to_a_link_that_lags_a_little_leaves_nobody_unknown() -> None:
    """S11: once it is known how far it is behind, what was kept is through as far as that."""
    phases = [number / 2 for number in range(20)]
    world = World(*fleet(20))
    for sent in under_way(phases, lambda at: 0.1 if at < 300 else 30.0, 0, 600):
        if sent.arrives > 340 and world.t <= 340:
            world.to(340).lose().to(342)
            world.watch.link_up(world.watch.links["main"], world.now, backlog=True)
        world.to(round(sent.arrives, 3))
        beat(world, sent)
        assert world.t < 360 or not world.is_blind()
    assert {len(world.moves(name)) for name in world.watch.cameras} == {1}


def lived(cameras: int) -> World:
    """Return a world whose cameras all said so at 0, 10, ... 50."""
    world = World(*fleet(cameras))
    for sent in under_way([0.0] * cameras, lambda _at: 0.0, 0, 60):
        world.to(sent.arrives)
        beat(world, sent)
    return world


def one_speaks_of_the_past(until: float, apart_s: float, *, answers: bool) -> World:
    """Return twenty cameras that die after 50 but the first, which speaks of an hour ago; no packet besides.

    `answers`: a broker that is asked because its link is doubted answers at once.
    """
    world = lived(20)
    world.frozen.add("main")
    world.to(65)
    link, number = world.watch.links["main"], 0
    while world.t < until:
        number += 1
        world.to(world.t + apart_s)
        past = START.utc_ms / 1000 + world.t - 3600 - 37 * (number % 5)
        world.beat("cam-1", ts=past)
        if answers and link.doubted:
            world.watch.link_answered(link, world.now, world.now.mono - 0.01)
            world.events += world.watch.drain_events()
    return world


def test_one_camera_that_speaks_of_the_past_keeps_no_dead_one_up() -> None:
    """S10: its link is asked; the answer shows that the others are silent."""
    world = one_speaks_of_the_past(115, 5.0, answers=True)
    assert world.status("cam-2") is DOWN
    assert world.last("cam-2").at == pytest.approx(55, abs=0.1)


def test_without_any_proof_of_sight_a_silent_camera_is_unknown_in_the_end() -> None:
    """S10: after its deadline for as long again; nobody may say that it is down, nor that it is up."""
    world = one_speaks_of_the_past(200, 5.0, answers=False)
    assert world.status("cam-2") is UNKNOWN
    last = world.last("cam-2")
    assert (last.at, last.noticed) == (60, 140)


def test_an_answer_proves_sight_though_one_camera_floods_with_late_words() -> None:
    """S10, S11: a backlog is what several cameras said; one alone holds nothing up."""
    world = lived(10).lose().to(350)
    link = world.watch.links["main"]
    world.watch.link_up(link, world.now, backlog=True)
    for number in range(100):
        asked = world.now.mono
        world.to(world.t + 0.04)
        world.beat("cam-1", ts=START.utc_ms / 1000 + world.t - 100 - 20 * (number % 9))
        world.watch.link_answered(link, world.now, asked)
    assert link.visible
    assert not world.is_blind()


def two_brokers(delay: Callable[[int, float], float], until: float, died: float) -> World:
    """Return ten cameras, half on each of two links; `delay` is that of the second. cam-1 dies."""
    world = World(*fleet(10), links=("main", "second"))
    phases = [float(number) for number in range(10)]
    sents = under_way(phases, lambda _at: 0.0, 0, until)
    on_their_way = sorted(
        sent._replace(arrives=sent.at + (delay(sent.camera, sent.at) if sent.camera >= 5 else 0.1))
        for sent in sents
        if sent.camera != 0 or sent.at < died
    )
    for sent in (each for each in on_their_way if each.arrives < until):
        world.to(round(sent.arrives, 3))
        beat(world, sent, "second" if sent.camera >= 5 else "main")
    return world


def test_a_link_that_lags_hides_no_death_on_another() -> None:
    """S13: a camera that spoke over a link which sees is seen through it."""

    def delay(_camera: int, at: float) -> float:
        return min(60.0, max(0.1, (at - 100) * 0.4)) + abs(at % 120 - 60) / 2.5

    world = two_brokers(delay, 600, died=400)
    assert declared(world) == ["cam-1"]
    [down] = [move for move in world.moves("cam-1") if move.new is DOWN]
    assert down.noticed <= 400 + 45 + 1


@pytest.mark.parametrize("lag", [30.0, 60.0])
def test_copies_of_what_another_broker_brought_tell_that_a_link_lags(lag: float) -> None:
    """S11, S13: when the other is deaf to cameras, what the slow one still brings is no sign of death."""
    phases = [float(number) for number in range(8)]
    world = World(*fleet(8), links=("main", "second"))
    slow = [
        (sent._replace(arrives=sent.at + min(lag, max(0.1, (sent.at - 100) * 0.5))), "main")
        for sent in under_way(phases, lambda _at: 0.0, 0, 700)
    ]
    quick = [(sent, "second") for sent in under_way(phases, lambda _at: 0.1, 0, 400)]
    for sent, link in sorted(slow + quick):
        world.to(round(sent.arrives, 3))
        beat(world, sent, link)
    assert declared(world) == []


@pytest.mark.parametrize(
    ("ts", "uptime_s"),
    [
        (lambda t: START.utc_ms / 1000 + t - 200 * (t > 200), lambda _t: 0.0),
        (lambda _t: 0.0, lambda _t: 0.0),
    ],
    ids=["a clock set back", "a clock that stands"],
)
@pytest.mark.parametrize("counts", [False, True])
def test_an_uptime_that_stands_still_tells_nothing_of_a_clock(
    ts: Callable[[float], float], uptime_s: Callable[[float], float], counts: bool
) -> None:
    """L10: two broken things in one camera take no life."""
    world = World(*fleet(4))
    for step in range(90):
        t = 10.0 * step
        world.to(t)
        world.beat("cam-1", ts=ts(t), uptime_s=uptime_s(t), seq=step if counts else None)
        for name in ("cam-2", "cam-3", "cam-4"):
            world.beat(name, ts=START.utc_ms / 1000 + t, seq=step, uptime_s=1000 + t)
    assert declared(world) == []
    assert seconds(world.now) == 890


def test_what_a_link_kept_of_a_camera_that_nobody_knows_is_waited_for() -> None:
    """S11, S13: another link that sees says nothing of what is not through yet."""
    world = World(*fleet(4), links=("main", "second"), sight=False)
    world.regain("main")
    world.watch.link_up(world.watch.links["second"], world.now, backlog=True)
    world.to(100)
    assert declared(world) == []
