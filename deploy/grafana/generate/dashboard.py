"""Composes panels to a dashboard: positions in the grid, ids, links to the other dashboards.

Every panel gets its place and its id here: the SDK's own layout runs over the edge of the grid.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard

from camwatch.i18n import N_
from deploy.grafana.generate.i18n import LANGUAGES, Translator
from deploy.grafana.generate.panels import SOURCE

GRID = 24
"""Columns of Grafana's grid."""

TITLES = {
    "fleet": N_("Camera fleet"),
    "operator": N_("Operator"),
    "camera": N_("Camera"),
    "levels": N_("Service levels"),
    "daemon": N_("The camwatch daemon"),
}
"""The dashboards, in the order of their links."""


class Heading(NamedTuple):
    """A heading over a group of panels."""

    text: str


class Band(NamedTuple):
    """Panels side by side: their height, and the width of each."""

    height: int
    panels: Sequence[tuple[int, dashboard.Panel]]


Parts: TypeAlias = Sequence[Heading | Band]
Placed: TypeAlias = dashboard.Panel | dashboard.RowPanel


def lay_out(parts: Parts) -> list[Placed]:
    """Set the position and id of each panel, from the top down. Raises ValueError if a band is too wide."""
    placed: list[Placed] = []
    y = 0
    for part in parts:
        if isinstance(part, Heading):
            place = dashboard.GridPos(h=1, w=GRID, x=0, y=y)
            placed.append(dashboard.RowPanel(title=part.text, grid_pos=place, id_val=len(placed) + 1))
            y += 1
            continue
        x = 0
        for width, panel in part.panels:
            panel.grid_pos = dashboard.GridPos(h=part.height, w=width, x=x, y=y)
            panel.id_val = len(placed) + 1
            placed.append(panel)
            x += width
        if x > GRID:
            raise ValueError(f"a band is {x} columns wide: {[panel.title for _, panel in part.panels]}")
        y += part.height
    return placed


def board(
    tr: Translator,
    page: str,
    description: str,
    parts: Parts,
    variables: Sequence[build.QueryVariable] = (),
    *,
    since: str = "now-6h",
    refresh: str = "30s",
) -> dashboard.Dashboard:
    """Return a dashboard with its links to all others and to itself in the other languages."""
    made = (
        build.Dashboard(tr(TITLES[page]))
        .uid(tr.uid(page))
        .description(description)
        .tags(["camwatch", tr.lang])
        .timezone("browser")
        .week_start("monday")
        .time(since, "now")
        .refresh(refresh)
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .editable()
    )
    made.variables(list(variables))
    for other, title in TITLES.items():
        if other != page:
            made.link(_link(tr(title), tr.uid(other)))
    for lang in LANGUAGES:
        if lang != tr.lang:
            other_language = Translator(lang)
            made.link(_link(other_language.name, other_language.uid(page)).include_vars(True))
    built = made.build()
    built.panels = lay_out(parts)
    return built


def _link(title: str, uid: str) -> build.DashboardLink:
    kind = dashboard.DashboardLinkType.LINK
    return build.DashboardLink(title).type(kind).icon("dashboard").url(f"/d/{uid}").keep_time(True)


def variable(name: str, label: str, query: str, *, regex: str = "") -> build.QueryVariable:
    """Return a variable that a query (`label_values(…)` or `query_result(…)`) fills on loading."""
    kind = 1 if query.startswith("label_values") else 3  # as Grafana's editor of variables numbers them
    made = (
        build.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query({"qryType": kind, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"})
        .definition(query)
        .refresh(dashboard.VariableRefresh.ON_DASHBOARD_LOAD)
        .sort(dashboard.VariableSort.ALPHABETICAL_CASE_INSENSITIVE_ASC)
    )
    return made.regex(regex) if regex else made


def text(made: dashboard.Dashboard) -> str:
    """Return the JSON of a dashboard; deterministic."""
    return json.dumps(made, cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
