"""Incidents: many cameras, one cause. Someone sees an incident by their own cameras in it."""

from __future__ import annotations

from pydantic import Field

from camwatch.core.incidents import IncidentGroup
from camwatch.core.model import IncidentKind
from camwatch.web.house import Live
from camwatch.web.viewer import Viewer
from camwatch.web.views.base import Moment, View, moment


class IncidentView(View):
    """An incident that is open now."""

    kind: IncidentKind
    id: str = Field(description="Of the site, the operator or the link.")
    name: str
    since: Moment
    cameras: tuple[str, ...] = Field(description="Those in it, back or not, that whoever asks may see.")
    down: int = Field(description="How many of these are still down.")


def incidents(live: Live, viewer: Viewer) -> list[IncidentView]:
    """Return the open incidents, the newest first."""
    return incident_page(live, viewer, slice(None))[1]


def incident_page(live: Live, viewer: Viewer, piece: slice) -> tuple[int, list[IncidentView]]:
    """Return how many open incidents there are to see, and a piece of them, the newest first."""
    found = [
        (since, group)
        for group in live.watch.incidents.values()
        if (since := since_ms(live, viewer, group)) is not None
    ]
    found.sort(key=lambda each: (each[0], each[1].kind, each[1].id), reverse=True)
    return len(found), [_told(live, viewer, group, since) for since, group in found[piece]]


def count(live: Live, viewer: Viewer) -> int:
    """Return how many open incidents there are to see."""
    return sum(since_ms(live, viewer, group) is not None for group in live.watch.incidents.values())


def since_ms(live: Live, viewer: Viewer, group: IncidentGroup) -> int | None:
    """Return since when an incident is open for someone, UTC milliseconds; None if it is not.

    Who does not see all knows it by their own cameras: it is open while one of these is down, and since the
    first of them is. When another's went down is nobody's business.
    """
    if group.since is None:
        return None
    mine = [state for state in live.watch.members(group) if viewer.sees(state.camera.operator)]
    if viewer.sees_all:
        return group.since.utc_ms if mine else None
    gone = [state.since.utc_ms for state in mine if state.index in group.gone]
    return max(group.since.utc_ms, min(gone)) if gone else None


def _told(live: Live, viewer: Viewer, group: IncidentGroup, since: int) -> IncidentView:
    mine = [state for state in live.watch.members(group) if viewer.sees(state.camera.operator)]
    return IncidentView(
        kind=group.kind,
        id=group.id,
        name=name_of(live, group.kind, group.id),
        since=moment(since),
        cameras=tuple(sorted(state.camera.id for state in mine)),
        down=sum(state.index in group.gone for state in mine),
    )


def name_of(live: Live, kind: IncidentKind, group: str) -> str:
    """Return the name of what an incident's cameras have in common."""
    if kind is IncidentKind.SITE:
        site = live.inventory.sites.get(group)
        return site.name if site else group
    if kind is IncidentKind.OPERATOR:
        operator = live.inventory.operators.get(group)
        return operator.name if operator else group
    return group
