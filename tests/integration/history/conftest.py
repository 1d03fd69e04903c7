"""What the tests of the record share: a store in a file, a store in a real server, each test its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from camwatch.history.store import Store
from camwatch.settings import HistorySettings
from tests.support.postgres import PostgreSQL

KINDS = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def template(postgres: PostgreSQL) -> str:
    """Make a database with today's tables and nothing in them, to be copied."""
    name = postgres.fresh()
    Store.open(HistorySettings(url=postgres.url(name))).close()
    return name


@pytest.fixture(params=KINDS)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a store can be made; nothing is there yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'camwatch.db'}"
    server: PostgreSQL = request.getfixturevalue("postgres")
    return server.url(server.fresh())


@pytest.fixture(params=KINDS)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a store is, with nothing in it."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'camwatch.db'}"
        Store.open(HistorySettings(url=url)).close()
        return url
    server: PostgreSQL = request.getfixturevalue("postgres")
    return server.url(server.fresh(request.getfixturevalue("template")))


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """Open a store and hold it, as the daemon does."""
    with Store.open(HistorySettings(url=store_url)) as opened:
        opened.acquire_lock()
        yield opened
