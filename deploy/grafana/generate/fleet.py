"""*Fleet*: for the wall of the control room: which cameras are down, where, since when, and why."""

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
"""Maximum rows of a timeline."""

POINTS = 180
"""Instants of a timeline, each a query over all cameras (every 2 minutes of 6 hours)."""

LISTED = 100
"""Maximum rows of a table of cameras."""


def fleet(tr: Translator) -> Dashboard:
    """Return the dashboard of all cameras."""
    return board(
        tr,
        "fleet",
        tr(
            "The whole fleet at a glance: what is down, where, since when.",
        ),
        [
            Band(4, counts(tr)),
            Band(13, [(10, sites(tr)), (9, unwell(tr)), (5, incidents(tr))]),
            Band(9, [(15, down(tr)), (9, zones(tr))]),
            Heading(tr("Over time")),
            Band(9, [(12, course(tr)), (12, operators(tr))]),
        ],
    )


def counts(tr: Translator, chosen: str = "") -> list[tuple[int, Panel]]:
    """Return the number of cameras by status, as a band of the grid's width."""
    why = {
        "down": tr("Cameras without heartbeats."),
        "unknown": tr(
            "Cameras that are not visible to camwatch now: neither up nor down.",
        ),
        "maintenance": tr("Cameras in announced maintenance."),
        "up": tr("Cameras with heartbeats."),
        "planned": tr("Cameras that are not in service yet."),
    }
    shades = {
        "down": steps(GREEN, *BAD_FROM_ONE),
        "unknown": steps(GREEN, (1, GREY)),
        "maintenance": steps(GREEN, (1, SKY)),
    }
    found = [
        (3, stat(tr.counted(status), description, Query(queries.cameras(status, chosen)), unit=COUNT,
                 decimals=0, thresholds=shades.get(status)))
        for status, description in why.items()
    ]  # fmt: skip
    degraded = stat(
        tr("Degraded"),
        tr(
            "Cameras that are up with a fault: frozen image, not recording, wrong clock…",
        ),
        Query(f"count(max by (camera) (camwatch_camera_degraded{{{chosen}}} == 1)) or vector(0)"),
        unit=COUNT,
        decimals=0,
        thresholds=steps(GREEN, (1, ORANGE)),
    )
    return [*found, (3, degraded), (3, available(tr)), (3, sight(tr))]


def available(tr: Translator) -> Panel:
    """Return the availability of the whole fleet."""
    return stat(
        tr("Availability, 24 h"),
        tr(
            "Up / (up + down) of all cameras over 24 hours (rule A4). Without corrections: the figures of "
            "each operator have them.",
        ),
        Query(queries.fleet_availability("24h")),
        unit=RATIO,
        decimals=2,
    )


def sight(tr: Translator) -> Panel:
    """Return whether camwatch is blind."""
    return stat(
        tr("Monitoring"),
        tr(
            "Blind: heartbeats cannot be received; the outages shown may be old. Missing: Prometheus "
            "cannot scrape camwatch.",
        ),
        Query("max(camwatch_blind) or vector(2)"),
        unit=COUNT,
        thresholds=steps(GREEN, *BAD_FROM_ONE),
        mappings=[
            values(
                ("0", tr("Yes"), GREEN),
                ("1", tr("Blind"), VERMILION),
                ("2", tr("Missing"), VERMILION),
            )
        ],
    )


def unwell(tr: Translator, chosen: str = "") -> Panel:
    """Return the recent status of the cameras that need attention."""
    return timeline(
        tr("Needs attention"),
        tr(
            "The {n} cameras that went down or became unknown last, and their status over the period.",
            n=SHOWN,
        ),
        Query(queries.timeline_of_unwell(SHOWN, chosen), "{{camera}}"),
        mappings=statuses(tr),
        no_value=tr("All is well"),
        points=POINTS,
    )


def zones(tr: Translator) -> Panel:
    """Return the number of cameras by status in each zone."""

    def count(status: str) -> str:
        is_so = f"{queries.CODE} == bool {CODES[status]}"
        return f"sum by (zone) ({queries.named(is_so)})"

    shown = ("down", "unknown", "maintenance", "up")
    return table(
        tr("By zone"),
        tr("Cameras of each zone, by status."),
        [count(status) for status in shown],
        [
            Column("zone", tr("District")),
            *(
                Column(
                    f"Value #{'ABCD'[index]}",
                    tr.counted(status),
                    COUNT,
                    0,
                    thresholds=None if status == "up" else steps("transparent", (1, STATUS[status])),
                    width=150 if status == "maintenance" else 95,
                )
                for index, status in enumerate(shown)
            ),
        ],
        sort=tr.counted("down"),
    )


def down(tr: Translator, chosen: str = "") -> Panel:
    """Return the cameras that are down, the most recent first."""
    newest = f"topk({LISTED}, {queries.since('down', chosen)})"
    # One operator's cameras need no operator column; the names of all contain the site.
    labels = "name, site, camera" if chosen else "name, zone, operator, camera"
    where = [
        Column("zone", tr("District"), width=150),
        Column("operator", tr("Operator"), link=to(tr, "operator"), width=170),
    ]
    if chosen:
        where = [Column("site", tr("Site"), width=170)]
    return table(
        tr("Cameras that are down"),
        tr(
            "The {n} cameras that went down last. “Since” is when it happened, not when it was detected.",
            n=LISTED,
        ),
        [f"max by ({labels}) ({queries.named(newest)}) * 1000"],
        [
            Column("Value", tr("Since"), DATE, width=175),
            Column("name", tr("Name")),
            *where,
            Column("camera", tr("Camera"), link=to(tr, "camera"), width=210),
        ],
        sort=tr("Since"),
        no_value=tr("No camera"),
    )


def incidents(tr: Translator) -> Panel:
    """Return the incidents that are open."""

    def of(kind: str) -> str:
        found = f"max by ({kind}) (camwatch_{kind}_incident) == 1"
        where = f'label_replace({found}, "where", "$1", "{kind}", "(.+)")'
        return f'label_replace({where}, "kind", "{kind}", "", "")'

    every = " or ".join(of(kind) for kind in ("link", "operator", "site"))
    return table(
        tr("Open incidents"),
        tr(
            "Cameras that went down together, for one cause (rules I1, I2).",
        ),
        [f"max by (kind, where) ({every})"],
        [
            Column(
                "kind",
                tr("Cause"),
                mappings=[
                    values(
                        ("link", tr("Link"), VERMILION),
                        ("operator", tr("Operator"), VERMILION),
                        ("site", tr("Site"), VERMILION),
                    )
                ],
                width=150,
            ),
            Column("where", tr("Location")),
        ],
        no_value=tr("No incident"),
    )


def course(tr: Translator, chosen: str = "") -> Panel:
    """Return the number of cameras that were not up, over time."""
    return series(
        tr("Cameras that are not up"),
        tr("Number by status, stacked."),
        *(
            Query(queries.cameras(status, chosen), tr.counted(status), STATUS[status])
            for status in ("down", "unknown", "maintenance")
        ),
        unit=COUNT,
        decimals=0,
        stacked=True,
    )


def operators(tr: Translator) -> Panel:
    """Return each operator in one row."""

    def count(status: str) -> str:
        return f'sum by (operator) (operator:camwatch_camera_status:count{{status="{status}"}})'

    return table(
        tr("Operators"),
        tr(
            "Click an operator to open its dashboard. “Budget left”: the share of the error budget that "
            "is left, over 30 days.",
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
            Column("operator", tr("Operator"), link=to(tr, "operator")),
            Column("Value #A", tr.counted("up"), COUNT, 0, width=95),
            Column(
                "Value #B",
                tr.counted("down"),
                COUNT,
                0,
                thresholds=steps("transparent", *BAD_FROM_ONE),
                width=95,
            ),
            Column("Value #C", tr("Avail. 24 h"), RATIO, 2, width=105),
            Column("Value #D", tr("Avail. 30 d"), RATIO, 2, width=105),
            Column("Value #E", tr("Objective"), RATIO, 1, width=90),
            Column("Value #F", tr("Budget left"), RATIO, 0, thresholds=BUDGET, width=100),
        ],
        sort=tr.counted("down"),
    )


BUDGET = steps(VERMILION, (0, ORANGE), (0.25, GREEN))
"""Thresholds of the share of the budget that is left."""


def to(tr: Translator, page: str) -> tuple[str, str]:
    """Return the link from a cell to the dashboard of the operator or the camera that the cell names."""
    title = tr("Open the dashboard")
    return title, f"/d/{tr.uid(page)}?var-{page}=${{__value.raw}}&${{__url_time_range}}"
