"""The audit of the seals: the chain is unbroken, and the tables are what was sealed (rule H2)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeAlias

from sqlalchemy import Connection, Table, select

from camwatch.errors import StoreError
from camwatch.history import schema
from camwatch.history.audit_checks import Finding
from camwatch.history.metadata import read_values, secret
from camwatch.history.public_ids import marks
from camwatch.history.sealing import GENESIS, SEALED, Checkpoints, Seal, digest, formed, seal_hash

_MOST = 20  # findings of one kind in one table: more say nothing new
_STREAMED = {"yield_per": 500}  # rows in memory at once, where a database would send them all
_WHEN = ("at_ms", "start_ms", "start_ms", "began_ms", "created_ms")

_Row: TypeAlias = tuple[tuple[str, ...], bytes]  # the sealed columns, and what replaces the values


@dataclass(slots=True)
class SealReplay:
    """The result of all seals. `since`: the seal that was asked for, None if it is missing."""

    last: Seal = field(default_factory=Seal)
    since: Seal | None = None
    corrections: list[str] = field(default_factory=list)  # made after it, as they were sealed
    tables: dict[str, dict[Any, _Row]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def replay_seals(connection: Connection, since: str | None = None) -> SealReplay:
    """Replay all seals in order.

    `since`: the beginning of the hash of one of them, of GENESIS, or of the mark of a report on some
    operators.
    """
    found = SealReplay()
    known = _asked_for(connection, since)
    if known(GENESIS):
        found.since = found.last
    table = schema.seals.c
    query = select(table.seq, table.at_ms, table.content, table.previous, table.hash).order_by(table.seq)
    for seq, at_ms, content, previous, sealed in connection.execute(query, execution_options=_STREAMED):
        for problem in _broken(found.last, seq, at_ms, content, previous, sealed):
            found.findings.append(Finding(None, at_ms or None, f"seal {seq} {problem}"))
        try:
            said = json.loads(content)
            _take(found, said)
        except (ValueError, TypeError, LookupError):
            found.findings.append(Finding(None, at_ms or None, f"seal {seq} cannot be read"))
        found.last = Seal(seq, sealed)
        if known(sealed):
            found.since, found.corrections = found.last, []
    return found


def _asked_for(connection: Connection, since: str | None) -> Callable[[str], bool]:
    """Return a function that recognises the seal that was asked for."""
    if since is None:
        return lambda _head: False
    try:
        key = secret(connection)
    except StoreError:  # that the secret is gone is another finding
        return lambda head: head.startswith(since)
    return lambda head: head.startswith(since) or marks(key, since, head)


def _broken(last: Seal, seq: int, at_ms: int, content: str, previous: str, sealed: str) -> Iterator[str]:
    if seq != last.seq + 1:
        yield f"follows seal {last.seq}: some are missing or out of order"
    if previous != last.hash:
        yield "does not name the hash of the seal before it"
    if seal_hash(previous, seq, at_ms, content) != sealed:
        yield "was changed after it was made: its hash is another"


def _take(found: SealReplay, content: Iterable[tuple[str, Sequence[str] | None, Sequence[Any]]]) -> None:
    for name, columns, rows in content:
        known = found.tables.setdefault(name, {})
        if columns is None:
            for key in rows:
                known.pop(key, None)
            continue
        names = tuple(columns)
        places = [names.index(column.name) for column in schema.metadata.tables[name].primary_key]
        for row in rows:
            known[_key(row, places)] = (names, digest(row))
        if name == schema.corrections.name:
            where = [names.index(each) for each in ("seq", "author", "kind", "reason")]
            found.corrections += ["{}, {}: {} ({})".format(*(row[place] for place in where)) for row in rows]


def _key(row: Sequence[Any], places: Sequence[int]) -> Any:
    return row[places[0]] if len(places) == 1 else tuple(row[place] for place in places)


def compare(connection: Connection, found: SealReplay) -> Iterator[Finding]:
    """Yield each row that differs from its seal, that no seal has, or that is missing."""
    cameras = {row.key: row.id for row in connection.execute(select(schema.cameras))}
    for table in SEALED:
        known = found.tables.get(table.name, {})
        differing = _differing(connection, table, known, cameras)
        yield from _some(differing, f"{table.name} were changed, or put there by others")
        # A known row was not found: only the whole table shows what is missing.
        gone = (
            Finding(None, None, f"row {key} of {table.name} was taken away: seals have it") for key in known
        )
        yield from _some(gone, f"{table.name} were taken away")
    yield from _facts(connection, found.tables.get(schema.store_metadata.name, {}))


def _some(findings: Iterator[Finding], what: str) -> Iterator[Finding]:
    """Yield the first findings, and the number of the others."""
    yield from islice(findings, _MOST)
    if more := sum(1 for _ in findings):
        yield Finding(None, None, f"{more} more rows of {what}")


def _differing(
    connection: Connection, table: Table, known: dict[Any, _Row], cameras: dict[int, str]
) -> Iterator[Finding]:
    columns = tuple(table.c.keys())
    places = [columns.index(column.name) for column in table.primary_key]
    for row in connection.execute(select(table), execution_options=_STREAMED):
        values = dict(zip(columns, row, strict=True))
        key = _key(row, places)
        names, sealed = known.pop(key, (columns, b""))
        same = digest(formed(table, names, [[values[name] for name in names]])[0]) == sealed
        if same and not any(values[name] for name in columns if name not in names):
            continue
        camera = cameras.get(values.get("camera_key", values.get("key")) or 0)
        at_ms = next((values[name] for name in _WHEN if name in values), None)
        how = "was changed after it was stored" if sealed else "was put there by others: no seal has it"
        yield Finding(camera, at_ms, f"row {key} of {table.name} {how}")


def _facts(connection: Connection, known: dict[Any, _Row]) -> Iterator[Finding]:
    """Check the present checkpoints and the metadata."""
    said = read_values(connection)
    for name, (_, sealed) in known.items():
        if digest([name, said.get(name)]) != sealed:
            yield Finding(None, None, f"{name} was changed after it was stored")
    number, end_ms = int(said.get("batch", 0)), int(said.get("watermark_ms", 0))
    if number and Checkpoints(connection).sealed(said.get("run", ""), number, end_ms) != said.get(
        "checkpoints"
    ):
        yield Finding(None, end_ms, "the checkpoints are not those that were stored with the last batch")
