"""Appends corrections: checked, chained to the last one, and sealed (A6)."""

from __future__ import annotations

import time
import unicodedata
from typing import NamedTuple

from sqlalchemy import Connection, Engine, select

from camwatch.accounting.calendar import Calendar
from camwatch.errors import CorrectionError
from camwatch.history import schema
from camwatch.history.corrections import (
    GENESIS,
    KINDS,
    Cancellation,
    Correction,
    CorrectionState,
    Entry,
    Maintenance,
    OutageAttribution,
    canonical_json,
    entries_since,
    entry_hash,
    replay,
)
from camwatch.history.dialects import write_transaction
from camwatch.history.metadata import read_metadata
from camwatch.history.placements import was_in
from camwatch.history.public_ids import public_ids
from camwatch.history.sealing import Sealer

MAX_TEXT = 500
"""The longest name or reason, in characters."""

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS = "\u200c\u200d"  # that some scripts, and some signs made of several, are not written without


class _Bounds(NamedTuple):
    """How many days a window lasts at most, and how far it reaches back and ahead of when it is made."""

    longest: int
    back: float
    ahead: int


_DAY_MS = 86_400_000
_OF_ALL = _Bounds(366, float("inf"), 3 * 366)  # back to where days are folded
_OF_SOME = _Bounds(31, 31, 366)  # by who does not see all


def append(
    engine: Engine, author: str, reason: str, correction: Correction, created_ms: int | None = None
) -> int:
    """Append a correction made at `created_ms` (None: now), and return its number.

    Writers append one at a time. Raises CorrectionError where it cannot be made.
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
        kind=str(KINDS[type(correction)]),
        payload=canonical_json(correction._asdict()),
        previous=previous,
        hash="",
    )
    entry = entry._replace(hash=entry_hash(entry))
    sealer = Sealer(connection)
    sealer.put(schema.corrections, Entry._fields, [entry])
    sealer.seal(made)
    return entry.seq


def check_text(name: str, text: str) -> None:
    """Raise CorrectionError where a text cannot be kept."""
    if not text.strip():
        raise CorrectionError(f"{name} is empty: every correction states who makes it, and why")
    if len(text) > MAX_TEXT:
        raise CorrectionError(f"{name} is too long: {len(text)} characters, at most {MAX_TEXT} are kept")
    if any(map(_is_unseen, text)):
        raise CorrectionError(f"{name} holds a line break or another character that is not seen: remove it")


def _is_unseen(character: str) -> bool:
    """Return whether a character breaks the line, or invisibly changes how others are read."""
    return unicodedata.category(character) in _UNSEEN and character not in _JOINERS


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
            f"{what} is before {_folded(connection)}: the days before that are folded into daily accounts "
            "(history.retention_days) and can no longer be corrected"
        )
