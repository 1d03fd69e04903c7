"""What gets through the door and what does not: tokens, forms of other sites, headers, paths, sizes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from camwatch.web.auth.accounts import Account
from camwatch.web.auth.authenticator import AuthConfig
from camwatch.web.auth.paths import normalize_path
from camwatch.web.auth.principal import Role
from camwatch.web.auth.proxy_headers import TrustedProxies
from camwatch.web.auth.request_body import MAX_BODY_BYTES
from tests.support.eventually import eventually
from tests.support.pace import PATIENCE_S, SCALE
from tests.support.web.auth_app import LANDLORD, OVER, PASSWORD, TOKEN, Doorway, accounts, doorway, kept
from tests.support.web.serving import leave

BEARER = {"authorization": f"Bearer {TOKEN}"}


async def raw(door: Doorway, request: bytes) -> tuple[int, str, bytes]:
    """Send bytes as they are; return the status, the head and the body."""
    host, port = door.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    length = next((line[16:] for line in head.splitlines() if line.lower().startswith("content-length")), "0")
    body = await reader.readexactly(int(length))
    await leave(writer)
    return int(head.split()[1]), head, body


# Without accounts


async def test_without_accounts_whoever_is_on_this_machine_may_do_everything() -> None:
    async with doorway() as door, door.client() as client:
        told = (await client.get("/who")).json()
        assert (told["name"], told["role"], told["operators"]) == ("local", "admin", None)
        for host in ("localhost", "127.0.0.1:1", "127.9.9.9", "[::1]:80", "LOCALHOST", "camwatch.localhost"):
            assert (await client.get("/who", headers={"host": host})).status_code == 200, host
        assert (await client.get("/login?next=/who")).headers["location"] == "/who"
        assert (await door.log_in(client, "x", "y")).headers["location"] == "/"


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "camwatch", "192.0.2.7", "", "[::1"]
)
async def test_without_accounts_no_other_sites_name_leads_here(host: str) -> None:
    """DNS rebinding: a page of another site whose name suddenly means 127.0.0.1."""
    async with doorway() as door, door.client() as client:
        answer = await client.get("/api/v1/who", headers={"host": host})
        assert answer.status_code == 403
        assert "docs/how-to/access.md" in answer.json()["detail"]
        assert door.access.denials["host"] == 1


async def test_without_accounts_what_a_proxy_passes_on_is_refused() -> None:
    async with doorway() as door, door.client() as client:
        for name in ("x-forwarded-for", "forwarded", "x-real-ip", "x-forwarded-host"):
            assert (await client.get("/who", headers={name: "192.0.2.7"})).status_code == 403, name


async def test_without_accounts_a_page_of_another_site_changes_nothing() -> None:
    async with doorway() as door, door.client() as client:
        token = await door.csrf_token(client)
        ours = {"origin": door.url, "x-csrf-token": token}
        assert (await client.post("/change", headers=ours, content="a")).json() == {
            "who": "local",
            "body": "a",
        }
        for headers in (
            {},
            {"x-csrf-token": token},
            {"origin": door.url},
            {"origin": door.url, "x-csrf-token": token[:-1]},
            {"origin": door.url, "x-csrf-token": ""},
            {"origin": "https://evil.example", "x-csrf-token": token},
            {"origin": "null", "x-csrf-token": token},
            {"origin": "http://127.0.0.1:1", "x-csrf-token": token},
            {"origin": door.url.replace("http", "https"), "x-csrf-token": token},
            {"origin": door.url, "sec-fetch-site": "cross-site", "x-csrf-token": token},
            {"origin": door.url, "sec-fetch-site": "same-site", "x-csrf-token": token},
            {"origin": door.url, "sec-fetch-site": "none", "x-csrf-token": token},
        ):
            assert (await client.post("/careless", headers=headers)).status_code == 403, headers


# Tokens


async def test_a_token_opens_what_its_account_may_see_and_needs_no_form_token() -> None:
    async with doorway(accounts()) as door, door.client() as client:
        told = (await client.get("/api/v1/who", headers=BEARER)).json()
        assert (told["name"], told["role"], told["operators"]) == ("grafana", "viewer", None)
        bridge = {"authorization": f"bearer {LANDLORD}"}
        assert (await client.get("/who", headers=bridge)).json()["operators"] == ["sacogiva"]
        assert (await client.post("/change", headers=bridge, content="b")).json()["body"] == "b"
        assert "set-cookie" not in (await client.get("/who", headers=bridge)).headers


@pytest.mark.parametrize(
    "token",
    [
        "x", "cw_", "cw_0badcafe", "cw_0badcafe_", f"cw_0badcafe_{'x' * 42}", f"cw_0badcafe_{'x' * 42}y",
        f"cw_0BADCAFE_{'x' * 43}", f"cw_0badf00d_{'x' * 43}", f"cw_00000000_{'x' * 43}", str(OVER),
        f"{TOKEN}x", "é" * 20, PASSWORD, "x" * 4000,
    ],
)  # fmt: skip
async def test_no_other_token_opens_anything(token: str) -> None:
    async with doorway(accounts()) as door, door.client() as client:
        answer = await client.get("/api/v1/who", headers={b"authorization": f"Bearer {token}".encode()})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Bearer realm="camwatch"'
        assert door.access.denials["token"] == 1


async def test_a_bad_token_is_refused_even_beside_a_good_session() -> None:
    async with doorway(accounts()) as door, door.client() as client:
        await door.log_in(client, "chief")
        assert (await client.get("/who", headers={"authorization": "Bearer cw_x"})).status_code == 401
        assert (await client.get("/who", headers={"authorization": "Basic eDp5"})).status_code == 200


async def test_a_token_is_hashed_once_however_many_ask_with_it() -> None:
    """At once, and one after another; a change of the accounts makes it be verified anew."""
    async with doorway(accounts()) as door, door.client() as client:
        answers = await asyncio.gather(*(client.get("/who", headers=BEARER) for _ in range(30)))
        assert {answer.status_code for answer in answers} == {200}
        assert len(door.access._verified) == 1
        grafana = accounts().get("grafana")
        assert grafana is not None
        without = grafana.model_copy(update={"tokens": (kept(OVER),)})
        door.access.set_accounts(accounts().replace(without))
        assert (await client.get("/who", headers=BEARER)).status_code == 401


async def test_a_token_that_was_replaced_under_its_id_is_not_remembered() -> None:
    async with doorway(accounts()) as door, door.client() as client:
        assert (await client.get("/who", headers=BEARER)).status_code == 200
        other = Account(name="grafana", role=Role.VIEWER, tokens=(kept(TOKEN._replace(secret="q" * 43)),))
        door.access.set_accounts(accounts().replace(other))
        assert (await client.get("/who", headers=BEARER)).status_code == 401


async def test_guessing_at_a_token_is_slowed_down_for_the_one_who_guesses_only() -> None:
    async with (
        doorway(accounts(), AuthConfig(proxies=TrustedProxies(["127.0.0.1"]))) as door,
        door.client() as client,
    ):
        guess = {"authorization": f"Bearer cw_0badcafe_{'w' * 43}", "x-forwarded-for": "192.0.2.1"}
        statuses = [(await client.get("/who", headers=guess)).status_code for _ in range(6)]
        assert statuses == [401] * 5 + [429]
        owner = {**BEARER, "x-forwarded-for": "192.0.2.2"}
        assert (await client.get("/who", headers=owner)).status_code == 200


# Roles


async def test_a_viewer_changes_nothing_whatever_a_handler_forgets() -> None:
    async with doorway(accounts()) as door, door.client() as client:
        await door.log_in(client, "landlord")
        ours = {"origin": door.url, "x-csrf-token": await door.csrf_token(client)}
        for path in ("/change", "/careless", "/nowhere"):
            answer = await client.post(path, headers=ours)
            assert answer.status_code == 403, path
            assert 'role "editor"' in answer.json()["detail"]
        assert (await client.post("/careless", headers=BEARER)).status_code == 403


async def test_each_role_may_do_what_those_before_it_may() -> None:
    async with doorway(accounts()) as door:
        for name, change in (("chief", 200), ("Zoe", 200), ("landlord", 403)):
            async with door.client() as client:
                await door.log_in(client, name)
                form = {"csrf": await door.csrf_token(client), "reason": "été"}
                changed = await client.post("/change", data=form, headers={"sec-fetch-site": "same-origin"})
                assert changed.status_code == change, name


async def test_the_token_of_one_session_is_no_use_in_another() -> None:
    async with doorway(accounts()) as door, door.client() as one, door.client() as other:
        await door.log_in(one, "chief")
        await door.log_in(other, "chief")
        stolen = {"origin": door.url, "x-csrf-token": await door.csrf_token(one)}
        assert (await other.post("/change", headers=stolen)).status_code == 403
        assert (await one.post("/change", headers=stolen)).status_code == 200


async def test_a_login_from_another_sites_page_is_refused() -> None:
    """Or somebody would work in an account that another one watches."""
    async with doorway(accounts()) as door, door.client() as client:
        form = {"name": "chief", "password": PASSWORD}
        for headers in ({}, {"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
            answer = await client.post("/login", data=form, headers=headers)
            assert answer.status_code == 403
            assert "set-cookie" not in answer.headers


async def test_changes_logins_and_refusals_are_told_in_the_log_and_no_secret_is() -> None:
    with capture_logs() as lines:
        async with doorway(accounts()) as door, door.client() as client:
            await door.log_in(client, "chief", "wrong" * 3)
            await door.log_in(client, "chief")
            ours = {"origin": door.url, "x-csrf-token": await door.csrf_token(client)}
            await client.post("/change?why=secret", headers=ours)
            await client.post("/nowhere", headers=ours)
            await client.post("/change", headers=ours | {"x-csrf-token": "made up"})
            await client.post("/logout", headers=ours)
            await client.get("/who", headers={"authorization": f"Bearer cw_0badcafe_{'w' * 43}"})
    told = [(line["event"], line.get("who"), line.get("path"), line.get("status")) for line in lines]
    assert told == [
        ("login refused", "chief", None, None),
        ("logged in", "chief", None, None),
        ("change made", "chief", "/change", 200),
        ("change refused", "chief", "/nowhere", 404),
        ("change refused", "chief", "/change", 403),
        ("logged out", "chief", None, None),
        ("token refused", None, None, None),
    ]
    assert lines[2]["by"] == "session"
    assert lines[2]["address"] == "127.0.0.1"
    text = json.dumps(lines, default=str)
    for secret in (PASSWORD, "wrong", "www", "csrf", "secret"):
        assert secret not in text


async def test_who_is_put_out_while_their_change_comes_in_changes_nothing() -> None:
    """The account is looked at again once the whole request is there."""
    async with doorway(accounts()) as door, door.client() as client:
        go_on = asyncio.Event()

        async def body() -> AsyncIterator[bytes]:
            yield b"{"
            await go_on.wait()
            yield b"}"

        headers = {"authorization": f"Bearer {LANDLORD}"}
        sending = asyncio.create_task(client.post("/change", content=body(), headers=headers))
        await eventually(lambda: door.access._verified)
        door.access.set_accounts(accounts().without("bridge"))
        go_on.set()
        assert (await sending).status_code == 401


async def test_a_change_is_logged_under_the_account_that_began_it() -> None:
    """The store does not stop half-way: an answer of 401 and "refused" in the log would not be true."""
    with capture_logs() as lines:
        async with doorway(accounts()) as door, door.client() as client:
            headers = {"authorization": f"Bearer {LANDLORD}"}
            asked = asyncio.create_task(client.post("/slow", headers=headers))
            async with asyncio.timeout(PATIENCE_S):
                await door.slow_began.wait()
            door.access.set_accounts(accounts().without("bridge"))
            door.slow_may_end.set()
            assert ((await asked).status_code, (await asked).json()) == (200, "changed")
            assert (await client.post("/slow", headers=headers)).status_code == 401
    told = [(line["event"], line.get("status")) for line in lines]
    assert told == [("change made", 200)]


# The proxy's word

SSO = AuthConfig(proxies=TrustedProxies(["127.0.0.1", "10.0.0.0/8"], "X-Remote-User", names_host=True))
ELSEWHERE = AuthConfig(proxies=TrustedProxies(["10.0.0.0/8"], "X-Remote-User"))
ZOE = {"x-remote-user": "sso@ville.example"}


async def test_a_listed_proxy_says_who_somebody_is() -> None:
    async with doorway(accounts(), SSO) as door, door.client() as client:
        told = (await client.get("/who", headers=ZOE)).json()
        assert (told["name"], told["role"]) == ("sso@ville.example", "editor")
        ours = {**ZOE, "origin": door.url, "x-csrf-token": told["csrf"]}
        assert (await client.post("/change", headers=ours)).status_code == 200
        assert (await client.post("/change", headers={**ours, "x-csrf-token": ""})).status_code == 403
        for stranger in ("nobody", "SSO@ville.example", "sso@ville.example\t,chief"):
            assert (await client.get("/who", headers={"x-remote-user": stranger})).status_code == 403
        twice = [("x-remote-user", "chief"), ("x-remote-user", "Zoe")]
        assert (await client.get("/who", headers=twice)).status_code == 400
        assert (await client.get("/who", headers={"x-remote-user": ""})).status_code == 401
        await door.log_in(client, "landlord")
        assert (await client.get("/who", headers=ZOE)).json()["name"] == "sso@ville.example"
        assert (await client.get("/who")).json()["name"] == "landlord", "who is not vouched for logs in"


@pytest.mark.parametrize(
    "header", ["X-Remote-User", "x-remote-user", "X_Remote_User", "x-remote_user", "X-REMOTE-USER"]
)
async def test_the_proxy_header_from_elsewhere_is_ignored_and_removed(header: str) -> None:
    async with doorway(accounts(), ELSEWHERE) as door, door.client() as client:
        spoofed = {header: "chief", "x-forwarded-for": "10.0.0.1", "x-forwarded-proto": "https"}
        assert (await client.get("/who", headers=spoofed)).status_code == 401
        await door.log_in(client, "landlord")
        told = (await client.get("/who", headers=spoofed)).json()
        assert (told["name"], told["headers"], told["client"]) == ("landlord", {}, "127.0.0.1")
        assert told["url"].startswith("http://")


async def test_no_header_is_believed_by_default() -> None:
    async with doorway(accounts()) as door, door.client() as client:
        assert (await client.get("/who", headers=ZOE)).status_code == 401


async def test_a_trusted_proxy_gives_the_client_address_and_scheme() -> None:
    async with doorway(accounts(), SSO) as door, door.client() as client:
        passed = {
            "x-forwarded-for": "198.51.100.66, 192.0.2.7, 10.1.1.1",
            "x-forwarded-proto": "https",
            "host": "cams.ville.example",
        }
        told = (await client.get("/who", headers={**ZOE, **passed})).json()
        assert told["client"] == "192.0.2.7", "what stands before it is what anybody may have written"
        assert told["url"] == "https://cams.ville.example/who"
        named = {**ZOE, **passed, "host": "10.0.0.7", "x-forwarded-host": "cams.ville.example"}
        assert (await client.get("/who", headers=named)).json()["url"] == told["url"]
        form = {"name": "chief", "password": PASSWORD}
        came = await client.post(
            "/login", data=form, headers={**passed, "origin": "https://cams.ville.example"}
        )
        assert came.headers["set-cookie"].startswith("__Host-camwatch=")
        assert came.headers["strict-transport-security"] == "max-age=31536000"
        other = await client.post(
            "/login", data=form, headers={**passed, "origin": "http://cams.ville.example"}
        )
        assert other.status_code == 403


# Metrics

OWN = "only-for-the-metrics"


async def test_metrics_name_all_cameras_so_not_everybody_may_read_them() -> None:
    async with doorway(accounts()) as door, door.client() as client:
        assert (await client.get("/metrics")).status_code == 401
        assert (await client.get("/metrics", headers={"accept": "text/html"})).status_code == 401
        assert (await client.get("/metrics", headers=BEARER)).text == "all of it"
        landlords = {"authorization": f"Bearer {LANDLORD}"}
        assert (await client.get("/metrics", headers=landlords)).status_code == 404
        await door.log_in(client, "landlord")
        assert (await client.get("/metrics")).status_code == 404
        await door.log_in(client, "chief")
        assert (await client.get("/metrics")).status_code == 200


async def test_metrics_have_a_token_of_their_own_that_opens_nothing_else() -> None:
    own = {"authorization": f"Bearer {OWN}"}
    for known in (accounts(), None):
        async with doorway(known, metrics_token=OWN) as door, door.client() as client:
            assert (await client.get("/metrics")).status_code == 401
            assert (await client.get("/metrics", headers={"authorization": "Bearer only"})).status_code == 401
            assert (await client.get("/metrics", headers=own)).text == "all of it"
            if known is not None:
                assert (await client.get("/who", headers=own)).status_code == 401


async def test_metrics_are_public_by_setting_and_without_accounts() -> None:
    async with doorway(accounts(), AuthConfig(metrics_public=True)) as door, door.client() as client:
        assert (await client.get("/metrics")).status_code == 200
    async with doorway() as door, door.client() as client:
        assert (await client.get("/metrics", headers={"host": "camwatch:10458"})).status_code == 200
        assert (await client.get("/metrics", headers={"host": "evil.example"})).status_code == 403


async def test_probes_and_static_files_are_for_everybody() -> None:
    async with doorway(accounts()) as door, door.client() as client:
        for path in ("/-/healthy", "/-/ready", "/static/a.css", "/login"):
            assert (await client.get(path, headers={"host": "x.example"})).status_code == 200, path
            assert (await client.head(path)).status_code in (200, 405), path
        for path in ("/-/healthy", "/-/ready", "/static/a.css", "/metrics"):
            assert (await client.post(path, headers=BEARER, content=b"x")).status_code == 405, path


# Paths

TRICKS = (
    "//who", "/./who", "/../who", "/static/../who", "/static/%2e%2e/who", "/static/%2E%2E/who",
    "/static/..%2fwho", "/static%2f..%2fwho", "/static/..%5cwho", "/static/..\\who", "/login/../who",
    "/-/healthy/../../who", "/%2fwho", "/who%2f", "/who%00", "/who%0a", "/-//healthy", "/who/.", "/who/..",
    "/%2e/who", "/static//who", "/STATIC/../who", "/static/%252e%252e/who", "/Who", "/WHO", "/who/",
    "/login/who", "/login/", "/Login", "/metrics/", "/Metrics", "/-/healthy/", "/-/HEALTHY", "/%6detrics/x",
    "/who;a", "/static", "/-/", "/static/../metrics", "/who%20", "/%77ho/", "/api/v1/who/", "/api/v1//who",
    "/api/./v1/who", "/" + "a" * 3000,
)  # fmt: skip


async def test_no_way_of_writing_a_path_leads_around_the_door() -> None:
    async with doorway(accounts()) as door:
        for path in TRICKS:
            status, _, body = await raw(door, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert status in (401, 404), path
            assert b"all of it" not in body


@pytest.mark.parametrize(
    "path",
    ["//who", "/a//", "/./a", "/a/..", "/..", "/a/../b", "/a\\b", "/a\0", "/a\n", "who", "", "*", "/" * 3],
)
def test_a_path_that_could_be_read_in_two_ways_is_none(path: str) -> None:
    """Nothing here puts paths right; something before or behind the door might."""
    assert normalize_path({"path": path, "raw_path": b""}, "") is None
    assert normalize_path({"path": "/a", "raw_path": b"/%2Fa"}, "") is None
    assert normalize_path({"path": "/a.b/..c", "raw_path": b""}, "") == "/a.b/..c"


async def test_a_path_that_is_encoded_needlessly_is_the_same_path() -> None:
    async with doorway(accounts()) as door:
        assert (await raw(door, b"GET /%77ho HTTP/1.1\r\nHost: x\r\n\r\n"))[0] == 401
        assert (await raw(door, b"GET /%6cogin HTTP/1.1\r\nHost: x\r\n\r\n"))[0] == 200
        full = b"GET http://evil.example/who HTTP/1.1\r\nHost: x\r\n\r\n"
        assert (await raw(door, full))[0] in (400, 401, 404)
        assert (await raw(door, b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"))[0] == 404


async def test_a_root_path_works_with_and_without_stripping() -> None:
    async with doorway(accounts(), AuthConfig(root_path="/cams")) as door, door.client() as client:
        for prefix in ("", "/cams"):
            assert (await client.get(f"{prefix}/-/healthy")).status_code == 200
            page = await client.get(f"{prefix}/who?a", headers={"accept": "text/html"})
            assert page.headers["location"] == "/cams/login?next=/who%3Fa"
            assert (await client.get(f"{prefix}/static/../who")).status_code in (401, 404)
        assert (await client.get("/camsx/login")).status_code == 401
        came = await client.post(
            "/cams/login",
            data={"name": "chief", "password": PASSWORD, "next": "/who"},
            headers={"origin": door.url},
        )
        assert came.headers["location"] == "/cams/who"
        assert "; Path=/cams; " in came.headers["set-cookie"]
        told = (await client.get("/cams/who")).json()
        assert told["path"] == "/cams/who"
        assert 'action="/cams/login"' in (await client.get("/cams/login")).text


# What answers say to browsers


async def test_every_answer_has_the_headers_that_browsers_obey() -> None:
    rules = AuthConfig(images=("https://tiles.example",))
    async with doorway(accounts(), rules) as door, door.client() as client:
        for path in ("/who", "/login", "/static/a.css", "/nowhere", "/static/../x", "/-/healthy", "/metrics"):
            headers = (await client.get(path)).headers
            policy = headers["content-security-policy"]
            assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';"), path
            for part in (
                "frame-ancestors 'none'",
                "base-uri 'none'",
                "form-action 'self'",
                "connect-src 'self'",
            ):
                assert part in policy.split("; ")
            assert "img-src 'self' data: https://tiles.example" in policy
            assert "unsafe" not in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "same-origin"
            assert headers["cross-origin-opener-policy"] == "same-origin"
            assert headers["cross-origin-resource-policy"] == "same-origin"
            assert "camera=()" in headers["permissions-policy"]
            assert (headers.get("cache-control") == "no-store") == (path != "/static/a.css"), path
            assert "strict-transport-security" not in headers
            assert "server" not in headers


# Sizes and times


async def test_a_body_that_is_too_large_is_refused_told_or_not() -> None:
    async with doorway(accounts()) as door, door.client() as client:
        bridge = {"authorization": f"Bearer {LANDLORD}"}
        whole = await client.post("/change", headers=bridge, content=b"a" * MAX_BODY_BYTES)
        assert whole.status_code == 200
        assert (
            await client.post("/change", headers=bridge, content=b"a" * (MAX_BODY_BYTES + 1))
        ).status_code == 413

        told = b"POST /change HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\n"
        status, _, _ = await raw(door, told + f"Authorization: Bearer {LANDLORD}\r\n\r\n".encode())
        assert status == 413
        chunks = b"10000\r\n" + b"a" * 65_536 + b"\r\n"
        head = f"POST /change HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {LANDLORD}\r\n"
        status, _, _ = await raw(door, head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + chunks * 5)
        assert status == 413


async def test_a_body_is_not_even_read_for_those_who_are_not_let_in() -> None:
    async with doorway(accounts()) as door:
        request = b"POST /change HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n"
        assert (await raw(door, request))[0] == 401


async def test_a_body_that_dribbles_in_is_refused() -> None:
    async with doorway(accounts(), AuthConfig(body_within_s=0.2 * SCALE)) as door:
        start = f"POST /change HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {LANDLORD}\r\n"
        status, head, _ = await raw(door, start.encode() + b"Content-Length: 9\r\n\r\nab")
        assert status == 408
        assert "connection: close" in head.lower()


async def test_a_head_that_is_too_large_is_refused() -> None:
    async with doorway(accounts()) as door:
        start = b"GET /login HTTP/1.1\r\nHost: x\r\nCookie: "
        assert (await raw(door, start + b"a" * 15_000 + b"\r\n\r\n"))[0] == 200
        assert (await raw(door, start + b"a" * 20_000 + b"\r\n\r\n"))[0] == 431
        assert (await raw(door, start + b"a" * 300_000))[0] == 400


async def test_an_account_can_be_given_whatever_a_proxy_calls_people() -> None:
    """Names as mail addresses have them."""
    assert Account(name="a.b+c_d-e@ville.example", role=Role.VIEWER).viewer.can_see_all
