"""Reports: an operator's month, to be read in the page, and to be taken away in all forms."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from camwatch.accounting.calendar import last_of_month
from camwatch.dates import parse_month
from camwatch.errors import ReportRequestError
from camwatch.i18n import ReportFormat
from camwatch.web.api import reports
from camwatch.web.api import reports
from camwatch.web.api.dependencies import CurrentUser
from camwatch.web.auth.principal import Principal
from camwatch.web.pages.formatting import Language
from camwatch.web.pages.renderer import PageRenderer
from camwatch.web.problems import not_found
from camwatch.web.views import fleet

_MONTHS: Final = 24
_FORMS: Final = (ReportFormat.HTML, ReportFormat.CSV, ReportFormat.JSON)
_FRAMED: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "frame-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
"""The policy of the page that shows a report in a frame of its own."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """An operator (empty: all that somebody sees) and a month, as its first day."""

    operator: str
    first: date

    @property
    def month(self) -> str:
        """The month, as a query has it."""
        return f"{self.first:%Y-%m}"


@dataclass(frozen=True, slots=True)
class Read:
    """A report that is shown: its title and where it is."""

    title: str
    root: str
    chosen: Chosen

    def link(self, form: str, **more: str) -> str:
        """Return where a form of it is."""
        query = {"month": self.chosen.month, "operator": self.chosen.operator, **more}
        return f"{self.root}/reports/report.{form}?{urlencode(query)}"

    @property
    def view(self) -> str:
        """Where it is to be read."""
        return self.link("html", read="1")


class ReportPages:
    """Serves `/reports`."""

    def __init__(self, frame: PageRenderer, router: APIRouter) -> None:
        self._frame = frame
        router.add_api_route("/reports", self.choose, methods=["GET"])
        router.add_api_route("/reports/report.{form}", self.report, methods=["GET"])

    async def choose(self, request: Request, viewer: CurrentUser) -> Response:
        """Return the page on which a report is chosen, and read once it is."""
        w = self._frame.language(request)
        chosen = self._chosen(request, viewer)
        known = self._frame.parts.live.inventory.operators
        operators = [known[operator] for operator in viewer.visible(known)]
        names = {operator.id: operator.name for operator in operators}
        who = names.get(chosen.operator) or w.text("all_operators")
        title = w.text("report_title", who=who, month=w.month(chosen.first))
        read = Read(title, request.scope.get("root_path", ""), chosen)
        response = self._frame.render_page(
            request,
            viewer,
            "reports.html",
            "reports",
            operators=operators,
            months=_months(w, self._today()),
            chosen=chosen,
            read=read if "month" in request.query_params else None,
        )
        response.headers["content-security-policy"] = _FRAMED
        return response

    async def report(self, request: Request, viewer: CurrentUser, form: str) -> Response:
        """Return a report, to be read or to be saved."""
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
            return self._nothing(request, str(error))

    def _nothing(self, request: Request, why: str) -> Response:
        """Return what stands in the frame where there is no report."""
        t = self._frame.language(request).text
        context = {"title": t("no_report"), "text": t("no_report_text"), "detail": why, "status": 404}
        response = self._frame.render(request, "problem.html", context | {"bare": True}, 404)
        response.headers["content-security-policy"] = _FRAMED.replace("ancestors 'none'", "ancestors 'self'")
        response.headers["x-frame-options"] = "SAMEORIGIN"
        return response

    def _chosen(self, request: Request, viewer: Principal) -> Chosen:
        operator = request.query_params.get("operator", "")
        if operator:
            fleet.check_operator(self._frame.parts.live, viewer, operator)  # 404 where it is not theirs
        try:
            first = parse_month(request.query_params.get("month", ""))
        except ValueError:
            first = self._today().replace(day=1)
        return Chosen(operator, min(first, self._today().replace(day=1)))

    def _today(self) -> date:
        return self._frame.now().astimezone(self._frame.parts.live.timezone).date()


def _months(w: Language, today: date) -> list[tuple[str, str]]:
    found, first = [], today.replace(day=1)
    for _ in range(_MONTHS):
        found.append((f"{first:%Y-%m}", w.month(first)))
        first = (first - timedelta(days=1)).replace(day=1)
    return found
