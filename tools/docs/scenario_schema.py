"""`docs/reference/scenario.schema.json`: what stands in a scenario of the simulator, for editors."""

from __future__ import annotations

import json

from camsim.scenario.schema import schema


def text() -> str:
    """Return the document."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
