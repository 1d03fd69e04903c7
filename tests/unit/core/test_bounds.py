"""Between which instants a change came, and what late heartbeats leave of an outage (rules A3, E1-E4)."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camwatch.accounting.outage_length import by_evidence, down_ms
from camwatch.accounting.records import OPEN_ENDED, CameraHistory, History, OutageRecord, StatusChange
from camwatch.accounting.timeline import TimelineOverlays, status_time_between
from camwatch.core.events import Backfill
from camwatch.core.model import Cause, Purpose, Status
from camwatch.core.status_time import Interval, Proven, StatusTime
from tests.support.fleet import START, World, alive, utc_ms

UP, DOWN, UNKNOWN = Status.UP, Status.DOWN, Status.UNKNOWN
INTERVAL = 10.0


def camera(*changes: StatusChange, fills: tuple[tuple[int, ...], ...] = ()) -> CameraHistory:
    found = CameraHistory("cam-1", "ville", "mairie", "centre", Purpose.TRAFFIC, "", list(changes))
    found.service_periods = [Interval(0, OPEN_ENDED)]
    found.backfills = [Proven.of(*fill) for fill in fills]
    return found


def account(record: CameraHistory, start: int, end: int) -> StatusTime:
    overlays = TimelineOverlays(History([record], [], [], 0, 0, 0, ""))
    return status_time_between(overlays.dated(record, end), start, end)


def outage(record: CameraHistory, at: int, end: int | None) -> OutageRecord:
    record.outages = [OutageRecord(1, at, end, at, Cause.TIMEOUT)]
    (found,) = by_evidence(record)
    return found


def test_time_between_the_bounds_of_a_change_is_uncertain() -> None:
    """A3: up time before the point, down time after it; an exact change leaves no doubt."""
    record = camera(StatusChange(0, UP), StatusChange(105, DOWN, 100, 110), StatusChange(200, UP))
    assert account(record, 0, 300) == StatusTime(up=205, down=95, uncertain_up=5, uncertain_down=5)
    assert account(record, 0, 103) == StatusTime(up=103, uncertain_up=3)
    assert account(record, 0, 300).bounds == (200 / 300, 210 / 300)


def test_what_late_heartbeats_prove_is_certain() -> None:
    """E4."""
    record = camera(StatusChange(0, UP), StatusChange(105, DOWN, 100, 110), fills=((90, 150),))
    assert account(record, 0, 200) == StatusTime(up=150, down=50)


def test_an_outage_has_the_bounds_of_the_changes_that_began_and_ended_it() -> None:
    """E1, E2."""
    record = camera(StatusChange(0, UP), StatusChange(105, DOWN, 100, 110), StatusChange(205, UP, 200, 210))
    found = outage(record, 105, 205)
    assert (found.at_earliest_ms, found.at_latest_ms) == (100, 110)
    assert (found.end_earliest_ms, found.end_latest_ms) == (200, 210)


def test_where_a_change_is_exact_so_is_the_outage() -> None:
    record = camera(StatusChange(0, UP), StatusChange(105, DOWN), StatusChange(205, UP))
    found = outage(record, 105, 205)
    assert (found.at_earliest_ms, found.at_latest_ms) == (105, 105)
    assert (found.end_earliest_ms, found.end_latest_ms) == (205, 205)
    still = outage(record, 105, None)
    assert (still.end_earliest_ms, still.end_latest_ms) == (None, None)


@pytest.mark.parametrize(
    ("fills", "left"),
    [
        (((90, 150),), (150, 300)),
        (((250, 310),), (100, 250)),
        (((150, 200),), (100, 300)),
        (((90, 120), (280, 300)), (120, 280)),
    ],
)
def test_an_outage_is_shortened_to_what_late_heartbeats_leave(
    fills: tuple[tuple[int, int], ...], left: tuple[int, int]
) -> None:
    """E4: where they prove its middle false it is split in two, and reaches over both."""
    record = camera(StatusChange(0, UP), StatusChange(100, DOWN), StatusChange(300, UP), fills=fills)
    found = outage(record, 100, 300)
    assert (found.at_ms, found.end_ms, found.voided) == (*left, False)
    stretches = TimelineOverlays(History([], [], [], 0, 0, 0, "")).intervals(record, 400)
    covered = sum(min(end, 300) - max(start, 100) for start, end in fills)
    assert down_ms(stretches, found, 400) == 200 - covered


def test_an_outage_covered_by_late_heartbeats_is_voided() -> None:
    """E4, S7: blind time inside it needs no proof."""
    record = camera(
        StatusChange(0, UP), StatusChange(100, DOWN), StatusChange(150, UNKNOWN), StatusChange(250, DOWN),
        StatusChange(300, UP),
        fills=((100, 150), (250, 310)),
    )  # fmt: skip
    found = outage(record, 100, 300)
    assert (found.at_ms, found.end_ms, found.voided) == (100, 300, True)


def test_an_outage_that_goes_on_is_not_voided() -> None:
    record = camera(StatusChange(0, UP), StatusChange(100, DOWN), fills=((90, 150),))
    found = outage(record, 100, None)
    assert (found.at_ms, found.end_ms, found.voided) == (150, None, False)


def test_an_outage_of_no_length_is_disproved_by_nothing() -> None:
    record = camera(
        StatusChange(0, UP), StatusChange(100, DOWN), StatusChange(100, UNKNOWN), fills=((90, 150),)
    )
    assert not outage(record, 100, 100).voided


@st.composite
def cuts(draw: st.DrawFn) -> list[tuple[float, float]]:
    """Return some absences, each longer than a camera may be silent: (died, back)."""
    found, at = [], 30.0
    for _ in range(draw(st.integers(1, 4))):
        died = at + draw(st.integers(1, 60_000)) / 1000
        back = died + 65 + draw(st.integers(0, 100_000)) / 1000
        found.append((died, back))
        at = back + 30
    return found


def heartbeats(absences: list[tuple[float, float]], phases: list[float], pace: Random) -> Iterator[float]:
    """Yield when a camera spoke, up to a tenth of an interval off its pace.

    After each absence, it begins within the interval that follows its return.
    """
    due = at = back = 0.0
    for (died, returns), phase in zip([*absences, (absences[-1][1] + 40, 0.0)], phases, strict=True):
        while (at := max(at, back, round(due + INTERVAL * pace.uniform(-0.1, 0.1), 3))) < died:
            yield at
            due += INTERVAL
        due, at, back = returns + phase, 0.0, returns


@pytest.mark.no_cover
@given(
    cuts(),
    st.lists(st.integers(1, 9_999).map(lambda each: each / 1000), min_size=5, max_size=5),
    st.randoms(use_true_random=False),
    st.booleans(),
    st.tuples(st.integers(0, 999), st.integers(0, 999)),
)
def test_the_truth_lies_within_the_bounds_of_every_account(
    absences: list[tuple[float, float]],
    phases: list[float],
    pace: Random,
    numbered: bool,
    stretch: tuple[int, int],
) -> None:
    """A3, E1, E2: whatever the instants of death and return, for any stretch of time."""
    world: World = alive()
    last = 0.0
    for number, at in enumerate(heartbeats(absences, phases[: len(absences) + 1], pace)):
        said: dict[str, Any] = {"seq": number + 1} if numbered else {}
        world.to(at).beat(**said)
        last = at
    changes = [StatusChange(utc_ms(0), UNKNOWN)]
    changes += [
        StatusChange(move.at.utc_ms, move.new, move.earliest_ms, move.latest_ms)
        for move in world.transitions()
    ]
    record = camera(*changes)
    record.service_periods = [Interval(utc_ms(0), OPEN_ENDED)]
    start, end = sorted((round(last * stretch[0]), round(last * stretch[1]) + 1))
    found = account(record, utc_ms(0) + start, utc_ms(0) + end)
    gone = sum(
        max(0, min(end, round(back * 1000)) - max(start, round(died * 1000))) for died, back in absences
    )
    alive_ms = end - start - gone
    rounding = 2 * len(absences)
    assert found.in_service == end - start
    assert found.least_up - rounding <= alive_ms <= found.most_up + rounding


def test_what_an_absence_parts_is_voided_with_its_down_time() -> None:
    """V6, E4: nobody was down while it was not in the inventory."""
    record = camera(
        StatusChange(0, UP),
        StatusChange(100, DOWN),
        StatusChange(250, UNKNOWN),
        StatusChange(260, DOWN),
        StatusChange(300, UP),
    )
    record.service_periods = [Interval(0, 200), Interval(250, OPEN_ENDED)]
    record.backfills = [Proven.of(90, 200)]
    assert outage(record, 100, 300).at_ms == 260
    record.backfills = [Proven.of(90, 210), Proven.of(250, 310)]
    assert outage(record, 100, 300).voided


def test_the_ends_of_what_late_heartbeats_prove_are_uncertain() -> None:
    """A3, E4: within the proven time it may have been down, without it up; in between nothing is doubted."""
    record = camera(
        StatusChange(0, UP), StatusChange(100, DOWN), StatusChange(300, UP), fills=((150, 250, 155, 245),)
    )
    assert record.backfills[0].edges == (Interval(145, 155), Interval(245, 255))
    assert account(record, 0, 400) == StatusTime(up=300, down=100, uncertain_up=10, uncertain_down=10)
    assert account(record, 155, 245) == StatusTime(up=90)


def test_an_outage_that_late_heartbeats_shorten_has_their_bounds() -> None:
    """E4."""
    fills = ((90, 150, 90, 145), (250, 310, 255, 310))
    record = camera(StatusChange(0, UP), StatusChange(100, DOWN), StatusChange(300, UP), fills=fills)
    found = outage(record, 100, 300)
    assert (found.at_ms, found.at_bounds) == (150, Interval(145, 155))
    assert (found.end_ms, found.end_bounds) == (250, Interval(245, 255))


@given(
    st.integers(1, 5), st.integers(-9_999, 0), st.integers(0, 9_999), st.integers(0, 300), st.integers(1, 200)
)
def test_the_truth_lies_within_the_bounds_of_late_heartbeats(
    words: int, began: int, ended: int, start: int, length: int
) -> None:
    """A3, E4: whenever it came back before the first of them and was gone after the last."""
    world = World()
    for t in range(0, 110, 10):
        world.to(t).beat(ts=START.utc_ms / 1000 + t)
    world.to(300)
    for number in range(words):
        world.beat(ts=START.utc_ms / 1000 + 180 + 10 * number)
    world.to(400)
    world.watch._state_machine.emit_backfill(world.camera(), world.now)
    record = camera(StatusChange(utc_ms(0), UNKNOWN), *changes(world))
    for fill in (each for each in (*world.events, *world.watch.drain_events()) if isinstance(each, Backfill)):
        record.backfills.append(Proven.of(*fill[2:]))
    assert record.backfills
    back, gone = utc_ms(180) + began, utc_ms(180 + 10 * (words - 1)) + ended
    window = utc_ms(110 + start), utc_ms(110 + start + length)
    truth = max(0, min(gone, window[1]) - max(back, window[0]))
    found = account(record, *window)
    assert found.least_up <= truth <= found.most_up


def changes(world: World) -> list[StatusChange]:
    return [
        StatusChange(each.at.utc_ms, each.new, each.earliest_ms, each.latest_ms)
        for each in world.transitions()
    ]
