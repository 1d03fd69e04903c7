"""The journal: what people correct, appended and never changed, each entry chained to the one before (A6).

An entry's hash is the SHA-256 of the hash before it and the entry's own canonical JSON. Attributions and
corrected maintenance windows are read from the entries; they are kept nowhere else.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import Connection, Engine, select

from camwatch.accounting.calendar import Calendar
from camwatch.accounting.records import AttributedCause, Attribution, MaintenanceRecord
from camwatch.core.model import OperatorScope, Scope
from camwatch.errors import CorrectionError, StoreError
from camwatch.history import schema
from camwatch.history.authorship import check_text
from camwatch.history.dialects import write_transaction
from camwatch.history.metadata import read_metadata
from camwatch.history.placements import was_in
from camwatch.history.public_ids import public_ids
from camwatch.history.sealing import Sealer

GENESIS = "0" * 64
"""What the first entry has for the hash before it."""


class _Bounds(NamedTuple):
    """How many days a window lasts at most, and how far it reaches back and ahead of when it is made."""

    longest: int
    back: float
    ahead: int


_DAY_MS = 86_400_000
_OF_ALL = _Bounds(366, float("inf"), 3 * 366)  # back to where days are folded
_OF_SOME = _Bounds(31, 31, 366)  # by who does not see all


class CorrectionKind(StrEnum):
    """What an entry does."""

    ATTRIBUTION = "attribution"
    MAINTENANCE = "maintenance"
    CANCELLATION = "cancellation"
    REBASE = "rebase"


class OutageAttribution(NamedTuple):
    """The cause that people found of an outage, and whether it counts by contract (rule A6).

    `operator` is whose camera it was; the journal notes it by itself.
    """

    outage: int
    cause: AttributedCause
    excluded: bool
    operator: str | None = None


class Maintenance(NamedTuple):
    """A maintenance window, also in the past: UTC milliseconds, the end not inside.

    `operators` are those whose cameras who made it sees, and so the only ones that it covers (rule H3); None:
    they see all.
    """

    scope: Scope
    scope_id: str
    start_ms: int
    end_ms: int
    operators: tuple[str, ...] | None = None


class Cancellation(NamedTuple):
    """The window of entry `window` ends at `from_ms`; None: it never was.

    For the cameras of these operators (None: of all); for others it stays.
    """

    window: int
    from_ms: int | None
    operators: tuple[str, ...] | None = None


class Rebase(NamedTuple):
    """What was dated in the future was put where it belongs (rule T5); see `history.rebase`.

    `pieces`: after an instant, UTC milliseconds, up to the next, everything was moved back by so many; and
    whether it was wrong from the start of a process, 1 or 0.
    `digest` is the SHA-256 of the `rows` that were moved, as they were.
    """

    pieces: list[list[int]]
    rows: int
    digest: str


Correction: TypeAlias = OutageAttribution | Maintenance | Cancellation | Rebase

_KINDS: dict[type[Correction], CorrectionKind] = {
    OutageAttribution: CorrectionKind.ATTRIBUTION,
    Maintenance: CorrectionKind.MAINTENANCE,
    Cancellation: CorrectionKind.CANCELLATION,
    Rebase: CorrectionKind.REBASE,
}


class Entry(NamedTuple):
    """One row of the journal; `payload` is the correction as canonical JSON."""

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
        """What the entry does. Raises ValueError if that cannot be read."""
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
    """Return the one JSON text of a value: keys in order, no blanks, letters as they are."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def entry_hash(entry: Entry) -> str:
    """Return the hash that an entry should have: over `previous`, and all its other fields."""
    fields = entry._asdict() | {"payload": json.loads(entry.payload)}
    del fields["hash"], fields["previous"]
    return hashlib.sha256((entry.previous + canonical_json(fields)).encode()).hexdigest()


class CorrectionState(NamedTuple):
    """What the journal comes to: attributions by outage, oldest first; windows; its length and end.

    All by the record's own numbers, which nobody is told (`public`).

    `cancelled` are the windows that nobody's cameras are left in to cancel them for.
    """

    attributions: dict[int, tuple[Attribution, ...]]
    windows: list[MaintenanceRecord]
    corrections: int
    head: str
    cancelled: frozenset[int]

    def window(self, number: int) -> MaintenanceRecord:
        """Return the window of an entry, or what is left of it. Raises CorrectionError if it added none."""
        for window in self.windows:
            if window.id == number:
                return window
        raise _no_window("of that number")


def append(
    engine: Engine, author: str, reason: str, correction: Correction, created_ms: int | None = None
) -> int:
    """Append a correction made at `created_ms` (None: now), and return its number.

    One at a time, whoever else appends. Raises CorrectionError where it cannot be made.
    """
    with write_transaction(engine) as connection:
        return append_in(connection, author, reason, correction, created_ms)


def append_in(
    connection: Connection, author: str, reason: str, correction: Correction, created_ms: int | None = None
) -> int:
    """Do the same in a transaction of the caller's, begun with `begin_write`."""
    for name, text in (("author", author), ("reason", reason)):
        check_text(name, text)
    made = time.time_ns() // 1_000_000 if created_ms is None else created_ms
    if isinstance(correction, Maintenance):
        _check_bounds(correction, made)
    entries = entries_since(connection, 0)
    correction = _checked(connection, replay(entries), correction)
    previous = entries[-1].hash if entries else GENESIS
    entry = Entry(
        seq=entries[-1].seq + 1 if entries else 1,
        created_ms=made,
        author=author,
        reason=reason,
        kind=str(_KINDS[type(correction)]),
        payload=canonical_json(correction._asdict()),
        previous=previous,
        hash="",
    )
    entry = entry._replace(hash=entry_hash(entry))
    sealer = Sealer(connection)
    sealer.put(schema.corrections, Entry._fields, [entry])
    sealer.seal(made)
    return entry.seq


def window_of(connection: Connection, public: int) -> MaintenanceRecord:
    """Return the window that has this public id. Raises CorrectionError if none has."""
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
    """Return what cancels a window of the journal now, for the cameras of these operators (None: of all).

    A window that has not begun never was; one under way ends now; one that is over no longer counts.
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
    """Return what all entries come to."""
    return replay(entries_since(connection, 0))


def replay(entries: Iterable[Entry]) -> CorrectionState:
    """Return what these entries come to, taken in order.

    Raises StoreError where one cannot be read.
    """
    attributions: dict[int, tuple[Attribution, ...]] = {}
    windows: dict[int, list[MaintenanceRecord]] = {}
    cancelled: set[int] = set()
    count, head = 0, GENESIS
    for entry in entries:
        try:
            said = entry.correction
        except ValueError as error:
            raise StoreError(
                f"correction {entry.seq} was damaged", "`camwatch audit` says more; restore a backup"
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


def _checked(connection: Connection, journal: CorrectionState, correction: Correction) -> Correction:
    """Return a correction as it is appended. Raises CorrectionError where it cannot be."""
    if isinstance(correction, OutageAttribution):
        return correction._replace(operator=_check_outage(connection, correction.outage))
    if isinstance(correction, Maintenance):
        _check_window(connection, correction)
    elif isinstance(correction, Cancellation):
        _check_cancellation(connection, journal, correction)
    return correction


def _check_outage(connection: Connection, number: int) -> str:
    """Check that an outage may be attributed, and return whose it is."""
    table, named = schema.outages, f"outage {public_ids(connection).outage(number)}"
    query = select(table.c.at_ms, table.c.end_ms, schema.cameras.c.operator).join(schema.cameras)
    row = connection.execute(query.where(table.c.id == number)).first()
    if row is None:
        folded = _folded(connection)
        raise CorrectionError(
            f"there is no {named}: `camwatch outages list` shows them"
            + (f" (those before {folded} are folded into daily accounts)" if folded else "")
        )
    _check_not_folded(connection, row.at_ms if row.end_ms is None else row.end_ms - 1, named)
    operator: str = row.operator
    return operator


def _check_window(connection: Connection, window: Maintenance) -> None:
    if window.end_ms <= window.start_ms:
        raise CorrectionError("the window ends before it starts: give a --to that is later than --from")
    table = schema.cameras.c
    theirs = select(table.key).where(was_in(window.scope, window.scope_id)).limit(1)
    if window.operators is not None:
        theirs = theirs.where(table.operator.in_(window.operators))
    if connection.execute(theirs).first() is None:
        raise CorrectionError(
            f"there is no {window.scope} {window.scope_id!r} in the record: give the id as in the inventory "
            "(the daemon must have read it once)"
        )
    _check_not_folded(connection, window.start_ms, "the beginning of the window")


def _check_bounds(window: Maintenance, created_ms: int) -> None:
    """Check how long a window is, and how far from now: a right lasts as long as its reason (rule H3)."""
    bounds = _OF_ALL if window.operators is None else _OF_SOME
    days = (window.end_ms - window.start_ms) / _DAY_MS
    if days > bounds.longest:
        raise CorrectionError(f"the window lasts {days:.0f} days: at most {bounds.longest} are taken at once")
    if window.start_ms < created_ms - bounds.back * _DAY_MS:
        raise CorrectionError(f"the window begins too long ago: at most {bounds.back} days back")
    if window.end_ms > created_ms + bounds.ahead * _DAY_MS:
        raise CorrectionError(f"the window ends too far ahead: at most {bounds.ahead} days from now")


def _check_cancellation(connection: Connection, journal: CorrectionState, said: Cancellation) -> None:
    window = journal.window(said.window)
    named = f"maintenance window {public_ids(connection).correction(said.window)}"
    theirs = said.operators is None or any(map(window.operators.covers, said.operators))
    if said.window in journal.cancelled or not theirs:
        raise CorrectionError(f"{named} is cancelled already")
    if said.from_ms is None:
        _check_not_folded(connection, window.start_ms, f"the beginning of {named}")
    elif not window.start_ms < said.from_ms < window.end_ms:
        raise CorrectionError(f"{named} is not under way at that time")


def _folded(connection: Connection) -> str | None:
    """Return the first local day that is not folded, as people write it; None if none is folded."""
    known = read_metadata(connection)
    if known.rolled_up_zone is None:
        return None
    return Calendar(known.rolled_up_zone).date_of(known.rolled_up_until_ms).isoformat()


def _check_not_folded(connection: Connection, instant: int, what: str) -> None:
    known = read_metadata(connection)
    if instant < known.rolled_up_until_ms:
        raise CorrectionError(
            f"{what} lies before {_folded(connection)}: the days before that are folded into daily accounts "
            "(history.retention_days) and can no longer be corrected"
        )
