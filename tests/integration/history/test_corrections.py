"""Corrections are appended one after the other, whoever makes them, and never changed (rule A6)."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from camwatch.accounting.records import AttributedCause
from camwatch.core.model import Scope
from camwatch.errors import CorrectionError, StoreError
from camwatch.history import schema
from camwatch.history.correction_writer import append
from camwatch.history.corrections import (
    GENESIS,
    Cancellation,
    Correction,
    CorrectionState,
    Maintenance,
    OutageAttribution,
    entries_since,
    entry_hash,
    load,
    make_cancellation,
)
from camwatch.history.dialects import bulk_insert, open_engine, read_transaction, write_transaction
from camwatch.history.store import Store
from tests.support.fleet import fleet, utc_ms
from tests.support.history.recorder_fixture import Kept

POWER = OutageAttribution(1, AttributedCause.POWER, True)


@pytest.fixture
def store(store: Store) -> Store:
    """Give a store with two cameras and outage 1 of cam-1."""
    kept = Kept(store, *fleet(2))
    kept.world.beats(100).beats(300, "cam-2").beats(400)
    kept.keep()
    return store


def journal(store: Store) -> CorrectionState:
    with read_transaction(store.engine) as connection:
        return load(connection)


def add(store: Store, correction: Correction, t: float = 500) -> int:
    return append(store.engine, "zoé", "EDF « cut »", correction, utc_ms(t))


def works(starts: float, ends: float, scope: Scope = Scope.CAMERA, scope_id: str = "cam-1") -> Maintenance:
    return Maintenance(scope, scope_id, utc_ms(starts), utc_ms(ends))


def test_the_newest_attribution_holds_and_the_others_stay(store: Store) -> None:
    """A6: appended, never overwritten."""
    assert [
        add(store, POWER, 500),
        add(store, POWER._replace(cause=AttributedCause.WORKS, excluded=False), 501),
    ] == [1, 2]
    found = journal(store)
    assert [said.cause for said in found.attributions[1]] == [AttributedCause.POWER, AttributedCause.WORKS]
    assert [said.excluded for said in found.attributions[1]] == [True, False]
    assert found.attributions[1][0][2:] == ("zoé", "EDF « cut »", utc_ms(500))


def test_entries_after_a_number_are_those_that_came_since(store: Store) -> None:
    add(store, POWER)
    add(store, works(0, 10))
    with read_transaction(store.engine) as connection:
        assert [entry.seq for entry in entries_since(connection, 0)] == [1, 2]
        (last,) = entries_since(connection, 1)
    assert last.correction == works(0, 10)


def test_each_entry_names_the_one_before_and_can_be_checked_by_hand(store: Store) -> None:
    """A6: SHA-256 over the hash before and the canonical JSON of the entry."""
    add(store, POWER)
    add(store, works(0, 10))
    with read_transaction(store.engine) as connection:
        first, second = entries_since(connection, 0)
    written = (
        f'{{"author":"zoé","created_ms":{utc_ms(500)},"kind":"attribution",'
        '"payload":{"cause":"power","excluded":true,"operator":"ville","outage":1},'
        '"reason":"EDF « cut »","seq":1}'
    )
    assert first.previous == GENESIS == "0" * 64
    assert first.hash == hashlib.sha256((GENESIS + written).encode()).hexdigest() == entry_hash(first)
    assert second.previous == first.hash
    assert (journal(store).head, journal(store).corrections) == (second.hash, 2)
    assert json.loads(second.payload)["scope_id"] == "cam-1"


def test_threads_that_append_at_once_get_numbers_without_gaps(store: Store) -> None:
    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(lambda _: add(store, POWER), range(24)))
    assert sorted(numbers) == list(range(1, 25))
    assert chained(store)


def test_processes_that_append_at_once_make_one_chain(store: Store) -> None:
    """From other processes, while the daemon holds the store."""
    script = (
        "import sys\n"
        "from camwatch.accounting.records import AttributedCause\n"
        "from camwatch.history.dialects import open_engine\n"
        "from camwatch.history.correction_writer import append\n"
        "from camwatch.history.corrections import OutageAttribution\n"
        "engine = open_engine(sys.argv[1])\n"
        "for _ in range(8):\n"
        "    append(engine, 'a', 'b', OutageAttribution(1, AttributedCause.OTHER, False))\n"
        "engine.dispose()\n"
    )
    url = store.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    others = [subprocess.Popen([sys.executable, "-c", script, url]) for _ in range(3)]
    assert [other.wait(60) for other in others] == [0, 0, 0]
    assert chained(store)
    assert journal(store).corrections == 24


def chained(store: Store) -> bool:
    with read_transaction(store.engine) as connection:
        entries = entries_since(connection, 0)
    previous = [GENESIS, *(entry.hash for entry in entries)]
    return all(
        (entry.seq, entry.previous, entry.hash) == (number + 1, previous[number], entry_hash(entry))
        for number, entry in enumerate(entries)
    )


def test_a_window_added_is_read_back_with_who_and_why(store: Store) -> None:
    number = add(store, works(-50, 20, Scope.OPERATOR, "ville"))
    (window,) = journal(store).windows
    assert (window.id, window.scope, window.scope_id) == (number, Scope.OPERATOR, "ville")
    assert (window.start_ms, window.end_ms) == (utc_ms(-50), utc_ms(20))
    assert (window.author, window.reason, window.created_ms) == ("zoé", "EDF « cut »", utc_ms(500))
    assert not window.cancelled


@pytest.mark.parametrize(
    ("now", "ends", "cancelled"), [(500, 700, True), (600, 700, True), (650, 650, False), (700, 700, True)]
)
def test_a_cancelled_window_never_was_ends_now_or_is_cancelled(
    store: Store, now: float, ends: float, cancelled: bool
) -> None:
    """To come: never was; under way: ends now; over: cancelled."""
    add(store, works(600, 700))
    (window,) = journal(store).windows
    add(store, make_cancellation(window, utc_ms(now)), now)
    (window,) = journal(store).windows
    assert (window.end_ms, window.cancelled) == (utc_ms(ends), cancelled)


@pytest.mark.parametrize(
    ("correction", "told"),
    [
        (POWER._replace(outage=99), r"there is no outage \d+: `camwatch outages list` shows them"),
        (works(0, 10, scope_id="cam-9"), "there is no camera 'cam-9' in the record"),
        (works(0, 10, Scope.SITE, "nowhere"), "there is no site 'nowhere'"),
        (works(0, 10, Scope.OPERATOR, "nobody"), "there is no operator 'nobody'"),
        (works(10, 10), "ends before it starts"),
        (Cancellation(7, None), "there is no maintenance window"),
    ],
    ids=str,
)
def test_what_cannot_be_corrected_is_refused_and_leaves_no_entry(
    store: Store, correction: Correction, told: str
) -> None:
    with pytest.raises(CorrectionError, match=told):
        add(store, correction)
    assert journal(store).corrections == 0


def test_a_window_is_cancelled_once(store: Store) -> None:
    number = add(store, works(0, 10))
    add(store, Cancellation(number, None))
    with pytest.raises(CorrectionError, match="is cancelled already"):
        add(store, Cancellation(number, None))


def test_a_window_ends_early_only_while_it_is_under_way(store: Store) -> None:
    number = add(store, works(0, 10))
    for t in (0, 10, 99):
        with pytest.raises(CorrectionError, match="is not under way at that time"):
            add(store, Cancellation(number, utc_ms(t)))


def test_an_attribution_is_no_window(store: Store) -> None:
    with pytest.raises(CorrectionError, match="there is no maintenance window"):
        add(store, Cancellation(add(store, POWER), None))


def test_every_correction_says_who_and_why_in_one_line(store: Store) -> None:
    texts = ("", "  ", "x" * 501, "line\nbreak", "nul\0", "\udc80")
    for who, why in [(text, "why") for text in texts] + [("who", text) for text in texts]:
        with pytest.raises(CorrectionError, match=r"^author (is|holds)|^reason (is|holds)"):
            append(store.engine, who, why, POWER)
    append(store.engine, "who", "l’été : « EDF »", POWER)


@pytest.mark.parametrize("unseen", ["\u202e", "\u2066", "\u200b", "\ufeff", "\u00ad", "\U000e0041"])
def test_no_text_of_a_correction_holds_what_turns_others_around_unseen(store: Store, unseen: str) -> None:
    """Joiners may stand in it: some scripts need them."""
    for who, why in ((f"zo{unseen}é", "why"), ("zoé", f"paid{unseen}toN")):
        with pytest.raises(CorrectionError, match="not seen: remove it"):
            append(store.engine, who, why, POWER)
    append(store.engine, "who", "می\u200cخواهم 👩\u200d🔧", POWER)


def test_what_was_folded_away_can_no_longer_be_corrected(store: Store) -> None:
    """The message says which day the fold reached."""
    number = add(store, works(0, 10))
    with write_transaction(store.engine) as connection:
        facts = (("rolled_up_until_ms", str(utc_ms(400))), ("rolled_up_zone", "Europe/Paris"))
        bulk_insert(connection, schema.store_metadata, ("name", "value"), facts, upsert=True)
    for correction in (POWER, works(0, 900), Cancellation(number, None)):
        with pytest.raises(CorrectionError, match=r"is before 2026-01-01.*can no longer be corrected"):
            add(store, correction)
    add(store, works(400, 900))


def test_a_store_that_is_locked_refuses_after_a_while(store: Store) -> None:
    """Nobody appends between two writers of one batch."""
    other = open_engine(store.engine.url.render_as_string(hide_password=False).replace("+psycopg", ""))
    with ThreadPoolExecutor(1) as pool:
        with write_transaction(other):
            appending = pool.submit(add, store, POWER)
            assert not appending.done()
        assert appending.result(30) == 1
    other.dispose()


def test_a_damaged_entry_is_told_and_where_to_look(store: Store) -> None:
    add(store, POWER)
    with store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE corrections SET payload = '{'")
    with pytest.raises(StoreError, match=r"correction 1 was damaged .*run `camwatch audit` for details"):
        journal(store)
