"""The fleet at a glance: counts, the map, what is not well, operators, and all cameras in a list."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.datastructures import QueryParams
from starlette.responses import Response

from camwatch.core.camera_view import CameraView
from camwatch.core.model import IncidentKind, Purpose, Status
from camwatch.monitoring.service import MonitorService
from camwatch.web.api.dependencies import CurrentUser
from camwatch.web.auth.principal import Principal
from camwatch.web.pages.error_budget import budget_of
from camwatch.web.pages.form_input import offset_of
from camwatch.web.pages.formatting import Language
from camwatch.web.pages.overview import FleetSnapshotCache
from camwatch.web.pages.renderer import PageRenderer
from camwatch.web.pages.request_cache import TtlCache
from camwatch.web.views import cameras, fleet, incidents
from camwatch.web.views.base import page, run_cooperatively
from camwatch.web.views.cameras import Filter
from camwatch.web.views.fleet import Counts, SiteView
from camwatch.web.views.incidents import IncidentSummary

PAGE_SIZE: Final = 50
"""Cameras on a page of the list."""
_MAX_ATTENTION: Final = 30
_INCIDENTS: Final = 12
_PLACES: Final = 12  # operators, and sites, that a search names
_OWN_MOST: Final = 24  # cameras; someone with so few sees their days at once
_WARNINGS: Final = ("suspect", "flapping", "degraded", "overdue")


@dataclass(frozen=True, slots=True)
class Headline:
    """The answer before any question: how it is, in a line."""

    kind: str
    icon: str
    title: str
    text: str


class FleetPage:
    """Serves `/`, and what of it is refreshed."""

    def __init__(self, frame: PageRenderer, router: APIRouter) -> None:
        self._frame = frame
        self._overviews = FleetSnapshotCache(frame.parts)
        self._refreshed: TtlCache[Response] = TtlCache()
        router.add_api_route("/", self.whole, methods=["GET"])
        router.add_api_route("/partials/fleet", self.partial, methods=["GET"])
        router.add_api_route("/search", self.search, methods=["GET"])

    async def whole(self, request: Request, viewer: CurrentUser) -> Response:
        """Return the page."""
        context = await self._context(request, viewer)
        return self._frame.render_page(request, viewer, "fleet.html", "fleet", **context)

    async def partial(self, request: Request, viewer: CurrentUser) -> Response:
        """Return what changes of it: made once for all who see the same, and ask for it at once."""
        w, packed = self._frame.language(request), "gzip" in request.headers.get("accept-encoding", "")
        root = request.scope.get("root_path", "")
        key = (viewer.operators, w.lang, root, str(request.query_params), packed)
        made = await self._refreshed.get(key, lambda: self._part(request, viewer))
        return Response(made.body, headers=dict(made.headers))

    async def _part(self, request: Request, viewer: Principal) -> Response:
        context = await self._context(request, viewer)
        return self._frame.render_page(request, viewer, "partials/fleet.html", "fleet", **context)

    async def search(self, request: Request, viewer: CurrentUser) -> Response:
        """Return what has a name like that."""
        live = self._frame.parts.live
        q = request.query_params.get("q", "").strip()[:200]
        words = [cameras.normalize(word) for word in q.split()]

        def named(row: Any) -> bool:
            return bool(words) and all(word in cameras.normalize(row.name) for word in words)

        found = await run_cooperatively(cameras.query(live, viewer, Filter(q=q))) if words else []
        sites = (await self._overviews.get(viewer)).sites
        known = live.inventory.operators
        return self._frame.render_page(
            request,
            viewer,
            "search.html",
            q=q,
            total=len(found),
            operators=[known[row] for row in viewer.visible(known) if named(known[row])][:_PLACES],
            sites=[row for row in sites if named(row) and row.counts.total][:_PLACES],
            cameras=_page(live, found, request.query_params),
            list_path="/search",
        )

    async def _context(self, request: Request, viewer: Principal) -> dict[str, Any]:
        live, w, query = self._frame.parts.live, self._frame.language(request), request.query_params
        seen = await self._overviews.get(viewer)
        counts, operators = seen.counts, seen.operators
        wanted = _parse_filter(query)
        listed = seen.cameras
        if wanted != Filter():
            found = await run_cooperatively(cameras.query(live, viewer, wanted, cameras.Sort.ID))
            chosen = set(found)  # `everyone` is in the order of the worst already
            listed = [state for state in seen.cameras if state in chosen]
        now = live.now
        warned = sum(state.status_at(now) in (Status.UP, Status.PLANNED) for state in seen.needing_attention)
        one = len(operators) == 1 and counts.total <= _OWN_MOST
        return {
            "counts": counts,
            "first_step": _first_step(viewer),
            "warned": warned,
            "verdict": _verdict(w, counts, warned, viewer, blind=fleet.blind(live, viewer).now),
            "places": _places(seen.sites),
            "incident_url": partial(_incident_url, request.scope.get("root_path", "")),
            "many_operators": len(operators) > 1,
            "operators": operators,
            "own": operators[0].id if one else "",
            "budget": partial(budget_of, w),
            "wanted": wanted,
            "filtered": wanted != Filter(),
            "filters": _filters(w, live, viewer, seen.sites, query),
            "cameras": _page(live, listed, query),
            "list_path": "/",
            **_attention_list(live, viewer, seen.needing_attention),
        }


def _attention_list(live: MonitorService, viewer: Principal, unwell: list[CameraView]) -> dict[str, Any]:
    """Return what is not well: incidents, and the cameras that are in none of them."""
    opened = incidents.open_incidents(live, viewer)
    told = {state.index for incident in opened for state in incident.cameras}
    opened.sort(key=lambda incident: -len(incident.cameras))
    dark, now = frozenset(fleet.blind(live, viewer).operators), live.now

    def out_of_sight(state: CameraView) -> bool:
        return state.camera.operator in dark and state.status_at(now) is Status.UNKNOWN

    alone = [state for state in unwell if state.index not in told and not out_of_sight(state)]
    return {
        "incidents": [incidents.summarize(live, each) for each in opened[:_INCIDENTS]],
        "incidents_more": max(len(opened) - _INCIDENTS, 0),
        "unseen": sum(map(out_of_sight, unwell)),
        "attention": cameras.to_rows(live, alone[:_MAX_ATTENTION]),
        "attention_more": max(len(alone) - _MAX_ATTENTION, 0),
        "attention_total": len(unwell),
    }


def _parse_filter(query: QueryParams) -> Filter:
    """Return what a query asks for; what it does not know, it does not ask for."""
    asked = query.getlist("status")
    purpose = query.get("purpose")
    return Filter(
        operator=query.get("operator") or None,
        site=query.get("site") or None,
        zone=query.get("zone") or None,
        purpose=Purpose(purpose) if purpose in {each.value for each in Purpose} else None,
        status=tuple(status for status in Status if status.value in asked),
        condition=_WARNINGS if "warning" in asked else (),
        q=query.get("q", "").strip()[:200],
    )


def _page(live: MonitorService, states: list[CameraView], query: QueryParams) -> Any:
    offset = offset_of(query)
    if offset >= len(states):
        offset = 0
    return page(cameras.to_rows(live, states[offset : offset + PAGE_SIZE]), len(states), offset, PAGE_SIZE)


def _filters(
    w: Language, live: MonitorService, viewer: Principal, sites: list[SiteView], query: QueryParams
) -> list[Any]:
    """Return the fields of the form: name, choices, what is chosen."""
    t = w.text
    inventory = live.inventory
    seen = viewer.visible(inventory.operators)
    zones = sorted({site.zone for site in sites if site.counts.total}, key=cameras.normalize)
    statuses = [(status.value, t(f"status_{status}")) for status in reversed(Status)]
    return [
        (name, choices, query.get(name, ""))
        for name, choices in (
            ("status", [*statuses, ("warning", t("condition_warning"))]),
            ("operator", [(each, inventory.operators[each].name) for each in seen]),
            ("zone", [(zone, zone) for zone in zones]),
            ("purpose", [(each.value, t(f"purpose_{each}")) for each in Purpose]),
        )
    ]


def _verdict(w: Language, counts: Counts, warned: int, viewer: Principal, *, blind: bool) -> Headline:
    of = w.text("verdict_of", up=w.number(counts.up), total=w.number(counts.in_service))
    if not counts.total:
        return Headline("planned", "planned", w.text("verdict_empty"), w.text(_first_step(viewer)))
    if blind:
        unseen = [w.text("unseen", n=counts.unknown)] if counts.unknown else []
        seen = [of] if counts.up else []
        return Headline("unknown", "blind", w.text("verdict_blind"), " – ".join(unseen + seen))
    if counts.down:
        return Headline("down", "down", w.text("verdict_down", n=counts.down), of)
    if counts.unknown:
        return Headline("unknown", "unknown", w.text("verdict_unknown", n=counts.unknown), of)
    if not counts.in_service:
        return Headline("planned", "planned", w.text("verdict_nothing"), w.text("verdict_nothing_text"))
    if warned:
        return Headline("warning", "warning", w.text("verdict_warning", n=warned), of)
    if not counts.up:
        return Headline("maintenance", "maintenance", w.text("verdict_quiet"), of)
    return Headline("up", "up", w.text("verdict_fine"), of)


def _first_step(viewer: Principal) -> str:
    """Return what to do while there is no camera at all."""
    return "first_step" if viewer.can_see_all else "first_step_of_others"


def _places(sites: list[SiteView]) -> Markup:
    """Return the dots of the map as JSON for the page's script, in few bytes."""
    found = [
        {
            "id": place.id,
            "name": place.name,
            "zone": place.zone,
            "at": [place.latitude, place.longitude],
            "worst": place.worst,
            "n": {
                name: count
                for name in ("down", "unknown", "maintenance", "up", "planned", "retired")
                if (count := getattr(place.counts, name))
            },
        }
        for place in sites
        if place.latitude is not None and place.longitude is not None and place.counts.total
    ]
    text = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    # Inside an element only these two begin something; quotes stay as they are, which saves a third.
    return Markup(text.replace("&", "&amp;").replace("<", "&lt;"))  # noqa: S704 - escaped here


def _incident_url(root: str, incident: IncidentSummary) -> str:
    if incident.kind is IncidentKind.SITE:
        return f"{root}/?site={incident.id}#cameras"
    return (
        f"{root}/operators/{incident.id}" if incident.kind is IncidentKind.OPERATOR else f"{root}/incidents"
    )
