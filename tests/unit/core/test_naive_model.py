"""A second, naive opinion: status and accounts straight from the list of what happened (rules L, S, V, A).

`opinion` shares no code with the core. It reads a finished story of one camera from beginning to end, in
whole milliseconds, and says what it was when; the core hears the same story as it unfolds.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from hypothesis import given, reject, settings
from hypothesis import strategies as st

from camwatch.core.model import Liveness, Status
from tests.support.fleet import World, enrolment, window

UNKNOWN, UP, DOWN, MAINTENANCE = Status.UNKNOWN, Status.UP, Status.DOWN, Status.MAINTENANCE

Stretch: TypeAlias = tuple[int, int, Status]
"""From, to (milliseconds) and what the camera was."""


@dataclass(frozen=True)
class Story:
    """Milliseconds since sight began: proofs, and blindnesses as (begin, end); it ends with a proof."""

    proofs: tuple[int, ...]
    blind: tuple[tuple[int, int], ...] = ()
    windows: tuple[tuple[int, int], ...] = ()
    asleep: bool = False  # the blindnesses are stalls of the daemon (rule S8)
    interval: int = 10_000
    down: int = 45_000

    @property
    def events(self) -> list[tuple[int, str]]:
        """Everything that happens, in order."""
        happenings = [(t, "proof") for t in self.proofs]
        happenings += [(begin, "lost") for begin, _ in self.blind]
        happenings += [(end, "back") for _, end in self.blind]
        return sorted(happenings)

    @property
    def binary(self) -> bool:
        """Whether every instant is an eighth of a second, so that seconds in floats are exact too."""
        return all(t % 125 == 0 for t, _ in self.events)


def opinion(story: Story) -> list[Stretch]:  # noqa: C901 - the rules one after another, to be read at a glance
    """Say what the camera was, beneath maintenance."""
    told: list[Stretch] = []
    was, since, due, deadline, lost, proof = UNKNOWN, 0, story.interval, story.down, 0, 0
    seeing, returned = True, True

    def become(status: Status, at: int) -> None:
        nonlocal was, since
        told.append((since, at, was))
        was, since = status, at

    for t, what in story.events:
        if deadline == t and not story.binary:
            reject()  # whether the float of this millisecond lies before or after is nobody's business
        if seeing and was is not DOWN and deadline <= t:
            if was is UP and returned:
                become(UNKNOWN, min(due, proof + story.interval))
            become(DOWN, due if returned else proof + story.interval // 2)
        if what == "lost":
            seeing, lost = False, t
        elif what == "proof":
            if was is UP and t - proof > story.down:
                become(UNKNOWN, proof + story.interval)
            become(UP, t)
            proof, deadline, returned = t, t + story.down, False
        else:
            seeing, length = True, t - lost
            if was is UP and length >= story.down:
                become(UNKNOWN, min(lost, proof + story.interval))
            elif was is DOWN:
                become(UNKNOWN, lost)
                if length < story.down:
                    become(DOWN, t)
            due, returned = t + story.interval, True
            deadline = t + story.down if was is UNKNOWN else deadline + length + story.interval
    return told


def under(windows: tuple[tuple[int, int], ...], stretches: list[Stretch]) -> list[Stretch]:
    """Cover stretches with maintenance windows, and join what is alike."""
    edges = sorted({edge for pair in windows for edge in pair})
    joined: list[Stretch] = []
    for begin, end, status in stretches:
        cuts = [begin, *(edge for edge in edges if begin < edge < end), end]
        for start, stop in pairwise(cuts):
            covered = any(first <= start < last for first, last in windows)
            now = MAINTENANCE if covered else status
            if start == stop:
                continue
            if joined and joined[-1][2] is now:
                joined[-1] = (joined[-1][0], stop, now)
            else:
                joined.append((start, stop, now))
    return joined


def play(story: Story) -> World:
    """Tell the story to the core as it unfolds."""
    liveness = Liveness(interval_s=story.interval / 1000, down_after=story.down / story.interval)
    windows = [window(begin / 1000, end / 1000) for begin, end in story.windows]
    world = World(enrolment(liveness=liveness), windows=windows, chatter_s=2.0)
    for t, what in story.events:
        if what == "back" and story.asleep:
            world.stall(t / 1000)
            continue
        world.to(t / 1000)
        if what == "proof":
            world.beat()
        elif what == "lost" and not story.asleep:
            world.lose()
        elif what == "back":
            world.regain()
    return world


def agree(story: Story) -> None:
    """Compare both opinions: every account to the millisecond, every transition to its instant."""
    world, expected = play(story), under(story.windows, opinion(story))
    account = world.account()
    spent = dict.fromkeys((UP, DOWN, UNKNOWN, MAINTENANCE), 0)
    for begin, end, status in expected:
        spent[status] += end - begin
    assert spent == {
        UP: account.up,
        DOWN: account.down,
        UNKNOWN: account.unknown,
        MAINTENANCE: account.maintenance,
    }
    end = story.proofs[-1]
    assert account.in_service == end
    changes = [(round(move.at * 1000), move.new) for move in world.moves() if move.at * 1000 < end - 0.5]
    if expected and expected[0][2] is UNKNOWN:
        expected = expected[1:]
    assert changes == [(begin, status) for begin, _, status in expected]


_gaps = {
    True: st.one_of(
        st.sampled_from([10_000, 20_000, 25_000, 35_000, 45_000, 55_000, 90_000]),
        st.integers(1, 1_600).map(lambda eighths: eighths * 125),
    ),
    False: st.one_of(
        st.sampled_from([1, 9_999, 10_000, 10_001, 44_999, 45_001, 55_001]),
        st.integers(1, 12_000),
        st.integers(1, 200_000),
    ),
}


@st.composite
def stories(draw: st.DrawFn, *, blind: bool = False, windows: bool = False) -> Story:
    """Draw a story: proofs in sight, blindnesses between them, windows anywhere."""
    t, proofs, dark = 0, [], []
    gaps = _gaps[draw(st.booleans())]
    for gap in draw(st.lists(gaps, min_size=4, max_size=25)):
        if blind and draw(st.integers(0, 3)) == 0:
            begin = t + draw(gaps)
            t = begin + 5_125 + draw(gaps)
            dark.append((begin, t))
        t += gap
        proofs.append(t)
    cover: list[tuple[int, int]] = []
    if windows:
        for _ in range(draw(st.integers(1, 4))):
            begin = draw(st.integers(0, t))
            cover.append((begin, begin + draw(gaps)))
    interval, factor = draw(st.sampled_from([(10_000, 4.5), (10_000, 2.5), (20_000, 4.5), (5_000, 3.0)]))
    return Story(
        tuple(proofs), tuple(dark), tuple(cover), draw(st.booleans()), interval, round(interval * factor)
    )


@settings(max_examples=60)
@given(stories())
def test_in_sight_both_opinions_agree(story: Story) -> None:
    """L2-L4, A1: up from a proof to the heartbeat that did not come, unknown before the first."""
    agree(story)


@settings(max_examples=120)
@given(stories(blind=True))
def test_with_blindness_both_opinions_agree(story: Story) -> None:
    """S2-S5, S7, S8, A1: short and long, before, around and after due instant and deadline."""
    agree(story)


@settings(max_examples=120)
@given(stories(blind=True, windows=True))
def test_under_maintenance_both_opinions_agree(story: Story) -> None:
    """V3, A1: windows that begin and end anywhere in it."""
    agree(story)


def test_the_naive_opinion_itself_on_a_story_told_by_hand() -> None:
    """The judge of the judge: worked out on paper."""
    story = Story(proofs=(5_000, 70_000, 400_000), blind=((72_000, 90_000), (200_000, 300_000)))
    assert opinion(story) == [
        (0, 5_000, UNKNOWN),
        (5_000, 10_000, UP),
        (10_000, 70_000, DOWN),
        (70_000, 80_000, UP),
        (80_000, 100_000, UNKNOWN),  # due at 80 s, which was blind: so at 100 s
        (100_000, 200_000, DOWN),
        (200_000, 310_000, UNKNOWN),
        (310_000, 400_000, DOWN),
    ]
    assert under(((10_000, 20_000), (20_000, 30_000)), opinion(story))[1:4] == [
        (5_000, 10_000, UP),
        (10_000, 30_000, MAINTENANCE),
        (30_000, 70_000, DOWN),
    ]
