"""The report as plain text: `WIDTH` columns wide, whatever the names; no figure is ever cut.

Import this module only where text is asked for: the daemon starts without rich.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table

from camwatch.reports import labels, rounding
from camwatch.reports.figures import OF_OBJECTIVE, Figures, FormattedFigure
from camwatch.reports.formatting import Language
from camwatch.reports.model import CameraRow, GroupRow, OperatorSection, Report

WIDTH = 80
COLUMNS = ("availability", "contractual", "coverage", "outages", "down")
"""The figures of a row in a table of groups or cameras; an operator's own block has all of them."""
_LABEL = 38  # columns of a label before a fact or a figure


def write(report: Report, language: Language) -> str:
    """Return the report as text."""
    out = io.StringIO()
    console = Console(file=out, width=WIDTH, force_terminal=False, markup=False, emoji=False, highlight=False)
    for part in _Writer(language).parts(report):
        console.print(part, overflow="fold")
    return "\n".join(line.rstrip(" ") for line in out.getvalue().split("\n")).strip("\n") + "\n"


def _harmless(text: str) -> str:
    """Return a text without signs that control the terminal or the direction of writing."""
    if text.isascii() and text.isprintable():
        return text
    replaced = {"Cc": " ", "Cf": ""}
    return "".join(replaced.get(unicodedata.category(sign), sign) for sign in text)


class _Writer:
    def __init__(self, language: Language) -> None:
        self._language = language
        self._text = language.text

    def parts(self, report: Report) -> Iterator[RenderableType]:
        yield from self._title(f"{self._text('title')} – {labels.title(report, self._language)}", "=")
        yield self._language.period(report.question.period)
        for note in labels.notes(report, self._language):
            yield _harmless(f"! {note}")
        yield ""
        yield self._pairs(labels.facts(report, self._language))
        yield self._text("units")
        if report.total is not None:
            yield from self._title(self._text("total"), "=")
            yield self._figures(report.total.line.figures, None)
            yield from self._table("by_operator", [section.line for section in report.sections])
            yield from self._table("by_purpose", report.total.purposes)
            yield from self._objectives(report.total.purposes)
            yield from self._table("worst", report.total.worst)
        for section in report.sections:
            yield from self._section(section)

    def _section(self, section: OperatorSection) -> Iterator[RenderableType]:
        yield from self._title(f"{section.line.name} ({section.line.id})", "=")
        if not section.cameras:
            yield self._text("nothing")
        yield self._figures(section.line.figures, section.line.objective)
        if idle := labels.inactive_cameras(section, self._language):
            yield self._pairs([(self._text("idle"), idle)])
        if section.cameras:
            yield from self._table("by_purpose", section.purposes)
            yield from self._objectives(section.purposes)
            yield from self._table("by_site", section.sites)
            yield from self._table("worst", section.worst)
            yield from self._table("by_camera", section.cameras)
        yield from self._list("outage_list", self._outages(section))
        yield from self._list("exclusions", self._exclusions(section))
        yield from self._list("blind", self._blind(section))
        yield from self._list("windows", self._windows(section))

    def _title(self, title: str, rule: str) -> Iterator[str]:
        title = _harmless(title)
        yield from ("", title, rule * min(cell_len(title), WIDTH))

    def _pairs(self, pairs: Iterable[tuple[str, str]], *, right: int | None = None) -> Table:
        """Return labels with their texts beside them; with `right`, right-aligned in that many columns."""
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(width=_LABEL, overflow="fold")
        table.add_column(width=right, justify="left" if right is None else "right", overflow="fold")
        for label, text in pairs:
            table.add_row(label, _harmless(text))
        return table

    def _figures(self, figures: Figures, objective: float | None) -> Table:
        return self._pairs(
            (
                (
                    f"  {self._text(name)}" if name.startswith("availability_") else self._text(name),
                    self._language.shown(figure),
                )
                for name, figure in figures.shown(objective).items()
                if objective is not None or name not in OF_OBJECTIVE
            ),
            right=16,
        )

    def _table(self, name: str, rows: Sequence[GroupRow | CameraRow]) -> Iterator[RenderableType]:
        kind = name.removeprefix("by_")
        yield from self._title(self._text(name), "-")
        if rows:
            yield self._columns(COLUMNS, ((self._label(kind, row), row.figures.shown()) for row in rows))
        else:
            yield self._text("none")

    def _objectives(self, purposes: Sequence[GroupRow]) -> Iterator[RenderableType]:
        promised = [row for row in purposes if row.objective is not None]
        if promised:
            yield from self._title(self._text("objectives"), "-")
            yield self._columns(
                OF_OBJECTIVE,
                ((self._label("purpose", row), row.figures.shown(row.objective)) for row in promised),
            )

    def _columns(
        self, names: Sequence[str], rows: Iterable[tuple[str, Mapping[str, FormattedFigure]]]
    ) -> Table:
        """Return a table in which long labels go on below; figures have all the room they need."""
        table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, expand=True, header_style="")
        table.add_column(ratio=1, overflow="fold")
        for name in names:
            table.add_column(self._text(f"short_{name}"), justify="right", no_wrap=True)
        for label, shown in rows:
            table.add_row(_harmless(label), *(self._language.shown(shown[name]) for name in names))
        return table

    def _label(self, kind: str, row: GroupRow | CameraRow) -> str:
        if kind == "purpose":
            return labels.line_name(kind, row.id, self._language)
        return row.name if row.name == row.id else f"{row.name} ({row.id})"

    def _list(self, name: str, items: Iterable[Sequence[str]]) -> Iterator[RenderableType]:
        yield from self._title(self._text(name), "-")
        empty = True
        for first, *others in items:
            empty = False
            yield _harmless(first)
            for paragraph in others:
                yield Padding(_harmless(paragraph), (0, 0, 0, 4))
        if empty:
            yield self._text("none")

    def _outages(self, section: OperatorSection) -> Iterator[list[str]]:
        language = self._language
        for outage in section.outages:
            lasted = language.duration(rounding.duration(outage.duration))
            if outage.inside != outage.duration:
                lasted += f" ({self._text('inside')} {rounding.duration(outage.inside)})"
            yield [
                f"{self._text('number')} {outage.id}  {outage.camera}",
                f"{language.instant(outage.at_ms)} → {labels.end(outage, language)}  {lasted}",
                *labels.bounds(outage, language),
                *([self._text("voided")] if outage.voided else []),
                (
                    f"{self._text('cause')} {language.text(f'cause_{outage.cause}')}, "
                    f"{self._text('attributed')} {labels.attributed(outage, language)}"
                ),
            ]

    def _exclusions(self, section: OperatorSection) -> Iterator[list[str]]:
        language = self._language
        for outage in section.excluded:
            said = outage.attribution
            if said is not None:
                left_out = rounding.duration(outage.inside)
                yield [
                    f"{self._text('number')} {outage.id}  {outage.camera}  {left_out}",
                    f"{language.instant(said.created_ms)}  {said.author}",
                    f"{language.text(f'attributed_{said.cause}')}, {said.reason}",
                ]

    def _blind(self, section: OperatorSection) -> Iterator[list[str]]:
        language = self._language
        for blind in section.gaps:
            cause = language.text(f"gap_{blind.cause}")
            cause = f"{cause} ({', '.join(blind.links)})" if blind.links else cause
            lasted = rounding.duration(blind.duration)
            span = f"{language.instant(blind.start_ms)} → {labels.end(blind, language)}"
            yield [f"{span}  {lasted}", cause]

    def _windows(self, section: OperatorSection) -> Iterator[list[str]]:
        language = self._language
        for window in section.maintenance:
            what = f"{language.text(f'scope_{window.scope}')} {window.name} ({window.scope_id})"
            by = f"{window.author}, " if window.author else ""
            yield [
                f"{language.instant(window.start_ms)} → {language.instant(window.end_ms)}",
                what,
                f"{by}{labels.window_origin(window, language)}",
                *([window.reason] if window.reason else []),
            ]
