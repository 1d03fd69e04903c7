"""What no real broker does on demand: refusing versions, saying goodbye, sending nonsense, dribbling."""

from __future__ import annotations

import asyncio

import mqtt5
import pytest

from camwatch.ingest.link import MAX_PACKET_BYTES
from tests.support.ingest.links import FILTERS, HEARTBEAT, running
from tests.support.ingest.scripted_broker import ACCEPTED, GRANTED, REFUSED_3_1_1, Visit, published, served
from tests.support.recording_receiver import RecordingReceiver

UNSUPPORTED = mqtt5.ConnAckPacket(reason_code=mqtt5.ConnAckReasonCode.UNSUPPORTED_PROTOCOL_VERSION).write()
PLAIN_3_1_1 = bytes([0x30, 6 + len(HEARTBEAT), 0, len(HEARTBEAT)]) + HEARTBEAT.encode() + b"good"
WORD = "käse"
YES_3_1_1 = b"\x20\x02\x00\x00"


async def troubles_with(first_answer: bytes, receiver: RecordingReceiver, **changes: object) -> str:
    """Return what a link says of a server that answers CONNECT so, and then closes."""

    async def script(visit: Visit) -> None:
        await visit.packet()
        await visit.say(first_answer)

    async with served(script, **changes) as settings, running(settings, receiver):
        await receiver.until(lambda told: len(told.troubles) >= 2)
    assert not receiver.sessions
    assert not receiver.losses
    return receiver.troubles[0]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(REFUSED_3_1_1, id="refused as 3.1.1 does"),
        pytest.param(UNSUPPORTED, id="refused as 5 does"),
        pytest.param(YES_3_1_1, id="accepted as 3.1.1 does"),
        pytest.param(b"", id="closed without a word"),
        pytest.param(b"\x00\x00HTTP", id="nonsense"),
    ],
)
async def test_a_broker_without_mqtt_5_leads_to_the_setting(
    answer: bytes, receiver: RecordingReceiver
) -> None:
    assert 'protocol = "3.1.1"' in await troubles_with(answer, receiver)


async def test_a_broker_without_mqtt_3_1_1_leads_to_the_setting(receiver: RecordingReceiver) -> None:
    assert 'protocol = "5"' in await troubles_with(REFUSED_3_1_1, receiver, protocol="3.1.1")


async def test_a_3_1_1_broker_that_closes_without_a_word_is_told_at_once(receiver: RecordingReceiver) -> None:
    problem = await troubles_with(b"", receiver, protocol="3.1.1")
    assert "without an answer to CONNECT" in problem


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_a_server_that_never_answers_is_given_up_on(protocol: str, receiver: RecordingReceiver) -> None:
    async def script(visit: Visit) -> None:
        await visit.until_gone()

    async with (
        served(script, protocol=protocol, connect_timeout_s=0.1) as settings,
        running(settings, receiver),
    ):
        await receiver.until(lambda told: len(told.troubles) >= 2)
    assert "did not answer within 0.1 s" in receiver.troubles[0]


@pytest.mark.parametrize(
    ("protocol", "scheme"), [("5", "mqtts"), ("5", "wss"), ("3.1.1", "mqtts"), ("5", "ws")]
)
async def test_a_link_stops_at_once_while_a_handshake_hangs(
    protocol: str, scheme: str, receiver: RecordingReceiver
) -> None:
    """Nor does it leave a thread that would hold up the end of the process."""
    shaking = asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.reader.readexactly(1)
        shaking.set()
        await visit.until_gone()

    changes = {"protocol": protocol, "scheme": scheme, "connect_timeout_s": 600.0, "keep_alive_s": 600}
    async with served(script, **changes) as settings, running(settings, receiver):
        await shaking.wait()
    assert not receiver.troubles


@pytest.mark.parametrize("scheme", ["ws", "wss", "mqtts"])
async def test_a_server_of_another_kind_is_told_from_a_broker(
    scheme: str, receiver: RecordingReceiver
) -> None:
    async def script(visit: Visit) -> None:
        await visit.reader.read(100)
        await visit.say(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

    async with served(script, scheme=scheme) as settings, running(settings, receiver):
        await receiver.until(lambda told: len(told.troubles) >= 2)
    assert ("WebSocket at /mqtt" if scheme == "ws" else "does not speak TLS") in receiver.troubles[0]


async def test_acknowledgements_follow_the_handing_over_in_one_piece(receiver: RecordingReceiver) -> None:
    async def script(visit: Visit) -> None:
        await visit.welcome(
            published(b"a", 7), published(b"b"), published(b"c", 300), published(b"d", 9, qos=2)
        )
        receiver.order.append((await visit.reader.readexactly(12)).hex(" ", 4))
        await visit.say(mqtt5.PubRelPacket(9).write())
        receiver.order.append((await visit.reader.readexactly(4)).hex())
        receiver.warn("done")

    async with served(script) as settings, running(settings, receiver):
        await receiver.until(lambda told: told.troubles)
    assert [what for what in receiver.order if what != "heard"][:-1] == [
        "subscribed",
        *([f"message {HEARTBEAT}"] * 4),
        "40020007 4002012c 50020009",
        "70020009",
    ]
    assert receiver.payloads == [b"a", b"b", b"c", b"d"]


async def test_packets_that_dribble_in_byte_by_byte_are_the_same_packets(receiver: RecordingReceiver) -> None:
    async def script(visit: Visit) -> None:
        await visit.packet()
        for byte in ACCEPTED + GRANTED + published(b"one", 1) + published(b"") + published(b"three", 3):
            await visit.say(bytes([byte]))
            await asyncio.sleep(0)
        await visit.until_gone()

    async with served(script) as settings, running(settings, receiver):
        await receiver.until(lambda told: len(told.messages) == 3)
    assert receiver.payloads == [b"one", b"", b"three"]
    assert not receiver.troubles


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_a_broker_that_hangs_in_mid_packet_is_silent(
    protocol: str, receiver: RecordingReceiver
) -> None:
    """S3 and S14: a byte now and then is no packet; sight ended with the last one that was complete."""
    good = published(b"good") if protocol == "5" else PLAIN_3_1_1

    async def script(visit: Visit) -> None:
        if protocol == "5":
            await visit.welcome(good)
        else:
            await visit.packet()
            await visit.say(YES_3_1_1)
            identifier = (await visit.packet())[2:4]
            await visit.say(b"\x90\x04" + identifier + b"\x01" * len(FILTERS), good)
        for byte in b"\x30\x7f" + bytes(100):  # a PUBLISH whose end never comes
            await visit.say(bytes([byte]))
            await asyncio.sleep(0.02)
        await visit.until_gone()

    async with (
        served(script, protocol=protocol, ping_after_s=0.1) as settings,
        running(settings, receiver, alone=False),
    ):
        await receiver.until(lambda told: told.losses)
    assert "no answer when asked" in receiver.losses[0].problem
    assert receiver.losses[0].last_packet == receiver.messages[0].at


# The codec panics on such a topic, which the interpreter also reports on its own.
PANIC = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
NONSENSE = {
    "a reserved packet type": b"\x00\x00",
    "an endless length": b"\x30\xff\xff\xff\xff\x7f",
    "a topic that is not UTF-8": b"\x30\x06\x00\x02\xff\xfe\x00\x00",
    "a topic longer than its packet": b"\x30\x05\x00\x50abc",
    "a packet larger than we take": b"\x30\xff\xff\x7f" + bytes(100),
    "a second CONNACK": ACCEPTED,
    "a web page": b"HTTP/1.1 200 OK\r\n\r\n" * 10,
}


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_heard_waits_until_all_that_arrived_was_handed_over(
    protocol: str, receiver: RecordingReceiver
) -> None:
    """S10: paho reads one packet a turn, and must not vouch for those that still wait in the socket."""

    async def script(visit: Visit) -> None:
        if protocol == "5":
            await visit.welcome(*([published(b"good")] * 30))
        else:
            await visit.packet()
            await visit.say(YES_3_1_1)
            identifier = (await visit.packet())[2:4]
            await visit.say(b"\x90\x04" + identifier + b"\x01" * len(FILTERS) + PLAIN_3_1_1 * 30)
        await visit.until_gone()

    async with served(script, protocol=protocol) as settings, running(settings, receiver):
        await receiver.until(lambda told: told.heard_at)
    assert receiver.order == ["subscribed", *([f"message {HEARTBEAT}"] * 30), "heard"]
    assert receiver.heard_at[0] >= receiver.messages[-1].at


@pytest.mark.parametrize(
    ("protocol", "nonsense"),
    [
        pytest.param(protocol, sent, id=f"{name}-{protocol}", marks=PANIC if "UTF-8" in name else ())
        for name, sent in NONSENSE.items()
        # paho takes packets of any size, and a second CONNACK
        for protocol in (("5",) if "larger" in name or "second" in name else ("5", "3.1.1"))
    ],
)
async def test_nonsense_is_a_loss_and_another_try_but_no_crash(
    protocol: str, nonsense: bytes, receiver: RecordingReceiver
) -> None:
    """S3: what came before the nonsense counts, and the link comes back."""
    good = published(b"good") if protocol == "5" else PLAIN_3_1_1

    async def script(visit: Visit) -> None:
        if protocol == "5":
            await visit.welcome(good, nonsense)
        else:
            await visit.packet()
            await visit.say(YES_3_1_1)
            identifier = (await visit.packet())[2:4]
            await visit.say(b"\x90\x04" + identifier + b"\x01" * len(FILTERS), good, nonsense)
        await visit.until_gone()

    async with served(script, protocol=protocol) as settings, running(settings, receiver):
        await receiver.until(lambda told: len(told.sessions) >= 3)
    assert receiver.payloads[:2] == [b"good", b"good"]
    assert len(receiver.losses) >= 2
    assert receiver.troubles[0] == receiver.losses[0].problem
    if protocol == "5":
        assert "cannot be taken as MQTT" in receiver.troubles[0] or "we take" in receiver.troubles[0]


async def test_a_packet_too_large_is_told_with_its_size(receiver: RecordingReceiver) -> None:
    async def script(visit: Visit) -> None:
        await visit.welcome(NONSENSE["a packet larger than we take"])
        await visit.until_gone()

    async with served(script) as settings, running(settings, receiver):
        await receiver.until(lambda told: told.losses)
    assert (
        f"a packet of 2097155 bytes, though we take {MAX_PACKET_BYTES} at most" in receiver.losses[0].problem
    )


async def test_a_goodbye_of_the_broker_is_told_with_its_reason(receiver: RecordingReceiver) -> None:
    goodbye = mqtt5.DisconnectPacket(
        reason_code=mqtt5.DisconnectReasonCode.SESSION_TAKEN_OVER, reason_str="somebody else is you"
    ).write()

    async def script(visit: Visit) -> None:
        await visit.welcome(goodbye)
        await visit.until_gone()

    async with served(script) as settings, running(settings, receiver):
        await receiver.until(lambda told: told.losses)
    assert "session taken over, somebody else is you" in receiver.losses[0].problem
    assert "`client_id`" in receiver.losses[0].problem


async def test_a_weaker_quality_is_taken_and_told_once(receiver: RecordingReceiver) -> None:
    weaker = mqtt5.SubAckPacket(
        1, [mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE, mqtt5.SubAckReasonCode.GRANTED_QOS_AT_MOST_ONCE]
    ).write()

    async def script(visit: Visit) -> None:
        await visit.packet()
        await visit.say(ACCEPTED)
        await visit.packet()
        await visit.say(weaker)

    async with served(script) as settings, running(settings, receiver):
        await receiver.until(lambda told: len(told.sessions) == 3)
    told = [problem for problem in receiver.troubles if "QoS 0" in problem]
    assert len(told) == 1
    assert FILTERS[1] in told[0]
    assert FILTERS[0] not in told[0]


async def test_what_we_ask_of_an_mqtt_5_broker(receiver: RecordingReceiver) -> None:
    """L1 and S9: a session that stays, QoS 1, and a retained flag that means the broker's store."""
    asked: list[mqtt5.Packet] = []

    async def script(visit: Visit) -> None:
        asked.append(await visit.mqtt5_packet())
        await visit.say(ACCEPTED)
        asked.append(await visit.mqtt5_packet())
        await visit.say(GRANTED)
        asked.append(await visit.mqtt5_packet())

    changes = {"username": "eye", "password": WORD, "session_expiry_s": 77}
    async with served(script, **changes) as settings, running(settings, receiver):
        await receiver.until(lambda told: told.sessions)
    connect, subscribe, goodbye = asked
    assert isinstance(connect, mqtt5.ConnectPacket)
    assert (connect.client_id, connect.clean_start) == ("camwatch-test", False)
    assert (connect.session_expiry_interval, connect.keep_alive) == (77, 30)
    assert (connect.username, connect.password) == ("eye", WORD.encode())
    assert connect.receive_max >= 1000
    assert connect.max_packet_size == MAX_PACKET_BYTES
    assert isinstance(subscribe, mqtt5.SubscribePacket)
    assert [topic_filter.pattern for topic_filter in subscribe.topic_filters] == list(FILTERS)
    for topic_filter in subscribe.topic_filters:
        assert topic_filter.max_qos == mqtt5.QoS.AT_LEAST_ONCE
        assert topic_filter.retain_as_published is False
        assert topic_filter.retain_handling == mqtt5.RetainHandling.SEND_ALWAYS
    assert isinstance(goodbye, mqtt5.DisconnectPacket)
    assert goodbye.reason_code == mqtt5.DisconnectReasonCode.NORMAL_DISCONNECTION


@pytest.mark.parametrize(("ours", "theirs"), [(1, None), (600, 1)], ids=["our own", "the broker's"])
async def test_a_keep_alive_goes_out_while_messages_come_in(
    ours: int, theirs: int | None, receiver: RecordingReceiver
) -> None:
    """A stream of QoS 0 gives us nothing to say: without pings the broker would drop us."""

    async def script(visit: Visit) -> None:
        await visit.packet()
        await visit.say(mqtt5.ConnAckPacket(server_keep_alive=theirs).write())
        await visit.packet()
        await visit.say(GRANTED)
        for _ in range(2):  # one keep-alive after the other, although nobody waits for an answer
            ping = asyncio.create_task(visit.mqtt5_packet())
            while not ping.done():
                await visit.say(published(b"tick"))
                await asyncio.wait({ping}, timeout=0.02)
            receiver.warn(type(ping.result()).__name__)
        await visit.until_gone()

    async with served(script, keep_alive_s=ours, ping_after_s=600.0) as settings, running(settings, receiver):
        await receiver.until(lambda told: len(told.troubles) >= 2)
    assert receiver.troubles == ["PingReqPacket", "PingReqPacket"]
