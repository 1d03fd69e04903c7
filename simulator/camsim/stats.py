"""Counters of the simulator, and its callbacks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from camsim.broker import Problem


@dataclass(slots=True)
class Statistics:
    """The counts of one run.

    `on_change(statistics)` is called when a camera connects or is lost, `on_notice(text)` with each line for
    users. Both are called in the event loop and must be quick.
    """

    cameras: int = 0
    """Cameras in service, with those commissioned since."""
    planned: int = 0
    """Cameras that are not commissioned yet."""
    expected: int = 0
    """Cameras that have power and network now."""
    connections: int = 0
    """Sessions opened since the start, the first of each camera included."""
    heartbeats: int = 0
    """Heartbeats handed to the broker."""
    failures: int = 0
    """Failed attempts to connect, and sessions that the simulator did not end itself."""
    happened: int = 0
    """Entries of the scenario that began."""
    spoofed: int = 0
    """Published spoofed heartbeats."""
    on_change: Callable[[Statistics], None] = field(default=lambda _: None, repr=False)
    on_notice: Callable[[str], None] = field(default=lambda _: None, repr=False)
    last_problem: str = ""
    """The last failure of an attempt or a session; empty if there was none."""
    settled: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    """Set once every camera is connected, or the first attempts failed for a fatal problem."""
    _connected: set[str] = field(default_factory=set, repr=False)
    _seen: set[str] = field(default_factory=set, repr=False)
    _reported: set[str] = field(default_factory=set, repr=False)

    @property
    def connected(self) -> int:
        """Cameras that have a session with the broker now."""
        return len(self._connected)

    @property
    def reconnects(self) -> int:
        """Sessions opened by cameras that had one before."""
        return self.connections - len(self._seen)

    def came(self, camera: str) -> None:
        """Count a session that a camera opened."""
        self._connected.add(camera)
        self._seen.add(camera)
        self.connections += 1
        self.on_change(self)
        if self.connected < self.expected:
            return
        self.settled.set()
        if self._reported:
            self._reported.clear()
            self.on_notice(f"{self.connected}/{self.expected} connected again")

    def went(self, camera: str) -> None:
        """Record that a camera lost its session, if it had one."""
        if camera in self._connected:
            self._connected.discard(camera)
            self.on_change(self)

    def failed(self, problem: Problem) -> None:
        """Count a failure, and report each problem once until all cameras are connected again."""
        self.failures += 1
        self.last_problem = problem.text
        if problem.fatal and not self.connections:
            self.settled.set()
        elif problem.text not in self._reported:
            self._reported.add(problem.text)
            self.on_notice(problem.text)

    def summary(self) -> str:
        """Return the last line of a run."""
        planned = f" ({self.planned} still planned)" if self.planned else ""
        return (
            f"{self.cameras} cameras{planned}, {self.connections} connections, "
            f"{self.heartbeats} heartbeats sent, {self.reconnects} reconnects, "
            f"{self.failures} failures, {self.happened} entries played"
            + (f", {self.spoofed} spoofed" if self.spoofed else "")
        )
