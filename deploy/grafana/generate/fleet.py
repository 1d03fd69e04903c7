"""*Fleet*: the screen across the control room: what is down, where, since when, by what."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

from deploy.grafana.generate import queries
from deploy.grafana.generate.dashboard import Band, Heading, board
from deploy.grafana.generate.i18n import Translator
from deploy.grafana.generate.palette import (
    BAD_FROM_ONE,
    CODES,
    GREEN,
    GREY,
    ORANGE,
    SKY,
    STATUS,
    VERMILION,
    statuses,
    steps,
    values,
)
from deploy.grafana.generate.panels import COUNT, DATE, RATIO, Column, Query, series, stat, table, timeline
from deploy.grafana.generate.sites import sites

SHOWN = 30
"""So many rows a timeline has at most."""

POINTS = 180
"""So many instants of a period it looks at: each costs a look at every camera (2 minutes of 6 hours)."""

LISTED = 100
"""So many rows a table of cameras has at most."""


def fleet(say: Translator) -> Dashboard:
    """Return the dashboard of all cameras."""
    return board(
        say,
        "fleet",
        say(
            "Tout le parc d’un coup d’œil : ce qui est en panne, où, depuis quand.",
            "The whole fleet at a glance: what is down, where, since when.",
        ),
        [
            Band(4, counts(say)),
            Band(13, [(10, sites(say)), (9, unwell(say)), (5, incidents(say))]),
            Band(9, [(15, down(say)), (9, zones(say))]),
            Heading(say("Évolution", "Over time")),
            Band(9, [(12, course(say)), (12, operators(say))]),
        ],
    )


def counts(say: Translator, chosen: str = "") -> list[tuple[int, Panel]]:
    """Return how many cameras have each status, as a band of the grid's width."""
    why = {
        "down": say("Caméras sans signe de vie.", "Cameras that give no sign of life."),
        "unknown": say(
            "Caméras que Camwatch ne peut pas voir en ce moment : ni en marche, ni en panne.",
            "Cameras that camwatch cannot see now: neither up nor down.",
        ),
        "maintenance": say("Caméras en maintenance annoncée.", "Cameras in announced maintenance."),
        "up": say("Caméras qui donnent signe de vie.", "Cameras that give signs of life."),
        "planned": say("Caméras pas encore en service.", "Cameras that are not in service yet."),
    }
    shades = {
        "down": steps(GREEN, *BAD_FROM_ONE),
        "unknown": steps(GREEN, (1, GREY)),
        "maintenance": steps(GREEN, (1, SKY)),
    }
    found = [
        (3, stat(say.counted(status), tells, Query(queries.cameras(status, chosen)), unit=COUNT, decimals=0,
                 thresholds=shades.get(status)))
        for status, tells in why.items()
    ]  # fmt: skip
    degraded = stat(
        say("Dégradées", "Degraded"),
        say(
            "Caméras en marche mais gênées : image figée, pas d’enregistrement, horloge fausse…",
            "Cameras that are up but hampered: frozen picture, not recording, wrong clock…",
        ),
        Query(f"count(max by (camera) (camwatch_camera_degraded{{{chosen}}} == 1)) or vector(0)"),
        unit=COUNT,
        decimals=0,
        thresholds=steps(GREEN, (1, ORANGE)),
    )
    return [*found, (3, degraded), (3, available(say)), (3, sight(say))]


def available(say: Translator) -> Panel:
    """Return the availability of the whole fleet."""
    return stat(
        say("Disponibilité 24 h", "Availability, 24 h"),
        say(
            "Temps en marche / (en marche + en panne), toutes caméras, sur 24 heures (règle A4). Les "
            "corrections n’y "
            "sont pas : elles sont dans les chiffres par exploitant.",
            "Time up / (up + down) of all cameras over 24 hours (rule A4). Corrections do not show in "
            "it: they show "
            "in the figures of each operator.",
        ),
        Query(queries.fleet_availability("24h")),
        unit=RATIO,
        decimals=2,
    )


def sight(say: Translator) -> Panel:
    """Return whether camwatch sees at all."""
    return stat(
        say("Camwatch voit-il ?", "Does camwatch see?"),
        say(
            "Aveugle : aucun signe de vie ne peut nous parvenir ; les pannes affichées peuvent être "
            "anciennes. "
            "Absent : Prometheus n’obtient plus rien de Camwatch.",
            "Blind: no sign of life can reach us; the outages shown may be old. "
            "Absent: Prometheus gets nothing from camwatch any more.",
        ),
        Query("max(camwatch_blind) or vector(2)"),
        unit=COUNT,
        thresholds=steps(GREEN, *BAD_FROM_ONE),
        mappings=[
            values(
                ("0", say("Oui", "Yes"), GREEN),
                ("1", say("Aveugle", "Blind"), VERMILION),
                ("2", say("Absent", "Absent!"), VERMILION),
            )
        ],
    )


def unwell(say: Translator, chosen: str = "") -> Panel:
    """Return the recent course of what is not well now."""
    return timeline(
        say("Ce qui ne va pas", "What is not well"),
        say(
            f"Les {SHOWN} caméras tombées ou perdues de vue en dernier, et leur état sur la période.",
            f"The {SHOWN} cameras that went down or out of sight last, and their status over the period.",
        ),
        Query(queries.timeline_of_unwell(SHOWN, chosen), "{{camera}}"),
        mappings=statuses(say),
        no_value=say("Tout va bien", "All is well"),
        points=POINTS,
    )


def zones(say: Translator) -> Panel:
    """Return the state of each zone, as words and numbers that read across a room."""

    def count(status: str) -> str:
        is_so = f"{queries.CODE} == bool {CODES[status]}"
        return f"sum by (zone) ({queries.named(is_so)})"

    shown = ("down", "unknown", "maintenance", "up")
    return table(
        say("Par zone", "By zone"),
        say("Caméras de chaque zone, par état.", "Cameras of each zone, by status."),
        [count(status) for status in shown],
        [
            Column("zone", say("Zone", "District")),
            *(
                Column(
                    f"Value #{'ABCD'[index]}",
                    say.counted(status),
                    COUNT,
                    0,
                    thresholds=None if status == "up" else steps("transparent", (1, STATUS[status])),
                    width=150 if status == "maintenance" else 95,
                )
                for index, status in enumerate(shown)
            ),
        ],
        sort=say.counted("down"),
    )


def down(say: Translator, chosen: str = "") -> Panel:
    """Return the cameras that are down, the newest first, with since when."""
    newest = f"topk({LISTED}, {queries.since('down', chosen)})"
    # Of one operator, nobody need say whose; of all, the name says the place, and the zone where that is.
    labels = "name, site, camera" if chosen else "name, zone, operator, camera"
    where = [
        Column("zone", say("Zone", "District"), width=150),
        Column("operator", say("Exploitant", "Operator"), link=to(say, "operator"), width=170),
    ]
    if chosen:
        where = [Column("site", say("Site", "Place"), width=170)]
    return table(
        say("Caméras en panne", "Cameras that are down"),
        say(
            f"Les {LISTED} dernières tombées. « Depuis » est l’instant où c’est devenu vrai, pas celui où "
            "on l’a vu.",
            f"The {LISTED} that went down last. “Since” is when it became true, not when it was noticed.",
        ),
        [f"max by ({labels}) ({queries.named(newest)}) * 1000"],
        [
            Column("Value", say("Depuis", "Since"), DATE, width=175),
            Column("name", say("Nom", "Name")),
            *where,
            Column("camera", say("Caméra", "Camera"), link=to(say, "camera"), width=210),
        ],
        sort=say("Depuis", "Since"),
        no_value=say("Aucune", "None"),
    )


def incidents(say: Translator) -> Panel:
    """Return the incidents that are open."""

    def of(kind: str) -> str:
        found = f"max by ({kind}) (camwatch_{kind}_incident) == 1"
        where = f'label_replace({found}, "where", "$1", "{kind}", "(.+)")'
        return f'label_replace({where}, "kind", "{kind}", "", "")'

    every = " or ".join(of(kind) for kind in ("link", "operator", "site"))
    return table(
        say("Incidents en cours", "Open incidents"),
        say(
            "Plusieurs caméras tombées ensemble : une seule cause (règles I1, I2).",
            "Many cameras that went down together: one cause (rules I1, I2).",
        ),
        [f"max by (kind, where) ({every})"],
        [
            Column(
                "kind",
                say("Cause commune", "Common cause"),
                mappings=[
                    values(
                        ("link", say("Liaison", "Link"), VERMILION),
                        ("operator", say("Exploitant", "Operator"), VERMILION),
                        ("site", say("Site", "Place"), VERMILION),
                    )
                ],
                width=150,
            ),
            Column("where", say("Où", "Where")),
        ],
        no_value=say("Aucun", "None"),
    )


def course(say: Translator, chosen: str = "") -> Panel:
    """Return how many cameras were not up, over time."""
    return series(
        say("Caméras qui ne marchent pas", "Cameras that are not up"),
        say("Nombre par état, empilé.", "Number by status, stacked."),
        *(
            Query(queries.cameras(status, chosen), say.counted(status), STATUS[status])
            for status in ("down", "unknown", "maintenance")
        ),
        unit=COUNT,
        decimals=0,
        stacked=True,
    )


def operators(say: Translator) -> Panel:
    """Return each operator in one row."""

    def count(status: str) -> str:
        return f'sum by (operator) (operator:camwatch_camera_status:count{{status="{status}"}})'

    return table(
        say("Exploitants", "Operators"),
        say(
            "Un clic sur l’exploitant ouvre son tableau. « Budget » : part restante, sur 30 jours, de "
            "l’indisponibilité acceptée.",
            "A click on an operator opens its dashboard. “Budget”: what is left, over 30 days, of the "
            "accepted "
            "unavailability.",
        ),
        [
            count("up"),
            count("down"),
            queries.availability("24h"),
            queries.availability("30d"),
            queries.objective(),
            queries.budget_left("30d"),
        ],
        [
            Column("operator", say("Exploitant", "Operator"), link=to(say, "operator")),
            Column("Value #A", say.counted("up"), COUNT, 0, width=95),
            Column(
                "Value #B",
                say.counted("down"),
                COUNT,
                0,
                thresholds=steps("transparent", *BAD_FROM_ONE),
                width=95,
            ),
            Column("Value #C", say("Dispo. 24 h", "Avail. 24 h"), RATIO, 2, width=105),
            Column("Value #D", say("Dispo. 30 j", "Avail. 30 d"), RATIO, 2, width=105),
            Column("Value #E", say("Objectif", "Objective"), RATIO, 1, width=90),
            Column("Value #F", say("Budget", "Budget left"), RATIO, 0, thresholds=BUDGET, width=100),
        ],
        sort=say.counted("down"),
    )


BUDGET = steps(VERMILION, (0, ORANGE), (0.25, GREEN))
"""Of the share of the budget that is left."""


def to(say: Translator, page: str) -> tuple[str, str]:
    """Return the link from a cell to the dashboard of the operator or the camera that the cell names."""
    title = say("Ouvrir le tableau", "Open the dashboard")
    return title, f"/d/{say.uid(page)}?var-{page}=${{__value.raw}}&${{__url_time_range}}"
