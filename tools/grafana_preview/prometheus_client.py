"""Asks Prometheus what a dashboard asks, as Grafana would: variables, macros, legends, transformations.

Only what our dashboards use is understood; anything else is an error, so that nothing is drawn that is
not there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeAlias

import httpx

Json: TypeAlias = dict[str, Any]
Row: TypeAlias = dict[str, Any]


class Series(NamedTuple):
    """One series of an answer."""

    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]
    """Unix seconds and value."""
    name: str = ""
    """What its legend is."""


@dataclass
class Asked:
    """When, how densely and with which variables a dashboard asks."""

    end: float
    length_s: float
    step_s: float
    variables: dict[str, str] = field(default_factory=dict)

    def expand(self, text: str) -> str:
        """Replace variables and macros, as Grafana does before it asks."""
        known = {
            **self.variables,
            "__range": f"{round(self.length_s)}s",
            # At least four scrapes (Grafana's rule), so that a rate has something to see.
            "__rate_interval": f"{max(4, round(4 * self.step_s))}s",
        }

        def value(match: re.Match[str]) -> str:
            name = match[1] or match[2]
            if name not in known:
                raise ValueError(f"${name} has no value in: {text}")
            return known[name]

        return re.sub(r"\$(?:\{(\w+)\}|([A-Za-z_]\w*))", value, text)


class Prometheus:
    """A Prometheus at this address."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, trust_env=False, timeout=30)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def data(self, path: str, **parameters: str | float) -> Any:
        """Return the `data` of an answer; a refused query is an error with Prometheus's words."""
        answer = self._http.get(f"/api/v1/{path}", params=parameters).json()
        if answer["status"] != "success":
            raise ValueError(f"{answer['error']}: {parameters}")
        return answer["data"]

    def instant(self, expr: str, at: float) -> list[Series]:
        """Return the value of each series at an instant."""
        found = self.data("query", query=expr, time=at)
        return [Series(one["metric"], [_point(one["value"])]) for one in found["result"]]

    def range(self, expr: str, asked: Asked) -> list[Series]:
        """Return the values of each series over the range."""
        found = self.data(
            "query_range", query=expr, start=asked.end - asked.length_s, end=asked.end, step=asked.step_s
        )
        # What is not a number is a hole in a curve.
        return [
            Series(one["metric"], [_point(pair) for pair in one["values"] if pair[1] != "NaN"])
            for one in found["result"]
        ]

    def options(self, variable: Json, asked: Asked) -> list[tuple[str, str]]:
        """Return text and value of each option of a variable."""
        query = asked.expand(variable["query"]["query"])
        if match := re.fullmatch(r"label_values\((\w+), (\w+)\)", query):
            values = self.data(f"label/{match[2]}/values", **{"match[]": match[1]})
            return [(value, value) for value in values]
        if match := re.fullmatch(r"query_result\((.*)\)", query):
            rows = (_told(series) for series in self.instant(match[1], asked.end))
            pattern = re.compile(variable["regex"].strip("/").replace("(?<", "(?P<"))
            found = (pattern.search(row) for row in rows)
            return sorted((one["text"], one["value"]) for one in found if one)
        raise ValueError(f"not understood: {query}")

    def answers(self, panel: Json, asked: Asked) -> list[list[Series]]:
        """Return the series of each query of a panel, named by its legend."""
        most = panel.get("maxDataPoints")
        if most is not None:
            asked = replace(asked, step_s=max(asked.step_s, asked.length_s / most))
        return [self._answer(target, asked) for target in panel["targets"]]

    def _answer(self, target: Json, asked: Asked) -> list[Series]:
        expr = asked.expand(target["expr"])
        found = self.instant(expr, asked.end) if target["instant"] else self.range(expr, asked)
        return [one._replace(name=legend(target["legendFormat"], one.labels)) for one in found]


def legend(form: str, labels: Mapping[str, str]) -> str:
    """Return what Grafana calls a series."""
    if form == "__auto":
        return ", ".join(f'{name}="{value}"' for name, value in labels.items()) or "Value"
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda match: labels.get(match[1], ""), form)


def rows(panel: Json, answers: Sequence[Sequence[Series]]) -> tuple[list[str], list[Row]]:
    """Return a table's heads and rows, after its transformations (`merge` first) and in its order."""
    kinds = [step["id"] for step in panel.get("transformations", ())]
    if kinds[:1] != ["merge"] or not set(kinds[1:]) <= set(_STEPS):
        raise ValueError(f"not understood: {kinds}")
    heads, table = _merged(answers)
    for step in panel["transformations"][1:]:
        heads, table = _STEPS[step["id"]](heads, table, step["options"])
    for order in panel["options"].get("sortBy", ()):
        table.sort(key=lambda row: _rank(row.get(order["displayName"])), reverse=order["desc"])
    return heads, table


def panels(board: Json) -> Iterable[Json]:
    """Return the panels that ask something."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def _merged(answers: Sequence[Sequence[Series]]) -> tuple[list[str], list[Row]]:
    merged: dict[tuple[tuple[str, str], ...], Row] = {}
    fields: list[str] = ["Time"]
    for index, answer in enumerate(answers):
        value = "Value" if len(answers) == 1 else f"Value #{chr(ord('A') + index)}"
        for series in answer:
            row = merged.setdefault(tuple(sorted(series.labels.items())), dict(series.labels))
            row["Time"], row[value] = series.points[-1]
            fields += [name for name in (*series.labels, value) if name not in fields]
    return fields, list(merged.values())


def _converted(heads: list[str], table: list[Row], options: Json) -> tuple[list[str], list[Row]]:
    for one in options["conversions"]:
        if one["destinationType"] != "number":
            raise ValueError(f"not understood: {one}")
        field = one["targetField"]
        table = [{**row, field: float(row[field])} if row.get(field) else row for row in table]
    return heads, table


def _organized(heads: list[str], table: list[Row], options: Json) -> tuple[list[str], list[Row]]:
    kept = [name for name in heads if name not in options["excludeByName"]]
    kept.sort(key=lambda name: options["indexByName"].get(name, len(heads)))
    names = {name: options["renameByName"].get(name, name) for name in kept}
    return list(names.values()), [{names[name]: row.get(name) for name in kept} for row in table]


def _sorted(heads: list[str], table: list[Row], options: Json) -> tuple[list[str], list[Row]]:
    (order,) = options["sort"]
    return heads, sorted(table, key=lambda row: _rank(row.get(order["field"])), reverse=order["desc"])


_STEPS = {"convertFieldType": _converted, "organize": _organized, "sortBy": _sorted}
"""The transformations after `merge`, by Grafana's names."""


def _rank(value: object) -> tuple[int, float, str]:
    return (1, value, "") if isinstance(value, float) else (0, 0.0, str(value or ""))


def _point(pair: Sequence[Any]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])


def _told(series: Series) -> str:
    # As Grafana writes the rows that the regular expression of a variable looks at.
    labels = ",".join(
        f'{name}="{value}"' for name, value in sorted(series.labels.items()) if name != "__name__"
    )
    when, value = series.points[-1]
    return f"{series.labels.get('__name__', '')}{{{labels}}} {value:g} {round(when * 1000)}"
