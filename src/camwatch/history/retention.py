"""Retention: rolls up old days into one row per camera and day, and deletes their raw rows.

First the days are written, which no query reads yet; then one small transaction makes them valid; then the
raw rows go. Queries take days before that instant and rows after it, so a crash in between does no harm: the
next run continues. Corrections are never deleted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from operator import itemgetter
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Engine, Table, and_, func, select

from camwatch.accounting.calendar import Calendar
from camwatch.accounting.outage_length import down_ms
from camwatch.accounting.records import DailyRollup, History
from camwatch.accounting.timeline import TimelineOverlays, status_time_between
from camwatch.clock import STEP_S
from camwatch.core.model import GapCause
from camwatch.core.status_time import Interval
from camwatch.errors import StoreWentBackError
from camwatch.history import schema
from camwatch.history.corrections import GENESIS, load
from camwatch.history.dialects import read_transaction, write_transaction
from camwatch.history.metadata import StoreMetadata, fetch_tuples, read_metadata
from camwatch.history.queries import last_transition_before, read
from camwatch.history.sealing import Seal, Sealer, has, newest
from camwatch.history.skipped_days import lived_days

DAY_MS = 86_400_000
_NOT_LIVED = (str(GapCause.CLOCK_STEP), str(GapCause.OFFLINE))
_CAMERAS = 25  # in one transaction, so that no writer waits long for it
_DAY = ("camera_key", "day", "up", "down", "unknown", "maintenance", "excluded", "outages", "reboots",
        "uncertain_up", "uncertain_down")  # fmt: skip


class RollupResult(NamedTuple):
    """How many days of cameras were rolled up, and the instant up to which all is."""

    days: int
    until_ms: int


def roll_up(engine: Engine, timezone: ZoneInfo, retention_days: int, now_ms: int) -> RollupResult:
    """Run all `roll_up_steps`."""
    steps = roll_up_steps(engine, timezone, retention_days, now_ms)
    while True:
        try:
            next(steps)
        except StopIteration as done:
            folded: RollupResult = done.value
            return folded


def roll_up_steps(
    engine: Engine, timezone: ZoneInfo, retention_days: int, now_ms: int
) -> Generator[None, None, RollupResult]:
    """Roll up the local days older than `retention_days`, and delete their rows; may be run again.

    Yields after each transaction, so that batches can be stored in between. Age counts lived time, and
    nothing is rolled up within a day of a step of the clock (rule T7). The time zone of a store's days never
    changes. Needs the lock (`Store.acquire_lock`); others may read and correct meanwhile.

    Raises:
        StoreWentBackError: Earlier rolled-up days are missing (rule H1); nothing is deleted then.
    """
    with read_transaction(engine) as connection:
        writer = _Writer(engine, newest(connection))
        known = read_metadata(connection)
        first = connection.execute(select(func.min(schema.service_periods.c.start_ms))).scalar()
        blind = schema.monitoring_gaps.c
        query = select(blind.began_ms, blind.ended_ms, blind.cause).where(blind.cause.in_(_NOT_LIVED))
        found = [(began, ended, GapCause(cause)) for began, ended, cause in connection.execute(query)]
    calendar = Calendar(known.rolled_up_zone or timezone)
    reach = min(now_ms, known.watermark_ms)
    gaps = [(began, ended) for began, ended, _ in found]
    cutoff = calendar.start_of(calendar.date_of(_lived_before(reach, gaps, retention_days * DAY_MS)))
    days, folded = 0, known.rolled_up_until_ms
    steps = [
        gap[:2] for gap in found if gap[2] is GapCause.CLOCK_STEP and abs(gap[1] - gap[0]) > STEP_S * 1000
    ]
    if any(max(step) > reach - DAY_MS for step in steps):
        return RollupResult(days, folded)  # a clock that was just set may be set back
    if first is not None and known.watermark_ms and cutoff > max(first, folded):
        days, folded = (yield from _roll_up_until(writer, calendar, known, cutoff)), cutoff
    if folded:
        yield from _delete_raw(writer, folded)
    return RollupResult(days, folded)


class _Writer:
    """Writes many transactions, each on top of the one before; `sealed`: the last of them."""

    def __init__(self, engine: Engine, sealed: Seal) -> None:
        self.engine = engine
        self._sealed = sealed

    @contextmanager
    def writes(self, at_ms: int) -> Iterator[Sealer]:
        """Open a transaction, and seal it. Raises StoreWentBackError if the last seal is missing."""
        with write_transaction(self.engine) as connection:
            if not has(connection, self._sealed):
                raise StoreWentBackError("it went back while days were folded")
            sealer = Sealer(connection)
            yield sealer
            sealed = sealer.seal(at_ms)
        self._sealed = sealed or self._sealed


def _lived_before(reach: int, gaps: Sequence[tuple[int, int]], age_ms: int) -> int:
    """Return the instant at which `age_ms` of lived time remained until `reach` (rule T7).

    Time in `gaps` is not lived: the wall clock skipped it, or camwatch did not run, perhaps with a clock that
    was wrong by years.
    """
    for began, ended in sorted(gaps, key=itemgetter(1), reverse=True):
        lived = max(0, reach - ended)
        if lived >= age_ms:
            break
        if began < min(ended, reach):
            age_ms -= lived
            reach = began
    return reach - age_ms


def _roll_up_until(
    writer: _Writer, calendar: Calendar, known: StoreMetadata, cutoff: int
) -> Generator[None, None, int]:
    """Write the days up to `cutoff` and make them valid; again if a correction came meanwhile."""
    engine = writer.engine
    while True:
        with read_transaction(engine) as connection:
            journal = load(connection)
        days = 0
        for keys in _camera_batches(engine):
            rows = []
            for key, operator, camera in keys:
                with read_transaction(engine) as connection:
                    record = read(
                        connection,
                        [operator],
                        known.rolled_up_until_ms,
                        cutoff,
                        camera=camera,
                        journal=journal,
                    )
                rows += [
                    (key, date, day.status_time.up, day.status_time.down, day.status_time.unknown,
                     day.status_time.maintenance, day.excluded, day.outages, day.reboots,
                     day.status_time.uncertain_up, day.status_time.uncertain_down)
                    for date, day in _days(record, calendar, known.rolled_up_until_ms, cutoff)
                ]  # fmt: skip
            with writer.writes(cutoff) as sealer:
                sealer.put(schema.daily_rollups, _DAY, rows, upsert=True)
            days += len(rows)
            yield
        # From here on no correction of these days is taken, and none was made since they were derived.
        with writer.writes(cutoff) as sealer:
            head = select(schema.corrections.c.hash).order_by(schema.corrections.c.seq.desc()).limit(1)
            if (sealer.connection.execute(head).scalar() or GENESIS) == journal.head:
                held = (("rolled_up_until_ms", str(cutoff)), ("rolled_up_zone", calendar.zone.key))
                sealer.put(schema.store_metadata, ("name", "value"), held, upsert=True)
                return days


def _days(record: History, calendar: Calendar, start: int, cutoff: int) -> Iterator[tuple[str, DailyRollup]]:
    overlays = TimelineOverlays(record)
    gaps = [
        Interval(blind.start_ms, blind.end_ms)
        for blind in record.gaps
        if blind.cause is GapCause.CLOCK_STEP and blind.end_ms is not None
    ]
    covered = [Interval(each.start_ms, each.end_ms) for each in record.maintenance if each.id is not None]
    for camera in record.cameras:
        stretches = overlays.dated(camera, cutoff)
        begun = Counter(
            calendar.date_of(outage.at_ms) for outage in camera.outages if down_ms(stretches, outage, cutoff)
        )
        reboots = Counter(calendar.date_of(at) for at in camera.reboots)
        excluded = [
            outage
            for outage in camera.outages
            if outage.attribution is not None and outage.attribution.excluded
        ]
        since = max(start, min((span.start for span in camera.service_periods), default=cutoff))
        busy = [Interval(at, at) for at in (*camera.reboots, *(outage.at_ms for outage in camera.outages))]
        for day in lived_days(calendar, Interval(since, cutoff), gaps, [*busy, *covered]):
            account = status_time_between(stretches, day.start, day.end)
            out = sum(
                status_time_between(
                    stretches, max(outage.at_ms, day.start), min(_end(outage.end_ms, cutoff), day.end)
                ).down
                for outage in excluded
                if outage.at_ms < day.end and _end(outage.end_ms, cutoff) > day.start
            )
            if account.in_service:
                yield day.date.isoformat(), DailyRollup(account, out, begun[day.date], reboots[day.date])


def _end(end_ms: int | None, cutoff: int) -> int:
    return cutoff if end_ms is None else min(end_ms, cutoff)


def _delete_raw(writer: _Writer, rolled_up_until_ms: int) -> Iterator[None]:
    """Delete the rows of rolled-up days; each camera keeps its last transition before them."""
    for portion in _camera_batches(writer.engine):
        keys = [key for key, _, _ in portion]
        with writer.writes(rolled_up_until_ms) as sealer:
            kept = last_transition_before(
                sealer.connection, schema.cameras.c.key.in_(keys), rolled_up_until_ms
            )
            for table, over in (
                (
                    schema.transitions,
                    and_(
                        schema.transitions.c.at_ms < rolled_up_until_ms, schema.transitions.c.id.not_in(kept)
                    ),
                ),
                (schema.outages, schema.outages.c.end_ms <= rolled_up_until_ms),
                (schema.backfills, schema.backfills.c.end_ms <= rolled_up_until_ms),
                (schema.reboots, schema.reboots.c.at_ms < rolled_up_until_ms),
            ):
                _drop_from(sealer, table, and_(table.c.camera_key.in_(keys), over))
        yield
    blind, windows = schema.monitoring_gaps, schema.maintenance_windows
    with writer.writes(rolled_up_until_ms) as sealer:
        # When the clock was set, and what the store lost, is needed for as long as counters reach back to it.
        others = blind.c.cause.not_in((str(GapCause.CLOCK_STEP), str(GapCause.LOST)))
        _drop_from(sealer, blind, and_(others, blind.c.ended_ms <= rolled_up_until_ms))
        _drop_from(sealer, windows, windows.c.end_ms <= rolled_up_until_ms)


def _drop_from(sealer: Sealer, table: Table, over: ColumnElement[bool]) -> None:
    sealer.drop(table, list(sealer.connection.execute(select(table.c.id).where(over)).scalars()))


def _camera_batches(engine: Engine) -> Iterator[list[tuple[Any, ...]]]:
    """Yield all cameras in small batches: (key, operator, id)."""
    table = schema.cameras
    with read_transaction(engine) as connection:
        query = select(table.c.key, table.c.operator, table.c.id).order_by(table.c.key)
        cameras = iter(fetch_tuples(connection, query))
    while portion := list(islice(cameras, _CAMERAS)):
        yield portion
