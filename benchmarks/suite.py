"""The comparison from end to end: what is measured, in which order, against which target."""

from __future__ import annotations

import os
import statistics
import time
from typing import TYPE_CHECKING

from benchmarks.detection import detection_delays
from benchmarks.environment import Environment, Round
from benchmarks.errors import LostMessagesError
from benchmarks.history import HistoryBench
from benchmarks.http_load import HttpLoadBench
from benchmarks.loop_latency import loop_latency
from benchmarks.pages import PagesBench
from benchmarks.peers import Camwatch, GoExporter, PythonExporter
from benchmarks.report import Figure, Row, beside, within
from benchmarks.scrape import AS_PROMETHEUS, PLAIN, ScrapeCost, library_cost, scrape_cost

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from benchmarks.peers import Peer

NAMES = ("ingest", "metrics", "memory", "hold", "detection", "history", "window", "pages")
CITY, MANY = 458, 10_000
_PACE_S = 10.0
_MORE_CHANCES = 2
_IDLE_LOAD = 0.5

_GO, _PYTHON, _C, _LIBRARY = "Go exporter", "Python exporter", "mosquitto_sub", "generate_latest"
_EXPORTERS_PART = 4  # they get a quarter of the flood: they are slow, and lose their session when it piles up

_NOTES = """
Ingest: a publisher of our own (raw sockets, QoS 0, heartbeats of about 180 bytes) floods one Mosquitto with
{messages:,} messages a round (the exporters: a quarter of it); of {rounds} interleaved rounds the median
counts.

Each program has a broker of its own that drops nothing, knows every camera from a first pass, and must show
by its own count that it processed every message. camwatch refuses none of them.

CPU is the user and system time of the consumer, with its children, from /proc; publisher and broker are not
in it.

The exporters extract what they can of the same message: the Go exporter seven fields, the Python exporter
eight. camwatch decodes and checks all nine, judges the camera, and keeps its record.

At 1000 per second: {many:,} cameras send one heartbeat each, evenly over 10 s. A flood fills every read
with messages; here each one wakes the program up, as in a city. 1000 a second at 50 µs are 5 % of a core.

Scrapes: {scrapes} over HTTP at {many:,} cameras; CPU of the server, without what it uses when idle. "As
Prometheus asks" is with the headers of Prometheus 2: OpenMetrics where the server has it, and gzip.

Memory: resident set after the flood and the scrapes, at {many:,} cameras.

Loop: a ticker of 1 ms in the daemon's event loop, and how late it is at worst while one scrape is served;
the median of {scrapes} scrapes. Idle: the same over spans of the same length without a scrape; it is taken
off.

Detection: {many:,} cameras with an interval of 2 s fall silent together: the daemon is stopped while their
last heartbeats are sent, and then finds them all in its socket. The delay is the daemon's own
`camwatch_detection_delay_seconds`, so the figure is the upper bound of a bucket; the median of three
deaths.
"""

_REMEDY_INGEST = "To reach it: less work per message in the link and in `FleetMonitor.heartbeat`."
_REMEDY_SAMPLES = "To reach it: keep the text of values that have not changed, and hand on larger pieces."
_REMEDY_MEMORY = "To reach it: share label texts between the families' rows, and slimmer camera states."
_REMEDY_HOLD = "To reach it: smaller slices in the exposition."
_REMEDY_DETECTION = (
    "All verdicts are one stretch of work for one core; to reach it, make `StateMachine.apply` cheaper, and "
    "write the journal once no deadline is due any more."
)


class Suite:
    """Runs the measurements and collects their rows; `only` names those that are wanted, all if none."""

    def __init__(self, folder: Path, *, quick: bool, only: Collection[str] | None) -> None:
        self.rows: list[Row] = []
        self._folder = folder
        self._messages = 40_000 if quick else 200_000
        self._rounds = 1 if quick else 3
        self._scrapes = 3 if quick else 8
        self._quick = quick
        self._wanted = set(only or NAMES)
        self._more_notes = ""
        self._began = time.monotonic()
        self.load_before = os.getloadavg()[0]

    @property
    def notes(self) -> list[str]:
        """What a reader must know to judge the figures, or to repeat them."""
        text = _NOTES.format(messages=self._messages, rounds=self._rounds, scrapes=self._scrapes, many=MANY)
        text += self._more_notes
        load = f"Load average of the machine when the run began: {self.load_before:.1f}."
        return [*(" ".join(note.split()) for note in text.split("\n\n")), load]

    def run(self) -> None:
        """Measure what was asked for, and report progress."""
        if self.load_before > _IDLE_LOAD:
            self._progress(
                f"the machine is busy (load {self.load_before:.1f}): times and CPU will be worse for it"
            )
        if "ingest" in self._wanted:
            with self._stage(CITY) as stage:
                self._ingest(stage)
        if self._wanted & {"ingest", "metrics", "memory"}:
            with self._stage(MANY) as stage:
                self._at_ten_thousand(stage)
        if "hold" in self._wanted:
            self._hold()
        if "detection" in self._wanted:
            self._detection()
        if "history" in self._wanted:
            self._history()
        if "window" in self._wanted:
            self._window()
        if "pages" in self._wanted:
            self._pages()

    def _stage(self, cameras: int) -> Environment:
        self._progress(f"{cameras} cameras: starting camwatch, its peers and their brokers")
        return Environment(cameras, self._folder / str(cameras))

    def _at_ten_thousand(self, stage: Environment) -> None:
        if "ingest" in self._wanted:
            self._ingest(stage)
            if not self._quick:
                self._at_its_pace(stage)
        elif "memory" in self._wanted:
            for kind in (Camwatch, GoExporter):
                self._take(stage, kind, self._messages)
        if self._wanted & {"metrics", "memory"}:
            self._metrics(stage)
        if "memory" in self._wanted:
            ours, peer = (
                Figure(stage.running[kind].process.rss_bytes() / 1e6, "MB", of)
                for kind, of in ((Camwatch, ""), (GoExporter, _GO))
            )
            self.rows.append(beside(f"memory, {MANY} cameras", ours, peer, 1.0, _REMEDY_MEMORY))

    def _ingest(self, stage: Environment) -> None:
        rounds: dict[str, list[Round]] = {"camwatch": [], _GO: [], _PYTHON: [], _C: []}
        for number in range(self._rounds):
            for name, taken in rounds.items():
                taken.append(self._round(stage, name))
                self._tell_round(f"{stage.cameras} cameras, round {number + 1}, {name}", taken[-1])
        ours, go, python, c = (
            Figure(statistics.median(r.us_per_message for r in taken), "µs", "" if of == "camwatch" else of)
            for of, taken in rounds.items()
        )
        what = f"heartbeat, {stage.cameras} cameras"
        self.rows += [
            beside(what, ours, go, 1 / 3, _REMEDY_INGEST),
            beside(what, ours, python, 1 / 8, _REMEDY_INGEST),
            beside(what, ours, c, 1.5, _REMEDY_INGEST),
        ]

    def _at_its_pace(self, stage: Environment) -> None:
        taken = {
            kind: stage.running[kind].take(stage.cameras, _PACE_S)
            for kind in (Camwatch, GoExporter, PythonExporter)
        }
        for kind, its in taken.items():
            self._tell_round(
                f"{stage.cameras} cameras, one heartbeat each in {_PACE_S:.0f} s, {kind.name}", its
            )
        ours = Figure(taken[Camwatch].us_per_message, "µs")
        self.rows += [
            beside("… at 1000 per second", ours, Figure(taken[kind].us_per_message, "µs", name))
            for kind, name in ((GoExporter, _GO), (PythonExporter, _PYTHON))
        ]

    def _round(self, stage: Environment, name: str) -> Round:
        if name == _C:
            return stage.take_with_mosquitto_sub(self._messages)
        if name == "camwatch":
            return self._take(stage, Camwatch, self._messages)
        kind = GoExporter if name == _GO else PythonExporter
        return self._take(stage, kind, self._messages // _EXPORTERS_PART)

    def _take(self, stage: Environment, kind: type[Peer], messages: int) -> Round:
        """Flood one program; a peer that lost its session on a busy machine gets another chance."""
        for _ in range(0 if kind is Camwatch else _MORE_CHANCES):
            try:
                return stage.running[kind].take(messages)
            except LostMessagesError as lost:
                self._progress(f"{str(lost).partition(';')[0]}: once more")
        return stage.running[kind].take(messages)

    def _metrics(self, stage: Environment) -> None:
        plain = self._scrape_both(stage, "plain", PLAIN)
        packed = self._scrape_both(stage, "as Prometheus asks", AS_PROMETHEUS)
        self._progress("rendering the same samples with prometheus_client")
        library = library_cost(stage.running[Camwatch].metrics(), 3)
        ours = Figure(plain[Camwatch].us_per_sample, "µs")
        self.rows += [
            beside(
                "/metrics, per sample",
                ours,
                Figure(library.us_per_sample, "µs", _LIBRARY),
                1 / 8,
                _REMEDY_SAMPLES,
            ),
            beside(
                "/metrics, per sample",
                ours,
                Figure(plain[GoExporter].us_per_sample, "µs", _GO),
                1.0,
                _REMEDY_SAMPLES,
            ),
            beside(
                "… as Prometheus asks",
                Figure(packed[Camwatch].us_per_sample, "µs"),
                Figure(packed[GoExporter].us_per_sample, "µs", _GO),
            ),
            beside(
                "… time for all, plain",
                Figure(plain[Camwatch].seconds * 1000, "ms"),
                Figure(plain[GoExporter].seconds * 1000, "ms", _GO),
            ),
        ]

    def _scrape_both(
        self, stage: Environment, how: str, headers: Mapping[str, str]
    ) -> dict[type[Peer], ScrapeCost]:
        costs: dict[type[Peer], ScrapeCost] = {}
        for kind in (Camwatch, GoExporter):
            cost = costs[kind] = scrape_cost(stage.running[kind], self._scrapes, headers)
            self._progress(
                f"scrape {how}, {kind.name}: {cost.samples:,} samples, {cost.us_per_sample:.2f} µs each, "
                f"{cost.seconds * 1000:.0f} ms, {cost.megabytes:.1f} MB"
            )
        return costs

    def _hold(self) -> None:
        self._progress(f"how long a scrape of {MANY} cameras holds the loop")
        for how, hold in loop_latency(MANY, self._folder / "hold", self._scrapes).items():
            spans = [f"{1000 * s:.1f}" for s in hold.scraped]
            self._progress(f"longest hold in each scrape, {how}: {' '.join(spans)} ms")
            scraped, idle = 1000 * hold.scraped_s, 1000 * hold.idle_s
            what = "loop held by a scrape" if how == "plain" else "… as Prometheus asks"
            ours, beside = Figure(max(0.0, scraped - idle), "ms"), f"late {scraped:.3g}, idle {idle:.3g} ms"
            self.rows.append(within(what, ours, 20.0, _REMEDY_HOLD, beside))

    def _detection(self) -> None:
        self._progress(f"{MANY} cameras die at once")
        found = detection_delays(MANY, self._folder / "detection", 1 if self._quick else 3)
        for one in found:
            self._progress(f"p50 <= {one.p50_s:g} s, p99 <= {one.p99_s:g} s, all <= {one.all_s:g} s")
        p50, p99 = (
            1000 * statistics.median_low(delays)
            for delays in ([one.p50_s for one in found], [one.p99_s for one in found])
        )
        ours, beside = Figure(p99, "ms"), f"p50 <= {p50:g} ms"
        self.rows.append(within("deadline to down, p99", ours, 250.0, _REMEDY_DETECTION, beside))

    def _history(self) -> None:
        bench = HistoryBench(self._folder / "history", self._progress, quick=self._quick)
        bench.run()
        self.rows += bench.rows
        self._more_notes += bench.notes

    def _window(self) -> None:
        bench = HttpLoadBench(self._folder / "window", self._progress, quick=self._quick)
        bench.run()
        self.rows += bench.rows
        self._more_notes += bench.notes

    def _pages(self) -> None:
        self._progress("pages")
        bench = PagesBench(self._folder / "pages", self._progress, quick=self._quick)
        bench.run()
        self.rows += bench.rows
        self._more_notes += bench.notes

    def _tell_round(self, what: str, taken: Round) -> None:
        flood = taken.flood
        self._progress(
            f"{what}: {taken.us_per_message:.1f} µs each of {flood.messages:,} (flood {flood.rate:,.0f}/s, "
            f"its publisher {flood.cpu_s / flood.elapsed_s:.0%} busy)"
        )

    def _progress(self, text: str) -> None:
        print(f"{time.monotonic() - self._began:4.0f} s  {text}", flush=True)
