"""However many late heartbeats come, in whatever order: each event tells something new (rule E4)."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from camwatch.core.backfill import RUNS_KEPT
from camwatch.core.events import Backfill
from camwatch.core.status_time import Proven, unite
from tests.support.examples import examples
from tests.support.fleet import World, utc_ms
from tests.unit.core.test_backfill import fills, lived, sent


def proven(told: Iterable[Backfill]) -> list[Proven]:
    """Return all that these prove, as the record keeps it."""
    return unite(Proven.of(*fill[2:]) for fill in told)


def in_the_dark(until: float) -> World:
    """Return a world of which nothing was seen from second 103 until now."""
    return lived(100).blind(103, until)


_HEARD = st.lists(st.tuples(st.integers(105, 385), st.booleans()), min_size=1, max_size=60)
"""When late heartbeats were sent, as they come, and whether a checkpoint follows."""


@given(_HEARD, st.sets(st.integers(0, 120)))
@example([(355, True), (310, False)], {0, 1, 2, 3})
@example([(360, True), (370, True)], {0})
@examples(60)
def test_each_event_tells_what_none_before_it_told(heard: list[tuple[int, bool]], back: set[int]) -> None:
    """E4: so no more than there are stretches, times that one grew, and proofs that ended one."""
    world = in_the_dark(400)
    for number, (at, checkpoint) in enumerate(heard * 2):
        if number in back:
            sent(world, 400, uptime_s=2400.0)
        sent(world, at, uptime_s=2000.0 + at)
        if checkpoint:
            fills(world)
    told = fills(world)
    for number in range(len(told)):
        assert proven(told[: number + 1]) != proven(told[:number]), told[number]
    assert len(told) <= len({at for at, _ in heard}) + 1


@given(_HEARD, st.booleans())
@example([(105, False), (106, False), (105, False)], False)
@examples(60)
def test_they_prove_the_same_in_whatever_order_they_come(heard: list[tuple[int, bool]], back: bool) -> None:
    """E4: two links may bring by turns what each had kept."""
    found = []
    for order in (heard, sorted(heard)):
        world = in_the_dark(400)
        for at, checkpoint in order:
            sent(world, at, uptime_s=2000.0 + at)
            if checkpoint:
                fills(world)
        if back:
            sent(world, 400, uptime_s=2400.0)
        found.append(proven(fills(world.to(420))))  # by then it is decided whose fault the disorder is
    assert found[0] == found[1]


@pytest.mark.parametrize("often", [True, False])
def test_two_alternating_instants_are_two_runs(often: bool) -> None:
    """E4: a stolen account, or a camera that repeats itself."""
    world = in_the_dark(400)
    for number in range(2_000):
        sent(world, 200 if number % 2 else 300)
        if often:
            fills(world)
    assert proven(fills(world)) == [
        Proven(utc_ms(195), utc_ms(205), utc_ms(200), utc_ms(200)),
        Proven(utc_ms(295), utc_ms(305), utc_ms(300), utc_ms(300)),
    ]
    assert len(fills(world)) == 2


def test_more_stretches_than_are_remembered_are_told_once_each() -> None:
    """E4: those that are forgotten are the earliest, and nothing before the others is told again."""
    count = 2 * RUNS_KEPT
    world = in_the_dark(200 + 60 * count)
    for _ in range(3):
        for number in range(count):
            sent(world, 150 + 60 * number)
    told = fills(world)
    assert len(told) == len(proven(told)) == count
    camera = world.camera()
    assert len(camera.backfills_emitted) == RUNS_KEPT


def test_what_another_link_brings_joins_what_was_told() -> None:
    """E4: between signs of life no further apart than `down_after` is no doubt, whenever they came."""
    world = in_the_dark(400)
    sent(world, 200)
    sent(world, 280)
    assert len(fills(world)) == 2
    sent(world, 240)
    told = fills(world)
    assert len(told) == 3
    assert proven(told) == [Proven(utc_ms(195), utc_ms(285), utc_ms(200), utc_ms(280))]


def test_a_late_heartbeat_of_a_camera_that_was_seen_tells_nothing() -> None:
    """E4: also where it comes soon after a stretch that was filled, and was closed by a proof."""
    world = in_the_dark(400)
    for t in range(110, 400, 10):
        sent(world, t)
    for t in range(400, 500, 10):
        world.to(t)
        sent(world, t)
    told = fills(world)
    sent(world, 430)
    sent(world, 470)
    assert fills(world) == told


def test_what_was_filled_does_not_creep_back_into_time_that_was_seen() -> None:
    """E4: by late heartbeats, each near enough to the one before."""
    world = lived(500).blind(503, 700)
    for t in range(700, 1200, 10):
        world.to(t)
        sent(world, t)
    for number in range(10):
        sent(world, 600 - 40 * number)
    (stretch,) = proven(fills(world))
    assert utc_ms(450) < stretch.start


def test_what_was_told_is_not_told_again_by_a_clock_of_ours_that_was_set() -> None:
    """T2: it would be of another time; what comes then is told from the last that was told on."""
    world = in_the_dark(400)
    for t in range(110, 300, 10):
        sent(world, t)
    sent(world, 350)
    assert len(fills(world)) == 2
    world.events.clear()
    world.watch.wall_clock_advanced(0.0)
    sent(world, 360)
    (fill,) = fills(world)
    assert (fill.start_ms, fill.end_ms) == (utc_ms(350), utc_ms(365))
