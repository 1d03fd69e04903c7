"""Maintenance windows: read, plan, cancel."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from camwatch.core.model import Scope
from camwatch.services.corrections import MaintenanceRequest
from camwatch.web import corrections
from camwatch.web.api.dependencies import (
    Context,
    CurrentEditor,
    CurrentUser,
    Number,
    Paging,
    Time,
    milliseconds,
)
from camwatch.web.api.responses import json_response
from camwatch.web.problems import ProblemError
from camwatch.web.views.base import Page
from camwatch.web.views.history import MaintenanceView

router = APIRouter(tags=["maintenance"])


class NewWindow(BaseModel):
    """A window to be planned, or one that was forgotten."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "scope": "camera",
                    "id": "ville-centre-01",
                    "from": "2026-12-01T08:00:00+01:00",
                    "to": "2026-12-01T12:00:00+01:00",
                    "reason": "Mast replaced",
                }
            ]
        },
    )

    scope: Scope
    id: str = Field(max_length=63, description="Of the camera, site or operator.")
    start: Time = Field(alias="from", description="May be in the past: figures are corrected then.")
    end: Time = Field(alias="to", description="Itself not inside.")
    reason: str = Field(min_length=1, max_length=500, description="In words, on one line.")


class Reason(BaseModel):
    """Why something is done."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"reason": "Put off until the spring"}]}
    )

    reason: str = Field(min_length=1, max_length=500, description="In words, on one line.")


@router.get("/maintenance", response_model=Page[MaintenanceView], summary="Maintenance windows")
async def list_windows(
    ctx: Context,
    viewer: CurrentUser,
    paging: Paging,
    past: Annotated[bool, Query(description="Also those that are over or cancelled.")] = False,
) -> Response:
    """Return those that cover cameras to see, those that begin last first."""
    now_ms = ctx.live.now.utc_ms
    found = await ctx.threads.run(viewer, lambda: corrections.maintenance_windows(ctx, viewer, now_ms))
    if not past:
        found = [window for window in found if window.state in ("planned", "under_way")]
    return json_response(paging.of(found))


@router.get("/maintenance/{number}", response_model=MaintenanceView, summary="One maintenance window")
async def one_window(ctx: Context, viewer: CurrentUser, number: Number) -> Response:
    """Return a window that was added; those of the inventory have no number."""
    now_ms = ctx.live.now.utc_ms
    return json_response(
        await ctx.threads.run(viewer, lambda: corrections.maintenance_window(ctx, viewer, number, now_ms))
    )


@router.post("/maintenance", status_code=201, response_model=MaintenanceView, summary="Plan maintenance")
async def add_window(ctx: Context, viewer: CurrentEditor, said: NewWindow) -> Response:
    """Append a window. It holds within seconds; one in the past corrects the figures."""
    start, end = milliseconds(said.start), milliseconds(said.end)
    if end <= start:
        raise ProblemError(422, "to: is not after from")
    window, now_ms = MaintenanceRequest(said.scope, said.id, start, end), ctx.live.now.utc_ms
    found = await ctx.threads.run(
        viewer, lambda: corrections.schedule_maintenance(ctx, viewer, window, said.reason, now_ms)
    )
    return json_response(found, 201)


@router.post("/maintenance/{number}/cancel", response_model=MaintenanceView, summary="Cancel maintenance")
async def cancel_window(ctx: Context, viewer: CurrentEditor, number: Number, said: Reason) -> Response:
    """Append that a window is cancelled.

    One that has not begun is deleted, one under way ends now, one that is over no longer counts.
    """
    now_ms = ctx.live.now.utc_ms
    return json_response(
        await ctx.threads.run(
            viewer, lambda: corrections.cancel_maintenance(ctx, viewer, number, said.reason, now_ms)
        )
    )
