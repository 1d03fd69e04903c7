"""Gateways of many cameras; spoofed messages; commands that restart the broker."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from camsim.broker import BrokerController
from camsim.errors import BrokerError, ConnectError
from camwatch.core.telemetry import SessionStatus
from camwatch.wire.heartbeat import Heartbeat
from tests.support.eventually import eventually
from tests.support.mosquitto import Mosquitto, free_port
from tests.support.pace import SCALE
from tests.support.simulator.builders import fleet_of, simulator
from tests.support.simulator.mqtt_observer import observing


async def test_few_gateways_speak_for_all_cameras_and_tell_no_words(mosquitto: Mosquitto) -> None:
    cameras = [f"cam-{number}" for number in range(40)]
    async with observing(mosquitto.url) as observer:
        async with simulator(mosquitto.url, fleet_of(40), connections=3) as playing:
            await observer.until(lambda: all(len(observer.heartbeats(one)) >= 4 for one in cameras))
            assert playing.statistics.connected == playing.statistics.expected == 40
        assert not any(isinstance(one.said, SessionStatus) for one in observer.seen)
        for one in cameras:
            first, *others = [heartbeat.seq for heartbeat in observer.heartbeats(one)][:4]
            # One that was due before there was a connection is not said.
            assert others == [first + 1, first + 2, first + 3], one


async def test_a_camera_behind_a_gateway_falls_silent_and_comes_back(mosquitto: Mosquitto) -> None:
    async with (
        observing(mosquitto.url) as observer,
        simulator(mosquitto.url, fleet_of(4), connections=1) as playing,
    ):
        await observer.until(lambda: observer.heartbeats("cam-0"))
        playing.cut_power(playing.fleet.cameras[:1])
        playing.silence(playing.fleet.cameras[1:2])
        assert playing.statistics.connected == playing.statistics.expected == 2
        silent, lives = len(observer.heartbeats("cam-0")), len(observer.heartbeats("cam-2"))
        await observer.until(lambda: len(observer.heartbeats("cam-2")) >= lives + 8)
        assert len(observer.heartbeats("cam-0")) <= silent + 1
        playing.restore(playing.fleet.cameras)
        said = len(observer.heartbeats("cam-1"))
        await observer.until(lambda: len(observer.heartbeats("cam-1")) >= said + 3)
        await observer.until(lambda: len(observer.boots("cam-0")) >= 2)
        assert playing.statistics.connected == 4


async def test_gateways_come_back_after_the_broker(mosquitto: Mosquitto) -> None:
    async with simulator(
        mosquitto.url, fleet_of(10), connections=2, reconnect_min_s=0.05, reconnect_max_s=0.1
    ) as playing:
        await eventually(lambda: playing.statistics.heartbeats >= 30)
        mosquitto.kill()
        await eventually(lambda: playing.statistics.connected == 0)
        mosquitto.start()
        async with observing(mosquitto.url) as observer:
            await eventually(lambda: playing.statistics.connected == 10)
            await observer.until(lambda: all(observer.heartbeats(f"cam-{n}") for n in range(10)))
            assert min(observer.heartbeats(f"cam-{n}")[0].seq for n in range(10)) > 0


async def test_a_gateway_that_nobody_answers_is_one_clear_error() -> None:
    silent = simulator(
        f"mqtt://127.0.0.1:{free_port()}", fleet_of(5), connections=2, connect_timeout_s=0.3 * SCALE
    )
    with pytest.raises(ConnectError, match="no camera could connect: "):
        async with silent:
            await silent.play()


async def test_spoofed_messages_are_sent_for_a_dead_camera(mosquitto: Mosquitto) -> None:
    """Under another operator, again, old, and left behind on the broker: none of them is its own."""
    entries = (
        "{action: power_cut, at: 0.5, on: {camera: cam-0}}",
        "{action: spoof, at: 0.6, for: 10, pace: 0.1, on: {camera: cam-0}}",
        "{action: replay, at: 0.6, for: 10, pace: 0.1, on: {camera: cam-0}}",
        "{action: retained_heartbeat, at: 0.6, on: {camera: cam-0}}",
    )
    async with (
        observing(mosquitto.url) as observer,
        simulator(mosquitto.url, fleet_of(1), *entries) as playing,
    ):
        played = asyncio.create_task(playing.play())
        await observer.until(lambda: playing.statistics.spoofed >= 20)
        played.cancel()
    own = [
        (one.at, one.said)
        for one in observer.seen
        if one.operator == "ville" and isinstance(one.said, Heartbeat)
    ]
    others = [one for one in observer.seen if one.operator == "somebody-else"]
    cut = observer.when("cam-0", SessionStatus.OFFLINE)
    seen_before = {said.seq for at, said in own if at < cut}
    after = [said for at, said in own if at > cut]
    assert others
    assert after
    old = time.time() - 3000
    assert all(said.seq in seen_before or said.ts < old for said in after)
    async with observing(mosquitto.url) as late:
        await late.until(lambda: late.heartbeats("cam-0"))
        assert late.seen[0].retained or late.seen[1].retained


async def test_the_broker_is_stopped_and_started_by_its_commands(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    hand = BrokerController(f"echo stop >> {log}", f"echo start >> {log}")
    restarts = "{action: broker_restart, at: 0.05, for: 0.1}"
    async with simulator(mosquitto.url, fleet_of(1), restarts, broker_control=hand) as playing:
        played = asyncio.create_task(playing.play())
        await eventually(lambda: log.exists() and log.read_text().split() == ["stop", "start"])
        played.cancel()


async def test_a_command_that_fails_ends_the_run_with_what_it_said(mosquitto: Mosquitto) -> None:
    hand = BrokerController("echo no such service >&2; exit 3", "true")
    with pytest.raises(BrokerError, match="ended with 3: no such service"):
        async with simulator(
            mosquitto.url, fleet_of(1), "{action: broker_restart, for: 0.1}", broker_control=hand
        ) as playing:
            await playing.play()
