"""Live events, as server-sent events."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query, Response

from camwatch.web.api.dependencies import Context, CurrentUser
from camwatch.web.api.responses import StreamResponse

router = APIRouter(tags=["events"])

_EXAMPLE = (
    "id: 5f0c2a9e-9d41c07be8a6\n"
    "event: transition\n"
    'data: {"camera":"ville-centre-01","name":"Rotonde nord","operator":"ville","site":"centre-rotonde",'
    '"old":"up","new":"down","at":"2026-11-25T02:11:09.214000Z","detected_at":"2026-11-25T02:11:54.220000Z",'
    '"cause":"timeout"}\n\n'
)


@router.get(
    "/events",
    response_class=StreamResponse,
    summary="Live events",
    responses={
        200: {
            "description": "Server-sent events.",
            "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}},
        }
    },
)
async def events(
    ctx: Context,
    viewer: CurrentUser,
    last_event_id: Annotated[
        str | None,
        Header(max_length=100, description="Continue after this event; browsers send it on their own."),
    ] = None,
    after: Annotated[
        str | None, Query(max_length=100, description="The same, for who cannot send the header.")
    ] = None,
) -> Response:
    """Stream what happens to the cameras that the client may see.

    The events: `transition`, `outage`, `incident`, `reboot`, `link`, `visibility`, `monitoring_gap`,
    `inventory_reloaded`; `resync` if events were missed that are no longer kept: load everything again.
    `ping` comes at the start, and every 15 seconds if nothing else is sent.
    """
    stream = ctx.events.stream(viewer, last_event_id or after)
    return StreamResponse(
        stream, "text/event-stream", {"cache-control": "no-store", "x-accel-buffering": "no"}
    )
