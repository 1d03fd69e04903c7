"""Corrections: what people add to the record, append-only, each entry chained to the previous one (A6).

An entry's hash is the SHA-256 of the previous hash and the entry's own canonical JSON. Attributions and
corrected maintenance windows are derived from the entries only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import Connection, select

from camwatch.accounting.records import AttributedCause, Attribution, MaintenanceRecord
from camwatch.core.model import OperatorScope, Scope
from camwatch.errors import CorrectionError, StoreError
from camwatch.history import schema
from camwatch.history.public_ids import public_ids

GENESIS = "0" * 64
"""The previous hash of the first entry."""


class CorrectionKind(StrEnum):
    """The kind of an entry."""

    ATTRIBUTION = "attribution"
    MAINTENANCE = "maintenance"
    CANCELLATION = "cancellation"
    REBASE = "rebase"


class OutageAttribution(NamedTuple):
    """The attributed cause of an outage, and whether contracts exclude it (rule A6).

    `operator` is its camera's; appending fills it in.
    """

    outage: int
    cause: AttributedCause
    excluded: bool
    operator: str | None = None


class Maintenance(NamedTuple):
    """A maintenance window, also in the past, in [start_ms, end_ms), UTC milliseconds.

    `operators`: those that its author sees, and so the only ones that it covers (rule H3); None: all.
    """

    scope: Scope
    scope_id: str
    start_ms: int
    end_ms: int
    operators: tuple[str, ...] | None = None


class Cancellation(NamedTuple):
    """The window of entry `window` ends at `from_ms`; None: it never counted.

    For the cameras of these operators (None: all); for others it stays.
    """

    window: int
    from_ms: int | None
    operators: tuple[str, ...] | None = None


class Rebase(NamedTuple):
    """Time recorded in the future was moved to where it belongs (rule T5); see `history.rebase`.

    `pieces`: from an instant (UTC milliseconds, exclusive) to the next, the milliseconds by which all was
    moved back, and whether it was wrong from the start of a process (1 or 0). `digest`: the SHA-256 of the
    `rows` original rows.
    """

    pieces: list[list[int]]
    rows: int
    digest: str


Correction: TypeAlias = OutageAttribution | Maintenance | Cancellation | Rebase

KINDS: dict[type[Correction], CorrectionKind] = {
    OutageAttribution: CorrectionKind.ATTRIBUTION,
    Maintenance: CorrectionKind.MAINTENANCE,
    Cancellation: CorrectionKind.CANCELLATION,
    Rebase: CorrectionKind.REBASE,
}


class Entry(NamedTuple):
    """One row of the corrections; `payload` is canonical JSON."""

    seq: int
    created_ms: int
    author: str
    reason: str
    kind: str
    payload: str
    previous: str
    hash: str

    @property
    def correction(self) -> Correction:
        """The correction. Raises ValueError if it cannot be read."""
        said = json.loads(self.payload)
        try:
            if self.kind == CorrectionKind.ATTRIBUTION:
                cause, excluded = AttributedCause(said["cause"]), said["excluded"]
                return OutageAttribution(said["outage"], cause, excluded, said.get("operator"))
            if self.kind == CorrectionKind.MAINTENANCE:
                span = said["start_ms"], said["end_ms"]
                return Maintenance(Scope(said["scope"]), said["scope_id"], *span, _operators(said))
            if self.kind == CorrectionKind.REBASE:
                return Rebase(said["pieces"], said["rows"], said["digest"])
            return Cancellation(said["window"], said["from_ms"], _operators(said))
        except (KeyError, TypeError) as error:
            raise ValueError(f"entry {self.seq}: its payload is no {self.kind}") from error


def _operators(said: dict[str, Any]) -> tuple[str, ...] | None:
    """Return whose cameras an entry is about; one that does not say it is of a time when all were covered."""
    operators = said.get("operators")
    return None if operators is None else tuple(operators)


def canonical_json(value: object) -> str:
    """Return the canonical JSON of a value: sorted keys, no blanks, no escaped letters."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def entry_hash(entry: Entry) -> str:
    """Return the correct hash of an entry: over `previous` and all its other fields."""
    fields = entry._asdict() | {"payload": json.loads(entry.payload)}
    del fields["hash"], fields["previous"]
    return hashlib.sha256((entry.previous + canonical_json(fields)).encode()).hexdigest()


class CorrectionState(NamedTuple):
    """The result of all entries: attributions by outage, oldest first; windows; count and newest hash.

    Numbers are internal, never public ids. `cancelled`: windows cancelled for all their cameras.
    """

    attributions: dict[int, tuple[Attribution, ...]]
    windows: list[MaintenanceRecord]
    corrections: int
    head: str
    cancelled: frozenset[int]

    def window(self, number: int) -> MaintenanceRecord:
        """Return the window of an entry. Raises CorrectionError if there is none."""
        for window in self.windows:
            if window.id == number:
                return window
        raise _no_window("of that number")


def window_of(connection: Connection, public: int) -> MaintenanceRecord:
    """Return the window with a public id. Raises CorrectionError if there is none."""
    number = public_ids(connection).correction_of(public)
    for window in load(connection).windows:
        if window.id == number:
            return window
    raise _no_window(f"{public}")


def _no_window(what: str) -> CorrectionError:
    return CorrectionError(
        f"there is no maintenance window {what}: `camwatch maintenance list --all` shows them "
        "(those of the inventory are changed in maintenance.csv)"
    )


def make_cancellation(
    window: MaintenanceRecord, now_ms: int, operators: tuple[str, ...] | None = None
) -> Cancellation:
    """Return the cancellation of a window now, for the cameras of these operators (None: all).

    A window that has not begun never counts; one under way ends now; one that is over no longer counts.
    """
    assert window.id is not None, "the inventory's windows are cancelled in the inventory"  # noqa: S101
    under_way = window.start_ms < now_ms < window.end_ms
    return Cancellation(window.id, now_ms if under_way else None, operators)


def entries_since(connection: Connection, seq: int) -> list[Entry]:
    """Return the entries after number `seq` (0: all), in order."""
    table = schema.corrections
    query = select(*(table.c[name] for name in Entry._fields)).where(table.c.seq > seq)
    return [Entry(*row) for row in connection.execute(query.order_by(table.c.seq))]


def load(connection: Connection) -> CorrectionState:
    """Return the result of all entries."""
    return replay(entries_since(connection, 0))


def replay(entries: Iterable[Entry]) -> CorrectionState:
    """Return the result of these entries, in order. Raises StoreError if one cannot be read."""
    attributions: dict[int, tuple[Attribution, ...]] = {}
    windows: dict[int, list[MaintenanceRecord]] = {}
    cancelled: set[int] = set()
    count, head = 0, GENESIS
    for entry in entries:
        try:
            said = entry.correction
        except ValueError as error:
            raise StoreError(
                f"correction {entry.seq} was damaged",
                "run `camwatch audit` for details, and restore a backup",
            ) from error
        if isinstance(said, OutageAttribution):
            made = Attribution(said.cause, said.excluded, entry.author, entry.reason, entry.created_ms)
            attributions[said.outage] = (*attributions.get(said.outage, ()), made)
        elif isinstance(said, Maintenance):
            whose = OperatorScope(None if said.operators is None else frozenset(said.operators))
            window = MaintenanceRecord(
                entry.seq, *said[:4], entry.reason, entry.author, entry.created_ms, operators=whose
            )
            windows[entry.seq] = [window]
        elif isinstance(said, Cancellation) and said.window in windows:
            first = windows[said.window][0]
            left = _left(first.operators, said)
            if left is None:
                cancelled.add(said.window)
            windows[said.window][:1] = _cancelled(first, left, said)
        count, head = count + 1, entry.hash
    every = [window for pieces in windows.values() for window in pieces]
    return CorrectionState(attributions, every, count, head, frozenset(cancelled))


def _cancelled(
    window: MaintenanceRecord, left: OperatorScope | None, said: Cancellation
) -> list[MaintenanceRecord]:
    """Return a window after a cancellation: what is `left` of it first, then what was cancelled."""
    over = window._replace(cancelled=True) if said.from_ms is None else window._replace(end_ms=said.from_ms)
    if left is None:
        return [over]
    mine = frozenset(said.operators or ()) - window.operators.but
    if window.operators.only is not None:
        mine &= window.operators.only
    return [window._replace(operators=left), over._replace(operators=OperatorScope(mine))]


def _left(whose: OperatorScope, said: Cancellation) -> OperatorScope | None:
    """Return whose cameras a window still covers after a cancellation; None: nobody's."""
    if said.operators is None:
        return None
    gone = frozenset(said.operators)
    if whose.only is None:
        return OperatorScope(None, whose.but | gone)
    return OperatorScope(whose.only - gone) if whose.only - gone else None
