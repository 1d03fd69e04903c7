"""Pages, rendered on the server and refreshed in place."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI, Request
from starlette.requests import HTTPConnection
from starlette.responses import Response

from camwatch.i18n.labels import LABELS
from camwatch.web.auth.login import LoginForm
from camwatch.web.context import AppContext, MapSettings
from camwatch.web.pages.fleet import FleetPage
from camwatch.web.pages.history import HistoryPages
from camwatch.web.pages.incidents import IncidentPages
from camwatch.web.pages.maintenance import MaintenancePages
from camwatch.web.pages.renderer import PageRenderer
from camwatch.web.pages.reports import ReportPages
from camwatch.web.problems import ProblemError

__all__ = ["MapSettings", "install"]


def install(app: FastAPI, parts: AppContext) -> None:
    """Add the pages to an application: routes, static files, and the pages of the login and of problems."""
    renderer = PageRenderer(parts)
    router = APIRouter(include_in_schema=False)
    for pages in (FleetPage, HistoryPages, IncidentPages, ReportPages, MaintenancePages):
        pages(renderer, router)

    router.add_api_route("/preferences", renderer.save_preference)

    @router.get("/static/{name:path}")
    async def static(request: Request, name: str) -> Response:
        return renderer.assets.respond(request, name)

    def problem_page(request: HTTPConnection, problem: ProblemError) -> Response:
        w = renderer.language(request)
        code = str(problem.status)
        if code not in LABELS["problem"]:
            code = "500" if problem.status >= 500 else "422"
        context = {
            "title": w.label("problem", code),
            "text": w.label("problem_text", code),
            "detail": problem.detail,
            "status": problem.status,
            "viewer": getattr(request.state, "viewer", None),
        }
        return renderer.render(request, "problem.html", context, problem.status)

    def login_page(request: Request, form: LoginForm) -> Response:
        w = renderer.language(request)
        problem = "" if form.failure is None else w.label("login", form.failure, n=form.wait_s)
        context = {"problem": problem, "next_path": form.after, "given_name": form.name}
        return renderer.render(request, "login.html", context, form.status)

    app.include_router(router)
    app.state.problem_page = problem_page
    app.state.login_page = login_page
