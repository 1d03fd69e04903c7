"""What those may cost who have not said who they are: counted in bytes and calls, not in time."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path
from sys import setprofile
from urllib.parse import quote

import pytest
from starlette.types import ASGIApp, Message, Scope

from camwatch.web.application import make_site
from camwatch.web.auth.authenticator import AuthConfig, Authenticator
from camwatch.web.auth.known_browsers import KnownBrowser
from camwatch.web.auth.proxy_headers import TrustedProxies
from camwatch.web.auth.request_body import MAX_ANONYMOUS_BODY_BYTES
from camwatch.web.auth.request_limits import cut
from camwatch.web.auth.time_budget import Allowance, Payer, TimeBudget, metered
from tests.integration.web.auth.test_authenticator import raw
from tests.support.web.auth_app import LANDLORD, PASSWORD, TOKEN, Hands, accounts, doorway
from tests.support.web.two_operator_app import Town

BEARER = {"authorization": f"Bearer {TOKEN}"}
KIB = 1024
FORM = (b"content-type", b"application/x-www-form-urlencoded")


def posted(length: int, body: bytes = b"") -> bytes:
    """Return a form of the login that tells a length and sends what it sends."""
    return (
        b"POST /login HTTP/1.1\r\nHost: x\r\nSec-Fetch-Site: same-origin\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n" % length
    ) + body


async def test_who_has_to_wait_is_told_so_before_a_byte_of_the_form_is_read() -> None:
    """The form never comes, and still there is an answer."""
    async with doorway(accounts()) as door:
        for number in range(20):
            door.access.login_throttle.start(f"name{number}", "127.0.0.1")
        status, head, _ = await raw(door, posted(8000))
        assert status == 429
        assert "retry-after: " in head.lower()


@pytest.mark.parametrize("length", [MAX_ANONYMOUS_BODY_BYTES + 1, 255 * 1024])
async def test_a_form_of_a_stranger_is_refused_by_its_length_before_it_is_read(length: int) -> None:
    async with doorway(accounts()) as door:
        assert (await raw(door, posted(length)))[0] == 413
        start = posted(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
        chunk = b"1000\r\n" + b"a" * 4096 + b"\r\n"
        assert (await raw(door, start + chunk * 3))[0] == 413, "it never ends, and is not waited for"


async def test_a_form_is_taken_apart_once() -> None:
    form = f"name=chief&password={quote(PASSWORD)}&next=/who&x={'%41' * 2000}".encode()
    calls = 0

    def note(frame: object, event: str, _what: object) -> None:
        nonlocal calls
        code = getattr(frame, "f_code", None)
        calls += event == "call" and code is not None and code.co_name == "parse_qsl"

    async with doorway(accounts()) as door:
        setprofile(note)
        try:
            status, head, _ = await raw(door, posted(len(form), form))
        finally:
            setprofile(None)
        assert (status, calls) == (303, 1)
        assert "location: /who" in head.lower()
        many = form + b"&y=" * 12
        assert (await raw(door, posted(len(many), many)))[0] == 401, "of so many fields none is read"


# Each attack costs what an honest request costs, more or less

ATTACKS: dict[str, tuple[str, str, bytes, list[tuple[bytes, bytes]], bytes]] = {
    "a cookie that inflates": ("GET", "/api/v1/me", b"", [(b"cookie", b"camwatch=.eJ" + b"x" * 940)], b""),
    "255 KiB of escapes": ("POST", "/login", b"", [FORM], b"name=" + b"%41" * 85 * KIB),
    "8 KiB of escapes": ("POST", "/login", b"", [FORM], b"name=" + b"%41" * 2720),
    "200 fields": (
        "POST",
        "/login",
        b"",
        [FORM],
        b"&".join(b"%d=%s" % (n, b"%41" * 300) for n in range(199)),
    ),
    "commas for a language": ("GET", "/login", b"", [(b"accept-language", b"," * 15 * KIB)], b""),
    "many languages": ("GET", "/login", b"", [(b"accept-language", b"fr;q=0.1,")] * 90, b""),
    "a long query": ("GET", "/login", b"a=b&" * 3800, [], b""),
    "4 KiB of query": ("GET", "/login", b"a&" * 2048, [], b""),
    "a long query of preferences": ("GET", "/preferences", b"a=b&" * 3800, [], b""),
    "many cookies": ("GET", "/login", b"", [(b"cookie", b"a=;" * 5 * KIB)], b""),
    "blank cookies": ("GET", "/api/v1/me", b"", [(b"cookie", b"; " * 7 * KIB)], b""),
    "a chain of proxies": (
        "GET",
        "/login",
        b"",
        [(b"x-forwarded-for", b"10.0.0.1, " * 1500 + b"10.0.0.2")],
        b"",
    ),
    "a wrong token": ("GET", "/api/v1/me", b"", [(b"authorization", b"Bearer cw_" + b"x" * 14 * KIB)], b""),
    "a page after a login": ("GET", "/" + "%41" * 600, b"x" * 4000, [(b"accept", b"text/html")], b""),
}


@contextlib.asynccontextmanager
async def real_site(folder: Path) -> AsyncIterator[ASGIApp]:
    """Give the whole application, with accounts, and a proxy before it."""
    town = Town(folder)
    access = Authenticator(accounts(), AuthConfig(proxies=TrustedProxies(["127.0.0.1", "10.0.0.0/8"])))
    try:
        yield make_site(dataclasses.replace(town.parts, access=access))
    finally:
        access.close()
        town.close()


async def steps_of(
    site: ASGIApp, method: str, path: str, query: bytes, headers: list[tuple[bytes, bytes]], body: bytes
) -> int:
    """Return how many functions a request calls in this thread, Python's and C's."""
    scope: Scope = {
        "type": "http", "http_version": "1.1", "scheme": "http", "method": method, "path": path,
        "raw_path": path.encode(), "query_string": query, "root_path": "", "client": ("127.0.0.1", 1),
        "headers": [(b"host", b"x"), (b"sec-fetch-site", b"same-origin"), *headers],
    }  # fmt: skip

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(_message: Message) -> None:
        pass

    count = 0

    def note(_frame: object, event: str, _what: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    setprofile(note)
    try:
        await site(scope, receive, send)
    finally:
        setprofile(None)
    return count


async def test_no_request_without_an_account_takes_much_of_the_loop(tmp_path: Path) -> None:
    """Counted in calls, which no busy machine changes."""
    async with real_site(tmp_path) as site:
        honest = ("GET", "/login", b"next=/cameras", [(b"accept-language", b"fr,en;q=0.5")], b"")
        await steps_of(site, *honest)
        usual = await steps_of(site, *honest)
        costs = {what: await steps_of(site, *attack) for what, attack in ATTACKS.items()}
        assert max(costs.values()) < 12_000, (usual, costs)


async def test_a_head_of_many_lines_is_refused_before_it_is_taken_apart() -> None:
    """Also one that comes in pieces, or with the request before it; a body may have as many as it likes."""
    lines = b"a:\r\n" * 150
    ask = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n"
    async with doorway(accounts()) as door:
        assert (await raw(door, ask + lines + b"\r\n"))[0] == 431
        assert (await raw(door, ask + lines[:240] + b"\r\n"))[0] == 200
        host, port = door.url.removeprefix("http://").split(":")
        for pieces in ([ask, *[lines[:200]] * 4], [ask + b"\r\n" + ask + lines + b"\r\n"]):
            reader, writer = await asyncio.open_connection(host, int(port))
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            with contextlib.suppress(ConnectionError):
                assert (await reader.read()).count(b" 431 ") == 1
            writer.transport.abort()
        told = f"POST /change HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {LANDLORD}\r\n"
        told += "Content-Length: 400\r\n\r\n" + "\n" * 400
        assert (await raw(door, told.encode()))[0] == 200


def test_the_accept_header_is_read_up_to_a_limit() -> None:
    given = [(b"accept-language", b"x" * 150)] * 3 + [(b"accept", b"y" * 300), (b"x-other", b"z" * 300)]
    assert [(name, len(value)) for name, value in cut(given)] == [
        (b"accept-language", 150), (b"accept-language", 50), (b"accept-language", 0),
        (b"accept", 200), (b"x-other", 300),
    ]  # fmt: skip


# Budgets

SHORT = AuthConfig(
    proxies=TrustedProxies(["127.0.0.1"]), strangers=Allowance(0.0105, 0.001), people=Allowance(0.0205, 0.001)
)


async def test_who_spent_the_budget_of_an_address_is_refused_before_any_work() -> None:
    async with doorway(accounts(), SHORT) as door, door.client() as client:

        async def login(address: str) -> int:
            return (await client.get("/login", headers={"x-forwarded-for": address})).status_code

        assert [await login("192.0.2.1") for _ in range(13)] == [200] * 11 + [429] * 2
        refused = await client.get("/who", headers={"x-forwarded-for": "192.0.2.1", "accept": "text/html"})
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert await login("192.0.2.2") == 200, "another address"
        probe = await client.get("/-/healthy", headers={"x-forwarded-for": "192.0.2.1"})
        assert probe.status_code == 200, "probes cost nobody anything"
        own = await client.get("/who", headers={**BEARER, "x-forwarded-for": "192.0.2.1"})
        assert own.status_code == 200, "who has an account pays from its own"
        door.hands.seconds += 3
        assert [await login("192.0.2.1") for _ in range(4)].count(200) == 3
        assert door.access.denials["budget"] == 4


async def test_strangers_do_not_lock_out_a_user_known_at_their_address() -> None:
    async with doorway(accounts(), SHORT) as door, door.client() as client, door.client() as stranger:
        form = {"name": "chief", "password": PASSWORD}
        there = {"x-forwarded-for": "192.0.2.1"}
        log_in = {**there, "origin": door.url}
        assert (await client.post("/login", data=form, headers=log_in)).status_code == 303
        del client.cookies["camwatch"]
        while (await stranger.get("/login", headers=there)).status_code == 200:
            pass
        assert (await stranger.post("/login", data=form, headers=log_in)).status_code == 429
        home = client.cookies["camwatch-home"]
        assert (await client.get("/login", headers=there)).status_code == 200
        assert (await client.post("/login", data=form, headers=log_in)).status_code == 303
        forged = {**there, "cookie": f"camwatch-home={home[:-1]}{'1' if home[-1] == '0' else '0'}"}
        assert (await stranger.get("/login", headers=forged)).status_code == 429
        shown = {**there, "cookie": f"camwatch-home={home}"}
        answers = [(await stranger.get("/login", headers=shown)).status_code for _ in range(12)]
        assert answers.count(200) == 9, "nor does it open more than one address has"


def test_all_browsers_of_an_account_share_a_budget() -> None:
    access = Authenticator(accounts())
    access.budget.spend(access.payers(None, "192.0.2.1", KnownBrowser("chief", "a")), 11.0)
    for home, waits in ((KnownBrowser("chief", "b"), True), (KnownBrowser("zoe", "c"), False)):
        assert (access.budget.wait_s(access.payers(None, "192.0.2.2", home)) > 0) == waits
    access.close()


async def test_who_asks_on_after_429_has_to_connect_anew_but_no_proxy_does() -> None:
    rules = AuthConfig(strangers=Allowance(0.0015, 0.001))
    for given, closes in (
        (rules, True),
        (dataclasses.replace(rules, proxies=TrustedProxies(["127.0.0.1"])), False),
    ):
        async with doorway(accounts(), given) as door, door.client() as client:
            answers = [await client.get("/login") for _ in range(3)]
            assert [answer.status_code for answer in answers] == [200, 200, 429]
            assert ("close" in answers[-1].headers.get("connection", "")) == closes


async def test_an_account_pays_for_loop_time_from_any_address() -> None:
    async with doorway(accounts(), SHORT) as door, door.client() as client:

        async def ask(path: str, number: int) -> int:
            headers = {**BEARER, "x-forwarded-for": f"192.0.2.{number}"}
            return (await client.get(path, headers=headers)).status_code

        assert [await ask("/dear", number) for number in range(8)] == [200] * 4 + [429] * 4
        assert door.dear == 4, "what is refused is not begun"
        assert await ask("/who", 9) == 429
        door.hands.seconds += 60
        assert await ask("/who", 10) == 200


def test_of_ipv6_the_wider_networks_have_budgets_too() -> None:
    access = Authenticator(accounts())
    spent = access.payers(None, "2001:db8:0:1::1")
    access.budget.spend(spent, 3.0)
    for other, waits in (("2001:db8:0:2::1", True), ("2001:db8:0:100::1", False), ("192.0.2.1", False)):
        assert (access.budget.wait_s(access.payers(None, other)) > 0) == waits, other
    access.close()


def test_budgets_are_bounded_in_number_and_exhaustion_is_logged_once() -> None:
    hands = Hands()
    budget = TimeBudget(hands)
    spent = (Payer("a", Allowance(1, 0.1)),)
    budget.spend(spent, 2.0)
    assert [budget.is_news(spent) for _ in range(2)] == [True, False]
    assert budget.wait_s(spent) == pytest.approx(10)
    hands.seconds += 20
    assert budget.wait_s(spent) == 0
    budget.spend(spent, 2.0)
    hands.seconds += 1
    assert budget.is_news(spent)
    for number in range(20_000):
        budget.spend((Payer(str(number), Allowance(1, 0.1)),), 0.1)
    assert len(budget._purses) <= 10_000


async def test_work_is_metered_without_waiting_and_with_the_same_result() -> None:
    hands, spent = Hands(), [0.0]

    def charge(seconds: float) -> None:
        spent[0] += seconds

    async def work(asked: asyncio.Event) -> str:
        hands.seconds += 1
        try:
            await asked.wait()
        finally:
            hands.seconds += 2
        return "done"

    asked = asyncio.Event()
    job = asyncio.ensure_future(_awaited(work(asked), hands, charge))
    await asyncio.sleep(0)
    hands.seconds += 100
    asked.set()
    assert (await job, spent) == ("done", [3.0])
    job = asyncio.ensure_future(_awaited(work(asyncio.Event()), hands, charge))
    await asyncio.sleep(0)
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert spent == [6.0]


async def _awaited(work: object, hands: Hands, charge: object) -> str:
    return str(await metered(work, hands, charge))  # type: ignore[arg-type]
