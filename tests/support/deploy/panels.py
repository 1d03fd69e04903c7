"""Reads dashboards' panels."""

from __future__ import annotations

from typing import Any


def columns(panel: dict[str, Any]) -> dict[str, Any]:
    """Return the columns that a table or a map keeps, their order and their titles."""
    (found,) = [step["options"] for step in panel["transformations"] if step["id"] == "organize"]
    return dict(found)
