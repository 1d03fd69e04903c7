"""What camwatch said, as values: each camera's changes of status, its outages, what was filled in; blindness.

Times are Unix milliseconds. Read from the store's tables, or from the API, which tells the same.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from camsim.errors import ScoreError


class Change(NamedTuple):
    """From `at_ms` on the camera was `status`, and camwatch knew it at `noticed_ms`."""

    at_ms: int
    noticed_ms: int
    status: str


class Outage(NamedTuple):
    """One outage; `end_ms` None: not over."""

    at_ms: int
    end_ms: int | None
    noticed_ms: int
    cause: str


@dataclass(slots=True)
class JudgedCamera:
    """One camera, in order of time; `fills` are unknown times that were proven to be up later."""

    changes: list[Change] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)
    fills: list[tuple[int, int]] = field(default_factory=list)


@dataclass(slots=True)
class Judged:
    """All that camwatch said; it answers for everything before `vouched_ms`."""

    cameras: dict[str, JudgedCamera]
    blind: list[tuple[int, int]]
    vouched_ms: int


_TABLES: Final = {
    "transition": (
        "SELECT c.id, t.at_ms, t.noticed_ms, t.status FROM transitions t"
        " JOIN cameras c ON c.key = t.camera_key ORDER BY t.id"
    ),
    "outage": (
        "SELECT c.id, o.at_ms, o.end_ms, o.noticed_ms, o.cause FROM outages o"
        " JOIN cameras c ON c.key = o.camera_key ORDER BY o.at_ms"
    ),
    "fill": (
        "SELECT c.id, f.start_ms, f.end_ms FROM fills f JOIN cameras c ON c.key = f.camera_key ORDER BY f.id"
    ),
    "blind": "SELECT cause, began_ms, ended_ms FROM blindness ORDER BY began_ms",
    "vouched": "SELECT value FROM meta WHERE name = 'vouched_ms'",
}


def from_store(url: str) -> Judged:
    """Read a store, `sqlite:///FILE` or `postgresql://…`. Raises ScoreError."""
    if url.startswith("sqlite:///"):
        return _from_sqlite(Path(url.removeprefix("sqlite:///")))
    if urlsplit(url).scheme in ("postgresql", "postgres"):
        return _from_postgresql(url)
    raise ScoreError(f"--history {url!r}: write sqlite:///FILE or postgresql://HOST/DATABASE")


def from_api(url: str, began_ms: int, ended_ms: int, token_file: Path | None = None) -> Judged:
    """Ask a running camwatch at `http://HOST:PORT`, with a token where it has accounts. Raises ScoreError."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise ScoreError(f"--camwatch {url!r}: write http://HOST:PORT")
    address = f"{url.rstrip('/')}/api/v1/history?from={began_ms}&to={ended_ms}"
    headers = {} if token_file is None else {"Authorization": f"Bearer {_token(token_file)}"}
    try:
        with urlopen(Request(address, headers=headers), timeout=60) as answer:  # noqa: S310 - http and https only, see above
            return collected(json.loads(line) for line in answer)
    except (URLError, ValueError, KeyError, TimeoutError) as error:
        raise ScoreError(f"--camwatch {url}: {error}") from None


def _token(file: Path) -> str:
    try:
        return file.read_text("ascii").strip()
    except (OSError, ValueError) as error:
        raise ScoreError(f"--token-file {file}: cannot be read: {error}") from None


def collected(lines: Iterable[dict[str, Any]]) -> Judged:
    """Put lines of the API together. Raises KeyError or TypeError where one is none."""
    cameras: dict[str, JudgedCamera] = defaultdict(JudgedCamera)
    blind: list[tuple[int, int]] = []
    vouched = 0
    for line in lines:
        match line["kind"]:
            case "transition":
                change = Change(line["at_ms"], line["noticed_ms"], line["status"])
                cameras[line["camera"]].changes.append(change)
            case "outage":
                outage = Outage(line["at_ms"], line["end_ms"], line["noticed_ms"], line["cause"])
                cameras[line["camera"]].outages.append(outage)
            case "fill":
                cameras[line["camera"]].fills.append((line["start_ms"], line["end_ms"]))
            case "blind":
                if line["cause"] != "clock":
                    blind.append((line["began_ms"], line["ended_ms"]))
            case "vouched":
                vouched = int(line["at_ms"])
    return Judged(dict(cameras), blind, vouched)


_NAMES: Final = {
    "transition": ("camera", "at_ms", "noticed_ms", "status"),
    "outage": ("camera", "at_ms", "end_ms", "noticed_ms", "cause"),
    "fill": ("camera", "start_ms", "end_ms"),
    "blind": ("cause", "began_ms", "ended_ms"),
    "vouched": ("at_ms",),
}


def _lines(kind: str, rows: Iterable[tuple[Any, ...]]) -> Iterator[dict[str, Any]]:
    for row in rows:
        yield {"kind": kind, **dict(zip(_NAMES[kind], row, strict=True))}


def _from_sqlite(file: Path) -> Judged:
    if not file.exists():
        raise ScoreError(f"--history: there is no {file}")
    try:
        with closing(sqlite3.connect(f"file:{file.resolve()}?mode=ro", uri=True)) as connection:
            connection.execute("BEGIN")
            return collected(
                line for kind, query in _TABLES.items() for line in _lines(kind, connection.execute(query))
            )
    except sqlite3.Error as error:
        raise ScoreError(f"--history {file}: {error}") from None


def _from_postgresql(url: str) -> Judged:
    try:
        import psycopg  # noqa: PLC0415 - only whoever has such a store needs it
    except ModuleNotFoundError:
        raise ScoreError("--history: PostgreSQL needs psycopg: pip install 'camwatch[postgres]'") from None
    try:
        with psycopg.connect(url) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            return collected(
                line
                for kind, query in _TABLES.items()
                for line in _lines(kind, connection.execute(query.encode()).fetchall())
            )
    except psycopg.Error as error:
        raise ScoreError(f"--history: {str(error).splitlines()[0]}") from None
