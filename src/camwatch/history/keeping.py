"""What the Chronicle asks of whatever keeps the record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from camwatch.accounting.rolling import RollingAccounts
from camwatch.core.model import MaintenanceWindow
from camwatch.history.batch import Batch, StoredState
from camwatch.history.sealing import Seal


class Keeper(Protocol):
    """What the Chronicle asks of the store; called in its thread, one call at a time."""

    def load(self) -> StoredState:
        """Return what the store remembers, and take it as what is there. Raises StoreError."""

    def write(self, batch: Batch) -> Seal | None:
        """Store a batch, whole or not at all; return its seal, if it has one.

        Raises StoreError, StoreWentBackError (H1).
        """

    def corrections(self) -> int:
        """Return the number of the newest correction. Raises StoreError."""

    def windows(self, now_ms: int) -> tuple[MaintenanceWindow, ...]:
        """Return the maintenance that people added, as far as it is not over. Raises StoreError."""

    def standing(self, now_ms: int) -> RollingAccounts:
        """Return the operators' accounts by the record. Raises StoreError."""

    def fold(self, now_ms: int) -> Iterator[None]:
        """Fold away what is older than the retention, a transaction at each step. Raises StoreError."""
