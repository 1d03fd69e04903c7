"""The inventory: what is wrong with it, and who sends without being in it. For those who see all."""

from __future__ import annotations

from fastapi import APIRouter, Response

from camwatch.web.api.dependencies import Context, CurrentUser, Paging
from camwatch.web.api.responses import json_response
from camwatch.web.views import inventory
from camwatch.web.views.base import Page
from camwatch.web.views.inventory import InventoryView, UnregisteredView

router = APIRouter(prefix="/inventory", tags=["inventory"])


@router.get("", response_model=InventoryView, summary="How the inventory is")
async def how_it_is(ctx: Context, viewer: CurrentUser) -> Response:
    """Return when it was read, and what is wrong with it. Accounts that do not see all operators get 404."""
    return json_response(inventory.inventory(ctx.live, viewer))


@router.get(
    "/unregistered", response_model=Page[UnregisteredView], summary="Ids that are not in the inventory"
)
async def unregistered(ctx: Context, viewer: CurrentUser, paging: Paging) -> Response:
    """Return the last 1,000 ids that sent without being in the inventory, the latest first."""
    return json_response(paging.of(inventory.unregistered(ctx.live, viewer)))
