"""The page of all metrics, from the catalogue that the exporter itself uses."""

from __future__ import annotations

from typing import Any

from camwatch.metrics.collector import FAMILIES
from camwatch.metrics.families import Family

_GROUPS = (
    ("Per camera", "camwatch_camera_", "Every camera of the inventory is exported from the first scrape on."),
    (
        "Per operator",
        "camwatch_operator_",
        """An operator without cameras has counts of 0 and no ratios. The periods `1h` `24h` `7d` `30d` `365d`
end now; `day` `week` `month` `year` began with the local day, week (Monday), month or year.""",
    ),
    (
        "Gaps, sites, incidents, the daemon itself",
        "camwatch_",
        "The `process_…` and `python_info` metrics of `prometheus-client` are exported as well.",
    ),
)


def text() -> str:
    """Return the whole page."""
    left = list(FAMILIES)
    sections = []
    for title, prefix, remark in _GROUPS:
        chosen = [metric for metric in left if metric.name.startswith(prefix)]
        left = [metric for metric in left if metric not in chosen]
        sections.append(f"## {title}\n\n{remark}\n\n" + "\n".join(_entry(metric) for metric in chosen))
    return (
        """# Metrics

Generated from `src/camwatch/metrics/` by `make docs`; do not edit.

`/metrics` answers in text format 0.0.4, or in OpenMetrics 1.0 if the request's `Accept` header asks for it;
compressed if the client accepts gzip. Where accounts are configured, a token is required by default
([access](../how-to/access.md)). [Semantics](semantics.md) defines the terms.

A camera's counters never decrease, not even through a restart: they count what is stored, as it was judged at
the time. Later corrections (late heartbeats, maintenance in the past) change the ratios only. The daemon's
counters about itself start at zero with each run.

Status times grow only up to the instant that is already certain
([ADR 0005](../adr/0005-counters-never-exceed-certain-time.md)): for a camera that has just fallen silent they
are at most `down_after` intervals behind, for a camera that is down not at all.

"""
        + "\n\n".join(sections)
        + "\n"
    )


def _entry(metric: Family[Any]) -> str:
    labels = f" `{{{', '.join(metric.labels)}}}`" if metric.labels else ""
    return f"- `{metric.name}`{labels} ({metric.type}): {metric.help}"
