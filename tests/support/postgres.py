"""A real PostgreSQL on a free port, to start, stop, kill and restart; a fresh database for whoever asks.

It refuses to run as root, so as root it runs as the user that Debian makes for it, in a folder of its own.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Self

import psycopg

from tests.support.eventually import eventually_blocking
from tests.support.mosquitto import free_port
from tests.support.pace import PATIENCE_S

OWNER = "camwatch"
_USER = "postgres"


def program(name: str) -> str:
    """Return the path of a program of the newest PostgreSQL; it missing is a failure, not a skip."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    found = shutil.which(
        name, path=os.pathsep.join((*map(str, reversed(folders)), os.environ.get("PATH", "")))
    )
    if found is None:
        raise AssertionError(f"{name} is not installed: `make system-deps` installs what the tests need")
    return found


class PostgreSQL:
    """One server and its data; `durable`: it writes as in production, or (the default) faster."""

    def __init__(self, *, durable: bool = False) -> None:
        # Not below pytest's own folder: nobody but its owner may enter that.
        self.folder = Path(tempfile.mkdtemp(prefix="camwatch-pg-"))
        self.port = free_port()
        self._durable = durable
        self._numbers = iter(range(1, 1_000_000))
        self._process: subprocess.Popen[bytes] | None = None
        if os.getuid() == 0:
            shutil.chown(self.folder, _USER, _USER)
        self._run(
            "initdb", "-D", str(self._data), "-U", OWNER, "-A", "trust", "-E", "UTF8", "--locale=C", "-N"
        )
        access = self._data / "pg_hba.conf"
        rule = "host all secured 127.0.0.1/32 scram-sha-256\n"
        access.write_text(rule + access.read_text())

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def start(self) -> None:
        """Start the server and wait until it takes sessions."""
        options = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.folder,
            "max_connections": 40,
            "shared_buffers": "32MB",
        }
        if not self._durable:
            options |= {"fsync": "off", "full_page_writes": "off"}
        arguments = [f"--{name}={value}" for name, value in options.items()]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [program("postgres"), "-D", str(self._data), *arguments], stdout=log, stderr=log, **_as_user()
            )
        process = self._process

        def takes_sessions() -> bool:
            assert process.poll() is None, (self.folder / "log").read_text()
            with contextlib.suppress(psycopg.OperationalError), self.connect():
                return True
            return False

        eventually_blocking(takes_sessions, every_s=0.02)

    def stop(self) -> None:
        """End it in order; sessions are cut off."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End it at once, as a crash does: it recovers at the next start."""
        self._end(signal.SIGQUIT)

    def freeze(self) -> None:
        """Stop the server and its sessions with their connections open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen server go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        assert self._process is not None
        server = self._process.pid
        children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
        for pid in (server, *map(int, children)):
            os.kill(pid, number)

    def close(self) -> None:
        """End it and remove what it kept."""
        self.kill()
        shutil.rmtree(self.folder)

    def url(self, database: str, user: str = OWNER) -> str:
        """Return the address of a database, as `history.url` takes it."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """Return a session of the server's owner, outside any transaction."""
        return psycopg.connect(self.url(database), autocommit=True, connect_timeout=5)

    def fresh(self, template: str = "template0") -> str:
        """Make a database, empty or a copy of `template`, and return its name."""
        name = f"test_{next(self._numbers)}"
        with self.connect() as session:
            session.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return name

    def secure(self, password: str) -> None:
        """Make the user `secured`, who must show a password; the owner need not."""
        with self.connect() as session:
            session.execute(f"CREATE ROLE secured LOGIN SUPERUSER PASSWORD '{password}'")

    def _run(self, name: str, *arguments: str) -> None:
        done = subprocess.run(
            [program(name), *arguments], capture_output=True, check=False, cwd="/", **_as_user()
        )
        assert done.returncode == 0, f"{name}: {done.stderr.decode()}"

    def _end(self, number: int) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            process.wait(PATIENCE_S)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _as_user() -> dict[str, Any]:
    return {"user": _USER, "group": _USER, "extra_groups": []} if os.getuid() == 0 else {}
