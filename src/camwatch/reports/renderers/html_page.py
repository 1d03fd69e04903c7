"""The report for people: one file that needs nothing else, to be read on a screen and printed on A4.

The template escapes whatever it is given. Chart and figures come ready; nothing is computed here.
"""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from camwatch.i18n import NO_VALUE
from camwatch.reports import labels, rounding, uptime_bars
from camwatch.reports.figures import OF_OBJECTIVE, Figures
from camwatch.reports.formatting import Language
from camwatch.reports.model import Report

LINE_COLUMNS = (
    "cameras",
    "availability",
    "availability_lower",
    "availability_upper",
    "coverage",
    "contractual",
    "outages",
    "down",
    "mttr",
)
"""The figures of an operator, a purpose or a site in a table; an operator's own block has all of them."""
CAMERA_COLUMNS = ("availability", "contractual", "coverage", "outages", "down")
"""The figures of a camera in a table, beside the chart of its days."""
KEY_FIGURES = ("availability", "contractual", "objective", "coverage", "budget_left", "outages")

_ENVIRONMENT = Environment(
    loader=PackageLoader("camwatch.reports"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
    auto_reload=False,
)


def write(report: Report, language: Language) -> str:
    """Return the report as one HTML file."""
    template = _ENVIRONMENT.get_template("report.html")
    return template.render(
        report=report,
        view=_View(language),
        t=language.text,
        lang=language.lang,
        title=labels.title(report, language),
        period=language.period(report.question.period),
        notes=labels.notes(report, language),
        facts=list(labels.facts(report, language)),
        chart=uptime_bars.Chart(report, language),
        samples=uptime_bars.legend_items(),
        bar=uptime_bars.BAR,
        high=uptime_bars.HEIGHT,
        line_columns=LINE_COLUMNS,
        camera_columns=CAMERA_COLUMNS,
        no_value=NO_VALUE,
        of_objective=OF_OBJECTIVE,
    )


class _View:
    """What the template asks of a language."""

    def __init__(self, language: Language) -> None:
        self._language = language
        self.instant = language.instant

    def figures(self, figures: Figures, objective: float | None = None) -> dict[str, str]:
        """Return every figure as it is shown."""
        found = figures.shown(objective)
        return {name: self._language.shown(figure) for name, figure in found.items()}

    def key_figures(self, shown: dict[str, str]) -> list[tuple[str, str]]:
        """Return the figures that stand first, those that have a value or must be seen to have none."""
        needed = ("availability", "contractual", "coverage")
        return [(name, shown[name]) for name in KEY_FIGURES if name in needed or shown[name] != NO_VALUE]

    def lasted(self, milliseconds: int) -> str:
        """Return a duration as it is shown."""
        return self._language.duration(rounding.duration(milliseconds))

    def name(self, kind: str, line: Any) -> str:
        """Return the name of a line."""
        return labels.line_name(kind, line.id if kind == "purpose" else line.name, self._language)

    def idle(self, section: Any) -> str:
        """Return how many cameras have no figure."""
        return labels.inactive_cameras(section, self._language)

    def end(self, line: Any) -> str:
        """Return when something ended."""
        return labels.end(line, self._language)

    def bounds(self, outage: Any) -> list[str]:
        """Return between which instants an outage began and ended, where that is not exact."""
        return labels.bounds(outage, self._language)

    def attributed(self, outage: Any) -> str:
        """Return the cause that people found."""
        return labels.attributed(outage, self._language)

    def origin(self, window: Any) -> str:
        """Return where a window comes from."""
        return labels.window_origin(window, self._language)
