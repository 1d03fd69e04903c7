"""The store of the daemon: opened, locked against a second daemon, loaded once, then written.

All calls block on a disk or server, so run them in a thread; one thread at a time. A failed write raises
StoreError, stores nothing, and may be retried.
"""

from __future__ import annotations

import secrets
import threading
import time
from types import TracebackType
from typing import NamedTuple, Self

import structlog
from sqlalchemy import Connection, Engine, func, select, text
from sqlalchemy.exc import DBAPIError

from camwatch.core.checkpoint_model import CameraCheckpoint, LinkGroupCheckpoint
from camwatch.core.model import Cause, Status
from camwatch.errors import ConfigError, InUseError, StoreError, StoreWentBackError
from camwatch.history import connect, lock, migrations, schema, writer
from camwatch.history.database_errors import PLACE, MissingTablesError, translate_errors
from camwatch.history.dialects import (
    is_sqlite,
    process_name,
    read_transaction,
    sqlite_file,
    write_transaction_on,
)
from camwatch.history.metadata import read_values
from camwatch.history.sealing import Seal, newest
from camwatch.history.sqlite_files import SqliteFiles
from camwatch.history.write_queue import Batch, StoredState
from camwatch.rejections import RejectedMessages
from camwatch.settings import HistorySettings

DAEMON = "daemon"
"""The role of the process that `camwatch reload` signals."""

_REMOVED = "nothing is lost, and it was made again: find out who removes it"

_log = structlog.get_logger("history")


class _Written(NamedTuple):
    """The last batch of a store: which process wrote it (None: none did), and its number."""

    run: str | None
    number: int


class Store:
    """One store. `engine` serves readers, and writers of corrections."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._connection: Connection | None = None  # that writes; on PostgreSQL its session has the lock
        self._filed: writer.Writer | None = None
        self._run = secrets.token_hex(8)
        self._wrote: str | None = None  # the run under which we wrote last
        self._last: _Written | None = None  # what the store must end with, or it went back (H1)
        self._file = sqlite_file(f"{engine.url.database}") if is_sqlite(engine) else None
        self._lock = lock.FileLock(self._file) if self._file else None
        self._ahead = SqliteFiles(engine) if self._file else None
        self._inode: tuple[int, int] | None = None
        self._process = process_name()

    @classmethod
    def open(
        cls,
        settings: HistorySettings,
        *,
        wait_s: float | None = None,
        create: bool = True,
        stopping: threading.Event | None = None,
    ) -> Self:
        """Connect, check, and migrate the tables.

        Args:
            settings: Where the store is.
            wait_s: Seconds to wait for a server; None: as the settings say.
            create: Whether to create what is missing.
            stopping: Ends the wait.

        Raises:
            ConfigError: The store cannot be used as it is.
            StoreError: The database fails.
        """
        if settings.scheme == "sqlite":
            engine = connect.open_sqlite(settings, create=create)
        else:
            wait_s = settings.connect_timeout_s if wait_s is None else wait_s
            engine = connect.open_postgresql(settings, wait_s, stopping or threading.Event())
        store = cls(engine)
        try:
            store._prepare(create=create)
        except BaseException:
            store.close()
            raise
        return store

    def acquire_lock(self, role: str = "process") -> None:
        """Lock the store until `close`; waits a little for a process that is just ending.

        `role` is shown to others. Raises InUseError if another process has the lock.
        """
        self._process = process_name(role)
        deadline = time.monotonic() + lock.WAIT_S
        with translate_errors(self.engine):
            while not self._try_lock():
                if time.monotonic() > deadline:
                    raise InUseError(
                        f"{PLACE}: is in use by another camwatch ({self._owner()}):"
                        " stop it, or give this one a store of its own"
                    )
                time.sleep(lock.LOOK_S)

    def holder(self) -> str | None:
        """Return the process that has the lock, as text; None if none has. Raises StoreError."""
        with translate_errors(self.engine):
            if self._lock is not None and not self._lock.is_taken():
                return None
            return self._owner()

    def load(self) -> StoredState:
        """Return the state in the store. Raises StoreError."""
        with translate_errors(self.engine), read_transaction(self.engine) as connection:
            self._last = _written(connection)
            return _stored_state(
                connection, ours=self._last.run is not None and self._last.run == self._wrote
            )

    def write(self, batch: Batch) -> Seal | None:
        """Store a batch, unless it was stored before; return its seal, if it has one.

        Raises:
            StoreError: It was not stored.
            StoreWentBackError: The store does not end with the last batch written or loaded (H1).
        """
        mine, seal = _Written(self._run, batch.number), None
        try:
            with translate_errors(self.engine):
                connection = self._writer_connection()
                with write_transaction_on(connection):
                    found = _written(connection)
                    if found != mine:
                        self._check(found, batch)
                        self._filed = self._filed or writer.Writer.of(connection)
                        seal = writer.write_batch(connection, self._filed, batch, self._run)
        except MissingTablesError as error:
            self._drop_connection()
            self._make_tables()
            raise self._went_back("it was emptied") from error
        except BaseException:
            self._drop_connection()  # what we know may be of rows that were rolled back
            raise
        self._last, self._wrote = mine, mine.run
        return seal

    def _check(self, found: _Written, batch: Batch) -> None:
        last = self._last = self._last or found
        if found != last:
            raise self._went_back(f"it ends with batch {found.number}, not {last.number}")
        assert batch.number == last.number + 1, "batches follow one another"  # noqa: S101

    def _went_back(self, how: str) -> StoreWentBackError:
        # A new run: no copy of a batch written until now may be taken for one that follows.
        self._run = secrets.token_hex(8)
        return StoreWentBackError(f"it is not the one that camwatch wrote last: {how}")

    def _make_tables(self) -> None:
        """Create the tables in a database that was emptied while we ran. Raises StoreError."""
        try:
            if not connect.is_schema_current(self.engine):
                self._migrate()
        except ConfigError as error:
            raise StoreError(str(error)) from error

    def close(self) -> None:
        """Release the lock, and close all connections."""
        if self._connection is not None and self._lock is None:
            lock.release_advisory(self._connection)
        self._disconnect()
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _prepare(self, *, create: bool) -> None:
        if not connect.is_schema_current(self.engine, create=create):
            self.acquire_lock()  # no daemon of an older make may write meanwhile
            self._migrate()
            self.close()
        elif self._file is not None:
            connect.enable_wal(self.engine)
        self._inode = self._identity()

    def _migrate(self) -> None:
        if self._file is not None:
            connect.enable_wal(self.engine)
        with translate_errors(self.engine):
            connection = self._writer_connection()
            with write_transaction_on(connection):
                before = migrations.current_revision(connection)
                migrations.upgrade(connection)
        _log.info(
            "tables brought up to date",
            store=connect.kind(self.engine),
            before=before or "none",
            now=migrations.HEAD,
        )

    def _writer_connection(self) -> Connection:
        """Return the writing connection, alive and locked."""
        if self._inode is not None and self._identity() != self._inode:
            raise StoreError(f"{self._file} was replaced while camwatch ran", "restart camwatch")
        self._check_beside()
        if self._connection is not None and self._lock is None and not _is_alive(self._connection):
            self._drop_connection()
        if not self._try_lock():
            raise StoreError(f"another camwatch took it meanwhile ({self._owner()})", "stop one of them")
        if self._ahead is not None:
            self._ahead.hold()
        if self._connection is None:
            self._connection = self.engine.connect()
        return self._connection

    def _check_beside(self) -> None:
        """Check the files beside a database; restore removed ones, and report it."""
        if self._ahead is not None and (lost := self._ahead.lost()) is not None:
            self._ahead.save()
            self._disconnect()  # what was opened meanwhile has another one open
            raise StoreError(f"{lost} was removed while camwatch ran", _REMOVED)
        if self._lock is not None and self._lock.lost() and self._try_lock():
            raise StoreError(f"{self._lock.file} was removed while camwatch ran", _REMOVED)

    def _try_lock(self) -> bool:
        """Take the lock, unless we have it; on PostgreSQL with the session that then writes."""
        if self._lock is not None:
            return self._lock.take(self._process)
        if self._connection is not None:
            return True
        connection = self.engine.connect()
        if lock.take_advisory(connection, self._process):
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

    def _disconnect(self) -> None:
        self._drop_connection()
        self.engine.dispose()
        if self._ahead is not None:
            self._ahead.release()

    def _drop_connection(self) -> None:
        connection, self._connection, self._filed = self._connection, None, None
        if connection is not None:
            connection.invalidate()  # an advisory lock ends with its session, not with its return to a pool
            connection.close()


def _is_alive(connection: Connection) -> bool:
    try:
        connection.execute(text("SELECT 1"))
        connection.commit()
    except DBAPIError:
        return False
    return True


def _written(connection: Connection) -> _Written:
    found = read_values(connection)
    return _Written(found.get("run"), int(found.get("batch", 0)))


def _stored_state(connection: Connection, *, ours: bool) -> StoredState:
    values = read_values(connection)
    watermark = values.get("watermark_ms")
    return StoredState(
        checkpoints=_checkpoints(connection),
        rejected=_rejected(connection),
        groups=[
            LinkGroupCheckpoint(
                schema.unpacked(row.links), schema.unpacked(row.operators), row.last_packet_ms, row.blind
            )
            for row in connection.execute(select(schema.link_groups))
        ],
        watermark_ms=None if watermark is None else int(watermark),
        steady=values.get("steady", ""),
        number=int(values.get("batch", 0)),
        corrections=connection.execute(select(func.max(schema.corrections.c.seq))).scalar() or 0,
        ours=ours,
        sealed=newest(connection),
    )


def _checkpoints(connection: Connection) -> list[CameraCheckpoint]:
    words = {status.value: status for status in Status}
    causes: dict[str | None, Cause | None] = {None: None, **{cause.value: cause for cause in Cause}}
    cameras, checkpoints = schema.cameras, schema.checkpoints
    columns = (cameras.c.id, cameras.c.operator, *(checkpoints.c[name] for name in writer.CHECKPOINT))
    rows = connection.execute(
        select(*columns).join_from(checkpoints, cameras).order_by(checkpoints.c.camera_key)
    )
    return [
        CameraCheckpoint._make((*row[:2], words[row[2]], words[row[3]], row[4], causes[row[5]], *row[6:]))
        for row in rows
    ]


def _rejected(connection: Connection) -> list[RejectedMessages]:
    cameras, rejections = schema.cameras, schema.rejections
    columns = cameras.c.id, cameras.c.operator, rejections.c.reason, rejections.c.messages
    rows = connection.execute(select(*columns).join_from(rejections, cameras))
    return [RejectedMessages(*row) for row in rows]
