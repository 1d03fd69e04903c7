"""Draws a map: a dot for each row at its place, its mark beside it, and the tooltip of the worst.

There is no base map: Grafana's comes from the internet.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import asinh, pi, radians, tan
from typing import NamedTuple

from tools.grafana_preview.prometheus_client import Json, Row
from tools.grafana_preview.units import settings, show

STYLE = """
.map { background: #111217; display: block; }
.map text { font-size: 14px; font-weight: 600; }
.tip { position: absolute; bottom: 8px; right: 8px; padding: 6px 10px; background: #22252b;
  font-size: 12px; }
"""
_GLOBE_PX = 256
"""The width of the whole world at zoom 0."""


class _View(NamedTuple):
    """Where a map looks: the middle in parts of the world's width, and pixels for that width."""

    x: float
    y: float
    scale: float


def drawn(panel: Json, heads: Sequence[str], table: Sequence[Row], size: tuple[float, float]) -> str:
    """Return the HTML of a map of one layer of markers."""
    layer = _layer(panel)
    where = layer["location"]
    spots = [
        (_mercator(row[where["latitude"]], row[where["longitude"]]), row)
        for row in table
        if row[where["latitude"]] is not None
    ]
    wide, high = size
    view = _fitted([spot for spot, _ in spots], panel["options"]["view"], size)
    style = layer["config"]["style"]
    dots, marks = "", ""
    for (x, y), row in spots:
        at = wide / 2 + (x - view.x) * view.scale, high / 2 + (y - view.y) * view.scale
        dot, mark = _dot(panel, style, row, at, "\n".join(_tip(panel, heads, row)))
        dots, marks = dots + dot, marks + mark
    worst = [row for _, row in spots if row.get(style["color"]["field"])][-1:]
    tip = "".join(
        f"<div class=tip>{'<br>'.join(map(escape, _tip(panel, heads, row)))}</div>" for row in worst
    )
    return f'<svg class=map width="{wide:.0f}" height="{high:.0f}">{dots}{marks}</svg>{tip}'


def _layer(panel: Json) -> Json:
    options = panel["options"]
    (layer,) = options["layers"]
    if layer["type"] != "markers" or layer["location"]["mode"] != "coords" or layer["config"]["showLegend"]:
        raise ValueError(f"not understood: {layer}")
    if options["view"]["id"] != "fit":
        raise ValueError(f"not understood: {options['view']}")
    return dict(layer)


def _mercator(latitude: float, longitude: float) -> tuple[float, float]:
    """Return a place on the web's usual map, from its upper left corner, in parts of the world's width."""
    return (longitude + 180) / 360, 0.5 - asinh(tan(radians(latitude))) / (2 * pi)


def _fitted(spots: Sequence[tuple[float, float]], view: Json, size: tuple[float, float]) -> _View:
    nearest = _GLOBE_PX * 2.0 ** view["zoom"]
    if not spots:
        return _View(0.5, 0.5, _GLOBE_PX)
    xs, ys = zip(*spots, strict=True)
    spread = max((max(xs) - min(xs)) / size[0], (max(ys) - min(ys)) / size[1]) * (1 + view["padding"] / 100)
    scale = min(nearest, 1 / spread) if spread else nearest
    return _View((max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2, scale)


def _dot(panel: Json, style: Json, row: Row, at: tuple[float, float], tip: str) -> tuple[str, str]:
    """Return a circle and the text beside it."""
    shown = show(
        row.get(style["color"]["field"]), {**settings(panel, style["color"]["field"]), "noValue": ""}
    )
    colour = shown.colour or _plain(panel, style["color"], row)
    grows = settings(panel, style["size"]["field"])
    part = (row[style["size"]["field"]] - grows["min"]) / (grows["max"] - grows["min"])
    low, high = style["size"]["min"], style["size"]["max"]
    radius = low + min(1.0, max(0.0, part)) * (high - low)
    beside, letters = style["textConfig"]["offsetX"], style["textConfig"]["fontSize"]
    circle = f'cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="{radius:.1f}" stroke="{colour}" fill="{colour}"'
    place = f'x="{at[0] + beside:.1f}" y="{at[1] + letters / 3:.1f}"'
    return (
        f'<circle {circle} fill-opacity="{style["opacity"]}"><title>{escape(tip)}</title></circle>',
        f'<text {place} style="fill:{colour}">{escape(shown.text)}</text>' if shown.text else "",
    )


def _plain(panel: Json, colour: Json, row: Row) -> str:
    """Return the colour of a dot that has no mark: as Grafana, the layer's own if no dot has one."""
    lowest, *_ = settings(panel, colour["field"])["thresholds"]["steps"]
    return str(lowest["color"] if colour["field"] in row else colour["fixed"])


def _tip(panel: Json, heads: Sequence[str], row: Row) -> list[str]:
    """Return the lines of a tooltip: every column but those hidden from it."""
    hows = {head: settings(panel, head) for head in heads}
    shown = {head: how for head, how in hows.items() if not how.get("custom.hideFrom", {}).get("tooltip")}
    return [f"{head}: {show(row[head], how).text}" for head, how in shown.items()]
