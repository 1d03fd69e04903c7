"""The report for programs: every figure in exact milliseconds, and as the other formats show it.

`docs/reference/reports.md` documents the format; `FORMAT_VERSION` grows when a name changes its meaning.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from camwatch.accounting.records import VOIDED_REASON
from camwatch.core.status_time import Interval
from camwatch.i18n.rounding import hours_minutes_seconds
from camwatch.reports.model import (
    CameraRow,
    FleetSection,
    GapRow,
    GroupRow,
    MaintenanceRow,
    OperatorSection,
    OutageRow,
    Report,
)

FORMAT_VERSION = 1
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - UTC, formatted with a Z


def write(report: Report) -> str:
    """Return the report as JSON text."""
    return json.dumps(document(report), ensure_ascii=False, indent=1) + "\n"


def document(report: Report) -> dict[str, Any]:
    """Return the report as a JSON document."""
    asked = report.question
    return {
        "format": "camwatch-report",
        "format_version": FORMAT_VERSION,
        "camwatch_version": report.version,
        "created_at": instant(report.created_ms),
        "time_zone": asked.period.zone.key,
        "period": {
            "first_day": asked.period.first.isoformat(),
            "last_day": asked.period.last.isoformat(),
            "start": instant(asked.period.start_ms),
            "end": instant(asked.period.end_ms),
            "until": instant(report.until_ms),
            "completeness": report.completeness,
        },
        "only": {"purpose": asked.purpose, "site": asked.site, "camera": asked.camera},
        "watermark": instant(report.watermark_ms),
        "rolled_up_until": instant(report.rolled_up_until_ms) if report.rolled_up_until_ms else None,
        "corrections": {
            "count": report.corrections,
            "head": None if report.anchor else report.chain_head,
            "anchor": report.anchor or None,
        },
        "sealed": report.sealed,
        "total": None if report.total is None else _total(report.total),
        "operators": [_section(section) for section in report.sections],
    }


def iso(ms: int) -> str:
    """Return an instant in UTC as ISO 8601, to the millisecond."""
    return (_EPOCH + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds") + "Z"


def instant(ms: int) -> dict[str, Any]:
    """Return an instant as text and in milliseconds."""
    return {"utc": iso(ms), "ms": ms}


def figures(line: GroupRow) -> dict[str, Any]:
    """Return the figures of a line: `exact` are milliseconds and counts, `shown` are the rounded texts."""
    shown = line.figures.shown(line.objective)
    return {
        "exact": {name: figure.exact for name, figure in shown.items() if figure.exact is not None},
        "shown": {name: figure.text for name, figure in shown.items()},
    }


def _total(total: FleetSection) -> dict[str, Any]:
    return {
        "figures": figures(total.line),
        "purposes": [_line(line) for line in total.purposes],
        "worst": [{"operator": camera.operator, "id": camera.id} for camera in total.worst],
    }


def _section(section: OperatorSection) -> dict[str, Any]:
    return {
        "id": section.line.id,
        "name": section.line.name,
        "figures": figures(section.line),
        "cameras_without_figure": {str(lifecycle): count for lifecycle, count in section.inactive.items()},
        "purposes": [_line(line) for line in section.purposes],
        "sites": [_line(line) for line in section.sites],
        "worst": [camera.id for camera in section.worst],
        "cameras": [_camera(camera) for camera in section.cameras],
        "outages": [_outage(outage) for outage in section.outages],
        "monitoring_gaps": [_gap(gap) for gap in section.gaps],
        "maintenance": [_window(window) for window in section.maintenance],
    }


def _line(line: GroupRow) -> dict[str, Any]:
    return {"id": line.id, "name": line.name, "figures": figures(line)}


def _camera(camera: CameraRow) -> dict[str, Any]:
    place = {"site": camera.site, "purpose": camera.purpose}
    return {"id": camera.id, "name": camera.name, **place, "figures": figures(camera)}


def _outage(row: OutageRow) -> dict[str, Any]:
    outage = row.outage
    attribution = outage.attribution
    return {
        "id": outage.id,
        "camera": row.camera,
        "start": instant(outage.at_ms),
        "end": None if outage.end_ms is None else instant(outage.end_ms),
        "start_between": _between(outage.at_bounds),
        "end_between": _between(outage.end_bounds),
        "voided": VOIDED_REASON if outage.voided else None,
        "duration_ms": row.duration,
        "duration": hours_minutes_seconds(row.duration),
        "in_period_ms": row.inside,
        "in_period": hours_minutes_seconds(row.inside),
        "seen_cause": outage.cause,
        "attribution": None
        if attribution is None
        else {
            "cause": attribution.cause,
            "excluded": attribution.excluded,
            "author": attribution.author,
            "reason": attribution.reason,
            "created_at": instant(attribution.created_ms),
        },
    }


def _between(bounds: Interval | None) -> list[dict[str, Any]] | None:
    return None if bounds is None else [instant(bounds.start), instant(bounds.end)]


def _gap(gap: GapRow) -> dict[str, Any]:
    return {
        "start": instant(gap.start_ms),
        "end": None if gap.end_ms is None else instant(gap.end_ms),
        "duration_ms": gap.duration,
        "duration": hours_minutes_seconds(gap.duration),
        "cause": gap.cause,
        "links": list(gap.links),
    }


def _window(row: MaintenanceRow) -> dict[str, Any]:
    window = row.window
    return {
        "correction": window.id,
        "scope": window.scope,
        "scope_id": window.scope_id,
        "name": row.name,
        "start": instant(window.start_ms),
        "end": instant(window.end_ms),
        "reason": window.reason,
        "author": window.author,
        "cancelled": window.cancelled,
    }
