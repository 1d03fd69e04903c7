"""Notifies the service manager: ready, reloading, stopping, and the watchdog (sd_notify(3)).

Datagrams go to the socket in NOTIFY_SOCKET; without one, nothing is sent. The event loop itself sends the
watchdog's keep-alive, so that a frozen loop is restarted. The socket never blocks: a datagram that the
manager does not take is lost.
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
    """Sends to the service manager at `address`; None: sends nothing.

    `watchdog_s`: seconds without a keep-alive after which the manager restarts the daemon.
    """

    address: str | None = None
    watchdog_s: float | None = None

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> Notifier:
        """Return the notifier that systemd's variables describe."""
        address = environ.get("NOTIFY_SOCKET") or None
        if address is not None and address[0] not in "/@":
            _log.warning("NOTIFY_SOCKET is not a local socket, notifications disabled", value=address)
            address = None
        return cls(address, _watchdog_s(environ))

    def ready(self, status: str) -> None:
        """Report that the daemon serves, with a status line."""
        self._send("READY=1", f"STATUS={status}")

    def status(self, status: str) -> None:
        """Send a status line only."""
        self._send(f"STATUS={status}")

    def stopping(self) -> None:
        """Report that the daemon is stopping."""
        self._send("STOPPING=1")

    @contextlib.contextmanager
    def reloading(self) -> Iterator[None]:
        """Report a reload while the context lasts, and then that the daemon is ready."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
        yield
        self._send("READY=1")

    async def run_watchdog(self) -> None:
        """Send a keep-alive twice in each `watchdog_s`."""
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
            _log.warning("service manager not notified", message=lines[0], problem=str(error))


NULL_NOTIFIER = Notifier()
"""Sends nothing."""


def _watchdog_s(environ: Mapping[str, str]) -> float | None:
    """Return the seconds in WATCHDOG_USEC if WATCHDOG_PID is this process."""
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    usec = environ.get("WATCHDOG_USEC", "")
    return int(usec) / 1e6 if usec.isascii() and usec.isdigit() and int(usec) > 0 else None
