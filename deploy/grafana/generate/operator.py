"""*Operator*: one landlord or the city: whether the promise is kept, and which cameras break it."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

from deploy.grafana.generate import queries
from deploy.grafana.generate.dashboard import Band, Heading, board, variable
from deploy.grafana.generate.fleet import BUDGET, SHOWN, course, down, to, unwell
from deploy.grafana.generate.i18n import Translator
from deploy.grafana.generate.palette import BAD_FROM_ONE, BLUE, GREEN, GREY, ORANGE, SKY, VERMILION, steps
from deploy.grafana.generate.panels import COUNT, RATIO, SECONDS, Column, Query, series, stat, table

CHOSEN = 'operator="$operator"'


def operator(say: Translator) -> Dashboard:
    """Return the dashboard of one operator."""
    return board(
        say,
        "operator",
        say(
            "Les caméras d’un exploitant : disponibilité face à l’objectif, pannes, liste.",
            "The cameras of one operator: availability against its objective, outages, list.",
        ),
        [
            Band(4, _figures(say)),
            Band(9, [(12, _availability(say)), (12, _budget(say))]),
            Heading(say("Caméras", "Cameras")),
            Band(10, [(11, unwell(say, CHOSEN)), (13, down(say, CHOSEN))]),
            Band(9, [(8, course(say, CHOSEN)), (8, _outages(say)), (8, _gaps(say))]),
            Band(9, [(24, _most(say))]),
        ],
        [
            variable(
                "operator", say("Exploitant", "Operator"), "label_values(camwatch_operator_cameras, operator)"
            )
        ],
        since="now-24h",
        refresh="1m",
    )


def _figures(say: Translator) -> list[tuple[int, Panel]]:
    def available(window: str) -> Panel:
        return stat(
            say(f"Disponibilité {say.window(window)}", f"Availability, {say.window(window)}"),
            say("Temps en marche / (en marche + en panne).", "Time up / (up + down)."),
            Query(queries.availability(window, CHOSEN)),
            unit=RATIO,
            decimals=2,
        )

    return [
        (
            3,
            stat(
                say.status("down"),
                say("Caméras sans signe de vie.", "Cameras that give no sign of life."),
                Query(queries.cameras("down", CHOSEN)),
                unit=COUNT,
                decimals=0,
                thresholds=steps(GREEN, *BAD_FROM_ONE),
            ),
        ),
        (
            3,
            stat(
                say("En service", "In service"),
                say(
                    "Caméras en service, quel que soit leur état.",
                    "Cameras in service, whatever their status.",
                ),
                Query(f'sum(operator:camwatch_camera_status:count{{status!~"planned|retired", {CHOSEN}}})'),
                unit=COUNT,
                decimals=0,
            ),
        ),
        (3, available("24h")),
        (3, available("7d")),
        (3, available("30d")),
        (
            3,
            stat(
                say("Objectif", "Objective"),
                say("Ce que l’exploitant promet (règle A7).", "What the operator promises (rule A7)."),
                Query(queries.objective(CHOSEN)),
                unit=RATIO,
                decimals=1,
                no_value=say("Aucun", "None"),
            ),
        ),
        (
            3,
            stat(
                say("Budget restant, 30 j", "Budget left, 30 d"),
                say(
                    "Part restante de l’indisponibilité acceptée : 100 % intacte, 0 % épuisée, négative "
                    "dépassée.",
                    "What is left of the accepted unavailability: 100 % untouched, 0 % used up, negative "
                    "overdrawn.",
                ),
                Query(queries.budget_left("30d", CHOSEN)),
                unit=RATIO,
                decimals=0,
                thresholds=BUDGET,
                no_value=say("Sans objectif", "No objective"),
            ),
        ),
        (
            3,
            stat(
                say("Couverture 30 j", "Coverage, 30 d"),
                say(
                    "Part du temps dont nous pouvons parler ; le reste est inconnu, ni marche ni panne.",
                    "Share of the time that we can speak for; the rest is unknown, neither up nor down.",
                ),
                Query(queries.coverage("30d", CHOSEN)),
                unit=RATIO,
                decimals=1,
            ),
        ),
    ]


def _availability(say: Translator) -> Panel:
    shades = {"1h": SKY, "24h": GREEN, "7d": BLUE, "30d": ORANGE}
    return series(
        say("Disponibilité face à l’objectif", "Availability against the objective"),
        say("Fenêtres glissantes ; l’objectif en vermillon.", "Rolling windows; the objective in vermilion."),
        *(
            Query(queries.availability(window, CHOSEN), say.window(window), colour)
            for window, colour in shades.items()
        ),
        Query(queries.objective(CHOSEN), say("Objectif", "Objective"), VERMILION),
        unit=RATIO,
        low=None,
        high=1,
        decimals=2,
    )


def _budget(say: Translator) -> Panel:
    return series(
        say("Budget d’erreur restant", "Error budget left"),
        say(
            "100 % intact, 0 % épuisé, négatif dépassé.", "100 % untouched, 0 % used up, negative overdrawn."
        ),
        *(
            Query(queries.budget_left(window, CHOSEN), name, colour)
            for window, name, colour in (
                ("30d", say("30 jours", "30 days"), BLUE),
                ("month", say("Mois en cours", "This month"), ORANGE),
            )
        ),
        unit=RATIO,
        low=None,
        high=1,
        decimals=0,
    )


def _outages(say: Translator) -> Panel:
    begun = f"max without (instance) (increase(camwatch_camera_outages_total{{{CHOSEN}}}[1h]))"
    return series(
        say("Pannes commencées par heure", "Outages begun in an hour"),
        say(
            "Toutes caméras de l’exploitant, sur l’heure écoulée.",
            "All cameras of the operator, over the last hour.",
        ),
        Query(f"sum({begun})", say("Pannes", "Outages"), VERMILION),
        unit=COUNT,
        decimals=0,
        steps=True,
    )


def _gaps(say: Translator) -> Panel:
    def gap(share: float) -> str:
        return queries.quantile(share, "camwatch_heartbeat_gap_seconds", CHOSEN)

    return series(
        say("Écart entre battements", "Gap between heartbeats"),
        say(
            "Temps entre deux signes de vie d’une même caméra : médiane, et ce que 99 % ne dépassent pas.",
            "Time between two signs of life of the same camera: median, and what 99 % do not exceed.",
        ),
        Query(gap(0.5), say("médiane", "median"), GREY),
        Query(gap(0.99), "99 %", ORANGE),
        unit=SECONDS,
        decimals=1,
    )


def _most(say: Translator) -> Panel:
    begun = f"max without (instance) (increase(camwatch_camera_outages_total{{{CHOSEN}}}[$__range]))"
    worst = f"topk({SHOWN}, {begun} > 0)"
    ledger = f'camwatch_camera_status_seconds_total{{status="down", {CHOSEN}}}'
    lost = f"max without (instance) (increase({ledger}[$__range])) and on (job, camera) {worst}"
    labels = "max by (name, zone, site, camera)"
    return table(
        say("Le plus de pannes sur la période", "Most outages in the period"),
        say(
            f"Les {SHOWN} caméras tombées le plus souvent, et le temps qu’elles ont passé en panne.",
            f"The {SHOWN} cameras that went down most often, and how long they were down.",
        ),
        [f"{labels} ({queries.named(worst)})", f"{labels} ({queries.named(lost)})"],
        [
            Column("Value #A", say("Pannes", "Outages"), COUNT, 0, width=110),
            Column("Value #B", say("En panne", "Time down"), SECONDS, 1, width=140),
            Column("name", say("Nom", "Name")),
            Column("zone", say("Zone", "District"), width=200),
            Column("site", say("Site", "Place"), width=220),
            Column("camera", say("Caméra", "Camera"), link=to(say, "camera"), width=260),
        ],
        sort=say("Pannes", "Outages"),
        no_value=say("Aucune panne", "No outage"),
    )
