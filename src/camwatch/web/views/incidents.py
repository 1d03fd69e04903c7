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
    groups = [group for group in live.watch.incidents.values() if _concerns(live, viewer, group)]
    groups.sort(key=_beginning, reverse=True)
    return len(groups), [_told(live, viewer, group) for group in groups[piece]]


def count(live: Live, viewer: Viewer) -> int:
    """Return how many open incidents there are to see."""
    return sum(_concerns(live, viewer, group) for group in live.watch.incidents.values())


def _beginning(group: IncidentGroup) -> tuple[int, str, str]:
    return 0 if group.since is None else group.since.utc_ms, group.kind, group.id


def _concerns(live: Live, viewer: Viewer, group: IncidentGroup) -> bool:
    """Tell whether an incident is open, and has a camera in it that someone sees."""
    return group.since is not None and any(
        viewer.sees(state.camera.operator) for state in live.watch.members(group)
    )


def _told(live: Live, viewer: Viewer, group: IncidentGroup) -> IncidentView:
    mine = [state for state in live.watch.members(group) if viewer.sees(state.camera.operator)]
    gone = [state for state in mine if state.index in group.gone]
    since = _beginning(group)[0]
    if not viewer.sees_all:  # when another's camera went down is nobody's business
        since = max(since, min((state.since.utc_ms for state in gone), default=since))
    return IncidentView(
        kind=group.kind,
        id=group.id,
        name=name_of(live, group.kind, group.id),
        since=moment(since),
        cameras=tuple(sorted(state.camera.id for state in mine)),
        down=len(gone),
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
