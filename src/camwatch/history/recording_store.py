"""The store as the recorder uses it: in the recorder's thread, one call at a time."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from camwatch.accounting.records import OPEN_ENDED
from camwatch.accounting.rolling import RollingAccounts
from camwatch.core.model import MaintenanceWindow
from camwatch.history import schema
from camwatch.history.corrections import load
from camwatch.history.database_errors import translate_errors
from camwatch.history.dialects import read_transaction
from camwatch.history.queries import read
from camwatch.history.retention import roll_up_steps
from camwatch.history.sealing import Seal
from camwatch.history.store import Store
from camwatch.history.write_queue import Batch, StoredState

_YEAR_MS = 366 * 86_400_000


class RecordingStore:
    """A store that is open and locked. `zone` is that of local days (rule A5)."""

    def __init__(self, store: Store, zone: ZoneInfo, retention_days: int) -> None:
        self._store = store
        self._zone = zone
        self._retention_days = retention_days

    def load(self) -> StoredState:
        """Return what the store remembers, and take it as what is there. Raises StoreError."""
        return self._store.load()

    def write(self, batch: Batch) -> Seal | None:
        """Store a batch, whole or not at all; return its seal, if it has one.

        Raises StoreError, StoreWentBackError (H1).
        """
        return self._store.write(batch)

    def corrections(self) -> int:
        """Return the number of the newest correction. Raises StoreError."""
        with translate_errors(self._store.engine), read_transaction(self._store.engine) as connection:
            return connection.execute(select(func.max(schema.corrections.c.seq))).scalar() or 0

    def windows(self, now_ms: int) -> tuple[MaintenanceWindow, ...]:
        """Return the maintenance that people added, as far as it is not over. Raises StoreError."""
        with translate_errors(self._store.engine), read_transaction(self._store.engine) as connection:
            return tuple(
                MaintenanceWindow(*window[1:6], whose=window.operators)
                for window in load(connection).windows
                if not window.cancelled and window.end_ms > now_ms
            )

    def standing(self, now_ms: int) -> RollingAccounts:
        """Return the operators' accounts by the record. Raises StoreError."""
        with translate_errors(self._store.engine), read_transaction(self._store.engine) as connection:
            record = read(connection, None, now_ms - _YEAR_MS, OPEN_ENDED)
        return RollingAccounts.from_record(self._zone, record, now_ms)

    def fold(self, now_ms: int) -> Iterator[None]:
        """Fold away what is older than the retention, a transaction at each step. Raises StoreError."""
        with translate_errors(self._store.engine):
            yield from roll_up_steps(self._store.engine, self._zone, self._retention_days, now_ms)
