"""What people see: pages made on the server, that keep themselves up to date."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI, Request
from starlette.requests import HTTPConnection
from starlette.responses import Response

from camwatch.web.auth.login import LoginFailure, LoginForm
from camwatch.web.context import AppContext, MapSettings
from camwatch.web.pages.fleet import FleetPage
from camwatch.web.pages.history import HistoryPages
from camwatch.web.pages.incidents import IncidentPages
from camwatch.web.pages.maintenance import MaintenancePages
from camwatch.web.pages.renderer import PageRenderer
from camwatch.web.pages.reports import ReportPages
from camwatch.web.problems import ProblemError

__all__ = ["MapSettings", "install"]

_TOLD = frozenset({401, 403, 404, 409, 422, 429, 503})


def install(app: FastAPI, parts: AppContext) -> None:
    """Put the pages into an application: routes, files, the pages of the login and of problems."""
    frame = PageRenderer(parts)
    router = APIRouter(include_in_schema=False)
    FleetPage(frame, router)
    HistoryPages(frame, router)
    IncidentPages(frame, router)
    ReportPages(frame, router)
    MaintenancePages(frame, router)

    @router.get("/preferences")
    async def preferences(request: Request) -> Response:
        return frame.save_preference(request)

    @router.get("/static/{name:path}")
    async def static(request: Request, name: str) -> Response:
        return frame.assets.respond(request, name)

    def problem_page(request: HTTPConnection, problem: ProblemError) -> Response:
        w = frame.language(request)
        key = problem.status if problem.status in _TOLD else 500 if problem.status >= 500 else 422
        context = {
            "title": w.text(f"problem_{key}"),
            "text": w.text(f"problem_{key}_text"),
            "detail": problem.detail,
            "status": problem.status,
            "viewer": getattr(request.state, "viewer", None),
        }
        return frame.render(request, "problem.html", context, problem.status)

    def login_page(request: Request, form: LoginForm) -> Response:
        w = frame.language(request)
        problem = "" if form.failure is None else w.text(f"login_{LoginFailure(form.failure)}", n=form.wait_s)
        context = {"problem": problem, "next_path": form.after, "given_name": form.name}
        return frame.render(request, "login.html", context, form.status)

    app.include_router(router)
    app.state.problem_page = problem_page
    app.state.login_page = login_page
