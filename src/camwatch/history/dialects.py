"""All that differs between SQLite and PostgreSQL, in one place; whatever else speaks SQL speaks to both.

Both give the same promises: a transaction that has been committed survives a power cut, one writer at a
time (`begin_write`), and a reader sees one instant and waits for no one (`begin_read`).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    URL,
    Connection,
    Dialect,
    Engine,
    Table,
    create_engine,
    event,
    func,
    make_url,
    select,
    text,
)

BUSY_S = 5.0
"""How long one who wants to write waits for another who writes."""
KEEP_ALIVE_S = (10, 5, 3)
"""After how many seconds of silence a session of PostgreSQL is probed, how often, and how many times."""

SESSION_MAX = 63
"""So many characters of its name are left of a session of PostgreSQL."""

_ROWS = 1000  # bound in one piece of work, so that the event loop gets its turn (they share the GIL)
_WRITER: Final = 0x63616D77_77726974  # the advisory lock of a writer, for one transaction
_IMMEDIATE = "camwatch_immediate"


def open_engine(url: str, password: str | None = None, *, connect_timeout_s: float = 10.0) -> Engine:
    """Return an engine for the store at `url` (as in `history.url`); nothing is connected yet.

    Raises ModuleNotFoundError where the driver of PostgreSQL is not installed.
    """
    if url.startswith("sqlite:"):
        return _sqlite(sqlite_file(url))
    address = make_url(url).set(drivername="postgresql+psycopg")
    return _postgresql(address if password is None else address.set(password=password), connect_timeout_s)


def sqlite_file(url: str) -> Path:
    """Return the file that a URL like `sqlite:///FILE` names."""
    return Path(url.removeprefix("sqlite:///"))


def process_name(role: str = "process") -> str:
    """Return the name of this process for others: role, process id, machine."""
    return f"{role} {os.getpid()} on {socket.gethostname()}"


def session_of(who: str) -> str:
    """Return the name of a session of PostgreSQL, which cuts it."""
    return f"camwatch {who}"[:SESSION_MAX]


def is_sqlite(engine: Engine) -> bool:
    """Return whether the database is SQLite, not PostgreSQL."""
    return engine.dialect.name == "sqlite"


@contextmanager
def write_transaction(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that writes: alone, from its first statement to its commit.

    Waits `BUSY_S` for another who writes, then sqlalchemy.exc.OperationalError.
    """
    with engine.connect() as connection, write_transaction_on(connection):
        yield connection


@contextmanager
def write_transaction_on(connection: Connection) -> Iterator[None]:
    """Do the same on a connection that is kept."""
    connection.execution_options(**{_IMMEDIATE: True})
    with connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _WRITER})
        yield


@contextmanager
def read_transaction(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that sees one instant of the store, however long it reads."""
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with connection.begin():
            yield connection


def stream_rows(connection: Connection, table: Table, count: int) -> Sequence[int]:
    """Return the numbers of the next rows of a table with an `id`; an autoincrement one gives none twice."""
    if connection.dialect.name == "postgresql":
        query = text("SELECT nextval(pg_get_serial_sequence(:name, 'id')) FROM generate_series(1, :count)")
        return connection.execute(query, {"name": table.name, "count": count}).scalars().all()
    last = connection.execute(select(func.max(table.c.id))).scalar() or 0
    if table.dialect_options["sqlite"]["autoincrement"]:
        query = text("SELECT seq FROM sqlite_sequence WHERE name = :name")
        last = max(last, connection.execute(query, {"name": table.name}).scalar() or 0)
    return range(last + 1, last + 1 + count)


def bulk_insert(
    connection: Connection,
    table: Table,
    names: tuple[str, ...],
    rows: Iterable[Sequence[Any]],
    *,
    upsert: bool = False,
) -> None:
    """Insert rows, in order, as fast as the database takes them; values go as they are.

    With `upsert` a row replaces the one that has the same primary key.
    """
    _in_pieces(connection, _insert(table, names, upsert, connection.dialect), rows)


def _in_pieces(connection: Connection, statement: str, rows: Iterable[Sequence[Any]]) -> None:
    remaining = iter(rows)
    while piece := list(islice(remaining, _ROWS)):
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql(statement, [tuple(row) for row in piece])
        else:
            connection.exec_driver_sql(statement, tuple(map(list, zip(*piece, strict=True))))


@lru_cache(maxsize=64)
def _insert(table: Table, names: tuple[str, ...], upsert: bool, dialect: Dialect) -> str:
    columns = ", ".join(f'"{name}"' for name in names)
    if dialect.name == "sqlite":
        source = f"VALUES ({', '.join('?' * len(names))})"
    else:  # one array a column: a single statement for any number of rows
        arrays = ", ".join(f"%s::{table.c[name].type.compile(dialect=dialect)}[]" for name in names)
        source = f"SELECT * FROM unnest({arrays})"  # noqa: S608 - our own names, no value
    statement = f'INSERT INTO "{table.name}" ({columns}) {source}'
    if upsert:
        key = [column.name for column in table.primary_key]
        taken = ", ".join(f'"{name}" = excluded."{name}"' for name in names if name not in key)
        statement += f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {taken}"
    return statement


def _sqlite(file: Path) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(file)), connect_args={"timeout": BUSY_S, "isolation_level": None}
    )

    @event.listens_for(engine, "connect")
    def _prepare(raw: Any, _record: object) -> None:
        cursor = raw.cursor()
        cursor.execute("PRAGMA synchronous = FULL")  # what is committed survives a power cut
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        alone = connection.get_execution_options().get(_IMMEDIATE)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if alone else "BEGIN")

    return engine


def _postgresql(address: URL, connect_timeout_s: float) -> Engine:
    idle, interval, count = KEEP_ALIVE_S
    silence_ms = (idle + interval * count) * 1000
    engine = create_engine(
        address,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": max(2, round(connect_timeout_s)),  # libpq's smallest
            "application_name": session_of(process_name()),
            "keepalives_idle": idle,
            "keepalives_interval": interval,
            "keepalives_count": count,
            "tcp_user_timeout": silence_ms,
        },
    )

    @event.listens_for(engine, "connect")
    def _prepare(raw: Any, _record: object) -> None:
        # The server also notices a lost client and frees its locks, so no other waits without limit.
        raw.execute(
            f"SET tcp_keepalives_idle = {idle}; SET tcp_keepalives_interval = {interval};"
            f"SET tcp_keepalives_count = {count}; SET lock_timeout = '{BUSY_S:g}s';"
            f"SET idle_in_transaction_session_timeout = '60s'; SET synchronous_commit = on"
        )
        raw.commit()

    return engine
