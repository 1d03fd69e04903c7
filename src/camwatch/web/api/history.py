"""The record: outages and what people say of them, blindness, service levels of any time, the raw history."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from camwatch.accounting.records import AttributedCause
from camwatch.core.model import Purpose
from camwatch.web import corrections
from camwatch.web.api.dependencies import Context, CurrentEditor, CurrentUser, Interval, Number, Paging
from camwatch.web.api.responses import StreamResponse, json_response, prefetch_first
from camwatch.web.views import fleet, history, service_levels
from camwatch.web.views.base import Page
from camwatch.web.views.history import MonitoringGapView, OutageView, ServiceLevels

router = APIRouter(tags=["record"])

_LARGEST = 2**53  # what every JSON reader takes for a whole number


class NewAttribution(BaseModel):
    """The cause of an outage, as entered by a user."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"cause": "power", "excluded": False, "reason": "Breaker tripped"}]},
    )

    cause: AttributedCause
    excluded: bool | None = Field(None, description="Contracts leave it out. Without: as it was before.")
    reason: str = Field(min_length=1, max_length=500, description="In words, on one line.")


@router.get("/outages", response_model=Page[OutageView], summary="Outages, newest first")
async def outages(
    ctx: Context,
    viewer: CurrentUser,
    paging: Paging,
    interval: Interval,
    operator: Annotated[str | None, Query(description="Only of this operator.")] = None,
    site: Annotated[str | None, Query(description="Only at this site.")] = None,
    open: Annotated[bool, Query(description="Only those that are not over.")] = False,  # noqa: A002
    unattributed: Annotated[bool, Query(description="Only outages without an attribution.")] = False,
) -> Response:
    """Return those that touch the interval and fit every filter."""
    operators = fleet.requested_operators(ctx.live, viewer, operator)
    total, found = await ctx.threads.run(
        viewer,
        lambda: ctx.history.outage_page(
            operators,
            from_ms=interval.from_ms,
            to_ms=interval.to_ms,
            piece=paging.slice,
            site=site,
            still_open=open,
            unattributed=unattributed,
        ),
    )
    return json_response(paging.page([history.outage(each) for each in found], total))


@router.get("/outages/{outage}", response_model=OutageView, summary="One outage")
async def one_outage(ctx: Context, viewer: CurrentUser, outage: Number) -> Response:
    """Return it with all that was said of it."""
    return json_response(await ctx.threads.run(viewer, lambda: corrections.outage(ctx, viewer, outage)))


@router.post(
    "/outages/{outage}/attributions",
    status_code=201,
    response_model=OutageView,
    summary="Say what caused an outage",
)
async def attribute(ctx: Context, viewer: CurrentEditor, outage: Number, said: NewAttribution) -> Response:
    """Append an attribution: nothing is overwritten, and the newest holds."""
    found = await ctx.threads.run(
        viewer,
        lambda: corrections.attribute_outage(
            ctx, viewer, outage, said.cause, said.reason, excluded=said.excluded
        ),
    )
    return json_response(found, 201)


@router.get(
    "/monitoring-gaps",
    response_model=Page[MonitoringGapView],
    summary="Monitoring gaps: when cameras were not visible",
)
async def monitoring_gaps(ctx: Context, viewer: CurrentUser, paging: Paging, interval: Interval) -> Response:
    """Return blindness that touches the interval, newest first: of links, of camwatch, of its clock."""
    records = await ctx.threads.run(viewer, lambda: ctx.history.monitoring_gaps(*interval))
    return json_response(paging.of(history.monitoring_gaps(viewer, records)))


@router.get("/service-levels", response_model=ServiceLevels, summary="Service levels of any interval")
async def levels(
    ctx: Context,
    viewer: CurrentUser,
    interval: Interval,
    operator: Annotated[str | None, Query(description="Only of this operator.")] = None,
    site: Annotated[str | None, Query(description="Only at this site.")] = None,
    purpose: Annotated[Purpose | None, Query(description="Only for this purpose.")] = None,
) -> Response:
    """Return accounts of each camera, and of each group as their sum: milliseconds, not rounded ratios."""
    operators, live = fleet.requested_operators(ctx.live, viewer, operator), ctx.live
    inventory, zone = live.inventory, live.timezone

    def work() -> ServiceLevels:
        record = ctx.history.read(operators, *interval)
        record.cameras = [
            camera
            for camera in record.cameras
            if site in (None, camera.site) and purpose in (None, camera.purpose)
        ]
        record = service_levels.merge_daily_rollups(record, zone, *interval)
        return service_levels.levels(record, inventory, ctx.objectives, *interval)

    return json_response(await ctx.threads.run(viewer, work))


@router.get(
    "/export",
    response_class=StreamResponse,
    summary="The raw record as JSON lines",
    responses={200: {"content": {"application/x-ndjson": {}}, "description": "One fact a line."}},
)
async def export(
    ctx: Context,
    viewer: CurrentUser,
    start: Annotated[int, Query(alias="from", ge=0, le=_LARGEST, description="UTC milliseconds.")],
    end: Annotated[int, Query(alias="to", ge=0, le=_LARGEST, description="UTC milliseconds, not inside.")],
) -> Response:
    """Return transitions, outages, backfills, monitoring gaps by `kind`, and last the end of the record."""
    pieces = await prefetch_first(
        ctx.threads.stream(viewer, lambda: ctx.history.export(viewer.operators, start, end))
    )
    return StreamResponse(pieces, "application/x-ndjson")
