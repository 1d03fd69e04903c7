"""What the tests of faults share: settings with a store, disks that are full, clocks that are set."""

from __future__ import annotations

import contextlib
import mmap
import resource
import sqlite3
import struct
import subprocess
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from camwatch.history.audit import audit
from camwatch.history.store import Store
from camwatch.settings import load_settings
from tests.support.daemon import Daemon, Metrics, config


def settings(
    fleet: Path,
    store: Path | str,
    *brokers: Mapping[str, object],
    checkpoint_interval_s: float = 0.1,
    wait_s: float = 2.0,
    **liveness: object,
) -> str:
    """Return a settings file whose store is a file (by its path) or a server's (by its URL)."""
    url = store if isinstance(store, str) else f"sqlite:///{store}"
    history = f"[history]\nurl = '{url}'\ncheckpoint_interval_s = {checkpoint_interval_s}\n"
    history += f"connect_timeout_s = {wait_s}\n"
    return f"{config(fleet, *brokers, **liveness)}\n{history}"


def problems(config_file: Path) -> list[str]:
    """Return what the audit finds in the store of these settings, without the start of a process."""
    said = load_settings(config_file)
    with Store.open(said.history) as store:
        found = audit(store.engine, said.fleet.timezone).findings
    return [f"{finding.camera}: {finding.problem}" for finding in found]


def assert_none_decreased(before: Metrics, after: Metrics) -> None:
    """Compare the counters of cameras over a restart."""
    for key in before.counters:
        if key[0].startswith("camwatch_camera_"):
            assert after.values[key] >= before.values[key], key


class Disk:
    """A disk of its own, of few megabytes; where none may be mounted, a limit on the size of files."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], capture_output=True, check=False
        )
        self.mounted = done.returncode == 0
        self._full = threading.Event()

    def fill(self, daemon: Daemon) -> None:
        """Leave no room for what the daemon writes there, not even what it frees itself."""
        if self.mounted:
            self._full.clear()
            self._filling = threading.Thread(target=self._fill)
            self._filling.start()
        else:
            limit(daemon)

    def _fill(self) -> None:
        with (self.folder / "ballast").open("wb", buffering=0) as ballast:
            while not self._full.wait(0.01):
                with contextlib.suppress(OSError):
                    while ballast.write(bytes(4096)):
                        pass

    def clear(self, daemon: Daemon) -> None:
        """Make room again."""
        if self.mounted:
            self._full.set()
            self._filling.join()
            (self.folder / "ballast").unlink()
        else:
            unlimit(daemon)

    def close(self) -> None:
        """Take the disk away."""
        self._full.set()
        if self.mounted:
            subprocess.run(["umount", "-l", str(self.folder)], check=True)


def limit(daemon: Daemon) -> None:
    """Let no file of the daemon grow beyond what its log needs, and two pages of a database."""
    resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (12_000, resource.RLIM_INFINITY))


def unlimit(daemon: Daemon) -> None:
    """Let files grow again."""
    resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


class WallClock:
    """The wall clock of one process, to be set while it runs; its steady clocks are left alone."""

    def __init__(self, folder: Path) -> None:
        file = folder / "wall-clock"
        file.write_bytes(bytes(8))
        with file.open("r+b") as opened:
            self._ahead = mmap.mmap(opened.fileno(), 8)
        self.environment = {
            "PYTHONPATH": str(Path(__file__).with_name("wallclock")),
            "TESTS_WALL_CLOCK": str(file),
        }

    def set(self, ahead_s: float) -> None:
        """Set it so many seconds ahead of the machine's, at once."""
        self._ahead[:] = struct.pack("<d", ahead_s)

    def show(self, utc: str) -> None:
        """Let it show this instant now."""
        self.set(datetime.fromisoformat(utc).replace(tzinfo=UTC).timestamp() - time.time())


def boot_anew(store: Path) -> None:
    """Let a record in a file be of another boot of the machine: its steady clock tells nothing then."""
    with contextlib.closing(sqlite3.connect(store)) as connection, connection:
        connection.execute("UPDATE store_metadata SET value = '' WHERE name = 'steady'")
