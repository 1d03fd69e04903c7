"""What systemd is told, read at the socket: starting, reading anew, stopping, and signs of life."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

from structlog.testing import capture_logs

from camwatch.systemd import NULL_NOTIFIER, Notifier
from tests.support.daemon import Daemon, broker, config
from tests.support.pace import PATIENCE_S
from tests.support.tables import cameras, write_fleet


class Manager:
    """The service manager's end of the socket."""

    def __init__(self, address: str) -> None:
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sock.setblocking(False)
        self._sock.bind(address)

    async def hears(self) -> dict[str, str]:
        """Return the next message."""
        async with asyncio.timeout(PATIENCE_S):
            said = await asyncio.get_running_loop().sock_recv(self._sock, 4096)
        return dict(line.split("=", 1) for line in said.decode().split("\n"))

    def has_nothing(self) -> bool:
        """Whether nothing more was said."""
        try:
            self._sock.recv(4096)
        except BlockingIOError:
            return True
        return False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._sock.close()


@asynccontextmanager
async def managed(folder: Path, **variables: str) -> AsyncIterator[tuple[Daemon, Manager]]:
    """Run the daemon as systemd would; no broker is there, so that its link is down all the time."""
    fleet = write_fleet(folder / "fleet", cameras(3))
    daemon = Daemon(folder, config(fleet, broker("mqtt://127.0.0.1:1")))
    with Manager(str(folder / "notify")) as manager:
        try:
            daemon.start(NOTIFY_SOCKET=str(folder / "notify"), **variables)
            yield daemon, manager
        finally:
            await daemon.release()


async def test_a_daemon_is_ready_when_it_serves_whatever_its_links_are(tmp_path: Path) -> None:
    async with managed(tmp_path) as (daemon, manager):
        assert await manager.hears() == {"READY": "1", "STATUS": "monitoring 3 cameras"}
        assert (await daemon.get("/-/healthy")).status_code == 200
        assert (await daemon.get("/-/ready")).status_code == 503


async def test_a_daemon_tells_that_it_reads_anew_and_that_it_stops(tmp_path: Path) -> None:
    async with managed(tmp_path) as (daemon, manager):
        await manager.hears()
        daemon.send(signal.SIGHUP)
        begun = await manager.hears()
        assert begun.pop("MONOTONIC_USEC").isdigit()
        assert begun == {"RELOADING": "1"}
        assert await manager.hears() == {"READY": "1"}
        assert await daemon.end() == 0
        assert await manager.hears() == {"STOPPING": "1"}
        assert manager.has_nothing()


async def test_a_daemon_that_cannot_start_is_never_ready(tmp_path: Path) -> None:
    async with managed(tmp_path, CAMWATCH_HTTP__LISTEN="192.0.2.1:1") as (daemon, manager):
        assert await daemon.ended() == 2
        assert manager.has_nothing()


async def test_signs_of_life_come_for_as_long_as_the_daemon_runs(tmp_path: Path) -> None:
    """Half the time that the manager waits lies between two, so that one may be lost."""
    async with managed(tmp_path, WATCHDOG_USEC="200000") as (daemon, manager):
        for _ in range(5):
            while "WATCHDOG" not in await manager.hears():
                pass
        assert await daemon.end() == 0
        while "STOPPING" not in await manager.hears():
            pass


async def test_a_loop_that_does_not_turn_gives_no_sign_of_life(tmp_path: Path) -> None:
    """The sign comes from the event loop itself: no thread gives it in the loop's place."""
    with Manager(str(tmp_path / "notify")) as manager:
        living = asyncio.create_task(Notifier(str(tmp_path / "notify"), 0.002).run_watchdog())
        assert await manager.hears() == {"WATCHDOG": "1"}
        while not manager.has_nothing():
            pass
        for _ in range(500_000):  # many times 2 ms, in which the loop has no turn
            pass
        assert manager.has_nothing()
        assert await manager.hears() == {"WATCHDOG": "1"}
        living.cancel()


async def test_signs_of_life_are_given_only_to_whom_asks(tmp_path: Path) -> None:
    """The process that is meant is named: a child of the daemon would inherit the variables."""
    address = str(tmp_path / "notify")
    mine, others = str(os.getpid()), str(os.getpid() + 1)
    assert Notifier.from_environ({}) == NULL_NOTIFIER
    assert Notifier.from_environ({"NOTIFY_SOCKET": ""}) == NULL_NOTIFIER
    asked = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000000"}
    assert Notifier.from_environ(asked) == Notifier(address, 30.0)
    assert Notifier.from_environ(asked | {"WATCHDOG_PID": mine}) == Notifier(address, 30.0)
    assert Notifier.from_environ(asked | {"WATCHDOG_PID": others}) == Notifier(address)
    for wrong in ("0", "-1", "soon", "²"):
        assert Notifier.from_environ(asked | {"WATCHDOG_USEC": wrong}) == Notifier(address)
    await NULL_NOTIFIER.run_watchdog()
    await Notifier(address).run_watchdog()


async def test_the_socket_may_have_an_abstract_name() -> None:
    """Containers and user managers use those; systemd writes @ for the zero byte."""
    name = f"camwatch-test-{os.getpid()}"
    with Manager(f"\0{name}") as manager:
        Notifier.from_environ({"NOTIFY_SOCKET": f"@{name}"}).stopping()
        assert await manager.hears() == {"STOPPING": "1"}
    with capture_logs() as logs:
        assert Notifier.from_environ({"NOTIFY_SOCKET": "vsock:2:1234"}) == NULL_NOTIFIER
    assert [line["value"] for line in logs] == ["vsock:2:1234"]


def test_a_manager_that_is_gone_or_stuck_stops_nobody(tmp_path: Path) -> None:
    with capture_logs() as logs:
        Notifier(str(tmp_path / "nobody")).stopping()
    assert [line["message"] for line in logs] == ["STOPPING=1"]
    notifier = Notifier(str(tmp_path / "notify"))
    with Manager(str(tmp_path / "notify")), capture_logs() as logs:
        while not logs:  # until the kernel's buffer is full; a blocking socket would stand here for ever
            notifier.stopping()
    assert logs[0]["event"] == "service manager not notified"
