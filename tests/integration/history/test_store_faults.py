"""Disks that fill up, servers that go away, locks that others keep: nothing half stored, nothing twice."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event

from camwatch.core.model import Status
from camwatch.errors import StoreError
from camwatch.history import dialects
from camwatch.history.store import Store
from camwatch.history.write_queue import Batch
from camwatch.settings import HistorySettings
from tests.support.history.builders import batch, memory, outage, rows, went
from tests.support.postgres import PostgreSQL

TRANSITIONS = "SELECT status FROM transitions ORDER BY id"


def full(number: int) -> Batch:
    """Return a batch with something for several tables."""
    return batch(number, went(Status.DOWN, number), outage(number), checkpoints=[memory(up=number)])


def numbers(store: Store) -> tuple[int, int, int]:
    """Return the batch's number, and how many transitions and outages are stored."""
    [(transitions,)] = rows(store, "SELECT count(*) FROM transitions")
    [(outages,)] = rows(store, "SELECT count(*) FROM outages")
    return store.load().number, transitions, outages


def writes(connection: Connection) -> bool:
    """Tell whether what is to be committed is a batch: the first one of its connection."""
    return bool(connection.get_execution_options().get(dialects._IMMEDIATE))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return where a store in a file is."""
    return tmp_path / "camwatch.db"


@pytest.fixture
def filed(file: Path) -> Iterator[Store]:
    """Open a store in a file that holds one batch."""
    with Store.open(HistorySettings(url=f"sqlite:///{file}")) as store:
        store.acquire_lock()
        store.write(full(1))
        yield store


def test_a_commit_whose_answer_is_lost_is_not_stored_twice(store: Store) -> None:
    """The writer cannot know; it sends the batch again."""

    def commit_and_lose(connection: Connection) -> None:
        if writes(connection):
            raw: Any = connection.connection.driver_connection
            raw.commit()
            raise StoreError("the answer was lost")

    event.listen(store.engine, "commit", commit_and_lose)
    with pytest.raises(StoreError, match="lost"):
        store.write(full(1))
    event.remove(store.engine, "commit", commit_and_lose)
    assert numbers(store) == (1, 1, 1)
    store.write(full(1))
    assert numbers(store) == (1, 1, 1)
    store.write(full(2))
    assert numbers(store) == (2, 2, 2)


def test_a_session_that_ends_between_begin_and_commit_leaves_nothing(
    postgres: PostgreSQL, template: str
) -> None:
    with Store.open(HistorySettings(url=postgres.url(postgres.fresh(template)))) as store:
        store.acquire_lock()

        def kill_session(connection: Connection) -> None:
            if writes(connection):
                raw: Any = connection.connection.driver_connection
                with postgres.connect() as session:
                    session.execute("SELECT pg_terminate_backend(%s, 5000)", (raw.info.backend_pid,))

        event.listen(store.engine, "commit", kill_session)
        with pytest.raises(StoreError, match="not reachable"):
            store.write(full(1))
        event.remove(store.engine, "commit", kill_session)
        assert numbers(store) == (0, 0, 0)
        store.write(full(1))
        assert numbers(store) == (1, 1, 1)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_server_that_stops_and_starts_loses_nothing(end: str) -> None:
    """What was stored is stored, even if the server crashes; what was not is stored afterwards."""
    with (
        PostgreSQL(durable=True) as server,
        Store.open(HistorySettings(url=server.url(server.fresh()))) as store,
    ):
        store.acquire_lock()
        store.write(full(1))
        getattr(server, end)()
        for _ in range(2):
            with pytest.raises(StoreError, match="not reachable"):
                store.write(full(2))
            with pytest.raises(StoreError, match="not reachable"):
                store.load()
        server.start()
        assert numbers(store) == (1, 1, 1)
        store.write(full(2))
        assert numbers(store) == (2, 2, 2)


def test_a_full_disk_stops_the_record_until_there_is_room(filed: Store) -> None:
    def fill_up(raw: Any, _record: object) -> None:
        [(pages,)] = raw.execute("PRAGMA page_count")
        raw.execute(f"PRAGMA max_page_count = {pages}").fetchall()

    names = [f"cam-{number}" for number in range(2000)]
    large = batch(2, *(went(Status.UP, 2, name) for name in names))
    event.listen(filed.engine, "connect", fill_up)
    filed._drop_connection()
    for _ in range(2):
        with pytest.raises(StoreError, match=r"the disk is full.*make room"):
            filed.write(large)
    event.remove(filed.engine, "connect", fill_up)
    assert numbers(filed) == (1, 1, 1)
    filed.write(large)
    assert numbers(filed) == (2, 2001, 1)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for other writers a moment only."""
    monkeypatch.setattr(dialects, "BUSY_S", 0.1)


@pytest.mark.usefixtures("hasty")
def test_a_store_that_another_process_locks_is_written_afterwards(store_url: str) -> None:
    with (
        Store.open(HistorySettings(url=store_url)) as store,
        Store.open(HistorySettings(url=store_url)) as other,
    ):
        store.acquire_lock()
        store.write(full(1))
        with dialects.write_transaction(other.engine):
            for _ in range(2):
                with pytest.raises(StoreError, match="locked by another process"):
                    store.write(full(2))
            assert numbers(other) == (1, 1, 1), "readers go on"
        store.write(full(2))
        assert numbers(store) == (2, 2, 2)


def test_a_file_that_is_replaced_under_a_running_daemon_is_not_written(filed: Store, file: Path) -> None:
    """SQLite would go on writing what no path leads to any more: the record would end, and nobody know."""
    aside = file.with_name("aside.db")
    file.rename(aside)
    with pytest.raises(StoreError):
        filed.write(full(2))
    shutil.copy(aside, file)
    with pytest.raises(StoreError, match="was replaced"):
        filed.write(full(2))
    aside.rename(file)
    filed.write(full(2))
    assert numbers(filed) == (2, 2, 2)


def test_a_file_that_breaks_while_in_use_says_how_to_restore(filed: Store, file: Path) -> None:
    filed.engine.dispose()
    filed._drop_connection()
    with file.open("r+b") as handle:
        handle.seek(0)
        handle.write(b"no database at all")
    with pytest.raises(StoreError, match=r"damaged.*docs/how-to/backup\.md"):
        filed.write(full(2))


def test_no_message_shows_what_was_to_be_stored(store: Store) -> None:
    """Drivers quote their parameters; names of people's homes do not belong in logs."""
    with pytest.raises(StoreError) as caught:
        store.write(batch(1, checkpoints=[memory("secret-site", since_ms=None)]))
    assert "secret-site" not in str(caught.value)
    assert "since_ms" in str(caught.value)
    assert "\n" not in str(caught.value)
