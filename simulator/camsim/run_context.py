"""The settings of a run, and what its cameras share: tasks, statistics, time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from camsim.broker import Broker, BrokerController
from camsim.fleet import Fleet, PlayedCamera
from camsim.scenario.model import NOTHING, Scenario
from camsim.seeded_random import uniform
from camsim.stats import Statistics
from camwatch.wire.topics import DEFAULT_PREFIX, MessageKind, TopicAddress, topic_of

_ANSWER_S = 10.0


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """The fleet, its broker and its scenario. Durations in seconds.

    `interval_s` is for cameras whose row gives none (None: that of the scenario, or 10). `speed` divides
    every time of the scenario and every interval. `connections`: the number of gateways that speak for all
    cameras, instead of a connection for each. `connect_timeout_s` limits how long `Simulator` waits for the
    fleet when it starts; late or lost cameras keep trying. `retain` is part of the contract of status
    messages; without it, an embedded amqtt broker takes the fleet in 2 s instead of 15 (amqtt 0.12 sends
    every retained message to every client that connects).
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


class RunContext:
    """One run. `pace` limits how many cameras connect at once; a broker has `answer_s` seconds to answer."""

    def __init__(self, settings: SimulatorSettings, tasks: asyncio.TaskGroup, statistics: Statistics) -> None:
        self.settings = settings
        self.broker = settings.broker
        self.tasks = tasks
        self.statistics = statistics
        self.pace = asyncio.Semaphore(settings.connect_at_once)
        self.answer_s = _ANSWER_S / settings.speed
        self.reconnect_min_s = settings.reconnect_min_s / settings.speed
        self.begun = asyncio.Event()
        self._began = 0.0

    def begin(self) -> None:
        """Start the time of the run."""
        self._began = asyncio.get_running_loop().time()
        self.begun.set()

    def now_s(self) -> float:
        """Return the seconds since `begin`; 0 before."""
        return asyncio.get_running_loop().time() - self._began if self.begun.is_set() else 0.0

    def topic(self, camera: PlayedCamera, kind: MessageKind = MessageKind.HEARTBEAT) -> str:
        """Return the topic of a camera's messages."""
        return topic_of(self.settings.prefix, TopicAddress(camera.operator, camera.id, kind))

    def back_off_s(self, name: str, failures: int, attempt: int) -> float:
        """Return the pause after this many failures in a row: full jitter, drawn for this attempt."""
        most_s = self.settings.reconnect_max_s / self.settings.speed
        ceiling_s = min(most_s, self.reconnect_min_s * 2.0 ** min(failures, 16))
        return ceiling_s * uniform(self.settings.seed, name, "attempt", attempt)
