"""Corrections made through the pages and the API: authorized here, appended by the service.

Every function blocks: call it by `ThreadPool.run`, and read the clock before. They raise ProblemError if the
principal may not do it, or if it cannot see the object; CorrectionError if the correction is not valid.
"""

from __future__ import annotations

from camwatch.accounting.records import OPEN_ENDED, AttributedCause
from camwatch.clock import wall_ms
from camwatch.history.outage_list import OutageWithCamera
from camwatch.services.corrections import Author, MaintenanceRequest
from camwatch.web.auth.principal import Principal
from camwatch.web.context import AppContext
from camwatch.web.problems import not_found
from camwatch.web.views import history, maintenance
from camwatch.web.views.history import MaintenanceView, OutageView
from camwatch.web.views.maintenance import MaintenanceScope


def outage(ctx: AppContext, viewer: Principal, number: int) -> OutageView:
    """Return an outage that the principal can see."""
    return history.outage(_outage(ctx, viewer, number))


def attribute_outage(
    ctx: AppContext,
    viewer: Principal,
    number: int,
    cause: AttributedCause,
    reason: str,
    *,
    excluded: bool | None,
) -> OutageView:
    """Append the cause of an outage, and whether contracts leave it out (None: as before)."""
    found = _outage(ctx, viewer, number)
    ctx.corrections.attribute_outage(_author(viewer), reason, found, cause, excluded=excluded)
    return outage(ctx, viewer, number)


def maintenance_windows(
    ctx: AppContext, viewer: Principal, now_ms: int, from_ms: int = 0, to_ms: int = OPEN_ENDED
) -> list[MaintenanceView]:
    """Return the maintenance windows that touch [from_ms, to_ms), latest start first."""
    records = ctx.history.maintenance(from_ms, to_ms)
    return maintenance.windows(ctx.live, viewer, records, ctx.history.known(None), now_ms)


def maintenance_window(ctx: AppContext, viewer: Principal, number: int, now_ms: int) -> MaintenanceView:
    """Return a maintenance window that was added as a correction."""
    found = [each for each in maintenance_windows(ctx, viewer, now_ms) if each.number == number]
    if not found:
        raise not_found(f"maintenance window {number}")
    # If it was cancelled for some cameras only, return what remains of it for the others.
    return max(found, key=lambda each: (not each.cancelled, each.end))


def schedule_maintenance(
    ctx: AppContext, viewer: Principal, request: MaintenanceRequest, reason: str, now_ms: int
) -> MaintenanceView:
    """Append a maintenance window. It covers only cameras that its author can see (rule H3)."""
    scope = MaintenanceScope.for_interval(ctx.live, viewer, ctx.history.known(None), request.from_ms, now_ms)
    scope.authorize(request.scope, request.scope_id)
    number = ctx.corrections.schedule_maintenance(_author(viewer), reason, request)
    return maintenance_window(ctx, viewer, number, now_ms)


def cancel_maintenance(
    ctx: AppContext, viewer: Principal, number: int, reason: str, now_ms: int
) -> MaintenanceView:
    """Append that a window is cancelled for the cameras that the principal can see (rule H3)."""
    maintenance_window(ctx, viewer, number, now_ms)
    ctx.corrections.cancel_maintenance(_author(viewer), reason, number)
    return maintenance_window(ctx, viewer, number, wall_ms())  # by the clock that dated its end


def _outage(ctx: AppContext, viewer: Principal, number: int) -> OutageWithCamera:
    found = ctx.history.outage(viewer.operators, number)
    if found is None:
        raise not_found(f"outage {number}")
    return found


def _author(viewer: Principal) -> Author:
    return Author(viewer.name, viewer.operators)
