"""The report for people: one self-contained HTML file, for screens and for A4 paper."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from jinja2 import Environment, PackageLoader, StrictUndefined

from camwatch.i18n import NO_VALUE, Language
from camwatch.reports import labels, uptime_bars
from camwatch.reports.figures import OF_CAMERA, OF_OBJECTIVE
from camwatch.reports.model import GroupRow, Report

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
"""The figures of an operator, a purpose or a site in a table; an operator's summary has all of them."""
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
    return _ENVIRONMENT.get_template("report.html").render(
        report=report,
        language=language,
        labels=labels,
        _=language.gettext,
        label=language.label,
        figures_of=partial(_figures, language),
        key_figures=_key_figures,
        title=labels.title(report, language),
        period=labels.period_title(report.question.period, language),
        notes=labels.notes(report, language),
        facts=list(labels.facts(report, language)),
        chart=uptime_bars.Chart(report, language),
        samples=uptime_bars.legend_items(language),
        bar=uptime_bars.BAR,
        high=uptime_bars.HEIGHT,
        line_columns=LINE_COLUMNS,
        camera_columns=OF_CAMERA,
        no_value=NO_VALUE,
        objective_figures=OF_OBJECTIVE,
    )


def _figures(language: Language, line: GroupRow) -> dict[str, str]:
    """Return the text of every figure of a line."""
    shown = line.figures.shown(line.objective)
    return {name: labels.figure_text(language, figure) for name, figure in shown.items()}


def _key_figures(shown: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the figures at the top: those with a value, and three that are shown even without one."""
    always = ("availability", "contractual", "coverage")
    return [(name, shown[name]) for name in KEY_FIGURES if name in always or shown[name] != NO_VALUE]
