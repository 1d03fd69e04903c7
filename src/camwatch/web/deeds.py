"""What people do to the record through the window, by API or on a page: checked, appended, told in the log.

Everything here waits for the store: call it by `Threads.run`, and look at the clock before.
Raises Problem where somebody may not, or there is no such thing for them; CorrectionError for what cannot
be done.
"""

from __future__ import annotations

from typing import NamedTuple

import structlog

from camwatch.accounting.records import OPEN_ENDED, AttributedCause
from camwatch.clock import wall_ms
from camwatch.core.model import Scope
from camwatch.web.auth.principal import Principal
from camwatch.web.context import AppContext
from camwatch.web.problems import not_found
from camwatch.web.views import history, maintenance
from camwatch.web.views.history import MaintenanceView, OutageView
from camwatch.web.views.maintenance import MaintenanceScope


class Maintenance(NamedTuple):
    """What is worked on, from when (UTC milliseconds) to when, itself not inside."""

    scope: Scope
    id: str
    from_ms: int
    to_ms: int


_audit = structlog.get_logger("audit")


def outage(parts: AppContext, viewer: Principal, number: int) -> OutageView:
    """Return an outage."""
    found = parts.archive.outage(viewer.operators, number)
    if found is None:
        raise not_found(f"outage {number}")
    return history.outage(found)


def attribute(
    parts: AppContext,
    viewer: Principal,
    number: int,
    cause: AttributedCause,
    why: str,
    *,
    excluded: bool | None,
) -> OutageView:
    """Append the cause of an outage, and whether contracts leave it out (None: as it was before)."""
    before = outage(parts, viewer, number).attribution
    if excluded is None:
        excluded = before is not None and before.excluded
    correction = parts.archive.attribute(viewer.name, why, number, cause, excluded=excluded)
    found = outage(parts, viewer, number)
    _audit.info(
        "outage attributed",
        who=viewer.name,
        outage=number,
        camera=found.camera,
        cause=str(cause),
        excluded=excluded,
        why=why,
        correction=correction,
    )
    return found


def windows(
    parts: AppContext, viewer: Principal, now_ms: int, from_ms: int = 0, to_ms: int = OPEN_ENDED
) -> list[MaintenanceView]:
    """Return the maintenance windows that touch a stretch of time, those that begin last first."""
    archive = parts.archive
    records = archive.windows(from_ms, to_ms)
    return maintenance.windows(parts.live, viewer, records, archive.known(None), now_ms)


def window(parts: AppContext, viewer: Principal, number: int, now_ms: int) -> MaintenanceView:
    """Return a maintenance window that people added."""
    found = [each for each in windows(parts, viewer, now_ms) if each.number == number]
    if not found:
        raise not_found(f"maintenance window {number}")
    # Where some cancelled it for their own cameras, it is what is left of it for the others.
    return max(found, key=lambda each: (not each.cancelled, each.end))


def add_window(
    parts: AppContext, viewer: Principal, said: Maintenance, why: str, now_ms: int
) -> MaintenanceView:
    """Append a maintenance window. It covers no other cameras than those that its author sees (rule H3)."""
    reach = MaintenanceScope.for_interval(parts.live, viewer, parts.archive.known(None), said.from_ms, now_ms)
    reach.authorize(said.scope, said.id)
    number = parts.archive.add_window(viewer.name, why, *said, viewer.operators)
    found = window(parts, viewer, number, now_ms)
    _audit.info(
        "maintenance added",
        who=viewer.name,
        window=number,
        scope=str(said.scope),
        id=said.id,
        start=found.start.isoformat(),
        end=found.end.isoformat(),
        why=why,
    )
    return found


def cancel_window(
    parts: AppContext, viewer: Principal, number: int, why: str, now_ms: int
) -> MaintenanceView:
    """Append that a window is cancelled, for the cameras that they see; for others it stays (rule H3).

    One that has not begun never was, one under way ends now, one that is over counts no more.
    """
    found = window(parts, viewer, number, now_ms)
    correction = parts.archive.cancel_window(viewer.name, why, number, viewer.operators)
    _audit.info(
        "maintenance cancelled",
        who=viewer.name,
        window=number,
        scope=str(found.scope),
        id=found.id,
        why=why,
        correction=correction,
    )
    return window(parts, viewer, number, wall_ms())  # by the clock that dated its end
