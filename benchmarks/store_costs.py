"""What a year in the store costs: storing it, reports on it, the audit, a start, folding, its size."""

from __future__ import annotations

import sqlite3
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

import psycopg
from sqlalchemy import func, select, text

from benchmarks.environment import broker
from benchmarks.errors import BenchmarkError
from benchmarks.process import Process
from benchmarks.synthetic_history import DAY, attribute, batches_of, generate, store_year
from camwatch import __version__
from camwatch.fleet.inventory import Inventory, load_inventory
from camwatch.history import schema
from camwatch.history.audit import audit
from camwatch.history.dialects import is_sqlite, read_transaction
from camwatch.history.queries import read
from camwatch.history.recording_store import RecordingStore
from camwatch.history.store import Store
from camwatch.i18n import Language
from camwatch.reports.builder import build
from camwatch.reports.model import Report, ReportScope
from camwatch.reports.period import Period, month_of
from camwatch.reports.renderers import csv_table, html_page, json_document, text_table
from camwatch.settings import HistorySettings
from tests.support.mosquitto import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.synthetic_history import Year

ZONE = ZoneInfo("Europe/Paris")
_FLEET = Path("config/fleet")
_CAMWATCH = str(Path(sys.executable).with_name("camwatch"))
_TABLES = ("transitions", "outages", "service_periods", "backfills", "monitoring_gaps", "reboots")
_SAMPLE = 20  # cameras whose year is reported
_FOLDED_QUARTER = 365 - 91


@dataclass(slots=True)
class StoreCosts:
    """Seconds unless the name has another unit; lists have one value per repetition."""

    rows: int
    stored: float = 0.0
    floor: float = 0.0
    megabytes: float = 0.0
    report: list[float] = field(default_factory=list)  # the whole process, JSON
    parts: dict[str, float] = field(default_factory=dict)  # of a report, in a process that is warm
    camera: list[float] = field(default_factory=list)  # a camera's year, one value a camera
    started: list[float] = field(default_factory=list)
    standing: float = 0.0
    audit: float = 0.0
    fold: float = 0.0


class StoredYear(NamedTuple):
    """A store with the year in it."""

    url: str
    year: Year
    inventory: Inventory
    folder: Path

    @property
    def settings(self) -> HistorySettings:
        """The settings of its `[history]`."""
        return HistorySettings(url=self.url)

    def config(self, broker_port: int, http_port: int) -> Path:
        """Write a settings file for it, and return its path."""
        file = self.folder / "camwatch.toml"
        file.write_text(
            f'[fleet]\npath = "{_FLEET.resolve()}"\n'
            f'[[brokers]]\nname = "main"\nurl = "mqtt://127.0.0.1:{broker_port}"\n'
            f"[clock]\nrequire_sync = false\n"
            f'[history]\nurl = "{self.url}"\n'
            f'[http]\nlisten = "127.0.0.1:{http_port}"\n'
        )
        return file


def stored_year(transitions: int) -> tuple[Year, Inventory]:
    """Return a year of the reference fleet that ended just now."""
    inventory = load_inventory(_FLEET, ZONE)
    now_ms = time.time_ns() // 60_000_000_000 * 60_000
    return generate(inventory, now_ms - 60_000, transitions), inventory


def store_costs(kept: StoredYear, times: int, progress: Callable[[str], None]) -> StoreCosts:
    """Store the year, and measure all that is done with it."""
    costs = StoreCosts(rows=0)
    with Store.open(kept.settings) as store:
        store.acquire_lock()
        costs.stored = store_year(store, kept.year)
        attribute(store.engine, kept.year.end_ms)
        costs.megabytes = _megabytes(store)
        began = time.perf_counter()
        found = audit(store.engine, ZONE)
        costs.audit = time.perf_counter() - began
        if found.findings:
            raise BenchmarkError(f"the year does not pass the audit: {found.findings[0]}")
        costs.rows = found.checked.transitions
    costs.floor = _floor(kept, batches_of(kept.year))
    progress(
        f"stored in {costs.stored:.2f} s (the rows alone {costs.floor:.2f} s), {costs.megabytes:.1f} MB, "
        f"audit {costs.audit:.2f} s"
    )
    with Store.open(kept.settings) as store:
        _in_process(kept, store, costs, times)
    costs.report = [_report(kept) for _ in range(times)]
    costs.started = list(_starts(kept, times))
    progress(
        f"report {_listed(costs.report)} s; in a warm process "
        + ", ".join(f"{name} {1000 * seconds:.0f} ms" for name, seconds in costs.parts.items())
    )
    progress(
        f"a camera's year {1000 * statistics.median(costs.camera):.1f} ms, at most "
        f"{1000 * max(costs.camera):.1f} ms; start {_listed(costs.started)} s, "
        f"standing {costs.standing:.2f} s"
    )
    if kept.url.startswith("sqlite:"):
        costs.fold = _fold(kept)
        progress(f"a quarter folded in {costs.fold:.2f} s")
    return costs


def _listed(seconds: Sequence[float]) -> str:
    return " ".join(f"{value:.2f}" for value in seconds)


# --- reports


def _in_process(kept: StoredYear, store: Store, costs: StoreCosts, times: int) -> None:
    """Measure the parts of a month's report, a camera's year, and the standing, in this process."""
    taken: dict[str, list[float]] = {}
    for _ in range(times + 1):
        for name, seconds in _parts(kept):
            taken.setdefault(name, []).append(seconds)
    costs.parts = {name: statistics.median(its[1:]) for name, its in taken.items()}
    busiest = _busiest(store)
    others = [camera.camera for camera in kept.year.memories[:: len(kept.year.memories) // _SAMPLE]]
    _camera(kept, store, busiest)
    costs.camera = [_camera(kept, store, camera) for camera in (busiest, *others)]
    began = time.perf_counter()
    RecordingStore(store, ZONE, 1100).standing(kept.year.end_ms)
    costs.standing = time.perf_counter() - began


def _parts(kept: StoredYear) -> Iterator[tuple[str, float]]:
    """Yield the parts of a month's report on all operators, each with its seconds."""
    watch = _Watch()
    with Store.open(kept.settings, create=False) as store:
        yield "open", watch()
        with read_transaction(store.engine) as connection:
            period = _month(kept)
            record = read(connection, None, period.start_ms, period.end_ms)
            yield "read", watch()
        question = ReportScope(period, tuple(kept.inventory.operators), total=True)
        report = build(record, kept.inventory, question, now_ms=kept.year.end_ms, version=__version__)
        yield "figures", watch()
        language = Language("fr", ZONE)
        writers: dict[str, Callable[[Report], str]] = {
            "json": json_document.write,
            "csv": lambda found: csv_table.write(found, language),
            "table": lambda found: text_table.write(found, language),
            "html": lambda found: html_page.write(found, language),
        }
        for name, write in writers.items():
            write(report)
            yield name, watch()


def _camera(kept: StoredYear, store: Store, camera: str) -> float:
    """Return the seconds that a camera's year takes, from the store to the figures."""
    last = datetime.fromtimestamp(kept.year.end_ms / 1000, ZONE).date()
    period = Period(last - timedelta(days=364), last, ZONE)
    watch = _Watch()
    with read_transaction(store.engine) as connection:
        record = read(connection, None, period.start_ms, period.end_ms, camera=camera)
    question = ReportScope(period, tuple(kept.inventory.operators), total=True, camera=camera)
    found = build(record, kept.inventory, question, now_ms=kept.year.end_ms, version=__version__)
    seconds = watch()
    if not any(section.cameras for section in found.sections):
        raise BenchmarkError(f"there is no year of {camera}")
    return seconds


def _busiest(store: Store) -> str:
    query = (
        "SELECT c.id FROM transitions t JOIN cameras c ON c.key = t.camera_key"
        " GROUP BY c.id ORDER BY count(*) DESC, c.id LIMIT 1"
    )
    with read_transaction(store.engine) as connection:
        return str(connection.execute(text(query)).scalar())


def _report(kept: StoredYear) -> float:
    """Run `camwatch report` for a month of all operators; return the seconds of the whole process."""
    config = kept.config(1883, 10458)
    command = [_CAMWATCH, "report", "--config", str(config), "--all", "--format", "json"]
    command += ["--month", f"{_month(kept).first:%Y-%m}", "--output", str(kept.folder / "report.json")]
    watch = _Watch()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = watch()
    if done.returncode:
        raise BenchmarkError(f"camwatch report: {done.stderr.strip()}")
    return seconds


def _month(kept: StoredYear) -> Period:
    """Return the last month that is over."""
    today = datetime.fromtimestamp(kept.year.end_ms / 1000, ZONE).date()
    return month_of(date(today.year, today.month, 1) - timedelta(days=1), ZONE)


# --- the store


def _starts(kept: StoredYear, times: int) -> Iterator[float]:
    """Start `camwatch run` so often, and yield the seconds until it is ready."""
    with broker(kept.folder / "broker") as its_broker:
        for number in range(times):
            port = free_port()
            config = kept.config(its_broker.port, port)
            watch = _Watch()
            log = kept.folder / f"start-{number}.log"
            with Process([_CAMWATCH, "run", "--config", str(config)], log) as process:
                process.wait_until_ready(port, "/-/ready")
                yield watch()


def _fold(kept: StoredYear) -> float:
    """Fold the oldest quarter away, and return the seconds that took."""
    with Store.open(kept.settings) as store:
        store.acquire_lock()
        watch = _Watch()
        for _ in RecordingStore(store, ZONE, _FOLDED_QUARTER).fold(kept.year.end_ms + DAY):
            pass
        taken = watch()
        with read_transaction(store.engine) as connection:
            if not connection.execute(select(func.count()).select_from(schema.daily_rollups)).scalar():
                raise BenchmarkError("nothing was folded")
        return taken


def _megabytes(store: Store) -> float:
    """Return what the store takes on disk, once nothing is left in a journal."""
    with closing(store.engine.raw_connection()) as connection:
        cursor = connection.cursor()
        if is_sqlite(store.engine):
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            cursor.fetchall()
            cursor.close()
            file = Path(str(store.engine.url.database))
            return sum(path.stat().st_size for path in file.parent.glob(f"{file.name}*")) / 1e6
        cursor.execute("SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r'"
                       " AND relnamespace = 'public'::regnamespace")  # fmt: skip
        return float(cursor.fetchone()[0]) / 1e6  # type: ignore[index]


def _floor(kept: StoredYear, transactions: int) -> float:
    """Insert the same rows into the same tables, in as many transactions, with the bare driver."""
    if kept.url.startswith("sqlite:"):
        return _floor_sqlite(kept, transactions)
    return _floor_postgresql(kept, transactions)


def _floor_sqlite(kept: StoredYear, transactions: int) -> float:
    file = kept.folder / "floor.db"
    Store.open(HistorySettings(url=f"sqlite:///{file}")).close()
    with ExitStack() as stack:
        source = stack.enter_context(closing(sqlite3.connect(kept.url.removeprefix("sqlite:///"))))
        target = stack.enter_context(closing(sqlite3.connect(file, isolation_level=None)))
        target.execute("PRAGMA synchronous = FULL")
        work = []
        for table in ("cameras", *_TABLES):
            rows = source.execute(f'SELECT * FROM "{table}" ORDER BY 1').fetchall()  # noqa: S608 - our own names
            marks = ", ".join("?" * len(rows[0]))
            work.append((f'INSERT INTO "{table}" VALUES ({marks})', rows))  # noqa: S608 - our own names
        watch = _Watch()
        for pieces in _pieces(work, transactions):
            target.execute("BEGIN IMMEDIATE")
            for statement, rows in pieces:
                target.executemany(statement, rows)
            target.execute("COMMIT")
        return watch()


def _floor_postgresql(kept: StoredYear, transactions: int) -> float:
    with psycopg.connect(kept.url) as connection, connection.cursor() as cursor:
        work: list[tuple[str, list[tuple[Any, ...]]]] = []
        for table in _TABLES:
            cursor.execute(f'SELECT * FROM "{table}" ORDER BY 1'.encode())  # noqa: S608 - our own names
            work.append((f'COPY "floor_{table}" FROM STDIN', cursor.fetchall()))
            cursor.execute(f'CREATE TABLE "floor_{table}" (LIKE "{table}" INCLUDING ALL)'.encode())
        connection.commit()
        watch = _Watch()
        for pieces in _pieces(work, transactions):
            for statement, rows in pieces:
                with cursor.copy(statement.encode()) as copy:
                    for row in rows:
                        copy.write_row(row)
            connection.commit()
        seconds = watch()
        for table in _TABLES:
            cursor.execute(f'DROP TABLE "floor_{table}"'.encode())
        return seconds


_Work = list[tuple[str, list[tuple[Any, ...]]]]


def _pieces(work: _Work, number: int) -> Iterator[_Work]:
    """Deal each statement's rows out evenly over so many transactions, in order."""
    streams = [(statement, iter(rows), -(-len(rows) // number)) for statement, rows in work]
    for _ in range(number):
        yield [(statement, list(islice(rows, size))) for statement, rows, size in streams]


class _Watch:
    """Returns the seconds since it was last called."""

    def __init__(self) -> None:
        self._began = time.perf_counter()

    def __call__(self) -> float:
        began, self._began = self._began, time.perf_counter()
        return self._began - began
