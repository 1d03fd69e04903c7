"""Checks a store before it is used: it exists, is intact, belongs to camwatch, and has a known version.

A damaged file, or a database with other tables, is not changed.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import structlog
from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from camwatch.errors import ConfigError, StoreError
from camwatch.history import schema
from camwatch.history.database_errors import (
    RESTORE,
    config_error,
    server_address,
    to_store_error,
    translate_errors,
)
from camwatch.history.dialects import BUSY_S, is_sqlite, open_engine, sqlite_file
from camwatch.history.migrations import HEAD, REVISIONS, current_revision
from camwatch.settings import HistorySettings

_ATTEMPT_S = 5.0  # how long one attempt to connect may take
_PAUSE_S = 0.5  # between attempts
_DAMAGE = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
_FATAL_MESSAGES = (
    "password authentication failed",
    "does not exist",
    "no pg_hba.conf entry",
    "no password supplied",
)

_log = structlog.get_logger("history")


def open_sqlite(settings: HistorySettings, *, create: bool) -> Engine:
    """Return the engine of an intact file, or of a new one.

    Raises:
        ConfigError: The file cannot be used.
    """
    file = sqlite_file(settings.url)
    _check_path(file, create=create)
    if file.exists() and file.stat().st_size:
        _check_integrity(file)
    elif not file.exists():
        # Readable by its owner only, whatever the umask; SQLite gives the files beside it the same mode.
        os.close(os.open(file, os.O_CREAT | os.O_WRONLY, 0o600))
    return open_engine(settings.url)


def open_postgresql(settings: HistorySettings, wait_s: float, stopping: threading.Event) -> Engine:
    """Return the engine of a server, once it answers.

    Raises:
        StoreError: It does not answer within `wait_s`, or `stopping` was set.
        ConfigError: The settings cannot be right.
    """
    try:
        engine = open_engine(
            settings.url, settings.password(), connect_timeout_s=min(_ATTEMPT_S, max(wait_s, 1.0))
        )
    except ModuleNotFoundError:
        raise config_error("the driver of PostgreSQL is missing: install camwatch[postgres]") from None
    except (ArgumentError, ValueError):
        raise config_error(
            "is not a valid address: write it like postgresql://camwatch@db.example/camwatch"
        ) from None
    try:
        _wait_for_server(engine, time.monotonic() + wait_s, stopping)
    except BaseException:
        engine.dispose()
        raise
    return engine


def is_schema_current(engine: Engine, *, create: bool = True) -> bool:
    """Return whether the tables are of this version; False if they are older or missing.

    Raises:
        ConfigError: They are newer, belong to others, or are missing and `create` is not set.
        StoreError: The database fails.
    """
    with translate_errors(engine), engine.connect() as connection:
        revision = current_revision(connection)
        if revision is None and (others := _others(connection)):
            raise config_error(
                f"holds tables that camwatch did not make ({others}): give camwatch a store of its own"
            )
        if revision is None and not create:
            raise config_error(
                f"{server_address(engine)} holds no record yet: `camwatch run` makes its tables"
            )
        if revision is not None and revision not in REVISIONS:
            raise config_error(
                f"was written by a newer camwatch (its tables are at step {revision}, this one knows {HEAD}):"
                f" run that one, or {RESTORE}"
            )
    return revision == HEAD


def enable_wal(engine: Engine) -> None:
    """Enable SQLite's WAL, so that readers do not wait for a writer. Raises ConfigError."""
    with translate_errors(engine), closing(engine.raw_connection()) as connection:
        cursor = connection.cursor()
        cursor.execute(
            "PRAGMA journal_mode = WAL"
        )  # inside a transaction, as SQLAlchemy begins, it cannot change
        mode = cursor.fetchall()[0][0]
        cursor.close()
    if mode != "wal":
        raise config_error(
            f"{engine.url.database} is on a file system on which SQLite cannot share memory: use a local disk"
        )


def _check_path(file: Path, *, create: bool) -> None:
    folder = file.parent
    if not folder.is_dir():
        raise config_error(f"the folder {folder} does not exist: create it or correct the path")
    if file.is_dir():
        raise config_error(f"{file} is a folder: name a file")
    if not file.exists() and not create:
        raise config_error(f"{file} is not there yet: `camwatch run` creates it")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise config_error(
            f"the folder {folder} may not be written by this user: change its owner or its mode"
        )
    if file.exists() and not os.access(file, os.R_OK | os.W_OK):
        raise config_error(f"{file} may not be read and written by this user: change its owner or its mode")


def _check_integrity(file: Path) -> None:
    """Read the whole file without changing anything, not even as SQLite opens or closes it."""
    address = f"file:{quote(str(file.resolve()))}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=BUSY_S)) as connection:
            connection.execute("PRAGMA query_only = ON")
            found = [row[0] for row in connection.execute("PRAGMA quick_check(3)")]
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith(_DAMAGE):
            raise _damaged(file, str(error)) from None
        if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN")):
            return  # a journal is left from a crash: opening it for writing plays it back
        raise StoreError(f"{file}: {error}") from None
    if found != ["ok"]:
        raise _damaged(file, found[0].splitlines()[-1])


def _damaged(file: Path, how: str) -> ConfigError:
    return config_error(f"{file} is damaged, or no file of SQLite ({how}). It was left as it is: {RESTORE}")


def _others(connection: Connection) -> str:
    """Return tables that conflict with ours."""
    names = set(inspect(connection).get_table_names())
    if connection.dialect.name == "postgresql":
        names &= schema.metadata.tables.keys()  # a schema may be shared
    return ", ".join(sorted(names)[:3])


def _wait_for_server(engine: Engine, deadline: float, stopping: threading.Event) -> None:
    while True:
        try:
            with engine.connect() as connection:
                connection.execute(text("SELECT 1"))
        except DBAPIError as error:
            found = to_store_error(engine, error.orig)
            hopeless = not isinstance(error, OperationalError)  # an option of the URL that there is not
        except ValueError:  # a host that no name server could be asked for
            raise config_error(
                "names no host that can be: write it like postgresql://camwatch@db.example/camwatch"
            ) from None
        else:
            return
        if hopeless or any(sign in found.problem for sign in _FATAL_MESSAGES):
            raise config_error(found.problem)
        if time.monotonic() + _PAUSE_S > deadline or stopping.is_set():
            raise StoreError(
                found.problem,
                f"start PostgreSQL at {server_address(engine)}, or correct history.url; camwatch waits for"
                " history.connect_timeout_s",
            )
        _log.warning("the store is not there yet", problem=found.problem)
        stopping.wait(_PAUSE_S)


def kind(engine: Engine) -> str:
    """Return database and location, for the log."""
    return (
        f"SQLite, {engine.url.database}" if is_sqlite(engine) else f"PostgreSQL at {server_address(engine)}"
    )
