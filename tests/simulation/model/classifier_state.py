"""State of the classifier model of one camera, and what a restart restores of it."""

from __future__ import annotations

import copy
from collections import deque
from dataclasses import dataclass, field
from typing import Self

from tests.simulation.model.verdicts import CLOSE, Fields

OFFSETS = 32


@dataclass
class ClassifierState:
    """What is known of one camera's messages. `latency`: how long they really take."""

    latency: int
    host_clock_set: bool = False  # the host's clock is set: clock and uptime may agree, and stay late
    interval: int = 0
    slowest: int = 0  # the longest interval of the cameras of its links
    boot: int = 0
    highest: int = -1  # seq of this boot
    uncertain_below: int = -1  # whether smaller numbers were missed is lost in a restart
    known_numbers: set[tuple[int, int]] = field(default_factory=set)
    log: list[tuple[int, int]] = field(default_factory=list)  # the same, in order
    offsets: deque[int] = field(default_factory=lambda: deque(maxlen=OFFSETS))
    last: Fields | None = None  # received, of this boot
    ts: float | None = None  # the latest
    uptime: float = -1.0  # the largest of this boot
    booted: float | None = None  # by its own clock: ts minus uptime
    boot_at: int | None = None  # by this process's monotonic clock, at the earliest
    first_late: int | None = None  # since the last proof on time
    late_since: int | None = None
    late_apart: int = 0  # and by how much its clock differs from the monotonic one
    duplicates_since: int | None = None  # only duplicates arrived
    duplicate_ts: float | None = None  # the ts of the last of them
    late_ts: float | None = None  # the ts of the last late one since the last proof
    contradicted: bool = False  # a late one had no later ts than the one before
    distrusted_until: int = -1  # its offset was discarded
    refused_since: int | None = None
    refused_boot: int = 0
    contradictory: bool = False  # its fields contradict each other
    last_was_late: bool = False  # its last message was late
    relearning: bool = False  # its offset was just discarded: this heartbeat or the next shows the new one
    last_proof: int | None = None  # in this process
    confused: bool = False  # an old boot was replayed: the daemon may take it for a new one
    mark: int = 0

    def on_proof(self, at: int) -> None:
        """Record a proof of any kind."""
        self.duplicates_since = self.refused_since = None
        self.last_proof = at
        self.late_since = None

    def shift_offsets(self, ahead: int) -> None:
        """Apply a forward step of the host's clock: it makes no heartbeat late (T2)."""
        self.offsets = deque((offset + ahead for offset in self.offsets), maxlen=OFFSETS)

    def adopt_offsets(self, offsets: list[int]) -> None:
        """Adopt the daemon's clock offsets after an open verdict, or when it gave up the old ones."""
        self.offsets = deque(offsets, maxlen=OFFSETS)

    def patience(self) -> int:
        """Return how long a live camera may be refused (L6, L8-L10).

        Cameras that are late by the same amount are believed together, after as many of their intervals.
        """
        if self.host_clock_set:
            return self.slowest * (OFFSETS + 2) + CLOSE
        return self.interval * (3 if self._seems_earlier() else 2) + CLOSE

    def _seems_earlier(self) -> bool:
        """Return whether the last heartbeat, by its clock, is of an earlier boot than the known one."""
        last = self.last
        if last is None or last.ts is None or last.uptime_s is None or self.booted is None:
            return False
        return last.ts - last.uptime_s < self.booted

    def is_undecided(self, now: int) -> bool:
        """Return whether the first late heartbeats may still turn out to come from a wrong clock (L8)."""
        return (
            self.boot_at is None
            and self.first_late is not None
            and now - self.first_late <= self.interval * 2
        )

    def on_restart(self) -> None:
        """Forget what the store does not keep."""
        self.boot_at = self.late_since = self.first_late = self.duplicates_since = self.refused_since = None
        self.last_proof, self.last_was_late = None, False
        self.uncertain_below = self.highest + 1
        if self.offsets:
            self.offsets = deque([min(self.offsets)], maxlen=OFFSETS)

    def snapshot(self) -> Self:
        """Return a copy to restore later; append-only lists are shared."""
        twin = copy.copy(self)
        twin.offsets, twin.mark = self.offsets.copy(), len(self.log)
        return twin

    def restore(self) -> Self:
        """Return this snapshot as a live model; drop what was appended since."""
        self.known_numbers.difference_update(self.log[self.mark :])
        del self.log[self.mark :]
        return self.snapshot()
