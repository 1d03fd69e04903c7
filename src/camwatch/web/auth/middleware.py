"""ASGI middleware: authenticates and authorizes every request, and adds security headers to every response.

It sets `request.state.viewer` before any handler runs; handlers take it as a dependency.
"""

from __future__ import annotations

import asyncio
import hmac
from collections import Counter
from typing import Any
from urllib.parse import quote

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from camwatch.web.auth import paths, request_limits, signed_cookies
from camwatch.web.auth import request_body as bodies
from camwatch.web.auth.authenticator import Authenticator, AuthMethod, DenialReason, Identity
from camwatch.web.auth.known_browsers import KnownBrowser
from camwatch.web.auth.networks import networks
from camwatch.web.auth.principal import Principal, Role
from camwatch.web.auth.proxy_headers import Origin, same_origin
from camwatch.web.auth.security_headers import content_policy, secure_headers
from camwatch.web.auth.sessions import COOKIE
from camwatch.web.auth.time_budget import Payer, metered
from camwatch.web.problems import ProblemError, not_found, problem_response

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

_MOST_HEADER_BYTES = 16 * 1024

_LOG_IN = "authentication required: log in or send a bearer token"

_log = structlog.get_logger("access")


def _needs_editor(viewer: Principal) -> str:
    return f'this action requires the role "editor"; your role is "{viewer.role}"'


def viewer(request: Request) -> Principal:
    """Return the principal of a request, for `Depends`. Raises ProblemError (401) if there is none."""
    found: Principal | None = getattr(request.state, "viewer", None)
    if found is None:
        raise ProblemError(401, _LOG_IN)
    return found


def editor(request: Request) -> Principal:
    """Return the principal of a request if it is an editor. Raises ProblemError (403)."""
    found = viewer(request)
    if not found.has_role(Role.EDITOR):
        raise ProblemError(403, _needs_editor(found))
    return found


def hears_all(request: Request) -> bool:
    """Return whether the client may read in full why camwatch is not ready."""
    return bool(getattr(request.state, "hears_all", False))


def csrf_token(request: HTTPConnection) -> str:
    """Return the token that forms send as the field `csrf`, scripts as the header `X-CSRF-Token`."""
    identity: Identity | None = getattr(request.state, "identity", None)
    return identity.csrf_token if identity is not None else ""


def add_auth(app: ASGIApp, access: Authenticator | None = None) -> AuthMiddleware:
    """Add authentication to an application; without `access` this machine is `LOCAL_ADMIN`."""
    return AuthMiddleware(app, access or Authenticator())


class AuthMiddleware:
    """The middleware. Creates no task before a request is authenticated."""

    def __init__(self, app: ASGIApp, access: Authenticator) -> None:
        self._app = app
        self._access = access
        self._policy = content_policy(access.rules.images)
        self._visits: set[_RequestContext] = set()
        self._passed: Counter[str] = Counter()  # concurrent requests through proxies, by network
        access.on_change.append(self._turn_out)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope.setdefault("app", self._app)
        visit = _RequestContext(scope, send, self._access, self._policy)
        await metered(self._take(visit, scope, receive), self._access.work, visit.charge)

    async def _take(self, visit: _RequestContext, scope: Scope, receive: Receive) -> None:
        try:
            await self._take_one(visit, scope, receive)
        finally:
            for network in visit.passed:
                self._passed[network] -= 1
                if not self._passed[network]:
                    del self._passed[network]

    async def _take_one(self, visit: _RequestContext, scope: Scope, receive: Receive) -> None:
        try:
            receive = await self._admit(visit, scope, receive)
        except ProblemError as problem:
            await self._refuse(visit, problem)(scope, receive, visit.send)
            visit.audit(problem.detail)
            return
        except bodies.ClientDisconnectedError:
            return
        await self._serve(visit, scope, receive)
        visit.audit()

    async def _admit(self, visit: _RequestContext, scope: Scope, receive: Receive) -> Receive:
        """Authenticate and authorize a request, and return how to read its body. Raises ProblemError."""
        access = self._access
        route = paths.normalize_path(scope, access.rules.root_path)
        peer = (scope.get("client") or ("", 0))[0]
        try:
            origin, scope["headers"] = access.rules.proxies.resolve(
                peer, secure=scope["scheme"] == "https", headers=list(scope["headers"])
            )
        except ValueError as error:
            raise ProblemError(400, str(error)) from None
        scope["scheme"] = "https" if origin.secure else "http"
        scope["client"] = (origin.address, 0)
        visit.set_origin(origin, route)
        if origin.lost and route == paths.LOGIN:  # programs on the proxy's machine may bypass it
            access.note_lost(peer)
        visit.through_proxy = access.rules.proxies.trust(peer)
        if visit.through_proxy and route not in paths.PROBES:
            self._count_passed(visit, origin.address)
        if sum(len(name) + len(value) for name, value in scope["headers"]) > _MOST_HEADER_BYTES:
            raise ProblemError(431, f"the headers of a request have {_MOST_HEADER_BYTES // 1024} KiB at most")
        if route is None:
            raise not_found("page at this address")
        await self._identify(visit, route)
        headers = Headers(scope=scope)
        if scope["method"] in _SAFE or (visit.identity is None and route != paths.LOGIN):
            return receive  # public: there is nothing to change
        self._check_sender(visit, headers)
        if visit.identity is None:
            return receive  # the login reads its body after its throttle
        content = await bodies.read(receive, headers, access.rules.body_within_s)
        self._check_change(visit.identity, visit.route, headers, content)
        return bodies.replay(content, receive)

    def _count_passed(self, visit: _RequestContext, address: str) -> None:
        """Limit concurrent requests through a proxy, like connections. Raises ProblemError (429)."""
        if self._access.rules.proxies.trust(address):
            return  # the proxy's own, or of an unknown client
        for network, more in networks(address):
            if self._passed[network] >= self._access.rules.each * more:
                self._access.count_denied(DenialReason.BUDGET)
                detail = "too many concurrent requests from one address: try again"
                raise ProblemError(429, detail, headers={"retry-after": "5"})
        visit.passed = [network for network, _ in networks(address)]
        self._passed.update(visit.passed)

    async def _identify(self, visit: _RequestContext, route: str) -> None:
        """Authenticate a request and charge it to a budget. Raises ProblemError."""
        scope, address = visit.scope, visit.origin.address
        visit.payers = self._access.payers(None, address)
        try:
            known = await self._known(visit, route)
        except ProblemError:
            visit.pay()
            raise
        if known is not None:
            visit.payers = self._access.payers(known, address)
        elif route != paths.METRICS and route not in paths.PROBES:
            visit.payers = self._access.payers(None, address, self._home(visit))
        visit.pay()
        if known is None:
            request_limits.check_query(scope.get("query_string", b""))
            most = (
                request_limits.MAX_ACCEPT_METRICS_BYTES
                if route == paths.METRICS
                else request_limits.MAX_ACCEPT_BYTES
            )
            scope["headers"] = request_limits.cut(scope["headers"], most)
        if not paths.is_public(route) and route != paths.METRICS:
            if known is None:
                raise ProblemError(401, _LOG_IN)
            visit.set_identity(known)

    def _home(self, visit: _RequestContext) -> KnownBrowser | None:
        accounts, lines = self._access.accounts, Headers(scope=visit.scope).getlist("cookie")
        if accounts is None:
            return None
        return self._access.known_browsers.read(lines, accounts, secure=visit.origin.secure)

    async def _known(self, visit: _RequestContext, route: str) -> Identity | None:
        access, origin, headers = self._access, visit.origin, Headers(scope=visit.scope)
        bearer = _bearer(headers)
        cookie = signed_cookies.find(headers.getlist("cookie"), access.jar.name(COOKIE, secure=origin.secure))
        if route == paths.METRICS:
            visit.payers = await access.authorize_metrics(origin, bearer, cookie)
            return None
        if route in paths.PROBES:
            visit.payers = ()
            if route == paths.READY:
                state = visit.scope.setdefault("state", {})
                state["hears_all"] = await access.may_hear(origin, bearer, cookie)
            return None
        if paths.is_public(route):
            return access.session_of(cookie)
        return await access.identify(origin, bearer, cookie)

    def _check_sender(self, visit: _RequestContext, headers: Headers) -> None:
        """Refuse requests that another site made a browser send (CSRF). Browsers never add a bearer token."""
        by_token = visit.identity is not None and visit.identity.by is AuthMethod.TOKEN
        if not by_token and not same_origin(visit.origin, headers.raw):
            self._access.count_denied(DenialReason.ORIGIN)
            raise ProblemError(
                403, "cross-origin request refused: use a page of this camwatch, or send a bearer token"
            )

    def _check_change(self, identity: Identity, route: str | None, headers: Headers, content: bytes) -> None:
        """Refuse forms without our CSRF token, and changes by viewers."""
        if identity.by is not AuthMethod.TOKEN:
            given = headers.get("x-csrf-token", "") or bodies.form(content, headers).get("csrf", "")
            if not hmac.compare_digest(given.encode(), identity.csrf_token.encode()):
                self._access.count_denied(DenialReason.CSRF)
                raise ProblemError(403, "this page is out of date: reload it and try again")
        if not identity.viewer.has_role(Role.EDITOR) and route != paths.LOGOUT:
            raise ProblemError(403, _needs_editor(identity.viewer))

    def _refuse(self, visit: _RequestContext, problem: ProblemError) -> Response:
        request = HTTPConnection(visit.scope)
        if problem.status == 401 and visit.is_navigation:
            root = self._access.rules.root_path
            asked = visit.path_and_query
            after = (
                f"?next={quote(asked, safe='/')}" if asked != "/" and paths.is_safe_redirect(asked) else ""
            )
            return RedirectResponse(f"{root}{paths.LOGIN}{after}", 303)
        if problem.status == 401 and request.headers.get("hx-request"):
            problem.headers["hx-redirect"] = f"{self._access.rules.root_path}{paths.LOGIN}"
        if problem.status == 429 and not visit.through_proxy:
            problem.headers["connection"] = "close"  # the next request has to connect again
        return problem_response(request, problem, plainly=problem.status == 429)

    async def _serve(self, visit: _RequestContext, scope: Scope, receive: Receive) -> None:
        """Run the application for as long as the identity is valid."""
        if visit.identity is not None and not self._access.is_still_valid(visit.identity):
            await visit.terminate()  # their account changed while the request came in
            return
        # A change that has begun is not cancelled: it would be made, but logged as refused.
        changes = scope["method"] not in _SAFE
        if changes or visit.identity is None or visit.identity.by is AuthMethod.LOCAL:
            await self._app(scope, receive, visit.send)
            return
        work = asyncio.ensure_future(self._answer(visit, scope, receive))
        visit.work = work
        self._visits.add(visit)
        try:
            await asyncio.wait({work}, timeout=visit.identity.valid_for_s)
        finally:
            self._visits.discard(visit)
            if not work.done():
                work.cancel()
                await asyncio.wait({work})
        if work.cancelled():
            await visit.terminate()
        else:
            work.result()

    async def _answer(self, visit: _RequestContext, scope: Scope, receive: Receive) -> None:
        await metered(self._app(scope, receive, visit.send), self._access.work, visit.charge)

    def _turn_out(self) -> None:
        """Cancel responses to clients whose account changed."""
        for visit in list(self._visits):
            if visit.identity is not None and not self._access.is_still_valid(visit.identity) and visit.work:
                visit.work.cancel()


class _RequestContext:
    """One request: its origin, identity, budgets, and its response."""

    def __init__(self, scope: Scope, send: Send, access: Authenticator, policy: str) -> None:
        self.scope = scope
        self.identity: Identity | None = None
        self.work: asyncio.Future[None] | None = None
        self.route: str | None = None
        self.payers: tuple[Payer, ...] = ()
        self.passed: list[str] = []
        self.through_proxy = False
        self.origin = Origin("", False, "", None, False)
        self._send = send
        self._access = access
        self._policy = policy
        self._status = 0
        self._over = False

    def set_origin(self, origin: Origin, route: str | None) -> None:
        """Set the origin and the path below the root."""
        self.origin, self.route = origin, route

    def set_identity(self, identity: Identity) -> None:
        """Set the identity; handlers find it in the request's state."""
        self.identity = identity
        state: dict[str, Any] = self.scope.setdefault("state", {})
        state["viewer"], state["identity"] = identity.viewer, identity

    def pay(self) -> None:
        """Charge for the request itself. Raises ProblemError (429) if the budget is exceeded."""
        payers, self.payers = self.payers, ()
        self._access.check_budget(payers, self.origin.address)
        self.payers = payers

    def charge(self, seconds: float) -> None:
        """Charge for event-loop time."""
        self._access.budget.spend(self.payers, seconds)

    @property
    def path_and_query(self) -> str:
        """Path and query, below the root."""
        query = self.scope.get("query_string", b"").decode("latin-1")
        path = quote(self.route or "/")
        return f"{path}?{query}" if query else path

    @property
    def is_navigation(self) -> bool:
        """Whether a browser requests a page."""
        headers = Headers(scope=self.scope)
        return (
            self.scope["method"] in ("GET", "HEAD")
            and self.route is not None
            and not self.route.startswith("/api/")
            and self.route != paths.METRICS
            and "text/html" in headers.get("accept", "")
            and "hx-request" not in headers
        )

    async def send(self, message: Message) -> None:
        """Send a message; add the headers that every response has."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            headers = MutableHeaders(raw=list(message.get("headers", [])))
            kept = self.route is not None and self.route.startswith(paths.STATIC)
            secure_headers(headers, self._policy, secure=self.origin.secure, kept=kept)
            self._renew(headers)
            message = {**message, "headers": headers.raw}
        elif message["type"] == "http.response.body":
            self._over = not message.get("more_body", False)
        await self._send(message)

    def _renew(self, headers: MutableHeaders) -> None:
        session = self.identity.session if self.identity is not None else None
        if session is None or "set-cookie" in headers or self._access.sessions.is_expired(session):
            return
        renewed = self._access.sessions.renew(session)
        if renewed is not None:
            cookie = self._access.sessions.cookie(renewed, secure=self.origin.secure)
            headers.append("set-cookie", cookie)

    async def terminate(self) -> None:
        """End the response: the client is no longer authenticated."""
        if not self._status:
            await problem_response(HTTPConnection(self.scope), ProblemError(401, _LOG_IN))(
                self.scope, _nothing, self.send
            )
        elif not self._over:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    def audit(self, why: str | None = None) -> None:
        """Log a change, or its refusal and `why`."""
        if (
            self.scope["method"] in _SAFE
            or self.identity is None
            or self.route in (paths.LOGIN, paths.LOGOUT)
        ):
            return
        _log.info(
            "change made" if self._status < 400 else "change refused",
            who=self.identity.viewer.name,
            role=self.identity.viewer.role.value,
            by=self.identity.by.value,
            address=self.origin.address,
            method=self.scope["method"],
            path=self.route,
            status=self._status,
            **({} if why is None else {"reason": why}),
        )


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


def _bearer(headers: Headers) -> str | None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
