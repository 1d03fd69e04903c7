"""A way that lags: later, in order, whatever becomes of the cameras; and what the judge makes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import aiomqtt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from camsim.broker import broker_at
from camsim.errors import ScenarioError
from camsim.faults import Lag, Moment
from camsim.publishing import Courier, Message
from camsim.run_context import RunContext, SimulatorSettings
from camsim.schedule import plan
from camsim.score.figures import figures
from camsim.score.matching import Score, score_run
from camsim.score.observations import Bounds, Outage, collected
from camsim.score.truth_reader import GroundTruth
from camsim.score.truth_reader import Lag as RealLag
from camsim.stats import Statistics
from tests.support.simulator.builders import fleet_of, patient, scenario_of
from tests.unit.simulator.test_score import INTERVAL, S, away, judged, real


@patient
@given(
    st.floats(0, 50),
    st.floats(0, 50),
    st.floats(0, 20),
    st.integers(0, 9),
    st.lists(st.floats(100, 340), min_size=2),
)
def test_what_is_sent_later_arrives_later_and_all_of_it_by_the_end(
    by_s: float, more_s: float, plus_s: float, seed: int, sent: list[float]
) -> None:
    lag = Lag(100.0, 340.0, by_s, by_s + more_s, plus_s, seed)
    arrivals = [lag.arrival_s(at_s) for at_s in sorted(sent)]
    assert arrivals == sorted(arrivals)
    for sent_s, arrives_s in [*zip(sorted(sent), arrivals, strict=True), *lag.knots()]:
        assert min(sent_s + by_s, 340) - 1e-9 <= arrives_s <= 340
        assert arrives_s - sent_s <= by_s + more_s + plus_s + 1e-9


def test_a_lag_grows_to_its_end_and_keeps_the_order_of_messages() -> None:
    held, released = plan(scenario_of("{action: lag, at: 60, for: 240}"), fleet_of(2), 0)
    assert held.change == Lag(60, 300, 15, 40, 5)
    assert (released.at_s, released.change) == (300, Moment.END_EFFECT)
    held, _ = plan(scenario_of("{action: lag, at: 60}", duration_s=100), fleet_of(2), 0)
    assert isinstance(held.change, Lag)
    assert held.change.until_s == 100
    with pytest.raises(ScenarioError, match="would overtake each other"):
        plan(scenario_of("{action: lag, for: 20, by: 15, up_to: 1}"), fleet_of(2), 0)


class Publishing:
    """A client that publishes slowly, and fails when it is told to."""

    def __init__(self) -> None:
        self.topics: list[str] = []
        self.begins: Callable[[], None] = lambda: None
        self.fails = False

    async def publish(self, topic: str, *_: object) -> None:
        self.begins()
        await asyncio.sleep(0)
        if self.fails:
            raise aiomqtt.MqttError("gone")
        self.topics.append(topic)


async def test_concurrent_messages_are_neither_lost_nor_sent_twice() -> None:
    async with asyncio.TaskGroup() as tasks:
        settings = SimulatorSettings(broker_at("mqtt://127.0.0.1:1"), fleet_of(1))
        context = RunContext(settings, tasks, Statistics())
        context.begin()
        path, slow = Courier("path", context), Publishing()
        client = cast("aiomqtt.Client", slow)
        path.send(Message("second", b""), -1)
        path.end()  # here, the test delivers

        def another() -> None:
            assert path.busy
            if not slow.topics and not slow.fails:
                path.send(Message("first", b""), -2)

        slow.fails = True
        with pytest.raises(aiomqtt.MqttError):
            await path._deliver(client)
        slow.begins, slow.fails = another, False
        while path.busy:
            await path._deliver(client)
        assert slow.topics == ["second", "first"]


# --- what the judge makes of it


def lagging(*absences: object, late_s: float) -> GroundTruth:
    """Return an hour in which news from minute 10 to 20 is so late; the last of it comes at once."""
    truth = real(*absences)  # type: ignore[arg-type]
    sent, last = (600 * S, round((1200 - late_s) * S), 1200 * S), 1200 * S
    truth.cameras["cam-1"].lags.append(RealLag(sent, (round((600 + late_s) * S), last, last)))
    return truth


def marks(truth: GroundTruth, *outages: tuple[float, float | None, float], status: str = "down") -> Score:
    return score_run(truth, judged(*outages, status=status), 4.5)


def test_a_detection_may_come_as_late_as_the_news_of_its_deadline() -> None:
    found = marks(lagging(away(700, 1500, 694), late_s=30), (704, 1500, 769.1))
    assert found.found[0].lag_ms == 30_000
    late = figures(found, 4.5)["detection_late_s"]["max"]
    assert late == pytest.approx(0.1)


def test_a_falling_lag_is_known_when_the_last_messages_arrive() -> None:
    """S11: over the last interval; what is sent in minute 20 comes at once, what was said before does not."""
    camera = lagging(away(700, 1500, 694), late_s=30).cameras["cam-1"]
    last = (1200 - 30) * S + 20 * S
    assert camera.late_ms(last) == pytest.approx(10 * S)
    assert camera.most_late_ms(last) == pytest.approx(20 * S)
    assert camera.most_late_ms(605 * S) == pytest.approx(30 * S)
    assert camera.most_late_ms(500 * S) == 0


@pytest.mark.parametrize(("late_s", "missed"), [(0, 1), (30, 1), (50, 0)])
def test_an_absence_is_missed_though_news_was_late_unless_that_makes_blind(
    late_s: float, missed: int
) -> None:
    assert len(marks(lagging(away(700, 790, 694), late_s=late_s)).missed) == missed


def test_an_absence_of_which_news_came_after_the_end_is_not_missed() -> None:
    truth = lagging(away(700, 900, 694), late_s=30)
    assert len(marks(truth).missed) == 1
    truth.ended_ms = 790 * S
    assert marks(truth).missed == []


@pytest.mark.parametrize(("late_s", "knowable_ms"), [(30, 200_000), (50, 0)])
def test_unknown_needs_news_that_is_later_than_the_silence_that_convicts(
    late_s: float, knowable_ms: int
) -> None:
    found = marks(lagging(late_s=late_s), (700, 900, 700), status="unknown")
    assert found.cameras[0].knowable_ms == knowable_ms


def test_the_truth_is_compared_with_the_bounds_of_an_outage() -> None:
    truth, said = real(away(600, 900, 594)), judged((604, 903, 640))
    assert figures(score_run(truth, said, 4.5), 4.5)["bounds_told"] == 0
    (outage,) = said.cameras["cam-1"].outages
    right = outage._replace(bounds=Bounds(595 * S, 605 * S, 893 * S, 903 * S))
    said.cameras["cam-1"].outages = [right]
    found = figures(score_run(truth, said, 4.5), 4.5)
    assert (found["bounds_told"], found["outside_bounds"]) == (2, 0)
    said.cameras["cam-1"].outages = [right._replace(bounds=Bounds(601 * S, 605 * S, 893 * S, 903 * S))]
    assert figures(score_run(truth, said, 4.5), 4.5)["outside_bounds"] == 1


def test_bounds_are_read_where_they_are_told_and_a_voided_outage_is_none() -> None:
    line = {"kind": "outage", "camera": "cam-1", "at_ms": 5, "end_ms": 9, "detected_ms": 8, "cause": "will"}
    voided = {**line, "voided": "late heartbeats were sent inside"}
    more = {**line, "at_earliest_ms": 1, "at_latest_ms": 6}
    assert collected([line, voided, more]).cameras["cam-1"].outages == [
        Outage(5, 9, 8, "will"),
        Outage(5, 9, 8, "will", Bounds(1, 6, None, None)),
    ]


def test_bounds_of_an_outage_are_those_of_the_changes_around_it() -> None:
    """A change without bounds is exact, where others have some; an end that is hidden has none."""

    def lines(end: str, **bounds: int | None) -> list[dict[str, Any]]:
        change = {"kind": "transition", "camera": "cam-1", "detected_ms": 9}
        return [
            {**change, "at_ms": 5, "status": "down", **bounds},
            {**change, "at_ms": 9, "status": end, **dict.fromkeys(bounds)},
            {"kind": "outage", "camera": "cam-1", "at_ms": 5, "end_ms": 9, "detected_ms": 8, "cause": "will"},
        ]

    def found(said: list[dict[str, Any]]) -> Bounds:
        (outage,) = collected(said).cameras["cam-1"].outages
        return outage.bounds

    assert found(lines("up")) == Bounds()
    assert found(lines("up", earliest_ms=1, latest_ms=6)) == Bounds(1, 6, 9, 9)
    assert found(lines("unknown", earliest_ms=1, latest_ms=6)) == Bounds(1, 6)
    hidden = lines("unknown", earliest_ms=1, latest_ms=6)
    hidden[2] |= {"end_earliest_ms": 7, "end_latest_ms": 9}
    assert found(hidden) == Bounds(1, 6)


def test_an_error_has_a_bias_and_a_root_mean_square() -> None:
    truth = real(away(600, 900, 594), away(2000, 2600, 1993))
    found = figures(marks(truth, (604, 900, 640), (1996, 2600, 2040)), 4.5)
    assert found["start_error_intervals"]["mean"] == 0
    assert found["start_error_intervals"]["rms"] == pytest.approx(4 * S / INTERVAL)
