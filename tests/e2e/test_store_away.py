"""The store is away while the daemon runs: cameras are judged on, nothing is lost, and people are told.

The disk is full, another process holds the database, PostgreSQL is stopped: each for real.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from camsim.simulator import Simulator
from camwatch.history.dialects import BUSY_S
from tests.support.cameras import playing
from tests.support.daemon import Daemon, broker, running
from tests.support.eventually import eventually
from tests.support.faults import Disk, assert_none_decreased, limit, problems, settings, unlimit
from tests.support.mosquitto import Mosquitto, free_port
from tests.support.postgres import PostgreSQL

_LOCK = """
import sqlite3, sys
session = sqlite3.connect(sys.argv[1], isolation_level=None)
session.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold a database as another process would: a copy by hand, a tool for SQLite, left open."""
    with subprocess.Popen(
        [sys.executable, "-c", _LOCK, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"locked\n"
        yield
        other.communicate()


@asynccontextmanager
async def watched(
    folder: Path, store: Path | str, mosquitto: Mosquitto, fleet: Path
) -> AsyncIterator[tuple[Daemon, Simulator]]:
    """Run the daemon with cameras that live; at the end it must have stored all, and the audit pass."""
    async with playing(mosquitto.url, fleet, qos=1) as city:
        async with running(folder, settings(fleet, store, broker(mosquitto.url))) as daemon:
            await daemon.until_all("up")
            await daemon.stored()
            yield daemon, city
        assert problems(daemon.config_file) == []


async def endures(
    daemon: Daemon, city: Simulator, begin: Callable[[], object], end: Callable[[], object], *words: str
) -> None:
    """Let a camera go down while the store is away, and another when it is back."""
    before = await daemon.metrics()
    await asyncio.to_thread(begin)  # the cameras live on, however long that takes
    await daemon.unready("history", *words)
    city.silence(city.fleet.cameras[:1])
    down = await daemon.says("camera down", camera="cam-1")
    expected = {"cam-1": "down", "cam-2": "up", "cam-3": "up", "cam-4": "up"}
    during = await daemon.until(lambda now: now.statuses() == expected)
    assert (during.value("camwatch_history_pending_events") or 0) > 0
    assert during.outages() == before.outages()
    failed, stalled = (
        (during.value(name) or 0) - (before.value(name) or 0)
        for name in ("camwatch_history_write_errors_total", "camwatch_event_loop_stall_seconds_total")
    )
    assert failed > 0
    assert stalled < failed * BUSY_S / 2, "the loop waited for the store"
    heard = during.by("camera", "camwatch_camera_last_heartbeat_timestamp_seconds")["cam-2"]
    await daemon.until(
        lambda now: now.by("camera", "camwatch_camera_last_heartbeat_timestamp_seconds")["cam-2"] > heard
    )
    await asyncio.to_thread(end)
    await daemon.until_ready()
    after = await daemon.until(lambda now: now.value("camwatch_history_pending_events") == 0)
    assert after.outages() > before.outages()
    assert_none_decreased(before, after)
    assert daemon.log("history is stored again")
    city.restore(city.fleet.cameras[:1])
    await daemon.until_all("up")
    assert_none_decreased(after, await daemon.stored())
    assert daemon.log("camera down", camera="cam-1") == [down]


async def test_a_full_disk(tmp_path: Path, mosquitto: Mosquitto, fleet: Path) -> None:
    """A1: ENOSPC."""
    disk = Disk(tmp_path / "disk")
    try:
        store = disk.folder / "camwatch.db"
        async with watched(tmp_path / "daemon", store, mosquitto, fleet) as (daemon, city):
            await endures(daemon, city, lambda: disk.fill(daemon), lambda: disk.clear(daemon), "full")
    finally:
        disk.close()


async def test_a_limit_on_the_size_of_files(tmp_path: Path, mosquitto: Mosquitto, fleet: Path) -> None:
    """A1: EFBIG, as a quota has it."""
    async with watched(tmp_path, tmp_path / "camwatch.db", mosquitto, fleet) as (daemon, city):
        await endures(daemon, city, lambda: limit(daemon), lambda: unlimit(daemon), "full")


async def test_a_database_that_another_process_locks(
    tmp_path: Path, mosquitto: Mosquitto, fleet: Path
) -> None:
    """A1: for longer than the writer waits for it."""
    store = tmp_path / "camwatch.db"
    async with watched(tmp_path, store, mosquitto, fleet) as (daemon, city):
        lock = locked(store)
        await endures(
            daemon, city, lock.__enter__, lambda: lock.__exit__(None, None, None), "locked by another process"
        )


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_a_server_that_ends_and_comes_back(
    how: str, tmp_path: Path, mosquitto: Mosquitto, fleet: Path
) -> None:
    """A1: in order, and as in a crash."""
    with PostgreSQL(durable=True) as server:
        url = server.url(server.fresh())
        async with watched(tmp_path, url, mosquitto, fleet) as (daemon, city):
            await endures(daemon, city, getattr(server, how), server.start, "not reachable")


async def test_a_server_that_comes_late_is_awaited(tmp_path: Path, mosquitto: Mosquitto, fleet: Path) -> None:
    with PostgreSQL() as server:
        name = server.fresh()
        server.stop()
        daemon = Daemon(tmp_path, settings(fleet, server.url(name), broker(mosquitto.url), wait_s=30.0))
        try:
            daemon.start()
            await daemon.says("the store is not there yet")
            server.start()
            await daemon.runs()
            assert await daemon.end() == 0, daemon.text
        finally:
            await daemon.release()


async def test_a_server_that_does_not_come_is_named(tmp_path: Path, fleet: Path) -> None:
    """Exit code 1: nothing is wrong with the settings."""
    port = free_port()
    url = f"postgresql://camwatch:hunter2@127.0.0.1:{port}/record"
    daemon = Daemon(tmp_path, settings(fleet, url, broker("mqtt://127.0.0.1:1")))
    try:
        daemon.start()
        assert await daemon.ended() == 1
        assert f"127.0.0.1:{port}" in daemon.text
        assert "history.connect_timeout_s" in daemon.text
        assert "hunter2" not in daemon.text
        assert "Traceback" not in daemon.text
    finally:
        await daemon.release()


# Stopped meanwhile


async def told_to_stop(daemon: Daemon) -> None:
    """Ask a daemon without its store to stop: it does, says how much is lost, and that it failed."""
    await daemon.until(lambda now: (now.value("camwatch_history_pending_events") or 0) > 0)
    pending = (await daemon.metrics()).value("camwatch_history_pending_events")
    daemon.send(signal.SIGTERM)
    await eventually(lambda: daemon.exit_code is not None)
    assert daemon.exit_code == 1, daemon.text
    [lost] = daemon.log("history not stored")
    assert pending is not None
    assert lost["events"] >= pending
    assert lost["problem"]
    assert "not stored" in daemon.text.splitlines()[-1]
    assert "Traceback" not in daemon.text


async def restarted(daemon: Daemon) -> None:
    """Start it again: the ledger adds up, and the time that was lost is unknown (S6)."""
    daemon.start()
    try:
        await daemon.runs()
        await daemon.until_all("up")
        assert await daemon.end() == 0, daemon.text
        assert problems(daemon.config_file) == []
    finally:
        await daemon.release()


@asynccontextmanager
async def daemon_and_city(
    folder: Path, store: Path | str, mosquitto: Mosquitto, fleet: Path
) -> AsyncIterator[Daemon]:
    """Run a daemon until it is killed or ended."""
    client = broker(mosquitto.url, client_id=folder.name)
    daemon = Daemon(folder, settings(fleet, store, client))
    try:
        daemon.start()
        await daemon.runs()
        await daemon.until_all("up")
        await daemon.stored()
        yield daemon
    finally:
        await daemon.release()


async def test_a_stop_while_the_store_does_not_answer(
    tmp_path: Path, mosquitto: Mosquitto, fleet: Path
) -> None:
    """S6: it waits for a locked file, or for a server that takes all and answers nothing; not for ever."""
    file = tmp_path / "one" / "camwatch.db"
    with PostgreSQL() as server:
        url = server.url(server.fresh())
        async with (
            playing(mosquitto.url, fleet, qos=1) as city,
            daemon_and_city(tmp_path / "one", file, mosquitto, fleet) as one,
            daemon_and_city(tmp_path / "two", url, mosquitto, fleet) as two,
        ):
            server.freeze()
            try:
                with locked(file):
                    city.silence(city.fleet.cameras[:1])
                    await asyncio.gather(told_to_stop(one), told_to_stop(two))
            finally:
                server.thaw()
            city.restore(city.fleet.cameras[:1])
            await asyncio.gather(restarted(one), restarted(two))
