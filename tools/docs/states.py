"""The diagram of a camera's life, drawn from the core's transition table."""

from __future__ import annotations

from camwatch.core.transitions import TRANSITIONS


def text() -> str:
    """Return the whole document: a Mermaid diagram, and the same as a table."""
    rows = [
        (old.value, event.value, step.to.value, step.at.value, step.rule)
        for old, events in TRANSITIONS.items()
        for event, step in events.items()
    ]
    arrows = "\n".join(f"    {old} --> {new}: {event} ({rule})" for old, event, new, _at, rule in rows)
    lines = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"""# Camera state machine

Generated from the transition table in `src/camwatch/core/transitions.py` by `make docs`; do not edit.

Every transition, with [the rule](semantics.md) behind it. An event without a row for a status changes
nothing. `maintenance` is not in the table: during a maintenance window it is shown in place of the status
below, which continues unchanged (V3).

```mermaid
stateDiagram-v2
{arrows}
```

| from | event | to | `at` is | rule |
|---|---|---|---|---|
{lines}
"""
