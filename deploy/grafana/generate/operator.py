"""*Operator*: availability against the objective, and the cameras with the most outages."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

from deploy.grafana.generate import queries
from deploy.grafana.generate.dashboard import Band, Heading, board, variable
from deploy.grafana.generate.fleet import BUDGET, SHOWN, course, down, to, unwell
from deploy.grafana.generate.i18n import Translator
from deploy.grafana.generate.palette import BAD_FROM_ONE, BLUE, GREEN, GREY, ORANGE, SKY, VERMILION, steps
from deploy.grafana.generate.panels import COUNT, RATIO, SECONDS, Column, Query, series, stat, table

CHOSEN = 'operator="$operator"'


def operator(tr: Translator) -> Dashboard:
    """Return the dashboard of one operator."""
    return board(
        tr,
        "operator",
        tr(
            "The cameras of one operator: availability against its objective, outages, list.",
        ),
        [
            Band(4, _figures(tr)),
            Band(9, [(12, _availability(tr)), (12, _budget(tr))]),
            Heading(tr("Cameras")),
            Band(10, [(11, unwell(tr, CHOSEN)), (13, down(tr, CHOSEN))]),
            Band(9, [(8, course(tr, CHOSEN)), (8, _outages(tr)), (8, _gaps(tr))]),
            Band(9, [(24, _most(tr))]),
        ],
        [variable("operator", tr("Operator"), "label_values(camwatch_operator_cameras, operator)")],
        since="now-24h",
        refresh="1m",
    )


def _figures(tr: Translator) -> list[tuple[int, Panel]]:
    def available(window: str) -> Panel:
        return stat(
            tr("Availability, {window}", window=tr.window(window)),
            tr("Up / (up + down)."),
            Query(queries.availability(window, CHOSEN)),
            unit=RATIO,
            decimals=2,
        )

    return [
        (
            3,
            stat(
                tr.status("down"),
                tr("Cameras without heartbeats."),
                Query(queries.cameras("down", CHOSEN)),
                unit=COUNT,
                decimals=0,
                thresholds=steps(GREEN, *BAD_FROM_ONE),
            ),
        ),
        (
            3,
            stat(
                tr("In service"),
                tr(
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
                tr("Objective"),
                tr("Availability that the operator promises (rule A7)."),
                Query(queries.objective(CHOSEN)),
                unit=RATIO,
                decimals=1,
                no_value=tr("Not set"),
            ),
        ),
        (
            3,
            stat(
                tr("Budget left, 30 d"),
                tr(
                    "Share of the error budget that is left: 100%: untouched, 0%: used up, "
                    "negative: exceeded.",
                ),
                Query(queries.budget_left("30d", CHOSEN)),
                unit=RATIO,
                decimals=0,
                thresholds=BUDGET,
                no_value=tr("No objective"),
            ),
        ),
        (
            3,
            stat(
                tr("Coverage, 30 d"),
                tr(
                    "Share of the time with a known status; the rest is unknown, neither up nor down.",
                ),
                Query(queries.coverage("30d", CHOSEN)),
                unit=RATIO,
                decimals=1,
            ),
        ),
    ]


def _availability(tr: Translator) -> Panel:
    shades = {"1h": SKY, "24h": GREEN, "7d": BLUE, "30d": ORANGE}
    return series(
        tr("Availability against the objective"),
        tr("Rolling windows; the objective in vermilion."),
        *(
            Query(queries.availability(window, CHOSEN), tr.window(window), colour)
            for window, colour in shades.items()
        ),
        Query(queries.objective(CHOSEN), tr("Objective"), VERMILION),
        unit=RATIO,
        low=None,
        high=1,
        decimals=2,
    )


def _budget(tr: Translator) -> Panel:
    return series(
        tr("Error budget left"),
        tr("100%: untouched, 0%: used up, negative: exceeded."),
        *(
            Query(queries.budget_left(window, CHOSEN), name, colour)
            for window, name, colour in (
                ("30d", tr("30 days"), BLUE),
                ("month", tr("This month"), ORANGE),
            )
        ),
        unit=RATIO,
        low=None,
        high=1,
        decimals=0,
    )


def _outages(tr: Translator) -> Panel:
    begun = f"max without (instance) (increase(camwatch_camera_outages_total{{{CHOSEN}}}[1h]))"
    return series(
        tr("Outages started per hour"),
        tr(
            "All cameras of the operator, in the last hour.",
        ),
        Query(f"sum({begun})", tr("Outages"), VERMILION),
        unit=COUNT,
        decimals=0,
        steps=True,
    )


def _gaps(tr: Translator) -> Panel:
    def gap(share: float) -> str:
        return queries.quantile(share, "camwatch_heartbeat_gap_seconds", CHOSEN)

    return series(
        tr("Gap between heartbeats"),
        tr(
            "Time between two heartbeats of a camera: median and 99th percentile.",
        ),
        Query(gap(0.5), tr("median"), GREY),
        Query(gap(0.99), "99 %", ORANGE),
        unit=SECONDS,
        decimals=1,
    )


def _most(tr: Translator) -> Panel:
    begun = f"max without (instance) (increase(camwatch_camera_outages_total{{{CHOSEN}}}[$__range]))"
    worst = f"topk({SHOWN}, {begun} > 0)"
    status_seconds = f'camwatch_camera_status_seconds_total{{status="down", {CHOSEN}}}'
    lost = f"max without (instance) (increase({status_seconds}[$__range])) and on (job, camera) {worst}"
    labels = "max by (name, zone, site, camera)"
    return table(
        tr("Most outages in the period"),
        tr("The {n} cameras that went down most often, and how long they were down.", n=SHOWN),
        [f"{labels} ({queries.named(worst)})", f"{labels} ({queries.named(lost)})"],
        [
            Column("Value #A", tr("Outages"), COUNT, 0, width=110),
            Column("Value #B", tr("Time down"), SECONDS, 1, width=140),
            Column("name", tr("Name")),
            Column("zone", tr("District"), width=200),
            Column("site", tr("Site"), width=220),
            Column("camera", tr("Camera"), link=to(tr, "camera"), width=260),
        ],
        sort=tr("Outages"),
        no_value=tr("No outage"),
    )
