"""The application: probes, metrics, API and pages, joined; `server` serves it."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.types import ASGIApp

from camwatch.web import access, api, pages, problems
from camwatch.web.api.description import describe
from camwatch.web.parts import Parts, Render
from camwatch.web.probes import probes

__all__ = ["Parts", "Render", "application", "make_site"]


def make_site(parts: Parts) -> ASGIApp:
    """Build the application, with the door before it."""
    return access.wrap(application(parts), parts.access)


def application(parts: Parts) -> FastAPI:
    """Build the application itself: whoever calls it sets `request.state.viewer`."""
    app = FastAPI(
        title="camwatch",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # they would load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.parts = parts
    problems.install(app)
    app.router.routes += probes(parts.render, lambda: parts.live.unready)
    if parts.access is not None:
        app.router.routes += access.login_routes(parts.access)
    app.include_router(api.router)
    pages.install(app, parts)
    describe(app, api.router.routes)
    return app
