"""Cameras: the list, one of them, its accounts, days, stretches, outages, values."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from camwatch.accounting.calendar import Calendar
from camwatch.accounting.records import History
from camwatch.core.model import Purpose, Status
from camwatch.web.api.dependencies import Context, CurrentUser, Interval, Paging, Time, interval
from camwatch.web.api.responses import json_response
from camwatch.web.auth.principal import Principal
from camwatch.web.context import AppContext
from camwatch.web.telemetry_samples import HOURS, TelemetrySeries
from camwatch.web.views import cameras, history, service_levels
from camwatch.web.views.base import Page, View, run_cooperatively
from camwatch.web.views.history import DailyUptimeView, OutageView, StatusIntervalView, StatusTimeView

router = APIRouter(tags=["cameras"])

CameraId = Annotated[
    str, Path(description="Of the camera, as in `cameras.csv`.", examples=["ville-centre-01"])
]
_SORTS = "|".join(cameras.Sort)


class Availability(View):
    """A camera's accounts by window."""

    windows: dict[str, StatusTimeView]


class Days(View):
    """Accounts of local days, oldest first."""

    days: list[DailyUptimeView]


class Timeline(View):
    """What a camera was, stretch by stretch, oldest first; gaps are out of service."""

    intervals: list[StatusIntervalView]


@router.get("/cameras", response_model=Page[cameras.CameraRow], summary="Cameras as they are now")
async def list_cameras(
    ctx: Context,
    viewer: CurrentUser,
    paging: Paging,
    operator: Annotated[str | None, Query(description="Only of this operator.")] = None,
    site: Annotated[str | None, Query(description="Only at this site.")] = None,
    zone: Annotated[str | None, Query(description="Only in this zone.")] = None,
    purpose: Annotated[Purpose | None, Query(description="Only for this purpose.")] = None,
    status: Annotated[list[Status], Query(description="One of these.")] = [],  # noqa: B006 - FastAPI copies
    condition: Annotated[
        list[cameras.Condition], Query(description="Has one of these; `degraded` is any reason.")
    ] = [],  # noqa: B006 - as above
    q: Annotated[
        str, Query(max_length=100, description="Words in ids and names, without regard to case or accents.")
    ] = "",
    sort: Annotated[
        str,
        Query(pattern=f"^-?({_SORTS})$", description="`severity`: what is not well first. `-` turns around."),
    ] = "severity",
) -> Response:
    """Return those that fit every filter."""
    wanted = cameras.Filter(operator, site, zone, purpose, tuple(status), tuple(condition), q)
    found = await run_cooperatively(cameras.query(ctx.live, viewer, wanted, sort))
    rows = cameras.to_rows(ctx.live, found[paging.slice])
    return json_response(paging.page(rows, len(found)))


@router.get("/cameras/{camera}", response_model=cameras.CameraDetail, summary="One camera, now")
async def one_camera(ctx: Context, viewer: CurrentUser, camera: CameraId) -> Response:
    """Return its status, conditions, last values, deadlines, counts, and the incidents it is part of."""
    return json_response(cameras.detail(ctx.live, viewer, camera))


@router.get("/cameras/{camera}/availability", response_model=Availability, summary="Its accounts by window")
async def availability(ctx: Context, viewer: CurrentUser, camera: CameraId) -> Response:
    """Return the windows that end now: 1h, 24h, 7d, 30d, 365d, and the day, week, month, year so far."""
    now_ms, zone = ctx.live.now.utc_ms, ctx.live.timezone
    read = _reader(ctx, viewer, camera, now_ms - service_levels.YEAR_MS, now_ms)
    return json_response(
        Availability(
            windows=await ctx.threads.run(viewer, lambda: service_levels.windows(read(), zone, now_ms))
        )
    )


@router.get("/cameras/{camera}/daily", response_model=Days, summary="Its accounts by day")
async def daily(
    ctx: Context,
    viewer: CurrentUser,
    camera: CameraId,
    days: Annotated[int, Query(ge=1, le=400, description="How many, today included.")] = 90,
) -> Response:
    """Return the last local days; a day can have 23 or 25 hours."""
    zone, now_ms = ctx.live.timezone, ctx.live.now.utc_ms
    calendar = Calendar(zone)
    last = calendar.date_of(now_ms)
    first = last - timedelta(days=days - 1)
    read = _reader(ctx, viewer, camera, calendar.start_of(first), now_ms)
    return json_response(
        Days(days=await ctx.threads.run(viewer, lambda: service_levels.days(read(), zone, first, last)))
    )


@router.get("/cameras/{camera}/timeline", response_model=Timeline, summary="What it was, stretch by stretch")
async def timeline(
    ctx: Context,
    viewer: CurrentUser,
    camera: CameraId,
    start: Annotated[Time | None, Query(alias="from", description="Without: 24 h before `to`.")] = None,
    end: Annotated[Time | None, Query(alias="to", description="Without: now.")] = None,
) -> Response:
    """Return its statuses after all corrections."""
    since, until = interval(ctx.live, start, end, timedelta(hours=24))
    read = _reader(ctx, viewer, camera, since, until)
    found = await ctx.threads.run(viewer, lambda: service_levels.stretches(read(), since, until))
    return json_response(Timeline(intervals=found))


@router.get("/cameras/{camera}/outages", response_model=Page[OutageView], summary="Its outages, newest first")
async def outages(
    ctx: Context, viewer: CurrentUser, camera: CameraId, paging: Paging, interval: Interval
) -> Response:
    """Return those that touch the interval."""
    operator = cameras.get(ctx.live, viewer, camera).camera.operator
    total, found = await ctx.threads.run(
        viewer,
        lambda: ctx.history.outage_page(
            (operator,), from_ms=interval.from_ms, to_ms=interval.to_ms, camera=camera, piece=paging.slice
        ),
    )
    return json_response(paging.page([history.outage(each) for each in found], total))


@router.get(
    "/cameras/{camera}/telemetry", response_model=TelemetrySeries, summary="What it said of itself lately"
)
async def telemetry(
    ctx: Context,
    viewer: CurrentUser,
    camera: CameraId,
    hours: Annotated[float, Query(gt=0, le=HOURS, description="How far back.")] = 6,
) -> Response:
    """Return samples of the values in its heartbeats, kept in memory since camwatch started."""
    operator = cameras.get(ctx.live, viewer, camera).camera.operator
    return json_response(ctx.recent.series(camera, operator, hours))


def _reader(
    ctx: AppContext, viewer: Principal, camera: str, from_ms: int, to_ms: int
) -> Callable[[], History]:
    """Return what reads a camera's record. Raises Problem (404) if there is none for this viewer."""
    operator = cameras.get(ctx.live, viewer, camera).camera.operator

    def read() -> History:
        return ctx.history.read((operator,), from_ms, to_ms, camera=camera)

    return read
