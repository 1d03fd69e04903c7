"""What waits for the store: happenings in order, each with what is to be remembered after it.

A batch ends where a piece ends, so that what is remembered of a camera is never ahead of what is stored
of it, nor behind.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from camwatch.core.memory import Memory, SightMemory
from camwatch.core.model import Happening
from camwatch.errors import StoreError
from camwatch.history.batch import Batch, Roll

PENDING_MAX = 500_000
"""So many happenings are kept in memory while the store is away: years of a city's (some 0.65 kB each)."""
_BATCH_ROWS = 2000


class Piece(NamedTuple):
    """What happened in one turn of the loop, and what was so afterwards."""

    events: tuple[Happening, ...]
    memories: tuple[Memory, ...]
    sights: tuple[SightMemory, ...]
    vouched_ms: int
    roll: Roll | None = None


class Queue:
    """Pieces in order of time, until they are stored. `number`: of the last batch that is stored."""

    def __init__(self, number: int, pending_max: int = PENDING_MAX) -> None:
        self.pending = 0  # happenings not yet stored
        self._number = number
        self._pending_max = pending_max
        self._pieces: deque[Piece] = deque()
        self._batch: Batch | None = None

    def __bool__(self) -> bool:
        return bool(self._pieces) or self._batch is not None

    def add(self, piece: Piece) -> None:
        """Let a piece wait its turn. Raises StoreError when too much waits already."""
        if self.pending + len(piece.events) > self._pending_max:
            raise StoreError(
                f"more than {self._pending_max:,} happenings wait for the store: camwatch stops, and "
                "will account the time since the store's last word as unknown; bring the store back"
            )
        self.pending += len(piece.events)
        self._pieces.append(piece)

    def batch(self) -> Batch:
        """Return the batch that is to be stored next: the same one until it is `stored`."""
        if self._batch is None:
            self._number += 1
            batch = self._batch = Batch(self._number, self._pieces[0].vouched_ms)
            rows = 0
            while self._pieces and rows < _BATCH_ROWS:
                piece = self._pieces.popleft()
                if piece.roll is not None:
                    if batch.events:  # a roll is stored before the events of its batch
                        self._pieces.appendleft(piece)
                        break
                    batch.rolls.append(piece.roll)
                batch.events += piece.events
                batch.memories += piece.memories
                batch.sights, batch.vouched_ms = piece.sights, piece.vouched_ms
                rows += len(piece.events) + len(piece.memories)
        return self._batch

    def stored(self) -> Iterable[Memory]:
        """Note that the batch is stored, and return what the store remembers since."""
        batch = self.batch()
        self._batch = None
        self.pending -= len(batch.events)
        return batch.memories

    def events(self) -> Iterator[Happening]:
        """Yield all happenings that are not stored yet, in order."""
        if self._batch is not None:
            yield from self._batch.events
        for piece in self._pieces:
            yield from piece.events
