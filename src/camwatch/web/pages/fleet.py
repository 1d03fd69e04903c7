"""The fleet page: counts, the map, what needs attention, operators, and the list of cameras."""

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
from camwatch.i18n import Language
from camwatch.monitoring.service import MonitorService
from camwatch.web.api.dependencies import CurrentUser
from camwatch.web.auth.principal import Principal
from camwatch.web.context import AppContext
from camwatch.web.pages.form_input import page_of
from camwatch.web.pages.renderer import PageRenderer
from camwatch.web.pages.request_cache import TtlCache
from camwatch.web.views import cameras, fleet, incidents
from camwatch.web.views.base import CooperativeTask, run_cooperatively
from camwatch.web.views.cameras import Filter
from camwatch.web.views.fleet import Counts, OperatorView, SiteView
from camwatch.web.views.incidents import IncidentSummary

PAGE_SIZE: Final = 50
"""Cameras on a page of the list."""
_MAX_ATTENTION: Final = 30
_MAX_INCIDENTS: Final = 12
_MAX_PLACES: Final = 12  # operators, and sites, in search results
_MAX_OWN: Final = 24  # cameras; a user with one operator and no more sees their uptime bars here
_STATUSES: Final = frozenset(Status)
_WARNINGS: Final = ("suspect", "flapping", "degraded", "overdue")


@dataclass(frozen=True, slots=True)
class FleetSnapshot:
    """The cameras, operators and sites that a user can see, at an instant; cameras are sorted worst first."""

    counts: Counts
    cameras: list[CameraView]
    needing_attention: list[CameraView]
    operators: list[OperatorView]
    sites: list[SiteView]


@dataclass(frozen=True, slots=True)
class Headline:
    """The state of the fleet in a line."""

    kind: str
    icon: str
    title: str
    text: str


class FleetPage:
    """Serves `/`, its refreshes, and the search."""

    def __init__(self, frame: PageRenderer, router: APIRouter) -> None:
        self._frame = frame
        self._snapshots: TtlCache[FleetSnapshot] = TtlCache()
        self._refreshed: TtlCache[Response] = TtlCache()
        router.add_api_route("/", self.whole)
        router.add_api_route("/partials/fleet", self.partial)
        router.add_api_route("/search", self.search)

    async def whole(self, request: Request, viewer: CurrentUser) -> Response:
        """Return the page."""
        context = await self._context(request, viewer)
        return self._frame.render_page(request, viewer, "fleet.html", "fleet", **context)

    async def partial(self, request: Request, viewer: CurrentUser) -> Response:
        """Return the parts that change; rendered once for all clients with the same view."""
        w, packed = self._frame.language(request), "gzip" in request.headers.get("accept-encoding", "")
        root = request.scope.get("root_path", "")
        key = (viewer.operators, w.lang, root, str(request.query_params), packed)
        response = await self._refreshed.get(key, lambda: self.whole(request, viewer))
        return Response(response.body, headers=dict(response.headers))

    async def search(self, request: Request, viewer: CurrentUser) -> Response:
        """Return the operators, sites and cameras whose name matches."""
        live = self._frame.parts.live
        q = request.query_params.get("q", "").strip()[:200]
        words = [cameras.normalize(word) for word in q.split()]

        def named(row: Any) -> bool:
            return bool(words) and all(word in cameras.normalize(row.name) for word in words)

        found = await run_cooperatively(cameras.query(live, viewer, Filter(q=q))) if words else []
        sites = (await self._snapshot(viewer)).sites
        known = live.inventory.operators
        return self._frame.render_page(
            request,
            viewer,
            "search.html",
            q=q,
            total=len(found),
            operators=[known[row] for row in viewer.visible(known) if named(known[row])][:_MAX_PLACES],
            sites=[row for row in sites if named(row) and row.counts.total][:_MAX_PLACES],
            cameras=page_of(request.query_params, found, PAGE_SIZE, partial(cameras.to_rows, live)),
            list_path="/search",
        )

    async def _snapshot(self, viewer: Principal) -> FleetSnapshot:
        """Return the fleet as a user sees it; users with the same operators share it."""
        return await self._snapshots.get(viewer.operators, lambda: _take_snapshot(self._frame.parts, viewer))

    async def _context(self, request: Request, viewer: Principal) -> dict[str, Any]:
        live, w, query = self._frame.parts.live, self._frame.language(request), request.query_params
        seen = await self._snapshot(viewer)
        counts, operators = seen.counts, seen.operators
        wanted = _parse_filter(query)
        listed = seen.cameras
        if wanted != Filter():
            found = await run_cooperatively(cameras.query(live, viewer, wanted, cameras.Sort.ID))
            chosen = set(found)  # the snapshot has the worst first already
            listed = [state for state in seen.cameras if state in chosen]
        now = live.now
        warned = sum(state.status_at(now) in (Status.UP, Status.PLANNED) for state in seen.needing_attention)
        one = len(operators) == 1 and counts.total <= _MAX_OWN
        return {
            "counts": counts,
            "first_step": _first_step(w, viewer),
            "warned": warned,
            "verdict": _verdict(w, counts, warned, viewer, blind=fleet.blind(live, viewer).now),
            "places": _places(seen.sites),
            "incident_url": partial(_incident_url, request.scope.get("root_path", "")),
            "many_operators": len(operators) > 1,
            "operators": operators,
            "own": operators[0].id if one else "",
            "wanted": wanted,
            "filtered": wanted != Filter(),
            "filters": _filters(w, live, viewer, seen.sites, query),
            "cameras": page_of(query, listed, PAGE_SIZE, partial(cameras.to_rows, live)),
            "list_path": "/",
            **_attention_list(live, viewer, seen.needing_attention),
        }


async def _take_snapshot(ctx: AppContext, viewer: Principal) -> FleetSnapshot:
    live = ctx.live
    everyone = await run_cooperatively(cameras.query(live, viewer, Filter()))
    attention = await run_cooperatively(_needing_attention(live, everyone))
    census = await run_cooperatively(fleet.count_cameras(live, viewer))
    operators = await run_cooperatively(fleet.operators(live, viewer, ctx.rolling(), census))
    sites = await run_cooperatively(fleet.sites(live, viewer, census))
    fields = Counts.model_fields
    counts = Counts(**{name: sum(getattr(each.counts, name) for each in operators) for name in fields})
    return FleetSnapshot(counts, everyone, attention, operators, sites)


def _needing_attention(live: MonitorService, everyone: list[CameraView]) -> CooperativeTask[list[CameraView]]:
    found: list[CameraView] = []
    for some in cameras.batches(everyone):
        now = live.now
        found += [state for state in some if cameras.needs_attention(state, now)]
        yield
    return found


def _attention_list(live: MonitorService, viewer: Principal, unwell: list[CameraView]) -> dict[str, Any]:
    """Return what needs attention: incidents, and the cameras that belong to none."""
    opened = incidents.open_incidents(live, viewer)
    explained = {state.index for incident in opened for state in incident.cameras}
    opened.sort(key=lambda incident: -len(incident.cameras))
    blind, now = frozenset(fleet.blind(live, viewer).operators), live.now

    def not_visible(state: CameraView) -> bool:
        return state.camera.operator in blind and state.status_at(now) is Status.UNKNOWN

    alone = [state for state in unwell if state.index not in explained and not not_visible(state)]
    return {
        "incidents": [incidents.summarize(live, each) for each in opened[:_MAX_INCIDENTS]],
        "incidents_more": max(len(opened) - _MAX_INCIDENTS, 0),
        "unseen": sum(map(not_visible, unwell)),
        "attention": cameras.to_rows(live, alone[:_MAX_ATTENTION]),
        "attention_more": max(len(alone) - _MAX_ATTENTION, 0),
        "attention_total": len(unwell),
    }


def _parse_filter(query: QueryParams) -> Filter:
    """Return the filter of a query; values that do not exist are ignored."""
    asked = query.getlist("status")
    return Filter(
        operator=query.get("operator") or None,
        site=query.get("site") or None,
        zone=query.get("zone") or None,
        purpose=next((purpose for purpose in Purpose if purpose == query.get("purpose")), None),
        status=tuple(status for status in Status if status.value in asked),
        condition=_WARNINGS if "warning" in asked else (),
        q=query.get("q", "").strip()[:200],
    )


def _filters(
    w: Language, live: MonitorService, viewer: Principal, sites: list[SiteView], query: QueryParams
) -> list[Any]:
    """Return the fields of the form: name, label, choices, and the value that is chosen."""
    inventory = live.inventory
    seen = viewer.visible(inventory.operators)
    zones = sorted({site.zone for site in sites if site.counts.total}, key=cameras.normalize)
    statuses = [(status.value, w.label("status", status)) for status in reversed(Status)]
    return [
        (name, w.label("filter", name), choices, query.get(name, ""))
        for name, choices in (
            ("status", [*statuses, ("warning", w.gettext("Warnings"))]),
            ("operator", [(each, inventory.operators[each].name) for each in seen]),
            ("zone", [(zone, zone) for zone in zones]),
            ("purpose", [(each.value, w.label("purpose", each)) for each in Purpose]),
        )
    ]


def _verdict(w: Language, counts: Counts, warned: int, viewer: Principal, *, blind: bool) -> Headline:
    """Return the headline: the first of these that applies."""
    seen = w.gettext(
        "{up} up of {total} in service", up=w.number(counts.up), total=w.number(counts.in_service)
    )
    unseen = w.ngettext("{n} camera not visible", "{n} cameras not visible", counts.unknown)
    down = w.ngettext("{n} camera down", "{n} cameras down", counts.down)
    unknown = w.ngettext("{n} camera unknown", "{n} cameras unknown", counts.unknown)
    none_yet = w.gettext("Cameras are monitored once they are in service.")
    warning = w.ngettext("{n} camera with a warning", "{n} cameras with warnings", warned)
    visible = " – ".join(text for number, text in ((counts.unknown, unseen), (counts.up, seen)) if number)
    headlines = (
        (not counts.total, "planned", w.gettext("No camera"), _first_step(w, viewer)),
        (blind, "blind", w.gettext("Monitoring interrupted"), visible),
        (counts.down, "down", down, seen),
        (counts.unknown, "unknown", unknown, seen),
        (not counts.in_service, "planned", w.gettext("No camera in service"), none_yet),
        (warned, "warning", warning, seen),
        (not counts.up, "maintenance", w.gettext("Under maintenance"), seen),
        (True, "up", w.gettext("All is well"), seen),
    )
    _, icon, title, text = next(headline for headline in headlines if headline[0])
    return Headline("unknown" if icon == "blind" else icon, icon, title, text)


def _first_step(w: Language, viewer: Principal) -> str:
    """Return what to do while there is no camera at all."""
    if viewer.can_see_all:
        return w.gettext(
            "The inventory is empty: fill operators.csv, sites.csv and cameras.csv in the folder "
            "fleet.path, then run “camwatch reload”."
        )
    return w.gettext("No camera of your operators is in the inventory: ask your camwatch administrator.")


def _places(sites: list[SiteView]) -> Markup:
    """Return the sites of the map as compact JSON for the page's script."""
    found = [
        {
            "id": place.id,
            "name": place.name,
            "zone": place.zone,
            "at": [place.latitude, place.longitude],
            "worst": place.worst,
            "n": {name: count for name, count in place.counts if count and name in _STATUSES},
        }
        for place in sites
        if place.latitude is not None and place.longitude is not None and place.counts.total
    ]
    text = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    # Inside an element only these two need escaping; leaving the quotes saves a third.
    return Markup(text.replace("&", "&amp;").replace("<", "&lt;"))  # noqa: S704 - escaped here


def _incident_url(root: str, incident: IncidentSummary) -> str:
    if incident.kind is IncidentKind.SITE:
        return f"{root}/?site={incident.id}#cameras"
    return (
        f"{root}/operators/{incident.id}" if incident.kind is IncidentKind.OPERATOR else f"{root}/incidents"
    )
