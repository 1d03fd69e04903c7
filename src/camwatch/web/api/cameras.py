"""Cameras: the list, one of them, its accounts, days, stretches, outages, values."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from camwatch.accounting.calendar import Calendar
from camwatch.accounting.records import Record
from camwatch.core.model import Purpose, Status
from camwatch.web.api.dependencies import House, Interval, Paging, Seer, Time, interval
from camwatch.web.api.responses import answer
from camwatch.web.auth.principal import Viewer
from camwatch.web.context import Parts
from camwatch.web.telemetry_samples import HOURS, Series
from camwatch.web.views import cameras, history, service_levels
from camwatch.web.views.base import Page, View, in_turns
from camwatch.web.views.history import AccountView, DayView, OutageView, StretchView

router = APIRouter(tags=["cameras"])

CameraId = Annotated[
    str, Path(description="Of the camera, as in `cameras.csv`.", examples=["ville-centre-01"])
]
_SORTS = "|".join(cameras.Sort)


class Ledger(View):
    """A camera's accounts by window."""

    windows: dict[str, AccountView]


class Days(View):
    """Accounts of local days, oldest first."""

    days: list[DayView]


class Life(View):
    """What a camera was, stretch by stretch, oldest first; gaps are out of service."""

    stretches: list[StretchView]


@router.get("/cameras", response_model=Page[cameras.CameraRow], summary="Cameras as they are now")
async def list_cameras(
    house: House,
    viewer: Seer,
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
        Query(pattern=f"^-?({_SORTS})$", description="`worst`: what is not well first. `-` turns around."),
    ] = "worst",
) -> Response:
    """Return those that fit every filter."""
    wanted = cameras.Filter(operator, site, zone, purpose, tuple(status), tuple(condition), q)
    found = await in_turns(cameras.rows(house.live, viewer, wanted, sort))
    rows = cameras.table(house.live, found[paging.piece])
    return answer(paging.part(rows, len(found)))


@router.get("/cameras/{camera}", response_model=cameras.CameraDetail, summary="One camera, now")
async def one_camera(house: House, viewer: Seer, camera: CameraId) -> Response:
    """Return its status, conditions, last values, deadlines, counts, and the incidents it is part of."""
    return answer(cameras.detail(house.live, viewer, camera))


@router.get("/cameras/{camera}/ledger", response_model=Ledger, summary="Its accounts by window")
async def ledger(house: House, viewer: Seer, camera: CameraId) -> Response:
    """Return the windows that end now: 1h, 24h, 7d, 30d, 365d, and the day, week, month, year so far."""
    now_ms, zone = house.live.now.utc_ms, house.live.timezone
    read = _reader(house, viewer, camera, now_ms - service_levels.YEAR_MS, now_ms)
    return answer(
        Ledger(windows=await house.threads.run(viewer, lambda: service_levels.windows(read(), zone, now_ms)))
    )


@router.get("/cameras/{camera}/days", response_model=Days, summary="Its accounts by day")
async def days(
    house: House,
    viewer: Seer,
    camera: CameraId,
    days: Annotated[int, Query(ge=1, le=400, description="How many, today included.")] = 90,
) -> Response:
    """Return the last local days; a day can have 23 or 25 hours."""
    zone, now_ms = house.live.timezone, house.live.now.utc_ms
    calendar = Calendar(zone)
    last = calendar.date_of(now_ms)
    first = last - timedelta(days=days - 1)
    read = _reader(house, viewer, camera, calendar.start_of(first), now_ms)
    return answer(
        Days(days=await house.threads.run(viewer, lambda: service_levels.days(read(), zone, first, last)))
    )


@router.get("/cameras/{camera}/life", response_model=Life, summary="What it was, stretch by stretch")
async def life(
    house: House,
    viewer: Seer,
    camera: CameraId,
    start: Annotated[Time | None, Query(alias="from", description="Without: 24 h before `to`.")] = None,
    end: Annotated[Time | None, Query(alias="to", description="Without: now.")] = None,
) -> Response:
    """Return its statuses after all corrections."""
    since, until = interval(house.live, start, end, timedelta(hours=24))
    read = _reader(house, viewer, camera, since, until)
    found = await house.threads.run(viewer, lambda: service_levels.stretches(read(), since, until))
    return answer(Life(stretches=found))


@router.get("/cameras/{camera}/outages", response_model=Page[OutageView], summary="Its outages, newest first")
async def outages(
    house: House, viewer: Seer, camera: CameraId, paging: Paging, interval: Interval
) -> Response:
    """Return those that touch the interval."""
    operator = cameras.one(house.live, viewer, camera).camera.operator
    total, found = await house.threads.run(
        viewer,
        lambda: house.archive.outage_page(
            (operator,), from_ms=interval.from_ms, to_ms=interval.to_ms, camera=camera, piece=paging.piece
        ),
    )
    return answer(paging.part([history.outage(each) for each in found], total))


@router.get("/cameras/{camera}/values", response_model=Series, summary="What it said of itself lately")
async def values(
    house: House,
    viewer: Seer,
    camera: CameraId,
    hours: Annotated[float, Query(gt=0, le=HOURS, description="How far back.")] = 6,
) -> Response:
    """Return samples of what its heartbeats told, kept in memory since camwatch started."""
    operator = cameras.one(house.live, viewer, camera).camera.operator
    return answer(house.recent.series(camera, operator, hours))


def _reader(house: Parts, viewer: Viewer, camera: str, from_ms: int, to_ms: int) -> Callable[[], Record]:
    """Return what reads a camera's record. Raises Problem (404) if there is none for this viewer."""
    operator = cameras.one(house.live, viewer, camera).camera.operator

    def read() -> Record:
        return house.archive.read((operator,), from_ms, to_ms, camera=camera)

    return read
