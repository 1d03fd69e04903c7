"""MQTT 3.1.1, and MQTT 5 over WebSocket, through `aiomqtt` and the paho client below it: the compatible way.

Three things that we need, neither says: when any packet came, whether the broker kept our session, and
why a connection failed before it stood. `_Client` adds them where aiomqtt hears of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import random
from socket import SHUT_RDWR
from typing import TYPE_CHECKING, Any, Final

import aiomqtt
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY, WebsocketConnectionError
from paho.mqtt.reasoncodes import ReasonCode

from camwatch.errors import LinkError
from camwatch.ingest import link_errors
from camwatch.ingest.paho_options import Context, connect_properties, handing_over_to, topic_filters
from camwatch.ingest.supervisor import SubscriptionReporter, Supervisor, Uniform
from camwatch.ingest.transport import open_socket, tls_context

if TYPE_CHECKING:
    import socket

    from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags

    from camwatch.ingest.canary import Canary
    from camwatch.ingest.link import Clock, LinkSettings, Receiver

NEVER_SUBSCRIBED: Final = "camwatch-link/never-subscribed"
"""We unsubscribe from this topic to hear from a silent broker, which must answer with an UNSUBACK."""

_GOODBYE_S: Final = 1.0

# paho logs what we tell the receiver anyway, without our hints.
_quiet = logging.getLogger("camwatch.ingest.paho")
_quiet.setLevel(logging.CRITICAL)


class AiomqttLink(Supervisor):
    """One session through aiomqtt, kept up; see `camwatch.ingest.link` for what it promises."""

    def __init__(
        self, settings: LinkSettings, receiver: Receiver, clock: Clock, uniform: Uniform = random.uniform
    ) -> None:
        teller = SubscriptionReporter(settings, receiver, clock)
        super().__init__(settings, receiver, clock, lambda: _Connection(receiver, clock, teller), uniform)


class _Connection:
    """One connection of aiomqtt's client, as the supervisor wants it."""

    def __init__(self, receiver: Receiver, clock: Clock, teller: SubscriptionReporter) -> None:
        self.last_packet = self.last_message = clock()
        self.canary: Canary | None = None
        self.keep_alive_s = math.inf  # paho sees to it
        self.subscribed = False
        self.ended: asyncio.Future[LinkError] = asyncio.get_running_loop().create_future()
        self._settings = teller.settings
        self._receiver = receiver
        self._clock = clock
        self._teller = teller
        self._client: _Client | None = None
        self._asking: asyncio.Task[None] | None = None
        self._packets = 0
        self._news = False  # whether something came that counts as heard
        self._settling = False

    # ---- what the client hears

    def message(self, message: aiomqtt.Message) -> None:
        """Hand a message over; paho acknowledges it once this returns."""
        self.packet()
        self.last_message = self.last_packet
        self._news = True
        self._receiver.packets_begin(self.last_packet)
        self._receiver.message(message.topic.value, message.payload, message.retain)

    def packet(self) -> None:
        """Note that a packet came now."""
        self.last_packet = self._clock()
        self._packets += 1
        self._news |= self.canary is None  # with one, only a message proves that messages come (rule S12)
        if not self._settling:
            self._settling = True
            asyncio.get_running_loop().call_soon(self._settle, -1)

    def _settle(self, seen: int) -> None:
        # paho reads one packet per turn of the loop. A whole turn without one, and the socket is empty.
        if self._packets != seen:
            asyncio.get_running_loop().call_soon(self._settle, self._packets)
            return
        self._settling = False
        news, self._news = self._news, False
        if self.subscribed and news and not self.ended.done():
            self._receiver.packets_end(self.last_packet)

    def granted(self, codes: list[int], *, session_present: bool) -> None:
        """Take the answer to our subscription."""
        self.packet()
        refusal = self._teller.answered(self, codes, self.last_packet, session_present=session_present)
        if refusal is not None:
            self.end(refusal)

    def published(self, code: int) -> None:
        """Take the answer to a canary, a reason code of MQTT 5."""
        self.packet()
        if code >= 128:
            self.end(link_errors.canary_refused(self._settings, code))

    def end(self, problem: LinkError) -> None:
        """Note why the connection is over; the first reason counts."""
        if not self.ended.done():
            self.ended.set_result(problem)

    # ---- towards the supervisor

    async def open(self) -> None:
        """Connect and subscribe. Raises LinkError."""
        settings = self._settings
        context = tls_context(settings, Context) if settings.tls else None
        client = self._client = _Client(settings, self, context)
        try:
            await client.connect()
            await self._subscribe(client)
            client.drop(settings.dropped)
        except Exception as error:  # noqa: BLE001 - paho raises what its parsing stumbles over
            raise client.to_link_error(error) from None
        if self.ended.done():
            raise self.ended.result()

    async def _subscribe(self, client: _Client) -> None:
        # aiomqtt would wait for the answer for ever if the connection ended now.
        name = f"link {self._settings.name}: subscribe"
        granting = asyncio.create_task(client.subscribe(topic_filters(self._settings)), name=name)
        try:
            await asyncio.wait((granting, self.ended), return_when=asyncio.FIRST_COMPLETED)
        finally:
            granting.cancel()
            await asyncio.wait({granting})
        if not granting.cancelled():
            granting.result()

    def timeout_error(self) -> LinkError:
        """Return what to say when `open` takes longer than it may."""
        greeted = self._client is not None and self._client.handshake_done and not self._packets
        return link_errors.no_answer(self._settings, greeted=greeted)

    def publish(self, topic: str, payload: bytes) -> None:
        """Send a message of our own, QoS 1."""
        if self._client is not None:
            self._client.send(topic, payload)

    def ping(self) -> None:
        """Start a round trip, unless one is still under way."""
        if self._client is not None and (self._asking is None or self._asking.done()):
            name = f"link {self._settings.name}: ask"
            self._asking = asyncio.create_task(self._round_trip(self._client), name=name)

    async def _round_trip(self, client: _Client) -> None:
        asked = self._clock()
        if await client.ping() and self.subscribed and not self.ended.done():
            self._receiver.answered(self._clock(), asked)

    def abort(self) -> None:
        """Read no more; the socket goes in `close`."""
        self.end(link_errors.broken(self._settings, None))
        if self._client is not None:
            self._client.stop_reading()

    async def close(self) -> None:
        """Disconnect in order, if there is somebody to listen, and release everything."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait({self._asking})
        if self._client is None:
            return
        if not self.ended.done():
            self.end(link_errors.broken(self._settings, None))
            await self._client.disconnect()
        await self._client.close()


class _Client(aiomqtt.Client):
    """aiomqtt's client on a TCP connection of ours, for one session.

    The connection is ours so that a stop can end it while paho, in a thread, shakes hands on it.
    Overriding methods with an underscore ties this class to aiomqtt 2; the dependency says so.
    """

    def __init__(self, settings: LinkSettings, owner: _Connection, context: Context | None) -> None:
        five = settings.protocol == "5"
        super().__init__(
            settings.host,
            settings.port,
            username=settings.username,
            password=settings.password,
            logger=_quiet,
            identifier=settings.client_id,
            queue_type=handing_over_to(owner.message),
            protocol=aiomqtt.ProtocolVersion.V5 if five else aiomqtt.ProtocolVersion.V311,
            clean_session=None if five else False,
            clean_start=False if five else MQTT_CLEAN_START_FIRST_ONLY,
            properties=connect_properties(settings) if five else None,
            transport="websockets" if settings.scheme in ("ws", "wss") else "tcp",
            websocket_path=settings.path,
            timeout=math.inf,  # the supervisor has the watch in its hand
            keepalive=settings.keep_alive_s,
            tls_context=context,
        )
        self._settings = settings
        self._owner = owner
        self._context = context
        self._tcp: socket.socket | None = None
        self._socket_dup: socket.socket | None = None
        self._session_present = False
        self._handshake_error: Exception | None = None
        self._thread_entered = False
        self._thread_left = asyncio.Event()
        self._disconnected.add_done_callback(self._on_reader_end)

    async def connect(self) -> None:
        """Connect and wait for the broker's yes. Raises what `explained` explains, or LinkError."""
        tcp = self._tcp = await open_socket(self._settings)
        tcp.settimeout(self._settings.connect_timeout_s)
        self._socket_dup = tcp.dup()
        # paho would open a socket that nobody else can reach while its thread waits on it.
        self._client._create_socket_connection = lambda: tcp  # type: ignore[method-assign]  # noqa: SLF001
        await self.__aenter__()

    async def ping(self) -> bool:
        """Have the broker answer something that changes nothing; return whether it did."""
        with contextlib.suppress(aiomqtt.MqttError):
            await self.unsubscribe(NEVER_SUBSCRIBED)
            return True
        return False

    def send(self, topic: str, payload: bytes) -> None:
        """Publish with QoS 1, and wait for nothing."""
        self._client.publish(topic, payload, qos=1)

    def drop(self, filters: tuple[str, ...]) -> None:
        """Unsubscribe from these where a kept session may have them, and wait for nothing."""
        if filters and self._session_present:
            self._client.unsubscribe(list(filters))

    @property
    def handshake_done(self) -> bool:
        """Whether the handshakes are over and CONNECT is on its way."""
        return self._thread_left.is_set()

    def to_link_error(self, error: Exception) -> LinkError:
        """Return what an exception of aiomqtt, paho or below means for people."""
        settings, cause = self._settings, self._handshake_error or error
        if isinstance(cause, LinkError):
            return cause
        if isinstance(cause, WebsocketConnectionError):
            return link_errors.not_a_websocket(settings, cause)
        if isinstance(cause, OSError):
            return link_errors.broken_handshake(settings, cause)
        if isinstance(cause, aiomqtt.MqttCodeError) and isinstance(cause.rc, ReasonCode):
            return link_errors.refused(settings, cause.rc.value)
        if isinstance(cause, aiomqtt.MqttError):
            return link_errors.broken(settings, cause)
        accepted = self._connected.done() and self._connected.exception() is None
        return link_errors.protocol_error(settings, f"{type(cause).__name__}: {cause}", first=not accepted)

    # ---- connecting, in a thread of the loop's executor

    def _client_connect(self) -> None:
        self._thread_entered = True
        try:
            super()._client_connect()
        except Exception as error:
            self._handshake_error = error  # aiomqtt keeps its text only
            raise
        finally:
            self._loop.call_soon_threadsafe(self._thread_left.set)

    # ---- what paho calls

    def _on_connect(
        self,
        client: Client,
        userdata: Any,
        flags: ConnectFlags,
        reason_code: ReasonCode,
        properties: Any = None,
    ) -> None:
        self._session_present = flags.session_present
        self._owner.packet()
        super()._on_connect(client, userdata, flags, reason_code, properties)

    def _on_subscribe(
        self, client: Client, userdata: Any, mid: int, reason_codes: list[ReasonCode], properties: Any = None
    ) -> None:
        codes = [code.value for code in reason_codes]
        self._owner.granted(codes, session_present=self._session_present)
        super()._on_subscribe(client, userdata, mid, reason_codes, properties)

    def _on_unsubscribe(
        self, client: Client, userdata: Any, mid: int, reason_codes: list[ReasonCode], properties: Any = None
    ) -> None:
        self._owner.packet()
        super()._on_unsubscribe(client, userdata, mid, reason_codes, properties)

    def _on_publish(
        self, client: Client, userdata: Any, mid: int, reason_code: ReasonCode, properties: Any
    ) -> None:
        self._owner.published(reason_code.value)
        super()._on_publish(client, userdata, mid, reason_code, properties)

    def _on_disconnect(
        self,
        client: Client,
        userdata: Any,
        flags: DisconnectFlags,
        reason_code: ReasonCode,
        properties: Any = None,
    ) -> None:
        if self._connected.cancelled():
            return
        if not self._connected.done():  # aiomqtt would go on waiting for an answer
            self._connected.set_exception(link_errors.unanswered_connect(self._settings))
        elif flags.is_disconnect_packet_from_server:
            self._owner.end(link_errors.disconnected_by_broker(self._settings, reason_code.value))
        else:
            self._owner.end(link_errors.broken(self._settings, None))
        super()._on_disconnect(client, userdata, flags, reason_code, properties)

    def _on_reader_end(self, disconnected: asyncio.Future[None]) -> None:
        error = None if disconnected.cancelled() else disconnected.exception()
        if not isinstance(error, Exception):
            return
        problem = self.to_link_error(error)
        if not self._connected.done():
            self._connected.set_exception(problem)
        self._owner.end(problem)

    # ---- ending

    def stop_reading(self) -> None:
        """Hand nothing over any more, acknowledge nothing, and drop the TCP connection."""
        sock = self._client.socket()
        if sock is not None and sock.fileno() >= 0:
            self._loop.remove_reader(sock.fileno())
        if self._socket_dup is not None:
            with contextlib.suppress(OSError):
                self._socket_dup.shutdown(SHUT_RDWR)

    async def disconnect(self) -> None:
        """Send DISCONNECT, if the broker had said yes to us."""
        if self._connected.done() and not self._connected.cancelled() and self._connected.exception() is None:
            with contextlib.suppress(aiomqtt.MqttError, TimeoutError):
                async with asyncio.timeout(_GOODBYE_S):
                    await self.__aexit__(None, None, None)

    async def close(self) -> None:
        """Close every socket and end every task and thread of this client."""
        self.stop_reading()
        if self._thread_entered:
            await self._thread_left.wait()
        await asyncio.sleep(0)  # aiomqtt may have scheduled a writer for the socket: it must not come after
        self._client._sock_close()  # noqa: SLF001 - paho closes only when it notices an end itself
        if self._misc_task is not None:
            self._misc_task.cancel()
            await asyncio.wait({self._misc_task})
        if self._connected.done() and not self._connected.cancelled():
            self._connected.exception()  # nobody may be left to look at it
        wrapped = self._context.wrapped if self._context else None
        for sock in (wrapped, self._tcp, self._socket_dup):
            if sock is not None:
                sock.close()
