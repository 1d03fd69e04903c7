"""Panels with the same options on every dashboard: title, description, queries, unit.

A panel has no place until `board.lay_out` gives it one. Tables and numbers ask for one instant, all else for
a range.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from grafana_foundation_sdk.builders import common as build_common
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import geomap as build_map
from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.builders import stat as build_stat
from grafana_foundation_sdk.builders import statetimeline as build_timeline
from grafana_foundation_sdk.builders import table as build_table
from grafana_foundation_sdk.builders import timeseries as build_series
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common, dashboard, geomap
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE = common.DataSourceRef("prometheus", "camwatch-prometheus")
"""The datasource that `provisioning/datasources` sets up."""

COUNT = "short"
RATIO = "percentunit"
SECONDS = "s"
DATE = "dateTimeAsIso"
"""Milliseconds since 1970, shown as a date in the time zone of the browser."""
TEXT = "string"

Mappings = Sequence[dashboard.ValueMapping]


class Query(NamedTuple):
    """An expression, and the legend of its series."""

    expr: str
    legend: str = ""
    colour: str | None = None


class Column(NamedTuple):
    """A column of a table: a label or a `Value`, its head, and how its cells are shown."""

    field: str
    head: str
    unit: str = TEXT
    decimals: int | None = None
    mappings: Mappings = ()
    thresholds: build.ThresholdsConfig | None = None
    link: tuple[str, str] | None = None
    """Title and address of the link of a cell."""
    width: int | None = None
    hidden: bool = False
    """Whether it is left out of the tooltip of a map."""
    span: tuple[float, float] | None = None
    """The range of values that sizes scale with."""


class Dots(NamedTuple):
    """The heads of the columns that give the position, the mark and the size of a dot on a map."""

    latitude: str
    longitude: str
    mark: str
    """Gives the colour, and the text beside the dot; no value gives no text and the lowest colour."""
    colour: str
    """The colour of dots without a mark."""
    size: str
    radii: tuple[float, float]
    """Pixels, at the ends of the range of `size`."""


def stat(
    title: str,
    description: str,
    query: Query,
    *,
    unit: str,
    decimals: int | None = None,
    thresholds: build.ThresholdsConfig | None = None,
    mappings: Mappings = (),
    no_value: str = "–",
    spark: bool = False,
) -> dashboard.Panel:
    """Return a single number on the colour of its threshold; `spark` draws a graph behind it."""
    panel = (
        build_stat.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .no_value(no_value)
        .mappings(list(mappings))
        .reduce_options(build_common.ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields(""))
        .color_mode(
            common.BigValueColorMode.BACKGROUND_SOLID if thresholds else common.BigValueColorMode.NONE
        )
        .graph_mode(common.BigValueGraphMode.AREA if spark else common.BigValueGraphMode.NONE)
        .justify_mode(common.BigValueJustifyMode.CENTER)
        .text_mode(common.BigValueTextMode.VALUE)
        .color_scheme(build.FieldColor().mode(dashboard.FieldColorModeId.THRESHOLDS))
    )
    if thresholds:
        panel.thresholds(thresholds)
    if decimals is not None:
        panel.decimals(decimals)
    return _asking(panel.build(), [query], instant=not spark)


def series(
    title: str,
    description: str,
    *queries: Query,
    unit: str,
    names: Mapping[str, tuple[str, str | None]] | None = None,
    stacked: bool = False,
    steps: bool = False,
    low: float | None = 0,
    high: float | None = None,
    decimals: int | None = None,
    no_value: str = "–",
) -> dashboard.Panel:
    """Return curves. `names` gives series (by legend) another name and a colour; `steps` suits counts."""
    panel = (
        build_series.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .no_value(no_value)
        .line_width(2)
        .fill_opacity(70 if stacked else 0)
        .show_points(common.VisibilityMode.NEVER)
        .legend(
            build_common.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.TABLE)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs(["lastNotNull", "max"])
        )
        .tooltip(build_common.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI))
        .color_scheme(build.FieldColor().mode(dashboard.FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
    )
    if steps or stacked:
        panel.line_interpolation(common.LineInterpolation.STEP_AFTER)
    if stacked:
        panel.stacking(build_common.StackingConfig().mode(common.StackingMode.NORMAL).group("A"))
    if low is not None:
        panel.min(low)
    if high is not None:
        panel.max(high)
    if decimals is not None:
        panel.decimals(decimals)
    for query in queries:
        if query.colour:
            panel.override_by_name(query.legend, [_fixed(query.colour)])
    for legend, (name, colour) in (names or {}).items():
        found = [dashboard.DynamicConfigValue(id_val="displayName", value=name)]
        panel.override_by_name(legend, [*found, _fixed(colour)] if colour else found)
    return _asking(panel.build(), queries)


def timeline(
    title: str,
    description: str,
    *queries: Query,
    mappings: Mappings,
    names: Mapping[str, str] | None = None,
    no_value: str = "–",
    points: int | None = None,
) -> dashboard.Panel:
    """Return states over time, a row for each series; `points` limits the instants that are queried."""
    panel = (
        build_timeline.Panel()
        .title(title)
        .description(description)
        .unit(TEXT)
        .no_value(no_value)
        .mappings(list(mappings))
        .show_value(common.VisibilityMode.NEVER)
        .merge_values(True)
        .row_height(0.85)
        .line_width(0)
        .fill_opacity(90)
        .legend(
            build_common.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.LIST)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(build_common.VizTooltipOptions().mode(common.TooltipDisplayMode.SINGLE))
        .color_scheme(build.FieldColor().mode(dashboard.FieldColorModeId.THRESHOLDS))
    )
    if points is not None:
        panel.max_data_points(points)
    for legend, name in (names or {}).items():
        panel.override_by_name(legend, [dashboard.DynamicConfigValue(id_val="displayName", value=name)])
    return _asking(panel.build(), queries)


def table(
    title: str,
    description: str,
    queries: Sequence[str],
    columns: Sequence[Column],
    *,
    sort: str | None = None,
    no_value: str = "–",
) -> dashboard.Panel:
    """Return a table: the queries' rows joined by their labels, in these columns and no others.

    A query's number is the field `Value`, or with several queries `Value #A`, `Value #B` … in their order.
    `sort` is the head of the column to sort by, falling.
    """
    panel = (
        build_table.Panel()
        .title(title)
        .description(description)
        .unit(TEXT)
        .no_value(no_value)
        .show_header(True)
    )
    panel.color_scheme(build.FieldColor().mode(dashboard.FieldColorModeId.THRESHOLDS))
    for column in columns:
        panel.override_by_name(column.head, _shown(column))
    if sort is not None:
        panel.sort_by([build_common.TableSortByFieldState().display_name(sort).desc(True)])
    built = _tabled(panel.build(), queries)
    built.transformations = [_step("merge"), _organized(queries, columns)]
    return built


def places(
    title: str, description: str, queries: Sequence[str], columns: Sequence[Column], dots: Dots
) -> dashboard.Panel:
    """Return a map with a dot for each row, as `table` makes rows; the biggest on top.

    The columns are the lines of a dot's tooltip. Coordinates are labels, so they are made numbers first.
    """
    panel = build_map.Panel().title(title).description(description).unit(TEXT)
    # The map shows the sites, not the world; `zoom` limits it to a few streets across.
    panel.view(build_map.MapViewConfig().id(geomap.MapCenterID.FIT).all_layers(True).padding(10).zoom(15))
    panel.controls(
        # The wheel scrolls the dashboard.
        build_map.ControlsOptions().show_zoom(True).mouse_wheel_zoom(False).show_attribution(True)
    )
    panel.basemap(build_common.MapLayerOptions().type("default").name("basemap").config({}))
    panel.layers([_markers(dots)])
    panel.tooltip(build_map.TooltipOptions().mode(geomap.TooltipMode.DETAILS))
    panel.color_scheme(build.FieldColor().mode(dashboard.FieldColorModeId.THRESHOLDS))
    for column in columns:
        panel.override_by_name(column.head, _shown(column))
    built = _tabled(panel.build(), queries)
    located = [column.field for column in columns if column.head in (dots.latitude, dots.longitude)]
    conversions = [{"targetField": field, "destinationType": "number"} for field in located]
    built.transformations = [
        _step("merge"),
        _step("convertFieldType", fields={}, conversions=conversions),
        _organized(queries, columns),
        _step("sortBy", fields={}, sort=[{"field": dots.size, "desc": False}]),
    ]
    return built


def _markers(dots: Dots) -> build_common.MapLayerOptions:
    smallest, biggest = dots.radii
    style = {
        "color": {"field": dots.mark, "fixed": dots.colour},
        "opacity": 0.7,
        "size": {"field": dots.size, "fixed": smallest, "min": smallest, "max": biggest},
        "symbol": {"mode": "fixed", "fixed": "img/icons/marker/circle.svg"},
        # Grafana writes it in the colour of the dot, so it is placed beside the dot.
        "text": {"mode": "field", "field": dots.mark, "fixed": ""},
        "textConfig": {
            "fontSize": 14,
            "textAlign": "left",
            "textBaseline": "middle",
            "offsetX": biggest + 3,
            "offsetY": 0,
        },
    }
    where = build_common.FrameGeometrySource().mode(common.FrameGeometrySourceMode.COORDS)
    where = where.latitude(dots.latitude).longitude(dots.longitude)
    layer = build_common.MapLayerOptions().type("markers").name("dots").location(where).tooltip(True)
    return layer.config({"showLegend": False, "style": style})


def _tabled(panel: dashboard.Panel, queries: Sequence[str]) -> dashboard.Panel:
    asked = [Query(expr) for expr in queries]
    return _asking(panel, asked, instant=True, form=PromQueryFormat.TABLE)


def _step(kind: str, **options: object) -> dashboard.DataTransformerConfig:
    return dashboard.DataTransformerConfig(id_val=kind, options=options)


def _organized(queries: Sequence[str], columns: Sequence[Column]) -> dashboard.DataTransformerConfig:
    values = ["Value"] if len(queries) == 1 else [f"Value #{_ref(index)}" for index in range(len(queries))]
    fields = {column.field for column in columns}
    return _step(
        "organize",
        excludeByName={name: True for name in ("Time", *values) if name not in fields},
        indexByName={column.field: index for index, column in enumerate(columns)},
        renameByName={column.field: column.head for column in columns},
    )


def _shown(column: Column) -> list[dashboard.DynamicConfigValue]:
    def value(name: str, given: object) -> dashboard.DynamicConfigValue:
        return dashboard.DynamicConfigValue(id_val=name, value=given)

    found = [value("unit", column.unit)]
    if column.decimals is not None:
        found.append(value("decimals", column.decimals))
    if column.mappings:
        found.append(value("mappings", _plain(list(column.mappings))))
    if column.thresholds:
        found.append(value("thresholds", _plain(column.thresholds.build())))
    if column.span:
        found += [value("min", column.span[0]), value("max", column.span[1])]
    if column.hidden:
        found.append(value("custom.hideFrom", {"tooltip": True, "viz": False, "legend": False}))
    elif column.thresholds or column.mappings:
        found.append(value("custom.cellOptions", {"type": "color-background", "mode": "basic"}))
    if column.link:
        title, url = column.link
        found.append(value("links", [{"title": title, "url": url}]))
    if column.width:
        found.append(value("custom.width", column.width))
    return found


def _plain(made: object) -> Any:
    # An override's value is any JSON: the SDK reads it back as such.
    return json.loads(json.dumps(made, cls=JSONEncoder))


def _fixed(colour: str) -> dashboard.DynamicConfigValue:
    return dashboard.DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": colour})


def _ref(index: int) -> str:
    return chr(ord("A") + index)


def _asking(
    panel: dashboard.Panel,
    queries: Sequence[Query],
    *,
    instant: bool = False,
    form: PromQueryFormat = PromQueryFormat.TIME_SERIES,
) -> dashboard.Panel:
    panel.datasource = SOURCE
    panel.targets = []
    for index, query in enumerate(queries):
        asked = prometheus.Dataquery().datasource(SOURCE).ref_id(_ref(index)).expr(query.expr).format(form)
        asked = asked.legend_format(query.legend or "__auto")
        panel.targets.append((asked.instant() if instant else asked.range()).build())
    return panel
