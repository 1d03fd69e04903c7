"""Which documents are generated, and by what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from tools.docs import asyncapi, heartbeat_schema, metrics_page, openapi, scenario_schema, states

Generator: TypeAlias = Callable[[], str]
"""Returns the whole text of a document, the same for the same code."""

FOLDER = Path(__file__).resolve().parents[2] / "docs"
"""The folder of the documentation."""

DOCUMENTS: Mapping[str, Generator] = {
    "reference/heartbeat.schema.json": heartbeat_schema.text,
    "reference/asyncapi.json": asyncapi.text,
    "reference/metrics.md": metrics_page.text,
    "reference/scenario.schema.json": scenario_schema.text,
    "reference/openapi.json": openapi.text,
    "reference/states.md": states.text,
}
"""Each generated file, relative to `docs/`, and its generator."""


def write(folder: Path = FOLDER, documents: Mapping[str, Generator] = DOCUMENTS) -> tuple[str, ...]:
    """Write the documents that are out of date; return their names."""
    stale = outdated(folder, documents)
    for name in stale:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(documents[name](), encoding="utf-8")
    return stale


def outdated(folder: Path = FOLDER, documents: Mapping[str, Generator] = DOCUMENTS) -> tuple[str, ...]:
    """Return the names of the documents that are missing or do not say what the code says."""
    return tuple(name for name, text in documents.items() if _read(folder / name) != text())


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return None
