"""Public ids count nothing, and lead back to what they are of."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from camwatch.history.dialects import read_transaction
from camwatch.history.public_ids import PublicIds, anchor, public_ids
from camwatch.history.store import Store

IDS = PublicIds(b"k" * 32)
NUMBERS = st.integers(0, 2**31 - 1)


@given(NUMBERS)
def test_an_id_leads_back_to_its_number_and_to_its_kind_only(number: int) -> None:
    outage, correction = IDS.outage(number), IDS.correction(number)
    assert (IDS.outage_of(outage), IDS.correction_of(correction)) == (number, number)
    assert IDS.correction_of(outage) is IDS.outage_of(correction) is None
    assert 0 < outage <= 2**32


@given(st.integers(-10, 2**40))
@settings(max_examples=300)
def test_any_number_may_be_asked_for(asked: int) -> None:
    for back, out in ((IDS.outage_of, IDS.outage), (IDS.correction_of, IDS.correction)):
        number = back(asked)
        assert number is None or out(number) == asked


def test_ids_in_a_row_tell_neither_order_nor_distance() -> None:
    """Of a thousand numbers in a row as many ids rise as fall, and they lie all over the range."""
    ids = [IDS.outage(number) for number in range(1000)]
    assert len(set(ids)) == 1000
    rises = sum(first < second for first, second in pairwise(ids))
    assert 400 < rises < 600
    quarters = [sum(each * 4 // (2**32 + 1) == quarter for each in ids) for quarter in range(4)]
    assert min(quarters) > 180


def test_each_store_has_ids_of_its_own_and_keeps_them(store: Store) -> None:
    with read_transaction(store.engine) as connection:
        ours = public_ids(connection)
    with read_transaction(store.engine) as connection:
        assert public_ids(connection).outage(1) == ours.outage(1)
    assert [ours.outage(number) for number in range(9)] != [IDS.outage(number) for number in range(9)]


def test_an_anchor_depends_on_all_that_it_is_of() -> None:
    first, last = date(2026, 10, 1), date(2026, 10, 31)
    anchors = {
        anchor(b"k", ["a"], first, last, "head"),
        anchor(b"k", ["a"], first, last, "tail"),
        anchor(b"k", ["a", "b"], first, last, "head"),
        anchor(b"k", ["a"], first, first, "head"),
        anchor(b"x", ["a"], first, last, "head"),
    }
    assert len(anchors) == 5
    assert anchor(b"k", ["b", "a"], first, last, "h") == anchor(b"k", ["a", "b"], first, last, "h")
