"""The hot path without sockets: bytes into the protocol, in every cut, and calls to the receiver out."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from itertools import product

import mqtt5
import pytest
from hypothesis import given
from hypothesis import strategies as st

from camwatch.ingest.link import MAX_PACKET_BYTES, LinkSettings
from camwatch.ingest.mqtt5_link import (
    BUFFER_BYTES,
    Codec,
    _Connection,
    packet_size,
    read_with_care,
)
from camwatch.ingest.supervisor import SubscriptionReporter
from tests.support.ingest.links import FILTERS, HEARTBEAT
from tests.support.ingest.scripted_broker import ACCEPTED, GRANTED, published
from tests.support.recording_receiver import RecordingReceiver, real_clock


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def close(self) -> None:
        self.closed = True


class Fed:
    """A connection that is fed bytes by hand, as a socket would."""

    def __init__(self, scheme: str = "mqtt", codec: Codec | None = None) -> None:
        self.receiver = RecordingReceiver()
        told = LinkSettings("main", scheme, "127.0.0.1", 1, "5", "camwatch-test", FILTERS)
        teller = SubscriptionReporter(told, self.receiver, real_clock)
        self.connection = _Connection(self.receiver, real_clock, teller, codec or Codec())
        self.wire = Wire()
        self.connection.connection_made(self.wire)

    def feed(self, data: bytes) -> None:
        """Bring these bytes in one read, or as many as the buffer makes of it."""
        while data:
            room = self.connection.get_buffer(-1)
            size = min(len(room), len(data))
            room[:size] = data[:size]
            self.connection.buffer_updated(size)
            data = data[size:]


def stream() -> bytes:
    return b"".join(
        (
            ACCEPTED,
            GRANTED,
            published(b"first", 1),
            published(b"x" * 200),
            b"\xd0\x00",
            published(b"", 2),
            published(b"last"),
        )
    )


def cuts() -> Iterator[int]:
    return iter(range(1, len(stream())))


async def test_a_stream_cut_anywhere_yields_the_same_messages_and_acks() -> None:
    whole = Fed()
    whole.feed(stream())
    assert whole.receiver.payloads == [b"first", b"x" * 200, b"", b"last"]
    careful = Codec()
    careful.take_care()
    for cut, codec in product(cuts(), (Codec(), careful)):
        fed = Fed(codec=codec)
        fed.feed(stream()[:cut])
        fed.feed(stream()[cut:])
        assert fed.receiver.payloads == whole.receiver.payloads, cut
        assert b"".join(fed.wire.written) == b"".join(whole.wire.written), cut
        assert fed.receiver.sessions == [False]
        assert not fed.connection.ended.done()


BAD_TOPIC = b"\x30\x06\x00\x02\xff\xfe\x00\x00"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_link_on_which_the_codec_panicked_once_looks_at_topics_first(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The panic writes raw lines to standard error, of which nobody can make a log: so there is one only."""
    codec = Codec()
    for number in range(3):
        fed = Fed(codec=codec)
        fed.feed(ACCEPTED + GRANTED + published(b"good") + BAD_TOPIC)
        assert fed.receiver.payloads == [b"good"]
        assert "cannot be taken as MQTT" in fed.connection.ended.result().problem
        assert ("panicked" in capfd.readouterr().err) is (number == 0)


@given(st.binary(max_size=9), st.binary(max_size=9), st.integers(0, 40))
def test_no_topic_makes_the_codec_panic_where_it_is_read_with_care(
    topic: bytes, payload: bytes, kept: int
) -> None:
    body = len(topic).to_bytes(2) + topic + b"\0" + payload
    packet = (bytes([0x30, len(body)]) + body)[:kept]
    with contextlib.suppress(ValueError, IndexError):
        found, size = read_with_care(memoryview(packet))
        assert isinstance(found, mqtt5.PublishPacket)
        assert (found.topic.encode(), found.payload, size) == (topic, payload, len(packet))


@pytest.mark.parametrize("size", [100_000, 131_072, 200_000, 262_143, 262_144, 300_000, 1_100_000])
async def test_a_packet_of_any_size_we_allow_is_read_and_the_buffer_shrinks_back(size: int) -> None:
    big = bytes(range(256)) * (size // 256 + 1)
    big = big[:size]
    fed = Fed()
    small = published(b"small", 1)
    packets = ACCEPTED + GRANTED + small + published(big, 2) + small + published(big) + small
    for start in range(0, len(packets), 70_001):
        fed.feed(packets[start : start + 70_001])
    assert fed.receiver.payloads == [b"small", big, b"small", big, b"small"]
    assert len(fed.connection.get_buffer(-1)) == BUFFER_BYTES


async def test_a_packet_over_the_limit_ends_the_session_with_a_word() -> None:
    fed = Fed()
    fed.feed(ACCEPTED + GRANTED + published(b"fine") + published(b"x" * MAX_PACKET_BYTES)[:100])
    assert fed.receiver.payloads == [b"fine"]
    assert "we take" in fed.connection.ended.result().problem
    assert fed.wire.closed
    assert fed.wire.written[-1] == b"\xe0\x01\x81"


async def test_heard_waits_until_the_socket_is_drained() -> None:
    """S10: a read that filled the buffer may have left the next camera's heartbeat in the socket."""
    fed = Fed()
    fed.feed(ACCEPTED + GRANTED)
    heartbeats = published(b"x" * 180) * (BUFFER_BYTES // len(published(b"x" * 180)) + 1)
    fed.receiver.order.clear()
    fed.feed(heartbeats[:BUFFER_BYTES])
    assert fed.receiver.messages
    assert "heard" not in fed.receiver.order
    fed.feed(heartbeats[BUFFER_BYTES:])
    assert fed.receiver.order[-1] == "heard"
    assert fed.receiver.order.count("heard") == 1


async def test_heard_allows_for_what_tls_takes_off_a_read() -> None:
    """S10: TLS fills a buffer of its own and hands on less than that."""
    fed = Fed("mqtts")
    fed.feed(ACCEPTED + GRANTED)
    heartbeats = published(b"x" * 180) * 1000
    fed.receiver.order.clear()
    fed.feed(heartbeats)
    assert "heard" not in fed.receiver.order
    fed.feed(published(b"x"))
    assert fed.receiver.order[-1] == "heard"


async def test_part_of_a_packet_is_no_sign_of_life() -> None:
    """S14: only a packet that is complete was heard, and it is dated by its last byte."""
    fed = Fed()
    fed.feed(ACCEPTED + GRANTED)
    before = fed.connection.last_packet
    fed.receiver.order.clear()
    fed.feed(published(b"whole")[:20])
    assert not fed.receiver.order
    assert fed.connection.last_packet == before
    fed.feed(published(b"whole")[20:] + published(b"next")[:10])
    assert fed.receiver.order == [f"message {HEARTBEAT}", "heard"]
    assert before < fed.connection.last_packet == fed.receiver.messages[0].at


async def test_what_was_complete_before_nonsense_is_the_last_packet() -> None:
    """S14: the message counts, the bytes behind it do not."""
    fed = Fed()
    fed.feed(ACCEPTED + GRANTED)
    fed.feed(published(b"good") + b"\x00\x00")
    assert fed.connection.ended.done()
    assert fed.connection.last_packet == fed.receiver.messages[0].at


async def test_an_answer_to_another_subscription_is_not_ours() -> None:
    fed = Fed()
    fed.feed(ACCEPTED + mqtt5.SubAckPacket(7, [mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE] * 2).write())
    assert not fed.receiver.sessions
    assert "an unexpected SubAckPacket" in fed.connection.ended.result().problem


async def test_kept_messages_come_before_visibility_and_are_acknowledged() -> None:
    """S9: a broker sends them right after CONNACK; `heard` waits for the subscription."""
    fed = Fed()
    fed.feed(ACCEPTED + published(b"kept", 5))
    assert fed.receiver.order == [f"message {HEARTBEAT}"]
    assert fed.wire.written[-1] == b"\x40\x02\x00\x05"
    fed.feed(GRANTED)
    assert fed.receiver.order[1:] == ["subscribed", "heard"]


async def test_nothing_is_handed_over_once_the_connection_is_over() -> None:
    fed = Fed()
    fed.feed(ACCEPTED + GRANTED + b"\xe0\x00" + published(b"after goodbye", 1))
    fed.feed(published(b"much later", 2))
    assert not fed.receiver.messages
    assert fed.wire.closed


@given(st.integers(0, 268_435_455))
def test_the_size_of_a_packet_is_read_from_its_first_bytes(length: int) -> None:
    head, rest = bytearray([0x30]), length
    while True:
        rest, low = divmod(rest, 128)
        head.append(low | (128 if rest else 0))
        if not rest:
            break
    for cut in range(len(head)):
        assert packet_size(memoryview(head)[:cut]) is None
    assert packet_size(memoryview(head + b"payload")) == length + len(head)
