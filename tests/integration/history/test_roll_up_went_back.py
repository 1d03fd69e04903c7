"""A store that goes back while days are folded loses none of them (rules H1, A1)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from camwatch.errors import StoreWentBackError
from camwatch.history.audit import audit
from camwatch.history.retention import roll_up, roll_up_steps
from camwatch.history.store import Store
from camwatch.history.write_queue import Batch
from camwatch.settings import HistorySettings
from tests.integration.history.test_retention import BEGIN, HOUR, NOW, PARIS, Past, everything, told, written
from tests.support.copies import Copies, InFile
from tests.support.history.builders import rows

KEPT_DAYS = 3


@pytest.fixture
def copies(tmp_path: Path) -> Copies:
    return InFile(tmp_path / "camwatch.db")


@pytest.fixture
def store(copies: Copies) -> Iterator[Store]:
    """Return a store of so many cameras that their days are written in two transactions."""
    with Store.open(HistorySettings(url=copies.url)) as store:
        store.acquire_lock()
        changes = [(BEGIN, "up"), (BEGIN + 30 * HOUR, "down"), (BEGIN + 40 * HOUR, "up")]
        written(store, [Past(BEGIN, changes, None) for _ in range(30)])
        store.load()
        yield store


@pytest.mark.parametrize("batches", [0, 1])
def test_lost_rolled_up_days_do_not_replace_their_transitions(
    store: Store, copies: Copies, batches: int
) -> None:
    """H1: whether a batch was lost with them, and noticed, or they alone."""
    before = told(everything(store))
    copies.take()
    number = store.load().number + 1
    for each in range(batches):
        store.write(Batch(number + each, NOW))
    steps = roll_up_steps(store.engine, PARIS, KEPT_DAYS, NOW)
    next(steps)
    copies.put_back()
    if batches:
        with pytest.raises(StoreWentBackError):
            store.write(Batch(number + batches, NOW))
        store.write(Batch(store.load().number + 1, NOW))
    with pytest.raises(StoreWentBackError, match="while days were folded"):
        list(steps)
    assert rows(store, "SELECT value FROM store_metadata WHERE name = 'rolled_up_until_ms'") == []
    assert told(everything(store)) == before
    assert roll_up(store.engine, PARIS, KEPT_DAYS, NOW).days > 0
    assert told(everything(store)) == before
    assert audit(store.engine, PARIS).findings == []


def test_rows_are_not_dropped_where_the_days_that_stand_for_them_are_gone(
    store: Store, copies: Copies
) -> None:
    """H1, A1: the days held already when the store went back."""
    before = told(everything(store))
    copies.take()
    steps = roll_up_steps(store.engine, PARIS, KEPT_DAYS, NOW)
    while not rows(store, "SELECT value FROM store_metadata WHERE name = 'rolled_up_until_ms'"):
        next(steps)
    copies.put_back()
    with pytest.raises(StoreWentBackError):
        list(steps)
    assert told(everything(store)) == before
