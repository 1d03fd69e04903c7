"""A whole fleet against one broker, as a library: no signals, no printing.

async with Simulator(SimulatorSettings(broker, fleet)) as simulator:
    simulator.cut_power(simulator.fleet.cameras[:3])
    await simulator.play(duration_s=60)
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from camsim.broker import Broker
from camsim.connection import Connection, Stage
from camsim.device import Device
from camsim.errors import ConnectError
from camsim.faults import Action, Fault, Step, timeline
from camsim.fleet import Fleet, PlayedCamera
from camsim.limits import allow_connections
from camsim.statistics import Statistics
from camwatch.wire.topics import DEFAULT_PREFIX

_BY_HAND = "by hand"
_GOODBYE_S = 10.0


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """What is played where. Durations in seconds.

    `interval_s` is for cameras whose row gives none. `connect_timeout_s` is how long `Simulator` waits
    for the fleet when it starts; cameras that are late, or lost later, go on trying for ever. `retain`
    is what the contract wants of status messages; without it, an embedded amqtt broker takes the fleet in
    2 s instead of 15 (amqtt 0.12 sends every retained message to every client that connects).
    """

    broker: Broker
    fleet: Fleet
    interval_s: float = 10.0
    seed: int = 0
    faults: tuple[Fault, ...] = ()
    qos: int = 0
    retain: bool = True
    prefix: str = DEFAULT_PREFIX
    connect_at_once: int = 50
    connect_timeout_s: float = 30.0
    reconnect_min_s: float = 0.5
    reconnect_max_s: float = 30.0


class Simulator:
    """Plays every camera of a fleet; an async context: entered once the fleet is connected.

    Entering raises ConnectError if not one camera could connect, LimitError if the system allows too
    few open files (it raises this process's soft limit itself). Leaving says goodbye for every camera
    that is connected. Constructing raises FaultError for a fault that does not fit the fleet,
    BrokerError for a camera that has no account. All in one event loop.
    """

    def __init__(self, settings: SimulatorSettings, statistics: Statistics | None = None) -> None:
        self.settings = settings
        self.fleet = settings.fleet
        self.statistics = statistics or Statistics()
        settings.broker.must_know(settings.fleet)
        self._steps = timeline(settings.faults, settings.fleet, settings.interval_s)
        self._connections: dict[str, Connection] = {}
        self._stack = AsyncExitStack()
        self._played: set[str] = set()

    async def __aenter__(self) -> Self:
        """Bring the cameras in service to life; return when all are connected, or the time for it is over."""
        allow_connections(len(self.fleet.cameras))
        async with AsyncExitStack() as stack:
            tasks = await asyncio.TaskGroup().__aenter__()
            # Told of no exception, the group waits for its tasks and leaves ours as it is, ungrouped.
            stack.push_async_callback(tasks.__aexit__, None, None, None)
            stack.push_async_callback(self._say_goodbye)
            self._set_stage(tasks)
            self.commission(self.fleet.in_service)
            await self._connected()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        """Say goodbye for every camera that can, and end."""
        return await self._stack.__aexit__(kind, error, trace)

    async def play(self, duration_s: float | None = None) -> None:
        """Play the faults of the settings; return after `duration_s` seconds, or never. Call it once.

        Time runs from this call: a fault at 30 begins 30 s after it.
        """
        now = asyncio.get_running_loop().time
        begun = now()
        try:
            async with asyncio.timeout(duration_s):
                for step in self._steps:
                    await asyncio.sleep(begun + step.at_s - now())
                    self._do(step)
                await asyncio.Event().wait()
        except TimeoutError:
            return

    def commission(self, cameras: Iterable[PlayedCamera]) -> None:
        """Bring planned cameras to life; those alive already stay as they are."""
        for connection in self._of(cameras):
            connection.commission()
        self._count()

    def cut_power(self, cameras: Iterable[PlayedCamera], reason: str = _BY_HAND) -> None:
        """Drop the cameras' connections without DISCONNECT, until `restore` for the same reason."""
        for connection in self._of(cameras):
            connection.cut_power(reason)
        self._count()

    def silence(self, cameras: Iterable[PlayedCamera], reason: str = _BY_HAND) -> None:
        """Send nothing more, with the connections left open, until `restore` for the same reason."""
        for connection in self._of(cameras):
            connection.silence(reason)
        self._count()

    def restore(self, cameras: Iterable[PlayedCamera], reason: str = _BY_HAND) -> None:
        """End what was done to the cameras for `reason`; a camera held for another reason stays as it is."""
        for connection in self._of(cameras):
            connection.restore(reason)
        self._count()

    def _do(self, step: Step) -> None:
        match step.action:
            case Action.CUT_POWER:
                self.cut_power(step.cameras, step.reason)
            case Action.SILENCE:
                self.silence(step.cameras, step.reason)
            case Action.RESTORE:
                self.restore(step.cameras, step.reason)
            case Action.COMMISSION:
                self.commission(step.cameras)
        self._played.add(step.reason)
        self.statistics.faults = len(self._played)
        count = len(step.cameras)
        cameras = f"{count} camera{'s' if count > 1 else ''}"
        self.statistics.on_notice(f"{step.at_s:g} s: {step.target}: {step.action} ({cameras})")

    def _set_stage(self, tasks: asyncio.TaskGroup) -> None:
        settings = self.settings
        stage = Stage(
            broker=settings.broker,
            tasks=tasks,
            pace=asyncio.Semaphore(settings.connect_at_once),
            statistics=self.statistics,
            qos=settings.qos,
            retain=settings.retain,
            prefix=settings.prefix,
            reconnect_min_s=settings.reconnect_min_s,
            reconnect_max_s=settings.reconnect_max_s,
        )
        for camera in self.fleet.cameras:
            device = Device(camera, settings.seed, camera.interval_s or settings.interval_s)
            self._connections[camera.id] = Connection(device, stage)

    async def _connected(self) -> None:
        """Wait until the fleet is connected; go on without the rest, but not with none at all."""
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
            statistics.on_notice(f"going on with {connected}/{expected} connected; the others go on trying")

    def _of(self, cameras: Iterable[PlayedCamera]) -> list[Connection]:
        return [self._connections[camera.id] for camera in cameras]

    def _count(self) -> None:
        connections = self._connections.values()
        self.statistics.cameras = sum(connection.commissioned for connection in connections)
        self.statistics.planned = len(connections) - self.statistics.cameras
        self.statistics.expected = sum(connection.reachable for connection in connections)

    async def _say_goodbye(self) -> None:
        connections = self._connections.values()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_GOODBYE_S):
                    await asyncio.gather(*(connection.say_goodbye() for connection in connections))
        finally:
            for connection in connections:
                connection.end()
