"""The report for spreadsheets: one flat table, whose first column is the kind of a row.

Languages with decimal commas get semicolons, as LibreOffice and Excel expect; all have a byte order mark and
CRLF. Column names are the same in all languages. No text can become a formula, with any list separator.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

from camwatch.i18n import Language
from camwatch.i18n.rounding import hours_minutes_seconds
from camwatch.reports.figures import FIGURES, Kind
from camwatch.reports.model import GapRow, GroupRow, MaintenanceRow, OperatorSection, OutageRow, Report
from camwatch.reports.renderers.json_document import iso

Cells: TypeAlias = dict[str, str]

BOM = "\ufeff"
# The start of a cell, with any list separator, and the start of a formula for spreadsheets.
_FORMULA: Final = re.compile(r"""(^|[,;\t\r\n])(?=[\s"]*[=+\-@＝＋－＠])""")
_TEXTS: Final = frozenset({"id", "name", "author", "reason"})


def _figure_columns() -> Iterator[str]:
    for name, (kind, *_) in FIGURES.items():
        if kind is Kind.PERCENT:
            yield f"{name}_percent"
        elif kind is Kind.DURATION:
            yield from (name, f"{name}_ms")
        else:
            yield name


COLUMNS = (
    *("row", "operator", "id", "name", "site", "purpose"),
    *_figure_columns(),
    *("camera", "start", "start_utc", "start_earliest_utc", "start_latest_utc"),
    *("end", "end_utc", "end_earliest_utc", "end_latest_utc", "duration", "duration_ms"),
    *("in_period", "in_period_ms", "cause", "attributed", "contract", "author", "created_utc", "reason"),
)


def write(report: Report, language: Language) -> str:
    """Return the report as a table with CRLF line ends, to be written unchanged."""
    separator = ";" if language.point == "," else ","
    lines = [separator.join(COLUMNS)]
    lines += (separator.join(_cells(row)) for row in _Rows(language).of(report))
    return BOM + "".join(f"{line}\r\n" for line in lines)


def plain(text: str) -> str:
    """Return a text on one line, no part of which a spreadsheet can take for a formula."""
    return _FORMULA.sub(r"\1'", " ".join(text.split()))


def _cells(row: Cells) -> Iterable[str]:
    for column in COLUMNS:
        text = row.get(column, "")
        if text and column in _TEXTS:
            text = '"' + text.replace('"', '""') + '"'
        yield text


class _Rows:
    """The rows of a report, as cells by column."""

    def __init__(self, language: Language) -> None:
        self._language = language

    def of(self, report: Report) -> Iterator[Cells]:
        """Yield every row, in the order of the other formats."""
        yield from self._facts(report)
        if report.total is not None:
            yield {"row": "total"} | self._figures(report.total.line)
            for line in report.total.purposes:
                yield {"row": "purpose", **self._line(line), "purpose": line.id}
        for section in report.sections:
            yield from self._section(section)

    def _facts(self, report: Report) -> Iterator[Cells]:
        asked = report.question
        facts = {
            "camwatch_version": report.version,
            "created_at": iso(report.created_ms),
            "time_zone": asked.period.zone.key,
            "first_day": asked.period.first.isoformat(),
            "last_day": asked.period.last.isoformat(),
            "until": iso(report.until_ms),
            "completeness": report.completeness.value,
            "watermark": iso(report.watermark_ms),
            "rolled_up_until": iso(report.rolled_up_until_ms) if report.rolled_up_until_ms else "",
            "corrections": str(report.corrections),
            "head": report.chain_head,
            "anchor": report.anchor,
            "sealed": report.sealed,
            "only_purpose": asked.purpose or "",
            "only_site": asked.site or "",
            "only_camera": asked.camera or "",
        }
        for name, value in facts.items():
            yield {"row": "report", "id": name, "reason": plain(value)}

    def _section(self, section: OperatorSection) -> Iterator[Cells]:
        operator = {"operator": section.line.id}
        yield {"row": "operator"} | operator | self._line(section.line)
        for lifecycle, count in section.inactive.items():
            yield {"row": "without_figure", "id": lifecycle.value, "cameras": str(count)} | operator
        for kind, lines in (("purpose", section.purposes), ("site", section.sites)):
            for line in lines:
                yield {"row": kind, kind: line.id} | operator | self._line(line)
        for camera in section.cameras:
            row = {"row": "camera", "site": camera.site, "purpose": camera.purpose}
            yield row | operator | self._line(camera)
        for outage in section.outages:
            yield {"row": "outage"} | operator | self._outage(outage)
        for gap in section.gaps:
            yield {"row": "monitoring_gap"} | operator | self._gap(gap)
        for window in section.maintenance:
            yield {"row": "maintenance"} | operator | self._window(window)

    def _line(self, line: GroupRow) -> Cells:
        return {"id": line.id, "name": plain(line.name)} | self._figures(line)

    def _figures(self, line: GroupRow) -> Cells:
        cells: Cells = {}
        for name, figure in line.figures.shown(line.objective).items():
            if figure.text is None:
                continue
            if figure.kind is Kind.PERCENT:
                cells[f"{name}_percent"] = figure.text.replace(".", self._language.point)
            else:
                cells[name] = figure.text
            if figure.kind is Kind.DURATION:
                cells[f"{name}_ms"] = str(figure.exact)
        return cells

    def _span(self, start_ms: int, end_ms: int | None) -> Cells:
        local = self._language.timestamp
        cells = {"start": local(start_ms), "start_utc": iso(start_ms)}
        return cells if end_ms is None else cells | {"end": local(end_ms), "end_utc": iso(end_ms)}

    def _outage(self, row: OutageRow) -> Cells:
        outage = row.outage
        cells = {
            "id": str(outage.id),
            "camera": row.camera,
            "name": plain(row.name),
            "cause": outage.cause.value,
            "in_period": hours_minutes_seconds(row.inside),
            "in_period_ms": str(row.inside),
            "contract": "counted",
        } | self._lasting(outage.at_ms, outage.end_ms, row.duration)
        for edge, bounds in (("start", outage.at_bounds), ("end", outage.end_bounds)):
            if bounds is not None:
                cells |= {
                    f"{edge}_earliest_utc": iso(bounds.start),
                    f"{edge}_latest_utc": iso(bounds.end),
                }
        if attribution := outage.attribution:
            cells |= {
                "attributed": attribution.cause.value,
                "contract": "excluded" if attribution.excluded else "counted",
                "author": plain(attribution.author),
                "created_utc": iso(attribution.created_ms),
                "reason": plain(attribution.reason),
            }
        if outage.voided:
            cells["contract"] = "voided"
        return cells

    def _lasting(self, start_ms: int, end_ms: int | None, duration: int) -> Cells:
        lasting = {"duration": hours_minutes_seconds(duration), "duration_ms": str(duration)}
        return self._span(start_ms, end_ms) | lasting

    def _gap(self, gap: GapRow) -> Cells:
        cells = {"id": plain(" ".join(gap.links)), "cause": gap.cause.value}
        return cells | self._lasting(gap.start_ms, gap.end_ms, gap.duration)

    def _window(self, row: MaintenanceRow) -> Cells:
        window = row.window
        return {
            "id": "" if window.id is None else str(window.id),
            "name": plain(row.name),
            "cause": window.scope.value,
            window.scope.value: window.scope_id,
            "contract": "cancelled" if window.cancelled else "counted",
            "author": plain(window.author),
            "reason": plain(window.reason),
        } | self._span(window.start_ms, window.end_ms)
