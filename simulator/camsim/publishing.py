"""Publishing, by tasks that end when they are cancelled, and a connection that publishes for cameras.

Before Python 3.12 `asyncio.wait_for`, on which aiomqtt waits, returns in spite of a cancellation in the same
turn of the loop as its result. The task then runs on and is never cancelled again: a camera would live twice,
and a run never end. And where a session cannot be closed while its task is being cancelled, aiomqtt's
MqttError takes the place of the cancellation.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
from collections.abc import Callable
from itertools import count
from typing import NamedTuple

import aiomqtt

from camsim.broker import problem_of
from camsim.run_context import RunContext


class Message(NamedTuple):
    """One message to publish."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False


async def publish(client: aiomqtt.Client, message: Message) -> None:
    """Publish, and end where cancelled. Nothing else in camsim calls aiomqtt's own `publish`."""
    await client.publish(message.topic, message.payload, message.qos, message.retain)
    raise_if_cancelled()


def raise_if_cancelled() -> None:
    """Raise CancelledError in a task that was cancelled but still runs."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


class Courier:
    """Publishes cameras' messages later, in order of their time, whatever becomes of the cameras meanwhile.

    It uses a connection of its own, `camsim-{name}`, which it opens for the first message and which the
    broker must let publish for every camera. `on_delivered` is called for each published message.
    """

    def __init__(
        self, name: str, context: RunContext, on_delivered: Callable[[], None] | None = None
    ) -> None:
        self._name = name
        self._context = context
        self._on_delivered = on_delivered
        self._in_transit: list[tuple[float, int, Message]] = []
        self._number = count()
        self._delivering = False
        self._more = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether messages are in transit, which later ones must not overtake."""
        return self._delivering or bool(self._in_transit)

    def send(self, message: Message, arrives_s: float) -> None:
        """Publish a message at this time of the run."""
        heapq.heappush(self._in_transit, (arrives_s, next(self._number), message))
        self._more.set()
        if self._task is None:
            self._task = self._context.tasks.create_task(self._run(), name=self._name)

    def end(self) -> None:
        """Stop; messages in transit are lost."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        while True:
            try:
                async with self._context.broker.foreign_client(self._name) as client:
                    raise_if_cancelled()
                    while True:
                        await self._deliver(client)
            except aiomqtt.MqttError as error:
                raise_if_cancelled()
                self._context.statistics.failed(problem_of(self._context.broker, error))
                await asyncio.sleep(self._context.reconnect_min_s)

    async def _deliver(self, client: aiomqtt.Client) -> None:
        """Publish the first message that is due; if none is, wait until one is, or more are sent."""
        wait_s = self._in_transit[0][0] - self._context.now_s() if self._in_transit else None
        if wait_s is not None and wait_s <= 0:
            await self._publish(client, heapq.heappop(self._in_transit))
            return
        self._more.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._more.wait()

    async def _publish(self, client: aiomqtt.Client, entry: tuple[float, int, Message]) -> None:
        """Publish a message; if that fails, it is in transit again."""
        self._delivering = True
        try:
            await publish(client, entry[2])
        except BaseException:
            heapq.heappush(self._in_transit, entry)
            raise
        finally:
            self._delivering = False
        if self._on_delivered is not None:
            self._on_delivered()
