"""A real Mosquitto on a free port, to start, kill, freeze and restart."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import Self

from tests.support.eventually import eventually_blocking
from tests.support.pace import PATIENCE_S

_PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))


def program(name: str) -> str:
    """Return the path of a program that the tests need; it missing is a failure, not a skip."""
    found = shutil.which(name, path=_PATH)
    if found is None:
        raise AssertionError(f"{name} is not installed: `make system-deps` installs what the tests need")
    return found


def free_port() -> int:
    """Return a TCP port on the loopback that nobody listens on now.

    None of those that the system gives to outgoing connections: one of the tests beside this one could get
    it before the server that it is for, or while that is being restarted.
    """
    given = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text("ascii").split()
    low = max(20_000, int(given[0]))
    while True:
        port = 10_000 + secrets.randbelow(low - 10_000)  # alike in no two processes, whoever seeds `random`
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port


def accepts_at(port: int) -> bool:
    """Return whether connections are accepted at a port of the loopback."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


class Mosquitto:
    """One broker process and its folder; `config` is added to the listener's lines."""

    def __init__(self, folder: Path, config: str = "allow_anonymous true", port: int | None = None) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
        self._file = folder / "mosquitto.conf"
        log = folder / "mosquitto.log"
        text = f"user root\nlog_dest file {log}\nlistener {self.port} 127.0.0.1\n{config}\n"
        self._file.write_text(text)
        self._listeners = [
            int(port) for port in re.findall(r"^listener (\d+)", text, re.MULTILINE) if port != "0"
        ]

    @property
    def pid(self) -> int:
        """The process id of the running broker."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it was started and not ended since."""
        return self._process is not None

    def start(self) -> None:
        """Start the broker and wait until all its listeners accept connections."""
        self._process = subprocess.Popen(
            [program("mosquitto"), "-c", str(self._file)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        process = self._process

        def accepts() -> bool:
            log = self.folder / "mosquitto.log"
            assert process.poll() is None, log.read_text() if log.exists() else "no log"
            return all(map(accepts_at, self._listeners))

        eventually_blocking(accepts)

    def kill(self) -> None:
        """End the broker at once, as a crash does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End the broker in order (it writes its persistent state, if any)."""
        self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """Stop the process with its TCP connections open."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen broker go on."""
        os.kill(self.pid, signal.SIGCONT)

    def log(self) -> str:
        """Return what the broker has logged."""
        return (self.folder / "mosquitto.log").read_text()

    def _end(self, number: int) -> None:
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGCONT)
            process.send_signal(number)
            process.wait(PATIENCE_S)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
