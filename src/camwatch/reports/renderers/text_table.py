"""The report for a terminal: at most 80 columns wide, whatever the names.

A label that leaves no room for its figures stands on lines of its own. Width is what the terminal
shows: a combining accent takes no column, a wide sign two.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from camwatch.reports import labels, rounding
from camwatch.reports.figures import OF_OBJECTIVE, Figures
from camwatch.reports.formatting import Language
from camwatch.reports.model import CameraRow, GroupRow, OperatorSection, Report

WIDTH = 80
COLUMNS = ("availability", "contractual", "coverage", "outages", "down")
"""The figures of a line in a table of lines; an operator's own block has all of them."""
_WIDTHS = (11, 11, 11, 8, 12)
_LABEL = WIDTH - sum(_WIDTHS)


def write(report: Report, language: Language) -> str:
    """Return the report as text."""
    lines = [line.rstrip(" ") for line in _Writer(language).lines(report)]
    return "\n".join(lines).strip("\n") + "\n"


def width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return len(text) if text.isascii() and text.isprintable() else sum(map(_columns, text))


@lru_cache(maxsize=4096)
def _columns(sign: str) -> int:
    if unicodedata.combining(sign) or unicodedata.category(sign) in ("Cf", "Cc"):
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1


def harmless(text: str) -> str:
    """Return a text that cannot speak to the terminal, nor turn the direction in which it writes."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_harmless, text))


@lru_cache(maxsize=4096)
def _harmless(sign: str) -> str:
    return {"Cc": " ", "Cf": ""}.get(unicodedata.category(sign), sign)


def padded(text: str, columns: int, *, right: bool = False) -> str:
    """Return a text with blanks up to so many columns."""
    blanks = " " * (columns - width(text))
    return blanks + text if right else text + blanks


def wrapped(text: str, columns: int) -> list[str]:
    """Return a text as lines of at most so many columns, broken at blanks where there are any."""
    text = harmless(text)
    if width(text) <= columns:
        return [text]
    lines, line = [], ""
    for word in text.split(" "):
        joined = f"{line} {word}" if line else word
        if width(joined) <= columns:
            line = joined
            continue
        if line:
            lines.append(line)
        *whole, line = _broken(word, columns)
        lines += whole
    return [*lines, line]


def _broken(word: str, columns: int) -> list[str]:
    parts = [""]
    for sign in word:
        if width(parts[-1]) + _columns(sign) > columns:
            parts.append("")
        parts[-1] += sign
    return parts


class _Writer:
    def __init__(self, language: Language) -> None:
        self._language = language
        self._text = language.text

    def lines(self, report: Report) -> Iterator[str]:
        yield from self._title(f"{self._text('title')} – {labels.title(report, self._language)}", "=")
        yield self._language.period(report.question.period)
        for note in labels.notes(report, self._language):
            yield from wrapped(f"! {note}", WIDTH)
        yield ""
        for label, text in labels.facts(report, self._language):
            yield from self._fact(label, text)
        yield from wrapped(self._text("units"), WIDTH)
        if report.total is not None:
            yield from self._title(self._text("total"), "=")
            yield from self._figures(report.total.line.figures, None)
            yield from self._table("by_operator", [section.line for section in report.sections])
            yield from self._table("by_purpose", report.total.purposes)
            yield from self._objectives(report.total.purposes)
            yield from self._table("worst", report.total.worst)
        for section in report.sections:
            yield from self._section(section)

    def _section(self, section: OperatorSection) -> Iterator[str]:
        yield from self._title(f"{section.line.name} ({section.line.id})", "=")
        idle = labels.inactive_cameras(section, self._language)
        if not section.cameras:
            yield from wrapped(self._text("nothing"), WIDTH)
        yield from self._figures(section.line.figures, section.line.objective)
        if idle:
            yield from self._fact(self._text("idle"), idle)
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
        yield ""
        lines = wrapped(title, WIDTH)
        yield from lines
        yield rule * max(width(line) for line in lines)

    def _fact(self, label: str, text: str) -> Iterator[str]:
        label = f"{padded(label, 38)}  "
        for line in wrapped(text, WIDTH - 40):
            yield f"{label}{line}"
            label = " " * 40

    def _figures(self, figures: Figures, objective: float | None) -> Iterator[str]:
        for name, figure in figures.shown(objective).items():
            if objective is not None or name not in OF_OBJECTIVE:
                label = self._text(name)
                label = f"  {label}" if name.startswith("availability_") else label
                yield f"{padded(label, 38)}  {padded(self._language.shown(figure), 16, right=True)}"

    def _table(self, name: str, lines: Sequence[GroupRow | CameraRow]) -> Iterator[str]:
        yield from self._title(self._text(name), "-")
        if not lines:
            yield self._text("none")
            return
        heads = [
            padded(self._text(f"short_{column}"), size, right=True)
            for column, size in zip(COLUMNS, _WIDTHS, strict=True)
        ]
        yield " " * _LABEL + "".join(heads)
        kind = name.removeprefix("by_")
        for line in lines:
            shown = line.figures.shown()
            cells = [
                padded(self._language.shown(shown[column]), size, right=True)
                for column, size in zip(COLUMNS, _WIDTHS, strict=True)
            ]
            yield from self._row(self._label(kind, line), "".join(cells), _LABEL)

    def _objectives(self, purposes: Sequence[GroupRow]) -> Iterator[str]:
        """Write the lines that have an objective; columns are as wide as the hours of a budget are many."""
        promised = [line for line in purposes if line.objective is not None]
        if not promised:
            return
        yield from self._title(self._text("objectives"), "-")
        rows = [[self._text(f"short_{name}") for name in OF_OBJECTIVE]]
        for line in promised:
            shown = line.figures.shown(line.objective)
            rows.append([self._language.shown(shown[name]) for name in OF_OBJECTIVE])
        sizes = [max(map(width, column)) + 2 for column in zip(*rows, strict=True)]
        room = WIDTH - sum(sizes) + 1
        for label, row in zip(["", *(self._label("purpose", line) for line in promised)], rows, strict=True):
            cells = [padded(cell, size, right=True) for cell, size in zip(row, sizes, strict=True)]
            yield from self._row(label, "".join(cells)[1:], room)

    def _label(self, kind: str, line: GroupRow | CameraRow) -> str:
        if kind == "purpose":
            return labels.line_name(kind, line.id, self._language)
        return line.name if line.name == line.id else f"{line.name} ({line.id})"

    def _row(self, label: str, cells: str, room: int) -> Iterator[str]:
        """Write a label in so many columns, a blank included, and its figures beside it, else below it."""
        label = harmless(label)
        *before, last = wrapped(label, WIDTH) if width(label) > room - 1 else [label]
        yield from before
        if width(last) > room - 1:
            yield last
            last = ""
        yield padded(last, room) + cells

    def _list(self, name: str, items: Iterable[Iterable[str]]) -> Iterator[str]:
        yield from self._title(self._text(name), "-")
        empty = True
        for item in items:
            empty = False
            indent = ""
            for paragraph in item:
                for line in wrapped(paragraph, WIDTH - len(indent)):
                    yield indent + line
                    indent = "    "
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
