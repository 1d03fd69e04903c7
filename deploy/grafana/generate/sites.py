"""The map of *Fleet*: a dot for each site. Dots of all cameras of a town would lie over each other."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Panel

from deploy.grafana.generate import queries
from deploy.grafana.generate.i18n import Translator
from deploy.grafana.generate.palette import BAD_FROM_ONE, CODES, GREEN, STATUS, steps, values
from deploy.grafana.generate.panels import COUNT, Column, Dots, places

BIG = 5
"""So many cameras down make the biggest dot."""

RADII = (4.0, 10.0)
"""Of a dot with no camera down and of the biggest, in pixels."""


def sites(say: Translator) -> Panel:
    """Return the sites on a map, coloured by their cameras that are down, the worst on top."""
    mark = _mark(say)
    down = Column("Value #B", say.counted("down"), COUNT, 0, span=(0, BIG))
    latitude, longitude = (Column(axis.lower(), axis, hidden=True) for axis in ("Latitude", "Longitude"))
    return places(
        say("Carte des sites : caméras en panne", "Map of the sites: cameras down"),
        say(
            "Un point par site qui a des coordonnées. Vermillon : des caméras sont en panne ; leur nombre "
            "est à côté, et grossit le point. Gris « ? » : aucune en panne, mais toutes ne sont pas vues. "
            "Bleu « – » : aucune en marche, toutes en maintenance ou prévues. Vert : aucune en panne.",
            "A dot for each site that has coordinates. Vermilion: cameras are down; their number is beside "
            "the dot, and makes it bigger. Grey “?”: none is down, but not all are seen. Blue “–”: none is "
            "up, all are in maintenance or planned. Green: none is down.",
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
            Column("name", say("Site", "Place")),
            Column("zone", say("Zone", "District")),
            down,
            Column("Value #C", say.counted("unknown"), COUNT, 0),
            Column("Value #D", say("En service", "In service"), COUNT, 0),
            Column("site", say("Identifiant", "Id")),
            *(mark, latitude, longitude),
        ],
        Dots(latitude.head, longitude.head, mark.head, GREEN, down.head, RADII),
    )


def _mark(say: Translator) -> Column:
    instead = (("unknown", "?"), ("maintenance", "–"), ("planned", "–"))
    return Column(
        "Value #A",
        say("Repère", "Mark"),
        COUNT,
        0,
        mappings=[values(*((f"-{CODES[status]}", text, STATUS[status]) for status, text in instead))],
        thresholds=steps(GREEN, *BAD_FROM_ONE),
        hidden=True,
    )
