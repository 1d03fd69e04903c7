"""What is published, and how: by tasks that end when they are told to.

Before Python 3.12 `asyncio.wait_for`, on which aiomqtt waits, returns in spite of a cancellation that comes
in the same turn of the loop as what it waited for. A task that continues then is never cancelled again: a
camera would exist twice, and a run never end. And where a session cannot be closed while its task is being
cancelled, aiomqtt's MqttError takes the place of the cancellation.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import aiomqtt


class Message(NamedTuple):
    """What is published, and how."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False


async def publish(client: aiomqtt.Client, message: Message) -> None:
    """Publish, and do not outlive a cancellation. The only call of aiomqtt's own in camsim."""
    await client.publish(message.topic, message.payload, message.qos, message.retain)
    heed_cancellation()


def heed_cancellation() -> None:
    """Raise CancelledError in a task that was cancelled and runs on all the same."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
