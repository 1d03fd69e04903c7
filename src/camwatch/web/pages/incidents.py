"""The incidents page: open incidents with their cameras, and monitoring gaps."""

from __future__ import annotations

from heapq import nsmallest
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from camwatch.web.api.dependencies import CurrentUser
from camwatch.web.pages.renderer import PageRenderer, add_page
from camwatch.web.views import cameras, history, incidents

_MAX_INCIDENTS: Final = 50
_MAX_CAMERAS: Final = 100  # in all, so that the page stays fast when a whole city is down
_WEEK_MS: Final = 7 * 86_400_000
_MAX_GAPS: Final = 100


class IncidentPages:
    """Serves `/incidents`."""

    def __init__(self, frame: PageRenderer, router: APIRouter) -> None:
        self._frame = frame
        add_page(router, "/incidents", self.whole)
        router.add_api_route("/incidents/blind", self.blind)

    async def whole(self, request: Request, viewer: CurrentUser) -> Response:
        """Return the page."""
        live = self._frame.parts.live
        opened = incidents.open_incidents(live, viewer)
        opened.sort(key=lambda incident: -len(incident.cameras))
        found, room = [], _MAX_CAMERAS
        for incident in opened[:_MAX_INCIDENTS]:
            members = nsmallest(room, incident.cameras, key=lambda state: state.camera.id)
            found.append((incidents.summarize(live, incident), cameras.to_rows(live, members)))
            room -= len(members)
        more = max(len(opened) - _MAX_INCIDENTS, 0)
        return self._frame.render_page(
            request, viewer, "incidents.html", "incidents", incidents=found, incidents_more=more
        )

    async def blind(self, request: Request, viewer: CurrentUser) -> Response:
        """Return the monitoring gaps of the user's cameras in the last week, newest first."""
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
                (gap, ", ".join(names.get(each, each) for each in gap.operators or ()))
                for gap in found[:_MAX_GAPS]
            ],
        )
