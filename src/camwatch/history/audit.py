"""Audit: checks that the tables agree with each other, camera by camera (rule A1).

Nothing is changed. A finding names the camera, the time and the problem; the chain of corrections is verified
first, since figures rest on it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, Table, bindparam, select

from camwatch.accounting.calendar import Calendar
from camwatch.accounting.records import DailyRollup, GapRecord, History
from camwatch.accounting.timeline import TimelineOverlays
from camwatch.clock import AHEAD_MAX_S
from camwatch.core.model import GapCause
from camwatch.core.status_time import Interval, StatusTime, merge
from camwatch.history import schema
from camwatch.history.audit_checks import (
    AuditContext,
    CameraRows,
    Finding,
    OutageRow,
    StoredCheckpoint,
    audit_camera,
)
from camwatch.history.audit_seals import compare, replay_seals
from camwatch.history.corrections import (
    GENESIS,
    Entry,
    Rebase,
    canonical_json,
    entries_since,
    entry_hash,
    replay,
)
from camwatch.history.dialects import read_transaction
from camwatch.history.metadata import Query, fetch_tuples, read_metadata
from camwatch.history.rebase import miscounted, rebase_problems
from camwatch.history.skipped_days import gap_spans

_SLOW_MS = AHEAD_MAX_S * 1000  # further behind, the wall clock slows nothing down

Progress = Callable[[int, int], None]
"""Called with the number of cameras done, and of all."""


class AuditCounts(NamedTuple):
    """How many rows were checked."""

    cameras: int
    transitions: int
    outages: int
    days: int
    corrections: int
    seals: int


class Since(NamedTuple):
    """Seals and corrections appended after a given seal."""

    seals: int
    corrections: list[str]


@dataclass(slots=True)
class AuditResult:
    """What was checked, and the findings."""

    checked: AuditCounts
    head: str
    sealed: str
    findings: list[Finding] = field(default_factory=list)
    since: Since | None = None


def audit(
    engine: Engine,
    timezone: ZoneInfo,
    progress: Progress = lambda _done, _of: None,
    since: str | None = None,
) -> AuditResult:
    """Check the whole store, as of one instant.

    Args:
        engine: The store.
        timezone: The time zone of times in findings.
        progress: Called after each camera.
        since: The beginning of the hash of an earlier seal, which the record must continue (H2).

    Raises:
        StoreError: An entry cannot be read.
    """
    with read_transaction(engine) as connection:
        entries = entries_since(connection, 0)
        findings = list(_chain(entries))
        sound = [] if findings else entries
        frame = _frame(connection, timezone, sound)
        seals = replay_seals(connection, since)
        findings += seals.findings
        findings += compare(connection, seals)
        if since is not None and seals.since is None:
            findings.append(
                Finding(
                    None,
                    None,
                    f"the record does not continue from seal {since[:16]}…: it does not contain that seal",
                )
            )
        cameras = connection.execute(
            select(
                schema.cameras.c.key, schema.cameras.c.id, schema.cameras.c.operator, schema.cameras.c.site
            ).order_by(schema.cameras.c.operator, schema.cameras.c.id)
        ).all()
        transitions = outages = days = 0
        for number, (key, *who) in enumerate(cameras, 1):
            rows = _rows(connection, key, *who)
            findings += audit_camera(rows, frame)
            transitions += len(rows.transitions)
            outages += len(rows.outages)
            days += len(rows.days)
            progress(number, len(cameras))
        findings += _blindness(connection, frame.watermark_ms)
        findings += _rebases(connection, sound)
    checked = AuditCounts(len(cameras), transitions, outages, days, len(entries), seals.last.seq)
    head = entries[-1].hash if entries else GENESIS
    result = AuditResult(checked, head, seals.last.hash, findings)
    if seals.since is not None:
        result.since = Since(seals.last.seq - seals.since.seq, seals.corrections)
    return result


def _chain(entries: Sequence[Entry]) -> Iterator[Finding]:
    """Check that every entry is present, in order, unchanged, and names the previous one."""
    previous = Entry(0, 0, "", "", "", "", "", GENESIS)
    for entry in entries:
        if entry.seq != previous.seq + 1:
            yield _finding(entry, f"follows entry {previous.seq}: some are missing or out of order")
        if entry.previous != previous.hash:
            yield _finding(entry, "does not name the hash of the entry before it")
        try:
            sound = (
                entry_hash(entry) == entry.hash and canonical_json(json.loads(entry.payload)) == entry.payload
            )
        except ValueError:
            sound = False
        if not sound:
            yield _finding(entry, "was changed after it was made: its hash is another")
        else:
            try:
                entry.correction  # noqa: B018 - only whether it can be read
            except ValueError as error:
                yield _finding(entry, str(error))
        previous = entry


def _rebases(connection: Connection, entries: Sequence[Entry]) -> Iterator[Finding]:
    """Check that moved rows are kept as they were, and are where the corrections say."""
    for entry in entries:
        said = entry.correction
        if isinstance(said, Rebase):
            for problem in rebase_problems(connection, entry.seq, said):
                yield _finding(entry, problem)


def _finding(entry: Entry, problem: str) -> Finding:
    return Finding(None, entry.created_ms, f"correction {entry.seq} {problem}")


def _frame(connection: Connection, timezone: ZoneInfo, entries: Sequence[Entry]) -> AuditContext:
    known = read_metadata(connection)
    clock = gap_spans(connection, GapCause.CLOCK_STEP)
    gaps = [GapRecord((), (), GapCause.CLOCK_STEP, began, ended) for began, ended in clock if ended > began]
    journal = replay(entries)
    record = History([], gaps, journal.windows, known.watermark_ms, known.rolled_up_until_ms, 0, "")
    return AuditContext(
        zone=timezone,
        watermark_ms=known.watermark_ms,
        rolled_up_until_ms=known.rolled_up_until_ms,
        calendar=None if known.rolled_up_zone is None else Calendar(known.rolled_up_zone),
        overlays=TimelineOverlays(record),
        bare=TimelineOverlays(History([], [], [], known.watermark_ms, known.rolled_up_until_ms, 0, "")),
        gaps=merge(Interval(began, ended) for began, ended in clock),
        lost_ms=sum(ended - began for began, ended in gap_spans(connection, GapCause.LOST)),
        miscounted=[
            each
            for entry in entries
            if isinstance(said := entry.correction, Rebase)
            for each in miscounted(said)
        ],
        slow=merge(
            Interval(began, began + (began - ended)) for began, ended in clock if began - ended <= _SLOW_MS
        ),
    )


def _of(table: Table, *names: str, order: str = "id") -> Query:
    query = select(*(table.c[name] for name in names)).where(table.c.camera_key == bindparam("key"))
    return query.order_by(table.c[order])


_ACCOUNTS = ("up", "down", "unknown", "maintenance")
_SERVICE = _of(schema.service_periods, "start_ms", "end_ms")
_TRANSITIONS = _of(schema.transitions, "at_ms", "status")
_OUTAGES = _of(schema.outages, "id", "at_ms", "end_ms")
_FILLS = _of(schema.backfills, "start_ms", "end_ms")
_DAYS = _of(schema.daily_rollups, "day", *_ACCOUNTS, "excluded", order="day")
_CHECKPOINT = _of(
    schema.checkpoints,
    "underlying_status",
    "status",
    "accounted_until_ms",
    "outage_open",
    *_ACCOUNTS,
    order="camera_key",
)


def _rows(connection: Connection, key: int, camera: str, operator: str, site: str) -> CameraRows:
    checkpoint = fetch_tuples(connection, _CHECKPOINT, key=key)
    return CameraRows(
        id=camera,
        operator=operator,
        site=site,
        service=[(start, end) for start, end in fetch_tuples(connection, _SERVICE, key=key)],
        transitions=[(at, status) for at, status in fetch_tuples(connection, _TRANSITIONS, key=key)],
        outages=[OutageRow(*row) for row in fetch_tuples(connection, _OUTAGES, key=key)],
        fills=[Interval(*row) for row in fetch_tuples(connection, _FILLS, key=key)],
        days={
            row[0]: DailyRollup(StatusTime(*row[1:5]), row[5])
            for row in fetch_tuples(connection, _DAYS, key=key)
        },
        checkpoint=_checkpoint(*checkpoint[0]) if checkpoint else None,
    )


def _checkpoint(
    life: str, status: str, accounted_until_ms: int | None, outage_open: bool, *account: int
) -> StoredCheckpoint:
    return StoredCheckpoint(life, status, accounted_until_ms, bool(outage_open), StatusTime(*account))


def _blindness(connection: Connection, watermark_ms: int) -> Iterator[Finding]:
    table = schema.monitoring_gaps
    query = select(table.c.began_ms, table.c.ended_ms, table.c.cause).order_by(table.c.id)
    for began, ended, cause in connection.execute(query):
        if ended < began and cause != GapCause.CLOCK_STEP:
            yield Finding(None, began, "a blindness ends before it begins")
        if ended > watermark_ms:
            yield Finding(None, ended, "a monitoring gap is after the end of the record")
