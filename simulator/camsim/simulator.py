"""A whole fleet against one broker, as a library: no signals, no printing.

async with Simulator(SimulatorSettings(broker, fleet)) as simulator:
    simulator.cut_power(simulator.fleet.cameras[:3])
    await simulator.play(duration_s=60)
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from camsim.broker import Broker
from camsim.broker_control import BrokerController
from camsim.connection import Connection
from camsim.device import Device
from camsim.errors import ConnectError, ScenarioError
from camsim.faults import (
    Commission,
    EndFault,
    Install,
    NetworkCut,
    PowerOff,
    Reconnect,
    SpoofedMessage,
    StartBroker,
    StartFault,
    StopBroker,
)
from camsim.fleet import Fleet, PlayedCamera
from camsim.gateway import GatewayCamera, gateway_cameras
from camsim.ground_truth import Run
from camsim.lagging_path import Path
from camsim.rlimits import raise_open_file_limit
from camsim.run_context import RunContext
from camsim.scenario.model import NOTHING, Scenario
from camsim.schedule import Step, plan
from camsim.spoofing import Spoofer
from camsim.stats import Statistics
from camsim.virtual_camera import VirtualCamera
from camwatch.wire.topics import DEFAULT_PREFIX

_BY_HAND = "by hand"
_GOODBYE_S = 10.0
USUAL_INTERVAL_S = 10.0
ANSWER_S = 10.0
"""How long a camera waits for an answer of its broker."""


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """What is played where. Durations in seconds.

    `interval_s` is for cameras whose row gives none (None: as the scenario says, or 10). `speed` divides
    every time of the scenario and every interval. `connections`: so many gateways speak for all cameras,
    instead of a connection for each. `connect_timeout_s` is how long `Simulator` waits for the fleet when
    it starts; cameras that are late, or lost later, keep trying. `retain` is what the contract
    wants of status messages; without it, an embedded amqtt broker takes the fleet in 2 s instead of 15
    (amqtt 0.12 sends every retained message to every client that connects).
    """

    broker: Broker
    fleet: Fleet
    scenario: Scenario = NOTHING
    interval_s: float | None = None
    speed: float = 1.0
    seed: int = 0
    qos: int = 0
    retain: bool = True
    prefix: str = DEFAULT_PREFIX
    connections: int | None = None
    connect_at_once: int = 50
    connect_timeout_s: float = 30.0
    reconnect_min_s: float = 0.5
    reconnect_max_s: float = 30.0
    broker_control: BrokerController | None = None

    @property
    def played_interval_s(self) -> float:
        """The interval of cameras whose row gives none, as it is played."""
        return (self.interval_s or self.scenario.interval_s or USUAL_INTERVAL_S) / self.speed


class Simulator:
    """Plays every camera of a fleet; an async context: entered once the fleet is connected.

    Entering raises ConnectError if not one camera could connect, LimitError if the system allows too
    few open files (it raises this process's soft limit itself). Leaving says goodbye for every camera
    that is connected. Constructing raises ScenarioError for a scenario that does not fit the fleet,
    BrokerError for a camera that has no account. All in one event loop.
    """

    def __init__(self, settings: SimulatorSettings, statistics: Statistics | None = None) -> None:
        self.settings = settings
        self.fleet = settings.fleet
        self.statistics = statistics or Statistics()
        settings.broker.must_know(settings.fleet)
        scenario = settings.scenario.faster(settings.speed)
        steps = plan(scenario, settings.fleet, settings.seed)
        if settings.broker_control is None and any(isinstance(step.change, StopBroker) for step in steps):
            raise ScenarioError(
                ("the scenario restarts the broker: say how, with --broker-stop and --broker-start",)
            )
        interval_s = settings.played_interval_s
        self.run = Run(scenario.title, self.fleet, tuple(steps), settings.seed, interval_s, settings.speed)
        self.began_ms = 0  # when time began, UTC
        self.ended_s = 0.0
        self._lives: dict[str, VirtualCamera] = {}
        self._stack = AsyncExitStack()
        self._occasions: set[str] = set()

    async def __aenter__(self) -> Self:
        """Bring the cameras in service to life; return when all are connected, or the time for it is over."""
        count = self.settings.connections or len(self.fleet.cameras)
        raise_open_file_limit(count)
        async with AsyncExitStack() as stack:
            tasks = await asyncio.TaskGroup().__aenter__()
            # Told of no exception, the group waits for its tasks and leaves ours as it is, ungrouped.
            stack.push_async_callback(tasks.__aexit__, None, None, None)
            stack.push_async_callback(self._say_goodbye)
            self._set_stage(tasks)
            self.commission(self.fleet.in_service)
            await self._connected()
            self._stage.begin()
            self.began_ms = round(time.time() * 1000)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        """Publish the goodbye of every connected camera, and end."""
        self.ended_s = self._stage.now_s()
        return await self._stack.__aexit__(kind, error, trace)

    async def play(self, duration_s: float | None = None) -> None:
        """Play the scenario; return after `duration_s` seconds, or never. Call it once.

        Time runs from when the fleet has connected: what happens at 30 begins 30 s after that. Raises
        BrokerError if the broker cannot be stopped or started.
        """
        stage = self._stage
        begun = asyncio.get_running_loop().time() - stage.now_s()
        deadline = None if duration_s is None else begun + duration_s
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                for step in self.run.steps:
                    await asyncio.sleep(step.at_s - stage.now_s())
                    await self._do(step)
                await asyncio.Event().wait()

    def commission(self, cameras: Iterable[PlayedCamera]) -> None:
        """Bring planned cameras to life; those alive already stay as they are."""
        for camera in cameras:
            self._players[camera.id].commission()
        self._count()

    def cut_power(self, cameras: Iterable[PlayedCamera], reason: str = _BY_HAND) -> None:
        """Drop the cameras' connections without DISCONNECT, until `restore` for the same reason."""
        for camera in cameras:
            self._players[camera.id].hold(f"{reason}, power", PowerOff())
        self._count()

    def silence(self, cameras: Iterable[PlayedCamera], reason: str = _BY_HAND) -> None:
        """Send nothing more, with the connections left open, until `restore` for the same reason."""
        for camera in cameras:
            self._players[camera.id].hold(f"{reason}, network", NetworkCut())
        self._count()

    def restore(self, cameras: Iterable[PlayedCamera], reason: str = _BY_HAND) -> None:
        """End what was done to the cameras for `reason`; a camera held for another reason stays as it is."""
        for camera in cameras:
            self._players[camera.id].release(f"{reason}, network")
            self._players[camera.id].release(f"{reason}, power")
        self._count()

    async def _do(self, step: Step) -> None:
        if step.tells:
            self.statistics.on_notice(f"{step.at_s:g} s: {step.tells}")
        match step.change:
            case StopBroker() if self.settings.broker_control is not None:
                await self.settings.broker_control.stop_broker()
            case StartBroker() if self.settings.broker_control is not None:
                await self.settings.broker_control.start_broker()
            case _:
                for camera in step.cameras:
                    self._befall(camera.id, step)
        self._occasions.add(step.reason.partition("/")[0])
        self.statistics.happened = len(self._occasions)
        if isinstance(step.change, StartFault | EndFault | Commission):
            self._count()

    def _befall(self, camera: str, step: Step) -> None:
        match step.change:
            case StartFault(effect):
                self._players[camera].hold(step.reason, effect)
            case EndFault():
                self._players[camera].release(step.reason)
            case Commission():
                self._players[camera].commission()
            case Reconnect():
                self._players[camera].reconnect()
            case Install(version):
                self._lives[camera].install(version)
            case SpoofedMessage() as lie:
                self._liar.publish(self._lives[camera], lie)

    def _set_stage(self, tasks: asyncio.TaskGroup) -> None:
        settings = self.settings
        self._stage = stage = RunContext(
            broker=settings.broker,
            tasks=tasks,
            pace=asyncio.Semaphore(settings.connect_at_once),
            statistics=self.statistics,
            qos=settings.qos,
            retain=settings.retain,
            prefix=settings.prefix,
            reconnect_min_s=settings.reconnect_min_s / settings.speed,
            reconnect_max_s=settings.reconnect_max_s / settings.speed,
            answer_s=ANSWER_S / settings.speed,
            seed=settings.seed,
        )
        for camera in self.fleet.cameras:
            device = Device(camera, settings.seed, self.run.interval_of(camera))
            self._lives[camera.id] = VirtualCamera(device)
        lives = list(self._lives.values())
        self._liar = Spoofer(stage)
        self._path = path = Path(stage)
        count = settings.connections
        players: Iterable[Connection | GatewayCamera] = (
            (Connection(life, stage, path) for life in lives)
            if count is None
            else gateway_cameras(lives, stage, path, count)
        )
        self._players = dict(zip(self._lives, players, strict=True))

    async def _connected(self) -> None:
        """Wait until the fleet is connected; continue without the rest, but not without any."""
        statistics = self.statistics
        if not statistics.expected:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.settings.connect_timeout_s):
                await statistics.settled.wait()
        connected, expected = statistics.connected, statistics.expected
        if not connected:
            silence = f"no answer from {self.settings.broker.place}"
            raise ConnectError(f"no camera could connect: {statistics.last_problem or silence}")
        if connected < expected:
            statistics.on_notice(f"continuing with {connected}/{expected} connected; the others keep trying")

    def _count(self) -> None:
        lives = self._lives.values()
        self.statistics.cameras = sum(life.commissioned for life in lives)
        self.statistics.planned = len(lives) - self.statistics.cameras
        self.statistics.expected = sum(life.reachable for life in lives)

    async def _say_goodbye(self) -> None:
        self._liar.end()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_GOODBYE_S):
                    await asyncio.gather(*(player.say_goodbye() for player in self._players.values()))
        finally:
            for player in self._players.values():
                player.end()
            self._path.end()
