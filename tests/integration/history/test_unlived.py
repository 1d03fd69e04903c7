"""Days that the wall clock left out are in no row: of a machine that began in 1970, those are millions."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from camwatch.accounting.calendar import Calendar
from camwatch.accounting.timeline import TimelineOverlays, status_time_between
from camwatch.core.events import Event, MonitoringGap
from camwatch.core.model import GapCause, Scope, Status
from camwatch.core.status_time import Interval, StatusTime
from camwatch.history.audit import audit
from camwatch.history.correction_writer import append
from camwatch.history.corrections import Maintenance
from camwatch.history.dialects import read_transaction
from camwatch.history.queries import read
from camwatch.history.retention import roll_up
from camwatch.history.skipped_days import lived_days, whole_days
from camwatch.history.store import Store
from camwatch.history.write_queue import Batch
from tests.support.history.builders import at, entered, memory, ms, rows, went

PARIS = ZoneInfo("Europe/Paris")
CALENDAR = Calendar(PARIS)
DAY = 86_400
BOOT = -20_000 * DAY  # in 1971
LATER = 12 * DAY


def began_in_1971(store: Store) -> None:
    """Store what a machine without a clock recorded: an hour of 1971, and twelve days of now."""
    lived_ms = (3600 + LATER) * 1000
    left_out = MonitoringGap((), (), GapCause.CLOCK_STEP, at(BOOT + 3600), at(0))
    kept = memory(
        underlying_status=Status.UP, status=Status.UP, since_ms=ms(BOOT + 60), accounted_until_ms=ms(LATER),
        outage_open=False,
        down_until_ms=None, up=lived_ms - 60_000, down=0, unknown=60_000, maintenance=0,
    )  # fmt: skip
    events: list[Event] = [entered(BOOT), went(Status.UP, BOOT + 60), left_out]
    store.write(Batch(1, ms(LATER), events=events, checkpoints=[kept]))


def days(store: Store, first: date, last: date) -> dict[date, StatusTime]:
    """Return what each day comes to, of the folded days and the rest."""
    span = CALENDAR.between(first, date.fromordinal(last.toordinal() + 1))
    with read_transaction(store.engine) as connection:
        record = read(connection, None, *span)
    [camera] = record.cameras
    stretches = TimelineOverlays(record).dated(camera, record.watermark_ms)
    found = {day.date: status_time_between(stretches, day.start, day.end) for day in CALENDAR.days(*span)}
    found |= {date.fromisoformat(name): day.status_time for name, day in camera.days.items()}
    assert list(camera.days) == sorted(camera.days)
    return found


@pytest.mark.parametrize(
    "stretch",
    [
        (date(1971, 3, 1), date(1971, 12, 31)),
        (date(1999, 12, 30), date(2000, 1, 2)),
        (date(2025, 12, 20), date(2026, 1, 10)),
    ],
)
def test_days_that_nobody_lived_through_are_unknown_and_in_no_row(
    store: Store, stretch: tuple[date, date]
) -> None:
    """T2, A1: the same figures before and after the fold, from a handful of rows."""
    began_in_1971(store)
    append(store.engine, "zoé", "toit", Maintenance(Scope.CAMERA, "cam-1", *_day_of(date(2000, 1, 1))))
    assert audit(store.engine, PARIS).findings == []
    before = days(store, *stretch)
    roll_up(store.engine, PARIS, 3, ms(LATER))
    assert len(rows(store, "SELECT day FROM daily_rollups")) < 20
    assert days(store, *stretch) == before
    assert audit(store.engine, PARIS).findings == []


def test_a_row_of_a_day_that_nobody_lived_through_is_held_against_the_rest(store: Store) -> None:
    began_in_1971(store)
    roll_up(store.engine, PARIS, 3, ms(LATER))
    with store.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO daily_rollups (camera_key, day, up, down, unknown, maintenance, excluded, outages,"
            " reboots, uncertain_up, uncertain_down) VALUES (1, '1999-05-05', 5, 0, 0, 0, 0, 0, 0, 0, 0)"
        )
    found = [finding.problem for finding in audit(store.engine, PARIS).findings]
    assert any("the folded day 1999-05-05 adds up to 5 ms" in problem for problem in found)


def test_only_days_that_lie_wholly_in_a_gap_are_left_out() -> None:
    span = CALENDAR.between(date(2026, 10, 20), date(2026, 10, 30))
    gap = Interval(_day_of(date(2026, 10, 22))[0] + 1, _day_of(date(2026, 10, 27))[1])
    assert whole_days(CALENDAR, [gap]) == (CALENDAR.between(date(2026, 10, 23), date(2026, 10, 28)),)
    busy = [Interval(*_day_of(date(2026, 10, 25)))]
    found = [day.date.day for day in lived_days(CALENDAR, span, [gap], busy)]
    assert found == [20, 21, 22, 25, 28, 29]


def _day_of(day: date) -> Interval:
    return CALENDAR.between(day, date.fromordinal(day.toordinal() + 1))
