"""How a value looks: its unit, its mapping, its colour, by the rules of a panel's field configuration."""

from __future__ import annotations

from datetime import UTC, datetime
from math import isnan
from typing import Any, NamedTuple

from tools.grafana_preview.prometheus_client import Json

_BIG = ((1e9, " G"), (1e6, " M"), (1e3, " k"))
_TIMES = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))


class Shown(NamedTuple):
    """A value as it is seen."""

    text: str
    colour: str | None


def settings(panel: Json, *names: str) -> Json:
    """Return the settings of a field with any of these names: the panel's, and what overrides say."""
    found: Json = dict(panel["fieldConfig"]["defaults"])
    for override in panel["fieldConfig"]["overrides"]:
        if override["matcher"]["id"] != "byName":
            raise ValueError(f"not understood: {override['matcher']}")
        if override["matcher"]["options"] in names:
            found |= {one["id"]: one["value"] for one in override["properties"]}
    return found


def show(value: Any, how: Json) -> Shown:
    """Return the text of a value, and the colour that its mapping or threshold gives it."""
    if value is None or value == "":
        return Shown(how.get("noValue", "–") if value is None else "", None)
    for mapping in how.get("mappings") or ():
        key = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
        if meaning := mapping["options"].get(key):
            return Shown(meaning["text"], meaning.get("color"))
    colour = None
    if isinstance(value, float):
        for step in (how.get("thresholds") or {}).get("steps", ()):
            if step["value"] is None or value >= step["value"]:
                colour = step["color"]
    return Shown(written(value, how.get("unit", ""), how.get("decimals")), colour)


def written(value: Any, unit: str, decimals: float | None) -> str:
    """Return a value with its unit, about as Grafana writes it."""
    if not isinstance(value, float):
        return str(value)
    if isnan(value):
        return "NaN"
    digits = None if decimals is None else round(decimals)
    if unit == "dateTimeAsIso":
        return datetime.fromtimestamp(value / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    if unit == "percentunit":
        return f"{value * 100:.{1 if digits is None else digits}f} %"
    if unit == "s":
        return _seconds(value, 1 if digits is None else digits)
    if unit in ("bps", "Bps", "bytes"):
        return _scaled(value, {"bps": "b/s", "Bps": "B/s", "bytes": "B"}[unit])
    tail = {"celsius": " °C", "short": "", "string": ""}.get(unit)
    if tail is None:
        if not unit.startswith("suffix:"):
            raise ValueError(f"not understood: the unit {unit}")
        tail = " " + unit.removeprefix("suffix:").strip()
    places = digits if digits is not None else (0 if value.is_integer() else 2)
    return f"{value:.{places}f}{tail}"


def _seconds(value: float, digits: int) -> str:
    if abs(value) < 1:
        return f"{value * 1000:.0f} ms"
    size, name = next((size, name) for size, name in _TIMES if abs(value) >= size)
    return f"{value / size:.{digits}f} {name}"


def _scaled(value: float, unit: str) -> str:
    for size, name in _BIG:
        if abs(value) >= size:
            return f"{value / size:.2f}{name}{unit}"
    return f"{value:.0f} {unit}"
