"""The store, as the daemon uses it: opened, held against a second daemon, read once, then written.

Everything here waits for a disk or a server, so it runs in a thread that may wait; one thread at a time.
What cannot be stored raises StoreError, leaves nothing behind, and may be tried again.
"""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

import structlog
from sqlalchemy import Connection, Engine, func, select, text
from sqlalchemy.exc import DBAPIError

from camwatch.core.memory import Memory, SightMemory
from camwatch.core.model import Cause, Status
from camwatch.errors import StoreError
from camwatch.history import filing, lock, migrations, opening, schema
from camwatch.history.batch import Batch, Past
from camwatch.history.engine import begin_read, is_sqlite, sqlite_file, writing
from camwatch.history.failures import refused, told
from camwatch.settings import HistorySettings

_log = structlog.get_logger("history")


class Store:
    """One store. `engine` is for those who read, and for who appends corrections."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._connection: Connection | None = None  # that writes; on PostgreSQL its session has the lock
        self._cameras: filing.Cameras | None = None
        self._file = sqlite_file(f"{engine.url.database}") if is_sqlite(engine) else None
        self._lock = lock.FileLock(self._file) if self._file else None
        self._inode: tuple[int, int] | None = None

    @classmethod
    def open(
        cls,
        settings: HistorySettings,
        *,
        wait_s: float | None = None,
        create: bool = True,
        stopping: threading.Event | None = None,
    ) -> Self:
        """Connect, check, and bring the tables up to date; `create`: make a file that is not there.

        A server that is not there is awaited for `wait_s` seconds (None: as the settings say), or until
        `stopping`. Raises ConfigurationError where the store cannot be used as it is, or StoreError.
        """
        if settings.scheme == "sqlite":
            engine = opening.open_sqlite(settings, create=create)
        else:
            wait_s = settings.connect_timeout_s if wait_s is None else wait_s
            engine = opening.open_postgresql(settings, wait_s, stopping or threading.Event())
        store = cls(engine)
        try:
            store._prepare()
        except BaseException:
            store.close()
            raise
        return store

    def hold(self) -> None:
        """Make the store this process's to write, until `close`; waits a little for one that is just ending.

        Raises ConfigurationError where another daemon has it.
        """
        deadline = time.monotonic() + lock.WAIT_S
        with told(self.engine):
            while not self._take():
                if time.monotonic() > deadline:
                    raise refused(
                        f"is in use by another camwatch ({self._owner()}):"
                        " stop it, or give this one a store of its own"
                    )
                time.sleep(lock.LOOK_S)

    def load(self) -> Past:
        """Return what the store remembers. Raises StoreError."""
        with told(self.engine), begin_read(self.engine) as connection:
            return _past(connection)

    def write(self, batch: Batch) -> None:
        """Store a batch, whole and for good, unless it was stored before. Raises StoreError."""
        try:
            with told(self.engine):
                connection = self._writer()
                with writing(connection):
                    if _stored(connection) < batch.number:
                        self._cameras = self._cameras or filing.Cameras(connection)
                        filing.file(connection, self._cameras, batch)
        except BaseException:
            self._hang_up()  # what we know may be of rows that were rolled back
            raise

    def close(self) -> None:
        """Let another daemon have the store, and end every session."""
        if self._connection is not None and self._lock is None:
            lock.release_advisory(self._connection)
        self._hang_up()
        if self._lock is not None:
            self._lock.release()
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _prepare(self) -> None:
        if not opening.is_current(self.engine):
            self.hold()  # no daemon of an older make may write meanwhile
            self._migrate()
            self.close()
        elif self._file is not None:
            opening.set_journal(self.engine)
        self._inode = self._identity()

    def _migrate(self) -> None:
        if self._file is not None:
            opening.set_journal(self.engine)
        with told(self.engine):
            connection = self._writer()
            with writing(connection):
                before = migrations.revision_of(connection)
                migrations.upgrade(connection)
        _log.info(
            "tables brought up to date",
            store=opening.kind(self.engine),
            before=before or "none",
            now=migrations.HEAD,
        )

    def _writer(self) -> Connection:
        """Return the connection that writes, alive, with the lock ours."""
        if self._inode is not None and self._identity() != self._inode:
            raise StoreError(f"{self._file} was replaced while camwatch ran", "restart camwatch")
        if self._connection is not None and self._lock is None and not _lives(self._connection):
            self._hang_up()
        if not self._take():
            raise StoreError(f"another camwatch took it meanwhile ({self._owner()})", "stop one of them")
        if self._connection is None:
            self._connection = self.engine.connect()
        return self._connection

    def _take(self) -> bool:
        """Take the lock, unless we have it; on PostgreSQL with a session of its own, which then writes."""
        if self._lock is not None:
            return self._lock.take()
        if self._connection is not None:
            return True
        connection = self.engine.connect()
        if lock.take_advisory(connection):
            self._connection = connection
            return True
        connection.close()
        return False

    def _owner(self) -> str:
        if self._lock is not None:
            return self._lock.owner()
        with self.engine.connect() as connection:
            return lock.advisory_owner(connection)

    def _identity(self) -> tuple[int, int] | None:
        if self._file is None:
            return None
        found = self._file.stat()
        return found.st_dev, found.st_ino

    def _hang_up(self) -> None:
        connection, self._connection, self._cameras = self._connection, None, None
        if connection is not None:
            connection.invalidate()  # an advisory lock ends with its session, not with its return to a pool
            connection.close()


def _lives(connection: Connection) -> bool:
    try:
        connection.execute(text("SELECT 1"))
        connection.commit()
    except DBAPIError:
        return False
    return True


def _stored(connection: Connection) -> int:
    table = schema.meta.c
    return int(connection.execute(select(table.value).where(table.name == "batch")).scalar() or 0)


def _past(connection: Connection) -> Past:
    facts = {row.name: row.value for row in connection.execute(select(schema.meta))}
    vouched = facts.get("vouched_ms")
    sights = connection.execute(select(schema.sights))
    return Past(
        memories=_memories(connection),
        sights=[
            SightMemory(schema.unpacked(row.links), schema.unpacked(row.operators), row.seen_ms, row.blind)
            for row in sights
        ],
        vouched_ms=None if vouched is None else int(vouched),
        number=int(facts.get("batch", 0)),
        corrections=connection.execute(select(func.max(schema.corrections.c.seq))).scalar() or 0,
    )


def _memories(connection: Connection) -> list[Memory]:
    words = {status.value: status for status in Status}
    causes: dict[str | None, Cause | None] = {None: None, **{cause.value: cause for cause in Cause}}
    cameras, checkpoints = schema.cameras, schema.checkpoints
    columns = (cameras.c.id, cameras.c.operator, *(checkpoints.c[name] for name in filing.CHECKPOINT))
    rows = connection.execute(
        select(*columns).join_from(checkpoints, cameras).order_by(checkpoints.c.camera_key)
    )
    return [
        Memory._make((*row[:2], words[row[2]], words[row[3]], row[4], causes[row[5]], *row[6:]))
        for row in rows
    ]
