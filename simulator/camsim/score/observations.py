"""camwatch's record: each camera's changes of status, outages and backfills, and the monitoring gaps.

Times are Unix milliseconds. The store's tables and the API give equal results.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from camsim.errors import ScoreError
from camsim.text_file import read_text


class Change(NamedTuple):
    """From `at_ms` on the camera was `status`; camwatch detected it at `detected_ms`."""

    at_ms: int
    detected_ms: int
    status: str
    earliest_ms: int | None = None
    """The bounds of `at_ms` are this and `latest_ms`, where camwatch records them."""
    latest_ms: int | None = None


_Changes = dict[tuple[int | None, str], Change]


class Bounds(NamedTuple):
    """The bounds of an outage's begin and end; None where camwatch records none."""

    at_earliest_ms: int | None = None
    at_latest_ms: int | None = None
    end_earliest_ms: int | None = None
    end_latest_ms: int | None = None


class Outage(NamedTuple):
    """One outage; `end_ms` None: not over."""

    at_ms: int
    end_ms: int | None
    detected_ms: int
    cause: str
    bounds: Bounds = Bounds()


@dataclass(slots=True)
class ObservedCamera:
    """One camera, in order of time; `fills` are unknown times that late heartbeats proved to be up."""

    changes: list[Change] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)
    fills: list[tuple[int, int]] = field(default_factory=list)


@dataclass(slots=True)
class Observations:
    """The whole record, which is complete up to `watermark_ms`."""

    cameras: dict[str, ObservedCamera]
    blind: list[tuple[int, int]]
    watermark_ms: int


_OF_CAMERAS = "SELECT c.id AS camera, t.* FROM {} t JOIN cameras c ON c.key = t.camera_key ORDER BY t.{}"
_TABLES: Final = {
    "transition": _OF_CAMERAS.format("transitions", "id"),
    "outage": _OF_CAMERAS.format("outages", "at_ms"),
    "backfill": _OF_CAMERAS.format("backfills", "id"),
    "monitoring_gap": "SELECT cause, began_ms, ended_ms FROM monitoring_gaps ORDER BY began_ms",
    "watermark": "SELECT value AS at_ms FROM store_metadata WHERE name = 'watermark_ms'",
}


def from_store(url: str) -> Observations:
    """Read a store, `sqlite:///FILE` or `postgresql://…`. Raises ScoreError."""
    if url.startswith("sqlite:///"):
        return _from_sqlite(Path(url.removeprefix("sqlite:///")))
    if urlsplit(url).scheme in ("postgresql", "postgres"):
        return _from_postgresql(url)
    raise ScoreError(f"--history {url!r}: write sqlite:///FILE or postgresql://HOST/DATABASE")


def from_api(url: str, began_ms: int, ended_ms: int, token_file: Path | None = None) -> Observations:
    """Ask a running camwatch at `http://HOST:PORT`, with a token if it has accounts. Raises ScoreError."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise ScoreError(f"--camwatch {url!r}: write http://HOST:PORT")
    address = f"{url.rstrip('/')}/api/v1/export?from={began_ms}&to={ended_ms}"
    headers = {}
    if token_file is not None:
        token = read_text(token_file, f"--token-file {token_file}", ScoreError).strip()
        headers["Authorization"] = f"Bearer {token}"
    try:
        with urlopen(Request(address, headers=headers), timeout=60) as answer:  # noqa: S310 - http and https only, see above
            return collected(json.loads(line) for line in answer)
    except (URLError, ValueError, KeyError, TimeoutError) as error:
        raise ScoreError(f"--camwatch {url}: {error}") from None


def collected(lines: Iterable[dict[str, Any]]) -> Observations:
    """Collect lines of the API. Raises KeyError or TypeError for an invalid line."""
    cameras: dict[str, ObservedCamera] = defaultdict(ObservedCamera)
    blind: list[tuple[int, int]] = []
    watermark_ms = 0
    for line in lines:
        match line["kind"]:
            case "transition":
                cameras[line["camera"]].changes.append(_change(line))
            case "outage":
                if not line.get("voided"):
                    cameras[line["camera"]].outages.append(_outage(line))
            case "backfill":
                cameras[line["camera"]].fills.append((line["start_ms"], line["end_ms"]))
            case "monitoring_gap":
                if line["cause"] != "clock_step":
                    blind.append((line["began_ms"], line["ended_ms"]))
            case "watermark":
                watermark_ms = int(line["at_ms"])
    for camera in cameras.values():
        changes: _Changes = {(change.at_ms, change.status): change for change in camera.changes}
        camera.outages = [_bounded(outage, changes) for outage in camera.outages]
    return Observations(dict(cameras), blind, watermark_ms)


def _change(line: dict[str, Any]) -> Change:
    """Return a change. One without bounds is exact if the record has bounds at all."""
    bounds = [line[name] or line["at_ms"] for name in ("earliest_ms", "latest_ms") if name in line]
    return Change(line["at_ms"], line["detected_ms"], line["status"], *bounds)


def _bounded(outage: Outage, changes: _Changes) -> Outage:
    """Return an outage with the bounds of the changes that begin and end it.

    An end that blindness hid has no bounds: the status after it is unknown.
    """
    bounds = outage.bounds
    if (outage.end_ms, "unknown") in changes:
        bounds = bounds._replace(end_earliest_ms=None, end_latest_ms=None)
    begin, end = changes.get((outage.at_ms, "down")), changes.get((outage.end_ms, "up"))
    if begin is not None and begin.earliest_ms is not None:
        bounds = bounds._replace(at_earliest_ms=begin.earliest_ms, at_latest_ms=begin.latest_ms)
    if end is not None and end.earliest_ms is not None:
        bounds = bounds._replace(end_earliest_ms=end.earliest_ms, end_latest_ms=end.latest_ms)
    return outage._replace(bounds=bounds)


def _outage(line: dict[str, Any]) -> Outage:
    bounds = Bounds(*(line.get(name) for name in Bounds._fields))
    return Outage(line["at_ms"], line["end_ms"], line["detected_ms"], line["cause"], bounds)


def _read(connection: Any) -> Observations:
    """Read all tables over a connection of sqlite3 or psycopg."""
    return collected(
        {"kind": kind, **{column[0]: value for column, value in zip(found.description, row, strict=True)}}
        for kind, query in _TABLES.items()
        for found in [connection.execute(query)]
        for row in found
    )


def _from_sqlite(file: Path) -> Observations:
    if not file.exists():
        raise ScoreError(f"--history: there is no {file}")
    try:
        with closing(sqlite3.connect(f"file:{file.resolve()}?mode=ro", uri=True)) as connection:
            connection.execute("BEGIN")
            return _read(connection)
    except sqlite3.Error as error:
        raise ScoreError(f"--history {file}: {error}") from None


def _from_postgresql(url: str) -> Observations:
    try:
        import psycopg  # noqa: PLC0415 - only needed for such a store
    except ModuleNotFoundError:
        raise ScoreError("--history: PostgreSQL needs psycopg: pip install 'camwatch[postgres]'") from None
    try:
        with psycopg.connect(url) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            return _read(connection)
    except psycopg.Error as error:
        raise ScoreError(f"--history: {str(error).splitlines()[0]}") from None
