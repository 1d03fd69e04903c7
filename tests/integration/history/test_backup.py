"""The commands of docs/how-to/backup.md, run as they stand there, on a store that is being written."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import select

from camwatch.core.model import Status
from camwatch.history import schema
from camwatch.history.store import Store
from camwatch.settings import HistorySettings
from tests.support.history.builders import batch, memory, outage, rows, went
from tests.support.mosquitto import program as any_program
from tests.support.paths import ROOT
from tests.support.postgres import PostgreSQL, program

PAGE = (ROOT / "docs" / "how-to" / "backup.md").read_text()


def commands(heading: str) -> list[str]:
    """Return the shell blocks under a heading: how to copy, how to restore."""
    section = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    [found] = [part for part in section if part.startswith(f"{heading}\n")]
    return re.findall(r"^```sh\n(.*?)^```$", found, re.MULTILINE | re.DOTALL)


def run(block: str, *replaced: tuple[str, str]) -> None:
    """Run a block with the page's places replaced by the test's."""
    for old, new in replaced:
        assert old in block
        block = block.replace(old, new)
    path = os.pathsep.join((str(Path(program("pg_dump")).parent), os.environ["PATH"]))
    done = subprocess.run(
        ["bash", "-euc", block], env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def contents(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table."""
    with store.engine.connect() as connection:
        return {
            table.name: sorted(tuple(row) for row in connection.execute(select(table)))
            for table in schema.metadata.sorted_tables
        }


@contextmanager
def writing(store: Store) -> Iterator[Callable[[], int]]:
    """Write batches all the while; each has one transition. Gives the number of the last one stored."""
    ending, begun = threading.Event(), threading.Event()
    number = 0

    def work() -> None:
        nonlocal number
        while not ending.is_set():
            number += 1
            events = (outage(number), went(Status.DOWN, number), outage(number + 0.5, ended=True))
            store.write(batch(number, *events, checkpoints=[memory(up=number)]))
            if number == 20:
                begun.set()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert begun.wait(30)
        yield lambda: number
    finally:
        ending.set()
        thread.join()


def check_copy(copy: Store, at_least: int) -> None:
    """One instant, whole: as many transitions and outages as batches, all of them over."""
    number = copy.load().number
    assert number >= at_least
    assert rows(copy, "SELECT count(*), max(id) FROM transitions") == [(number, number)]
    assert rows(copy, "SELECT count(*), count(end_ms) FROM outages") == [(number, number)]
    assert [found.up for found in copy.load().checkpoints] == [number]


def check_restored(url: str, copied: dict[str, list[tuple[Any, ...]]]) -> None:
    """Compare what was restored with what was copied, and go on from there; numbers may have gaps."""
    with Store.open(HistorySettings(url=url)) as restored:
        assert contents(restored) == copied
        number = restored.load().number
        restored.acquire_lock()
        restored.write(batch(number + 1, went(Status.UP, 1), outage(number + 1)))
        assert rows(restored, "SELECT max(id) FROM outages")[0][0] > number
        assert restored.load().number == number + 1


def test_a_file_is_copied_while_it_is_written_and_restored(tmp_path: Path) -> None:
    any_program("sqlite3")
    copy, restore = commands("SQLite")
    home, kept = tmp_path / "home", tmp_path / "kept"
    home.mkdir()
    kept.mkdir()
    places = (("/var/lib/camwatch", str(home)), ("/backup", str(kept)))
    with Store.open(HistorySettings(url=f"sqlite:///{home / 'camwatch.db'}")) as store:
        store.acquire_lock()
        with writing(store) as stored:
            before = stored()
            run(copy, *places)
    kept_url = f"sqlite:///{kept / 'camwatch.db'}"
    with Store.open(HistorySettings(url=kept_url)) as opened:
        check_copy(opened, before - 1)
        copied = contents(opened)
    (home / "camwatch.db").write_bytes(b"damaged")
    (home / "camwatch.db-wal").write_bytes(b"damaged")
    run(restore, *places)
    check_restored(f"sqlite:///{home / 'camwatch.db'}", copied)
    assert (home / "damaged" / "camwatch.db").read_bytes() == b"damaged"


def test_a_database_is_copied_while_it_is_written_and_restored(
    postgres: PostgreSQL, template: str, tmp_path: Path
) -> None:
    copy, restore = commands("PostgreSQL")
    name = postgres.fresh(template)
    server = ("@db.example/", f"@127.0.0.1:{postgres.port}/")
    with Store.open(HistorySettings(url=postgres.url(name))) as store:
        store.acquire_lock()
        with writing(store) as stored:
            before = stored()
            run(
                copy,
                server,
                ("/backup", str(tmp_path)),
                (f"{postgres.port}/camwatch", f"{postgres.port}/{name}"),
            )
    restored = f"{name}_restored"
    run(restore, server, ("/backup", str(tmp_path)), ("camwatch_restored", restored))
    with Store.open(HistorySettings(url=postgres.url(restored))) as opened:
        check_copy(opened, before - 1)
        copied = contents(opened)
    check_restored(postgres.url(restored), copied)
