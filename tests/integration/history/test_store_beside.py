"""What SQLite keeps beside the database is removed under a running daemon: it is told, nothing is lost."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from camwatch.errors import StoreError
from camwatch.history.dialects import open_engine
from camwatch.history.sqlite_files import SqliteFiles
from camwatch.history.store import Store
from camwatch.settings import HistorySettings
from tests.support.history.builders import batch

KILLED = """
import os, pathlib, signal, sys
from camwatch.errors import StoreError
from camwatch.history.sqlite_files import SqliteFiles
from camwatch.history.dialects import open_engine
from camwatch.history.write_queue import Batch
from camwatch.history.store import Store
from camwatch.settings import HistorySettings
file = pathlib.Path(sys.argv[1])
store = Store.open(HistorySettings(url=f"sqlite:///{file}"))
store.acquire_lock()
for number in (1, 2):
    store.write(Batch(number, number))
file.with_name(file.name + sys.argv[2]).unlink()
try:
    store.write(Batch(3, 3))
except StoreError as error:
    print(error, flush=True)
    store.write(Batch(3, 3))
os.kill(os.getpid(), signal.SIGKILL)
"""
BESIDE = pytest.mark.parametrize("name", ["-wal", "-shm"])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return where the store is."""
    return tmp_path / "camwatch.db"


def stored(file: Path) -> int:
    """Return the number of the last batch, as another process reads it."""
    with closing(sqlite3.connect(file)) as connection:
        [(value,)] = connection.execute("SELECT value FROM store_metadata WHERE name = 'batch'")
    return int(value)


@BESIDE
def test_removing_a_file_beside_the_store_and_a_kill_lose_nothing(file: Path, name: str) -> None:
    """It is noticed before the next batch, and all that it held goes into the database."""
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, file, name], capture_output=True, check=False, text=True
    )
    assert f"camwatch.db{name} was removed" in killed.stdout, killed.stderr
    with Store.open(HistorySettings(url=f"sqlite:///{file}")) as after:
        assert after.load().number == 3


@BESIDE
def test_a_removed_file_is_reported_once_and_nothing_stored_is_lost(file: Path, name: str) -> None:
    with Store.open(HistorySettings(url=f"sqlite:///{file}")) as store:
        store.acquire_lock()
        for number in (1, 2):
            store.write(batch(number))
        file.with_name(file.name + name).unlink()
        with pytest.raises(StoreError, match=rf"camwatch\.db{name} was removed.*nothing is lost"):
            store.write(batch(3))
        assert stored(file) == 2
        for number in (3, 4):
            store.write(batch(number))
        assert store.load().number == stored(file) == 4


def test_a_reader_that_is_in_the_way_is_named_until_it_ends(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("camwatch.history.sqlite_files.BUSY_S", 0.05)
    with (
        Store.open(HistorySettings(url=f"sqlite:///{file}")) as store,
        closing(sqlite3.connect(file, isolation_level=None)) as reader,
    ):
        store.acquire_lock()
        store.write(batch(1))
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM store_metadata").fetchall()
        store.write(batch(2))
        file.with_name("camwatch.db-wal").unlink()
        with pytest.raises(StoreError, match="others read what it held"):
            store.write(batch(3))
        reader.execute("COMMIT")
        with pytest.raises(StoreError, match="nothing is lost"):
            store.write(batch(3))
        store.write(batch(3))
        assert store.load().number == 3


def test_the_files_are_put_away_when_the_store_is_closed(file: Path) -> None:
    with Store.open(HistorySettings(url=f"sqlite:///{file}")) as store:
        store.acquire_lock()
        store.write(batch(1))
        assert file.with_name("camwatch.db-wal").exists()
    assert not file.with_name("camwatch.db-wal").exists()


def test_a_file_that_cannot_be_opened_is_a_failure_of_the_store(tmp_path: Path) -> None:
    """H1: such as where no descriptor is left; it may be tried again."""
    ahead = SqliteFiles(open_engine(f"sqlite:///{tmp_path / 'nowhere' / 'camwatch.db'}"))
    with pytest.raises(StoreError, match="cannot be opened"):
        ahead.hold()
    (tmp_path / "nowhere").mkdir()
    ahead.hold()
    ahead.release()
