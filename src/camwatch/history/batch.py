"""What goes into the store in one transaction, and what comes back when the daemon starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from camwatch.core.checkpoint import EMPTY, CameraCheckpoint, LinkGroupCheckpoint, to_checkpoint
from camwatch.core.model import Backfill, Camera, Event, Instant, MaintenanceWindow
from camwatch.core.state import CameraState
from camwatch.history.sealing import Seal
from camwatch.rejections import RejectedMessages


class InventorySnapshot(NamedTuple):
    """The inventory as of a (re)load: who the cameras are, and the maintenance that it announces."""

    cameras: tuple[Camera, ...]
    windows: tuple[MaintenanceWindow, ...]
    at_ms: int


@dataclass(slots=True)
class Batch:
    """What happened, in order, and what is remembered after it: stored together or not at all.

    `number` grows by one with each batch, so that one whose commit was not confirmed is not stored twice,
    and a store that lacks some is noticed (H1). The store vouches for all up to `watermark_ms` (rule S6).
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
        """The cameras of which late heartbeats filled time."""
        return {event.camera for event in self.events if isinstance(event, Backfill)}


@dataclass(slots=True)
class StoredState:
    """What the store remembers: empty the first time.

    `corrections` is the number of the newest entry of the journal, `sealed` the newest seal. `ours`: this
    process wrote the last batch.
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
    """Return what is to be remembered of a camera, if that differs enough from what the store has."""
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
    """Return how many milliseconds a camera was in service."""
    return memory.up + memory.down + memory.unknown + memory.maintenance
