"""Retention counts time that was lived, whatever the clock said, and waits after it was set (rule T7)."""

from __future__ import annotations

import pytest

from camwatch.history import schema
from camwatch.history.dialects import bulk_insert, write_transaction
from camwatch.history.retention import _lived_before, roll_up
from camwatch.history.sealing import Sealer
from camwatch.history.store import Store
from tests.integration.history.test_retention import DAYS, HOUR, NOW, PARIS, eventful
from tests.support.history.builders import rows

TEN_YEARS = 3652 * 24 * HOUR


def blind(store: Store, watermark_ms: int, *spans: tuple[str, int, int]) -> None:
    """Record (cause, began, ended) of each span, and until when the store vouches."""
    with write_transaction(store.engine) as connection:
        sealer = Sealer(connection)
        names = ("operators", "links", "cause", "began_ms", "ended_ms")
        sealer.add(schema.monitoring_gaps, names, [("", "", *span) for span in spans])
        bulk_insert(
            connection,
            schema.store_metadata,
            ("name", "value"),
            (("watermark_ms", str(watermark_ms)),),
            upsert=True,
        )


@pytest.mark.parametrize(
    "spans",
    [
        pytest.param([("clock_step", NOW, NOW + TEN_YEARS)], id="set ahead while it ran"),
        pytest.param(
            [("clock_step", NOW + TEN_YEARS, NOW + TEN_YEARS), ("offline", NOW, NOW + TEN_YEARS)],
            id="ahead at its start",
        ),
    ],
)
def test_one_wrong_year_of_the_clock_folds_nothing(store: Store, spans: list[tuple[str, int, int]]) -> None:
    """T7: neither hours that the clock left out, nor such in which camwatch did not run, were lived."""
    eventful(store)
    before = rows(store, "SELECT count(*) FROM transitions")
    vouched = NOW + TEN_YEARS + 48 * HOUR
    blind(store, vouched, *spans)
    assert roll_up(store.engine, PARIS, DAYS + 6, vouched).days == 0
    assert rows(store, "SELECT count(*) FROM transitions") == before
    assert roll_up(store.engine, PARIS, 5, vouched).days > 0


def test_nothing_is_folded_within_a_day_of_a_step_of_the_clock(store: Store) -> None:
    """T7: a step may be taken back; a start is none, nor is what is too short to be counted as one."""
    eventful(store)
    blind(store, NOW, ("clock_step", NOW - HOUR, NOW - HOUR + 5000))
    assert roll_up(store.engine, PARIS, 5, NOW).days == 0


def test_a_camwatch_that_is_restarted_each_day_folds(store: Store) -> None:
    """T7: a start is no step of the clock, nor is a jump of milliseconds."""
    eventful(store)
    start = NOW - 20 * HOUR
    blind(
        store,
        NOW,
        ("clock_step", start, start),
        ("offline", start - 9000, start),
        ("clock_step", NOW, NOW + 6),
    )
    assert roll_up(store.engine, PARIS, 5, NOW).days > 0


@pytest.mark.parametrize(
    ("gaps", "age", "until"),
    [
        ([], 30, 70),
        ([(80, 90)], 30, 60),
        ([(80, 90), (40, 50)], 45, 35),
        ([(20, 30)], 30, 70),
        ([(75, 95), (80, 90)], 30, 50),  # one within another
        ([(70, 90), (80, 95)], 30, 45),  # one over another
        ([(90, 200)], 30, 60),  # goes on
        ([(90, 80), (95, 95)], 30, 70),  # set back, a start
    ],
)
def test_what_is_old_is_told_by_what_was_lived(gaps: list[tuple[int, int]], age: int, until: int) -> None:
    """T7: of a hundred milliseconds, with what lies between."""
    assert _lived_before(100, gaps, age) == until
