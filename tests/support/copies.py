"""Stores that go back: copied, and the copy put in their place while a daemon has them open."""

from __future__ import annotations

import contextlib
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

from tests.support.postgres import PostgreSQL


class Copies(ABC):
    """A store at `url` whose state can be copied and put back."""

    url: str

    @abstractmethod
    def take(self) -> None:
        """Copy what is stored now."""

    @abstractmethod
    def put_back(self) -> None:
        """Make the copy the state of the store again, under whoever has it open."""

    @abstractmethod
    def empty(self) -> None:
        """Take all tables away."""


class InFile(Copies):
    """SQLite: a copy as `.backup` makes it, put back as `.restore` does; the file stays the same file."""

    def __init__(self, file: Path) -> None:
        self.url = f"sqlite:///{file}"
        self._file, self._copy = file, file.with_name("copy.db")

    def take(self) -> None:
        """Copy the file."""
        _copy(self._file, self._copy)

    def put_back(self) -> None:
        """Restore in place."""
        _copy(self._copy, self._file)

    def empty(self) -> None:
        """Restore what holds nothing."""
        _copy(self._file.with_name("empty.db"), self._file)


def _copy(source: Path, target: Path) -> None:
    with (
        contextlib.closing(sqlite3.connect(source)) as one,
        contextlib.closing(sqlite3.connect(target, timeout=10)) as other,
    ):
        one.backup(other)


class InServer(Copies):
    """PostgreSQL: another database under the same name, as after the promotion of a standby that lags."""

    def __init__(self, server: PostgreSQL) -> None:
        self._server, self._name = server, server.fresh()
        self.url = server.url(self._name)

    def take(self) -> None:
        """Copy the database; sessions are cut off."""
        with self._closed():
            self._make(f"{self._name}_copy", self._name)

    def put_back(self) -> None:
        """Put the copy in its place."""
        with self._closed():
            self._make(self._name, f"{self._name}_copy")

    def empty(self) -> None:
        """Drop it and make it anew."""
        with self._closed():
            self._make(self._name, "template0")

    def _make(self, name: str, template: str) -> None:
        with self._server.connect() as session:
            session.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            session.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")

    @contextlib.contextmanager
    def _closed(self) -> Iterator[None]:
        """Let no session in meanwhile."""
        with self._server.connect() as session:
            session.execute(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS false")
            session.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
                (self._name,),
            )
            yield
            session.execute(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS true")
