"""*Service levels*: all operators side by side, over rolling windows and calendar periods."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

from camwatch.i18n import N_
from deploy.grafana.generate import queries
from deploy.grafana.generate.dashboard import Band, Heading, board
from deploy.grafana.generate.fleet import BUDGET, to
from deploy.grafana.generate.i18n import WINDOWS, Translator
from deploy.grafana.generate.panels import COUNT, RATIO, SECONDS, Column, Query, series, table

CALENDAR = {
    "day": N_("Today"),
    "week": N_("This week"),
    "month": N_("This month"),
    "year": N_("This year"),
}


def service_levels(tr: Translator) -> Dashboard:
    """Return the dashboard of service levels."""
    return board(
        tr,
        "levels",
        tr(
            "Availability, coverage and error budget of each operator. The reports of camwatch are "
            "authoritative: they include contractual exclusions.",
        ),
        [
            Band(8, [(12, _rolling(tr)), (12, _calendar(tr))]),
            Band(8, [(12, _coverage(tr)), (12, _budgets(tr))]),
            Heading(tr("Over time")),
            Band(9, [(12, _course(tr)), (12, _burn(tr))]),
            Band(9, [(8, _outages(tr)), (8, _lost(tr)), (8, _gaps(tr))]),
        ],
        since="now-7d",
        refresh="5m",
    )


def _by_window(tr: Translator, title: str, description: str, asked: list[tuple[str, str]]) -> Panel:
    return table(
        title,
        description,
        [expr for expr, _ in asked],
        [
            Column("operator", tr("Operator"), link=to(tr, "operator")),
            *(
                Column(f"Value #{chr(ord('A') + index)}", head, RATIO, 2, width=105)
                for index, (_, head) in enumerate(asked)
            ),
        ],
    )


def _rolling(tr: Translator) -> Panel:
    return _by_window(
        tr,
        tr("Availability, rolling windows"),
        tr("Up to now; “–”: no covered time."),
        [
            *((queries.availability(window), tr.window(window)) for window in WINDOWS),
            (queries.objective(), tr("Objective")),
        ],
    )


def _calendar(tr: Translator) -> Panel:
    return _by_window(
        tr,
        tr("Availability, by the calendar"),
        tr(
            "Since the beginning of the day, week, month or year, in the city’s time zone.",
        ),
        [
            *((queries.availability(window), tr(name)) for window, name in CALENDAR.items()),
            (queries.objective(), tr("Objective")),
        ],
    )


def _coverage(tr: Translator) -> Panel:
    return _by_window(
        tr,
        tr("Coverage"),
        tr(
            "Share of the time outside maintenance with a known status. If it is low, availability means "
            "little.",
        ),
        [(queries.coverage(window), tr.window(window)) for window in WINDOWS],
    )


def _budgets(tr: Translator) -> Panel:
    names = {window: tr(name) for window, name in CALENDAR.items()}
    shown = (("30d", tr.window("30d")), ("month", names["month"]), ("year", names["year"]))
    return table(
        tr("Error budget left"),
        tr(
            "Share of the error budget that is left: 100%: untouched, 0%: used up, negative: exceeded.",
        ),
        [queries.budget_left(window) for window, _ in shown],
        [
            Column("operator", tr("Operator"), link=to(tr, "operator")),
            *(
                Column(f"Value #{'ABC'[index]}", head, RATIO, 0, thresholds=BUDGET, width=130)
                for index, (_, head) in enumerate(shown)
            ),
        ],
    )


def _course(tr: Translator) -> Panel:
    return series(
        tr("Availability over a rolling 24 h"),
        tr("A curve for each operator."),
        Query(queries.availability("24h"), "{{operator}}"),
        unit=RATIO,
        low=None,
        high=1,
        decimals=2,
    )


def _burn(tr: Translator) -> Panel:
    return series(
        tr("Error budget burn rate, 6 h"),
        tr(
            "1: the objective is just met. Alerts above 14.4 over 1 h or 6 over 6 h.",
        ),
        Query("max by (operator) (operator:camwatch_error_budget_burn:ratio_rate6h)", "{{operator}}"),
        unit=COUNT,
        decimals=1,
    )


def _outages(tr: Translator) -> Panel:
    begun = "max without (instance) (increase(camwatch_camera_outages_total[1h]))"
    return series(
        tr("Outages started per hour"),
        tr("By operator."),
        Query(f"sum by (operator) ({begun})", "{{operator}}"),
        unit=COUNT,
        decimals=0,
        steps=True,
    )


def _lost(tr: Translator) -> Panel:
    lost = 'operator:camwatch_camera_status_seconds:rate5m{status="down"}'
    return series(
        tr("Cameras down on average"),
        tr(
            "Seconds of outage per second, from the status times, by operator.",
        ),
        Query(f"sum by (operator) ({lost})", "{{operator}}"),
        unit=COUNT,
        decimals=1,
    )


def _gaps(tr: Translator) -> Panel:
    return series(
        tr("Gap between heartbeats, 99th percentile"),
        tr("The 99th percentile."),
        Query(queries.quantile(0.99, "camwatch_heartbeat_gap_seconds", by="operator"), "{{operator}}"),
        unit=SECONDS,
        decimals=1,
    )
