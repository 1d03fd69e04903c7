"""The reports page: an operator's month, shown in the page or downloaded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from camwatch.dates import parse_month
from camwatch.errors import ReportRequestError
from camwatch.i18n import Language
from camwatch.reports.report_format import ReportFormat
from camwatch.web.api import reports
from camwatch.web.api.dependencies import CurrentUser
from camwatch.web.auth.principal import Principal
from camwatch.web.pages.renderer import PageRenderer
from camwatch.web.problems import not_found
from camwatch.web.views import fleet

_MONTHS: Final = 24
_FORMS: Final = (ReportFormat.HTML, ReportFormat.CSV, ReportFormat.JSON)
_FRAMED: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "frame-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
"""Content security policy of the page with the report in a frame."""


@dataclass(frozen=True, slots=True)
class ReportChoice:
    """An operator (empty: all visible ones) and a month, as its first day."""

    operator: str
    first: date

    @property
    def month(self) -> str:
        """The month as YYYY-MM."""
        return f"{self.first:%Y-%m}"

    @property
    def query(self) -> str:
        """The query of the report's URLs."""
        return urlencode({"month": self.month, "operator": self.operator})


class ReportPages:
    """Serves `/reports`."""

    def __init__(self, frame: PageRenderer, router: APIRouter) -> None:
        self._frame = frame
        router.add_api_route("/reports", self.choose)
        router.add_api_route("/reports/report.{form}", self.report)

    async def choose(self, request: Request, viewer: CurrentUser) -> Response:
        """Return the page with the form, and the report if one is chosen."""
        w = self._frame.language(request)
        chosen = self._chosen(request, viewer)
        known = self._frame.parts.live.inventory.operators
        operators = [known[operator] for operator in viewer.visible(known)]
        who = known[chosen.operator].name if chosen.operator else w.gettext("All operators")
        title = w.gettext("Availability report – {who} – {month}", who=who, month=w.month(chosen.first))
        response = self._frame.render_page(
            request,
            viewer,
            "reports.html",
            "reports",
            operators=operators,
            months=_months(w, self._today()),
            chosen=chosen,
            title=title,
            shown="month" in request.query_params,
        )
        response.headers["content-security-policy"] = _FRAMED
        return response

    async def report(self, request: Request, viewer: CurrentUser, form: str) -> Response:
        """Return a report, shown (`read`) or as a download."""
        if form not in _FORMS:
            raise not_found("such form of a report")
        chosen, lang = self._chosen(request, viewer), self._frame.language(request).lang
        operator, download = chosen.operator or None, "read" not in request.query_params
        ask = partial(reports.report, format=ReportFormat(form), lang=lang, download=download)
        try:
            return await ask(self._frame.parts, viewer, month=chosen.month, operator=operator)
        except ReportRequestError as error:
            if download:
                raise
            return self._no_report(request, str(error))

    def _no_report(self, request: Request, why: str) -> Response:
        """Return the content of the frame if there is no report."""
        _ = self._frame.language(request).gettext
        context = {
            "title": _("No report"),
            "text": _("The record does not cover this period."),
            "detail": why,
            "status": 404,
        }
        response = self._frame.render(request, "problem.html", context | {"bare": True}, 404)
        response.headers["content-security-policy"] = _FRAMED.replace("ancestors 'none'", "ancestors 'self'")
        response.headers["x-frame-options"] = "SAMEORIGIN"
        return response

    def _chosen(self, request: Request, viewer: Principal) -> ReportChoice:
        operator = request.query_params.get("operator", "")
        if operator:
            fleet.check_operator(self._frame.parts.live, viewer, operator)  # 404 for other users' operators
        try:
            first = parse_month(request.query_params.get("month", ""))
        except ValueError:
            first = self._today().replace(day=1)
        return ReportChoice(operator, min(first, self._today().replace(day=1)))

    def _today(self) -> date:
        return self._frame.now().astimezone(self._frame.parts.live.timezone).date()


def _months(w: Language, today: date) -> list[tuple[str, str]]:
    found, first = [], today.replace(day=1)
    for _ in range(_MONTHS):
        found.append((f"{first:%Y-%m}", w.month(first)))
        first = (first - timedelta(days=1)).replace(day=1)
    return found
