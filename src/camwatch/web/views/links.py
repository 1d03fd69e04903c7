"""Faults of links that delay or hide messages of their cameras."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from camwatch.core.model import Instant
from camwatch.core.state import LinkState
from camwatch.monitoring.service import MonitorService
from camwatch.web.auth.principal import Principal
from camwatch.web.views.base import to_datetime
from camwatch.web.views.fleet import serves_visible_cameras

LATE_S: Final = 1.0
"""Lag from which a link is reported as late, seconds."""


class Strain(NamedTuple):
    """A link that is down, behind, catching up or late; name and reason only if all operators are visible."""

    kind: str
    since: datetime | None
    lag_s: int
    name: str = ""
    trouble: str = ""


def strains(live: MonitorService, viewer: Principal) -> list[Strain]:
    """Return the faults of links that carry visible cameras."""
    found = []
    for link in live.fleet.links.values():
        kind = strain_of(link)
        if kind and serves_visible_cameras(viewer, link):
            last = link.last_packet_at if kind == "down" else None
            names = (link.name, live.link_trouble(link.name) or "") if viewer.can_see_all else ()
            found.append(Strain(kind, _moment(last), round(link.lag), *names))
    return found


def strain_of(link: LinkState) -> str:
    """Return the kind of a link's fault; empty if there is none."""
    if not link.up:
        return "down"
    if link.lagging:
        return "behind"
    if link.catching_up:
        return "catching_up"
    return "late" if link.lag >= LATE_S else ""


def _moment(at: Instant | None) -> datetime | None:
    return None if at is None else to_datetime(at.utc_ms)
