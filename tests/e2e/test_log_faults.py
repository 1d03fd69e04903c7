"""A log that cannot be written costs lines, and neither the daemon, nor its answers, nor its stop."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import functools
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from tests.support.daemon import Metrics, broker, config
from tests.support.eventually import eventually
from tests.support.mosquitto import free_port
from tests.support.pace import PATIENCE_S

_PROGRAM = Path(sys.executable).with_name("camwatch")
DROPPED = "camwatch_log_lines_dropped_total"


@asynccontextmanager
async def logging_to(
    file: int, folder: Path, fleet: Path
) -> AsyncIterator[tuple[subprocess.Popen[bytes], httpx.AsyncClient]]:
    """Run the daemon with this file as its standard error; at the end it must stop when asked."""
    port = free_port()
    settings = config(fleet, broker("mqtt://127.0.0.1:1")).replace("127.0.0.1:0", f"127.0.0.1:{port}")
    (folder / "camwatch.toml").write_text(settings)
    process = started(file, folder)
    try:
        url = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=PATIENCE_S) as client:
            await healthy(process, client)
            yield process, client
            await healthy(process, client)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 30) == 0
    finally:
        process.kill()
        process.wait()


def started(file: int, folder: Path) -> subprocess.Popen[bytes]:
    """Start the daemon by the settings in this folder."""
    command = [str(_PROGRAM), "run", "--config", str(folder / "camwatch.toml")]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CAMWATCH_")}
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=file, cwd=folder, env=environment)


async def healthy(process: subprocess.Popen[bytes], client: httpx.AsyncClient) -> None:
    """Wait until the daemon answers."""

    async def answers() -> bool:
        assert process.poll() is None
        with contextlib.suppress(httpx.ConnectError):
            assert (await client.get("/-/healthy")).status_code == 200
            return True
        return False

    await eventually(answers, every_s=0.05)


async def logged(process: subprocess.Popen[bytes], client: httpx.AsyncClient, lines: int) -> None:
    """Have the daemon log that many lines at least: one for each inventory that it reads."""
    read = "camwatch_inventory_last_reload_success_timestamp_seconds"

    async def last_read() -> float | None:
        return Metrics((await client.get("/metrics")).text, read).value(read)

    async def is_later(before: float | None) -> bool:
        return await last_read() != before

    for _ in range(lines):
        before = await last_read()
        process.send_signal(signal.SIGHUP)
        await eventually(functools.partial(is_later, before), every_s=0.01)


async def dropped(client: httpx.AsyncClient) -> float:
    """Return how many lines were dropped."""
    return Metrics((await client.get("/metrics")).text, DROPPED).value(DROPPED) or 0.0


async def test_a_daemon_whose_log_has_lost_its_reader_goes_on(tmp_path: Path, fleet: Path) -> None:
    """`2>&1 | tee` that ended, a journal that was restarted."""
    reader, writer = os.pipe()
    async with logging_to(writer, tmp_path, fleet) as (process, client):
        os.close(writer)
        os.close(reader)
        await logged(process, client, 2)
        assert await dropped(client) >= 2


async def test_a_daemon_whose_log_is_on_a_full_disk_goes_on(tmp_path: Path, fleet: Path) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        async with logging_to(full, tmp_path, fleet) as (process, client):
            await logged(process, client, 2)
            assert await dropped(client) >= 2
    finally:
        os.close(full)


async def test_a_daemon_whose_log_nobody_reads_any_more_goes_on(tmp_path: Path, fleet: Path) -> None:
    """The pipe is full, the thread that writes hangs; what comes is kept for when somebody reads again."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(reader, False)
    try:
        async with logging_to(writer, tmp_path, fleet) as (process, client):
            os.close(writer)
            await logged(process, client, 40)
            assert len(os.read(reader, 65536)) > 3500, "no further line had room"
    finally:
        os.close(reader)
