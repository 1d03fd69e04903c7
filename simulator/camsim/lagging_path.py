"""A way that lags: what cameras say waits on it, and arrives later, in the order in which it was said.

The delay belongs to the way, not to the cameras: what was sent before a camera died arrives all the same. So
it goes over a connection of its own, `camsim-path`, which the broker must let publish for every camera.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
from itertools import count

import aiomqtt

from camsim.broker import problem_of
from camsim.publishing import Message, heed_cancellation, publish
from camsim.run_context import RunContext


class Path:
    """The slow path of a stage; it connects when first used."""

    def __init__(self, stage: RunContext) -> None:
        self._stage = stage
        self._under_way: list[tuple[float, int, Message]] = []
        self._number = count()
        self._leaves = False
        self._more = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether messages are still under way, which later ones must not overtake."""
        return self._leaves or bool(self._under_way)

    def send(self, message: Message, arrives_s: float) -> None:
        """Let a message arrive at this time of the stage."""
        heapq.heappush(self._under_way, (arrives_s, next(self._number), message))
        self._more.set()
        if self._task is None:
            self._task = self._stage.tasks.create_task(self._carry(), name="path")

    def end(self) -> None:
        """Stop; what is under way is lost."""
        if self._task is not None:
            self._task.cancel()

    async def _carry(self) -> None:
        while True:
            try:
                async with self._stage.broker.client_of_nobody("path") as client:
                    heed_cancellation()
                    while True:
                        await self._deliver(client)
            except aiomqtt.MqttError as error:
                heed_cancellation()
                self._stage.statistics.failed(problem_of(self._stage.broker, error))
                await asyncio.sleep(self._stage.reconnect_min_s)

    async def _deliver(self, client: aiomqtt.Client) -> None:
        """Publish what has arrived by now; else wait until something does, or more is sent."""
        wait_s = self._under_way[0][0] - self._stage.now_s() if self._under_way else None
        if wait_s is not None and wait_s <= 0:
            await self._let_go(client, heapq.heappop(self._under_way))
            return
        self._more.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._more.wait()

    async def _let_go(self, client: aiomqtt.Client, entry: tuple[float, int, Message]) -> None:
        """Publish one that is not under way any more; it is again if that fails."""
        self._leaves = True
        try:
            await publish(client, entry[2])
        except BaseException:
            heapq.heappush(self._under_way, entry)
            raise
        finally:
            self._leaves = False
