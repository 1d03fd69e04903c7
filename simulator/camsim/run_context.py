"""What everything that plays a fleet shares: the broker, the time, and who counts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from camsim.broker import Broker
from camsim.fleet import PlayedCamera
from camsim.seeded_random import uniform
from camsim.stats import Statistics
from camwatch.wire.topics import DEFAULT_PREFIX, MessageKind, TopicAddress, topic_of


@dataclass(slots=True)
class RunContext:
    """One run. `pace` bounds connecting at once; a broker has `answer_s` to answer.

    Time begins with `begin`.
    """

    broker: Broker
    tasks: asyncio.TaskGroup
    pace: asyncio.Semaphore
    statistics: Statistics
    qos: int = 0
    retain: bool = True
    prefix: str = DEFAULT_PREFIX
    reconnect_min_s: float = 0.5
    reconnect_max_s: float = 30.0
    answer_s: float = 10.0
    seed: int = 0
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    _began: float = 0.0

    def begin(self) -> None:
        """Let time run."""
        self._began = asyncio.get_running_loop().time()
        self.begun.set()

    def now_s(self) -> float:
        """Return the seconds since it began; 0 before."""
        return asyncio.get_running_loop().time() - self._began if self.begun.is_set() else 0.0

    def topic(self, camera: PlayedCamera, kind: MessageKind = MessageKind.HEARTBEAT) -> str:
        """Return the topic of a camera's messages."""
        return topic_of(self.prefix, TopicAddress(camera.operator, camera.id, kind))

    def back_off_s(self, name: str, failures: int, attempt: int) -> float:
        """Return the pause after so many failures in a row: full jitter, drawn for this attempt."""
        ceiling_s = min(self.reconnect_max_s, self.reconnect_min_s * 2.0 ** min(failures, 16))
        return ceiling_s * uniform(self.seed, name, "attempt", attempt)
