"""The fast link, the default: MQTT 5 over TCP or TLS, by the sans-io codec `mqtt5`.

The hot path is `_Connection.buffer_updated`: the socket's bytes go into one buffer, where packets are parsed
in place and delivered at once. There is no queue, no task and no object of ours per message.
"""

from __future__ import annotations

import asyncio
import math
import random
import ssl
from collections import deque
from struct import Struct
from typing import TYPE_CHECKING, Final, cast

import mqtt5

from camwatch.ingest import link_errors
from camwatch.ingest.link import MAX_PACKET_BYTES
from camwatch.ingest.supervisor import SubscriptionReporter, Supervisor, Uniform
from camwatch.ingest.transport import open_socket, tls_context

if TYPE_CHECKING:
    from collections.abc import Callable

    from camwatch.core.model import Instant
    from camwatch.errors import LinkError
    from camwatch.ingest.canary import Canary
    from camwatch.ingest.link import Clock, LinkSettings, Receiver

BUFFER_BYTES: Final = 256 * 1024
"""The most bytes of one read from the socket."""

RECEIVE_MAX: Final = 10_000
"""The most unacknowledged QoS 1 messages that the broker may send."""

_PING: Final = mqtt5.PingReqPacket().write()
_GOODBYE: Final = mqtt5.DisconnectPacket().write()
_MALFORMED: Final = mqtt5.DisconnectPacket(reason_code=mqtt5.DisconnectReasonCode.MALFORMED_PACKET).write()
_PUBLISH: Final = 3  # a packet type: the upper half of the first byte
_SUBSCRIBE_ID: Final = 1
_UNSUBSCRIBE_ID: Final = 2
_FIRST_ID: Final = 3  # of our own messages
_LAST_ID: Final = 65_535
_ack: Final = Struct("!HH").pack
_PUBACK: Final = 0x4002  # the two bytes before the packet id in a successful acknowledgement
_PUBREC: Final = 0x5002
_PUBCOMP: Final = 0x7002
_GOODBYE_S: Final = 1.0


class Mqtt5Link(Supervisor):
    """A link over MQTT 5 and TCP or TLS; see `camwatch.ingest.link` for its guarantees."""

    def __init__(
        self, settings: LinkSettings, receiver: Receiver, clock: Clock, uniform: Uniform = random.uniform
    ) -> None:
        reporter, codec = SubscriptionReporter(settings, receiver, clock), Codec()
        super().__init__(
            settings, receiver, clock, lambda: _Connection(receiver, clock, reporter, codec), uniform
        )


class Codec:
    """Reads packets by the codec alone, until a topic that is not UTF-8 made it panic, and then with a check.

    A panic only prints to standard error, and only a broken broker sends such a topic, so other links are
    spared the check.
    """

    def __init__(self) -> None:
        self.read: Callable[[memoryview], tuple[mqtt5.Packet, int]] = mqtt5.read

    def take_care(self) -> None:
        """Check topics before the codec reads them."""
        self.read = read_with_care


def read_with_care(view: memoryview) -> tuple[mqtt5.Packet, int]:
    """Read as `mqtt5.read` does, but raise ValueError instead of a panic if a topic is not UTF-8."""
    size = packet_size(view)
    if size is not None and view[0] >> 4 == _PUBLISH and len(view) >= size:
        start = next(index for index, byte in enumerate(view[1:5], 2) if byte < 128)
        length = int.from_bytes(view[start : start + 2])
        str(view[start + 2 : min(start + 2 + length, size)], "utf-8")
    return mqtt5.read(view)


class _Connection(asyncio.BufferedProtocol):
    """One connection: an asyncio protocol that implements `Connection`."""

    def __init__(
        self, receiver: Receiver, clock: Clock, reporter: SubscriptionReporter, codec: Codec
    ) -> None:
        loop = asyncio.get_running_loop()
        settings = reporter.settings
        self.last_packet = self.last_message = clock()
        self.canary: Canary | None = None
        self.keep_alive_s = settings.keep_alive_s or math.inf
        self.subscribed = False
        self._pinged: deque[Instant] = deque()  # when each unanswered question was sent
        self.ended: asyncio.Future[LinkError] = loop.create_future()
        self._settings = settings
        self._receiver = receiver
        self._clock = clock
        self._reporter = reporter
        self._codec = codec
        self._closed: asyncio.Future[None] = loop.create_future()
        self._opened: asyncio.Future[None] = loop.create_future()
        self._transport: asyncio.Transport | None = None
        self._connack: mqtt5.ConnAckPacket | None = None
        self._base = memoryview(bytearray(BUFFER_BYTES))
        self._view = self._base
        self._others = 0  # bytes of a read that belong to packets other than messages
        self._packet_id = _LAST_ID
        self._filled = 0  # bytes of an incomplete packet at the start of the buffer

    # ---- the hot path

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio calls it with a hint
        """Return the buffer for the next bytes, after those of an incomplete packet."""
        return self._view[self._filled :] if self._filled else self._view

    def buffer_updated(self, nbytes: int) -> None:
        """Deliver every complete message, acknowledge, and report that packets came."""
        if self.ended.done():
            return
        now = self._clock()
        receiver = self._receiver
        receiver.packets_begin(now)
        read, publish, message = self._codec.read, mqtt5.PublishPacket, receiver.message
        view = self._view
        end = self._filled + nbytes
        position = 0
        acks: list[bytes] = []
        failure: BaseException | None = None
        while position < end:
            try:
                packet, size = read(view[position:end])
            except IndexError:
                break
            except BaseException as error:  # noqa: BLE001 - the codec's panics are not Exceptions
                failure = error
                break
            position += size
            if type(packet) is publish:
                message(packet.topic, packet.payload, packet.retain)
                if packet.packet_id is not None:
                    acks.append(_ack(_PUBACK if packet.qos == 1 else _PUBREC, packet.packet_id))
            else:
                self.last_packet = now
                self._others += size
                self._take(packet, now)
                if self.ended.done():
                    return
        if acks:
            self._write(b"".join(acks))
        if position:  # an incomplete packet proves nothing (rule S14)
            self.last_packet = now
        self._settle(position, end, nbytes, failure)

    def _settle(self, position: int, end: int, nbytes: int, failure: BaseException | None) -> None:
        """Keep an incomplete packet; report that packets came, if the read took all that had arrived."""
        if failure is not None:
            self._give_up_on(failure)
            return
        # TLS reads into its own buffer of the same size and yields less, by the overhead of its records.
        drained = nbytes < BUFFER_BYTES // 2 if self._settings.tls else end < len(self._view)
        if position < end:
            self._keep(position, end)
        else:
            self._filled, self._view = 0, self._base
        if self.canary is not None:
            position -= self._others  # with a canary, only a message counts (rule S12)
            if position:
                self.last_message = self.last_packet
        self._others = 0
        if self.subscribed and position and drained:
            self._receiver.packets_end(self.last_packet)

    def _keep(self, position: int, end: int) -> None:
        """Move an incomplete packet to the start of a buffer that has room for its rest."""
        self._filled = left = end - position
        view = self._view
        size = packet_size(view[position:end]) or left
        if size > MAX_PACKET_BYTES:
            self._fail(link_errors.too_large(self._settings, size, MAX_PACKET_BYTES), _MALFORMED)
            return
        if size <= BUFFER_BYTES // 2:
            target = self._base
        else:
            target = view if size < len(view) else memoryview(bytearray(size + BUFFER_BYTES))
        if position or target is not view:
            target[:left] = bytes(view[position:end])  # a copy, since the two may overlap
        self._view = target

    # ---- the slow path

    def _take(self, packet: mqtt5.Packet, now: Instant) -> None:
        settings = self._settings
        match packet:
            case mqtt5.ConnAckPacket() if self._connack is None:
                self._welcomed(packet)
            case mqtt5.SubAckPacket(packet_id=id_) if id_ == _SUBSCRIBE_ID and self._awaits_suback():
                self._granted(packet, now)
            case mqtt5.PubAckPacket():
                if int(packet.reason_code) >= 128:
                    self._fail(link_errors.canary_refused(settings, int(packet.reason_code)), _GOODBYE)
            case mqtt5.PubRelPacket():  # of a QoS 2 subscription that the session had before
                self._write(_ack(_PUBCOMP, packet.packet_id))
            case mqtt5.DisconnectPacket():
                self._fail(
                    link_errors.disconnected_by_broker(settings, int(packet.reason_code), packet.reason_str)
                )
            case mqtt5.PingRespPacket():
                asked = self._pinged.popleft() if self._pinged else now
                if self.subscribed:
                    self._receiver.answered(now, asked)
            case mqtt5.UnsubAckPacket():
                pass
            case _:
                detail = f"an unexpected {type(packet).__name__}"
                self._fail(
                    link_errors.protocol_error(settings, detail, first=self._connack is None), _MALFORMED
                )

    def _awaits_suback(self) -> bool:
        return self._connack is not None and not self._opened.done()

    def _welcomed(self, connack: mqtt5.ConnAckPacket) -> None:
        settings = self._settings
        self._connack = connack
        if connack.reason_code != mqtt5.ConnAckReasonCode.SUCCESS:
            self._fail(link_errors.refused(settings, int(connack.reason_code), connack.reason_str))
            return
        if connack.server_keep_alive is not None:
            self.keep_alive_s = connack.server_keep_alive or math.inf
        self._write(_subscribe(settings))
        if connack.session_present and settings.dropped:
            self._write(mqtt5.UnsubscribePacket(_UNSUBSCRIBE_ID, list(settings.dropped)).write())

    def _granted(self, answer: mqtt5.SubAckPacket, now: Instant) -> None:
        codes = [int(code) for code in answer.reason_codes]
        present = self._connack is not None and self._connack.session_present
        refusal = self._reporter.answered(self, codes, now, session_present=present)
        if refusal is None:
            self._opened.set_result(None)
        else:
            self._fail(refusal, _GOODBYE)

    def _give_up_on(self, error: BaseException) -> None:
        # The codec raises ValueError, or panics (a BaseException) on a text that is not UTF-8.
        if type(error).__name__ == "PanicException":
            self._codec.take_care()
        elif not isinstance(error, ValueError):
            raise error
        self._fail(link_errors.protocol_error(self._settings, error, first=self._connack is None), _MALFORMED)

    def _fail(self, problem: LinkError, last_words: bytes = b"") -> None:
        if self.ended.done():
            return
        self._write(last_words)
        self.ended.set_result(problem)
        if not self._opened.done():
            self._opened.set_result(None)
        if self._transport is not None:
            self._transport.close()

    def _write(self, data: bytes) -> None:
        if data and self._transport is not None and not self.ended.done():
            self._transport.write(data)

    # ---- called by asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send CONNECT."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(_connect(self._settings))

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the connection ended."""
        if self._connack is None and not isinstance(exc, ssl.SSLError):
            self._fail(link_errors.unanswered_connect(self._settings))
        self._fail(link_errors.broken(self._settings, exc))
        if not self._closed.done():
            self._closed.set_result(None)

    # ---- called by the supervisor

    async def open(self) -> None:
        """Connect and subscribe. Raises LinkError."""
        settings = self._settings
        context = tls_context(settings, ssl.SSLContext) if settings.tls else None
        sock = await open_socket(settings)
        name = settings.host if context else None
        try:
            await asyncio.get_running_loop().create_connection(
                lambda: self, sock=sock, ssl=context, server_hostname=name
            )
        except OSError as error:
            raise link_errors.broken_handshake(settings, error) from None
        await self._opened
        if self.ended.done():
            raise self.ended.result()

    def timeout_error(self) -> LinkError:
        """Return the error for an `open` that takes too long."""
        greeted = self._transport is not None and self._connack is None
        return link_errors.no_answer(self._settings, greeted=greeted)

    def publish(self, topic: str, payload: bytes) -> None:
        """Publish a message of our own with QoS 1."""
        self._packet_id = _FIRST_ID if self._packet_id == _LAST_ID else self._packet_id + 1
        packet = mqtt5.PublishPacket(topic, payload, qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=self._packet_id)
        self._write(packet.write())

    def ping(self) -> None:
        """Send a PINGREQ."""
        self._pinged.append(self._clock())
        self._write(_PING)

    def abort(self) -> None:
        """Drop the connection; what still arrives is ignored."""
        self._fail(link_errors.broken(self._settings, None))
        if self._transport is not None:
            self._transport.abort()

    async def close(self) -> None:
        """Disconnect cleanly if still connected, and wait until the socket is closed."""
        if self._transport is None:
            return
        self._fail(link_errors.broken(self._settings, None), _GOODBYE if self._connack else b"")
        await asyncio.wait({self._closed}, timeout=_GOODBYE_S)
        if not self._closed.done():
            self._transport.abort()
            await self._closed


def packet_size(start: memoryview) -> int | None:
    """Return the size of the packet that begins here, or None while it is not known."""
    size = 0
    for index, byte in enumerate(start[1:5]):
        size |= (byte & 127) << (7 * index)
        if byte < 128:
            return size + index + 2
    return None


def _connect(settings: LinkSettings) -> bytes:
    return mqtt5.ConnectPacket(
        settings.client_id,
        username=settings.username,
        password=None if settings.password is None else settings.password.encode(),
        clean_start=False,
        keep_alive=settings.keep_alive_s,
        session_expiry_interval=settings.session_expiry_s,
        receive_max=RECEIVE_MAX,
        max_packet_size=MAX_PACKET_BYTES,
    ).write()


def _subscribe(settings: LinkSettings) -> bytes:
    filters = [
        mqtt5.TopicFilter(
            pattern,
            max_qos=mqtt5.QoS.AT_LEAST_ONCE,
            retain_as_published=False,  # so that the retained flag means "from the broker's store" (rule L1)
            retain_handling=mqtt5.RetainHandling.SEND_ALWAYS,
        )
        for pattern in settings.filters
    ]
    return mqtt5.SubscribePacket(_SUBSCRIBE_ID, filters).write()
