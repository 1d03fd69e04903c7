"""Incidents that are open, with their cameras, and when camwatch could not see."""

from __future__ import annotations

from heapq import nsmallest
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from camwatch.web.api.dependencies import CurrentUser
from camwatch.web.auth.principal import Principal
from camwatch.web.pages.renderer import PageRenderer
from camwatch.web.views import cameras, history, incidents

_SHOWN: Final = 50
_ROWS: Final = 100  # cameras in all: when a whole city is down, the page must not be what is slow
_WEEK_MS: Final = 7 * 86_400_000
_BLIND: Final = 100


class IncidentPages:
    """Serves `/incidents`."""

    def __init__(self, frame: PageRenderer, router: APIRouter) -> None:
        self._frame = frame
        router.add_api_route("/incidents", self.whole, methods=["GET"])
        router.add_api_route("/partials/incidents", self.partial, methods=["GET"])
        router.add_api_route("/incidents/blind", self.blind, methods=["GET"])

    async def whole(self, request: Request, viewer: CurrentUser) -> Response:
        """Return the page."""
        return self._page(request, viewer, "incidents.html")

    async def partial(self, request: Request, viewer: CurrentUser) -> Response:
        """Return what changes of it."""
        return self._page(request, viewer, "partials/incidents.html")

    def _page(self, request: Request, viewer: Principal, template: str) -> Response:
        live = self._frame.parts.live
        opened = incidents.open_incidents(live, viewer)
        opened.sort(key=lambda incident: -len(incident.cameras))
        found, room = [], _ROWS
        for incident in opened[:_SHOWN]:
            members = nsmallest(room, incident.cameras, key=lambda state: state.camera.id)
            found.append((incidents.summarize(live, incident), cameras.to_rows(live, members)))
            room -= len(members)
        more = max(len(opened) - _SHOWN, 0)
        return self._frame.render_page(
            request, viewer, template, "incidents", incidents=found, incidents_more=more
        )

    async def blind(self, request: Request, viewer: CurrentUser) -> Response:
        """Return when cameras of theirs were out of sight in the last week, the newest first."""
        parts = self._frame.parts
        now = parts.live.now.utc_ms
        records = await parts.threads.run(viewer, lambda: parts.history.monitoring_gaps(now - _WEEK_MS, now))
        found = history.monitoring_gaps(viewer, records)
        names = {row.id: row.name for row in parts.live.inventory.operators.values()}
        return self._frame.render_page(
            request,
            viewer,
            "partials/gap_list.html",
            "incidents",
            list=[
                (blind, ", ".join(names.get(each, each) for each in blind.operators or ()))
                for blind in found[:_BLIND]
            ],
        )
