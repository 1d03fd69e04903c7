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
    groups = (group for group in live.watch.incidents.values() if group.since is not None)
    found = [told for group in groups if (told := _told(live, viewer, group)) is not None]
    return sorted(found, key=lambda incident: (incident.since, incident.id), reverse=True)


def _told(live: Live, viewer: Viewer, group: IncidentGroup) -> IncidentView | None:
    """Return an incident as somebody sees it; None if none of their cameras is in it."""
    mine = [state for state in live.watch.members(group) if viewer.sees(state.camera.operator)]
    if not mine or group.since is None:
        return None
    gone = [state for state in mine if state.index in group.gone]
    since = group.since.utc_ms
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
