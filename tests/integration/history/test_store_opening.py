"""What a store must be before camwatch uses it, and what camwatch says of one that is not."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from camwatch.errors import ConfigError, StoreError
from camwatch.history import migrations, schema
from camwatch.history.store import Store
from camwatch.history.write_queue import StoredState
from camwatch.settings import HistorySettings
from tests.support.history.builders import batch, entered, memory, rows
from tests.support.mosquitto import free_port
from tests.support.postgres import PostgreSQL


def at(url: str | Path) -> HistorySettings:
    """Return the settings of a store at a URL, or in a file."""
    return HistorySettings(url=url if isinstance(url, str) else f"sqlite:///{url}")


def refusal(where: HistorySettings, *, create: bool = True) -> str:
    """Return why a store was not opened: a fault of the setting `history.url`."""
    with pytest.raises(ConfigError) as caught:
        Store.open(where, create=create)
    [fault] = caught.value.problems
    assert fault.place == "history.url"
    return fault.problem


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Make a store with something in it, closed."""
    path = tmp_path / "camwatch.db"
    with Store.open(at(path)) as store:
        store.acquire_lock()
        store.write(batch(1, entered(0), checkpoints=[memory(f"cam-{number}") for number in range(500)]))
    return path


def digest(folder: Path) -> dict[str, str]:
    """Return what is in every file of a folder, but for the lock, and what whoever reads makes anew."""
    files = (
        path for path in folder.iterdir() if path.suffix not in (".lock", ".db-shm") and path.stat().st_size
    )
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


# Tables


def test_the_steps_lead_to_the_tables_that_an_empty_store_gets_at_once(empty_url: str) -> None:
    with Store.open(at(empty_url)) as store, store.engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), schema.metadata) == []
        at_once = described(connection)
    with store.engine.begin() as connection:
        for metadata in (schema.metadata, migrations._VERSION.metadata):
            metadata.drop_all(connection)
        migrations.run_migrations(connection)
        assert described(connection) == at_once
    store.engine.dispose()


def described(connection: Connection) -> object:
    """Return all that a database says of its tables: SQLite their very text, PostgreSQL its catalogue."""
    if connection.dialect.name == "sqlite":
        query = "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name"
        return connection.exec_driver_sql(query).all()
    queries = (
        "SELECT * FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 3, 4",
        (
            "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2"
        ),
        "SELECT * FROM pg_indexes WHERE schemaname = 'public' ORDER BY tablename, indexname",
    )
    return [connection.exec_driver_sql(query).all() for query in queries]


def test_camwatch_knows_every_step_without_asking_alembic() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    script = ScriptDirectory.from_config(config)
    assert [step.revision for step in script.walk_revisions()][::-1] == list(migrations.REVISIONS)
    assert script.get_heads() == [migrations.HEAD]


def test_a_store_opens_without_alembic_when_it_is_made_and_ever_after(empty_url: str) -> None:
    """Importing it takes longer than all else."""
    code = (
        "import sys; from camwatch.settings import HistorySettings; from camwatch.history.store import Store;"
        "Store.open(HistorySettings(url=sys.argv[1])).close(); print('alembic' in sys.modules)"
    )
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", code, empty_url], capture_output=True, text=True, check=True
        )
        assert done.stdout.splitlines()[-1] == "False"


def test_two_that_open_an_empty_store_at_once_both_find_it_made(empty_url: str) -> None:
    found: list[StoredState] = []

    def work() -> None:
        with Store.open(at(empty_url)) as store:
            found.append(store.load())

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert found == [StoredState()] * 3


def test_a_step_that_fails_leaves_nothing_behind(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash in the middle of making the tables: the next start makes them all."""
    made = migrations.upgrade

    def upgrade_and_crash(connection: object) -> None:
        made(connection)  # type: ignore[arg-type]  # what the caller hands over
        raise RuntimeError("the power failed")

    monkeypatch.setattr(migrations, "upgrade", upgrade_and_crash)
    with pytest.raises(RuntimeError):
        Store.open(at(empty_url))
    monkeypatch.undo()
    with Store.open(at(empty_url)) as store:
        assert store.load() == StoredState()


def test_a_store_of_a_newer_camwatch_is_refused(store_url: str) -> None:
    with Store.open(at(store_url)) as store, store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    problem = refusal(at(store_url))
    assert "newer camwatch" in problem
    assert "9999" in problem
    assert "docs/how-to/backup.md" in problem


def test_tables_of_another_program_are_left_alone(
    empty_url: str, tmp_path: Path, postgres: PostgreSQL
) -> None:
    if empty_url.startswith("sqlite"):
        with closing(sqlite3.connect(tmp_path / "camwatch.db")) as connection:
            connection.execute("CREATE TABLE cameras (x)")
    else:
        with postgres.connect(empty_url.rpartition("/")[2]) as session:
            session.execute("CREATE TABLE cameras (x int)")
    assert "tables that camwatch did not make (cameras)" in refusal(at(empty_url))


# Files


def test_a_file_is_written_so_that_a_power_cut_takes_nothing_back(tmp_path: Path) -> None:
    with Store.open(at(tmp_path / "a.db")) as store:
        assert rows(store, "PRAGMA journal_mode") == [("wal",)]
        assert rows(store, "PRAGMA synchronous") == [(2,)]
        assert rows(store, "PRAGMA foreign_keys") == [(1,)]


@pytest.mark.parametrize("name", ["à l'été #1%20.db", "a b;c.db", "x" * 200 + ".db"])
def test_a_file_may_have_any_name(tmp_path: Path, name: str) -> None:
    for _ in range(2):
        with Store.open(at(tmp_path / name)) as store:
            assert store.load() == StoredState()
    assert (tmp_path / name).stat().st_size


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert f"the folder {tmp_path / 'no'} does not exist" in refusal(at(tmp_path / "no" / "a.db"))
    assert "is a folder" in refusal(at(tmp_path))


def test_a_file_that_is_not_there_is_made_only_where_that_is_wanted(tmp_path: Path) -> None:
    """A report of a mistyped path is no reason to begin a new record there."""
    assert "is not there yet" in refusal(at(tmp_path / "a.db"), create=False)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_may_not_be_written_is_refused(file: Path) -> None:
    """As another user than root, whom no mode stops."""
    code = (
        "import sys, os\n"
        "from camwatch.settings import HistorySettings; from camwatch.history.store import Store\n"
        "from camwatch.errors import ConfigError\n"
        "os.getuid() or os.setuid(65534)\n"
        "try: Store.open(HistorySettings(url=sys.argv[1]))\n"
        "except ConfigError as error: print(error)"
    )

    def told(path: Path) -> str:
        command = [sys.executable, "-c", code, f"sqlite:///{path}"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    open_folder = Path(shutil.copytree(file.parent, f"/var/tmp/{file.parent.parent.name}-{os.getpid()}"))  # noqa: S108 - where any user may look
    try:
        open_folder.chmod(0o555)
        assert "may not be written by this user" in told(open_folder / "camwatch.db")
        open_folder.chmod(0o777)
        (open_folder / "camwatch.db").chmod(0o444)
        assert "may not be read and written by this user" in told(open_folder / "camwatch.db")
    finally:
        shutil.rmtree(open_folder)


def test_what_is_no_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "camwatch.db"
    path.write_text("operator_id,name\n" * 100)
    before = digest(tmp_path)
    problem = refusal(at(path))
    assert str(path) in problem
    assert "see docs/how-to/backup.md for how to restore" in problem
    assert digest(tmp_path) == before


def pages_of(content: bytes) -> list[int]:
    return list(range(0, len(content), 4096))


@pytest.mark.parametrize("damage", ["cut", "zeros", "noise"])
def test_a_damaged_file_is_refused_and_left_as_it_is(file: Path, damage: str) -> None:
    content = bytearray(file.read_bytes())
    middle = pages_of(bytes(content))[len(pages_of(bytes(content))) // 2]
    if damage == "cut":
        del content[middle:]
    else:
        content[middle : middle + 4096] = bytes(4096) if damage == "zeros" else os.urandom(4096)
    file.write_bytes(content)
    before = digest(file.parent)
    assert "is damaged" in refusal(at(file))
    assert digest(file.parent) == before


def test_a_damaged_file_with_what_a_crash_left_beside_it_is_left_as_it_is(file: Path, tmp_path: Path) -> None:
    """Opening would play the log of the last transactions back into the file."""
    copy = tmp_path / "crashed"
    copy.mkdir()
    with Store.open(at(file)) as store:
        store.acquire_lock()
        store.write(batch(2, checkpoints=[memory("cam-1")]))
        for path in tmp_path.glob("camwatch.db*"):
            shutil.copy(path, copy)
    content = bytearray((copy / "camwatch.db").read_bytes())
    content[8192:12288] = os.urandom(4096)
    (copy / "camwatch.db").write_bytes(content)
    (copy / "camwatch.db-shm").unlink()
    before = digest(copy)
    assert "is damaged" in refusal(at(copy / "camwatch.db"))
    assert digest(copy) == before


def test_what_a_crash_left_beside_a_sound_file_is_played_back(file: Path, tmp_path: Path) -> None:
    """S6: whatever was stored is stored, also when nobody closed the file."""
    copy = tmp_path / "crashed"
    copy.mkdir()
    with Store.open(at(file)) as store:
        store.acquire_lock()
        store.write(batch(2, checkpoints=[memory("cam-1", up=99)]))
        for path in tmp_path.glob("camwatch.db*"):
            if path.suffix != ".db-shm":
                shutil.copy(path, copy)
        with Store.open(at(copy / "camwatch.db")) as crashed:
            assert crashed.load() == store.load()
            assert crashed.load().number == 2


# A server


def test_a_server_that_comes_late_is_awaited() -> None:
    with PostgreSQL() as server:
        name = server.fresh()
        server.stop()
        late = threading.Timer(0.7, server.start)
        late.start()
        try:
            with Store.open(HistorySettings(url=server.url(name), connect_timeout_s=30.0)) as store:
                assert store.load() == StoredState()
        finally:
            late.join()


def test_a_server_that_is_not_there_is_named_with_what_to_do() -> None:
    port = free_port()
    where = HistorySettings(url=f"postgresql://camwatch:hunter2@127.0.0.1:{port}/record")
    with pytest.raises(StoreError) as caught:
        Store.open(where, wait_s=0.0)
    told = str(caught.value)
    assert f"127.0.0.1:{port}" in told
    assert "history.connect_timeout_s" in told
    assert "hunter2" not in told


def test_waiting_for_a_server_ends_when_camwatch_is_stopped() -> None:
    stopping = threading.Event()
    stopping.set()
    with pytest.raises(StoreError):
        Store.open(
            at(f"postgresql://camwatch@127.0.0.1:{free_port()}/record"), wait_s=600.0, stopping=stopping
        )


def test_a_password_comes_from_a_file_and_is_never_shown(postgres: PostgreSQL, tmp_path: Path) -> None:
    password = f"sésame/50%#@ :{tmp_path.name}"
    postgres.secure(password)
    url = postgres.url(postgres.fresh(), "secured")
    secret = tmp_path / "password"
    secret.write_text(f"{password}\n")
    with Store.open(HistorySettings(url=url, password_file=secret)) as store:
        assert store.load() == StoredState()
        assert password not in repr(store.engine)
    secret.write_text("hunter2")
    problem = refusal(HistorySettings(url=url, password_file=secret))
    assert "password authentication failed" in problem
    assert "hunter2" not in problem


def test_a_database_that_is_not_there_is_a_fault_of_the_setting(postgres: PostgreSQL) -> None:
    assert 'database "nowhere" does not exist' in refusal(at(postgres.url("nowhere")))


def test_a_store_in_a_file_is_nobody_elses_to_read(tmp_path: Path) -> None:
    """Whatever the umask of who starts camwatch by hand."""
    file = tmp_path / "camwatch.db"
    before = os.umask(0o022)
    try:
        with Store.open(HistorySettings(url=f"sqlite:///{file}")) as store:
            store.acquire_lock()
            store.write(batch(1))
            modes = {each.name: each.stat().st_mode & 0o777 for each in tmp_path.iterdir()}
    finally:
        os.umask(before)
    names = ("", "-shm", "-wal", ".lock")
    assert modes == dict.fromkeys((f"camwatch.db{name}" for name in names), 0o600)


def test_who_only_reads_makes_no_tables(empty_url: str) -> None:
    """An audit of nothing must not say that it adds up."""
    with pytest.raises(ConfigError, match=r"`camwatch run` (makes its tables|creates it)"):
        Store.open(HistorySettings(url=empty_url), create=False)
    with Store.open(HistorySettings(url=empty_url)) as store:
        assert store.load().number == 0
