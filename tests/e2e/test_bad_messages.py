"""Whatever is published, the daemon lives on, counts it under its reason, and judges nobody by it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import pytest
import pytest_asyncio

from tests.support.daemon import Daemon, broker, config, running
from tests.support.mosquitto import Mosquitto
from tests.support.pace import PATIENCE_S
from tests.support.publisher import Publisher, heartbeat_topic, publishing, status_topic
from tests.support.tables import camera, operator, write_fleet

Send: TypeAlias = Callable[[Publisher, str], Awaitable[None]]

NEIGHBOUR = "neighbour"
VICTIMS = (
    "abused",
    "babbling",
    "doubled",
    "delayed",
    "burdened",
    "deaf",
    "feverish",
    "garbled",
)  # one for each test
TIMES = 3

pytestmark = pytest.mark.asyncio(loop_scope="module")


def raw(payload: bytes) -> Send:
    return lambda publisher, victim: publisher.send(heartbeat_topic(victim), payload)


def status(payload: bytes) -> Send:
    return lambda publisher, victim: publisher.send(status_topic(victim), payload)


def elsewhere(topic: str) -> Send:
    return lambda publisher, _victim: publisher.send(topic, b"{}")


BAD = {
    "no JSON": ("malformed", raw(b"{")),
    "no object": ("malformed", raw(b"[1]")),
    "no UTF-8": ("malformed", raw(b'{"firmware":"\xff"}')),
    "deeply nested": ("malformed", raw(b'{"x":' + b"[" * 8000)),
    "17 KiB": ("too_large", raw(b" " * 17 * 1024)),
    "1 MiB": ("too_large", raw(b" " * 1024 * 1024)),
    "wrong operator": ("wrong_operator", elsewhere(heartbeat_topic("abused", "bailleur"))),
    "unregistered": ("unregistered", elsewhere(heartbeat_topic("nobody"))),
    "unregistered, by the status": ("unregistered", elsewhere(status_topic("nobody"))),
    "status malformed": ("malformed", status(b'{"status":"dead"}')),
    "status too large": ("too_large", status(b" " * 17 * 1024)),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def watched(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Daemon, Publisher]]:
    """One daemon that bears everything here, and a neighbour that must not notice any of it."""
    folder = tmp_path_factory.mktemp("bad-messages")
    rows = [camera(name) for name in (*VICTIMS, NEIGHBOUR)]
    fleet = write_fleet(folder / "fleet", rows, operators=[operator(), operator("bailleur")])
    with Mosquitto(folder / "mosquitto") as mosquitto:
        async with (
            running(folder, config(fleet, broker(mosquitto.url), messages_per_interval=1000)) as daemon,
            publishing(mosquitto.port) as publisher,
            publishing(mosquitto.port) as living,
            living.beating(NEIGHBOUR, every_s=0.1),
        ):
            await daemon.until(lambda now: now.statuses()[NEIGHBOUR] == "up")
            yield daemon, publisher
            metrics = await daemon.metrics()
            assert metrics.statuses()[NEIGHBOUR] == "up"
            assert metrics.value("camwatch_camera_outages_total", camera=NEIGHBOUR) == 0
            assert len(daemon.log("link subscribed")) == 1


async def test_bad_messages_are_counted_by_reason_and_touch_no_camera(
    watched: tuple[Daemon, Publisher],
) -> None:
    """L1, V5: every kind of bad message, three times each; then one sound heartbeat brings the camera up."""
    daemon, publisher = watched
    expected = (await daemon.metrics()).rejected()
    for reason, send in BAD.values():
        for _ in range(TIMES):
            await send(publisher, "abused")
        expected[reason] += TIMES
    metrics = await daemon.until(lambda now: now.rejected() == expected)
    assert metrics.statuses()["abused"] in ("unknown", "down")
    assert metrics.value("camwatch_camera_heartbeats_total", camera="abused") == 0
    last_heartbeat = "camwatch_camera_last_heartbeat_timestamp_seconds"
    assert metrics.value(last_heartbeat, camera="abused") is None
    assert metrics.account("up")["abused"] == 0
    assert metrics.value("camwatch_unregistered_cameras") == 1
    assert "nobody" not in metrics.statuses()
    await publisher.heartbeat("abused", seq=0)
    await daemon.until(
        lambda now: (
            now.statuses()["abused"] == "up"
            and now.value("camwatch_camera_heartbeats_total", camera="abused") == 1
        )
    )


async def test_a_camera_that_talks_nonsense_is_told_of_once_a_minute(
    watched: tuple[Daemon, Publisher],
) -> None:
    """However often and however wrong: one line a reason, which tells what to look at; so for another id."""
    daemon, publisher = watched
    before = sum((await daemon.metrics()).rejected().values())
    for _ in range(50):
        await publisher.send(heartbeat_topic("babbling"), b"{")
    for _ in range(50):
        await publisher.send(heartbeat_topic("stranger"), b"{}")
    await daemon.until(lambda now: sum(now.rejected().values()) == before + 100)
    (babbling,) = daemon.log("message rejected", camera="babbling")
    assert babbling["reason"] == "malformed"
    assert babbling["topic"] == heartbeat_topic("babbling")
    assert babbling["detail"]
    (stranger,) = daemon.log("message rejected", camera="stranger")
    assert "cameras.csv" in stranger["detail"]


async def test_bad_messages_keep_no_camera_alive(watched: tuple[Daemon, Publisher]) -> None:
    """L1, L3: a camera that goes on with nonsense alone is down, by its last sound heartbeat."""
    daemon, publisher = watched
    await publisher.heartbeat("deaf")
    await daemon.says("camera up", camera="deaf")
    async with asyncio.timeout(PATIENCE_S):
        while not daemon.log("camera down", camera="deaf", old="up"):
            await publisher.send(heartbeat_topic("deaf"), b'{"fps":')
            await asyncio.sleep(0.05)
    metrics = await daemon.metrics()
    assert metrics.value("camwatch_camera_heartbeats_total", camera="deaf") == 1


async def test_a_field_of_no_use_costs_that_field_and_no_life(watched: tuple[Daemon, Publisher]) -> None:
    """C4, L10: by what a broken sensor sends, the camera is up; page, API and metrics name the field."""
    daemon, publisher = watched
    before = (await daemon.metrics()).rejected()
    for seq, temperature in enumerate([b"NaN", b"-127", b"null", b'"cold"']):
        await publisher.send(
            heartbeat_topic("feverish"), b'{"seq":%d,"temperature_celsius":%b}' % (seq, temperature)
        )
    heartbeats = "camwatch_camera_heartbeats_total"
    metrics = await daemon.until(lambda now: now.value(heartbeats, camera="feverish") == 4)
    assert metrics.statuses()["feverish"] == "up"
    assert metrics.rejected() == before
    dropped = "camwatch_fields_dropped_total"
    assert metrics.value(dropped, source="camwatch", field="temperature_celsius") == 4
    shown = (await daemon.get("/api/v1/cameras/feverish")).json()["dropped"]
    assert [(each["field"], each["heartbeats"]) for each in shown] == [("temperature_celsius", 4)]
    assert "temperature_celsius" in (await daemon.get("/cameras/feverish")).text


async def test_refusals_show_on_a_camera_that_is_not_up(watched: tuple[Daemon, Publisher]) -> None:
    """L10."""
    daemon, publisher = watched
    for _ in range(3):
        await publisher.send(heartbeat_topic("garbled"), b"{")
    rejected = "camwatch_camera_messages_rejected_total"
    await daemon.until(lambda now: now.value(rejected, camera="garbled", reason="malformed") == 3)
    (shown,) = (await daemon.get("/api/v1/cameras/garbled")).json()["refused"]
    assert (shown["reason"], shown["messages"]) == ("malformed", 3)
    assert "refusés" in (await daemon.get("/cameras/garbled")).text


async def test_a_duplicate_is_counted_and_proves_nothing(watched: tuple[Daemon, Publisher]) -> None:
    """L9."""
    daemon, publisher = watched
    await publisher.heartbeat("doubled", seq=7, uptime_s=70)
    heartbeats = "camwatch_camera_heartbeats_total"
    once = await daemon.until(lambda now: now.value(heartbeats, camera="doubled") == 1)
    await publisher.heartbeat("doubled", seq=7, uptime_s=70)
    twice = await daemon.until(lambda now: now.rejected()["duplicate"] == once.rejected()["duplicate"] + 1)
    for name in ("heartbeats_total", "last_heartbeat_timestamp_seconds", "reboots_total"):
        full = f"camwatch_camera_{name}"
        assert twice.value(full, camera="doubled") == once.value(full, camera="doubled")


async def test_a_heartbeat_that_waited_in_a_queue_brings_nobody_back(
    watched: tuple[Daemon, Publisher],
) -> None:
    """L8."""
    daemon, publisher = watched
    await publisher.heartbeat("delayed", ts=time.time(), seq=0)
    await daemon.says("camera down", camera="delayed", old="up")
    before = (await daemon.metrics()).rejected()["late"]
    await publisher.heartbeat("delayed", ts=time.time() - 5, seq=1)
    metrics = await daemon.until(lambda now: now.rejected()["late"] > before)
    assert metrics.statuses()["delayed"] == "down"
    assert metrics.value("camwatch_camera_heartbeats_total", camera="delayed") == 1


async def test_a_message_larger_than_the_daemon_takes_is_not_even_sent_to_it(
    watched: tuple[Daemon, Publisher],
) -> None:
    """It says in CONNECT what it takes; the session goes on."""
    daemon, publisher = watched
    before = (await daemon.metrics()).rejected()["too_large"]
    await publisher.send(heartbeat_topic("burdened"), b" " * 3 * 1024 * 1024)
    await publisher.heartbeat("burdened")
    await daemon.says("camera up", camera="burdened")
    assert (await daemon.metrics()).rejected()["too_large"] == before


async def test_retained_messages_prove_nothing(mosquitto: Mosquitto, fleet: Path, tmp_path: Path) -> None:
    """L1, L5: a heartbeat from the broker's store is rejected, and `online` from there brings nobody up."""
    async with publishing(mosquitto.port) as publisher:
        await publisher.send(heartbeat_topic("cam-1"), b'{"seq":1}', retain=True)
        await publisher.send(status_topic("cam-2"), b'{"status":"online"}', retain=True)
        async with (
            publisher.beating("cam-3", "cam-4", every_s=0.1),
            running(tmp_path, config(fleet, broker(mosquitto.url))) as daemon,
        ):
            metrics = await daemon.until(
                lambda now: list(now.statuses().values()) == ["down", "down", "up", "up"]
            )
            assert metrics.rejected()["retained"] == 1
            for camera_id in ("cam-1", "cam-2"):
                assert not daemon.log("camera up", camera=camera_id)
                assert metrics.value("camwatch_camera_heartbeats_total", camera=camera_id) == 0
