"""A run as a program plays it: what fails behind everybody's back is told, and ends with 1."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from camsim.broker import broker_at
from camsim.errors import DeviceError
from camsim.runner import Mishaps, play
from camsim.simulator import SimulatorSettings
from tests.support.mosquitto import Mosquitto
from tests.support.simulator.builders import INTERVAL_S, fleet_of, scenario_of


def broken() -> None:
    raise OSError(9, "Bad file descriptor")


async def test_a_device_error_is_told_and_fails_the_run_when_it_is_over(
    mosquitto: Mosquitto, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.get_running_loop().call_later(2 * INTERVAL_S, broken)
    settings = SimulatorSettings(
        broker_at(mosquitto.url), fleet_of(2), scenario_of(duration_s=5 * INTERVAL_S), INTERVAL_S
    )
    with pytest.raises(DeviceError, match=r"failed 1 times.* Bad file descriptor \(test_playing.py:\d+\)"):
        await play(settings, tmp_path / "truth.jsonl")
    assert '"kind": "end"' in (tmp_path / "truth.jsonl").read_text()
    said = capsys.readouterr()
    assert "a camera failed: OSError: [Errno 9] Bad file descriptor" in said.out
    assert "Traceback" not in said.out + said.err


async def test_what_a_task_of_a_camera_raises_is_a_device_error() -> None:
    told: list[str] = []
    mishaps = Mishaps(told.append)
    mishaps.must_be_none()
    with mishaps.collected():
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(asyncio.to_thread(broken))
    assert told == ["a camera failed: OSError: [Errno 9] Bad file descriptor (test_playing.py:19)"]
    with pytest.raises(DeviceError):
        mishaps.must_be_none()
