"""What pages show of the record: bars of days, the last 24 hours, outages and what is said of them.

These parts come after the page itself, since they wait for the store.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from camwatch.accounting.records import AttributedCause
from camwatch.core.status_time import StatusTime
from camwatch.errors import CorrectionError
from camwatch.web import corrections
from camwatch.web.api.dependencies import CurrentEditor, CurrentUser, Number
from camwatch.web.auth.principal import Principal
from camwatch.web.pages.daily_uptime import DAY_MS, CameraDays, Days, OperatorDays, first_day, read_days
from camwatch.web.pages.error_budget import budget_of
from camwatch.web.pages.form_input import field, offset_of
from camwatch.web.pages.formatting import Language
from camwatch.web.pages.renderer import PageRenderer
from camwatch.web.pages.strips import DAYS, UptimeBar, format_availability, hours, strip
from camwatch.web.views import cameras, fleet, history, service_levels
from camwatch.web.views.base import page, run_cooperatively

_ALL_TIME_MS: Final = 1 << 52
_LISTED: Final = 30  # cameras on a page of bars
_OUTAGES: Final = 50


@dataclass(frozen=True, slots=True)
class CameraUptimeRow:
    """One camera's bars."""

    camera: cameras.CameraRow
    strip: UptimeBar
    availability: str
    outages: int


def _line(w: Language, row: cameras.CameraRow, days: CameraDays, first: date) -> CameraUptimeRow:
    return CameraUptimeRow(
        row, strip(w, days.accounts, first), format_availability(w, days.sum), days.outages
    )


class HistoryPages:
    """Serves operators, cameras and outages."""

    def __init__(self, frame: PageRenderer, router: APIRouter) -> None:
        self._frame = frame
        self._parts = frame.parts
        self._days = OperatorDays(frame.parts)
        for path, handler in (
            ("/operators/{operator}", self.operator),
            ("/partials/operators/{operator}", self.operator_partial),
            ("/operators/{operator}/days", self.operator_days),
            ("/operators/{operator}/outages", self.operator_outages),
            ("/cameras/{camera}", self.camera),
            ("/partials/cameras/{camera}", self.camera_partial),
            ("/cameras/{camera}/history", self.camera_history),
            ("/cameras/{camera}/outages", self.camera_outages),
            ("/outages/{number}", self.outage),
        ):
            router.add_api_route(path, handler, methods=["GET"])
        router.add_api_route("/outages/{number}", self.attribute, methods=["POST"])

    # --- operators

    async def operator(self, request: Request, viewer: CurrentUser, operator: str) -> Response:
        """Return an operator's page."""
        return await self._operator(request, viewer, operator, "operator.html")

    async def operator_partial(self, request: Request, viewer: CurrentUser, operator: str) -> Response:
        """Return what changes of it."""
        return await self._operator(request, viewer, operator, "partials/operator.html")

    async def _operator(self, request: Request, viewer: Principal, operator: str, template: str) -> Response:
        found = await run_cooperatively(
            fleet.operator(self._parts.live, viewer, operator, self._parts.rolling())
        )
        w = self._frame.language(request)
        return self._frame.render_page(
            request, viewer, template, operator=found, budget=partial(budget_of, w)
        )

    async def operator_days(self, request: Request, viewer: CurrentUser, operator: str) -> Response:
        """Return the bars of an operator's cameras, those that were down the longest first."""
        live, w = self._parts.live, self._frame.language(request)
        fleet.check_operator(live, viewer, operator)
        first, days = await self._days.of(viewer, operator)
        states = await run_cooperatively(
            cameras.query(live, viewer, cameras.Filter(operator=operator), cameras.Sort.NAME)
        )
        states = [state for state in states if state.camera.id in days]
        states.sort(key=lambda state: -days[state.camera.id].sum.down)
        offset = offset_of(request.query_params)
        offset = offset if offset < len(states) else 0
        rows = cameras.to_rows(live, states[offset : offset + _LISTED])
        shown = [_line(w, row, days[row.id], first) for row in rows]
        return self._frame.render_page(
            request,
            viewer,
            "partials/days.html",
            lines=page(shown, len(states), offset, _LISTED),
            list_path=f"/operators/{operator}",
        )

    async def operator_outages(self, request: Request, viewer: CurrentUser, operator: str) -> Response:
        """Return an operator's outages of the last 30 days, the newest first."""
        fleet.check_operator(self._parts.live, viewer, operator)
        return await self._outages(request, viewer, operator, None, 30)

    # --- cameras

    async def camera(self, request: Request, viewer: CurrentUser, camera: str) -> Response:
        """Return a camera's page."""
        return self._camera(request, viewer, camera, "camera.html")

    async def camera_partial(self, request: Request, viewer: CurrentUser, camera: str) -> Response:
        """Return what changes of it."""
        return self._camera(request, viewer, camera, "partials/camera.html")

    def _camera(self, request: Request, viewer: Principal, camera: str, template: str) -> Response:
        found = cameras.detail(self._parts.live, viewer, camera)
        w = self._frame.language(request)
        key = found.cause or found.status
        return self._frame.render_page(request, viewer, template, camera=found, why=w.text(f"why_{key}"))

    async def camera_history(self, request: Request, viewer: CurrentUser, camera: str) -> Response:
        """Return a camera's last 24 hours and 90 days."""
        live, w, now = self._parts.live, self._frame.language(request), self._frame.now()
        operator = cameras.get(live, viewer, camera).camera.operator
        now_ms, first = live.now.utc_ms, first_day(self._parts, now)

        def work() -> tuple[Days, list[history.StatusIntervalView]]:
            days = read_days(self._parts, operator, now_ms, first, camera)
            record = self._parts.history.read([operator], now_ms - DAY_MS, now_ms, camera=camera)
            return days, service_levels.stretches(record, now_ms - DAY_MS, now_ms)

        days, stretches = await self._parts.threads.run(viewer, work)
        line = days.get(camera) or CameraDays((StatusTime(),) * DAYS, StatusTime(), 0)
        return self._frame.render_page(
            request,
            viewer,
            "partials/camera_history.html",
            hours=hours(w, stretches, now),
            strip=strip(w, line.accounts, first),
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
                piece=slice(0, _OUTAGES),
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
        """Return an outage with what was said of it, and the form to say more."""
        found = await self._find(viewer, number)
        given = found.attribution
        return self._outage(
            request,
            viewer,
            found,
            {
                "cause": given.cause.value if given else "",
                "reason": "",
                "excluded": bool(given and given.excluded),
            },
        )

    def _outage(
        self,
        request: Request,
        viewer: Principal,
        found: history.OutageView,
        given: Mapping[str, Any],
        problem: str = "",
    ) -> Response:
        saved = "saved" in request.query_params
        response = self._frame.render_page(
            request,
            viewer,
            "outage.html",
            outage=found,
            causes=[cause.value for cause in AttributedCause],
            given=given,
            problem=problem,
            notice=self._frame.language(request).text("recorded") if saved else "",
        )
        response.status_code = 422 if problem else 200
        return response

    async def _find(self, viewer: Principal, number: int) -> history.OutageView:
        return await self._parts.threads.run(viewer, lambda: corrections.outage(self._parts, viewer, number))

    async def attribute(self, request: Request, viewer: CurrentEditor, number: Number) -> Response:
        """Append what an editor says of an outage."""
        found = await self._find(viewer, number)
        form = await request.form()
        given = {
            "cause": field(form, "cause"),
            "reason": field(form, "reason"),
            "excluded": bool(field(form, "excluded")),
        }
        t = self._frame.language(request).text
        if given["cause"] not in {cause.value for cause in AttributedCause}:
            return self._outage(request, viewer, found, given, t("needs_cause"))
        if not given["reason"]:
            return self._outage(request, viewer, found, given, t("needs_why"))
        cause, why, excluded = (
            AttributedCause(str(given["cause"])),
            str(given["reason"]),
            bool(given["excluded"]),
        )
        try:
            await self._parts.threads.run(
                viewer,
                lambda: corrections.attribute_outage(
                    self._parts, viewer, number, cause, why, excluded=excluded
                ),
            )
        except CorrectionError as error:
            return self._outage(request, viewer, found, given, str(error))
        return self._frame.redirect(request, f"/outages/{number}?saved")
