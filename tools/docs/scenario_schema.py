"""`docs/reference/scenario.schema.json`: the schema of the simulator's scenarios, for editors."""

from __future__ import annotations

import json

from camsim.scenario.schema import schema


def text() -> str:
    """Return the document."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
