"""Which corrections concern some operators: what their reports count, and are anchored to."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, select

from camwatch.core.model import Scope
from camwatch.history import schema
from camwatch.history.journal import Entry, Maintenance, OutageAttribution, Rebase, entries_since


def concerning(connection: Connection, operators: Iterable[str]) -> list[Entry]:
    """Return the entries about these operators' outages, maintenance or whole record, in order."""
    theirs = frozenset(operators)
    places = _places(connection, theirs)
    found, windows = [], set[int]()
    for entry in entries_since(connection, 0):
        said = entry.correction
        if isinstance(said, Rebase):
            mine = True  # it moved everybody's record
        elif isinstance(said, OutageAttribution):
            mine = said.operator in theirs
        else:
            if isinstance(said, Maintenance) and (said.scope, said.scope_id) in places:
                windows.add(entry.seq)
            number = entry.seq if isinstance(said, Maintenance) else said.window
            whose = said.operators is None or not theirs.isdisjoint(said.operators)
            mine = whose and number in windows
        if mine:
            found.append(entry)
    return found


def _places(connection: Connection, operators: frozenset[str]) -> set[tuple[Scope, str]]:
    """Return what a window must be of to cover one of their cameras."""
    table = schema.cameras.c
    rows = connection.execute(select(table.id, table.site).where(table.operator.in_(operators)))
    found = {(Scope.OPERATOR, operator) for operator in operators}
    for camera, site in rows:
        found |= {(Scope.CAMERA, camera), (Scope.SITE, site)}
    return found
