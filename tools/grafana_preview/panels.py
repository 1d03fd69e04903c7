"""Draws a dashboard as one page of HTML: the grid, and each kind of panel about as Grafana would."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import ceil
from zlib import crc32

from tools.grafana_preview.geomap import STYLE, drawn
from tools.grafana_preview.prometheus_client import Asked, Json, Series, rows
from tools.grafana_preview.units import settings, show, written

WIDTH = 1600
_CELL, _GAP = 30, 8
_LINES = ("#73BF69", "#F2CC0C", "#8AB8FF", "#FF780A", "#B877D9", "#5794F2", "#FADE2A", "#FF9830")

_STYLE = """
body { margin: 0; background: #111217; color: #ccccdc; font: 13px Inter, "DejaVu Sans", sans-serif; }
header { padding: 12px 16px; height: 56px; box-sizing: border-box; font-size: 20px; }
header small { font-size: 12px; color: #9fa7b3; margin-left: 14px; }
.panel { position: absolute; box-sizing: border-box; background: #181b1f; border: 1px solid #2a2d33;
  overflow: hidden; }
.panel h2 { font-size: 13px; font-weight: 600; margin: 6px 8px 4px; white-space: nowrap; overflow: hidden;
  text-overflow: ellipsis; height: 18px; }
.row { position: absolute; font-weight: 600; font-size: 15px; padding: 4px; }
.stat { position: absolute; inset: 0; top: 28px; display: flex; align-items: center; justify-content: center;
  font-weight: 600; text-align: center; }
.coloured { color: #fff; }
table { border-collapse: collapse; width: 100%; table-layout: fixed; }
th { text-align: left; color: #6e9fff; font-weight: 600; }
th, td { padding: 4px 8px; border-bottom: 1px solid #25272c; white-space: nowrap; overflow: hidden;
  text-overflow: ellipsis; height: 20px; }
.number { text-align: right; }
a { color: #6e9fff; }
.legend { position: absolute; left: 8px; right: 8px; bottom: 4px; font-size: 12px; }
.legend i { display: inline-block; width: 14px; height: 4px; margin-right: 6px; vertical-align: middle; }
.none { text-align: center; padding-top: 30px; color: #9fa7b3; }
svg text { fill: #9fa7b3; font-size: 11px; }
"""


def page(board: Json, answers: dict[int, list[list[Series]]], asked: Asked) -> str:
    """Return the HTML of a dashboard with these answers, by the ids of its panels."""
    choices = " · ".join(f"{name}: {value}" for name, value in asked.variables.items())
    links = " | ".join(link["title"] for link in board["links"])
    parts = [
        f"<!doctype html><meta charset=utf-8><style>{_STYLE}{STYLE}</style>",
        f"<header>{escape(board['title'])}<small>{escape(choices)}</small><small>{escape(links)}</small></header>",
    ]
    parts += [_placed(panel, answers.get(panel["id"], []), asked) for panel in board["panels"]]
    return "".join(parts)


def height(board: Json) -> int:
    """Return how many pixels high a dashboard is."""
    rows_: int = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"])
    return 60 + rows_ * (_CELL + _GAP)


def _placed(panel: Json, answers: list[list[Series]], asked: Asked) -> str:
    place = panel["gridPos"]
    unit = WIDTH / 24
    wide, high = place["w"] * unit - _GAP, place["h"] * (_CELL + _GAP) - _GAP
    where = f"left:{place['x'] * unit + 4}px;top:{60 + place['y'] * (_CELL + _GAP)}px;"
    where += f"width:{wide}px;height:{high}px"
    if panel["type"] == "row":
        return f'<div class=row style="{where}">▾ {escape(panel["title"])}</div>'
    inside = _DRAWN[panel["type"]](panel, answers, asked, (wide, high))
    return f'<div class=panel style="{where}"><h2>{escape(panel["title"])}</h2>{inside}</div>'


def _stat(panel: Json, answers: list[list[Series]], _: Asked, size: tuple[float, float]) -> str:
    series = [one for answer in answers for one in answer]
    how = settings(panel)
    shown = show(series[0].points[-1][1] if series else None, how)
    solid = panel["options"]["colorMode"] == "background_solid" and shown.colour
    letters = min((size[1] - 34) * 0.6, size[0] * 1.5 / max(len(shown.text), 3))
    style = f"font-size:{letters:.0f}px;" + (f"background:{shown.colour}" if solid else "")
    return f'<div class="stat{" coloured" if solid else ""}" style="{style}">{escape(shown.text)}</div>'


def _table(panel: Json, answers: list[list[Series]], _: Asked, size: tuple[float, float]) -> str:
    heads, table = rows(panel, answers)
    if not table:
        return _nothing(panel)
    hows = {head: settings(panel, head) for head in heads}
    widths = "".join(
        f'<col style="width:{how["custom.width"]}px">' if "custom.width" in how else "<col>"
        for how in hows.values()
    )
    text = f"<table>{widths}<tr>" + "".join(f"<th{_side(table[0][head])}>{escape(head)}" for head in heads)
    for row in table[: int(size[1] / 28)]:
        text += "<tr>"
        for head in heads:
            shown = show(row[head], hows[head])
            colour = shown.colour if "custom.cellOptions" in hows[head] else None
            words = f"<a>{escape(shown.text)}</a>" if "links" in hows[head] else escape(shown.text)
            style = f"background:{colour};color:#fff" if colour and colour != "transparent" else ""
            text += f'<td{_side(row[head])} style="{style}">{words}'
    return text + "</table>"


def _side(value: object) -> str:
    return " class=number" if isinstance(value, float) else ""


def _curves(panel: Json, answers: list[list[Series]], asked: Asked, size: tuple[float, float]) -> str:
    series = [one for answer in answers for one in answer if one.points]
    if not series:
        return _nothing(panel)
    hows = [settings(panel, one.name) for one in series]
    stacked = hows[0].get("custom", {}).get("stacking", {}).get("mode") == "normal"
    curves = _stacked(series) if stacked else [list(one.points) for one in series]
    values = [value for curve in curves for _, value in curve]
    low = min([*values, *([hows[0]["min"]] if "min" in hows[0] else [])])
    high = max([*values, *([hows[0]["max"]] if "max" in hows[0] else [])])
    high = high if high > low else low + 1
    if hows[0].get("decimals") == 0 and hows[0].get("unit") == "short":
        high = low + 4 * ceil((high - low) / 4)  # counts have whole lines
    wide, tall = size[0] - 105, size[1] - 60 - 18 * (len(series) + 1)
    text = f'<svg width="{size[0]}" height="{tall + 30}">'
    for part in range(5):
        y = 8 + tall * part / 4
        value = high - (high - low) * part / 4
        text += f'<line x1="90" x2="{90 + wide}" y1="{y}" y2="{y}" stroke="#2a2d33"/>'
        label = escape(written(float(value), hows[0].get("unit", ""), hows[0].get("decimals")))
        text += f'<text x="85" y="{y + 4}" text-anchor="end">{label}</text>'
    for one, curve, how in reversed(list(zip(series, curves, hows, strict=True))):
        points = [
            (90 + wide * (1 - (asked.end - when) / asked.length_s), 8 + tall * (high - value) / (high - low))
            for when, value in curve
        ]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        colour = _colour(one, how)
        if stacked:
            line = f"{points[0][0]:.1f},{8 + tall} {line} {points[-1][0]:.1f},{8 + tall}"
        fill = colour if stacked else "none"
        text += f'<polyline points="{line}" fill="{fill}" stroke="{colour}" stroke-width="2"/>'
    return text + "</svg>" + _legend(series, hows)


def _legend(series: Sequence[Series], hows: Sequence[Json]) -> str:
    text = "<div class=legend>"
    for one, how in zip(series, hows, strict=True):
        last = show(one.points[-1][1], {**how, "mappings": []}).text
        most = show(max(value for _, value in one.points), {**how, "mappings": []}).text
        name = escape(how.get("displayName", one.name))
        text += f'<div><i style="background:{_colour(one, how)}"></i>{name}: {last} (max {most})</div>'
    return text + "</div>"


def _states(panel: Json, answers: list[list[Series]], asked: Asked, size: tuple[float, float]) -> str:
    series = [one for answer in answers for one in answer if one.points]
    if not series:
        return _nothing(panel)
    left, wide = 190, size[0] - 200
    tall = (size[1] - 64) / len(series)
    text = f'<svg width="{size[0]}" height="{size[1] - 56}">'
    seen: dict[str, str | None] = {}
    for index, one in enumerate(series):
        how = settings(panel, one.name)
        y = index * tall
        name = escape(how.get("displayName", one.name))
        text += f'<text x="{left - 8}" y="{y + tall / 2 + 4}" text-anchor="end">{name}</text>'
        for when, value in one.points:
            shown = show(value, how)
            seen[shown.text] = shown.colour
            x = left + wide * (1 - (asked.end - when) / asked.length_s)
            step = wide * max(asked.step_s / asked.length_s, 1 / panel.get("maxDataPoints", 1e9)) + 0.5
            step = min(step, left + wide - x)
            box = f'x="{x:.1f}" y="{y + tall * 0.1:.1f}" width="{max(step, 0):.1f}" height="{tall * 0.8:.1f}"'
            text += f'<rect {box} fill="{shown.colour}"/>'
    legend = " ".join(f'<i style="background:{colour}"></i>{escape(name)}' for name, colour in seen.items())
    return f"{text}</svg><div class=legend>{legend}</div>"


def _dots(panel: Json, answers: list[list[Series]], _: Asked, size: tuple[float, float]) -> str:
    return drawn(panel, *rows(panel, answers), (size[0], size[1] - 30))


_DRAWN = {
    "stat": _stat,
    "table": _table,
    "timeseries": _curves,
    "state-timeline": _states,
    "geomap": _dots,
}
"""What draws each kind of panel."""


def _stacked(series: Sequence[Series]) -> list[list[tuple[float, float]]]:
    below: dict[float, float] = {}
    curves = []
    for one in series:
        curve = [(when, below.get(when, 0.0) + value) for when, value in one.points]
        below |= dict(curve)
        curves.append(curve)
    return curves


def _colour(one: Series, how: Json) -> str:
    colour = how.get("color") or {}
    return str(colour.get("fixedColor") or _LINES[crc32(one.name.encode()) % len(_LINES)])


def _nothing(panel: Json) -> str:
    return f"<div class=none>{escape(panel['fieldConfig']['defaults'].get('noValue') or 'No data')}</div>"
