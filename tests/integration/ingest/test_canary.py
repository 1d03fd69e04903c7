"""S12: with a canary, sight begins and lasts by delivery alone; a broker that only answers is blindness."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

import aiomqtt
import mqtt5
import pytest

from camwatch.core.model import Instant
from camwatch.errors import LinkError
from camwatch.ingest.canary import _MOST_OUT, Canary, CanaryConnection, forms
from camwatch.ingest.link import LinkSettings
from tests.support.eventually import eventually
from tests.support.ingest.links import BOTH_LINKS, FILTERS, HEARTBEAT, Broker, Kind, running
from tests.support.ingest.scripted_broker import ACCEPTED, Visit, published, served
from tests.support.mosquitto import program
from tests.support.pace import SCALE
from tests.support.recording_receiver import RecordingReceiver, real_clock
from tests.support.tls import Authority

CANARY = "camwatch/v1/$canary/camwatch-test"
GRANTED = mqtt5.SubAckPacket(1, [mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE] * 3).write()
SIGHTED = f"user eye\ntopic read camwatch/v1/+/+/+\ntopic readwrite {CANARY}\n"
BLINDED = f"user eye\ntopic write {CANARY}\n"
CAMERAS = f"user cam\ntopic write camwatch/v1/+/+/+\ntopic write {CANARY}\n"  # one that cheats

with_web = pytest.mark.parametrize("kind", [*BOTH_LINKS, Kind("5", "ws")], ids=str)
both_links = pytest.mark.parametrize("kind", BOTH_LINKS, ids=str)


class Guarded(Broker):
    """A broker with two users, `eye` for the link and `cam`, and an access list that a test edits.

    Its lines are those that Debian's Mosquitto can be detached by: the account is the client's id.
    """

    def __init__(self, folder: Path, authority: Authority, config: str = "") -> None:
        self.passwords, self.acl = folder / "passwords", folder / "acl"
        super().__init__(
            folder,
            authority,
            f"allow_anonymous false\npassword_file {self.passwords}\nacl_file {self.acl}\n"
            f"connection_messages true\n{config}",
        )
        listener = f"listener {self.port} 127.0.0.1\n"
        text = self._file.read_text().replace(listener, f"{listener}use_username_as_clientid true\n")
        self._file.write_text(text)
        self.passwords.touch(0o600)
        for user in ("eye", "cam"):
            command = [program("mosquitto_passwd"), "-b", str(self.passwords), user, user]
            subprocess.run(command, check=True, capture_output=True)
        self.acl.write_text(SIGHTED + CAMERAS)

    async def allow(self, eye: str) -> None:
        """Let `eye` do what these lines say, from now on."""
        self.acl.write_text(eye + CAMERAS)
        before = self.log().count("Reloading config")
        os.kill(self.pid, signal.SIGHUP)
        await eventually(lambda: self.log().count("Reloading config") > before)

    def link_settings(self, kind: Kind, **changes: object) -> LinkSettings:
        told = {"username": "eye", "password": "eye", "canary": CANARY, "ping_after_s": 0.3}
        return self.settings(kind, **(told | changes))

    async def publish(self, *payloads: bytes, user: str = "cam", topic: str = HEARTBEAT) -> None:
        async with aiomqtt.Client("127.0.0.1", self.port, username=user, password=user) as client:
            for payload in payloads:
                await client.publish(topic, payload, qos=1)

    async def attack(self) -> None:
        """Be refused, as nobody, under the id of the link's session."""
        client = aiomqtt.Client("127.0.0.1", self.port, identifier="eye")
        with pytest.raises(aiomqtt.MqttError, match=r"(?i)not authori"):
            async with client:
                pass


def brought(payload: bytes, receiver: RecordingReceiver) -> bool:
    return payload in receiver.payloads


@pytest.fixture
def guarded(tmp_path: Path, authority: Authority) -> Guarded:
    return Guarded(tmp_path / "guarded", authority)


@with_web
async def test_sight_begins_when_the_first_canary_is_back(
    kind: Kind, broker: Broker, receiver: RecordingReceiver
) -> None:
    """S12: and each that follows is told with the instant at which it was sent."""
    async with running(broker.settings(kind, canary=CANARY, ping_after_s=0.2 * SCALE), receiver):
        await receiver.until(lambda told: len(told.canaries) >= 3)
    assert receiver.order[:2] == ["subscribed", "canary"]
    assert all(sent.mono <= now.mono for now, sent in receiver.canaries)
    assert len({sent for _, sent in receiver.canaries}) == len(receiver.canaries)
    assert not receiver.messages, "a canary is no message of a camera"
    assert not receiver.losses
    assert not receiver.troubles


@both_links
async def test_what_was_kept_comes_before_sight_and_the_canary_after_it(
    kind: Kind, guarded: Guarded, receiver: RecordingReceiver
) -> None:
    """S9, S12: the canary came through the same queue, so that what it waited behind was handed over."""
    settings = guarded.link_settings(kind, ping_after_s=600.0)
    with guarded:
        async with running(settings, receiver):
            await receiver.until(lambda told: told.sessions)
        await guarded.publish(*(b"%d" % number for number in range(50)))
        receiver.order.clear()
        async with running(settings, receiver):
            await receiver.until(lambda told: len(told.canaries) == 2)
    assert [what for what in receiver.order if what != "heard"] == [
        *[f"message {HEARTBEAT}"] * 50, "subscribed", "canary",
    ]  # fmt: skip
    assert receiver.sessions == [False, True]


@both_links
async def test_a_subscription_that_the_broker_starves_is_a_loss_of_sight(
    kind: Kind, guarded: Guarded, receiver: RecordingReceiver
) -> None:
    """S12: an access list was edited; pings are answered, nothing comes. Edited back, the link sees again."""
    with guarded:
        async with running(guarded.link_settings(kind), receiver):
            await receiver.until(lambda told: told.canaries)
            await guarded.publish(b"seen")
            await guarded.allow(BLINDED)
            starved = real_clock()
            await receiver.until(lambda told: told.losses)
            await guarded.allow(SIGHTED)
            await receiver.until(lambda told: len(told.sessions) == 2)
            count = len(receiver.messages)
            await guarded.publish(b"once")
            await receiver.until(lambda told: b"once" in told.payloads)
            back = len(receiver.canaries)
            await receiver.until(lambda told: len(told.canaries) > back)
    loss = receiver.losses[0]
    assert "the broker answers but delivers nothing" in loss.problem
    assert "access list and queue of user 'eye'" in loss.problem
    assert loss.last_packet.mono < starved.mono + 0.3, "what was on its way came, but no second canary"
    assert receiver.payloads[count:] == [b"once"], "no subscription of two forms: that would double it"


@both_links
async def test_a_canary_that_may_go_out_but_not_come_back_is_told_as_starved(
    kind: Kind, guarded: Guarded, receiver: RecordingReceiver
) -> None:
    """REPORTS: the broker grants the subscription, takes what we send, and delivers nothing."""
    with guarded:
        await guarded.allow(BLINDED)
        async with running(guarded.link_settings(kind), receiver):
            await receiver.until(lambda told: len(told.troubles) >= 2)
    assert not receiver.sessions, "it was never in sight"
    assert not receiver.losses
    assert "the broker answers but delivers nothing" in receiver.troubles[0]
    assert CANARY in receiver.troubles[0]


async def test_a_session_that_the_broker_detached_is_blind_and_heals(
    guarded: Guarded, receiver: RecordingReceiver
) -> None:
    """S12: one refused connection takes the session of Mosquitto 2.0.11 out of its tables, for good."""
    settings = guarded.link_settings(Kind("5", "mqtt"))
    with guarded:
        async with running(settings, receiver):
            await receiver.until(lambda told: told.canaries)
            await guarded.attack()
        for payload in (b"one", b"two"):  # a restart of camwatch does not mend it, nor is that needed
            receiver.canaries.clear()
            receiver.troubles.clear()
            async with running(settings, receiver):
                await receiver.until(lambda told: told.canaries)
                assert "answers but delivers nothing" in receiver.troubles[0]
                await guarded.publish(payload)
                await receiver.until(partial(brought, payload))
    assert receiver.payloads == [b"one", b"two"]
    assert not receiver.losses, "what never had sight cannot lose it"


async def test_a_detached_session_of_mqtt_3_1_1_is_blind(
    guarded: Guarded, receiver: RecordingReceiver
) -> None:
    """S12: that broker cannot be talked out of it; the link says so until the broker is restarted."""
    settings = guarded.link_settings(Kind("3.1.1", "mqtt"))
    with guarded:
        async with running(settings, receiver):
            await receiver.until(lambda told: told.canaries)
            await guarded.attack()
        async with running(settings, receiver):
            await receiver.until(lambda told: len(told.troubles) >= 3)
            assert all("answers but delivers nothing" in problem for problem in receiver.troubles)
            assert len(receiver.sessions) == 1
            guarded.kill()
            guarded.start()
            await receiver.until(lambda told: len(told.sessions) == 2)


@both_links
async def test_a_frozen_broker_is_frozen_and_not_starving(
    kind: Kind, guarded: Guarded, receiver: RecordingReceiver
) -> None:
    """S10, S12: silence is told as silence; sight ended with the last message, not with the last answer."""
    with guarded:
        async with running(guarded.link_settings(kind), receiver):
            await receiver.until(lambda told: told.sessions)
            await guarded.publish(b"seen")
            await receiver.until(lambda told: told.canaries and told.messages)
            guarded.freeze()
            await receiver.until(lambda told: told.losses)
            guarded.thaw()
            await receiver.until(lambda told: len(told.sessions) == 2)
    assert "no answer when asked" in receiver.losses[0].problem


@both_links
async def test_canaries_of_others_and_of_the_past_prove_nothing(
    kind: Kind, guarded: Guarded, receiver: RecordingReceiver
) -> None:
    """S12: what a broker kept of an earlier connection, or somebody else wrote, is no return of ours."""
    settings = guarded.link_settings(kind, ping_after_s=600.0)
    with guarded:
        async with running(settings, receiver):
            await receiver.until(lambda told: told.canaries)
        await guarded.publish(b"0123456789abcdef 1", b"", b"\xff 1", topic=CANARY)
        await guarded.publish(b"end")
        async with running(settings, receiver):
            await receiver.until(lambda told: told.messages)
            assert len(receiver.canaries) == 1
    assert not receiver.losses


async def test_an_answer_to_a_ping_is_not_heard_where_a_canary_flies(receiver: RecordingReceiver) -> None:
    """S10, S12: only a message proves that messages come."""

    async def script(visit: Visit) -> None:
        await visit.packet()
        await visit.say(ACCEPTED)
        await visit.packet()
        await visit.say(GRANTED)
        first = await visit.mqtt5_packet()
        assert isinstance(first, mqtt5.PublishPacket)
        assert (first.topic, first.qos, first.retain) == (CANARY, mqtt5.QoS.AT_LEAST_ONCE, False)
        assert first.packet_id is not None
        await visit.say(mqtt5.PubAckPacket(first.packet_id).write(), published(first.payload, topic=CANARY))
        await receiver.until(lambda told: told.heard_at)
        while True:  # pings and acknowledgements are answered, canaries are not
            packet = await visit.packet()
            if packet[0] == 0xC0:
                await visit.say(b"\xd0\x00")
            elif packet[0] >> 4 == 3:
                await visit.say(mqtt5.PubAckPacket(3).write())

    async with (
        served(script, canary=CANARY, ping_after_s=0.1 * SCALE) as settings,
        running(settings, receiver, alone=False),
    ):
        await receiver.until(lambda told: told.losses)
    loss = receiver.losses[0]
    assert "answers but delivers nothing" in loss.problem
    assert loss.last_packet == receiver.heard_at[-1]
    assert len(receiver.heard_at) == 1


@pytest.mark.parametrize("canary", [None, CANARY], ids=["without", "with"])
async def test_a_long_backlog_ends_nothing_while_it_comes_in(
    canary: str | None, receiver: RecordingReceiver
) -> None:
    """S9, S12: on a thin line the answer to SUBSCRIBE, and the canary, come behind all that was kept."""

    async def script(visit: Visit) -> None:
        await visit.packet()
        await visit.say(ACCEPTED)
        await visit.packet()

        async def trickle() -> None:
            for _ in range(10):
                await visit.say(published(b"kept"))
                await asyncio.sleep(0.1 * SCALE)

        await trickle()
        if canary is None:
            await visit.say(
                mqtt5.SubAckPacket(1, [mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE] * 2).write()
            )
        else:
            await visit.say(GRANTED)
            packet = await visit.mqtt5_packet()
            assert isinstance(packet, mqtt5.PublishPacket)
            await trickle()
            await visit.say(published(packet.payload, topic=CANARY))
        await visit.until_gone()

    changes = {"canary": canary, "ping_after_s": 0.5 * SCALE, "connect_timeout_s": 0.5 * SCALE}
    async with served(script, **changes) as settings, running(settings, receiver, alone=False):
        await receiver.until(lambda told: told.sessions)
    assert set(receiver.payloads) == {b"kept"}
    assert len(receiver.payloads) == (10 if canary is None else 20)
    assert not receiver.losses
    assert [problem.partition(",")[0] for problem in receiver.troubles] in ([], ["messages come in"])


async def test_a_broker_that_refuses_the_canary_is_told_with_its_topic(receiver: RecordingReceiver) -> None:
    async def script(visit: Visit) -> None:
        await visit.packet()
        await visit.say(ACCEPTED)
        await visit.packet()
        await visit.say(GRANTED)
        await visit.packet()
        refusal = mqtt5.PubAckPacket(3, reason_code=mqtt5.PubAckReasonCode.NOT_AUTHORIZED)
        await visit.say(refusal.write())
        await visit.until_gone()

    async with served(script, canary=CANARY) as settings, running(settings, receiver):
        await receiver.until(lambda told: told.troubles)
    assert f"the broker refuses the canary on {CANARY}" in receiver.troubles[0]
    assert "access list" in receiver.troubles[0]


class Chatty:
    """A connection on which messages of others come all the time."""

    def __init__(self) -> None:
        self.subscribed = False
        self.ended: asyncio.Future[LinkError] = asyncio.get_running_loop().create_future()
        self.published: list[bytes] = []

    @property
    def last_message(self) -> Instant:
        return real_clock()

    last_packet = last_message

    def publish(self, _topic: str, payload: bytes) -> None:
        self.published.append(payload)

    def sight(self, _now: Instant) -> None:
        self.subscribed = True

    async def until(self, count: int) -> None:
        await eventually(lambda: len(self.published) > count)


async def test_a_missing_canary_is_logged_once_and_forgotten_after_a_while(
    receiver: RecordingReceiver,
) -> None:
    """S12: an access list that lets the cameras' topics pass and the canary's no more."""
    settings = LinkSettings("main", "mqtt", "h", 1, "5", "x", FILTERS, canary=CANARY, ping_after_s=0.001)
    chatty = Chatty()
    carrier = cast("CanaryConnection", chatty)
    canary = Canary(settings, CANARY, receiver, real_clock, carrier, chatty.sight, lambda: None)
    canary.start()
    flying = asyncio.create_task(canary.run())
    for count in (1, 2):
        receiver.message(CANARY, chatty.published[-1], retained=False)
        assert len(receiver.canaries) == count
        await chatty.until(len(chatty.published) + 2 * _MOST_OUT)
        assert len(canary._out) == _MOST_OUT
        assert len(receiver.troubles) == count
        assert "no canary among them" in receiver.troubles[-1]
    chatty.ended.set_result(LinkError("main", "over"))
    await flying


def test_every_form_of_a_subscription_is_written_differently() -> None:
    plain = LinkSettings("main", "mqtt", "h", 1, "5", "camwatch-test", FILTERS)
    assert forms(plain) == (FILTERS,)
    told = LinkSettings("main", "mqtt", "h", 1, "5", "camwatch-test", FILTERS, canary=CANARY)
    assert [form[0] for form in forms(told)] == [
        "camwatch/v1/+/+/heartbeat", "camwatch/+/+/+/heartbeat", "+/v1/+/+/heartbeat", "+/+/+/+/heartbeat",
    ]  # fmt: skip
    assert forms(told)[0] == (*FILTERS, CANARY)
    assert forms(told)[1][-1] == "camwatch/+/$canary/camwatch-test"
    assert len({pattern for form in forms(told) for pattern in form}) == 12
    assert forms(replace(told, protocol="3.1.1")) == ((*FILTERS, CANARY),)
    assert [form[-1] for form in forms(replace(told, canary="c/$canary/x", filters=("c/+/+/status",)))] == [
        "c/$canary/x", "+/$canary/x",
    ]  # fmt: skip
