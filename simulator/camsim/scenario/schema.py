"""The JSON Schema of a scenario, from the parser's tables."""

from __future__ import annotations

from typing import Any

from camsim.scenario.actions import ACTIONS, REQUIRED
from camsim.scenario.parser import ENTRY, HEAD, SELECTOR


def schema() -> dict[str, Any]:
    """Return the schema (JSON Schema 2020-12)."""
    head = {name: kind.schema for name, kind in HEAD.items()}
    timeline = {"type": "array", "items": {"oneOf": [_entry(name) for name in ACTIONS]}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A scenario of camsim",
        "type": "object",
        "properties": {**head, "timeline": timeline},
        "required": ["title", "description", "duration", "timeline"],
        "additionalProperties": False,
        "$defs": {
            "on": {
                "type": "object",
                "description": "The cameras that match every given field; all without it.",
                "properties": {name: kind.schema for name, kind in SELECTOR.items()},
                "additionalProperties": False,
            }
        },
    }


def _entry(name: str) -> dict[str, Any]:
    action = ACTIONS[name]
    taken = action.parameters
    properties: dict[str, Any] = {
        field: kind.schema for field, kind in ENTRY.items() if field != "for" or action.lasts
    }
    properties["action"] = {"const": name}
    if not action.fleet:
        properties["on"] = {"$ref": "#/$defs/on"}
    for field, parameter in taken.items():
        properties[field] = {**parameter.kind.schema, "description": parameter.tells}
    needed = [field for field, parameter in taken.items() if parameter.default is REQUIRED]
    return {
        "type": "object",
        "description": action.tells,
        "properties": properties,
        "required": ["action", *needed],
        "additionalProperties": False,
        "dependentRequired": {"times": ["every"], "every": ["times"]},
    }
