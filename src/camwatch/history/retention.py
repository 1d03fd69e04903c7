"""Retention: old days are folded into accounts, one a camera and day; what they were made of is dropped.

First the days are written, which nobody reads yet; then one small transaction says that they hold from now
on; then the old rows go. Whoever reads takes the days before that instant and the rows after it, so it
does not matter where a crash comes in between: the next run goes on. Corrections are never dropped.
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
from camwatch.accounting.records import DayAccount, Record
from camwatch.accounting.timeline import Overlays, account_of
from camwatch.clock import STEP_S
from camwatch.core.model import BlindCause
from camwatch.core.status_time import Span
from camwatch.errors import StoreWentBackError
from camwatch.history import schema
from camwatch.history.corrections import GENESIS, project
from camwatch.history.dialects import begin_read, begin_write
from camwatch.history.metadata import Facts, facts, plain
from camwatch.history.queries import last_before, read
from camwatch.history.sealing import Seal, Sealer, has, newest
from camwatch.history.skipped_days import lived_days

DAY_MS = 86_400_000
_NOT_LIVED = (str(BlindCause.CLOCK), str(BlindCause.AWAY))
_CAMERAS = 25  # in one transaction: nobody waits long for it
_DAY = ("camera_key", "day", "up", "down", "unknown", "maintenance", "excluded", "outages", "reboots",
        "uncertain_up", "uncertain_down")  # fmt: skip


class Folded(NamedTuple):
    """What was done: so many days of cameras were folded, and all is folded up to `until_ms`."""

    days: int
    until_ms: int


def fold(engine: Engine, timezone: ZoneInfo, retention_days: int, now_ms: int) -> Folded:
    """Do all `fold_steps` at once."""
    steps = fold_steps(engine, timezone, retention_days, now_ms)
    while True:
        try:
            next(steps)
        except StopIteration as done:
            folded: Folded = done.value
            return folded


def fold_steps(
    engine: Engine, timezone: ZoneInfo, retention_days: int, now_ms: int
) -> Generator[None, None, Folded]:
    """Fold the local days that are older than `retention_days`, and drop their rows; may be run again.

    Pauses after each transaction, so that batches can be stored in between; what is left undone, the next
    run does. Days are of time that was lived, and nothing is folded within a day of a step of the clock
    (rule T7). Days once folded stay in their time zone, so a store that has some goes on in theirs. Needs
    the only right to write batches (`Store.hold`), but lets others read and correct. Raises
    StoreWentBackError where the store has no more what was folded before (rule H1): nothing is dropped then.
    """
    with begin_read(engine) as connection:
        writer = _Writer(engine, newest(connection))
        known = facts(connection)
        first = connection.execute(select(func.min(schema.service.c.start_ms))).scalar()
        blind = schema.blindness.c
        query = select(blind.began_ms, blind.ended_ms, blind.cause).where(blind.cause.in_(_NOT_LIVED))
        found = [(began, ended, BlindCause(cause)) for began, ended, cause in connection.execute(query)]
    calendar = Calendar(known.folded_zone or timezone)
    reach = min(now_ms, known.vouched_ms)
    gaps = [(began, ended) for began, ended, _ in found]
    cutoff = calendar.start_of(calendar.date_of(_lived_before(reach, gaps, retention_days * DAY_MS)))
    days, folded = 0, known.folded_ms
    steps = [gap[:2] for gap in found if gap[2] is BlindCause.CLOCK and abs(gap[1] - gap[0]) > STEP_S * 1000]
    if any(max(step) > reach - DAY_MS for step in steps):
        return Folded(days, folded)  # a clock that was just set may be set back
    if first is not None and known.vouched_ms and cutoff > max(first, folded):
        days, folded = (yield from _fold_until(writer, calendar, known, cutoff)), cutoff
    if folded:
        yield from _drop(writer, folded)
    return Folded(days, folded)


class _Writer:
    """Writes in many transactions, each on top of those before: `sealed` is the last of them."""

    def __init__(self, engine: Engine, sealed: Seal) -> None:
        self.engine = engine
        self._sealed = sealed

    @contextmanager
    def writes(self, at_ms: int) -> Iterator[Sealer]:
        """Open a transaction, and seal it. Raises StoreWentBackError where what was sealed is gone."""
        with begin_write(self.engine) as connection:
            if not has(connection, self._sealed):
                raise StoreWentBackError("it went back while days were folded")
            sealer = Sealer(connection)
            yield sealer
            sealed = sealer.seal(at_ms)
        self._sealed = sealed or self._sealed


def _lived_before(reach: int, gaps: Sequence[tuple[int, int]], age_ms: int) -> int:
    """Return the instant at which `age_ms` of time had yet to be lived until `reach` (rule T7).

    In `gaps` nobody lived, be it that the wall clock left them out, or that camwatch did not run: it may have
    begun with a clock that was wrong by years, and those must not make all else old.
    """
    for began, ended in sorted(gaps, key=itemgetter(1), reverse=True):
        lived = max(0, reach - ended)
        if lived >= age_ms:
            break
        if began < min(ended, reach):
            age_ms -= lived
            reach = began
    return reach - age_ms


def _fold_until(writer: _Writer, calendar: Calendar, known: Facts, cutoff: int) -> Generator[None, None, int]:
    """Write the days up to `cutoff` and let them hold; anew if somebody corrected anything meanwhile."""
    engine = writer.engine
    while True:
        with begin_read(engine) as connection:
            journal = project(connection)
        days = 0
        for keys in _portions(engine):
            rows = []
            for key, operator, camera in keys:
                with begin_read(engine) as connection:
                    record = read(
                        connection, [operator], known.folded_ms, cutoff, camera=camera, journal=journal
                    )
                rows += [
                    (key, date, day.account.up, day.account.down, day.account.unknown,
                     day.account.maintenance, day.excluded, day.outages, day.reboots,
                     day.account.uncertain_up, day.account.uncertain_down)
                    for date, day in _days(record, calendar, known.folded_ms, cutoff)
                ]  # fmt: skip
            with writer.writes(cutoff) as sealer:
                sealer.put(schema.days, _DAY, rows, upsert=True)
            days += len(rows)
            yield
        # From here on no correction of these days is taken, and none was made since they were derived.
        with writer.writes(cutoff) as sealer:
            head = select(schema.corrections.c.hash).order_by(schema.corrections.c.seq.desc()).limit(1)
            if (sealer.connection.execute(head).scalar() or GENESIS) == journal.head:
                held = (("folded_ms", str(cutoff)), ("folded_zone", calendar.zone.key))
                sealer.put(schema.meta, ("name", "value"), held, upsert=True)
                return days


def _days(record: Record, calendar: Calendar, start: int, cutoff: int) -> Iterator[tuple[str, DayAccount]]:
    overlays = Overlays(record)
    gaps = [
        Span(blind.began_ms, blind.ended_ms)
        for blind in record.blind
        if blind.cause is BlindCause.CLOCK and blind.ended_ms is not None
    ]
    covered = [Span(each.starts_ms, each.ends_ms) for each in record.windows if each.id is not None]
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
        since = max(start, min((span.starts for span in camera.service), default=cutoff))
        busy = [Span(at, at) for at in (*camera.reboots, *(outage.at_ms for outage in camera.outages))]
        for day in lived_days(calendar, Span(since, cutoff), gaps, [*busy, *covered]):
            account = account_of(stretches, day.starts, day.ends)
            out = sum(
                account_of(
                    stretches, max(outage.at_ms, day.starts), min(_end(outage.end_ms, cutoff), day.ends)
                ).down
                for outage in excluded
                if outage.at_ms < day.ends and _end(outage.end_ms, cutoff) > day.starts
            )
            if account.in_service:
                yield day.date.isoformat(), DayAccount(account, out, begun[day.date], reboots[day.date])


def _end(end_ms: int | None, cutoff: int) -> int:
    return cutoff if end_ms is None else min(end_ms, cutoff)


def _drop(writer: _Writer, folded_ms: int) -> Iterator[None]:
    """Delete what the days stand for; each camera keeps what it was when the first day not folded began."""
    for portion in _portions(writer.engine):
        keys = [key for key, _, _ in portion]
        with writer.writes(folded_ms) as sealer:
            kept = last_before(sealer.connection, schema.cameras.c.key.in_(keys), folded_ms)
            for table, over in (
                (
                    schema.transitions,
                    and_(schema.transitions.c.at_ms < folded_ms, schema.transitions.c.id.not_in(kept)),
                ),
                (schema.outages, schema.outages.c.end_ms <= folded_ms),
                (schema.fills, schema.fills.c.end_ms <= folded_ms),
                (schema.reboots, schema.reboots.c.at_ms < folded_ms),
            ):
                _drop_from(sealer, table, and_(table.c.camera_key.in_(keys), over))
        yield
    blind, windows = schema.blindness, schema.windows
    with writer.writes(folded_ms) as sealer:
        # When the clock was set, and what the store lost, is needed for as long as counters reach back to it.
        others = blind.c.cause.not_in((str(BlindCause.CLOCK), str(BlindCause.LOST)))
        _drop_from(sealer, blind, and_(others, blind.c.ended_ms <= folded_ms))
        _drop_from(sealer, windows, windows.c.ends_ms <= folded_ms)


def _drop_from(sealer: Sealer, table: Table, over: ColumnElement[bool]) -> None:
    sealer.drop(table, list(sealer.connection.execute(select(table.c.id).where(over)).scalars()))


def _portions(engine: Engine) -> Iterator[list[tuple[Any, ...]]]:
    """Yield all cameras, a few at a time: key, operator, id."""
    table = schema.cameras
    with begin_read(engine) as connection:
        query = select(table.c.key, table.c.operator, table.c.id).order_by(table.c.key)
        cameras = iter(plain(connection, query))
    while portion := list(islice(cameras, _CAMERAS)):
        yield portion
