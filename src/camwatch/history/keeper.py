"""What the Chronicle asks of the store (`keeping.Keeper`), answered in its thread by one that is held."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from camwatch.accounting.records import OPEN_END
from camwatch.accounting.rolling import Standing
from camwatch.core.model import Window
from camwatch.history import schema
from camwatch.history.batch import Batch, Past
from camwatch.history.corrections import project
from camwatch.history.database_errors import told
from camwatch.history.dialects import begin_read
from camwatch.history.queries import read
from camwatch.history.retention import fold_steps
from camwatch.history.sealing import Seal
from camwatch.history.store import Store

_YEAR_MS = 366 * 86_400_000


class StoreKeeper:
    """A store that is open and held. `zone` is that of local days (rule A5)."""

    def __init__(self, store: Store, zone: ZoneInfo, retention_days: int) -> None:
        self._store = store
        self._zone = zone
        self._retention_days = retention_days

    def load(self) -> Past:
        """Return what the store remembers, and take it as what is there. Raises StoreError."""
        return self._store.load()

    def write(self, batch: Batch) -> Seal | None:
        """Store a batch, whole or not at all; return its seal, if it has one.

        Raises StoreError, StoreWentBackError (H1).
        """
        return self._store.write(batch)

    def corrections(self) -> int:
        """Return the number of the newest correction. Raises StoreError."""
        with told(self._store.engine), begin_read(self._store.engine) as connection:
            return connection.execute(select(func.max(schema.corrections.c.seq))).scalar() or 0

    def windows(self, now_ms: int) -> tuple[Window, ...]:
        """Return the maintenance that people added, as far as it is not over. Raises StoreError."""
        with told(self._store.engine), begin_read(self._store.engine) as connection:
            return tuple(
                Window(*window[1:6], whose=window.whose)
                for window in project(connection).windows
                if not window.withdrawn and window.ends_ms > now_ms
            )

    def standing(self, now_ms: int) -> Standing:
        """Return the operators' accounts by the record. Raises StoreError."""
        with told(self._store.engine), begin_read(self._store.engine) as connection:
            record = read(connection, None, now_ms - _YEAR_MS, OPEN_END)
        return Standing.build(self._zone, record, now_ms)

    def fold(self, now_ms: int) -> Iterator[None]:
        """Fold away what is older than the retention, a transaction at each step. Raises StoreError."""
        with told(self._store.engine):
            yield from fold_steps(self._store.engine, self._zone, self._retention_days, now_ms)
