"""What the record costs: a year in the store, 10,000 cameras that go down at once, and the upkeep."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from benchmarks.idle_cost import INTERVAL_S, idle_cost
from benchmarks.mass_outage import mass_outage
from benchmarks.report import Figure, Row, beside, within
from benchmarks.store_costs import StoredYear, store_costs, stored_year
from tests.support.postgres import PostgreSQL

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from benchmarks.mass_outage import MassOutage
    from benchmarks.store_costs import StoreCosts

CITY, MANY = 458, 10_000
_YEAR, _QUICK_YEAR = 200_000, 100_000

NOTES = """
The year: the reference fleet of 472 cameras (458 in service), 200,000 transitions and 1,000 attributions,
made up with outages that few cameras have most of, restarts, lost links and works; `camwatch audit` must
find nothing in it. Report: the whole process, JSON, a month of all operators; the parts in a process that
is warm. A camera's year: from the store to the figures; the median of 20 cameras, beside the busiest.

PostgreSQL runs beside the bench with its usual durability; SQLite syncs every transaction. The rows alone:
the same rows by `sqlite3.executemany` (PostgreSQL: by COPY), in as many transactions.

Deaths: {many:,} cameras with an interval of 1 s go down together, in a daemon whose store reports when a
batch is in it; the figure is how long the transition that waited longest had been noticed. Held: the worst
lateness of a 1 ms ticker meanwhile, less that of a daemon that remembers nothing; medians of three.

Upkeep: CPU of the daemon at one heartbeat in {interval:.0f} s and camera, beside one that remembers nothing.
"""

_REMEDY_REPORT = "To reach it: import less, and read fewer rows."
_REMEDY_CAMERA = (
    "To reach it: keep the journal's projection, and read the camera's rows with one query a table."
)
_REMEDY_START = "To reach it: import less before the links connect."
_REMEDY_SIZE = "To reach it: words as numbers, and one index less."
_REMEDY_STORED = "To reach it: larger batches."
_REMEDY_HELD = "To reach it: smaller slices in the recorder and in the deadlines, and fewer full collections."


class HistoryBench:
    """Measures the record; `rows` and `notes` are its results."""

    def __init__(self, folder: Path, progress: Callable[[str], None], *, quick: bool) -> None:
        self.rows: list[Row] = []
        self.notes = NOTES.format(many=MANY, interval=INTERVAL_S)
        self._folder = folder
        self._progress = progress
        self._quick = quick
        self._times = 1 if quick else 3

    def run(self) -> None:
        """Measure everything, on SQLite and on PostgreSQL."""
        with PostgreSQL(durable=True) as server:
            self._year(server)
            self._deaths(server)
        self._upkeep()

    def _year(self, server: PostgreSQL) -> None:
        transitions = _QUICK_YEAR if self._quick else _YEAR
        self._progress(f"a year of 472 cameras with {transitions:,} transitions")
        year, inventory = stored_year(transitions)
        costs = []
        for name, url in (("sqlite", ""), ("postgresql", server.url(server.fresh()))):
            folder = self._folder / name
            folder.mkdir(parents=True)
            kept = StoredYear(url or f"sqlite:///{folder}/camwatch.db", year, inventory, folder)
            times = self._times if name == "sqlite" else 1
            self._progress(f"its store is {name}")
            costs.append(store_costs(kept, times, self._progress))
        self._year_rows(*costs)

    def _year_rows(self, ours: StoreCosts, theirs: StoreCosts) -> None:
        report, started = (statistics.median(its) for its in (ours.report, ours.started))
        other, other_start = (statistics.median(its) for its in (theirs.report, theirs.started))
        camera, busiest = 1000 * statistics.median(ours.camera), 1000 * ours.camera[0]
        parts = ours.parts
        warm = sum(parts[name] for name in ("open", "read", "figures", "json"))
        self.rows += [
            within(
                "month's report, all", Figure(report, "s"), 1.0, _REMEDY_REPORT, f"PostgreSQL {other:.3g} s"
            ),
            beside("… in a warm process", Figure(1000 * warm, "ms"), Figure(1000 * report, "ms", "cold")),
            within(
                "a camera's year", Figure(camera, "ms"), 50.0, _REMEDY_CAMERA, f"busiest {busiest:.3g} ms"
            ),
            within(
                "start to ready", Figure(started, "s"), 3.0, _REMEDY_START, f"PostgreSQL {other_start:.3g} s"
            ),
            within(
                "store of a year",
                Figure(ours.megabytes, "MB"),
                60.0,
                _REMEDY_SIZE,
                f"PostgreSQL {theirs.megabytes:.3g} MB",
            ),
        ]
        self.rows += [
            beside(what, _each(costs.stored, costs), _each(costs.floor, costs, floor))
            for what, costs, floor in (
                ("storing, a transition", ours, "the rows alone"),
                ("… PostgreSQL", theirs, "COPY"),
            )
        ]
        self.rows += [
            beside(what, Figure(mine, "s"), Figure(its, "s", "PostgreSQL"))
            for what, mine, its in (
                ("audit of the year", ours.audit, theirs.audit),
                ("ratios, first derived", ours.standing, theirs.standing),
            )
        ]
        self.rows.append(Row("folding a quarter", str(Figure(ours.fold, "s"))))

    def _deaths(self, server: PostgreSQL) -> None:
        self._progress(f"{MANY} cameras go down at once: without a memory, SQLite, PostgreSQL")
        folder = self._folder / "deaths"
        bare = self._measured("without", mass_outage(MANY, folder / "without", self._times, memory=False))
        ours = self._measured("SQLite", mass_outage(MANY, folder / "sqlite", self._times))
        url = server.url(server.fresh())
        theirs = self._measured("PostgreSQL", mass_outage(MANY, folder / "postgresql", self._times, url=url))
        for what, found in ((f"{MANY} deaths stored", ours), ("… PostgreSQL", theirs)):
            self.rows.append(within(what, Figure(found.stored_s, "s"), 2.0, _REMEDY_STORED))
        without = 1000 * bare.held_s
        for what, found in (("loop held by history", ours), ("… PostgreSQL", theirs)):
            held = 1000 * found.held_s
            beside = f"late {held:.3g}, bare {without:.3g} ms"
            self.rows.append(within(what, Figure(max(0.0, held - without), "ms"), 20.0, _REMEDY_HELD, beside))

    def _measured(self, what: str, found: MassOutage) -> MassOutage:
        stored = f"stored after {' '.join(f'{s:.2f}' for s in found.stored)} s, " if found.stored else ""
        self._progress(f"{what}: {stored}longest hold {' '.join(f'{1000 * s:.1f}' for s in found.held)} ms")
        return found

    def _upkeep(self) -> None:
        self._progress(f"upkeep of {CITY} and {MANY} cameras, with a memory and without")
        for found in idle_cost((CITY, MANY), self._folder / "upkeep"):
            self._progress(
                f"{found.cameras} cameras: {found.rows:.0f} rows and {found.kilobytes:.0f} kB a second, "
                f"{found.cpu_with:.1%} of a core, without a memory {found.cpu_without:.1%}"
            )
            ours = Figure(1000 * found.history, "ms/s")
            bare = Figure(1000 * found.cpu_without, "ms/s", "heartbeats")
            self.rows.append(beside(f"upkeep, {found.cameras} cameras", ours, bare))


def _each(seconds: float, costs: StoreCosts, of: str = "") -> Figure:
    return Figure(seconds / costs.rows * 1e6, "µs", of)
