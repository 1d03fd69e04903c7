"""What late heartbeats prove, told again and again, as operators stand (rules E4, A4)."""

from __future__ import annotations

from functools import reduce
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from camwatch.accounting.rolling import RollingAccounts
from camwatch.core.events import Backfill, Event
from camwatch.core.status_time import Proven, StatusTime, unite
from tests.support.examples import examples
from tests.unit.accounting.test_rolling import (
    DOWN,
    HOUR,
    MINUTE,
    NOW,
    PARIS,
    UP,
    day,
    entered,
    moved,
    naive,
    recorded,
    told,
)

_STRETCHES = st.lists(
    st.lists(st.integers(0, 60), min_size=4, max_size=4).map(
        lambda at: Proven((at := sorted(at))[0], at[3] + 1, at[1], at[2])
    ),
    max_size=12,
)


def fill(stretch: Proven) -> Backfill:
    """Return that a stretch was filled, so many minutes after NOW."""
    return Backfill("cam-1", "ville", *(NOW + minute * MINUTE for minute in stretch))


def stretches(standing: RollingAccounts) -> int:
    """Return how many stretches are kept of the camera."""
    (camera,) = standing._cameras.values()
    return len(camera.backfills)


@given(_STRETCHES)
def test_stretches_are_united_alike_one_at_a_time_and_in_any_order(found: list[Proven]) -> None:
    """E4: disjoint, in order, and all that was told."""
    whole = unite(found)
    assert all(one.end < other.start for one, other in pairwise(whole))
    minutes = [{minute for each in some for minute in range(*each.span)} for some in (found, whole)]
    assert minutes[0] == minutes[1]
    assert unite(reversed(found)) == whole
    assert reduce(lambda some, each: unite((*some, each)), found, list[Proven]()) == whole


@given(_STRETCHES, st.integers(1, 12))
@examples(250)
def test_the_figures_are_those_of_the_union_of_all_fills(found: list[Proven], again: int) -> None:
    """E4: told one at a time, some of them twice; built from all; or from one row for each stretch."""
    events: list[Event] = [entered(-HOUR), moved(-HOUR, UP), moved(0, DOWN), moved(70 * MINUTE, UP)]
    fills = [fill(each) for each in found]
    standing = told(*events, *fills, *fills[-again:])
    kept = [fill(each) for each in unite(found)]
    assert stretches(standing) == len(kept)
    for now in (NOW + 30 * MINUTE, NOW + 3 * HOUR):
        truth = naive(recorded([*events, *kept]), "ville", now)
        assert standing.status_times("ville", now) == truth
        for rows in (fills, kept):
            built = RollingAccounts.from_record(PARIS, recorded([*events, *rows]), now)
            built.apply(fills)
            assert built.status_times("ville", now) == truth
            assert stretches(built) == len(kept)


def test_a_stretch_that_grows_leaves_no_doubt_where_it_ended_before() -> None:
    """E4, A3: a checkpoint in the middle of what a broker kept."""
    standing = told(entered(-HOUR), moved(-HOUR, UP), moved(0, DOWN), moved(HOUR, UP))
    standing.apply([fill(Proven(10, 20, 11, 19)), fill(Proven(10, 40, 11, 39))])
    doubt = {"uncertain_up": 2 * MINUTE, "uncertain_down": 2 * MINUTE}
    assert day(standing, HOUR) == StatusTime(up=HOUR + 30 * MINUTE, down=30 * MINUTE, **doubt)


def test_however_often_they_are_told_a_few_stretches_stay_a_few() -> None:
    """E4: a stolen account; the time that one more takes does not grow with those before."""
    standing = told(entered(-HOUR), moved(-HOUR, UP), moved(0, DOWN), moved(HOUR, UP))
    for number in range(2_000):
        start = 30 * (number % 2)
        standing.apply([fill(Proven(start, start + 10, start, start + 9))])
    assert stretches(standing) == 2
    assert day(standing, HOUR).up == HOUR + 20 * MINUTE
