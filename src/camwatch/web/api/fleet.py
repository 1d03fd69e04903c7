"""The fleet: all at a glance, operators, sites, incidents, links, and who asks."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field

from camwatch.accounting.calendar import Calendar
from camwatch.web.api.cameras import Days
from camwatch.web.api.dependencies import Context, CurrentUser, Paging
from camwatch.web.api.responses import json_response
from camwatch.web.auth.principal import Role
from camwatch.web.views import fleet, incidents, service_levels
from camwatch.web.views.base import Page, View, run_cooperatively
from camwatch.web.views.fleet import FleetView, LinkView, OperatorView, SiteView
from camwatch.web.views.incidents import IncidentView

router = APIRouter(tags=["fleet"])

OperatorId = Annotated[str, Path(description="As in `operators.csv`.", examples=["ville"])]
SiteId = Annotated[str, Path(description="As in `sites.csv`.", examples=["centre-rotonde"])]


class Me(View):
    """The account of the request, and what it may see and do."""

    name: str
    role: Role
    operators: tuple[str, ...] | None = Field(description="Whose cameras they see; null: everybody's.")


@router.get("/me", response_model=Me, summary="Who I am here")
async def me(viewer: CurrentUser) -> Response:
    """Return the account behind the request."""
    operators = None if viewer.operators is None else tuple(sorted(viewer.operators))
    return json_response(Me(name=viewer.name, role=viewer.role, operators=operators))


@router.get("/fleet", response_model=FleetView, summary="Fleet summary")
async def fleet_summary(ctx: Context, viewer: CurrentUser) -> Response:
    """Return how many cameras are what, and whether camwatch can see them."""
    return json_response(await run_cooperatively(fleet.fleet(ctx.live, viewer)))


@router.get("/operators", response_model=Page[OperatorView], summary="Operators and how they stand")
async def operators(ctx: Context, viewer: CurrentUser, paging: Paging) -> Response:
    """Return them in the order of the inventory."""
    return json_response(paging.of(await run_cooperatively(fleet.operators(ctx.live, viewer, ctx.rolling()))))


@router.get("/operators/{operator}", response_model=OperatorView, summary="One operator")
async def one_operator(ctx: Context, viewer: CurrentUser, operator: OperatorId) -> Response:
    """Return its cameras by status, and its accounts by window."""
    return json_response(await run_cooperatively(fleet.operator(ctx.live, viewer, operator, ctx.rolling())))


@router.get("/operators/{operator}/daily", response_model=Days, summary="An operator's accounts by day")
async def operator_daily(
    ctx: Context,
    viewer: CurrentUser,
    operator: OperatorId,
    days: Annotated[int, Query(ge=1, le=400, description="How many, today included.")] = 90,
) -> Response:
    """Return the sums of its cameras' days."""
    fleet.check_operator(ctx.live, viewer, operator)
    zone, now_ms = ctx.live.timezone, ctx.live.now.utc_ms
    calendar = Calendar(zone)
    last = calendar.date_of(now_ms)
    first = last - timedelta(days=days - 1)

    def work() -> Days:
        record = ctx.history.read((operator,), calendar.start_of(first), now_ms)
        return Days(days=service_levels.days(record, zone, first, last))

    return json_response(await ctx.threads.run(viewer, work))


@router.get("/sites", response_model=Page[SiteView], summary="Sites and their cameras")
async def sites(ctx: Context, viewer: CurrentUser, paging: Paging) -> Response:
    """Return where there are cameras to see, in the order of the inventory."""
    total, found = await run_cooperatively(fleet.site_page(ctx.live, viewer, paging.slice))
    return json_response(paging.page(found, total))


@router.get("/sites/{site}", response_model=SiteView, summary="One site")
async def one_site(ctx: Context, viewer: CurrentUser, site: SiteId) -> Response:
    """Return its cameras by status."""
    return json_response(fleet.site(ctx.live, viewer, site))


@router.get("/incidents", response_model=Page[IncidentView], summary="Open incidents, newest first")
async def list_incidents(ctx: Context, viewer: CurrentUser, paging: Paging) -> Response:
    """Return many cameras' one cause: a site, an operator, a link."""
    found = incidents.open_incidents(ctx.live, viewer)
    return json_response(
        paging.page([incidents.view(ctx.live, each) for each in found[paging.slice]], len(found))
    )


@router.get("/links", response_model=Page[LinkView], summary="Sessions with brokers")
async def links(ctx: Context, viewer: CurrentUser, paging: Paging) -> Response:
    """Return those that carry cameras to see."""
    return json_response(paging.of(fleet.links(ctx.live, viewer)))
