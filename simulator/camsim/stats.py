"""Counters of the simulator, and its callbacks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from camsim.broker import Problem


def _ignore(*_: object) -> None:
    """Ignore a callback."""


@dataclass(slots=True)
class Statistics:
    """The counts of one run, and the two ways to follow it.

    `on_change(statistics)` is called whenever a camera connects or is lost, `on_notice(text)` with each
    line that a person should read. Both are called in the event loop and must be quick.
    """

    cameras: int = 0
    """Cameras that have been brought to life: those in service, and those commissioned since."""
    planned: int = 0
    """Cameras that still wait for their commissioning."""
    expected: int = 0
    """Cameras that have power and network now, so that they ought to be connected."""
    connections: int = 0
    """Sessions opened since the start, the first of each camera included."""
    heartbeats: int = 0
    """Heartbeats handed to the broker."""
    failures: int = 0
    """Attempts to connect that failed, and sessions that the simulator did not end itself."""
    happened: int = 0
    """Entries of the scenario that have begun."""
    lies: int = 0
    """False heartbeats published in the name of cameras."""
    on_change: Callable[[Statistics], None] = field(default=_ignore, repr=False)
    on_notice: Callable[[str], None] = field(default=_ignore, repr=False)
    last_problem: str = ""
    """Why an attempt or a session failed last; empty when none did."""
    settled: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    """Set once every camera was connected, or the first tries met what trying again does not help."""
    _connected: set[str] = field(default_factory=set, repr=False)
    _seen: set[str] = field(default_factory=set, repr=False)
    _told: set[str] = field(default_factory=set, repr=False)

    @property
    def connected(self) -> int:
        """Cameras that have a session with the broker now and can speak on it."""
        return len(self._connected)

    @property
    def reconnects(self) -> int:
        """Sessions opened by cameras that had had one before."""
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
        if self._told:
            self._told.clear()
            self.on_notice(f"{self.connected}/{self.expected} connected again")

    def went(self, camera: str) -> None:
        """Note that a camera lost its session, for whatever reason."""
        if camera in self._connected:
            self._connected.discard(camera)
            self.on_change(self)

    def failed(self, problem: Problem) -> None:
        """Count a failure, and show each problem once until all cameras are connected again."""
        self.failures += 1
        self.last_problem = problem.text
        if problem.fatal and not self.connections:
            self.settled.set()
        elif problem.text not in self._told:
            self._told.add(problem.text)
            self.on_notice(problem.text)

    def summary(self) -> str:
        """Return the one line that closes a run."""
        planned = f" ({self.planned} still planned)" if self.planned else ""
        return (
            f"{self.cameras} cameras{planned}, {self.connections} connections, "
            f"{self.heartbeats} heartbeats sent, {self.reconnects} reconnects, "
            f"{self.failures} failures, {self.happened} entries played"
            + (f", {self.lies} lies told" if self.lies else "")
        )
