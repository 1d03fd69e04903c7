"""Plays a fleet against one broker, as a library: no signals, no output.

async with Simulator(SimulatorSettings(broker, fleet)) as simulator:
    simulator.cut_power(simulator.fleet.cameras[:3])
    await simulator.play(duration_s=60)
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Self

from camsim.broker import run_command
from camsim.connection import Connection
from camsim.device import Device
from camsim.errors import ConnectError, ScenarioError
from camsim.faults import Change, Moment, NetworkCut, PowerOff, SpoofedMessage
from camsim.fleet import PlayedCamera
from camsim.gateway import Gateway, gateways
from camsim.ground_truth import Run
from camsim.publishing import Courier, Message
from camsim.rlimits import raise_open_file_limit
from camsim.run_context import RunContext, SimulatorSettings
from camsim.schedule import Step, plan
from camsim.stats import Statistics
from camsim.virtual_camera import VirtualCamera

__all__ = ["Simulator", "SimulatorSettings"]

_BY_HAND = "by hand"
_FOREIGN_OPERATOR = "somebody-else"
_GOODBYE_S = 10.0
USUAL_INTERVAL_S = 10.0


class Simulator:
    """Plays every camera of a fleet in one event loop; an async context, entered once the fleet is connected.

    Constructing raises ScenarioError for a scenario that does not fit the fleet, BrokerError for a camera
    without an account. Entering raises ConnectError if no camera could connect, LimitError if the system
    allows too few open files. Leaving says goodbye for every connected camera.
    """

    def __init__(self, settings: SimulatorSettings, statistics: Statistics | None = None) -> None:
        self.settings = settings
        self.fleet = settings.fleet
        self.statistics = statistics or Statistics()
        settings.broker.must_know(settings.fleet)
        scenario = settings.scenario.faster(settings.speed)
        steps = plan(scenario, settings.fleet, settings.seed)
        if settings.broker_control is None and any(step.change is Moment.STOP_BROKER for step in steps):
            raise ScenarioError(
                "the scenario restarts the broker: say how, with --broker-stop and --broker-start"
            )
        interval_s = (
            settings.interval_s or settings.scenario.interval_s or USUAL_INTERVAL_S
        ) / settings.speed
        self.run = Run(scenario.title, self.fleet, tuple(steps), settings.seed, interval_s, settings.speed)
        self.began_ms = 0  # the begin of the run's time, UTC
        self.ended_s = 0.0
        self._stack = AsyncExitStack()
        self._occasions: set[str] = set()

    async def __aenter__(self) -> Self:
        """Start the cameras in service; return once all are connected, or `connect_timeout_s` is over."""
        count = self.settings.connections or len(self.fleet.cameras)
        raise_open_file_limit(count)
        async with AsyncExitStack() as stack:
            tasks = await asyncio.TaskGroup().__aenter__()
            # Without an exception the group waits for its tasks, and does not wrap ours in an ExceptionGroup.
            stack.push_async_callback(tasks.__aexit__, None, None, None)
            stack.push_async_callback(self._say_goodbye)
            self._prepare(tasks)
            self.commission(self.fleet.in_service)
            await self._connected()
            self._context.begin()
            self.began_ms = round(time.time() * 1000)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Publish the goodbye of every connected camera, and end."""
        self.ended_s = self._context.now_s()
        await self._stack.aclose()

    async def play(self, duration_s: float | None = None) -> None:
        """Play the scenario; return after `duration_s` seconds, or never. Call it once.

        Time starts once the fleet is connected. Raises BrokerError if a command for the broker fails.
        """
        context = self._context
        begun = asyncio.get_running_loop().time() - context.now_s()
        deadline = None if duration_s is None else begun + duration_s
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                for step in self.run.steps:
                    await asyncio.sleep(step.at_s - context.now_s())
                    await self._do(step)
                await asyncio.Event().wait()

    def commission(self, cameras: Iterable[PlayedCamera]) -> None:
        """Start planned cameras; cameras that run already stay as they are."""
        self._apply(cameras, Moment.COMMISSION)

    def cut_power(self, cameras: Iterable[PlayedCamera], reason: str = _BY_HAND) -> None:
        """Drop the cameras' connections without DISCONNECT, until `restore` for the same reason."""
        self._apply(cameras, PowerOff(), f"{reason}, power")

    def silence(self, cameras: Iterable[PlayedCamera], reason: str = _BY_HAND) -> None:
        """Send nothing more, with the connections left open, until `restore` for the same reason."""
        self._apply(cameras, NetworkCut(), f"{reason}, network")

    def restore(self, cameras: Iterable[PlayedCamera], reason: str = _BY_HAND) -> None:
        """End the effects on the cameras for `reason`; effects for another reason last."""
        cameras = list(cameras)
        self._apply(cameras, Moment.END_EFFECT, f"{reason}, network")
        self._apply(cameras, Moment.END_EFFECT, f"{reason}, power")

    def _apply(self, cameras: Iterable[PlayedCamera], change: Change, reason: str = "") -> None:
        for camera in cameras:
            self._controls[camera.id](change, reason)
        lives = self._lives.values()
        self.statistics.cameras = sum(life.commissioned for life in lives)
        self.statistics.planned = len(lives) - self.statistics.cameras
        self.statistics.expected = sum(life.reachable for life in lives)

    async def _do(self, step: Step) -> None:
        if step.tells:
            self.statistics.on_notice(f"{step.at_s:g} s: {step.tells}")
        control = self.settings.broker_control
        match step.change:
            case Moment.STOP_BROKER if control is not None:
                await run_command(control.stop)
            case Moment.START_BROKER if control is not None:
                await run_command(control.start)
            case SpoofedMessage() as spoofed:
                for camera in step.cameras:
                    self._spoofer.send(self._spoofed(camera, spoofed), self._context.now_s())
            case change:
                self._apply(step.cameras, change, step.reason)
        self._occasions.add(step.reason.partition("/")[0])
        self.statistics.happened = len(self._occasions)

    def _spoofed(self, camera: PlayedCamera, spoofed: SpoofedMessage) -> Message:
        sender = camera if spoofed.own_topic else replace(camera, operator=_FOREIGN_OPERATOR)
        payload = self._lives[camera.id].spoofed_payload(spoofed, self._context.now_s(), time.time())
        return Message(self._context.topic(sender), payload, qos=1, retain=spoofed.kind == "retained")

    def _count_spoofed(self) -> None:
        self.statistics.spoofed += 1

    def _prepare(self, tasks: asyncio.TaskGroup) -> None:
        settings = self.settings
        self._context = context = RunContext(settings, tasks, self.statistics)
        self._lives = {
            camera.id: VirtualCamera(Device(camera, settings.seed, self.run.interval_of(camera)))
            for camera in self.fleet.cameras
        }
        lives = list(self._lives.values())
        self._spoofer = Courier("lies", context, self._count_spoofed)
        self._path = path = Courier("path", context)
        self._sessions: Sequence[Connection | Gateway] = (
            [Connection(life, context, path) for life in lives]
            if settings.connections is None
            else list(gateways(lives, context, path, settings.connections))
        )
        self._controls = {
            camera: apply for session in self._sessions for camera, apply in session.controls.items()
        }

    async def _connected(self) -> None:
        """Wait until the fleet is connected, or some of it when the time is over."""
        statistics = self.statistics
        if not statistics.expected:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.settings.connect_timeout_s):
                await statistics.settled.wait()
        connected, expected = statistics.connected, statistics.expected
        if not connected:
            no_answer = f"no answer from {self.settings.broker.place}"
            raise ConnectError(f"no camera could connect: {statistics.last_problem or no_answer}")
        if connected < expected:
            statistics.on_notice(f"continuing with {connected}/{expected} connected; the others keep trying")

    async def _say_goodbye(self) -> None:
        self._spoofer.end()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_GOODBYE_S):
                    await asyncio.gather(*(session.say_goodbye() for session in self._sessions))
        finally:
            for session in self._sessions:
                session.end()
            self._path.end()
