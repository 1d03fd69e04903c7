"""One daemon a store: two would both write the same outage, and each forget what the other knows.

The lock is the operating system's (on the database file, and one beside it) or the server's (an advisory lock
of a session), so it is free at once when its holder dies, however it dies. Readers and corrections need none.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from camwatch.history.dialects import session_of

WAIT_S = 5.0
"""How long a daemon waits for its predecessor, which may be just ending."""
LOOK_S = 0.05
"""How often it looks meanwhile."""

_DAEMON: Final = 0x63616D77_61746368  # "camwatch": the number of the advisory lock
_OWNER = text(
    "SELECT application_name, backend_start FROM pg_stat_activity JOIN pg_locks USING (pid)"
    " WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND classid = :high AND objid = :low"
    " AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


class FileLock:
    """The lock of a store in a file: the database itself, and `camwatch.db.lock` beside it, never removed.

    The database is one file under all its names; the file beside it names the holder, and keeps out a
    camwatch that knows no other lock. A handle of the database stays open until `release`, which comes after
    the last connection: closing it would end the locks that SQLite has on the same file.
    """

    def __init__(self, store: Path) -> None:
        # Two names of one store must not be two locks.
        self._store = store.resolve()
        self.file = self._store.with_name(f"{self._store.name}.lock")
        self._database: int | None = None
        self._handle: int | None = None

    def take(self, who: str = "") -> bool:
        """Take it, if no other process holds it, and write `who` into the file. Raises OSError."""
        if self._handle is not None:
            return True
        if not self._lock_database(fcntl.LOCK_EX):
            return False
        handle = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            self._unlock_database()
            return False
        except OSError:
            os.close(handle)
            raise
        self._handle = handle
        with suppress(OSError):  # a full disk hides who holds it, not that it is held
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{who} since {_shown(datetime.now(UTC))}".encode(), 0)
        return True

    def lost(self) -> bool:
        """Return whether the file was removed while we hold it (`take` creates it again). Raises OSError."""
        if self._handle is None or _is(self._handle, self.file):
            return False
        os.close(self._handle)
        self._handle = None
        return True

    def is_taken(self) -> bool:
        """Return whether a daemon holds it. Raises OSError."""
        if self._handle is not None or not self._lock_database(fcntl.LOCK_SH):
            return True
        self._unlock_database()
        try:
            handle = os.open(self.file, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(handle)
        return False

    def owner(self) -> str:
        """Return who holds it, in words."""
        with suppress(OSError):
            return self.file.read_bytes()[:200].decode(errors="replace") or "not known"
        return "not known"

    def release(self) -> None:
        """Let another have it; after the last connection to the database was closed."""
        handles, self._handle, self._database = (self._handle, self._database), None, None
        for handle in handles:
            if handle is not None:
                os.close(handle)

    def _lock_database(self, how: int) -> bool:
        if self._database is None or not _is(self._database, self._store):
            try:
                found = os.open(self._store, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return True  # no process writes a file that does not exist
            before, self._database = self._database, found
            if before is not None:
                os.close(before)
        try:
            fcntl.flock(self._database, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock_database(self) -> None:
        if self._database is not None:
            fcntl.flock(self._database, fcntl.LOCK_UN)


def _is(handle: int, file: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), file.stat())
    except FileNotFoundError:
        return False


def take_advisory(connection: Connection, who: str) -> bool:
    """Take the lock of a database for the session of this connection, `who`, if no other session holds it."""
    taken = connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _DAEMON}).scalar()
    if taken:
        named = text("SELECT set_config('application_name', :name, false)")
        connection.execute(named, {"name": session_of(who)})
    connection.commit()
    return bool(taken)


def release_advisory(connection: Connection) -> None:
    """Let another have it now, not when the server finds that the session has ended."""
    with suppress(DBAPIError):  # a session that is gone has no lock
        connection.execute(text("SELECT pg_advisory_unlock_all()"))
        connection.commit()


def advisory_owner(connection: Connection) -> str:
    """Return who holds the lock of a database, in words."""
    halves = {"high": _DAEMON >> 32, "low": _DAEMON & 0xFFFFFFFF}
    row = connection.execute(_OWNER, halves).first()
    connection.commit()
    if row is None or not row[0]:
        return "not known"
    return f"{row[0].removeprefix('camwatch ')} since {_shown(row[1])}"


def _shown(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
