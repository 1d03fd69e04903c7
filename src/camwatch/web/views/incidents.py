"""Incidents: many cameras, one cause. Someone sees an incident by their own cameras in it."""

from __future__ import annotations

from pydantic import Field

from camwatch.core.model import IncidentKind
from camwatch.web.house import Live
from camwatch.web.viewer import Viewer
from camwatch.web.views.base import Moment, View


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
    raise NotImplementedError
