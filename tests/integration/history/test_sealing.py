"""Whatever figures derive from is sealed: the audit misses no change, nor one since an old report (H2)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, text

from camwatch.accounting.records import AttributedCause
from camwatch.core.model import Scope, Status
from camwatch.history import schema, sealing
from camwatch.history.audit import AuditResult, audit
from camwatch.history.correction_writer import append
from camwatch.history.corrections import (
    GENESIS,
    Entry,
    Maintenance,
    OutageAttribution,
    entries_since,
    entry_hash,
)
from camwatch.history.dialects import write_transaction
from camwatch.history.store import Store
from camwatch.settings import HistorySettings
from tests.support.fleet import fleet, utc_ms, window
from tests.support.history.builders import batch, entered, memory, outage, rows, seal_anew, went
from tests.support.history.recorder_fixture import PARIS, Kept

Tampering = Callable[[Connection], None]

START = 1_767_258_000_000
DOWN = "(SELECT at_ms FROM outages WHERE id = 1)"
UP = "(SELECT end_ms FROM outages WHERE id = 1)"


def sql(*statements: str) -> Tampering:
    """Return a manipulation by these statements, each of which must hit something."""

    def tamper(connection: Connection) -> None:
        for statement in statements:
            said = statement.format(start=START, down=DOWN, up=UP)
            assert connection.execute(text(said)).rowcount > 0, said

    return tamper


def rechained(change: Callable[[list[Entry]], list[Entry]]) -> Tampering:
    """Return a manipulation of the journal whose own chain is computed anew."""

    def tamper(connection: Connection) -> None:
        entries = change(entries_since(connection, 0))
        connection.execute(delete(schema.corrections))
        head = GENESIS
        for seq, entry in enumerate(entries, 1):
            entry = entry._replace(seq=seq, previous=head)  # noqa: PLW2901 - the same entry in another chain
            entry = entry._replace(hash=entry_hash(entry))  # noqa: PLW2901 - as above
            connection.execute(schema.corrections.insert(), entry._asdict())
            head = entry.hash

    return tamper


def forged(entries: list[Entry], kind: str, said: dict[str, object]) -> list[Entry]:
    """Return the journal with an entry more that nobody made."""
    last = entries[-1]
    payload = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return [*entries, last._replace(seq=last.seq + 1, kind=kind, payload=payload)]


INVENTED = (
    "INSERT INTO monitoring_gaps (id, operators, links, cause, began_ms, ended_ms)"
    " VALUES (99, '', '', 'CAUSE', {start} + 100000, {start} + 300000)"
)
WINDOW = {
    "scope": "camera",
    "scope_id": "cam-1",
    "start_ms": START,
    "end_ms": START + 900_000,
    "operators": None,
}

MANIPULATIONS: dict[str, Tampering] = {
    # those that the tables, held against each other, show as well
    "an outage deleted": sql("DELETE FROM outages WHERE id = 1"),
    "an outage moved": sql("UPDATE outages SET at_ms = at_ms + 1000 WHERE id = 1"),
    "an outage inserted": sql(
        "INSERT INTO outages (id, camera_key, at_ms, detected_ms, end_ms, cause)"
        " VALUES (99, 2, {start} + 1000, {start} + 2000, {start} + 3000, 'will')"
    ),
    "an outage given to another camera": sql("UPDATE outages SET camera_key = 2 WHERE id = 1"),
    "transitions changed without the counters": sql(
        "UPDATE transitions SET status = 'up' WHERE status = 'down'"
    ),
    "transitions deleted": sql("DELETE FROM transitions WHERE status = 'down'"),
    "down time counted as up": sql("UPDATE checkpoints SET up = up + down, down = 0 WHERE down > 0"),
    "counters made smaller": sql("UPDATE checkpoints SET up = up - 1000"),
    "a time in service cut": sql("UPDATE service_periods SET end_ms = start_ms + 100000 WHERE id = 1"),
    "what the store vouches for": sql(
        "UPDATE store_metadata SET value = '1767258000001' WHERE name = 'watermark_ms'"
    ),
    "the journal: an entry changed": sql("UPDATE corrections SET reason = 'X' WHERE seq = 2"),
    "the journal: a middle entry deleted": sql("DELETE FROM corrections WHERE seq = 2"),
    "the journal: two entries swapped": sql(
        "UPDATE corrections SET seq = 99 WHERE seq = 1",
        "UPDATE corrections SET seq = 1 WHERE seq = 2",
        "UPDATE corrections SET seq = 2 WHERE seq = 99",
    ),
    # those that only seals show
    "the journal: the last three cut off": sql("DELETE FROM corrections WHERE seq > 2"),
    "the journal: all deleted": sql("DELETE FROM corrections"),
    "the journal: the first edited, and the chain made anew": rechained(
        lambda entries: [entries[0]._replace(reason="works"), *entries[1:]]
    ),
    "the journal: one removed, and the chain made anew": rechained(lambda entries: entries[:1] + entries[2:]),
    "the journal: an exclusion forged": rechained(
        lambda entries: forged(entries, "attribution", {"outage": 1, "cause": "power", "excluded": True})
    ),
    "the journal: maintenance forged": rechained(lambda entries: forged(entries, "maintenance", WINDOW)),
    "an outage, its transitions and counters changed together": sql(
        "UPDATE checkpoints SET up = up + {up} - {down}, down = down - {up} + {down}, outages = outages - 1"
        " WHERE camera_key = 1",
        "DELETE FROM transitions WHERE camera_key = 1 AND status = 'down'",
        "DELETE FROM outages WHERE id = 1",
    ),
    "down made unknown": sql(
        "UPDATE checkpoints SET unknown = unknown + {up} - {down}, down = down - {up} + {down}"
        " WHERE camera_key = 1",
        "UPDATE transitions SET status = 'unknown' WHERE camera_key = 1 AND status = 'down'",
        "DELETE FROM outages WHERE id = 1",
    ),
    "an invented gap of the clock": sql(INVENTED.replace("CAUSE", "clock_step")),
    "an invented fill": sql(
        "INSERT INTO backfills (id, camera_key, start_ms, end_ms)"
        " VALUES (99, 1, {start} + 1000, {start} + 2000)"
    ),
    "an invented blindness": sql(INVENTED.replace("CAUSE", "link")),
    "all blindness deleted": sql("DELETE FROM monitoring_gaps"),
    "reboots deleted": sql("DELETE FROM reboots"),
    "a window of the inventory": sql("UPDATE maintenance_windows SET end_ms = end_ms + 60000"),
    "the cause of an outage": sql("UPDATE outages SET cause = 'will' WHERE id = 1"),
    "when an outage was noticed": sql("UPDATE outages SET detected_ms = detected_ms - 1 WHERE id = 1"),
    "the counters of outages and heartbeats": sql(
        "UPDATE checkpoints SET outages = 0, heartbeats = heartbeats + 9"
    ),
    "the operator of a camera": sql("UPDATE cameras SET operator = 'sacogiva' WHERE key = 2"),
    "site and purpose of a camera": sql(
        "UPDATE cameras SET site = 'halle', purpose = 'traffic' WHERE key = 2"
    ),
    "a whole camera deleted": sql(
        "DELETE FROM transitions WHERE camera_key = 3",
        "DELETE FROM service_periods WHERE camera_key = 3",
        "DELETE FROM checkpoints WHERE camera_key = 3",
        "DELETE FROM reboots WHERE camera_key = 3",
        "DELETE FROM cameras WHERE key = 3",
    ),
}


def test_the_manipulations_are_as_many_as_were_tried() -> None:
    """H2."""
    assert len(MANIPULATIONS) == 33


def eventful(store: Store) -> None:
    """Keep a day with something in every table, and corrections."""
    kept = Kept(store, *fleet(3), windows=[window(900, 960)])
    world = kept.world
    world.beats(100).beats(300, "cam-2", "cam-3")  # cam-1 is down
    kept.keep()
    world.beat("cam-3", uptime_s=500.0)
    world.beats(world.t + 20)
    world.beat("cam-3", uptime_s=5.0)
    world.blind(world.t, 500).beats(800)
    kept.keep().restart(200)
    world.beats(1400)
    kept.keep()
    for number in range(4):
        append(
            store.engine,
            "zoé",
            f"EDF {number}",
            OutageAttribution(1, AttributedCause.POWER, True),
            utc_ms(1400),
        )
    roof = Maintenance(Scope.SITE, "mairie", utc_ms(50), utc_ms(90))
    append(store.engine, "zoé", "roof", roof, utc_ms(1401))


@pytest.fixture
def eventful_store(tmp_path: Path) -> Iterator[Store]:
    """Open a store with a day in it; foreign keys hold back nobody who opens it with other means."""
    with Store.open(HistorySettings(url=f"sqlite:///{tmp_path / 'camwatch.db'}")) as store:
        store.acquire_lock()
        eventful(store)
        assert audit(store.engine, PARIS).findings == []
        yield store


def tamper(store: Store, how: Tampering) -> None:
    """Change a store as its owner may, beside camwatch."""
    with store.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        connection.rollback()
        raw = connection.connection.driver_connection
        assert raw is not None
        raw.execute("PRAGMA foreign_keys = OFF")
        with connection.begin():
            how(connection)
        connection.invalidate()


def looked_at(store: Store, since: str | None = None) -> AuditResult:
    """Return what the audit finds, beside an anchor if one is given."""
    return audit(store.engine, PARIS, since=since)


@pytest.mark.parametrize("how", MANIPULATIONS)
def test_no_manipulation_of_the_store_is_missed_by_the_audit(eventful_store: Store, how: str) -> None:
    """H2."""
    tamper(eventful_store, MANIPULATIONS[how])
    assert looked_at(eventful_store).findings != []


@pytest.mark.parametrize("how", MANIPULATIONS)
def test_what_was_sealed_anew_does_not_go_on_from_an_old_report(eventful_store: Store, how: str) -> None:
    """H2: whoever owns the store can make any chain, but not the one of which a report tells."""
    anchor = looked_at(eventful_store).sealed
    tamper(eventful_store, MANIPULATIONS[how])
    tamper(eventful_store, seal_anew)
    assert any(
        "does not continue from seal" in found.problem for found in looked_at(eventful_store, anchor).findings
    )


def test_a_record_goes_on_from_each_of_its_seals_and_tells_what_came_since(store: Store) -> None:
    """H2: on both databases; also from one of which only the beginning was noted, as in a log."""
    kept = Kept(store, *fleet(2))
    kept.world.beats(100)
    kept.keep()
    anchor = looked_at(store).sealed
    kept.world.beats(300, "cam-2")
    kept.keep()
    append(store.engine, "zoé", "EDF", OutageAttribution(1, AttributedCause.POWER, True), utc_ms(310))
    found = looked_at(store, anchor[:12])
    assert found.findings == []
    assert found.since is not None
    assert found.since.seals > 1
    assert found.since.corrections == ["1, zoé: attribution (EDF)"]


def test_a_store_that_is_an_older_copy_does_not_go_on_from_a_later_report(eventful_store: Store) -> None:
    """H2: everything in it is as it was sealed."""
    anchor = looked_at(eventful_store).sealed

    def older(connection: Connection) -> None:
        connection.execute(text("DELETE FROM corrections WHERE seq = 5"))
        connection.execute(text("DELETE FROM seals WHERE seq = (SELECT max(seq) FROM seals)"))

    tamper(eventful_store, older)
    assert looked_at(eventful_store).findings == []
    assert len(looked_at(eventful_store, anchor).findings) == 1


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE seals SET content = replace(content, 'down', 'up')", "was changed after it was made"),
        ("DELETE FROM seals WHERE seq = 2", "some are missing"),
        ("UPDATE seals SET previous = hash", "does not name the hash"),
        ("UPDATE seals SET content = '['", "cannot be read"),
        ("DELETE FROM seals", "no seal has it"),
    ],
)
def test_a_seal_that_was_changed_is_found(eventful_store: Store, statement: str, expected: str) -> None:
    """H2."""
    tamper(eventful_store, sql(statement))
    assert any(expected in found.problem for found in looked_at(eventful_store).findings)


def test_every_table_is_sealed_or_its_newest_state_is() -> None:
    """H2: a table that is added is sealed unless somebody says here why not."""
    others = {table.name for table in schema.metadata.sorted_tables} - {
        table.name for table in sealing.SEALED
    }
    assert others == {"store_metadata", "checkpoints", "rejections", "link_groups", "seals"}


def test_a_column_added_later_may_be_empty_in_older_sealed_rows(store: Store) -> None:
    """H2: a newer camwatch seals more columns; what it did not seal must hold nothing."""
    store.write(batch(1, entered(0)))
    with write_transaction(store.engine) as connection:
        sealer = sealing.Sealer(connection)
        sealer.put(
            schema.transitions, ("id", "camera_key", "at_ms", "detected_ms", "status"), [(9, 1, 5, 5, "up")]
        )
        sealer.seal(5)
    assert not any("row 9" in found.problem for found in looked_at(store).findings)
    with write_transaction(store.engine) as connection:
        connection.execute(text("UPDATE transitions SET cause = 'will' WHERE id = 9"))
    assert any("row 9 of transitions was changed" in found.problem for found in looked_at(store).findings)


def test_numbers_are_drawn_in_order_and_never_twice(store: Store) -> None:
    """A6: a number of an outage is not given to another one, also where the last ones are gone."""
    store.write(batch(1, outage(1), outage(1, "cam-2"), went(Status.DOWN, 1)))
    with write_transaction(store.engine) as connection:
        connection.execute(text("DELETE FROM outages"))
    store.write(batch(2, outage(2, "cam-3"), outage(3, "cam-4"), checkpoints=[memory()]))
    assert rows(store, "SELECT id FROM outages ORDER BY id") == [(3,), (4,)]
