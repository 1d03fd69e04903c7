"""Readers of the formats, independent of their writers: each gives figures as texts, by what they are of."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TypeAlias

Of: TypeAlias = tuple[str, str, str]
"""Of what: the section (an operator, or `total`), the kind of line, its id."""
Figures: TypeAlias = dict[str, str]

_VOID = {"meta", "br", "path", "link", "hr", "img", "input"}


@dataclass
class Table:
    """One table of a page: where it stands, its columns, its rows by key (or number)."""

    section: str
    kind: str
    columns: list[str] = field(default_factory=list)
    rows: list[tuple[str, list[str]]] = field(default_factory=list)


class Page(HTMLParser):
    """A page: its tables, its text, its tags, and whether every tag was closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: list[Table] = []
        self.key_figures: dict[str, Figures] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self._section = ""
        self._figure = ""
        self._cell: list[str] | None = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        self.tags.append((tag, said))
        if tag in _VOID:
            return
        self.open.append(tag)
        if "data-section" in said:
            self._section = said["data-section"] or ""
        if tag == "table":
            self.tables.append(Table(self._section, said["data-table"] or ""))
        if tag == "th" and "data-figure" in said:
            self.tables[-1].columns.append(said["data-figure"] or "")
        if tag == "tr":
            self.tables[-1].rows.append((said.get("data-key") or said.get("data-figure") or "", []))
        if tag == "div":
            self._figure = said.get("data-figure") or ""
        if tag in ("td", "dd"):
            self._cell = []

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag
        if tag == "td" and self._cell is not None:
            self.tables[-1].rows[-1][1].append("".join(self._cell).strip())
        if tag == "dd" and self._figure and self._cell is not None:
            self.key_figures.setdefault(self._section, {})[self._figure] = "".join(self._cell)

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._cell is not None:
            self._cell.append(data)


def of_html(text: str) -> dict[Of, Figures]:
    """Return every figure that a page shows."""
    found: dict[Of, Figures] = {}
    page = Page(text)
    for section, figures in page.key_figures.items():
        found[section, "whole", ""] = dict(figures)
    for table in page.tables:
        for key, cells in table.rows:
            if table.kind == "figures":
                whole = found.setdefault((table.section, "whole", ""), {})
                assert whole.get(key, cells[0]) == cells[0], "the page agrees with itself"
                whole[key] = cells[0]
            elif key:
                figures = dict(zip(table.columns, cells, strict=False))
                kind = {"worst": "camera", "objective": "purpose"}.get(table.kind, table.kind)
                found.setdefault((table.section, kind, key), {}).update(figures)
    return found


_CELL = r"–|[−-]?[\d\u202f]+(?:[.,]\d+\u202f?%|(?::\d\d){2})?|oui|non|yes|no"


def of_table(text: str, labels: dict[str, str]) -> dict[Of, Figures]:
    """Return every figure of the text; `labels` gives the names of the figures by their French label."""
    columns = ("availability", "contractual", "coverage", "outages", "down")
    kinds = {
        "Par exploitant": "operator",
        "Par usage": "purpose",
        "Par site": "site",
        "Par caméra": "camera",
        "Caméras le plus longtemps en panne": "camera",
        "Objectifs par usage": "objective",
    }
    promised = ("objective", "objective_met", "contractual_met", "budget", "budget_used", "budget_left")
    found: dict[Of, Figures] = {}
    cells_of = [
        re.compile(f"(?P<label>.*?)(?P<cells>( +({_CELL})){{{len(names)}}})") for names in (columns, promised)
    ]
    rows: list[tuple[str, str, list[str], list[str]]] = []
    section, kind = "", ""
    label: list[str] = []
    lines = text.splitlines()
    for number, line in enumerate(lines):
        rule = lines[number + 1] if number + 1 < len(lines) else ""
        if rule and set(rule) == {"="}:
            section = "total" if line == "Total" else line.rpartition("(")[2].rstrip(")")
            kind = "whole"
        elif rule and set(rule) == {"-"}:
            kind = kinds.get(line, "")
        elif kind == "whole":
            name = labels.get(line[:38].strip())
            if name is not None:
                found.setdefault((section, "whole", ""), {})[name] = line[40:].strip()
        elif kind and line and (row := cells_of[kind == "objective"].fullmatch(line)):
            label = [row["label"]]
            rows.append((section, kind, label, re.split(" +", row["cells"])[1:]))
        elif line:
            label.append(line)  # it goes on below its figures
        else:
            label = []
    for section, kind, parts, cells in rows:
        names = promised if kind == "objective" else columns
        key = "".join(parts).rpartition("(")[2].partition(")")[0].strip()
        sort = "purpose" if kind == "objective" else kind
        found.setdefault((section, sort, key), {}).update(zip(names, cells, strict=True))
    return found


def rows_of_csv(text: str, separator: str = ";") -> list[dict[str, str]]:
    """Return the rows of the table, by column."""
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text[1:], newline=""), delimiter=separator))
