"""Incidents: many cameras down for one cause. Scoped principals see those of their own cameras."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from pydantic import Field

from camwatch.core.camera_view import CameraView
from camwatch.core.incidents import IncidentGroup
from camwatch.core.model import IncidentKind
from camwatch.monitoring.service import MonitorService
from camwatch.web.auth.principal import Principal
from camwatch.web.views.base import Moment, View, to_datetime


class IncidentView(View):
    """An open incident."""

    kind: IncidentKind
    id: str = Field(description="Of the site, the operator or the link.")
    name: str
    since: Moment
    cameras: tuple[str, ...] = Field(description="Its cameras, recovered or not, that this account sees.")
    down: int = Field(description="How many of these are still down.")


class VisibleIncident(NamedTuple):
    """An open incident with its visible cameras; `since_ms` is UTC."""

    since_ms: int
    group: IncidentGroup
    cameras: Sequence[CameraView]


def open_incidents(live: MonitorService, viewer: Principal) -> list[VisibleIncident]:
    """Return the visible open incidents, newest first.

    A scoped principal gets those derived from its own cameras alone, which reveal nothing of others.
    """
    groups = live.fleet.incidents.values() if viewer.operators is None else live.scoped.of(viewer.operators)
    found = [
        VisibleIncident(group.since.utc_ms, group, members)
        for group in groups
        if group.since is not None and (members := list(live.fleet.incident_members(group)))
    ]
    found.sort(key=lambda each: (each.since_ms, each.group.kind, each.group.id), reverse=True)
    return found


class IncidentSummary(NamedTuple):
    """An incident in short: `hit` cameras are part of it, `down` of them are still down."""

    kind: IncidentKind
    id: str
    name: str
    since: datetime
    hit: int
    down: int


def summarize(live: MonitorService, incident: VisibleIncident) -> IncidentSummary:
    """Return an incident in short."""
    group = incident.group
    return IncidentSummary(
        group.kind,
        group.id,
        name_of(live, group.kind, group.id),
        to_datetime(incident.since_ms),
        len(incident.cameras),
        sum(state.index in group.still_down for state in incident.cameras),
    )


def view(live: MonitorService, incident: VisibleIncident) -> IncidentView:
    """Return an incident with its cameras."""
    line = summarize(live, incident)
    return IncidentView(
        kind=line.kind,
        id=line.id,
        name=line.name,
        since=line.since,
        cameras=tuple(sorted(state.camera.id for state in incident.cameras)),
        down=line.down,
    )


def name_of(live: MonitorService, kind: IncidentKind, group: str) -> str:
    """Return the name of an incident's site, operator or link."""
    if kind is IncidentKind.SITE:
        site = live.inventory.sites.get(group)
        return site.name if site else group
    if kind is IncidentKind.OPERATOR:
        operator = live.inventory.operators.get(group)
        return operator.name if operator else group
    return group
