"""What goes into the store in one transaction, and what comes back when the daemon starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from camwatch.core.checkpoint import NOTHING, Memory, SightMemory, remember
from camwatch.core.model import Camera, Fill, Happening, Instant, Window
from camwatch.core.state import CameraState
from camwatch.history.sealing import Seal
from camwatch.rejections import Refused


class Roll(NamedTuple):
    """The inventory as of a (re)load: who the cameras are, and the maintenance that it announces."""

    cameras: tuple[Camera, ...]
    windows: tuple[Window, ...]
    at_ms: int


@dataclass(slots=True)
class Batch:
    """What happened, in order, and what is remembered after it: stored together or not at all.

    `number` grows by one with each batch, so that one whose commit was not confirmed is not stored twice,
    and a store that lacks some is noticed (H1). The store vouches for all up to `vouched_ms` (rule S6).
    """

    number: int
    vouched_ms: int
    rolls: list[Roll] = field(default_factory=list)  # stored before the events
    events: list[Happening] = field(default_factory=list)
    memories: list[Memory] = field(default_factory=list)  # the last one of a camera holds
    refused: list[Refused] = field(default_factory=list)  # as are the last counts
    sights: tuple[SightMemory, ...] = ()
    steady: str = ""  # the steady clock at `vouched_ms`, if it is known (see `clock.steady`)

    @property
    def filled(self) -> set[str]:
        """The cameras of which late heartbeats filled time."""
        return {event.camera for event in self.events if isinstance(event, Fill)}


@dataclass(slots=True)
class Past:
    """What the store remembers: empty the first time.

    `corrections` is the number of the newest entry of the journal, `sealed` the newest seal. `ours`: this
    process wrote the last batch.
    """

    memories: list[Memory] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    sights: list[SightMemory] = field(default_factory=list)
    vouched_ms: int | None = None
    number: int = 0
    corrections: int = 0
    ours: bool = field(default=False, compare=False)
    sealed: Seal = field(default_factory=Seal, compare=False)
    steady: str = ""


def news(camera: CameraState, now: Instant, stale_ms: int) -> Memory | None:
    """Return what is to be remembered of a camera, if that differs enough from what the store has."""
    stored = camera.stored
    known = stored is not NOTHING  # a planned one is remembered once, for the next process to know it (V1)
    if (
        known
        and camera.heartbeats == stored.heartbeats
        and camera.account.in_service - in_service(stored) < stale_ms
    ):
        return None
    return remember(camera, now)


def in_service(memory: Memory) -> int:
    """Return how many milliseconds a camera was in service."""
    return memory.up + memory.down + memory.unknown + memory.maintenance
