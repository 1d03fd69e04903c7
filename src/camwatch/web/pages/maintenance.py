"""The maintenance page: past, current and planned windows; editors schedule and cancel them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Final

from fastapi import APIRouter, Request
from starlette.datastructures import FormData
from starlette.responses import Response

from camwatch.core.model import Scope
from camwatch.errors import CorrectionError
from camwatch.i18n import Language
from camwatch.services.corrections import MaintenanceRequest
from camwatch.web import corrections
from camwatch.web.api.dependencies import CurrentEditor, CurrentUser, Number
from camwatch.web.auth.principal import Principal, Role
from camwatch.web.pages.form_input import field, local_ms, reason_of
from camwatch.web.pages.renderer import PageRenderer
from camwatch.web.problems import ProblemError
from camwatch.web.views.history import MaintenanceView
from camwatch.web.views.maintenance import MaintenanceScope

_PAST_MS: Final = 30 * 86_400_000
_AHEAD_MS: Final = 3 * 366 * 86_400_000
_FIELDS: Final = ("what", "starts", "ends", "reason")
_MAX_OFFERED: Final = 600  # cameras that the field suggests; others are entered by id


class MaintenancePages:
    """Serves `/maintenance`."""

    def __init__(self, frame: PageRenderer, router: APIRouter) -> None:
        self._frame = frame
        self._parts = frame.parts
        router.add_api_route("/maintenance", self.whole)
        router.add_api_route("/maintenance", self.plan, methods=["POST"])
        router.add_api_route("/maintenance/{number}/cancel", self.cancel, methods=["POST"])

    async def whole(self, request: Request, viewer: CurrentUser) -> Response:
        """Return the page."""
        w = self._frame.language(request)
        notice = ""
        if "planned" in request.query_params:
            notice = w.gettext("The maintenance is scheduled.")
        elif "cancelled" in request.query_params:
            notice = w.gettext("The maintenance is cancelled.")
        scope, what = request.query_params.get("scope", ""), request.query_params.get("id", "")
        start = self._frame.now().astimezone(w.zone) + timedelta(minutes=5)
        given = {
            "what": f"{scope}:{what}" if scope and what else "",
            "starts": f"{start:%Y-%m-%dT%H:%M}",
            "ends": f"{start + timedelta(hours=2):%Y-%m-%dT%H:%M}",
            "reason": "",
        }
        return await self._page(request, viewer, given, notice=notice)

    async def _page(
        self,
        request: Request,
        viewer: Principal,
        given: Mapping[str, str],
        problem: str = "",
        notice: str = "",
    ) -> Response:
        found, things = await self._parts.threads.run(
            viewer, partial(self._all, self._frame.language(request), viewer, self._parts.live.now.utc_ms)
        )
        return self._frame.render_page(
            request,
            viewer,
            "maintenance.html",
            "maintenance",
            windows=found,
            given=given,
            problem=problem,
            notice=notice,
            things=things,
        )

    def _all(
        self, w: Language, viewer: Principal, now_ms: int
    ) -> tuple[list[MaintenanceView], list[tuple[str, str]]]:
        """Return the windows, current ones first, and the suggestions for new ones. Blocking."""
        found = corrections.maintenance_windows(
            self._parts, viewer, now_ms, now_ms - _PAST_MS, now_ms + _AHEAD_MS
        )
        order = {"under_way": 0, "planned": 1}
        found.sort(key=lambda window: order.get(window.state, 2))
        return found, self._things(w, viewer) if viewer.has_role(Role.EDITOR) else []

    def _things(self, w: Language, viewer: Principal) -> list[tuple[str, str]]:
        """Return what maintenance can cover: the value of the form field, and a name."""
        inventory, reach = self._parts.live.inventory, MaintenanceScope(self._parts.live, viewer)
        visible = [row for row in inventory.cameras.values() if viewer.can_see(row.operator)]
        rows = [(Scope.OPERATOR, row.id, row.name) for row in inventory.operators.values()]
        rows += [(Scope.SITE, row.id, row.name) for row in inventory.sites.values()]
        found = [
            (f"{scope}:{row_id}", f"{name} ({w.label('scope', scope)})")
            for scope, row_id, name in rows
            if reach.is_visible(scope, row_id)
        ]
        return found + [(f"camera:{row.id}", row.name) for row in visible[:_MAX_OFFERED]]

    async def plan(self, request: Request, viewer: CurrentEditor) -> Response:
        """Schedule maintenance."""
        w, form = self._frame.language(request), await request.form()
        given = {name: field(form, name) for name in _FIELDS}
        try:
            window, now_ms = self._read(w, form), self._parts.live.now.utc_ms
            append = partial(corrections.schedule_maintenance, self._parts, viewer, window)
            await self._parts.threads.run(viewer, partial(append, reason_of(w, form), now_ms))
        except (CorrectionError, ValueError) as error:
            return await self._page(request, viewer, given, str(error))
        except ProblemError as problem:
            message = _not_found(w, given["what"]) if problem.status == 404 else problem.detail
            return await self._page(request, viewer, given, message)
        return self._frame.redirect(request, "/maintenance?planned")

    def _read(self, w: Language, form: FormData) -> MaintenanceRequest:
        """Return the window of a form. Raises ValueError with a message for the user."""
        text = field(form, "what")
        kind, _, what = text.partition(":")
        if kind not in {scope.value for scope in Scope} or not what:
            raise ValueError(_not_found(w, text))
        starts, ends = (local_ms(field(form, name), w.zone) for name in ("starts", "ends"))
        if starts is None or ends is None:
            raise ValueError(w.gettext("Enter start and end, for example 2026-11-25 18:00."))
        if ends <= starts:
            raise ValueError(w.gettext("The end must be after the start."))
        return MaintenanceRequest(Scope(kind), what, starts, ends)

    async def cancel(self, request: Request, viewer: CurrentEditor, number: Number) -> Response:
        """Cancel a maintenance window."""
        w, form = self._frame.language(request), await request.form()
        cancel, now_ms = (
            partial(corrections.cancel_maintenance, self._parts, viewer),
            self._parts.live.now.utc_ms,
        )
        try:
            await self._parts.threads.run(viewer, partial(cancel, number, reason_of(w, form), now_ms))
        except (CorrectionError, ValueError) as error:
            return await self._page(request, viewer, dict.fromkeys(_FIELDS, ""), str(error))
        return self._frame.redirect(request, "/maintenance?cancelled")


def _not_found(w: Language, what: str) -> str:
    return w.gettext("“{what}” is not a camera, site or operator: choose from the list.", what=what)
