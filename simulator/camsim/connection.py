"""One camera's session with the broker: open while the camera is reachable, lost the way cameras lose it.

`VirtualCamera` decides what the camera publishes, and when.
"""

from __future__ import annotations

import asyncio
import contextlib
import time

import aiomqtt

from camsim.broker import problem_of
from camsim.disconnects import abandon, fall_silent, hang_up, leave
from camsim.faults import Change, Moment, PowerOff
from camsim.publishing import Courier, Message, publish
from camsim.run_context import RunContext
from camsim.virtual_camera import VirtualCamera
from camwatch.wire.heartbeat import SessionStatus, encode_status
from camwatch.wire.topics import MessageKind


class Connection:
    """One camera of a run, offline until `Moment.COMMISSION`. `path` carries its messages while they lag."""

    def __init__(self, life: VirtualCamera, context: RunContext, path: Courier) -> None:
        self.life = life
        self._context, self._path = context, path
        self._talking: asyncio.Task[None] | None = None
        self._farewell: asyncio.Task[None] | None = None
        self._client: aiomqtt.Client | None = None
        camera = life.device.camera
        self._id = camera.id
        self.controls = {camera.id: self.apply}
        self._heartbeats = context.topic(camera)
        self._status = context.topic(camera, MessageKind.STATUS)
        self._attempts = 0

    def apply(self, change: Change, reason: str) -> None:
        """Apply a change to the camera now, and open or end its session accordingly."""
        life, now_s = self.life, self._context.now_s()
        was_reachable, was_deliverable = life.reachable, life.deliverable
        life.apply(change, reason, now_s)
        came_back = life.reachable and not was_reachable
        if was_reachable and not life.reachable:
            self._lose_session(change)
        elif came_back or (life.deliverable and not was_deliverable):
            self.end()  # of a session that fell silent
        if change is Moment.RECONNECT and life.reachable:
            self.end()
            self._talk_from(now_s)
        elif came_back:
            self._talk_from(life.back_s)

    async def say_goodbye(self) -> None:
        """Publish a retained `goodbye` and DISCONNECT if the camera is reachable; then end."""
        self._stop_talking()
        client = self._client
        if client is not None and self.life.reachable:
            await self._leave(client, SessionStatus.GOODBYE)
        self.end()

    def end(self) -> None:
        """End the session without DISCONNECT."""
        self._stop_talking()
        if self._farewell is not None:
            self._farewell.cancel()
        self._drop_client()

    def _drop_client(self) -> None:
        if self._client is not None:
            hang_up(self._client)
            self._client = None
            self._context.statistics.went(self._id)

    def _lose_session(self, change: Change) -> None:
        match change:
            case PowerOff(silent=False, goodbye=True):
                self._take_leave(SessionStatus.GOODBYE)
            case PowerOff(silent=False) if self.life.lag is not None:
                # The broker's will would overtake messages in transit.
                self._take_leave(SessionStatus.OFFLINE)
            case PowerOff(silent=False):
                self.end()
            case _:
                self._stop_talking()
                if self._client is not None:
                    fall_silent(self._client)
                self._context.statistics.went(self._id)

    def _talk_from(self, begins_s: float) -> None:
        self._talking = self._context.tasks.create_task(self._live(begins_s), name=f"camera {self._id}")

    def _stop_talking(self) -> None:
        if self._talking is not None:
            self._talking.cancel()
            self._talking = None

    def _take_leave(self, status: SessionStatus) -> None:
        """Publish a last status, then DISCONNECT, in a task of its own."""
        self._stop_talking()
        client, self._client = self._client, None
        if client is not None:
            self._context.statistics.went(self._id)
            self._farewell = self._context.tasks.create_task(self._leave(client, status))

    async def _leave(self, client: aiomqtt.Client, status: SessionStatus) -> None:
        try:
            with contextlib.suppress(aiomqtt.MqttError):  # the broker is gone
                await self._say(client, status)
                await leave(client)
        finally:
            hang_up(client)

    async def _say(self, client: aiomqtt.Client, status: SessionStatus) -> None:
        retain = self._context.settings.retain
        await self._send(client, Message(self._status, encode_status(status), 1, retain))

    async def _send(self, client: aiomqtt.Client, message: Message) -> None:
        """Publish, now or over the lagging path."""
        lag, now_s = self.life.lag, self._context.now_s()
        if lag is None and not self._path.busy:
            await publish(client, message)
        else:
            self._path.send(message, now_s if lag is None else lag.arrival_s(now_s))

    async def _live(self, begins_s: float) -> None:
        """Connect and publish until cancelled; reconnect with full-jitter back-off."""
        failures = 0
        delay_s = begins_s - self._context.now_s()
        while True:
            await asyncio.sleep(delay_s)
            try:
                client, lost = await self._connect()
                failures = 0
                await self._talk(client, lost)
            except aiomqtt.MqttError as error:
                self._drop_client()
                self._context.statistics.failed(problem_of(self._context.broker, error))
            delay_s = self._context.back_off_s(self._id, failures, self._attempts)
            self._attempts += 1
            failures += 1

    async def _connect(self) -> tuple[aiomqtt.Client, asyncio.Task[aiomqtt.MqttError]]:
        """Open a session; the task ends with the reason when that session does."""
        context = self._context
        will = aiomqtt.Will(
            self._status, encode_status(SessionStatus.OFFLINE), qos=1, retain=context.settings.retain
        )
        async with context.pace:
            client = context.broker.client(self.life.device.camera, will, context.answer_s)
            opening = asyncio.create_task(client.__aenter__())
            try:
                await asyncio.shield(opening)
            except BaseException:
                abandon(client, opening)
                raise
            self._client = client
            lost = context.tasks.create_task(_end_of(client))
            await self._say(client, SessionStatus.ONLINE)
        context.statistics.came(self._id)
        return client, lost

    async def _talk(self, client: aiomqtt.Client, lost: asyncio.Task[aiomqtt.MqttError]) -> None:
        """Send each heartbeat when it is due. Raises MqttError when the session is lost."""
        context, life = self._context, self.life
        await context.begun.wait()
        life.skip(context.now_s())  # heartbeats due while disconnected
        while True:
            due_s = life.due_s()
            wait_s = None if due_s is None else max(0.0, due_s - context.now_s())
            await asyncio.wait({lost}, timeout=wait_s)
            if lost.done():
                raise lost.result()
            for payload in life.payloads_until(context.now_s(), time.time()):
                await self._send(client, Message(self._heartbeats, payload, context.settings.qos))
                context.statistics.heartbeats += 1


async def _end_of(client: aiomqtt.Client) -> aiomqtt.MqttError:
    """Return why a session ended, once it has. Cameras subscribe to nothing, so nothing else arrives."""
    try:
        async for _ in client.messages:
            pass
    except aiomqtt.MqttError as error:
        return error
    raise AssertionError("aiomqtt's messages end by raising MqttError")
