"""The map of *Fleet*: a dot for each site, since dots for all cameras would overlap."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Panel

from deploy.grafana.generate import queries
from deploy.grafana.generate.i18n import Translator
from deploy.grafana.generate.palette import BAD_FROM_ONE, CODES, GREEN, STATUS, steps, values
from deploy.grafana.generate.panels import COUNT, Column, Dots, places

BIG = 5
"""Cameras down from which a dot has its full size."""

RADII = (4.0, 10.0)
"""Radius of a dot with no camera down, and of the biggest, in pixels."""


def sites(tr: Translator) -> Panel:
    """Return the sites on a map, coloured by their cameras that are down, the worst on top."""
    mark = _mark(tr)
    down = Column("Value #B", tr.counted("down"), COUNT, 0, span=(0, BIG))
    latitude, longitude = (Column(axis.lower(), axis, hidden=True) for axis in ("Latitude", "Longitude"))
    return places(
        tr("Map of the sites: cameras down"),
        tr(
            "A dot for each site with coordinates. Vermilion: cameras are down; their number is beside "
            "the dot, and sets its size. Grey “?”: none is down, but not all are visible. Blue “–”: none "
            "is up, all are in maintenance or planned. Green: none is down.",
        ),
        [
            queries.placed(sites)
            for sites in (
                queries.marks_of_sites(),
                queries.counted_at_sites("down"),
                queries.counted_at_sites("unknown"),
                queries.counted_at_sites(*queries.IN_SERVICE),
            )
        ],
        [
            Column("name", tr("Site")),
            Column("zone", tr("District")),
            down,
            Column("Value #C", tr.counted("unknown"), COUNT, 0),
            Column("Value #D", tr("In service"), COUNT, 0),
            Column("site", tr("Id")),
            *(mark, latitude, longitude),
        ],
        Dots(latitude.head, longitude.head, mark.head, GREEN, down.head, RADII),
    )


def _mark(tr: Translator) -> Column:
    instead = (("unknown", "?"), ("maintenance", "–"), ("planned", "–"))
    return Column(
        "Value #A",
        tr("Mark"),
        COUNT,
        0,
        mappings=[values(*((f"-{CODES[status]}", text, STATUS[status]) for status, text in instead))],
        thresholds=steps(GREEN, *BAD_FROM_ONE),
        hidden=True,
    )
