"""Pages of operators, cameras and outages: uptime bars, the last 24 hours, outages and attributions.

The browser requests the parts that need a store query after the page itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.datastructures import FormData
from starlette.responses import Response

from camwatch.accounting.records import AttributedCause
from camwatch.core.camera_view import CameraView
from camwatch.core.status_time import StatusTime
from camwatch.errors import CorrectionError
from camwatch.i18n import Language
from camwatch.web import corrections
from camwatch.web.api.dependencies import CurrentEditor, CurrentUser, Number
from camwatch.web.auth.principal import Principal
from camwatch.web.pages.daily_uptime import DAY_MS, CameraDays, Days, OperatorDays, read_days
from camwatch.web.pages.form_input import field, page_of, reason_of
from camwatch.web.pages.renderer import PageRenderer, add_page
from camwatch.web.pages.uptime_bars import DAYS, DailyBars, daily_bars, status_bar
from camwatch.web.views import cameras, fleet, history, service_levels
from camwatch.web.views.base import run_cooperatively

_PAGE_SIZE: Final = 30  # cameras
_MAX_OUTAGES: Final = 50


class HistoryPages:
    """Serves operators, cameras and outages."""

    def __init__(self, frame: PageRenderer, router: APIRouter) -> None:
        self._frame = frame
        self._parts = frame.parts
        self._days = OperatorDays(frame.parts)
        add_page(router, "/operators/{operator}", self.operator)
        add_page(router, "/cameras/{camera}", self.camera)
        router.add_api_route("/operators/{operator}/days", self.operator_days)
        router.add_api_route("/operators/{operator}/outages", self.operator_outages)
        router.add_api_route("/cameras/{camera}/history", self.camera_history)
        router.add_api_route("/cameras/{camera}/outages", self.camera_outages)
        router.add_api_route("/outages/{number}", self.outage)
        router.add_api_route("/outages/{number}", self.attribute, methods=["POST"])

    # --- operators

    async def operator(self, request: Request, viewer: CurrentUser, operator: str) -> Response:
        """Return an operator's page."""
        found = await run_cooperatively(
            fleet.operator(self._parts.live, viewer, operator, self._parts.rolling())
        )
        return self._frame.render_page(request, viewer, "operator.html", operator=found)

    async def operator_days(self, request: Request, viewer: CurrentUser, operator: str) -> Response:
        """Return the uptime bars of an operator's cameras, the longest down time first."""
        live, w = self._parts.live, self._frame.language(request)
        fleet.check_operator(live, viewer, operator)
        first, days = await self._days.of(viewer, operator)
        states = await run_cooperatively(
            cameras.query(live, viewer, cameras.Filter(operator=operator), cameras.Sort.NAME)
        )
        states = [state for state in states if state.camera.id in days]
        states.sort(key=lambda state: -days[state.camera.id].sum.down)

        def rows(some: Sequence[CameraView]) -> list[tuple[cameras.CameraRow, CameraDays, DailyBars]]:
            found = [(row, days[row.id]) for row in cameras.to_rows(live, some)]
            return [(row, its_days, daily_bars(w, its_days.accounts, first)) for row, its_days in found]

        return self._frame.render_page(
            request,
            viewer,
            "partials/days.html",
            lines=page_of(request.query_params, states, _PAGE_SIZE, rows),
            list_path=f"/operators/{operator}",
        )

    async def operator_outages(self, request: Request, viewer: CurrentUser, operator: str) -> Response:
        """Return an operator's outages of the last 30 days, the newest first."""
        fleet.check_operator(self._parts.live, viewer, operator)
        return await self._outages(request, viewer, operator, None, 30)

    # --- cameras

    async def camera(self, request: Request, viewer: CurrentUser, camera: str) -> Response:
        """Return a camera's page."""
        found = cameras.detail(self._parts.live, viewer, camera)
        why = self._frame.language(request).label("why", found.cause or found.status)
        return self._frame.render_page(request, viewer, "camera.html", camera=found, why=why)

    async def camera_history(self, request: Request, viewer: CurrentUser, camera: str) -> Response:
        """Return a camera's last 24 hours and 90 days."""
        live, w, now = self._parts.live, self._frame.language(request), self._frame.now()
        operator = cameras.get(live, viewer, camera).camera.operator
        now_ms = live.now.utc_ms

        def work() -> tuple[tuple[date, Days], list[history.StatusIntervalView]]:
            record = self._parts.history.read([operator], now_ms - DAY_MS, now_ms, camera=camera)
            intervals = service_levels.stretches(record, now_ms - DAY_MS, now_ms)
            return read_days(self._parts, operator, now_ms, camera), intervals

        (first, days), intervals = await self._parts.threads.run(viewer, work)
        line = days.get(camera) or CameraDays((StatusTime(),) * DAYS, StatusTime(), 0)
        return self._frame.render_page(
            request,
            viewer,
            "partials/camera_history.html",
            hours=status_bar(w, intervals, now),
            bars=daily_bars(w, line.accounts, first),
            first_day=first,
            account=line.sum,
            outage_count=line.outages,
        )

    async def camera_outages(self, request: Request, viewer: CurrentUser, camera: str) -> Response:
        """Return a camera's outages, the newest first."""
        state = cameras.get(self._parts.live, viewer, camera)
        return await self._outages(request, viewer, state.camera.operator, camera, DAYS)

    async def _outages(
        self, request: Request, viewer: Principal, operator: str, camera: str | None, days: int
    ) -> Response:
        now = self._parts.live.now.utc_ms
        count, found = await self._parts.threads.run(
            viewer,
            lambda: self._parts.history.outage_page(
                [operator],
                from_ms=now - days * DAY_MS,
                to_ms=now + 1,
                piece=slice(0, _MAX_OUTAGES),
                camera=camera,
            ),
        )
        return self._frame.render_page(
            request,
            viewer,
            "partials/outage_list.html",
            list=[history.outage(each) for each in found],
            list_more=max(count - len(found), 0),
            named=camera is None,
        )

    # --- outages

    async def outage(self, request: Request, viewer: CurrentUser, number: Number) -> Response:
        """Return an outage with its attributions, and the form to add one."""
        found = await self._find(viewer, number)
        last = found.attribution
        given = {"cause": last.cause if last else "", "reason": "", "excluded": bool(last and last.excluded)}
        return self._outage(request, viewer, found, given)

    def _outage(
        self,
        request: Request,
        viewer: Principal,
        found: history.OutageView,
        given: Mapping[str, Any],
        problem: str = "",
    ) -> Response:
        saved = "saved" in request.query_params
        return self._frame.render_page(
            request,
            viewer,
            "outage.html",
            outage=found,
            causes=[cause.value for cause in AttributedCause],
            given=given,
            problem=problem,
            notice=self._frame.language(request).gettext("Saved.") if saved else "",
        )

    async def _find(self, viewer: Principal, number: int) -> history.OutageView:
        return await self._parts.threads.run(viewer, lambda: corrections.outage(self._parts, viewer, number))

    async def attribute(self, request: Request, viewer: CurrentEditor, number: Number) -> Response:
        """Append an attribution to an outage."""
        found = await self._find(viewer, number)
        form = await request.form()
        w, excluded = self._frame.language(request), bool(field(form, "excluded"))
        attribute = partial(corrections.attribute_outage, self._parts, viewer, number)
        try:
            append = partial(attribute, _cause_of(w, form), reason_of(w, form), excluded=excluded)
            await self._parts.threads.run(viewer, append)
        except (CorrectionError, ValueError) as error:
            given = {"cause": field(form, "cause"), "reason": field(form, "reason"), "excluded": excluded}
            return self._outage(request, viewer, found, given, str(error))
        return self._frame.redirect(request, f"/outages/{number}?saved")


def _cause_of(w: Language, form: FormData) -> AttributedCause:
    """Return the cause that a form gives. Raises ValueError, with a message for the user."""
    try:
        return AttributedCause(field(form, "cause"))
    except ValueError:
        raise ValueError(w.gettext("Choose a cause.")) from None
