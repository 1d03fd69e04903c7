"""One camera's session with the broker: connected while it has power and network, lost as cameras are lost.

What the camera says, and when, is its `Life`'s business; here is how it gets to the broker.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

import aiomqtt

from camsim.broker import problem_of
from camsim.disconnects import abandon, fall_silent, hang_up, leave
from camsim.faults import Effect, PowerOff
from camsim.lagging_path import Path
from camsim.publishing import Message, publish
from camsim.run_context import RunContext
from camsim.virtual_camera import VirtualCamera
from camwatch.wire.heartbeat import SessionStatus, encode_status
from camwatch.wire.topics import MessageKind


class Connection:
    """A simulated camera and its connection: without power until `commission`; calls take effect at once."""

    def __init__(self, life: VirtualCamera, stage: RunContext, path: Path) -> None:
        self.life = life
        self._stage, self._path = stage, path
        self._talking: asyncio.Task[None] | None = None
        self._farewell: asyncio.Task[None] | None = None
        self._client: aiomqtt.Client | None = None
        camera = life.device.camera
        self._heartbeats = stage.topic(camera)
        self._status = stage.topic(camera, MessageKind.STATUS)
        self._attempts = 0

    def commission(self) -> None:
        """Bring the camera to life, at once."""
        self._with(lambda: self.life.commission(self._stage.now_s()))

    def hold(self, reason: str, effect: Effect) -> None:
        """Let an effect begin: where it cuts the camera off, the session ends as such sessions end."""
        was_reachable = self.life.reachable
        self.life.hold(reason, effect, self._stage.now_s())
        if self.life.reachable or not was_reachable:
            return
        if not isinstance(effect, PowerOff) or effect.silent:
            self._fall_silent()
        elif effect.goodbye:
            self._take_leave(SessionStatus.GOODBYE)
        elif self.life.lag is not None:
            self._take_leave(SessionStatus.OFFLINE)  # the broker's own word would overtake what is under way
        else:
            self.end()

    def release(self, reason: str) -> None:
        """End what held for `reason`."""
        self._with(lambda: self.life.release(reason, self._stage.now_s()))

    def reconnect(self) -> None:
        """Lose the session without a word, and come back at once."""
        if self.life.reachable:
            self.end()
            self._talk_from(self._stage.now_s())

    async def say_goodbye(self) -> None:
        """End cleanly, if the camera can: retained `goodbye`, then DISCONNECT. Else just end."""
        self._stop_talking()
        client = self._client
        if client is not None and self.life.reachable:
            await self._leave(client)
        self.end()

    def end(self) -> None:
        """Stop, without a word where none was said."""
        self._stop_talking()
        if self._farewell is not None:
            self._farewell.cancel()
        if self._client is not None:
            hang_up(self._client)
            self._client = None
            self._stage.statistics.went(self.life.device.camera.id)

    def _with(self, happens: Callable[[], None]) -> None:
        """Do what may make the camera reachable, and let it connect if it did."""
        was_reachable, was_heard = self.life.reachable, self.life.deliverable
        happens()
        if (self.life.deliverable and not was_heard) or (self.life.reachable and not was_reachable):
            self.end()  # of a session that fell silent
        if self.life.reachable and not was_reachable:
            self._talk_from(self.life.back_s)

    def _talk_from(self, begins_s: float) -> None:
        name = f"camera {self.life.device.camera.id}"
        self._talking = self._stage.tasks.create_task(self._live(begins_s), name=name)

    def _stop_talking(self) -> None:
        if self._talking is not None:
            self._talking.cancel()
            self._talking = None

    def _fall_silent(self) -> None:
        self._stop_talking()
        if self._client is not None:
            fall_silent(self._client)
        self._stage.statistics.went(self.life.device.camera.id)

    def _take_leave(self, word: SessionStatus) -> None:
        """Say goodbye, as after a command to restart; or what the broker would say."""
        self._stop_talking()
        client, self._client = self._client, None
        if client is not None:
            self._stage.statistics.went(self.life.device.camera.id)
            self._farewell = self._stage.tasks.create_task(self._leave(client, word))

    async def _leave(self, client: aiomqtt.Client, word: SessionStatus = SessionStatus.GOODBYE) -> None:
        try:
            with contextlib.suppress(aiomqtt.MqttError):  # the broker is gone
                await self._say(client, word)
                await leave(client)
        finally:
            hang_up(client)

    async def _say(self, client: aiomqtt.Client, word: SessionStatus) -> None:
        await self._send(client, Message(self._status, encode_status(word), 1, self._stage.retain))

    async def _send(self, client: aiomqtt.Client, message: Message) -> None:
        """Publish, now or by the slow way."""
        lag, now_s = self.life.lag, self._stage.now_s()
        if lag is None and not self._path.busy:
            await publish(client, message)
        else:
            self._path.send(message, now_s if lag is None else lag.arrival_s(now_s))

    async def _live(self, begins_s: float) -> None:
        """Connect and publish until cancelled; reconnect with full-jitter back-off."""
        failures = 0
        delay_s = begins_s - self._stage.now_s()
        while True:
            await asyncio.sleep(delay_s)
            try:
                client, lost = await self._connect()
                failures = 0
                await self._talk(client, lost)
            except aiomqtt.MqttError as error:
                if self._client is not None:
                    hang_up(self._client)
                    self._client = None
                self._stage.statistics.went(self.life.device.camera.id)
                self._stage.statistics.failed(problem_of(self._stage.broker, error))
            delay_s = self._stage.back_off_s(self.life.device.camera.id, failures, self._attempts)
            self._attempts += 1
            failures += 1

    async def _connect(self) -> tuple[aiomqtt.Client, asyncio.Task[aiomqtt.MqttError]]:
        """Open a session; the task ends with the reason when that session does."""
        will = aiomqtt.Will(
            self._status, encode_status(SessionStatus.OFFLINE), qos=1, retain=self._stage.retain
        )
        async with self._stage.pace:
            client = self._stage.broker.client(self.life.device.camera, will, self._stage.answer_s)
            opening = asyncio.create_task(client.__aenter__())
            try:
                await asyncio.shield(opening)
            except BaseException:
                abandon(client, opening)
                raise
            self._client = client
            lost = self._stage.tasks.create_task(_end_of(client))
            await self._say(client, SessionStatus.ONLINE)
        self._stage.statistics.came(self.life.device.camera.id)
        return client, lost

    async def _talk(self, client: aiomqtt.Client, lost: asyncio.Task[aiomqtt.MqttError]) -> None:
        """Send each heartbeat when it is due. Raises MqttError when the session is lost."""
        stage, life = self._stage, self.life
        await stage.begun.wait()
        life.skip(stage.now_s())  # heartbeats due while disconnected
        while True:
            due_s = life.due_s()
            wait_s = None if due_s is None else max(0.0, due_s - stage.now_s())
            await asyncio.wait({lost}, timeout=wait_s)
            if lost.done():
                raise lost.result()
            for payload in life.payloads_until(stage.now_s(), time.time()):
                await self._send(client, Message(self._heartbeats, payload, stage.qos))
                stage.statistics.heartbeats += 1


async def _end_of(client: aiomqtt.Client) -> aiomqtt.MqttError:
    """Return why a session ended, once it has. Cameras subscribe to nothing, so nothing else comes."""
    try:
        async for _ in client.messages:
            pass
    except aiomqtt.MqttError as error:
        return error
    raise AssertionError("aiomqtt's messages end by raising MqttError")
