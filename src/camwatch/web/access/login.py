"""The way in and out for people: a form with name and password, a session, and its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import structlog
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from camwatch.web.access import paths, secrets
from camwatch.web.access.body import form_field
from camwatch.web.access.door import Access, Identity, Refusal

_log = structlog.get_logger("access")


class Failure(StrEnum):
    """Why somebody did not come in: wrong name or password; too many attempts; too many people at once."""

    WRONG = "wrong"
    WAIT = "wait"
    BUSY = "busy"


@dataclass(frozen=True, slots=True)
class Form:
    """What the page of the login shows: the name that was typed, where to go then, and what went wrong."""

    name: str = ""
    after: str = "/"
    failure: Failure | None = None
    wait_s: int = 0

    @property
    def status(self) -> int:
        """The status of the answer that has the page."""
        return {None: 200, Failure.WRONG: 401, Failure.WAIT: 429, Failure.BUSY: 503}[self.failure]


LoginPage: TypeAlias = Callable[[Request, Form], Response]
"""Render the form, with `Form.status`; it posts the fields `name`, `password` and `next` (`Form.after`)."""


def login_routes(access: Access) -> list[BaseRoute]:
    """Return the routes. The page itself is the `LoginPage` at `app.state.login_page`."""
    root = access.rules.root_path

    async def ask(request: Request) -> Response:
        after = _after(request.query_params.get("next", "/"))
        if access.accounts is None:
            return RedirectResponse(f"{root}{after}", 303)
        return _page(request, Form(after=after))

    async def log_in(request: Request) -> Response:
        body, kind = await request.body(), request.headers.get("content-type", "")
        name, password = (form_field(body, kind, field) for field in ("name", "password"))
        after = _after(form_field(body, kind, "next") or "/")
        if access.accounts is None:
            return RedirectResponse(f"{root}{after}", 303)
        return await _log_in(access, request, name.strip()[:63], password, after)

    async def log_out(request: Request) -> Response:
        response = RedirectResponse(f"{root}{paths.LOGIN}", 303)
        identity: Identity | None = getattr(request.state, "identity", None)
        if identity is not None and identity.session is not None:
            _log.info("access: logged out", who=identity.viewer.name, address=_address(request))
            response.headers["set-cookie"] = access.sessions.no_cookie(secure=request.url.scheme == "https")
            access.sessions.end(identity.session)
            # Once it is answered: this request is one of those that end with the session.
            response.background = BackgroundTask(access.turn_out)
        return response

    return [
        Route(paths.LOGIN, ask, name="login"),
        Route(paths.LOGIN, log_in, methods=["POST"], name="log_in"),
        Route(paths.LOGOUT, log_out, methods=["POST"], name="log_out"),
    ]


async def _log_in(access: Access, request: Request, name: str, password: str, after: str) -> Response:
    address = _address(request)
    key = name.lower()
    if wait_s := access.attempts.wait_s(key, address):
        access.refused(Refusal.TOO_OFTEN)
        if access.attempts.is_news(key, address):
            _log.warning("access: login too often", who=name, address=address, wait_s=round(wait_s))
        return _page(request, Form(name, after, Failure.WAIT, int(wait_s) + 1))
    access.attempts.begin(key, address)
    account = access.accounts.called(name) if access.accounts is not None else None
    try:
        right = await access.verifier.matches(account.password if account else None, password)
    except secrets.BusyError:
        access.attempts.never_mind(key, address)
        access.refused(Refusal.BUSY)
        return _page(request, Form(name, after, Failure.BUSY, 2))
    # The accounts may have changed while the hash was computed.
    held = (
        account is not None and access.accounts is not None and access.accounts.named(account.name) == account
    )
    if not right or account is None or not held:
        access.refused(Refusal.LOGIN)
        _log.warning("access: login refused", who=name, address=address)
        return _page(request, Form(name, after, Failure.WRONG))
    access.attempts.succeed(key, address)
    access.logins += 1
    _log.info("access: logged in", who=account.name, role=account.role.value, address=address)
    session = access.sessions.begin(account)
    response = RedirectResponse(f"{access.rules.root_path}{after}", 303)
    response.headers["set-cookie"] = access.sessions.cookie(session, secure=request.url.scheme == "https")
    return response


def _page(request: Request, form: Form) -> Response:
    page: LoginPage = request.app.state.login_page
    response = page(request, form)
    response.status_code = form.status
    if form.wait_s:
        response.headers["retry-after"] = str(form.wait_s)
    return response


def _after(text: str) -> str:
    return text if paths.is_way_back(text) else "/"


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
