"""What is folded away still adds up: the same figures of old days, to the millisecond, before and after."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, event, select

from camwatch.accounting.records import OPEN_ENDED, AttributedCause, DailyRollup, History
from camwatch.accounting.timeline import TimelineOverlays, status_time_between
from camwatch.core.model import Scope
from camwatch.core.status_time import StatusTime
from camwatch.errors import CorrectionError
from camwatch.history import schema
from camwatch.history.audit import audit
from camwatch.history.correction_writer import append
from camwatch.history.corrections import Maintenance, OutageAttribution
from camwatch.history.dialects import bulk_insert, read_transaction, write_transaction
from camwatch.history.queries import read
from camwatch.history.retention import RollupResult, roll_up, roll_up_steps
from camwatch.history.store import Store
from camwatch.history.write_queue import Batch
from camwatch.settings import HistorySettings
from tests.support.history.builders import rows, seal_anew

PARIS = ZoneInfo("Europe/Paris")
FIRST = date(2026, 10, 20)  # the 25th has 25 hours
DAYS = 14
STATUSES = ("up", "down", "unknown", "maintenance")
BEGIN = 1_792_447_200_000  # the first instant of FIRST in Paris
HOUR = 3_600_000
Row: TypeAlias = tuple[Any, ...]


def midnight(day: date) -> int:
    return round(datetime(day.year, day.month, day.day, tzinfo=PARIS).timestamp() * 1000)


def noon(day: date) -> int:
    return midnight(day) + 12 * HOUR


class Past(NamedTuple):
    """What one camera was: (from, status), until `end`; None: to the end of the record."""

    begin: int
    changes: list[tuple[int, str]]
    end: int | None


def written(store: Store, pasts: list[Past]) -> None:
    """Write the rows as the daemon does: a status at each beginning, an outage for each stay in down."""
    vouched = noon(FIRST + timedelta(days=DAYS))
    cameras: list[Row] = []
    service: list[Row] = []
    transitions: list[Row] = []
    outages: list[Row] = []
    checkpoints: list[Row] = []
    for key, past in enumerate(pasts, 1):
        cameras.append((key, f"cam-{key}", "ville", f"site-{key}", "centre", "traffic", f"Caméra {key}"))
        service.append((key, past.begin, past.end))
        since: int | None = None
        left: int | None = None
        counted = dict.fromkeys(STATUSES, 0)
        until = past.end or vouched
        for (at, status), (after, _) in zip(past.changes, [*past.changes[1:], (until, "")], strict=True):
            # Some changes are exact; the bounds of others part days.
            bounds = (None, None) if at % 3 else (at - HOUR, at + HOUR // 2)
            transitions.append((key, at, at, status, None, *bounds))
            counted[status] += after - at
            if status == "down":
                since, left = at if since is None else since, None
            elif status == "unknown":
                left = at if left is None else left
            elif since is not None:
                outages.append((key, since, since, at if left is None else left, "timeout"))
                since = left = None
            else:
                left = None
        if since is not None:
            end = (past.end if left is None else left) if past.end is not None else None
            outages.append((key, since, since, end, "timeout"))
        last = past.changes[-1][1]
        life = "up" if last == "maintenance" else last
        settled = None if past.end is not None else vouched
        is_open = since is not None and past.end is None
        checkpoints.append(
            (key, life, last, 1, settled, is_open, *(counted[word] for word in STATUSES), 0, 0, 0, 0, 0, "")
        )
    with write_transaction(store.engine) as connection:
        bulk_insert(
            connection, schema.cameras, ("key", "id", "operator", "site", "zone", "purpose", "name"), cameras
        )
        bulk_insert(connection, schema.service_periods, ("camera_key", "start_ms", "end_ms"), service)
        names = ("camera_key", "at_ms", "detected_ms", "status", "cause", "earliest_ms", "latest_ms")
        bulk_insert(connection, schema.transitions, names, sorted(transitions, key=lambda row: row[1]))
        bulk_insert(
            connection, schema.outages, ("camera_key", "at_ms", "detected_ms", "end_ms", "cause"), outages
        )
        of_all = (
            "camera_key",
            "underlying_status",
            "status",
            "since_ms",
            "accounted_until_ms",
            "outage_open",
            *STATUSES,
        )
        counters = ("degraded", "heartbeats", "outages", "reboots", "first_seq", "flaps")
        bulk_insert(connection, schema.checkpoints, (*of_all, *counters), checkpoints)
        bulk_insert(
            connection,
            schema.store_metadata,
            ("name", "value"),
            (("watermark_ms", str(vouched)), ("batch", "1")),
        )
        seal_anew(connection)


def eventful(store: Store) -> None:
    """Write two weeks of three cameras, with corrections over them."""
    drawn = random.Random(3)
    pasts = []
    for begin, end in ((BEGIN + 5, None), (BEGIN - 40 * HOUR, None), (BEGIN + 30 * HOUR, BEGIN + 200 * HOUR)):
        until = end or noon(FIRST + timedelta(days=DAYS))
        instants = sorted(drawn.sample(range(begin + 1, until), 60))
        changes = [(begin, "unknown")]
        for at in instants:
            changes.append((at, drawn.choice([word for word in STATUSES if word != changes[-1][1]])))
        pasts.append(Past(begin, changes, end))
    written(store, pasts)
    with write_transaction(store.engine) as connection:
        fills = [
            (key, BEGIN + n * 9 * HOUR, BEGIN + n * 9 * HOUR + HOUR)
            for key in (1, 2, 3)
            for n in range(5, 22)
        ]
        bulk_insert(connection, schema.backfills, ("camera_key", "start_ms", "end_ms"), fills)
        bulk_insert(
            connection,
            schema.reboots,
            ("camera_key", "at_ms"),
            [(1, BEGIN + n * 7 * HOUR) for n in range(1, 40)],
        )
        gap = ("", "", "clock_step", BEGIN + 60 * HOUR + 17, BEGIN + 61 * HOUR)
        away = ("", "", "offline", BEGIN + 70 * HOUR, BEGIN + 71 * HOUR)
        names = ("operators", "links", "cause", "began_ms", "ended_ms")
        bulk_insert(connection, schema.monitoring_gaps, names, (gap, away))
        seal_anew(connection)
    for window in (
        Maintenance(Scope.SITE, "site-1", BEGIN + 50 * HOUR, BEGIN + 77 * HOUR),
        Maintenance(Scope.CAMERA, "cam-2", BEGIN + 20 * HOUR, BEGIN + 20 * HOUR + 1),
        Maintenance(Scope.OPERATOR, "ville", BEGIN + 240 * HOUR, BEGIN + 250 * HOUR),
    ):
        append(store.engine, "zoé", "toit", window)
    for number in range(1, 20, 2):
        append(store.engine, "zoé", "EDF", OutageAttribution(number, AttributedCause.POWER, number % 3 == 0))


def everything(store: Store, start: int = 0, end: int = OPEN_ENDED) -> History:
    with read_transaction(store.engine) as connection:
        return read(connection, None, start, end)


def told(record: History) -> dict[str, dict[str, DailyRollup]]:
    """Return what a report says of each day of each camera: folded, or derived."""
    overlays, found = TimelineOverlays(record), {}
    for camera in record.cameras:
        stretches = overlays.dated(camera, record.watermark_ms)
        days = found[camera.id] = dict(camera.days)
        for number in range(-3, DAYS + 1):
            day = FIRST + timedelta(days=number)
            start, end = midnight(day), midnight(day + timedelta(days=1))
            if start < record.rolled_up_until_ms:
                continue
            account = status_time_between(stretches, start, end)
            if account.in_service:
                inside = [outage for outage in camera.outages if outage.at_ms < end]
                excluded = [out for out in inside if out.attribution and out.attribution.excluded]
                days[day.isoformat()] = DailyRollup(
                    account,
                    sum(
                        status_time_between(
                            stretches, max(out.at_ms, start), min(out.end_ms or OPEN_ENDED, end)
                        ).down
                        for out in excluded
                    ),
                    sum(
                        start <= out.at_ms
                        and status_time_between(
                            stretches, out.at_ms, min(out.end_ms or OPEN_ENDED, record.watermark_ms)
                        ).down
                        > 0
                        for out in inside
                    ),
                    sum(start <= at < end for at in camera.reboots),
                )
    return found


@contextmanager
def crash_at(store: Store, commit: int) -> Iterator[None]:
    """Let the transaction with this number, from now on, fail when it is committed."""
    left = commit

    def count(_connection: Connection) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise InterruptedError("the power failed")

    event.listen(store.engine, "commit", count)
    try:
        yield
    finally:
        event.remove(store.engine, "commit", count)


KEPT = "SELECT camera_key, count(*) FROM transitions WHERE at_ms < {} GROUP BY 1 ORDER BY 1"
NOW = noon(FIRST + timedelta(days=DAYS))


def test_old_days_say_the_same_before_and_after_the_fold(store: Store) -> None:
    """A1, A6: accounts, what is excluded, outages and reboots, of every day, through a day of 25 hours."""
    eventful(store)
    before = told(everything(store))
    assert audit(store.engine, PARIS).findings == []
    reached = midnight(FIRST + timedelta(days=DAYS - 5))
    done = roll_up(store.engine, PARIS, 5, NOW)
    assert done.until_ms == reached
    assert told(everything(store)) == before
    assert audit(store.engine, PARIS).findings == []
    record = everything(store)
    assert record.rolled_up_until_ms == reached
    assert sum(len(camera.days) for camera in record.cameras) == done.days > 20
    assert before["cam-2"]["2026-10-25"].status_time.in_service == 25 * HOUR
    assert any(day.excluded for day in before["cam-1"].values())
    assert any(day.status_time.uncertain_up for day in before["cam-1"].values())


def test_folding_again_changes_nothing_and_later_goes_on(store: Store) -> None:
    eventful(store)
    before = told(everything(store))
    first = roll_up(store.engine, PARIS, 9, NOW)
    tables = dump(store)
    assert roll_up(store.engine, PARIS, 9, NOW) == RollupResult(0, first.until_ms)
    assert dump(store) == tables
    assert roll_up(store.engine, PARIS, 4, NOW).days > 0
    assert told(everything(store)) == before
    assert audit(store.engine, PARIS).findings == []


def dump(store: Store) -> dict[str, list[Any]]:
    with store.engine.connect() as connection:
        return {
            name: sorted(map(repr, connection.execute(select(table))))
            for name, table in schema.metadata.tables.items()
        }


def test_what_was_folded_is_gone_but_for_what_each_camera_was(store: Store) -> None:
    eventful(store)
    until = roll_up(store.engine, PARIS, 5, NOW).until_ms
    with store.engine.connect() as connection:
        for table in (schema.backfills, schema.outages):
            assert connection.execute(select(table).where(table.c.end_ms <= until)).all() == []
        assert connection.execute(select(schema.reboots).where(schema.reboots.c.at_ms < until)).all() == []
    kept = rows(store, KEPT.format(until))
    assert kept == [(1, 1), (2, 1), (3, 1)]
    assert rows(store, "SELECT cause FROM monitoring_gaps") == [("clock_step",)]
    assert len(rows(store, "SELECT * FROM corrections")) == 13


@pytest.mark.parametrize("commit", range(1, 11))
def test_a_crash_while_folding_leaves_a_record_that_adds_up(tmp_path: object, commit: int) -> None:
    """A1: whatever was committed before, the figures are the same, and the next run goes on."""
    with Store.open(HistorySettings(url=f"sqlite:///{tmp_path}/camwatch.db")) as store:
        eventful(store)
        before = told(everything(store))
        crashed = False
        with crash_at(store, commit):
            try:
                roll_up(store.engine, PARIS, 5, NOW)
            except InterruptedError:
                crashed = True
        assert crashed
        assert told(everything(store)) == before
        assert audit(store.engine, PARIS).findings == []
        roll_up(store.engine, PARIS, 5, NOW)
        assert told(everything(store)) == before
        assert audit(store.engine, PARIS).findings == []


def test_a_correction_made_while_days_are_folded_is_in_them(store: Store) -> None:
    eventful(store)

    commits: list[Connection] = []

    def correct(connection: Connection) -> None:
        commits.append(connection)
        if len(commits) == 5:  # the last camera has been read, no day is written yet
            window = Maintenance(Scope.SITE, "site-3", BEGIN + 72 * HOUR, BEGIN + 96 * HOUR)
            with Store.open(HistorySettings(url=address(store))) as other:
                append(other.engine, "zoé", "meanwhile", window)

    event.listen(store.engine, "commit", correct)
    roll_up(store.engine, PARIS, 5, NOW)
    assert told(everything(store))["cam-3"]["2026-10-23"].status_time == StatusTime(maintenance=24 * HOUR)


def address(store: Store) -> str:
    return store.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")


def test_folded_time_can_no_longer_be_corrected(store: Store) -> None:
    eventful(store)
    until = roll_up(store.engine, PARIS, 5, NOW).until_ms
    with pytest.raises(CorrectionError, match=r"is before 2026-10-29.*folded into daily accounts"):
        append(store.engine, "zoé", "late", Maintenance(Scope.SITE, "site-1", until - 1, until + 9))
    with pytest.raises(CorrectionError, match=r"no outage \d+: .*before 2026-10-29 are folded"):
        append(store.engine, "zoé", "late", OutageAttribution(1, AttributedCause.POWER, True))


def test_nothing_is_folded_that_is_young_or_that_nobody_vouches_for(store: Store) -> None:
    eventful(store)
    tables = dump(store)
    assert roll_up(store.engine, PARIS, 400, NOW) == RollupResult(0, 0)
    assert dump(store) == tables
    # The daemon was away for years: what it vouches for is what counts.
    assert roll_up(store.engine, PARIS, 400, NOW + 4000 * 24 * HOUR) == RollupResult(0, 0)


def test_days_stay_in_the_zone_in_which_the_first_were_folded(store: Store) -> None:
    eventful(store)
    before = told(everything(store))
    roll_up(store.engine, PARIS, 9, NOW)
    assert roll_up(store.engine, ZoneInfo("Asia/Tokyo"), 5, NOW).until_ms == midnight(
        FIRST + timedelta(days=DAYS - 5)
    )
    assert told(everything(store)) == before


def test_an_empty_store_has_nothing_to_fold(store: Store) -> None:
    assert roll_up(store.engine, PARIS, 5, NOW) == RollupResult(0, 0)


MINUTE = 60_000
STEPS = st.lists(
    st.tuples(
        st.integers(1, 1500).map(lambda minutes: minutes * MINUTE + minutes % 7), st.sampled_from(STATUSES)
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=30)
@given(steps=STEPS, offset=st.integers(-30 * HOUR, 30 * HOUR), keep=st.integers(1, 12))
def test_folded_days_are_what_a_naive_count_finds(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, str]], offset: int, keep: int
) -> None:
    """A1, A5: each change of a camera put down day by day, by hand."""
    begin = BEGIN + offset
    changes = [(begin, "unknown")]
    for length, status in steps:
        if status != changes[-1][1]:
            changes.append((changes[-1][0] + length, status))
    file = tmp_path_factory.mktemp("fold") / "camwatch.db"
    with Store.open(HistorySettings(url=f"sqlite:///{file}")) as store:
        written(store, [Past(begin, changes, None)])
        roll_up(store.engine, PARIS, keep, NOW)
        assert audit(store.engine, PARIS).findings == []
        record = everything(store)
        found = {day: said.status_time for day, said in record.cameras[0].days.items()}
    for account in found.values():  # the naive count knows no bounds
        assert account.uncertain_up <= account.up
        assert account.uncertain_down <= account.down
        account.uncertain_up = account.uncertain_down = 0
    assert found == naive(changes, record.rolled_up_until_ms)


def naive(changes: list[tuple[int, str]], until: int) -> dict[str, StatusTime]:
    """Count each stay's milliseconds, local day after local day."""
    found: dict[str, StatusTime] = {}
    for (start, status), (end, _) in zip(changes, [*changes[1:], (until, "")], strict=True):
        at = start
        while at < min(end, until):
            day = datetime.fromtimestamp(at / 1000, UTC).astimezone(PARIS).date()
            after = min(end, until, midnight(day + timedelta(days=1)))
            account = found.setdefault(day.isoformat(), StatusTime())
            setattr(account, status, getattr(account, status) + after - at)
            at = after
    return found


def test_folding_pauses_so_that_batches_are_stored_in_between(store: Store) -> None:
    """H1: one who stops after any step has lost nothing, and the next run goes on."""
    eventful(store)
    last = noon(FIRST + timedelta(days=DAYS))
    steps = roll_up_steps(store.engine, PARIS, 5, last)
    next(steps)
    store.write(Batch(2, last))
    steps.close()
    assert rows(store, "SELECT value FROM store_metadata WHERE name = 'rolled_up_until_ms'") == []
    assert roll_up(store.engine, PARIS, 5, last).days > 0
    assert audit(store.engine, PARIS).findings == []
