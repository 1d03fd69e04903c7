"""Which corrections concern some operators: for their reports and the anchors in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, select

from camwatch.accounting.records import OPEN_ENDED
from camwatch.core.model import Scope
from camwatch.core.status_time import Interval
from camwatch.history import schema
from camwatch.history.corrections import Entry, Maintenance, OutageAttribution, Rebase, entries_since
from camwatch.history.placements import places


def concerning(connection: Connection, operators: Iterable[str]) -> list[Entry]:
    """Return the entries about these operators' outages, maintenance or whole record, in order."""
    theirs = frozenset(operators)
    reach = _places(connection, theirs)
    found, windows = [], set[int]()
    for entry in entries_since(connection, 0):
        said = entry.correction
        if isinstance(said, Rebase):
            mine = True  # it moved everybody's record
        elif isinstance(said, OutageAttribution):
            mine = said.operator in theirs
        else:
            if isinstance(said, Maintenance) and _covers(said, entry.created_ms, reach):
                windows.add(entry.seq)
            number = entry.seq if isinstance(said, Maintenance) else said.window
            whose = said.operators is None or not theirs.isdisjoint(said.operators)
            mine = whose and number in windows
        if mine:
            found.append(entry)
    return found


def _covers(
    said: Maintenance, created_ms: int, reach: Mapping[tuple[Scope, str], Sequence[Interval]]
) -> bool:
    """Return whether a window covers one of their cameras, or would have at its place at that time."""
    return any(
        stay.start < said.end_ms and (stay.end > said.start_ms or stay.start <= created_ms < stay.end)
        for stay in reach.get((said.scope, said.scope_id), ())
    )


def _places(connection: Connection, operators: frozenset[str]) -> dict[tuple[Scope, str], list[Interval]]:
    """Return the scopes of windows that cover one of their cameras, and when (rule V7)."""
    table = schema.cameras.c
    theirs = table.operator.in_(operators)
    always = [Interval(-OPEN_ENDED, OPEN_ENDED)]
    found = {(Scope.OPERATOR, operator): always for operator in operators}
    found |= {
        (Scope.CAMERA, camera): always
        for camera in connection.execute(select(table.id).where(theirs)).scalars()
    }
    for stays in places(connection, theirs).values():
        for place in stays:
            here = found.setdefault((Scope.SITE, place.site), [])
            here.append(Interval(place.since_ms, place.until_ms))
    return found
