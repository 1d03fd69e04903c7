"""Places: where cameras stood, and for what, over time (rule V7)."""

from __future__ import annotations

from itertools import pairwise

from sqlalchemy import Column, ColumnElement, Connection, func, or_, select

from camwatch.accounting.records import OPEN_ENDED, Place
from camwatch.core.model import Purpose, Scope
from camwatch.history import schema
from camwatch.history.metadata import fetch_tuples


def places(connection: Connection, chosen: ColumnElement[bool] | None) -> dict[int, list[Place]]:
    """Return the places of each of the chosen cameras (None: all), by key: in order, without gaps.

    The first reaches back to the beginning of time, the last has no end.
    """
    who, moves = schema.cameras, schema.placements.c
    now = select(who.c.key, who.c.site, who.c.purpose)
    query = select(moves.camera_key, moves.since_ms, moves.site, moves.purpose)
    if chosen is not None:
        now = now.where(chosen)
        query = query.where(moves.camera_key.in_(select(who.c.key).where(chosen)))
    begun: dict[int, list[tuple[int, str, str]]] = {}
    for key, *begins in fetch_tuples(connection, query.order_by(moves.since_ms, moves.id)):
        begun.setdefault(key, []).append((begins[0], begins[1], begins[2]))
    return {
        # A camera that was in no inventory has only the place of its row.
        key: _places(begun.get(key) or [(0, site, purpose)])
        for key, site, purpose in fetch_tuples(connection, now)
    }


def _places(begun: list[tuple[int, str, str]]) -> list[Place]:
    edges = [-OPEN_ENDED, *(since for since, _, _ in begun[1:]), OPEN_ENDED]
    return [
        Place(site, Purpose(purpose), since, until)
        for (_, site, purpose), (since, until) in zip(begun, pairwise(edges), strict=True)
        if since < until
    ]


def site_at(instant: Column[int]) -> ColumnElement[str]:
    """Return the site of a row's camera at an instant in that row; the query must have both."""
    who, moves = schema.cameras, schema.placements.c
    mine = select(moves.site).where(moves.camera_key == who.c.key).limit(1).correlate(who, instant.table)
    held = mine.where(moves.since_ms <= instant).order_by(moves.since_ms.desc(), moves.id.desc())
    first = mine.order_by(moves.since_ms, moves.id)
    return func.coalesce(held.scalar_subquery(), first.scalar_subquery(), who.c.site)


def was_in(scope: Scope, scope_id: str) -> ColumnElement[bool]:
    """Return whether a camera of the query is in a scope, or was: it may have been at another site."""
    who, moves = schema.cameras.c, schema.placements.c
    if scope is Scope.SITE:
        stood = select(moves.camera_key).where(moves.site == scope_id)
        return or_(who.site == scope_id, who.key.in_(stood))
    return (who.id if scope is Scope.CAMERA else who.operator) == scope_id
