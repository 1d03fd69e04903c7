"""Builders that write inventory folders: sound by default, and as faulty as a test wants them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from camwatch.fleet.inventory import (
    CAMERA_COLUMNS,
    MAINTENANCE_COLUMNS,
    OPERATOR_COLUMNS,
    SITE_COLUMNS,
)

Cells: TypeAlias = Mapping[str, object]
"""One row: column to cell; a column that is not named is an empty cell, None too."""

COLUMNS = {
    "operators.csv": OPERATOR_COLUMNS,
    "sites.csv": SITE_COLUMNS,
    "cameras.csv": CAMERA_COLUMNS,
    "maintenance.csv": MAINTENANCE_COLUMNS,
}


def operator(operator_id: str = "ville", **cells: object) -> Cells:
    """Return a row of operators.csv."""
    return {"operator_id": operator_id, "name": f"Operator {operator_id}"} | cells


def site(site_id: str = "mairie", **cells: object) -> Cells:
    """Return a row of sites.csv."""
    return {"site_id": site_id, "name": f"Site {site_id}", "zone": "Centre-ville"} | cells


def camera(camera_id: str = "cam-1", **cells: object) -> Cells:
    """Return a row of cameras.csv: in service for `ville` at `mairie`, unless `cells` say otherwise."""
    sound = {
        "camera_id": camera_id,
        "operator_id": "ville",
        "site_id": "mairie",
        "name": f"Camera {camera_id}",
        "purpose": "video_protection",
        "lifecycle": "in_service",
        "source": "assumption",
    }
    return sound | cells


def cameras(count: int, **cells: object) -> list[Cells]:
    """Return rows for `cam-1` … `cam-<count>`."""
    return [camera(f"cam-{number}", **cells) for number in range(1, count + 1)]


def window(scope: str, scope_id: str, starts_at: str, ends_at: str, reason: str = "works") -> Cells:
    """Return a row of maintenance.csv."""
    return dict(zip(MAINTENANCE_COLUMNS, (scope, scope_id, starts_at, ends_at, reason), strict=True))


def table_text(
    columns: Sequence[str], rows: Iterable[Cells], *, separator: str = ",", newline: str = "\n"
) -> str:
    """Return the text of a table with this header."""
    out = io.StringIO(newline="")
    content = [[row.get(column) for column in columns] for row in rows]
    # Left to itself, the csv module of some Pythons quotes no line ends but those of `newline`.
    broken = any("\r" in str(cell) or "\n" in str(cell) for row in content for cell in row)
    writer = csv.writer(out, delimiter=separator, lineterminator=newline)
    if broken:
        writer = csv.writer(out, delimiter=separator, lineterminator=newline, quoting=csv.QUOTE_ALL)
    writer.writerow(columns)
    writer.writerows(content)
    return out.getvalue()


def write_table(
    folder: Path,
    name: str,
    rows: Iterable[Cells],
    *,
    separator: str = ",",
    newline: str = "\n",
    encoding: str = "utf-8",
) -> Path:
    """Write one table (`cameras.csv`, …) with its usual header, and return its file."""
    file = folder / name
    text = table_text(COLUMNS[name], rows, separator=separator, newline=newline)
    file.write_bytes(text.encode(encoding))
    return file


def write_fleet(
    folder: Path,
    cameras: Iterable[Cells] | None = None,
    *,
    sites: Iterable[Cells] | None = None,
    operators: Iterable[Cells] | None = None,
    maintenance: Iterable[Cells] | None = None,
    separator: str = ",",
    newline: str = "\n",
    encoding: str = "utf-8",
) -> Path:
    """Write an inventory folder (one camera of `ville` at `mairie` by default) and return it.

    Without `sites` and `operators`, those that the cameras name are written.
    """
    rows = [camera()] if cameras is None else list(cameras)
    if sites is None:
        sites = [site(name) for name in _named(rows, "site_id", "mairie")]
    if operators is None:
        operators = [operator(name) for name in _named(rows, "operator_id", "ville")]
    folder.mkdir(parents=True, exist_ok=True)
    tables = {
        "operators.csv": operators,
        "sites.csv": sites,
        "cameras.csv": rows,
        "maintenance.csv": maintenance,
    }
    for name, content in tables.items():
        if content is not None:
            write_table(folder, name, content, separator=separator, newline=newline, encoding=encoding)
    return folder


def _named(rows: Iterable[Cells], column: str, default: str) -> list[str]:
    return list(dict.fromkeys(str(row.get(column) or default) for row in rows)) or [default]
