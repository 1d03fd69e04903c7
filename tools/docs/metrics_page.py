"""The page of all metrics, from the catalogue that the exporter itself uses."""

from __future__ import annotations

from camwatch.metrics.families import FAMILIES, Family

_GROUPS = (
    ("Per camera", "camwatch_camera_", "All rows of the inventory are there from the first scrape."),
    (
        "Per operator",
        "camwatch_operator_",
        """An operator with no camera has counts of 0, and no ratios. The windows `1h` `24h` `7d` `30d` `365d`
reach back from now; `day` `week` `month` `year` began with the local day, week (Monday), month or year.""",
    ),
    (
        "Gaps, sites, incidents, the daemon on itself",
        "camwatch_",
        "The `process_…` and `python_info` metrics of `prometheus-client` come with them.",
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

Generated from `src/camwatch/metrics/families.py` by `make docs`; do not edit.

`/metrics` answers in the text format 0.0.4, or in OpenMetrics 1.0 if the request's `Accept` asks for it,
gzipped if it may be. Where there are accounts it asks for a token, unless told otherwise: `docs/access.md`.
What the words mean stands in `docs/semantics.md`.

A camera's counters never decrease, not even through a restart: they are what is stored, as it was judged at
the time. What is corrected afterwards (late heartbeats, maintenance in the past) shows in the ratios. The
daemon's counters of itself begin anew with each run.

The accounts of the ledger grow only up to the instant that is already certain (ADR 0005): at most
`down_after` intervals behind now for a camera that has just fallen silent, not at all for one that is down.

"""
        + "\n\n".join(sections)
        + "\n"
    )


def _entry(metric: Family) -> str:
    labels = f" `{{{', '.join(metric.labels)}}}`" if metric.labels else ""
    return f"- `{metric.name}`{labels} ({metric.type}): {metric.help}"
