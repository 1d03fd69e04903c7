"""A house of one room behind the real door, on the real server: it tells who came in."""

from __future__ import annotations

import asyncio
import contextlib
import html
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any

import httpx
from fastapi import Depends, FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse

from camwatch.web import problems
from camwatch.web.auth import hashing
from camwatch.web.auth.accounts import Account, Accounts, StoredToken
from camwatch.web.auth.authenticator import AuthConfig, Authenticator
from camwatch.web.auth.login import LoginForm, login_routes
from camwatch.web.auth.middleware import add_auth, csrf_token, editor, hears_all, viewer
from camwatch.web.auth.principal import Principal, Role
from camwatch.web.connection_limits import TlsCertificate
from camwatch.web.server import HttpServer, listen_on
from tests.support.pace import PATIENCE_S
from tests.support.web.serving import _UNUSED

PASSWORD = "correct horse battery staple"  # noqa: S105 - of the tests' accounts
TOKEN = hashing.Token("0badcafe", "x" * 43)
LANDLORD = hashing.Token("0badf00d", "y" * 43)
OVER = hashing.Token("0bad0ff0", "z" * 43)


_RULES = AuthConfig()


class Hands:
    """The hands of both clocks, which tests move."""

    def __init__(self) -> None:
        self.seconds = 1_767_258_000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.seconds


@lru_cache
def hashed(secret: str) -> str:
    """Return a hash, made once for all tests."""
    return hashing.hash_secret(secret)


def kept(token: hashing.Token, *, expires: datetime | None = None) -> StoredToken:
    """Return what the file keeps of a token."""
    made = datetime(2026, 1, 1, tzinfo=UTC)
    return StoredToken(id=token.id, hash=hashed(token.secret), created=made, expires=expires)


def accounts() -> Accounts:
    """Return one account of each kind."""
    password = hashed(PASSWORD)
    over = datetime.fromtimestamp(Hands().seconds - 1, UTC)
    return Accounts(
        accounts=(
            Account(name="chief", role=Role.ADMIN, password=password),
            Account(name="Zoe", role=Role.EDITOR, operators=("ville",), password=password),
            Account(name="landlord", role=Role.VIEWER, operators=("sacogiva",), password=password),
            Account(name="grafana", role=Role.VIEWER, tokens=(kept(TOKEN), kept(OVER, expires=over))),
            Account(name="bridge", role=Role.EDITOR, operators=("sacogiva",), tokens=(kept(LANDLORD),)),
            Account(name="sso@ville.example", role=Role.EDITOR),
        )
    )


def house(access: Authenticator, ended: asyncio.Event | None = None) -> FastAPI:
    """Return an application that tells who came in, changes nothing and streams for ever."""
    app = FastAPI(openapi_url=None)
    problems.install(app)
    app.router.routes.extend(login_routes(access))
    app.state.login_page = _form

    def told(request: Request, who: Principal) -> Response:
        operators = None if who.operators is None else sorted(who.operators)
        return JSONResponse(
            {
                "name": who.name,
                "role": who.role,
                "operators": operators,
                "csrf": csrf_token(request),
                "headers": {key: value for key, value in request.headers.items() if key.startswith("x-")},
                "client": request.client.host if request.client else None,
                "url": str(request.url),
                "path": request.url.path,
            }
        )

    @app.get("/api/v1/who")
    @app.get("/who")
    @app.get("/")
    async def who(request: Request, who: Annotated[Principal, Depends(viewer)]) -> Response:
        return told(request, who)

    @app.post("/change")
    async def change(request: Request, who: Annotated[Principal, Depends(editor)]) -> Response:
        return JSONResponse({"who": who.name, "body": (await request.body()).decode()})

    @app.post("/careless")
    async def careless() -> Response:
        return PlainTextResponse("changed")

    @app.get("/stream")
    async def stream() -> Response:
        return StreamingResponse(_endless(b"data: first\n\n", asyncio.Event(), ended))

    @app.get("/flood")
    async def flood() -> Response:
        return StreamingResponse(_endless(bytes(65_536), None, ended))

    @app.get("/dear")
    async def dear(request: Request) -> Response:
        request.app.state.dear()
        return PlainTextResponse("dear")

    @app.get("/-/ready")
    async def ready(request: Request) -> Response:
        return JSONResponse(hears_all(request))

    for path in ("/metrics", "/-/healthy", "/static/a.css"):
        app.get(path)(_plain)
    return app


async def _endless(
    piece: bytes, after: asyncio.Event | None, ended: asyncio.Event | None
) -> AsyncIterator[bytes]:
    """Yield a piece again and again, each time after an event, and tell the end."""
    try:
        while True:
            yield piece
            await (after.wait() if after is not None else asyncio.sleep(0))
    finally:
        if ended is not None:
            ended.set()


def _form(request: Request, form: LoginForm) -> Response:
    """Return the page of the login: here, only what it has to say."""
    said = form.failure.value if form.failure else ""
    root = request.scope.get("root_path", "")
    field = f'<input name="next" value="{html.escape(form.after)}">'
    return HTMLResponse(f'<p>{said}</p><form action="{root}/login">{field}</form>')


async def _plain() -> Response:
    return PlainTextResponse("all of it")


class Doorway:
    """The house, served: clients of it, its door and its clocks."""

    def __init__(
        self, access: Authenticator, hands: Hands, work: Hands, url: str, ended: asyncio.Event
    ) -> None:
        self.access = access
        self.hands = hands
        self.url = url
        self.ended = ended
        self.work = work
        self.dear = 0
        self.slow_began = asyncio.Event()
        self.slow_may_end = asyncio.Event()

    async def change_slowly(self) -> str:
        """Make a change that takes until the test lets it end."""
        self.slow_began.set()
        await self.slow_may_end.wait()
        return "changed"

    def take_5_ms(self) -> None:
        """Take some of the loop's time."""
        self.dear += 1
        self.work.seconds += 0.005

    def client(self, **options: Any) -> httpx.AsyncClient:
        """Return a client that keeps cookies and follows no redirect."""
        options = {"verify": _UNUSED, **options}
        return httpx.AsyncClient(base_url=self.url, timeout=PATIENCE_S, trust_env=False, **options)

    async def log_in(
        self, client: httpx.AsyncClient, name: str, password: str = PASSWORD, **more: str
    ) -> httpx.Response:
        """Send the form of the login, as a browser does."""
        form = {"name": name, "password": password, **more}
        return await client.post("/login", data=form, headers={"origin": self.url})

    async def csrf_token(self, client: httpx.AsyncClient) -> str:
        """Return what a page's forms carry."""
        return str((await client.get("/who")).json()["csrf"])


@contextlib.asynccontextmanager
async def doorway(
    known: Accounts | None = None,
    rules: AuthConfig = _RULES,
    metrics_token: str | None = None,
    certificate: TlsCertificate | None = None,
    within_s: float = 2 * PATIENCE_S,
    most: int | None = None,
) -> AsyncIterator[Doorway]:
    """Serve the house while the context lasts; by default, no connection is closed for its age."""
    hands, work, ended = Hands(), Hands(), asyncio.Event()
    access = Authenticator(known, rules, metrics_token, wall=hands, mono=hands, work=work)
    sock = listen_on("127.0.0.1", 0)
    port = sock.getsockname()[1]
    inside = house(access, ended)
    site = add_auth(inside, access)
    each, pays = access.connections_of, access.pay_handshake
    server = HttpServer(
        site,
        sock,
        certificate,
        within_s=within_s,
        most=most,
        each=each,
        pays=pays,
        root_path=rules.root_path,
    )
    scheme = "https" if certificate else "http"
    with contextlib.closing(sock):
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.run())
            await server.serving()
            try:
                door = Doorway(access, hands, work, f"{scheme}://127.0.0.1:{port}", ended)
                inside.state.dear = door.take_5_ms
                inside.post("/slow")(door.change_slowly)
                yield door
            finally:
                server.stop()
                access.close()
