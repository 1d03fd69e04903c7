"""Login with name and password, and logout."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple, TypeAlias

import structlog
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from camwatch.web.auth import hashing, paths
from camwatch.web.auth import request_body as bodies
from camwatch.web.auth.accounts import typed_name
from camwatch.web.auth.authenticator import Authenticator, DenialReason, Identity
from camwatch.web.auth.known_browsers import KnownBrowser

_MOST_FIELDS = 10

_log = structlog.get_logger("access")


class LoginFailure(StrEnum):
    """Why a login failed: wrong name or password; throttled; too many concurrent logins."""

    WRONG = "wrong"
    WAIT = "wait"
    BUSY = "busy"


@dataclass(frozen=True, slots=True)
class LoginForm:
    """What the login page shows: the typed name, where to go after the login, and the failure."""

    name: str = ""
    after: str = "/"
    failure: LoginFailure | None = None
    wait_s: int = 0

    @property
    def status(self) -> int:
        """HTTP status of the page."""
        return {None: 200, LoginFailure.WRONG: 401, LoginFailure.WAIT: 429, LoginFailure.BUSY: 503}[
            self.failure
        ]


LoginRenderer: TypeAlias = Callable[[Request, LoginForm], Response]
"""Renders the login page; its form posts `name`, `password` and `next` (`LoginForm.after`)."""


def login_routes(access: Authenticator) -> list[BaseRoute]:
    """Return the routes. `app.state.login_page`, a `LoginRenderer`, renders the page."""
    root = access.rules.root_path

    async def ask(request: Request) -> Response:
        after = _after(request.query_params.get("next", "/"))
        if access.accounts is None:
            return RedirectResponse(f"{root}{after}", 303)
        return _page(request, LoginForm(after=after))

    async def log_in(request: Request) -> Response:
        if access.accounts is None:
            return RedirectResponse(f"{root}/", 303)
        secure = request.url.scheme == "https"
        home = access.known_browsers.read(request.headers.getlist("cookie"), access.accounts, secure=secure)
        address = _address(request)
        if home is None and (wait_s := access.login_throttle.wait_at(address)):
            return _wait(access, request, LoginForm(), wait_s)
        try:
            body = await bodies.read(
                request.receive, request.headers, access.rules.body_within_s, bodies.MAX_ANONYMOUS_BODY_BYTES
            )
        except bodies.ClientDisconnectedError:
            return Response(status_code=400)  # the client is gone
        fields = bodies.form(body, request.headers, _MOST_FIELDS)
        name, after = typed_name(fields.get("name", "")), _after(fields.get("next", "/"))
        asked = _Asked(name, address, home if home is not None and home.name == name else None)
        return await _log_in(access, request, asked, fields.get("password", ""), after)

    async def log_out(request: Request) -> Response:
        response = RedirectResponse(f"{root}{paths.LOGIN}", 303)
        identity: Identity | None = getattr(request.state, "identity", None)
        if identity is not None and identity.session is not None:
            _log.info("logged out", who=identity.viewer.name, address=_address(request))
            response.headers["set-cookie"] = access.sessions.clear_cookie(
                secure=request.url.scheme == "https"
            )
            access.sessions.end(identity.session)
            # After the response: this request itself belongs to the session.
            response.background = BackgroundTask(access.terminate_revoked)
        return response

    return [
        Route(paths.LOGIN, ask, name="login"),
        Route(paths.LOGIN, log_in, methods=["POST"], name="log_in"),
        Route(paths.LOGOUT, log_out, methods=["POST"], name="log_out"),
    ]


class _Asked(NamedTuple):
    """A login attempt: canonical name, address, and the browser if it is known for that name."""

    name: str
    address: str
    home: KnownBrowser | None

    @property
    def key(self) -> tuple[str, str, str]:
        """Arguments of `LoginThrottle`."""
        return self.name, self.address, self.home.id if self.home is not None else ""


async def _log_in(
    access: Authenticator, request: Request, asked: _Asked, password: str, after: str
) -> Response:
    name, address = asked.name, asked.address
    if wait_s := access.login_throttle.delay_s(*asked.key):
        return _wait(access, request, LoginForm(name, after), wait_s, asked)
    access.login_throttle.start(*asked.key)
    account = access.accounts.find(name) if access.accounts is not None else None
    try:
        right = await access.verifier.verify(account.password if account else None, password)
    except hashing.TooBusyError:
        access.login_throttle.undo(*asked.key)
        access.count_denied(DenialReason.BUSY)
        return _page(request, LoginForm(name, after, LoginFailure.BUSY, 2))
    # The accounts may have changed while the hash was computed.
    held = (
        account is not None and access.accounts is not None and access.accounts.get(account.name) == account
    )
    if not right or account is None or not held:
        access.count_denied(DenialReason.LOGIN)
        _log.warning("login refused", who=name, address=address)
        return _page(request, LoginForm(name, after, LoginFailure.WRONG))
    access.login_throttle.success(*asked.key)
    access.logins += 1
    _log.info("logged in", who=account.name, role=account.role.value, address=address)
    secure, session = request.url.scheme == "https", access.sessions.begin(account)
    response = RedirectResponse(f"{access.rules.root_path}{after}", 303)
    response.headers.append("set-cookie", access.sessions.cookie(session, secure=secure))
    response.headers.append("set-cookie", access.known_browsers.cookie(account, asked.home, secure=secure))
    return response


def _wait(
    access: Authenticator, request: Request, form: LoginForm, wait_s: float, asked: _Asked | None = None
) -> Response:
    """Refuse an attempt that came too soon; `asked` is None before its name has been read."""
    access.count_denied(DenialReason.TOO_OFTEN)
    key = asked.key if asked is not None else ("", _address(request), "")
    if access.login_throttle.should_log(*key):
        _log.warning("login throttled", who=form.name, address=key[1], wait_s=round(wait_s))
    return _page(request, replace(form, failure=LoginFailure.WAIT, wait_s=int(wait_s) + 1))


def _page(request: Request, form: LoginForm) -> Response:
    page: LoginRenderer = request.app.state.login_page
    response = page(request, form)
    response.status_code = form.status
    if form.wait_s:
        response.headers["retry-after"] = str(form.wait_s)
    return response


def _after(text: str) -> str:
    return text if paths.is_safe_redirect(text) else "/"


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
