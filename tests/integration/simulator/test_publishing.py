"""What is published ends with its run, whatever aiomqtt makes of a cancellation."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path as File
from types import TracebackType
from typing import Self, cast

import aiomqtt
import pytest

import camsim
from camsim.broker import Broker
from camsim.publishing import Courier, Message
from camsim.run_context import RunContext, SimulatorSettings
from camsim.stats import Statistics
from tests.support.mosquitto import Mosquitto
from tests.support.pace import PATIENCE_S, SCALE
from tests.support.simulator.builders import fleet_of, simulator


class Deaf:
    """A broker and its session that goes on after a cancellation, once, where it is told to."""

    def __init__(self, where: str) -> None:
        self.waits = asyncio.Event()
        self._where = where

    def foreign_client(self, _: str) -> Self:
        """Return the session."""
        return self

    async def _at(self, where: str) -> None:
        if where == self._where:
            self._where = ""
            with contextlib.suppress(asyncio.CancelledError):
                self.waits.set()
                await asyncio.Event().wait()

    async def __aenter__(self) -> Self:
        await self._at("opening")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, asyncio.CancelledError) and self._where == "closing":
            self._where = ""
            raise aiomqtt.MqttError("could not be closed")

    async def publish(self, *_: object, **__: object) -> None:
        """Take a message."""
        await self._at("publishing")
        if self._where == "closing":
            self.waits.set()


@pytest.mark.parametrize(
    ("arrives_s", "where"), [(1e6, "opening"), *[(-1, where) for where in ("publishing", "closing")]]
)
async def test_a_connection_ends_although_a_cancellation_is_swallowed(arrives_s: float, where: str) -> None:
    deaf = Deaf(where)
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
        settings = SimulatorSettings(cast("Broker", deaf), fleet_of(1), reconnect_min_s=0.0)
        context = RunContext(settings, tasks, Statistics())
        context.begin()
        courier = Courier("path", context)
        courier.send(Message("topic", b""), arrives_s)
        await deaf.waits.wait()
        courier.end()


async def test_a_run_that_is_stopped_while_a_lag_is_in_force_ends(mosquitto: Mosquitto) -> None:
    """What is under way is published nearly all the time then, and confirmed as the run ends."""
    lag = "{action: lag, at: 0.1, for: 10, by: 0.3, up_to: 1.0, plus: 0.1}"

    async def run() -> None:
        async with simulator(mosquitto.url, fleet_of(100), lag) as playing:
            await playing.play(1.5 * SCALE)

    running = asyncio.create_task(run())
    done, _ = await asyncio.wait({running}, timeout=PATIENCE_S)
    running.cancel()
    assert done
    await running


def test_camsim_publishes_only_by_the_function_that_can_be_cancelled() -> None:
    folder = File(camsim.__file__).parent
    assert [file.name for file in folder.rglob("*.py") if "client.publish(" in file.read_text("utf-8")] == [
        "publishing.py"
    ]
