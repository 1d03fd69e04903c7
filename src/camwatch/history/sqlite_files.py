"""The files that SQLite keeps beside a database: `-wal`, with the newest transactions, and `-shm`, its index.

Removing them hides the newest transactions from other processes, and loses them if this one is killed. So a
connection keeps them open: it can write everything into the database even after they were removed.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import Engine

from camwatch.errors import StoreError
from camwatch.history.database_errors import to_store_error
from camwatch.history.dialects import BUSY_S, sqlite_file

_NAMES = ("-wal", "-shm")
_Identity = tuple[int, int]


class SqliteFiles:
    """Holds these files open, from `hold` to `release`: meanwhile SQLite never creates them again."""

    def __init__(self, engine: Engine) -> None:
        file = sqlite_file(f"{engine.url.database}").resolve()
        self._engine = engine
        self._file = file
        self._beside = [file.with_name(file.name + name) for name in _NAMES]
        self._connection: sqlite3.Connection | None = None
        self._held: list[_Identity | None] = []

    def hold(self) -> None:
        """Have the files open, and know them again. Raises StoreError."""
        if self._connection is not None:
            return
        connection = None
        try:
            connection = sqlite3.connect(
                self._file, timeout=BUSY_S, isolation_level=None, check_same_thread=False
            )
            connection.execute("SELECT count(*) FROM sqlite_master").fetchall()  # the first read opens them
        except sqlite3.Error as error:
            if connection is not None:
                connection.close()
            raise to_store_error(self._engine, error) from error
        self._connection = connection
        self._held = [_identity(file) for file in self._beside]

    def lost(self) -> Path | None:
        """Return which of the files is not there any more, or is another one; None if all is well."""
        for file, held in zip(self._beside, self._held, strict=False):
            if _identity(file) != held:
                return file
        return None

    def save(self) -> None:
        """Bring all that was stored into the database itself. Raises StoreError, and may be tried again."""
        assert self._connection is not None, "what is not held is not lost"  # noqa: S101
        try:
            [(busy, _, _)] = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.Error as error:
            raise to_store_error(self._engine, error) from error
        if busy:
            raise StoreError(f"{self.lost()} was removed, and others read what it held", "end what reads")

    def release(self) -> None:
        """Let SQLite put the files away."""
        connection, self._connection, self._held = self._connection, None, []
        if connection is not None:
            connection.close()


def _identity(file: Path) -> _Identity | None:
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
