"""Rebase: moves time recorded in the future to where it belongs, after the clock was ahead (rule T5).

Within a process UTC is the monotonic clock plus a constant, and each change of that constant is recorded
(`GapCause.CLOCK_STEP`). So the error is one number from one instant on, and can be corrected to the
millisecond. The original rows are kept (`rebased`), and the correction holds their hash.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from sqlalchemy import Connection, RowMapping, Table, func, or_, select, update

from camwatch.clock import AHEAD_MAX_S
from camwatch.core.model import GapCause
from camwatch.errors import CorrectionError
from camwatch.history import schema
from camwatch.history.correction_writer import append_in
from camwatch.history.corrections import Rebase, canonical_json
from camwatch.history.database_errors import translate_errors
from camwatch.history.dialects import write_transaction
from camwatch.history.metadata import read_metadata
from camwatch.history.sealing import Sealer, seal_checkpoints
from camwatch.history.skipped_days import gap_spans
from camwatch.history.store import Store

RECORD = (
    schema.transitions,
    schema.outages,
    schema.service_periods,
    schema.backfills,
    schema.monitoring_gaps,
    schema.reboots,
    schema.placements,
)
"""The tables whose rows are moved."""

_BEGINS = {
    "transitions": "at_ms",
    "outages": "at_ms",
    "service_periods": "start_ms",
    "monitoring_gaps": "began_ms",
    "reboots": "at_ms",
    "placements": "since_ms",
}
_SLACK_MS = round(AHEAD_MAX_S * 1000)


class RebasePiece(NamedTuple):
    """Time after `after_ms`, up to the next piece, moves back by `by_ms`.

    `from_start`: it was wrong from the start of a process, so counters have as much more unknown time.
    """

    after_ms: int
    by_ms: int
    from_start: bool = False


class Plan(NamedTuple):
    """What a rebase would do: pieces in order of time, number of rows, old and new end of the record."""

    pieces: tuple[RebasePiece, ...]
    rows: int
    ended_ms: int
    end_ms: int


def pieces_of(clock: Sequence[tuple[int, int]]) -> tuple[RebasePiece, ...]:
    """Return the time in the future, by the recorded steps of the clock: (began, ended) of each.

    From the newest process back, as long as its start was wrong as well. Empty if the record was not ahead at
    its end by more than the tolerance.
    """
    found: list[RebasePiece] = []
    lead = 0  # of the process after, when it began
    for process in reversed(_processes(clock)):
        began, ended = process[-1]
        mine = _pieces_of_one(process, began - ended if ended < began else lead)
        found = mine + found
        if not mine or mine[0].after_ms >= process[0][0]:
            break
        lead = _lead_at_start(process)
    return tuple(found)


def _processes(clock: Sequence[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """Split the steps of the clock by process; those before the first start are one as well."""
    processes: list[list[tuple[int, int]]] = []
    for began, ended in clock:
        if began == ended or not processes:
            processes.append([])
        processes[-1].append((began, ended))
    return processes


def _lead_at_start(process: Sequence[tuple[int, int]]) -> int:
    """Return how far the record was ahead when a process started."""
    began, ended = process[min(1, len(process) - 1)]
    return began - ended if began == process[0][0] and ended < began else 0


def _pieces_of_one(process: Sequence[tuple[int, int]], lead: int) -> list[RebasePiece]:
    """Return the pieces of a process that was ahead by `lead` at its end: each step explains a part."""
    found: list[RebasePiece] = []
    left = lead
    for began, ended in reversed(process):
        if left <= _SLACK_MS:
            break
        if ended > began:
            found.insert(0, RebasePiece(began, left))
            left -= ended - began
        elif began == ended:
            found.insert(0, RebasePiece(began - 1, left, from_start=True))
            left = 0
    if left > _SLACK_MS:
        return []
    # What stays where it is must not be overtaken by what is moved.
    return [piece._replace(by_ms=piece.by_ms - max(left, 0)) for piece in found]


class _Moved:
    """Moves instants and rows to where they belong."""

    def __init__(self, pieces: Sequence[RebasePiece]) -> None:
        self._pieces = pieces

    def instant(self, at_ms: int) -> int:
        """Return the corrected instant."""
        by = 0
        for piece in self._pieces:
            if at_ms > piece.after_ms:
                by = piece.by_ms
        return at_ms - by

    def row(self, table: Table, row: dict[str, Any]) -> dict[str, Any]:
        """Return the changed values of a row."""
        moved = {name: self.instant(row[name]) for name in _instants(table) if row[name] is not None}
        if (
            table is schema.monitoring_gaps
            and row["cause"] == GapCause.CLOCK_STEP
            and row["ended_ms"] < row["began_ms"]
        ):
            moved["ended_ms"] = moved["began_ms"]  # what it was ahead of is no longer the future
        return {name: at for name, at in moved.items() if at != row[name]}


def _instants(table: Table) -> list[str]:
    return [column.name for column in table.c if column.name.endswith("_ms")]


def plan(connection: Connection, now_ms: int) -> Plan:
    """Return what a rebase would do. Raises CorrectionError if it is impossible or unnecessary."""
    known = read_metadata(connection)
    if known.watermark_ms - now_ms <= _SLACK_MS:
        raise CorrectionError("no part of the record is in the future by the clock of this machine")
    pieces = pieces_of(gap_spans(connection, GapCause.CLOCK_STEP))
    if not pieces:
        raise CorrectionError(
            "the record does not say how far it is ahead: start camwatch once with the clock as it is now, "
            "which must be right, stop it, and try again"
        )
    end_ms = _Moved(pieces).instant(known.watermark_ms)
    if end_ms - now_ms > _SLACK_MS:
        raise CorrectionError("the record would still end in the future: is the clock of this machine right?")
    if known.rolled_up_until_ms > pieces[0].after_ms:
        raise CorrectionError("the time in the future is folded into daily accounts: restore a backup")
    if pieces[0].from_start:
        _check_order(connection, pieces[0])
    rows = sum(_count(connection, table, pieces[0].after_ms) for table in RECORD)
    return Plan(pieces, rows, known.watermark_ms, end_ms)


def _check_order(connection: Connection, first: RebasePiece) -> None:
    """Raise CorrectionError where what is moved would come before what stays."""
    at = schema.transitions.c.at_ms
    stays = connection.execute(select(func.max(at)).where(at <= first.after_ms)).scalar()
    if stays is not None and first.after_ms - first.by_ms < stays - _SLACK_MS:
        raise CorrectionError("the time in the future would be moved before time that was recorded earlier")


def _count(connection: Connection, table: Table, after_ms: int) -> int:
    return connection.execute(
        select(func.count()).select_from(table).where(_after(table, after_ms))
    ).scalar_one()


def _after(table: Table, after_ms: int) -> Any:
    return or_(*(table.c[name] > after_ms for name in _instants(table)))


def rebase(store: Store, who: str, why: str, now_ms: int) -> tuple[int, Plan]:
    """Move time recorded in the future, completely or not at all; return the correction's number.

    Needs the lock (`Store.acquire_lock`): no daemon may write meanwhile.

    Raises:
        CorrectionError: It is impossible or unnecessary.
        StoreError: The database fails.
    """
    with translate_errors(store.engine), write_transaction(store.engine) as connection:
        made = plan(connection, now_ms)
        first, moved = made.pieces[0].after_ms, _Moved(made.pieces)
        digest, count = hashlib.sha256(), 0
        originals: list[tuple[str, int, str]] = []
        sealer = Sealer(connection)
        for table in RECORD:
            names, shifted = tuple(table.c.keys()), []
            for row in _rows(connection, table, first):
                changed = moved.row(table, row)
                if changed:
                    originals.append((table.name, row["id"], canonical_json(row)))
                    shifted.append([(row | changed)[name] for name in names])
            sealer.put(table, names, shifted, upsert=True)
        for kind, number, text in originals:
            digest.update(_line(kind, number, text))
            count += 1
        said = Rebase([list(map(int, piece)) for piece in made.pieces], count, digest.hexdigest())
        seq = append_in(connection, who, why, said, now_ms)
        names = ("correction", "kind", "row", "original")
        sealer.put(schema.rebased, names, [(seq, *original) for original in originals])
        _leave_gaps(sealer, made.pieces)
        sealer.seal(now_ms)
        _move_what_is_remembered(connection, moved, made)
        seal_checkpoints(connection)
    return seq, made


def _leave_gaps(sealer: Sealer, pieces: Sequence[RebasePiece]) -> None:
    """Record as gaps the time in which camwatch did not run and the record, which was ahead, stood still."""
    rows = [
        (
            "",
            "",
            str(GapCause.CLOCK_STEP),
            piece.after_ms + 1 - before.by_ms,
            piece.after_ms + 1 - piece.by_ms,
        )
        for before, piece in pairwise(pieces)
        if piece.from_start and piece.by_ms < before.by_ms
    ]
    sealer.add(schema.monitoring_gaps, ("operators", "links", "cause", "began_ms", "ended_ms"), rows)


def _line(kind: str, number: int, original: str) -> bytes:
    """Return the bytes of one row in the hash of a rebase."""
    return f"{kind} {number} {original}\n".encode()


def _rows(connection: Connection, table: Table, after_ms: int) -> Iterable[dict[str, Any]]:
    found = connection.execute(select(table).where(_after(table, after_ms)).order_by(table.c.id))
    return [dict(row) for row in found.mappings()]


def _move_what_is_remembered(connection: Connection, moved: _Moved, made: Plan) -> None:
    """Move the checkpoints from which the next process continues."""
    checkpoints, sights, meta = schema.checkpoints, schema.link_groups, schema.store_metadata
    by_s = (made.ended_ms - made.end_ms) / 1000
    for row in connection.execute(select(checkpoints)).mappings().all():
        changed: dict[str, Any] = moved.row(checkpoints, dict(row))
        if row["clock_offset_s"] is not None:
            changed["clock_offset_s"] = row["clock_offset_s"] - by_s
        if row["flaps"]:
            changed["flaps"] = " ".join(str(moved.instant(int(at))) for at in row["flaps"].split())
        if changed:
            mine = checkpoints.c.camera_key == row["camera_key"]
            connection.execute(update(checkpoints).where(mine).values(changed))
    for row in connection.execute(select(sights)).mappings().all():
        if changed := moved.row(sights, dict(row)):
            connection.execute(update(sights).where(sights.c.links == row["links"]).values(changed))
    connection.execute(update(meta).where(meta.c.name == "watermark_ms").values(value=str(made.end_ms)))


def rebase_problems(connection: Connection, seq: int, said: Rebase) -> Iterator[str]:
    """Yield inconsistencies between a rebase, the rows that it kept, and the record."""
    kept = _kept(connection, seq)
    digest = hashlib.sha256()
    for kind, number, text in kept:
        digest.update(_line(kind, number, text))
    if len(kept) != said.rows or digest.hexdigest() != said.digest:
        yield "moved rows that are no longer kept as they were"
        return
    moved = _Moved([RebasePiece(after, by) for after, by, _ in said.pieces])
    tables = {table.name: table for table in RECORD}
    for kind, number, text in kept:
        table = tables[kind]
        row = connection.execute(select(table).where(table.c.id == number)).mappings().first()
        stays = row is None or _stays(table, row, moved, json.loads(text))
        if not stays and not _moved_again(connection, seq, kind, number):
            yield f"moved row {number} of {kind}, which is elsewhere now"


def _stays(table: Table, row: RowMapping, moved: _Moved, original: dict[str, Any]) -> bool:
    """Return whether a row is where it was moved; late heartbeats may have extended a backfill since."""
    if table is schema.backfills:
        start, end = (moved.instant(original[name]) for name in ("start_ms", "end_ms"))
        return bool(row["start_ms"] <= start and row["end_ms"] >= end)
    begins = _BEGINS[table.name]
    return bool(row[begins] == moved.instant(original[begins]))


def miscounted(said: Rebase) -> Iterator[tuple[int, int]]:
    """Yield (instant, milliseconds) that counters have more than the record since a rebase."""
    before = 0
    for after, by, from_start in said.pieces:
        if from_start and by > before:
            yield after - by, by - before
        before = by


def _kept(connection: Connection, seq: int) -> list[tuple[str, int, str]]:
    """Return the original rows of a rebase, in the order of their hash."""
    table = schema.rebased
    order = [each.name for each in RECORD]
    query = select(table.c.kind, table.c.row, table.c.original).where(table.c.correction == seq)
    rows = [(kind, number, text) for kind, number, text in connection.execute(query)]
    return sorted(rows, key=lambda row: (order.index(row[0]) if row[0] in order else -1, row[1]))


def _moved_again(connection: Connection, seq: int, kind: str, number: int) -> bool:
    table = schema.rebased.c
    later = select(table.correction).where(table.kind == kind, table.row == number, table.correction > seq)
    return connection.execute(later).first() is not None
