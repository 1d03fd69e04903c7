"""One contract for both links and every transport, against a real Mosquitto."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import aiomqtt
import pytest

from camwatch.ingest.aiomqtt_link import AiomqttLink
from camwatch.ingest.factory import make_link
from camwatch.ingest.mqtt5_link import Mqtt5Link
from tests.support.ingest.links import (
    BOTH_LINKS,
    EVERY_KIND,
    HEARTBEAT,
    REPRESENTATIVE,
    STATUS,
    Broker,
    Kind,
    running,
)
from tests.support.pace import SCALE
from tests.support.recording_receiver import RecordingReceiver, real_clock
from tests.support.tls import Authority

every_kind = pytest.mark.parametrize("kind", EVERY_KIND, ids=str)
representative = pytest.mark.parametrize("kind", REPRESENTATIVE, ids=str)
with_web = pytest.mark.parametrize("kind", [*BOTH_LINKS, Kind("5", "ws")], ids=str)


async def publish(broker: Broker, topic: str, *payloads: bytes, qos: int = 1, retain: bool = False) -> None:
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        for payload in payloads:
            await client.publish(topic, payload, qos=qos, retain=retain)


@every_kind
async def test_messages_arrive_with_their_topic_and_payload(
    kind: Kind, broker: Broker, receiver: RecordingReceiver
) -> None:
    async with running(broker.settings(kind), receiver):
        await receiver.until(lambda told: told.sessions)
        await publish(broker, HEARTBEAT, b'{"seq":1}', b"", qos=1)
        await publish(broker, HEARTBEAT, b"\x00\xff", qos=0)
        await receiver.until(lambda told: len(told.messages) == 3)
    assert receiver.payloads == [b'{"seq":1}', b"", b"\x00\xff"]
    assert {(message.topic, message.retained) for message in receiver.messages} == {(HEARTBEAT, False)}
    assert all(type(message.payload) is bytes for message in receiver.messages)
    assert receiver.sessions == [False]
    assert not receiver.losses
    assert not receiver.troubles


@every_kind
async def test_the_retained_flag_means_from_the_brokers_store(
    kind: Kind, broker: Broker, receiver: RecordingReceiver
) -> None:
    """L1: the same retained message has the flag when it comes from the store, and not when it is live."""
    await publish(broker, STATUS, b"stored", retain=True)
    async with running(broker.settings(kind), receiver):
        await receiver.until(lambda told: len(told.messages) == 1)
        await publish(broker, STATUS, b"live", retain=True)
        await receiver.until(lambda told: len(told.messages) == 2)
    assert [(message.payload, message.retained) for message in receiver.messages] == [
        (b"stored", True),
        (b"live", False),
    ]


@every_kind
async def test_what_was_sent_while_we_were_away_arrives_when_we_are_back(
    kind: Kind, broker: Broker, receiver: RecordingReceiver
) -> None:
    """S9: the session stays when the link stops, and the broker queues QoS 1 for it."""
    sent = [b"%d" % number for number in range(30)]
    async with running(broker.settings(kind), receiver):
        await receiver.until(lambda told: told.sessions)
    await publish(broker, HEARTBEAT, *sent)
    async with running(broker.settings(kind), receiver):
        await receiver.until(lambda told: len(told.messages) == len(sent) and len(told.sessions) == 2)
    assert receiver.payloads == sent
    assert receiver.sessions == [False, True]
    assert not any(message.retained for message in receiver.messages)
    assert not receiver.losses, "a stop is no loss"


@representative
async def test_a_message_that_was_not_handed_over_is_not_acknowledged(
    kind: Kind, broker: Broker, receiver: RecordingReceiver
) -> None:
    """QoS 1 is acknowledged after the handing over: a receiver that fails gets the message again."""
    receiver.stumbles = 1
    async with running(broker.settings(kind), receiver):
        await receiver.until(lambda told: told.sessions)
        await publish(broker, HEARTBEAT, b"once more")
        await receiver.until(lambda told: told.messages and len(told.sessions) == 2)
    assert receiver.payloads == [b"once more"]
    assert receiver.sessions == [False, True]
    assert len(receiver.losses) == 1


@representative
async def test_a_big_packet_arrives_whole(kind: Kind, broker: Broker, receiver: RecordingReceiver) -> None:
    # Mosquitto 2.0.11 writes a WebSocket at 4 KiB each 0.1 s, and crashes on much more through TLS.
    big = bytes(range(256)) * (60 if kind.scheme in ("ws", "wss") else 1200)
    async with running(broker.settings(kind), receiver):
        await receiver.until(lambda told: told.sessions)
        await publish(broker, HEARTBEAT, b"before", big, b"after", big)
        await receiver.until(lambda told: len(told.messages) == 4)
    assert receiver.payloads == [b"before", big, b"after", big]
    assert not receiver.losses


@representative
async def test_a_flood_arrives_in_order_and_is_heard(
    kind: Kind, broker: Broker, receiver: RecordingReceiver
) -> None:
    sent = [b"%06d" % number + b"." * 174 for number in range(1000)]
    async with running(broker.settings(kind), receiver):
        await receiver.until(lambda told: told.sessions)
        async with asyncio.TaskGroup() as senders:
            senders.create_task(publish(broker, HEARTBEAT, *sent, qos=0))
        await receiver.until(lambda told: len(told.messages) == len(sent))
        await receiver.until(lambda told: told.heard_at and told.heard_at[-1] >= told.messages[-1].at)
    assert receiver.payloads == sent


@with_web
async def test_sight_lost_with_the_broker_dates_from_the_last_packet(
    kind: Kind, broker: Broker, receiver: RecordingReceiver
) -> None:
    """S3: a killed broker; restarted, it knows our session and we are subscribed again."""
    async with running(broker.settings(kind), receiver):
        await receiver.until(lambda told: told.sessions)
        await publish(broker, HEARTBEAT, b"before")
        await receiver.until(lambda told: told.messages)
        killed = real_clock()
        broker.kill()
        await receiver.until(lambda told: told.losses)
        broker.start()
        await receiver.until(lambda told: len(told.sessions) == 2)
        await publish(broker, HEARTBEAT, b"after")
        await receiver.until(lambda told: len(told.messages) == 2)
    assert len(receiver.losses) == 1
    assert receiver.messages[0].at <= receiver.losses[0].last_packet <= killed < receiver.losses[0].now
    assert receiver.sessions == [False, True]
    assert receiver.payloads == [b"before", b"after"]


@with_web
async def test_a_frozen_broker_is_a_loss_of_sight(
    kind: Kind, broker: Broker, receiver: RecordingReceiver
) -> None:
    """S10: its connection stays open, but it does not answer. Thawed, it is seen again."""
    settings = broker.settings(kind, ping_after_s=0.2 * SCALE, connect_timeout_s=0.3 * SCALE)
    async with running(settings, receiver):
        await receiver.until(lambda told: told.sessions)
        frozen = real_clock()
        broker.freeze()
        await receiver.until(lambda told: told.losses)
        given_up = f"within {settings.connect_timeout_s:g} s"
        await receiver.until(lambda told: any(given_up in problem for problem in told.troubles))
        broker.thaw()
        await receiver.until(lambda told: len(told.sessions) == 2)
    loss = receiver.losses[0]
    assert loss.last_packet <= frozen
    assert loss.now.mono - loss.last_packet.mono >= 0.4 * SCALE, "silent, asked, and silent again"
    assert "no answer when asked" in loss.problem
    assert receiver.sessions == [False, True]


@with_web
async def test_an_idle_broker_that_answers_is_never_lost(
    kind: Kind, broker: Broker, receiver: RecordingReceiver
) -> None:
    """S10: silence is asked about, and an answer is proof of sight."""
    async with running(broker.settings(kind, ping_after_s=0.25 * SCALE), receiver):
        await receiver.until(lambda told: len(told.heard_at) >= 4)
    assert not receiver.losses
    assert not receiver.troubles
    assert not receiver.messages


@with_web
async def test_a_broker_is_pinged_repeatedly_while_its_backlog_may_arrive(
    kind: Kind, broker: Broker, receiver: RecordingReceiver
) -> None:
    """S11: though it is not silent; each answer is told with when it was asked for."""
    receiver.doubted = True
    async with running(replace(broker.settings(kind), ping_after_s=1.0, keep_alive_s=60), receiver):
        await receiver.until(lambda told: len(told.answers) >= 3)
        receiver.doubted = False
    asked = [question.mono for _, question in receiver.answers]
    assert asked == sorted(set(asked))
    assert all(question.mono <= answer.mono for answer, question in receiver.answers)
    assert receiver.order.index("subscribed") < receiver.order.index("answered")


@with_web
async def test_a_broker_that_may_have_kept_something_is_asked_at_once(
    kind: Kind, broker: Broker, receiver: RecordingReceiver
) -> None:
    """S11: the link is blind until the answer comes: each second before the question is unknown time."""
    receiver.doubted = True
    async with running(replace(broker.settings(kind), ping_after_s=600.0, keep_alive_s=600), receiver):
        await receiver.until(lambda told: bool(told.answers))


@representative
async def test_a_cancelled_link_ends_as_cleanly_as_a_stopped_one(
    kind: Kind, broker: Broker, receiver: RecordingReceiver
) -> None:
    before = asyncio.all_tasks()
    for settle in (0, 1, 3, 10, 1000):  # turns of the loop: while it dials, shakes hands, waits, lives
        task = asyncio.create_task(make_link(broker.settings(kind), receiver, real_clock).run())
        for _ in range(settle):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert asyncio.all_tasks() - before == set()


def test_the_fast_link_is_taken_where_it_can_be(authority: Authority, tmp_path: Path) -> None:
    broker = Broker(tmp_path / "never-started", authority)
    for kind in EVERY_KIND:
        link = make_link(broker.settings(kind), RecordingReceiver(), real_clock)
        fast = str(kind) in ("5-mqtt", "5-mqtts")
        assert type(link) is (Mqtt5Link if fast else AiomqttLink)
        assert link.name == "main"
