"""One daemon a store: the second is refused, and nothing but a living holder keeps anybody out."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from camwatch.core.model import Status
from camwatch.errors import InUseError, StoreError
from camwatch.history import lock, schema
from camwatch.history.dialects import bulk_insert, write_transaction
from camwatch.history.store import DAEMON, Store
from camwatch.settings import HistorySettings
from tests.support.history.builders import batch, rows, went
from tests.support.postgres import PostgreSQL

HOLDER = """
import sys, signal
from camwatch.history.write_queue import Batch
from camwatch.history.store import DAEMON, Store
from camwatch.settings import HistorySettings
store = Store.open(HistorySettings(url=sys.argv[1]))
store.acquire_lock()
store.write(Batch(1, 5))
print("held", flush=True)
signal.pause()
"""

SECOND = """
import sys
from camwatch.history import lock
from camwatch.history.store import DAEMON, Store
from camwatch.settings import HistorySettings
lock.WAIT_S = 0.0
Store.open(HistorySettings(url=sys.argv[1])).acquire_lock()
print("held")
"""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for no predecessor."""
    monkeypatch.setattr(lock, "WAIT_S", 0.0)


@pytest.mark.usefixtures("impatient")
def test_a_second_daemon_is_refused_and_told_who_is_first(store: Store, store_url: str) -> None:
    with Store.open(HistorySettings(url=store_url)) as second:
        with pytest.raises(InUseError, match=r"^history\.url: is in use") as caught:
            second.acquire_lock()
        who = f"another camwatch (process {os.getpid()} on {socket.gethostname()} since 2"
        assert who in str(caught.value)
        with pytest.raises(StoreError, match="another camwatch"):
            second.write(batch(1, went(Status.UP, 1)))
        assert second.load().number == 0
        store.close()
        second.acquire_lock()
        second.write(batch(1, went(Status.UP, 1)))


def test_who_holds_a_store_may_say_so_twice(store: Store) -> None:
    store.acquire_lock()
    store.write(batch(1))
    store.acquire_lock()
    assert store.load().number == 1


def test_a_daemon_waits_for_its_predecessor_to_end(store: Store, store_url: str) -> None:
    """A service manager starts the new one while the old one still stores its last batch."""
    ending = threading.Timer(0.3, store.close)
    ending.start()
    with Store.open(HistorySettings(url=store_url)) as second:
        second.acquire_lock()
        second.write(batch(1))
    ending.join()


def test_a_holder_that_is_killed_keeps_nobody_out(store_url: str) -> None:
    """`kill -9`: free at once, and what it had stored is there."""
    with subprocess.Popen([sys.executable, "-c", HOLDER, store_url], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        process.send_signal(signal.SIGKILL)
    with Store.open(HistorySettings(url=store_url)) as second:
        second.acquire_lock()
        assert second.load().number == 1


def test_readers_and_corrections_need_no_lock(store: Store, store_url: str) -> None:
    entry = (1, 2, "anne", "found out", "kind", "{}", "", "hash")
    names = tuple(column.name for column in schema.corrections.columns)
    with Store.open(HistorySettings(url=store_url)) as command:
        with write_transaction(command.engine) as connection:
            bulk_insert(connection, schema.corrections, names, [entry])
        store.write(batch(1))
        assert command.load().number == 1
    assert store.load().corrections == 1


@pytest.mark.usefixtures("impatient")
def test_two_names_of_a_file_are_one_store(tmp_path: Path) -> None:
    """Two locks for one store would be none."""
    (tmp_path / "link.db").symlink_to("camwatch.db")
    with (
        Store.open(HistorySettings(url=f"sqlite:///{tmp_path / 'camwatch.db'}")) as first,
        Store.open(HistorySettings(url=f"sqlite:///{tmp_path / 'link.db'}")) as second,
    ):
        first.acquire_lock()
        with pytest.raises(InUseError, match="in use"):
            second.acquire_lock()


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("name", ["hard.db", "camwatch.db"])
def test_no_hard_link_or_removed_lock_admits_a_second_daemon(tmp_path: Path, name: str) -> None:
    """The database file itself is locked, and it is one file under all its names."""
    file = tmp_path / "camwatch.db"
    with Store.open(HistorySettings(url=f"sqlite:///{file}")) as first:
        first.acquire_lock()
        first.write(batch(1))
        if name == file.name:
            file.with_name("camwatch.db.lock").unlink()
        else:
            (tmp_path / name).hardlink_to(file)
        tried = subprocess.run(
            [sys.executable, "-c", SECOND, f"sqlite:///{tmp_path / name}"],
            capture_output=True,
            check=False,
            text=True,
        )
        assert "in use by another camwatch" in tried.stderr
        assert tried.stdout == ""


def test_a_lock_that_is_removed_is_told_once_and_made_again(tmp_path: Path) -> None:
    file = tmp_path / "camwatch.db"
    beside = file.with_name("camwatch.db.lock")
    with Store.open(HistorySettings(url=f"sqlite:///{file}")) as store:
        store.acquire_lock()
        store.write(batch(1))
        beside.unlink()
        with pytest.raises(StoreError, match=r"camwatch\.db\.lock was removed.*made again"):
            store.write(batch(2))
        store.write(batch(2))
        assert beside.read_text().startswith(f"process {os.getpid()} ")
        assert not lock.FileLock(file.with_name("other.db")).is_taken()
        assert lock.FileLock(file).is_taken()


def test_to_ask_who_holds_a_store_takes_it_from_nobody(tmp_path: Path) -> None:
    where = HistorySettings(url=f"sqlite:///{tmp_path / 'camwatch.db'}")
    with Store.open(where) as asking, Store.open(where) as daemon:
        assert asking.holder() is None
        daemon.acquire_lock()
        assert f"process {os.getpid()}" in (asking.holder() or "")
        daemon.write(batch(1))
        daemon.close()
        assert asking.holder() is None


@pytest.mark.usefixtures("impatient")
def test_tables_are_not_changed_under_a_running_daemon(tmp_path: Path) -> None:
    """A command of a newer camwatch must not take the tables from an older daemon."""
    daemon = lock.FileLock(tmp_path / "camwatch.db")
    assert daemon.take()
    where = HistorySettings(url=f"sqlite:///{tmp_path / 'camwatch.db'}")
    with pytest.raises(InUseError, match="in use"):
        Store.open(where)
    daemon.release()
    Store.open(where).close()


def test_a_lock_lost_with_its_server_is_taken_again(postgres: PostgreSQL, template: str) -> None:
    """Sessions end when a server restarts; who writes first afterwards has the store."""
    name = postgres.fresh(template)
    where = HistorySettings(url=postgres.url(name))
    with Store.open(where) as first, Store.open(where) as second:
        first.acquire_lock()
        first.write(batch(1))
        _cut_off(postgres, name)
        first.write(batch(2, went(Status.UP, 2)))
        _cut_off(postgres, name)
        second.acquire_lock()
        for _ in range(2):
            with pytest.raises(StoreError, match="another camwatch took it meanwhile"):
                first.write(batch(3, went(Status.DOWN, 3)))
        second.close()
        first.write(batch(3, went(Status.DOWN, 3)))
        assert rows(first, "SELECT status FROM transitions ORDER BY id") == [("up",), ("down",)]


def _cut_off(server: PostgreSQL, database: str) -> None:
    with server.connect() as session:
        session.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", (database,)
        )


def test_whoever_has_a_store_is_told_for_what(store_url: str) -> None:
    """So that a daemon is asked to read its inventory, and nobody else."""
    with (
        Store.open(HistorySettings(url=store_url)) as one,
        Store.open(HistorySettings(url=store_url)) as asking,
    ):
        one.acquire_lock(DAEMON)
        assert (asking.holder() or "").startswith(f"daemon {os.getpid()} on {socket.gethostname()} since 2")
