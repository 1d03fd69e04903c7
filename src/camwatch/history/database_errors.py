"""Maps errors of the database to errors with a remedy.

The text of a driver may show what was to be stored, or a password: only its first line is passed on, and
only where we have no words of our own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from camwatch.errors import ConfigError, ConfigProblem, StoreError

PLACE = "history.url"
RESTORE = "see docs/how-to/backup.md for how to restore a copy"

_LOCKED = ("the database is locked by another process", "camwatch tries again; end what holds it")
_FULL = ("the disk is full", "make room: camwatch tries again")
_SQLITE = {
    "SQLITE_FULL": _FULL,
    "SQLITE_BUSY": _LOCKED,
    "SQLITE_LOCKED": _LOCKED,
    "SQLITE_READONLY": ("the database may not be written", "look at the owner and mode of file and folder"),
    "SQLITE_IOERR": ("the disk fails, or it is full", "look at the log of the system"),
    "SQLITE_CANTOPEN": ("the file cannot be opened", "look at the owner and mode of file and folder"),
    "SQLITE_CORRUPT": ("the file is damaged", f"stop camwatch; {RESTORE}"),
    "SQLITE_NOTADB": ("the file is damaged", f"stop camwatch; {RESTORE}"),
}
_POSTGRESQL = {
    "53100": ("the disk of PostgreSQL is full", "make room: camwatch tries again"),
    "53300": ("PostgreSQL has no connection left", "raise max_connections, or end other sessions"),
    "55P03": _LOCKED,
    "25006": (
        "PostgreSQL takes no writes",
        "it is a standby, or made read-only: name the primary in history.url",
    ),
    "42501": ("the user may not do that", "make the user of history.url the owner of the database"),
    "XX001": ("the database is damaged", f"stop camwatch; {RESTORE}"),
    "XX002": ("the database is damaged", f"stop camwatch; {RESTORE}"),
}
_UNDEFINED_TABLE = "42P01"
_GONE = ("08", "57P")  # classes of SQLSTATE: the connection failed, an administrator shut the server down


class MissingTablesError(StoreError):
    """The database has not the tables that it had."""


@contextmanager
def translate_errors(engine: Engine) -> Iterator[None]:
    """Turn what the database raises into StoreError."""
    try:
        yield
    except DBAPIError as error:
        raise to_store_error(engine, error.orig) from error
    except OSError as error:
        raise StoreError(f"{error.filename or 'the file'}: {error.strerror}") from error


def to_store_error(engine: Engine, error: BaseException | None) -> StoreError:
    """Return the error with a remedy for an error of the driver."""
    said = _first_line(error, engine.url.password)
    name: Any = getattr(error, "sqlite_errorname", None)
    if engine.dialect.name == "sqlite":
        for kind, (problem, hint) in _SQLITE.items():
            if name and name.startswith(kind):
                return StoreError(f"{engine.url.database}: {problem}", hint)
        if said.startswith("no such table"):
            return MissingTablesError(f"{engine.url.database}: {said}", f"stop camwatch; {RESTORE}")
        return StoreError(f"{engine.url.database}: {said}")
    state: Any = getattr(error, "sqlstate", None)
    if state == _UNDEFINED_TABLE:
        return MissingTablesError(f"PostgreSQL reports: {said}", f"stop camwatch; {RESTORE}")
    if state in _POSTGRESQL:
        return StoreError(*_POSTGRESQL[state])
    lost = state is None and isinstance(error, engine.dialect.loaded_dbapi.OperationalError)
    if lost or (state is not None and state.startswith(_GONE)):
        return StoreError(
            f"PostgreSQL at {server_address(engine)} is not reachable: {said}", "camwatch tries again"
        )
    return StoreError(f"PostgreSQL reports: {said}")


def server_address(engine: Engine) -> str:
    """Return the address of a server, without user and password."""
    url = engine.url
    return f"{url.host or 'its socket'}{f':{url.port}' if url.port else ''}, database {url.database}"


def config_error(problem: str) -> ConfigError:
    """Return the error of a store that cannot be used as it is set."""
    return ConfigError((ConfigProblem(PLACE, problem),))


def _first_line(error: BaseException | None, password: object) -> str:
    line = next(iter(str(error).splitlines()), "") or type(error).__name__
    return line.replace(str(password), "***") if password else line
