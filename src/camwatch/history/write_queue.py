"""The queue before the store: events in order, each with the checkpoints after it.

A batch ends where an item ends, so that stored checkpoints and stored events always agree.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

from camwatch.core.checkpoint import to_checkpoint
from camwatch.core.checkpoint_model import EMPTY, CameraCheckpoint, LinkGroupCheckpoint
from camwatch.core.events import Backfill, Event
from camwatch.core.model import Camera, Instant, MaintenanceWindow
from camwatch.core.state import CameraState
from camwatch.errors import StoreError
from camwatch.history.sealing import Seal
from camwatch.rejections import RejectedMessages


class InventorySnapshot(NamedTuple):
    """The inventory as of a (re)load: cameras and maintenance."""

    cameras: tuple[Camera, ...]
    windows: tuple[MaintenanceWindow, ...]
    at_ms: int


@dataclass(slots=True)
class Batch:
    """Events in order, and the checkpoints after them: stored together or not at all.

    `number` grows by one with each batch, so that an unconfirmed one is not stored twice, and missing ones
    are noticed (H1). The record is complete up to `watermark_ms` (rule S6).
    """

    number: int
    watermark_ms: int
    inventories: list[InventorySnapshot] = field(default_factory=list)  # stored before the events
    events: list[Event] = field(default_factory=list)
    checkpoints: list[CameraCheckpoint] = field(default_factory=list)  # the last one of a camera holds
    rejected: list[RejectedMessages] = field(default_factory=list)  # as are the last counts
    groups: tuple[LinkGroupCheckpoint, ...] = ()
    steady: str = ""  # the steady clock at `watermark_ms`, if it is known (see `clock.steady`)

    @property
    def filled(self) -> set[str]:
        """The cameras with backfills."""
        return {event.camera for event in self.events if isinstance(event, Backfill)}


@dataclass(slots=True)
class StoredState:
    """The state in the store; empty the first time.

    `corrections`: the number of the newest correction. `sealed`: the newest seal. `ours`: this process wrote
    the last batch.
    """

    checkpoints: list[CameraCheckpoint] = field(default_factory=list)
    rejected: list[RejectedMessages] = field(default_factory=list)
    groups: list[LinkGroupCheckpoint] = field(default_factory=list)
    watermark_ms: int | None = None
    number: int = 0
    corrections: int = 0
    ours: bool = field(default=False, compare=False)
    sealed: Seal = field(default_factory=Seal, compare=False)
    steady: str = ""


def news(camera: CameraState, now: Instant, stale_ms: int) -> CameraCheckpoint | None:
    """Return the checkpoint of a camera if it differs enough from the stored one."""
    stored = camera.persisted
    known = stored is not EMPTY  # a planned one is remembered once, for the next process to know it (V1)
    if (
        known
        and camera.heartbeats == stored.heartbeats
        and camera.status_time.in_service - in_service(stored) < stale_ms
    ):
        return None
    return to_checkpoint(camera, now)


def in_service(memory: CameraCheckpoint) -> int:
    """Return the milliseconds in service."""
    return memory.up + memory.down + memory.unknown + memory.maintenance


PENDING_MAX = 500_000
"""Events kept in memory while the store is unavailable (0.65 kB each): years of a city's."""
_BATCH_ROWS = 2000
_KEPT_BATCHES = 2000
_KEPT_EVENTS = 10_000  # in memory after they were stored: some seven megabytes


class QueueItem(NamedTuple):
    """The events of one event-loop iteration and the resulting checkpoints."""

    events: tuple[Event, ...]
    checkpoints: tuple[CameraCheckpoint, ...]
    groups: tuple[LinkGroupCheckpoint, ...]
    watermark_ms: int
    inventory: InventorySnapshot | None = None
    rejected: tuple[RejectedMessages, ...] = ()
    steady: str = ""


class _Kept(NamedTuple):
    """What is kept in memory of a stored batch; `parted`: checkpoints of cameras out of service."""

    number: int
    events: tuple[Event, ...]
    parted: tuple[CameraCheckpoint, ...]
    rolls: tuple[InventorySnapshot, ...]


class Since(NamedTuple):
    """What was stored after some batch, in order; `whole`: it is complete."""

    events: list[Event]
    removed: list[CameraCheckpoint]
    inventories: list[InventorySnapshot]
    whole: bool


class Queue:
    """Items in order of time, until they are stored. `number`: the last stored batch."""

    def __init__(self, number: int, pending_max: int = PENDING_MAX) -> None:
        self.pending = 0  # events not yet stored
        self._number = self._stored = number
        self._again: Batch | None = None  # that joins a store that went back, while it waits
        self._pending_max = pending_max
        self._pieces: deque[QueueItem] = deque()
        self._ready: deque[Batch] = deque()
        self._kept: deque[_Kept] = deque()
        self._kept_events = 0

    def __bool__(self) -> bool:
        return bool(self._pieces or self._ready)

    def add(self, piece: QueueItem) -> None:
        """Append an item. Raises StoreError if too many events wait."""
        if self.pending + len(piece.events) > self._pending_max:
            raise StoreError(
                f"more than {self._pending_max:,} events wait for the store: camwatch stops, and "
                "will account the time since the store's last word as unknown; bring the store back"
            )
        self.pending += len(piece.events)
        self._pieces.append(piece)

    def batch(self) -> Batch:
        """Return the next batch to store: the same one until `stored` is called."""
        if not self._ready:
            self._number += 1
            batch = Batch(self._number, self._pieces[0].watermark_ms)
            self._ready.append(batch)
            rows = 0
            while self._pieces and rows < _BATCH_ROWS:
                piece = self._pieces.popleft()
                if piece.inventory is not None:
                    if batch.events:  # a roll is stored before the events of its batch
                        self._pieces.appendleft(piece)
                        break
                    batch.inventories.append(piece.inventory)
                batch.events += piece.events
                batch.checkpoints += piece.checkpoints
                batch.rejected += piece.rejected
                batch.groups, batch.watermark_ms, batch.steady = (
                    piece.groups,
                    piece.watermark_ms,
                    piece.steady,
                )
                rows += len(piece.events) + len(piece.checkpoints) + len(piece.rejected)
        return self._ready[0]

    def stored(self) -> Iterable[CameraCheckpoint]:
        """Note that the batch is stored; return its checkpoints."""
        batch = self._ready.popleft()
        self.pending -= len(batch.events)
        self._stored = batch.number
        if batch is self._again:
            self._again = None
            self._kept.clear()
            self._kept_events = 0
        parted = tuple(memory for memory in batch.checkpoints if memory.accounted_until_ms is None)
        self._kept.append(_Kept(batch.number, tuple(batch.events), parted, tuple(batch.inventories)))
        self._kept_events += len(batch.events)
        while len(self._kept) > _KEPT_BATCHES or self._kept_events > _KEPT_EVENTS:
            self._kept_events -= len(self._kept.popleft().events)
        return batch.checkpoints

    def since(self, number: int | None) -> Since:
        """Return what was stored after batch `number`; None: all that is kept, which is not complete."""
        kept = [each for each in self._kept if number is None or each.number > number]
        first = self._kept[0].number if self._kept else self._stored + 1
        return Since(
            [event for each in kept for event in each.events],
            [memory for each in kept for memory in each.parted],
            [roll for each in kept for roll in each.rolls],
            number is not None and first <= number + 1 <= self._stored + 1,
        )

    def rejoin(self, number: int, batch: Batch) -> None:
        """Store `batch` next, after batch `number` of the store, followed by the waiting ones."""
        if self._again is not None:  # it went back once more
            self.pending -= len(self._ready.popleft().events)
        self._again = batch
        self._ready.appendleft(batch)
        self.pending += len(batch.events)
        for each in self._ready:
            number += 1
            each.number = number
        self._number = number

    def events(self) -> Iterator[Event]:
        """Yield all events that are not stored yet, in order."""
        yield from chain.from_iterable(batch.events for batch in self._ready)
        yield from chain.from_iterable(piece.events for piece in self._pieces)
