"""The report as plain text: `WIDTH` columns wide, whatever the names; no figure is ever cut.

Import this module only to write text: the daemon does not load rich.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table

from camwatch.i18n import Language
from camwatch.reports import labels
from camwatch.reports.figures import OF_CAMERA, OF_OBJECTIVE
from camwatch.reports.labels import SHORT, figure_label, figure_text
from camwatch.reports.model import GroupRow, OperatorSection, Report

WIDTH = 80
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
        self.gettext = language.gettext

    def parts(self, report: Report) -> Iterator[RenderableType]:
        title = self.gettext("Availability report")
        yield from self._title(f"{title} – {labels.title(report, self._language)}", "=")
        yield labels.period_title(report.question.period, self._language)
        for note in labels.notes(report, self._language):
            yield _harmless(f"! {note}")
        yield ""
        yield self._pairs(labels.facts(report, self._language))
        yield self.gettext("Durations in hours:minutes:seconds. Percentages and durations are rounded down.")
        if report.total is not None:
            yield from self._title(self.gettext("Total"), "=")
            yield self._figures(report.total.line)
            rows = [section.line for section in report.sections]
            yield from self._table("operator", self.gettext("By operator"), rows)
            yield from self._table("purpose", self.gettext("By purpose"), report.total.purposes)
            yield from self._objectives(report.total.purposes)
            yield from self._table("camera", self.gettext("Cameras down the longest"), report.total.worst)
        for section in report.sections:
            yield from self._section(section)

    def _section(self, section: OperatorSection) -> Iterator[RenderableType]:
        yield from self._title(f"{section.line.name} ({section.line.id})", "=")
        if not section.cameras:
            yield self.gettext("No camera was in service in this period: there is no availability.")
        yield self._figures(section.line)
        if inactive := labels.inactive_cameras(section, self._language):
            yield _harmless(inactive)
        if section.cameras:
            yield from self._table("purpose", self.gettext("By purpose"), section.purposes)
            yield from self._objectives(section.purposes)
            yield from self._table("site", self.gettext("By site"), section.sites)
            yield from self._table("camera", self.gettext("Cameras down the longest"), section.worst)
            yield from self._table("camera", self.gettext("By camera"), section.cameras)
        yield from self._list(self.gettext("Outages"), self._outages(section))
        yield from self._list(self.gettext("Outages excluded from contract"), self._exclusions(section))
        yield from self._list(self.gettext("Monitoring gaps"), self._gaps(section))
        yield from self._list(self.gettext("Maintenance windows"), self._windows(section))

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

    def _figures(self, line: GroupRow) -> Table:
        language, pairs = self._language, []
        for name, figure in line.figures.shown(line.objective).items():
            if line.objective is not None or name not in OF_OBJECTIVE:
                indent = "  " if name.startswith("availability_") else ""
                pairs.append((indent + figure_label(language, name), figure_text(language, figure)))
        return self._pairs(pairs, right=16)

    def _table(
        self, kind: str, title: str, rows: Sequence[GroupRow], names: Sequence[str] = OF_CAMERA
    ) -> Iterator[RenderableType]:
        """Yield a table whose long labels wrap; figures are never cut."""
        yield from self._title(title, "-")
        if not rows:
            yield self.gettext("None.")
            return
        table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, expand=True, header_style="")
        table.add_column(ratio=1, overflow="fold")
        for name in names:
            table.add_column(figure_label(self._language, name, SHORT), justify="right", no_wrap=True)
        for row in rows:
            shown = row.figures.shown(row.objective)
            texts = (figure_text(self._language, shown[name]) for name in names)
            table.add_row(_harmless(self._label(kind, row)), *texts)
        yield table

    def _objectives(self, purposes: Sequence[GroupRow]) -> Iterator[RenderableType]:
        if measured := [row for row in purposes if row.objective is not None]:
            title = self.gettext("Objectives by purpose")
            yield from self._table("purpose", title, measured, OF_OBJECTIVE)

    def _label(self, kind: str, row: GroupRow) -> str:
        if kind == "purpose":
            return self._language.label("purpose", row.id)
        return row.name if row.name == row.id else f"{row.name} ({row.id})"

    def _list(self, title: str, items: Iterable[Sequence[str]]) -> Iterator[RenderableType]:
        yield from self._title(title, "-")
        empty = True
        for first, *others in items:
            empty = False
            yield _harmless(first)
            for paragraph in others:
                yield Padding(_harmless(paragraph), (0, 0, 0, 4))
        if empty:
            yield self.gettext("None.")

    def _outages(self, section: OperatorSection) -> Iterator[list[str]]:
        language = self._language
        number = self.gettext("No.")
        detected, attributed = self.gettext("Detected cause"), self.gettext("Attributed cause")
        for row in section.outages:
            outage = row.outage
            lasted = language.hours_minutes_seconds(row.duration)
            voided = self.gettext("voided: late heartbeats prove that the camera was alive; not counted")
            if row.inside != row.duration:
                inside = self.gettext("in period")
                lasted += f" ({inside} {language.hours_minutes_seconds(row.inside)})"
            yield [
                f"{number} {outage.id}  {row.camera}",
                f"{language.timestamp(outage.at_ms)} → {labels.end(outage, language)}  {lasted}",
                *labels.bounds(outage, language),
                *([voided] if outage.voided else []),
                (
                    f"{detected} {language.label('cause', outage.cause)}, "
                    f"{attributed} {labels.attributed(row, language)}"
                ),
            ]

    def _exclusions(self, section: OperatorSection) -> Iterator[list[str]]:
        language, number = self._language, self.gettext("No.")
        for row in section.excluded:
            attribution = row.outage.attribution
            if attribution is not None:
                left_out = language.hours_minutes_seconds(row.inside)
                yield [
                    f"{number} {row.outage.id}  {row.camera}  {left_out}",
                    f"{language.timestamp(attribution.created_ms)}  {attribution.author}",
                    f"{language.label('attributed', attribution.cause)}, {attribution.reason}",
                ]

    def _gaps(self, section: OperatorSection) -> Iterator[list[str]]:
        language = self._language
        for gap in section.gaps:
            cause = language.label("gap", gap.cause)
            cause = f"{cause} ({', '.join(gap.links)})" if gap.links else cause
            lasted = language.hours_minutes_seconds(gap.duration)
            span = f"{language.timestamp(gap.start_ms)} → {labels.end(gap, language)}"
            yield [f"{span}  {lasted}", cause]

    def _windows(self, section: OperatorSection) -> Iterator[list[str]]:
        language = self._language
        for window, name in section.maintenance:
            what = f"{language.label('scope', window.scope)} {name} ({window.scope_id})"
            by = f"{window.author}, " if window.author else ""
            yield [
                f"{language.timestamp(window.start_ms)} → {language.timestamp(window.end_ms)}",
                what,
                f"{by}{labels.window_origin(window, language)}",
                *([window.reason] if window.reason else []),
            ]
