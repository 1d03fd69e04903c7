"""The daemon is killed, or stopped, and comes back: what the ledger says of the time between (S6, S9, A1)."""

from __future__ import annotations

import itertools
import signal
from pathlib import Path

import pytest

from camwatch.accounting.timeline import StatusInterval
from camwatch.core.model import GapCause, Status
from tests.support.cameras import playing
from tests.support.daemon import INTERVAL_S, Daemon, broker, config, running
from tests.support.eventually import eventually
from tests.support.faults import assert_none_decreased
from tests.support.ledger import Book, assert_adds_up
from tests.support.mosquitto import Mosquitto
from tests.support.publisher import heartbeat_topic, publishing

AWAY = 20
"""For how many intervals the daemon is away."""

Cameras = ("cam-1", "cam-2", "cam-3", "cam-4")


def seen(book: Book, camera: str) -> list[StatusInterval]:
    """Return a camera's intervals from its first heartbeat on.

    None is before that where the first heartbeat and the subscription arrive in one read.
    """
    return list(itertools.dropwhile(lambda one: one.status is Status.UNKNOWN, book.stretches[camera]))


def of(book: Book, camera: str, status: Status) -> list[StatusInterval]:
    """Return when a camera was `status`, from its first heartbeat on."""
    return [stretch for stretch in seen(book, camera) if stretch.status is status]


async def played(
    number: signal.Signals, expiry_s: int, broker_: Mosquitto, fleet: Path, folder: Path
) -> tuple[Book, Daemon]:
    """Let four cameras live on while the daemon is ended and comes back 20 intervals later."""
    settings = config(fleet, broker(broker_.url, session_expiry_s=expiry_s))
    async with playing(broker_.url, fleet, qos=1) as cameras:
        first = Daemon(folder, settings)
        try:
            first.start()
            await first.runs()
            await first.until_all("up")
            before = await first.stored()
            first.send(number)
            await first.ended()
        finally:
            await first.release()
        beats = cameras.statistics.heartbeats
        await eventually(lambda: cameras.statistics.heartbeats >= beats + AWAY * len(Cameras))
        async with running(folder, settings) as second:
            assert_none_decreased(before, await second.metrics())
            await second.until_all("up")
            after = await second.stored()
            assert_none_decreased(before, after)
            assert after.outages() == 0
            assert not second.log("camera down")
    await assert_adds_up(second.config_file)
    return Book(folder / "camwatch.db"), second


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_with_a_persistent_session_a_restart_loses_no_minute(
    number: signal.Signals, mosquitto: Mosquitto, fleet: Path, tmp_path: Path
) -> None:
    """S9, L8: what the broker kept fills all of the time without camwatch, edges included."""
    book, daemon = await played(number, 86_400, mosquitto, fleet, tmp_path)
    assert daemon.log("link subscribed")[-1]["session_present"] is True
    for camera in Cameras:
        assert of(book, camera, Status.UNKNOWN) == []
        assert len(of(book, camera, Status.UP)) == 1
        account = book.account(camera)
        assert account.in_service == book.in_service(camera)
        assert account.up > AWAY * INTERVAL_S * 1000


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_without_one_the_time_is_unknown_and_nothing_else_is(
    number: signal.Signals, mosquitto: Mosquitto, fleet: Path, tmp_path: Path
) -> None:
    """S6: from the last instant that the store vouches for to each camera's first heartbeat."""
    book, daemon = await played(number, 0, mosquitto, fleet, tmp_path)
    assert daemon.log("link subscribed")[-1]["session_present"] is False
    (away,) = book.record.gaps
    assert away.cause is GapCause.OFFLINE
    assert away.end_ms is not None
    for camera in Cameras:
        (unknown,) = of(book, camera, Status.UNKNOWN)
        assert unknown.start >= away.start_ms
        assert unknown.end - away.end_ms <= 2 * INTERVAL_S * 1000
        assert unknown.end - unknown.start >= (AWAY - 5) * INTERVAL_S * 1000
        assert of(book, camera, Status.DOWN) == []
        assert book.account(camera).in_service == book.in_service(camera)


async def test_what_was_refused_of_a_camera_is_counted_over_a_kill(
    mosquitto: Mosquitto, fleet: Path, tmp_path: Path
) -> None:
    """A counter that was read never falls, and the next refusal is one more."""
    settings = config(fleet, broker(mosquitto.url))
    rejected = "camwatch_camera_messages_rejected_total"
    async with publishing(mosquitto.port) as publisher:
        first = Daemon(tmp_path, settings)
        try:
            first.start()
            await first.runs()
            await first.until_ready()
            for _ in range(3):
                await publisher.send(heartbeat_topic("cam-1"), b"{")
            before = await first.until(lambda now: now.value(rejected, camera="cam-1") == 3)
            await first.end(signal.SIGKILL)
        finally:
            await first.release()
        async with running(tmp_path, settings) as second:
            await second.until_ready()
            assert_none_decreased(before, await second.metrics())
            await publisher.send(heartbeat_topic("cam-1"), b"{")
            after = await second.until(lambda now: now.value(rejected, camera="cam-1") == 4)
            assert after.rejected()["malformed"] == 1


async def test_an_outage_over_a_restart_is_one_and_its_blind_time_is_unknown(
    mosquitto: Mosquitto, fleet: Path, tmp_path: Path
) -> None:
    """S7, A6: down before, down after; the counter does not move, the log tells of no second outage."""
    settings = config(fleet, broker(mosquitto.url))
    async with playing(mosquitto.url, fleet, qos=1) as cameras:
        async with running(tmp_path, settings) as daemon:
            await daemon.until_all("up")
            cameras.silence(cameras.fleet.cameras[:1])
            await daemon.says("camera down", camera="cam-1")
            await daemon.until(lambda now: now.outages() == 1)
        beats = cameras.statistics.heartbeats
        await eventually(lambda: cameras.statistics.heartbeats >= beats + AWAY * 3)
        async with running(tmp_path, settings) as daemon:
            after = await daemon.until(
                lambda now: list(now.statuses().values()) == ["down", "up", "up", "up"]
            )
            assert after.outages() == 1
            cameras.restore(cameras.fleet.cameras[:1])
            await daemon.until_all("up")
            assert (await daemon.stored()).outages() == 1
    await assert_adds_up(daemon.config_file)
    book = Book(tmp_path / "camwatch.db")
    (outage,) = book.cameras["cam-1"].outages
    assert outage.end_ms is not None
    assert [stretch.status for stretch in seen(book, "cam-1")] == [
        "up",
        "down",
        "unknown",
        "down",
        "up",
    ]
    account = book.account("cam-1", outage.at_ms, outage.end_ms)
    assert account.unknown >= (AWAY - 5) * INTERVAL_S * 1000
    assert account.down + account.unknown == outage.end_ms - outage.at_ms
