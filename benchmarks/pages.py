"""The pages: how long the server takes for each, and how many bytes a first view is over the wire."""

from __future__ import annotations

import re
import statistics
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks.environment import Environment, Running
from benchmarks.errors import BenchmarkError
from benchmarks.peers import Camwatch
from benchmarks.process import get
from benchmarks.report import Figure, Row, within

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CITY, MANY = 458, 10_000
_AS_BROWSER = {"Accept": "text/html", "Accept-Encoding": "gzip", "Accept-Language": "fr"}
_PAGES = (
    "/",
    "/?kiosk",
    "/operators/op-00",
    "/cameras/cam-00000",
    "/incidents",
    "/reports",
    "/search?q=camera",
)
_FROM_RECORD = (
    "/maintenance",
    "/operators/op-00/days",
    "/cameras/cam-00000/history",
    "/operators/op-00/outages",
)
_APART_S = 0.3  # views of the same moment are shared, so each is to be of another
_FILE = re.compile(r'(?:href|src)="(/static/[^"]+)"')
_NOTES = """

Pages: asked of the daemon over HTTP as a browser does, compressed, in turn, a third of a second apart
(so views shared by several requests are rendered again); the median of {times} views of the slowest page.
First view: the page and every file that it links, as they go over the wire, without headers.
"""
_REMEDY = "To reach it: keep counts and order of the fleet, and change them by events."
_REMEDY_BYTES = "To reach it: a map that does less."


@dataclass
class PagesBench:
    """Measures, and collects the rows."""

    folder: Path
    progress: Callable[[str], None]
    quick: bool
    rows: list[Row] = field(default_factory=list)

    @property
    def notes(self) -> str:
        """What a reader must know to judge the figures."""
        return _NOTES.format(times=self._times)

    @property
    def _times(self) -> int:
        return 5 if self.quick else 30

    def run(self) -> None:
        """Measure all."""
        with Environment(CITY, self.folder / "city", (Camwatch,)) as stage:
            running = stage.running[Camwatch]
            running.take(CITY)
            self._pages(running, f"page, {CITY} cameras", _PAGES, 50.0)
            self._pages(running, "… part from the record", _FROM_RECORD, 50.0)
            kilobytes = _first_view(running, "/") / 1000
            self.rows.append(within("first view", Figure(kilobytes, "kB"), 150.0, _REMEDY_BYTES))
        with Environment(MANY, self.folder / "many", (Camwatch,)) as stage:
            running = stage.running[Camwatch]
            running.take(MANY)
            self._pages(
                running, f"page, {MANY} cameras", ("/", "/?status=up&q=camera", "/partials/fleet"), 100.0
            )
            kilobytes = _first_view(running, "/") / 1000
            self.rows.append(
                within(f"first view, {MANY} cameras", Figure(kilobytes, "kB"), 150.0, _REMEDY_BYTES)
            )

    def _pages(self, running: Running, what: str, paths: tuple[str, ...], at_most_ms: float) -> None:
        found: dict[str, float] = {}
        for path in paths:
            spent = [_view(running, path)[0] for _ in range(self._times)]
            found[path] = 1000 * statistics.median(spent)
            self.progress(f"{path}: median {found[path]:.3g} ms, at worst {1000 * max(spent):.3g} ms")
        slowest = max(found, key=lambda path: found[path])
        self.rows.append(within(what, Figure(found[slowest], "ms"), at_most_ms, _REMEDY, slowest))


def _view(running: Running, path: str) -> tuple[float, bytes]:
    time.sleep(_APART_S)
    began = time.perf_counter()
    status, body = get(running.peer.port, path, _AS_BROWSER)
    spent = time.perf_counter() - began
    if status != 200:
        raise BenchmarkError(f"{path} answers {status} {body[:200]!r}")
    return spent, body


def _first_view(running: Running, path: str) -> int:
    """Return the bytes of a page and of the files that it links."""
    page = get(running.peer.port, path, _AS_BROWSER | {"Accept-Encoding": "identity"})[1].decode()
    files = set(_FILE.findall(page))
    if not files:
        raise BenchmarkError(f"{path} links no files")
    return sum(len(_view(running, each)[1]) for each in (path, *files))
