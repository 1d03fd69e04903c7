"""The generated documents and their generators."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from tools.docs import asyncapi, heartbeat_schema, metrics_page, openapi, scenario_schema, states

Generator: TypeAlias = Callable[[], str]
"""Returns the whole text of a document; deterministic."""

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
