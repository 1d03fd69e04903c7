"""A path that delays messages, in front of a real broker."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path as File

import pytest

from camsim.ground_truth import GroundTruthFile
from camsim.score.truth_reader import read_truth
from camsim.simulator import Simulator
from camwatch.core.telemetry import SessionStatus
from camwatch.wire.heartbeat import Heartbeat
from tests.support.mosquitto import Mosquitto
from tests.support.pace import SCALE
from tests.support.simulator.builders import fleet_of, simulator
from tests.support.simulator.mqtt_observer import observing

LAG = "{action: lag, at: 0.3, for: 1.5, by: 0.3, up_to: 0.6, plus: 0.1}"


@pytest.mark.realtime(bears_s=0.04)
@pytest.mark.parametrize("connections", [None, 1])
async def test_messages_sent_before_a_death_arrive_in_order(
    mosquitto: Mosquitto, connections: int | None
) -> None:
    cut = "{action: power_cut, at: 0.8, on: {camera: cam-1}}"
    async with observing(mosquitto.url) as observer:
        async with simulator(mosquitto.url, fleet_of(3), LAG, cut, connections=connections) as playing:
            await playing.play(2.5 * SCALE)
        await observer.until(lambda: observer.last("cam-0") is SessionStatus.GOODBYE or connections)
        sent = playing.statistics.heartbeats
        await observer.until(lambda: sum(isinstance(one.said, Heartbeat) for one in observer.seen) >= sent)
    for name in ("cam-0", "cam-1", "cam-2"):
        numbers = [beat.seq for beat in observer.heartbeats(name)]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), name
    said = [one.said.ts for one in observer.seen if isinstance(one.said, Heartbeat)]
    assert len(said) == sent
    # What is sent in the same turn, at the beginning of the lag, may change places.
    assert all(earlier - later < 0.05 * SCALE for earlier, later in pairwise(map(float, filter(None, said))))
    if connections is None:
        assert observer.words("cam-1") == [SessionStatus.ONLINE, SessionStatus.OFFLINE]
        last = max(n for n, one in enumerate(observer.seen) if one.camera == "cam-1")
        assert observer.seen[last].said is SessionStatus.OFFLINE  # after all that was under way


async def test_the_ground_truth_states_the_delay_of_messages(mosquitto: Mosquitto, tmp_path: File) -> None:
    file = tmp_path / "truth.jsonl"
    playing: Simulator
    with GroundTruthFile(file) as truth:
        cut = "{action: network_cut, at: 0.8, on: {camera: cam-1}}"
        async with simulator(mosquitto.url, fleet_of(2), LAG, cut) as playing:
            truth.begin(playing.run, playing.began_ms)
            await playing.play(2.5 * SCALE)
        truth.end(playing.run, playing.ended_s)
    found = read_truth(file).cameras["cam-1"]
    (absence,) = found.absences
    began = playing.began_ms
    assert absence.from_ms == began + 800 * SCALE
    assert absence.heard_ms <= began + 800 * SCALE
    assert found.late_ms(began + 200 * SCALE) == 0
    assert 300 * SCALE <= found.late_ms(began + 400 * SCALE) <= 500 * SCALE
    assert found.late_ms(began + 1790 * SCALE) == pytest.approx(10 * SCALE, abs=1)
