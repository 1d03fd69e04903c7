"""What the daemon tells the service manager: it serves, it reads anew, it stops, and its loop still turns.

Datagrams to the socket that systemd names in NOTIFY_SOCKET (sd_notify(3)); without one, nothing is
said. The sign of life comes from the event loop itself, so that a loop that froze is restarted. The
socket never blocks: a sign of life that the manager does not take is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import structlog

_log = structlog.get_logger("notify")


@dataclass(frozen=True, slots=True)
class Notifier:
    """Speaks to the service manager at `address`; without an address, to nobody.

    `watchdog_s` is how long the manager waits for a sign of life before it restarts the daemon.
    """

    address: str | None = None
    watchdog_s: float | None = None

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> Notifier:
        """Return the notifier that systemd's variables describe."""
        address = environ.get("NOTIFY_SOCKET") or None
        if address is not None and address[0] not in "/@":
            _log.warning(
                "NOTIFY_SOCKET is no local socket: the service manager is told nothing", value=address
            )
            address = None
        return cls(address, _watchdog_s(environ))

    def ready(self, status: str) -> None:
        """Say that the daemon serves, and what: at the start, and after each reading of the inventory."""
        self._send("READY=1", f"STATUS={status}")

    def status(self, status: str) -> None:
        """Say what the daemon waits for, before it serves."""
        self._send(f"STATUS={status}")

    def stopping(self) -> None:
        """Say that the daemon has begun to stop."""
        self._send("STOPPING=1")

    @contextlib.contextmanager
    def reloading(self) -> Iterator[None]:
        """Say that the inventory is read anew while this lasts, and after it that the daemon is ready."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
        yield
        self._send("READY=1")

    async def run_watchdog(self) -> None:
        """Give a sign of life twice in each `watchdog_s`, for as long as the event loop turns."""
        if self.address is None or self.watchdog_s is None:
            return
        while True:
            self._send("WATCHDOG=1")
            await asyncio.sleep(self.watchdog_s / 2)

    def _send(self, *lines: str) -> None:
        if self.address is None:
            return
        # A name in the abstract namespace is written with @ for the zero byte.
        address = "\0" + self.address[1:] if self.address[0] == "@" else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
                sock.setblocking(False)
                sock.sendto("\n".join(lines).encode(), address)
        except OSError as error:
            _log.warning("the service manager cannot be told", told=lines[0], problem=str(error))


NULL_NOTIFIER = Notifier()
"""Tells nobody."""


def _watchdog_s(environ: Mapping[str, str]) -> float | None:
    """Return the seconds in WATCHDOG_USEC, if it is meant for this process."""
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    usec = environ.get("WATCHDOG_USEC", "")
    return int(usec) / 1e6 if usec.isascii() and usec.isdigit() and int(usec) > 0 else None
