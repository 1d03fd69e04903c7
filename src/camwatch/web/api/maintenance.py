"""Maintenance windows: read, plan, cancel."""

from __future__ import annotations

from typing import Annotated

import structlog
from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from camwatch.clock import wall_ms
from camwatch.core.model import Scope
from camwatch.core.record import OPEN_END
from camwatch.web.api.answers import answer
from camwatch.web.api.asking import Editor, House, Paging, Seer, Time, milliseconds
from camwatch.web.parts import Parts
from camwatch.web.problems import Problem, missing
from camwatch.web.viewer import Viewer
from camwatch.web.views.base import Page
from camwatch.web.views.maintenance import Reach, windows
from camwatch.web.views.past import WindowView

router = APIRouter(tags=["maintenance"])

WindowNumber = Annotated[int, Path(ge=1, le=2**53, description="Of the window.")]
_audit = structlog.get_logger("audit")


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
    start: Time = Field(alias="from", description="In the past, too: figures are corrected then.")
    end: Time = Field(alias="to", description="Itself not inside.")
    reason: str = Field(min_length=1, max_length=500, description="In words, on one line.")


class Reason(BaseModel):
    """Why something is done."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"why": "Put off until the spring"}]}
    )

    why: str = Field(min_length=1, max_length=500, description="In words, on one line.")


@router.get("/maintenance", response_model=Page[WindowView], summary="Maintenance windows")
async def list_windows(
    house: House,
    viewer: Seer,
    paging: Paging,
    past: Annotated[bool, Query(description="Also those that are over or withdrawn.")] = False,
) -> Response:
    """Return those that cover cameras to see, those that begin last first."""
    now_ms = house.live.now.utc_ms
    found = await house.threads.run(lambda: _windows(house, viewer, now_ms))
    if not past:
        found = [window for window in found if window.state in ("planned", "under_way")]
    return answer(paging.of(found))


@router.get("/maintenance/{number}", response_model=WindowView, summary="One maintenance window")
async def one_window(house: House, viewer: Seer, number: WindowNumber) -> Response:
    """Return a window that was added; those of the inventory have no number."""
    now_ms = house.live.now.utc_ms
    return answer(await house.threads.run(lambda: _window(house, viewer, number, now_ms)))


@router.post("/maintenance", status_code=201, response_model=WindowView, summary="Plan maintenance")
async def add_window(house: House, viewer: Editor, said: NewWindow) -> Response:
    """Append a window. It holds within seconds; one in the past corrects the figures."""
    start, end = milliseconds(said.start), milliseconds(said.end)
    if end <= start:
        raise Problem(422, "to: is not after from")
    now_ms = house.live.now.utc_ms

    def work() -> WindowView:
        reach = Reach(house.live, viewer, house.archive.known(None))
        reach.check(said.scope, said.id)
        number = house.archive.add_window(viewer.name, said.reason, said.scope, said.id, start, end)
        return _window(house, viewer, number, now_ms)

    window = await house.threads.run(work)
    _audit.info(
        "maintenance added",
        who=viewer.name,
        window=window.number,
        scope=str(said.scope),
        id=said.id,
        start=said.start.isoformat(),
        end=said.end.isoformat(),
        why=said.reason,
    )
    return answer(window, 201)


@router.post("/maintenance/{number}/cancel", response_model=WindowView, summary="Cancel maintenance")
async def cancel_window(house: House, viewer: Editor, number: WindowNumber, said: Reason) -> Response:
    """Append that a window is cancelled.

    One that has not begun never was, one under way ends now, one that is over counts no more.
    """
    now_ms = house.live.now.utc_ms

    def work() -> tuple[int, WindowView]:
        window = _window(house, viewer, number, now_ms)
        Reach(house.live, viewer, house.archive.known(None)).check(window.scope, window.id)
        seq = house.archive.cancel_window(viewer.name, said.why, number)
        return seq, _window(house, viewer, number, wall_ms())  # by the clock that dated its end

    seq, window = await house.threads.run(work)
    _audit.info(
        "maintenance cancelled",
        who=viewer.name,
        window=number,
        scope=str(window.scope),
        id=window.id,
        why=said.why,
        correction=seq,
    )
    return answer(window)


def _windows(house: Parts, viewer: Viewer, now_ms: int) -> list[WindowView]:
    archive = house.archive
    return windows(house.live, viewer, archive.windows(0, OPEN_END), archive.known(None), now_ms)


def _window(house: Parts, viewer: Viewer, number: int, now_ms: int) -> WindowView:
    """Return a window. Raises Problem (404) if there is none for this viewer."""
    for window in _windows(house, viewer, now_ms):
        if window.number == number:
            return window
    raise missing(f"maintenance window {number}")
