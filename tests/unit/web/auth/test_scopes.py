"""Whatever is sent in whatever order: nobody sees or does more than the accounts say at that moment."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from camwatch.web.auth.accounts import Accounts
from camwatch.web.auth.authenticator import AuthConfig, Authenticator
from camwatch.web.auth.middleware import add_auth
from camwatch.web.auth.proxy_headers import TrustedProxies
from tests.support.examples import examples
from tests.support.web.auth_app import LANDLORD, PASSWORD, TOKEN, Hands, accounts, house

NAMES = ("chief", "Zoe", "landlord", "grafana", "bridge", "sso@ville.example")
PATHS = (
    "/who",
    "/api/v1/who",
    "/change",
    "/careless",
    "/metrics",
    "/static/../who",
    "//who",
    "/login",
)
_headers = st.lists(
    st.sampled_from(
        [
            (b"authorization", f"Bearer {TOKEN}".encode()),
            (b"authorization", f"Bearer {LANDLORD}".encode()),
            (b"authorization", b"Bearer cw_0badcafe_"),
            (b"x-remote-user", b"chief"),
            (b"x-remote-user", b"Zoe"),
            (b"x_remote_user", b"chief"),
            (b"x-forwarded-for", b"10.0.0.1"),
            (b"x-forwarded-proto", b"https"),
            (b"origin", b"http://camwatch"),
            (b"origin", b"http://evil.example"),
            (b"sec-fetch-site", b"same-origin"),
        ]
    ),
    max_size=4,
)
_step = st.one_of(
    st.tuples(
        st.just("ask"), st.sampled_from(("GET", "POST", "HEAD", "PUT")), st.sampled_from(PATHS), _headers
    ),
    st.tuples(st.just("log in"), st.sampled_from(NAMES[:3])),
    st.tuples(st.just("log out")),
    st.tuples(st.just("narrow"), st.sampled_from(NAMES), st.sampled_from(("ville", "sacogiva"))),
    st.tuples(st.just("revoke"), st.sampled_from(NAMES)),
    st.tuples(st.just("wait"), st.sampled_from((1, 40_000))),
)


class Browser:
    """Sends requests from one address straight to the door, and keeps its cookie."""

    def __init__(self, peer: str) -> None:
        self.hands = Hands()
        rules = AuthConfig(proxies=TrustedProxies(["10.0.0.0/8"], "X-Remote-User"))
        self.access = Authenticator(accounts(), rules, wall=self.hands, mono=self.hands)
        self.door = add_auth(house(self.access), self.access)
        self.peer = peer
        self.cookie = b""

    async def send(
        self, method: str, path: str, headers: list[tuple[bytes, bytes]], body: bytes = b""
    ) -> tuple[int, Any]:
        told: list[Any] = []
        kind = (b"content-type", b"application/x-www-form-urlencoded")
        scope = {
            "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
            "headers": [(b"host", b"camwatch"), (b"cookie", self.cookie), kind, *headers],
            "scheme": "http", "client": (self.peer, 1), "server": ("camwatch", 80), "root_path": "",
            "http_version": "1.1", "asgi": {"version": "3.0"},
        }  # fmt: skip
        given = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive() -> Any:
            return next(given, {"type": "http.disconnect"})

        async def tell(message: Any) -> None:
            told.append(message)

        await self.door(scope, receive, tell)
        start = told[0]
        for name, value in start["headers"]:
            if name == b"set-cookie":
                self.cookie = value.partition(b";")[0]
        text = b"".join(message.get("body", b"") for message in told[1:])
        return start["status"], json.loads(text) if text.startswith(b"{") else text

    async def take(self, step: tuple[Any, ...]) -> None:
        """Do one step; what comes back must be what the accounts allow."""
        if step[0] == "ask":
            self.judge(step, *await self.send(step[1], step[2], step[3]))
        elif step[0] == "log in":
            form = f"name={step[1]}&password={PASSWORD.replace(' ', '+')}".encode()
            await self.send("POST", "/login", [(b"sec-fetch-site", b"same-origin")], form)
        elif step[0] == "log out":
            await self.send("POST", "/logout", [(b"sec-fetch-site", b"same-origin")])
        elif step[0] == "wait":
            self.hands.seconds += step[1]
        else:
            self.access.set_accounts(self._changed(step))

    def _changed(self, step: tuple[Any, ...]) -> Accounts:
        known = self.access.accounts
        assert known is not None
        account = known.get(step[1])
        if account is None:
            return known
        if step[0] == "revoke":
            return known.without(step[1])
        return known.replace(account.model_copy(update={"operators": (step[2],)}))

    def judge(self, step: tuple[Any, ...], status: int, told: Any) -> None:
        """Fail if somebody was let in who should not have been, or further than they may."""
        _, method, path, headers = step
        known = self.access.accounts
        assert known is not None
        if path == "/login" or status >= 400 or status == 303 or method == "HEAD":
            return
        assert path in ("/who", "/api/v1/who", "/change", "/careless", "/metrics"), path
        if path == "/metrics":
            return  # judged by its own tests
        if method in ("POST", "PUT"):
            # Nothing here has a form token: only a bearer token of an editor changes anything.
            assert (b"authorization", f"Bearer {LANDLORD}".encode()) in headers
            assert known.get("bridge") is not None
            return
        name = told["name"] if isinstance(told, dict) else told.decode()
        account = known.get(name)
        assert account is not None, "revoked"
        if isinstance(told, dict):
            operators = None if account.operators is None else sorted(account.operators)
            assert (told["role"], told["operators"]) == (account.role, operators)
        vouched = (b"x-remote-user", name.encode()) in headers and self.peer.startswith("10.")
        token = {"grafana": TOKEN, "bridge": LANDLORD}.get(name)
        brought = (b"authorization", f"Bearer {token}".encode()) in headers
        assert vouched or brought or (name in NAMES[:3] and self.cookie), "nothing proved it"


@examples(40)
@given(st.sampled_from(("10.0.0.1", "192.0.2.1")), st.lists(_step, max_size=14))
def test_no_sequence_of_requests_widens_what_anybody_sees(peer: str, steps: list[tuple[Any, ...]]) -> None:
    async def play() -> None:
        browser = Browser(peer)
        try:
            for step in steps:
                await browser.take(step)
        finally:
            browser.access.close()

    asyncio.run(play())
