"""*Service levels*: all operators side by side, over windows and the calendar: for meetings, not nights."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

from deploy.grafana.generate import queries
from deploy.grafana.generate.dashboard import Band, Heading, board
from deploy.grafana.generate.fleet import BUDGET, to
from deploy.grafana.generate.i18n import WINDOWS, Translator
from deploy.grafana.generate.panels import COUNT, RATIO, SECONDS, Column, Query, series, table

CALENDAR = {
    "day": ("Aujourd’hui", "Today"),
    "week": ("Semaine", "This week"),
    "month": ("Mois", "This month"),
    "year": ("Année", "This year"),
}


def service_levels(say: Translator) -> Dashboard:
    """Return the dashboard of service levels."""
    return board(
        say,
        "levels",
        say(
            "Disponibilité, couverture et budget d’erreur de chaque exploitant. Les rapports de camwatch "
            "font foi : ils "
            "ont aussi les exclusions contractuelles.",
            "Availability, coverage and error budget of each operator. The reports of camwatch are what "
            "counts: they "
            "have the contractual exclusions, too.",
        ),
        [
            Band(8, [(12, _rolling(say)), (12, _calendar(say))]),
            Band(8, [(12, _coverage(say)), (12, _budgets(say))]),
            Heading(say("Évolution", "Over time")),
            Band(9, [(12, _course(say)), (12, _burn(say))]),
            Band(9, [(8, _outages(say)), (8, _lost(say)), (8, _gaps(say))]),
        ],
        since="now-7d",
        refresh="5m",
    )


def _by_window(say: Translator, title: str, tells: str, asked: list[tuple[str, str]]) -> Panel:
    return table(
        title,
        tells,
        [expr for expr, _ in asked],
        [
            Column("operator", say("Exploitant", "Operator"), link=to(say, "operator")),
            *(
                Column(f"Value #{chr(ord('A') + index)}", head, RATIO, 2, width=105)
                for index, (_, head) in enumerate(asked)
            ),
        ],
    )


def _rolling(say: Translator) -> Panel:
    return _by_window(
        say,
        say("Disponibilité, fenêtres glissantes", "Availability, rolling windows"),
        say("Jusqu’à maintenant ; « – » : aucun temps couvert.", "Up to now; “–”: no covered time."),
        [
            *((queries.availability(window), say.window(window)) for window in WINDOWS),
            (queries.objective(), say("Objectif", "Objective")),
        ],
    )


def _calendar(say: Translator) -> Panel:
    return _by_window(
        say,
        say("Disponibilité, calendrier", "Availability, by the calendar"),
        say(
            "Depuis le début du jour, de la semaine, du mois, de l’année, heure de Paris.",
            "Since the day, week, month or year began, in the city’s time zone.",
        ),
        [
            *((queries.availability(window), say(*names)) for window, names in CALENDAR.items()),
            (queries.objective(), say("Objectif", "Objective")),
        ],
    )


def _coverage(say: Translator) -> Panel:
    return _by_window(
        say,
        say("Couverture", "Coverage"),
        say(
            "Part du temps, hors maintenance, dont nous pouvons parler. Basse, la disponibilité dit peu.",
            "Share of the time outside maintenance that we can speak for. If low, availability says little.",
        ),
        [(queries.coverage(window), say.window(window)) for window in WINDOWS],
    )


def _budgets(say: Translator) -> Panel:
    shown = (("30d", say.window("30d")), ("month", say(*CALENDAR["month"])), ("year", say(*CALENDAR["year"])))
    return table(
        say("Budget d’erreur restant", "Error budget left"),
        say(
            "Part restante de l’indisponibilité acceptée : 100 % intacte, 0 % épuisée, négative dépassée.",
            "What is left of the accepted unavailability: 100 % untouched, 0 % used up, negative overdrawn.",
        ),
        [queries.budget_left(window) for window, _ in shown],
        [
            Column("operator", say("Exploitant", "Operator"), link=to(say, "operator")),
            *(
                Column(f"Value #{'ABC'[index]}", head, RATIO, 0, thresholds=BUDGET, width=130)
                for index, (_, head) in enumerate(shown)
            ),
        ],
    )


def _course(say: Translator) -> Panel:
    return series(
        say("Disponibilité sur 24 h glissantes", "Availability over a rolling 24 h"),
        say("Une courbe par exploitant.", "A curve for each operator."),
        Query(queries.availability("24h"), "{{operator}}"),
        unit=RATIO,
        low=None,
        high=1,
        decimals=2,
    )


def _burn(say: Translator) -> Panel:
    return series(
        say("Vitesse à laquelle le budget brûle, 6 h", "How fast the budget burns, 6 h"),
        say(
            "1 : l’objectif serait tout juste tenu. Alerte au-dessus de 14,4 sur 1 h ou de 6 sur 6 h.",
            "1: the objective would be just met. Alerts above 14.4 over 1 h or 6 over 6 h.",
        ),
        Query("max by (operator) (operator:camwatch_error_budget_burn:ratio_rate6h)", "{{operator}}"),
        unit=COUNT,
        decimals=1,
    )


def _outages(say: Translator) -> Panel:
    begun = "max without (instance) (increase(camwatch_camera_outages_total[1h]))"
    return series(
        say("Pannes commencées par heure", "Outages begun in an hour"),
        say("Par exploitant.", "By operator."),
        Query(f"sum by (operator) ({begun})", "{{operator}}"),
        unit=COUNT,
        decimals=0,
        steps=True,
    )


def _lost(say: Translator) -> Panel:
    lost = 'operator:camwatch_camera_status_seconds:rate5m{status="down"}'
    return series(
        say("Caméras en panne en moyenne", "Cameras down on average"),
        say(
            "Secondes de panne par seconde, d’après le registre, par exploitant.",
            "Seconds of outage in a second, from the ledger, by operator.",
        ),
        Query(f"sum by (operator) ({lost})", "{{operator}}"),
        unit=COUNT,
        decimals=1,
    )


def _gaps(say: Translator) -> Panel:
    return series(
        say("Écart entre battements, 99 %", "Gap between heartbeats, 99 %"),
        say("Ce que 99 % des écarts ne dépassent pas.", "What 99 % of the gaps do not exceed."),
        Query(queries.quantile(0.99, "camwatch_heartbeat_gap_seconds", by="operator"), "{{operator}}"),
        unit=SECONDS,
        decimals=1,
    )
