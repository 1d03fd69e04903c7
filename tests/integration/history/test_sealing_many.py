"""The audit of much: what many rows differ in is told once, and nobody waits for memory (H2)."""

from __future__ import annotations

from typing import Any

import psycopg
from sqlalchemy import event

from camwatch.history.audit_seals import compare, replay_seals
from camwatch.history.dialects import read_transaction
from camwatch.history.store import Store
from camwatch.settings import HistorySettings
from tests.integration.history.test_retention import eventful
from tests.support.postgres import PostgreSQL


def test_untouched_rows_are_not_reported_among_many_changed_ones(
    store: Store,
) -> None:
    """H2: the first of them are told, and how many there are."""
    eventful(store)
    with store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE transitions SET detected_ms = detected_ms + 1 WHERE id <= 50")
        connection.exec_driver_sql("DELETE FROM reboots")
    with read_transaction(store.engine) as connection:
        problems = [found.problem for found in compare(connection, replay_seals(connection))]
    changed = [each for each in problems if "transitions" in each]
    assert len(changed) == 21
    assert changed[-1] == "30 more rows of transitions were changed, or put there by others"
    gone = [each for each in problems if "reboots" in each]
    assert gone[-1] == "19 more rows of reboots were taken away"
    assert len(problems) == 42


def test_seals_and_rows_come_from_a_server_in_portions(postgres: PostgreSQL, template: str) -> None:
    """H2: years of seals are gigabytes, which the audit does not hold at once."""
    whole: list[str] = []

    def look(_connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if not isinstance(cursor, psycopg.ServerCursor):
            whole.append(statement)

    with Store.open(HistorySettings(url=postgres.url(postgres.fresh(template)))) as store:
        event.listen(store.engine, "before_cursor_execute", look)
        with read_transaction(store.engine) as connection:
            assert list(compare(connection, replay_seals(connection))) == []
    assert whole
    assert not any(f"FROM {name}" in said for said in whole for name in ("seals", "transitions"))
