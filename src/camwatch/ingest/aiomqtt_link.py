"""The compatible link: MQTT 3.1.1 and MQTT 5 over WebSocket, by `aiomqtt` and its paho client.

`_Client` adds three facts that neither exposes: when a packet came, whether the broker kept the session, and
why a connection failed.
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
"""Unsubscribing from this topic makes a silent broker answer with an UNSUBACK."""

_GOODBYE_S: Final = 1.0

# paho logs what we report to the receiver anyway, without our hints.
_quiet = logging.getLogger("camwatch.ingest.paho")
_quiet.setLevel(logging.CRITICAL)


class AiomqttLink(Supervisor):
    """A link by aiomqtt; see `camwatch.ingest.link` for its guarantees."""

    def __init__(
        self, settings: LinkSettings, receiver: Receiver, clock: Clock, uniform: Uniform = random.uniform
    ) -> None:
        reporter = SubscriptionReporter(settings, receiver, clock)
        super().__init__(settings, receiver, clock, lambda: _Connection(receiver, clock, reporter), uniform)


class _Connection:
    """One connection of aiomqtt's client; implements `Connection`."""

    def __init__(self, receiver: Receiver, clock: Clock, reporter: SubscriptionReporter) -> None:
        self.last_packet = self.last_message = clock()
        self.canary: Canary | None = None
        self.keep_alive_s = math.inf  # paho keeps it alive
        self.subscribed = False
        self.ended: asyncio.Future[LinkError] = asyncio.get_running_loop().create_future()
        self._settings = reporter.settings
        self._receiver = receiver
        self._clock = clock
        self._reporter = reporter
        self._client: _Client | None = None
        self._asking: asyncio.Task[None] | None = None
        self._packets = 0
        self._news = False  # whether something came that proves the broker alive
        self._settling = False

    # ---- called by the client

    def message(self, message: aiomqtt.Message) -> None:
        """Deliver a message; paho acknowledges it once this returns."""
        self.packet()
        self.last_message = self.last_packet
        self._news = True
        self._receiver.packets_begin(self.last_packet)
        self._receiver.message(message.topic.value, message.payload, message.retain)

    def packet(self) -> None:
        """Note that a packet came."""
        self.last_packet = self._clock()
        self._packets += 1
        self._news |= self.canary is None  # with a canary, only a message counts (rule S12)
        if not self._settling:
            self._settling = True
            asyncio.get_running_loop().call_soon(self._settle, -1)

    def _settle(self, seen: int) -> None:
        # paho reads one packet per turn of the loop: after a turn without one, the socket is empty.
        if self._packets != seen:
            asyncio.get_running_loop().call_soon(self._settle, self._packets)
            return
        self._settling = False
        news, self._news = self._news, False
        if self.subscribed and news and not self.ended.done():
            self._receiver.packets_end(self.last_packet)

    def granted(self, codes: list[int], *, session_present: bool) -> None:
        """Handle the answer to the subscription."""
        self.packet()
        refusal = self._reporter.answered(self, codes, self.last_packet, session_present=session_present)
        if refusal is not None:
            self.end(refusal)

    def published(self, code: int) -> None:
        """Handle the answer to a canary, a reason code of MQTT 5."""
        self.packet()
        if code >= 128:
            self.end(link_errors.canary_refused(self._settings, code))

    def end(self, problem: LinkError) -> None:
        """Note why the connection ended; the first reason counts."""
        if not self.ended.done():
            self.ended.set_result(problem)

    # ---- called by the supervisor

    async def open(self) -> None:
        """Connect and subscribe. Raises LinkError."""
        settings = self._settings
        context = tls_context(settings, Context) if settings.tls else None
        client = self._client = _Client(settings, self, context)
        try:
            await client.connect()
            await self._subscribe(client)
            client.drop(settings.dropped)
        except Exception as error:  # noqa: BLE001 - paho's parser raises anything
            raise client.to_link_error(error) from None
        if self.ended.done():
            raise self.ended.result()

    async def _subscribe(self, client: _Client) -> None:
        # aiomqtt would never stop waiting for the answer if the connection ended now.
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
        """Return the error for an `open` that takes too long."""
        greeted = self._client is not None and self._client.handshake_done and not self._packets
        return link_errors.no_answer(self._settings, greeted=greeted)

    def publish(self, topic: str, payload: bytes) -> None:
        """Publish a message of our own with QoS 1."""
        if self._client is not None:
            self._client.send(topic, payload)

    def ping(self) -> None:
        """Start a round trip, unless one is under way."""
        if self._client is not None and (self._asking is None or self._asking.done()):
            name = f"link {self._settings.name}: ask"
            self._asking = asyncio.create_task(self._round_trip(self._client), name=name)

    async def _round_trip(self, client: _Client) -> None:
        asked = self._clock()
        if await client.ping() and self.subscribed and not self.ended.done():
            self._receiver.answered(self._clock(), asked)

    def abort(self) -> None:
        """Stop reading; `close` closes the socket."""
        self.end(link_errors.broken(self._settings, None))
        if self._client is not None:
            self._client.stop_reading()

    async def close(self) -> None:
        """Disconnect cleanly if still connected, and release everything."""
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
    """aiomqtt's client on our own TCP connection, for one session.

    The connection is our own so that a stop can end it during paho's handshake, which runs in a thread.
    Overriding private methods ties this class to aiomqtt 2; the dependency is pinned accordingly.
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
            timeout=math.inf,  # the supervisor has its own timeout
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
        """Connect and wait for CONNACK. Raises LinkError, or what `to_link_error` converts."""
        tcp = self._tcp = await open_socket(self._settings)
        tcp.settimeout(self._settings.connect_timeout_s)
        self._socket_dup = tcp.dup()
        # paho would open a socket that cannot be closed while its thread waits for it.
        self._client._create_socket_connection = lambda: tcp  # type: ignore[method-assign]  # noqa: SLF001
        await self.__aenter__()

    async def ping(self) -> bool:
        """Make the broker answer a request without effect; return whether it did."""
        with contextlib.suppress(aiomqtt.MqttError):
            await self.unsubscribe(NEVER_SUBSCRIBED)
            return True
        return False

    def send(self, topic: str, payload: bytes) -> None:
        """Publish with QoS 1, without waiting."""
        self._client.publish(topic, payload, qos=1)

    def drop(self, filters: tuple[str, ...]) -> None:
        """Remove these filters from a session that the broker kept, without waiting."""
        if filters and self._session_present:
            self._client.unsubscribe(list(filters))

    @property
    def handshake_done(self) -> bool:
        """Whether the handshakes are over and CONNECT was sent."""
        return self._thread_left.is_set()

    def to_link_error(self, error: Exception) -> LinkError:
        """Convert an exception of aiomqtt, paho or below."""
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

    # ---- connecting, in a thread of the executor

    def _client_connect(self) -> None:
        self._thread_entered = True
        try:
            super()._client_connect()
        except Exception as error:
            self._handshake_error = error  # aiomqtt keeps only its text
            raise
        finally:
            self._loop.call_soon_threadsafe(self._thread_left.set)

    # ---- called by paho

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
        if not self._connected.done():  # aiomqtt would continue to wait for an answer
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
        """Stop delivering and acknowledging, and drop the TCP connection."""
        sock = self._client.socket()
        if sock is not None and sock.fileno() >= 0:
            self._loop.remove_reader(sock.fileno())
        if self._socket_dup is not None:
            with contextlib.suppress(OSError):
                self._socket_dup.shutdown(SHUT_RDWR)

    async def disconnect(self) -> None:
        """Send DISCONNECT, if the broker accepted the connection."""
        if self._connected.done() and not self._connected.cancelled() and self._connected.exception() is None:
            with contextlib.suppress(aiomqtt.MqttError, TimeoutError):
                async with asyncio.timeout(_GOODBYE_S):
                    await self.__aexit__(None, None, None)

    async def close(self) -> None:
        """Close every socket and end every task and thread of this client."""
        self.stop_reading()
        if self._thread_entered:
            await self._thread_left.wait()
        await asyncio.sleep(0)  # aiomqtt may have scheduled a writer for the socket, which must run first
        self._client._sock_close()  # noqa: SLF001 - paho closes it only when it detects the end itself
        if self._misc_task is not None:
            self._misc_task.cancel()
            await asyncio.wait({self._misc_task})
        if self._connected.done() and not self._connected.cancelled():
            self._connected.exception()  # retrieved here, since it may not be awaited
        wrapped = self._context.wrapped if self._context else None
        for sock in (wrapped, self._tcp, self._socket_dup):
            if sock is not None:
                sock.close()
