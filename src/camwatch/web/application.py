"""The ASGI application: probes, metrics, API and pages."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from camwatch.web import api, auth, pages, problems
from camwatch.web.api.openapi import describe
from camwatch.web.context import AppContext, RenderMetrics
from camwatch.web.health import probes

__all__ = ["AppContext", "RenderMetrics", "application", "make_site"]


def make_site(parts: AppContext) -> ASGIApp:
    """Return the application with authentication and request metrics."""
    return parts.requests.wrap(auth.add_auth(_answering_head(application(parts)), parts.access))


def application(parts: AppContext) -> FastAPI:
    """Return the application without authentication; the caller sets `request.state.viewer`."""
    app = FastAPI(
        title="camwatch",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # they would load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.parts = parts
    problems.install(app)
    app.router.routes += probes(parts.render, lambda: parts.live.not_ready_reasons)
    if parts.access is not None:
        app.router.routes += auth.login_routes(parts.access)
    app.include_router(api.router)
    pages.install(app, parts)
    describe(app, api.router.routes)
    return app


def _answering_head(app: ASGIApp) -> ASGIApp:
    """Answer HEAD like GET, without the body."""

    async def answering(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        await app({**scope, "method": "GET"}, receive, send_head)

    return answering
