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

Generated from the transition table in `src/camwatch/core/deadlines.py` by `make docs`; do not edit.

Every change of status there is, with the rule that asks for it (`docs/semantics.md`). An event that has no
row for a status leaves the camera as it is. `maintenance` is not in the table: it covers what is below it
for as long as a window lasts, and changes nothing there (V3).

```mermaid
stateDiagram-v2
{arrows}
```

| from | event | to | `at` is | rule |
|---|---|---|---|---|
{lines}
"""
