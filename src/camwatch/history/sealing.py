"""Sealing: rows from which figures derive are chained by hash as they are stored (rule H2).

Each transaction that changes the record ends with a seal: all rows that it wrote or deleted, as JSON, and a
SHA-256 over that and the previous seal. So the tables are the result of the seals, and the newest hash
covers the whole record. Checkpoints change each second: only their newest state is sealed. Rejections are
not: no figure derives from them.
"""

from __future__ import annotations

import hashlib
import json
import marshal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from sqlalchemy import Boolean, Connection, Float, Table, insert, select

from camwatch.history import schema
from camwatch.history.dialects import bulk_insert, stream_rows
from camwatch.history.metadata import read_values

GENESIS: Final = "0" * 64
"""The previous hash of the first seal."""

SEALED: Final = tuple(
    table
    for table in schema.metadata.sorted_tables
    if table
    not in {schema.store_metadata, schema.checkpoints, schema.rejections, schema.link_groups, schema.seals}
)
"""The sealed tables. A new table is among them, and so is written by a `Sealer`."""

_ASKED = 500  # values in one question: fewer than any database takes
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Seal(NamedTuple):
    """The number and hash of the newest seal; the hash covers the whole record."""

    seq: int = 0
    hash: str = GENESIS


class Sealer:
    """Writes rows in one transaction, and seals them at its end."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._content: list[tuple[str, Sequence[str] | None, Sequence[Any]]] = []

    def add(self, table: Table, names: tuple[str, ...], rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows and number them, in order."""
        if rows:
            numbers = stream_rows(self.connection, table, len(rows))
            self.put(
                table, ("id", *names), [(number, *row) for number, row in zip(numbers, rows, strict=True)]
            )

    def put(
        self, table: Table, names: tuple[str, ...], rows: Sequence[Sequence[Any]], *, upsert: bool = False
    ) -> None:
        """Insert rows with their primary key; `upsert` replaces existing ones."""
        if rows:
            bulk_insert(self.connection, table, names, rows, upsert=upsert)
            self.wrote(table, names, rows)

    def wrote(self, table: Table, names: tuple[str, ...], rows: Sequence[Sequence[Any]]) -> None:
        """Note rows that are stored."""
        self._content.append((table.name, names, formed(table, names, rows)))

    def drop(self, table: Table, keys: Sequence[int]) -> None:
        """Delete the rows with these primary keys."""
        column = key_of(table)
        for some in _pieces(keys):
            self.connection.execute(table.delete().where(table.c[column].in_(some)))
        if keys:
            self._content.append((table.name, None, list(keys)))

    def end(self, table: Table, ends: Mapping[int, int]) -> int:
        """End the open rows of cameras, given by key, at an instant; return how many were open."""
        found: list[Any] = []
        for keys in _pieces(list(ends)):
            query = select(table).where(table.c.end_ms.is_(None), table.c.camera_key.in_(keys))
            found += self.connection.execute(query)
        self._set_ends(table, found, ends)
        return len(found)

    def reopen(self, table: Table, numbers: Sequence[int]) -> None:
        """Make ended rows with these ids open again."""
        query = select(table).where(table.c.id.in_(numbers)).order_by(table.c.id)
        self._set_ends(table, self.connection.execute(query), {})

    def _set_ends(self, table: Table, rows: Iterable[Any], ends: Mapping[int, int]) -> None:
        names = tuple(table.c.keys())
        end = names.index("end_ms")
        changed = [(*row[:end], ends.get(row.camera_key), *row[end + 1 :]) for row in rows]
        self.put(table, names, changed, upsert=True)

    def seal(self, at_ms: int) -> Seal | None:
        """Append a seal of the written rows, None if there are none; `at_ms` is informative only."""
        if not self._content:
            return None
        before = newest(self.connection)
        content = _encode(self._content)
        found = Seal(before.seq + 1, seal_hash(before.hash, before.seq + 1, at_ms, content))
        row = {
            "seq": found.seq,
            "at_ms": at_ms,
            "content": content,
            "previous": before.hash,
            "hash": found.hash,
        }
        self.connection.execute(insert(schema.seals), row)
        self._content = []
        return found


def newest(connection: Connection) -> Seal:
    """Return the newest seal."""
    table = schema.seals.c
    row = connection.execute(select(table.seq, table.hash).order_by(table.seq.desc()).limit(1)).first()
    return Seal() if row is None else Seal(*row)


def has(connection: Connection, seal: Seal) -> bool:
    """Return whether the record includes a seal, and so everything sealed until then."""
    found = connection.execute(select(schema.seals.c.hash).where(schema.seals.c.seq == seal.seq)).scalar()
    return (found or GENESIS) == seal.hash


def seal_hash(previous: str, seq: int, at_ms: int, content: str) -> str:
    """Return the correct hash of a seal."""
    return hashlib.sha256(f"{previous}\n{seq}\n{at_ms}\n{content}".encode()).hexdigest()


def key_of(table: Table) -> str:
    """Return the primary key column of a table."""
    return next(iter(table.primary_key)).name


def digest(row: Sequence[Any]) -> bytes:
    """Return the digest of a row as `formed` returns it."""
    return hashlib.sha256(_encode(row).encode()).digest()


def formed(table: Table, names: tuple[str, ...], rows: Iterable[Sequence[Any]]) -> list[Sequence[Any]]:
    """Return rows as any database returns them."""
    forms = _forms(table, names)
    if not forms:
        return list(rows)
    found: list[Sequence[Any]] = []
    for given in rows:
        row = list(given)
        for index, form in forms:
            if row[index] is not None:
                row[index] = form(row[index])
        found.append(row)
    return found


@lru_cache(maxsize=64)
def _forms(table: Table, names: tuple[str, ...]) -> tuple[tuple[int, Callable[[Any], Any]], ...]:
    kinds = ((index, table.c[name].type) for index, name in enumerate(names))
    return tuple(
        (index, bool if isinstance(kind, Boolean) else _real)
        for index, kind in kinds
        if isinstance(kind, (Boolean, Float))
    )


def _real(number: float) -> float:
    return float(number) + 0.0  # SQLite keeps no negative zero


def _pieces(values: Sequence[int]) -> Iterator[Sequence[int]]:
    for first in range(0, len(values), _ASKED):
        yield values[first : first + _ASKED]


_CHECKPOINT: Final = tuple(schema.checkpoints.c.keys())
_PLAIN = 0  # the format of marshal that depends on values, not on how they are kept in memory


class Checkpoints:
    """A digest over all present checkpoints, by key."""

    def __init__(self, connection: Connection) -> None:
        self._digests = bytearray()
        self.take(_CHECKPOINT, [tuple(row) for row in connection.execute(select(schema.checkpoints))])

    def take(self, names: tuple[str, ...], rows: Sequence[Any]) -> None:
        """Update the digests of rows that were written; their first value is the key."""
        assert names == _CHECKPOINT, "a checkpoint is sealed whole"  # noqa: S101
        for row in rows:  # thousands in a second: JSON would take five times as long
            at = row[0] * 32
            if len(self._digests) < at + 32:
                self._digests.extend(bytes(at + 32 - len(self._digests)))
            self._digests[at : at + 32] = hashlib.sha256(marshal.dumps(row, _PLAIN)).digest()

    def sealed(self, run: str, number: int, watermark_ms: int) -> str:
        """Return the digest, with the batch that it belongs to."""
        head = f"{run}\n{number}\n{watermark_ms}\n".encode()
        return hashlib.sha256(head + self._digests).hexdigest()


def seal_checkpoints(connection: Connection) -> None:
    """Seal the present checkpoints, after a change outside of a batch."""
    stored = read_values(connection)
    batch, watermark_ms = int(stored.get("batch", 0)), int(stored.get("watermark_ms", 0))
    sealed = Checkpoints(connection).sealed(stored.get("run", ""), batch, watermark_ms)
    bulk_insert(connection, schema.store_metadata, ("name", "value"), (("checkpoints", sealed),), upsert=True)
