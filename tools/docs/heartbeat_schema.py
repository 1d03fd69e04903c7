"""The JSON Schema of a heartbeat, from the type that decodes it."""

from __future__ import annotations

import json
from typing import Any, TypeAlias

import msgspec

from camwatch.wire.heartbeat import Heartbeat

Json: TypeAlias = dict[str, Any]
"""A JSON object: what a schema is made of."""

EXAMPLES: tuple[Json, ...] = (
    {"ts": 1790000000.25, "seq": 4242, "uptime_s": 42420.5},
    {
        "ts": 1790000000.25,
        "seq": 4242,
        "uptime_s": 42420.5,
        "fps": 24.9,
        "bitrate_bps": 4200000,
        "recording": True,
        "video_loss": False,
        "frozen": False,
        "tamper": False,
        "storage_used_ratio": 0.62,
        "temperature_celsius": 31.5,
        "firmware": "1.4.2",
    },
    {},
)
"""Heartbeats of a camera that sends the usual fields, all fields, and none."""


def text() -> str:
    """Return the schema as the text of `docs/reference/heartbeat.schema.json`."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:camwatch:v1:heartbeat",
        **heartbeat(),
    }
    return as_text(schema)


def heartbeat() -> Json:
    """Return the schema of a heartbeat, which other documents contain as well."""
    schema = of_struct(Heartbeat)
    return {
        "title": "camwatch heartbeat",
        "description": (
            "The life sign of a camera, as a JSON object of at most 16 KiB. Every field may be left out, "
            "none may be null, and fields that are not named here are ignored."
        ),
        "type": schema["type"],
        "properties": schema["properties"],
        "additionalProperties": True,
        "examples": list(EXAMPLES),
    }


def of_struct(struct: type[msgspec.Struct]) -> Json:
    """Return the schema of one of our messages, complete in itself: no references, no null defaults."""
    schema = msgspec.json.schema(struct)
    return _inlined(schema, schema["$defs"])


def as_text(document: Json) -> str:
    """Return a JSON document as the text of a file."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _inlined(node: Json, definitions: Json) -> Json:
    """Put what `$ref` means in its place; the words beside the reference are nearer, so they win."""
    beside = {key: value for key, value in node.items() if key not in {"$ref", "$defs"}}
    if "$ref" in node:
        beside = {**definitions[node["$ref"].rpartition("/")[2]], **beside}
    if beside.get("default", ...) is None:
        del beside["default"]
    return {
        key: _inlined(value, definitions) if isinstance(value, dict) else value
        for key, value in beside.items()
    }
