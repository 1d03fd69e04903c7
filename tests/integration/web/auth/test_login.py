"""Logging in and out: what a session opens, what ends it, and how often one may guess."""

from __future__ import annotations

import re
import zlib
from base64 import urlsafe_b64encode
from sys import setprofile

import pytest

from camwatch.web.auth.accounts import Account
from camwatch.web.auth.authenticator import AuthConfig
from camwatch.web.auth.login import LoginFailure
from camwatch.web.auth.principal import Role
from camwatch.web.auth.sessions import LONGEST_S, Sessions
from camwatch.web.auth.signed_cookies import Jar, signed
from tests.support.web.auth_app import PASSWORD, TOKEN, Hands, accounts, doorway, hashed


async def test_without_a_session_browsers_get_the_form_and_programs_a_401() -> None:
    async with doorway(accounts()) as door, door.client() as client:
        page = await client.get("/who?a=1&b=%2F", headers={"accept": "text/html,*/*"})
        assert (page.status_code, page.headers["location"]) == (303, "/login?next=/who%3Fa%3D1%26b%3D%252F")
        for path, headers in (("/who", {}), ("/api/v1/who", {"accept": "text/html"}), ("/nowhere", {})):
            told = await client.get(path, headers=headers)
            assert told.status_code == 401
            assert told.headers["content-type"] == "application/problem+json"
        part = await client.get("/who", headers={"accept": "text/html", "hx-request": "true"})
        assert (part.status_code, part.headers["hx-redirect"]) == (401, "/login")


async def test_a_login_leads_to_where_one_wanted_to_go() -> None:
    async with doorway(accounts()) as door, door.client() as client:
        form = await client.get("/login?next=/who%3Fa%3D1")
        assert 'name="next" value="/who?a=1"' in form.text
        came = await door.log_in(client, " zoe ", next="/who?a=1")
        assert (came.status_code, came.headers["location"]) == (303, "/who?a=1")
        cookie, _ = came.headers.get_list("set-cookie")
        assert re.fullmatch(r"camwatch=[\w.-]+; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax", cookie), (
            "and no Secure, which a browser would not send back without TLS"
        )
        told = (await client.get("/who")).json()
        assert (told["name"], told["role"], told["operators"]) == ("Zoe", "editor", ["ville"])


async def test_a_busy_door_counts_nobody_as_a_guesser() -> None:
    bearer = {"authorization": f"Bearer {TOKEN}"}
    async with doorway(accounts()) as door, door.client() as client:
        door.access.verifier._waiting = 16
        for _ in range(6):
            assert (await door.log_in(client, "chief")).status_code == 503
            assert (await client.get("/who", headers=bearer)).status_code == 503
        door.access.verifier._waiting = 0
        assert door.access.denials["busy"] == 12
        assert (await client.get("/who", headers=bearer)).status_code == 200
        assert (await door.log_in(client, "chief")).status_code == 303


@pytest.mark.parametrize(
    "after",
    ["//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nset-cookie: x", "", "x", "/é"],
)
async def test_a_login_leads_to_no_other_site(after: str) -> None:
    async with doorway(accounts()) as door, door.client() as client:
        came = await door.log_in(client, "chief", next=after)
        assert (came.status_code, came.headers["location"]) == (303, "/")


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("chief", "wrong horse battery staple"),
        ("chief", ""),
        ("nobody", PASSWORD),
        ("", ""),
        ("grafana", PASSWORD),
        ("sso@ville.example", PASSWORD),
        ("chief", "x" * 2_000),
        ("ch\0ief", PASSWORD),
    ],
)
async def test_wrong_is_wrong_whatever_is_wrong(name: str, password: str) -> None:
    """A name that is not there, one without a password, a wrong password: the same answer."""
    async with doorway(accounts()) as door, door.client() as client:
        answer = await door.log_in(client, name, password)
        assert answer.status_code == 401
        assert LoginFailure.WRONG.value in answer.text
        assert "set-cookie" not in answer.headers
        assert door.access.denials["login"] == 1


async def test_failed_attempts_wait_longer_and_the_owner_is_not_locked_out() -> None:
    async with doorway(accounts()) as door, door.client() as client:
        assert (await door.log_in(client, "landlord")).status_code == 303
    async with doorway(accounts()) as door, door.client() as client:
        statuses = [(await door.log_in(client, "chief", "wrong" * 3)).status_code for _ in range(6)]
        assert statuses == [401] * 5 + [429]
        door.hands.seconds += 1.1
        assert (await door.log_in(client, "chief", "wrong" * 3)).status_code == 401
        limited = await door.log_in(client, "chief")
        assert limited.status_code == 429, "even with the right password"
        assert limited.headers["retry-after"] == "3"
        assert LoginFailure.WAIT.value in limited.text
        door.hands.seconds += 2.1
        assert (await door.log_in(client, "chief")).status_code == 303
        assert door.access.denials["too_often"] == 2


async def test_logging_out_ends_every_copy_of_the_session_and_its_streams() -> None:
    async with doorway(accounts()) as door, door.client() as client:
        await door.log_in(client, "chief")
        stolen = client.cookies["camwatch"]
        token = await door.csrf_token(client)
        async with client.stream("GET", "/stream") as stream:
            pieces = stream.aiter_bytes()
            assert await anext(pieces) == b"data: first\n\n"
            form = {"csrf": token}
            out = await client.post("/logout", data=form, headers={"origin": door.url})
            assert (out.status_code, out.headers["location"]) == (303, "/login")
            assert "Max-Age=0" in out.headers["set-cookie"]
            assert [piece async for piece in pieces] == [], "it ended, and cleanly"
        await door.ended.wait()
        copy = {"cookie": f"camwatch={stolen}"}
        async with door.client() as other:
            assert (await other.get("/who", headers=copy)).status_code == 401
            await door.log_in(other, "chief")
            assert (await other.get("/who")).status_code == 200, "others of the account stay"


@pytest.mark.parametrize("change", ["password", "revoked", "role", "operators"])
async def test_a_changed_account_ends_or_narrows_its_sessions_and_streams(change: str) -> None:
    async with doorway(accounts()) as door, door.client() as client:
        await door.log_in(client, "Zoe")
        zoe = accounts().get("Zoe")
        assert zoe is not None
        async with client.stream("GET", "/stream") as stream:
            pieces = stream.aiter_bytes()
            await anext(pieces)
            if change == "revoked":
                door.access.set_accounts(accounts().without("Zoe"))
            else:
                updates: dict[str, dict[str, object]] = {
                    "password": {"password": hashed("another horse battery")},
                    "role": {"role": "viewer"},
                    "operators": {"operators": ("sacogiva",)},
                }
                door.access.set_accounts(accounts().replace(zoe.model_copy(update=updates[change])))
            assert [piece async for piece in pieces] == []
        told = await client.get("/who")
        if change in ("password", "revoked"):
            assert told.status_code == 401
        else:
            assert told.json()["role"] == ("viewer" if change == "role" else "editor")
            assert told.json()["operators"] == (["sacogiva"] if change == "operators" else ["ville"])


async def test_a_session_lasts_while_it_is_used_and_ends_when_it_is_not() -> None:
    async with doorway(accounts(), AuthConfig(session_s=3600)) as door, door.client() as client:
        await door.log_in(client, "chief")
        for _ in range(4):  # a wall screen, for hours
            door.hands.seconds += 1200
            first = await client.get("/who")
            assert "set-cookie" not in first.headers
            door.hands.seconds += 1200
            second = await client.get("/who")
            assert "Max-Age=3600" in second.headers["set-cookie"]
        door.hands.seconds += 3601
        assert (await client.get("/who")).status_code == 401


def test_a_renewed_session_ends_after_30_days_except_on_a_wall_screen() -> None:
    hands, days = Hands(), 0
    sessions, known = Sessions(86_400, Jar(""), hands), accounts()
    chief, landlord = known.get("chief"), known.get("landlord")
    assert chief is not None
    assert landlord is not None
    wall = landlord.model_copy(update={"wall_screen": True})
    began = hands.seconds
    session, screen = sessions.begin(chief), sessions.begin(wall)
    while not sessions.is_expired(session):
        hands.seconds += 80_000
        session = sessions.renew(session) or session
        screen = sessions.renew(screen) or screen
        days += 1
        assert days < 40
        assert sessions.renew_after_s(session) <= began + LONGEST_S - hands.seconds, "no stream outlives it"
    assert session.ends == began + LONGEST_S
    assert not sessions.is_expired(screen)
    value = sessions.cookie(screen, secure=False)[9:].partition(";")[0]
    assert sessions.read(value, known.replace(wall)) == screen


async def test_a_session_past_its_half_has_time_for_its_answer() -> None:
    """It is renewed by that answer, which may be a report that takes a while."""
    async with doorway(accounts(), AuthConfig(session_s=3600)) as door, door.client() as client:
        await door.log_in(client, "chief")
        door.hands.seconds += 2000
        session = client.cookies["camwatch"]
        found = door.access.sessions.read(session, accounts())
        assert found is not None
        assert door.access.sessions.renew_after_s(found) == 1800


async def test_a_stream_is_asked_again_before_its_session_is_over() -> None:
    """What a wall screen holds open for days comes back in time to have its cookie renewed."""
    async with doorway(accounts(), AuthConfig(session_s=3600)) as door, door.client() as client:
        await door.log_in(client, "chief")
        door.hands.seconds += 1799.5
        async with client.stream("GET", "/stream") as stream:
            assert [piece async for piece in stream.aiter_bytes()] == [b"data: first\n\n"]
        door.hands.seconds += 1
        assert "set-cookie" in (await client.get("/who")).headers


# Cookies


def forged() -> dict[str, str]:
    """Return cookies that nobody was given."""
    hands = Hands()
    known = accounts()
    chief, landlord = known.get("chief"), known.get("landlord")
    assert chief is not None
    assert landlord is not None
    sessions = Sessions(3600, Jar(""), hands)
    whole = (
        sessions.cookie(sessions.begin(landlord), secure=False).partition(";")[0].removeprefix("camwatch=")
    )
    other = sessions.cookie(sessions.begin(chief), secure=False).partition(";")[0].removeprefix("camwatch=")
    old = chief.model_copy(update={"password": hashed("an older horse battery")})
    past = Sessions(3600, Jar(""), lambda: hands.seconds - 3601)
    told, _, mac = whole.rpartition(".")
    grafana = Account(name="grafana", role=Role.VIEWER)
    return {
        "of an older password": sessions.cookie(sessions.begin(old), secure=False)[9:].partition(";")[0],
        "another's name": whole.replace("landlord", "chief"),
        "another's MAC": f"{other.rpartition('.')[0]}.{mac}",
        "another's use": signed(chief, "form", "a" * 44),
        "cut": whole[:-1],
        "longer": f"{whole}0",
        "in capitals": f"{told}.{mac.upper()}",
        "no signature": told,
        "empty signature": f"{told}.",
        "over": past.cookie(past.begin(chief), secure=False)[9:].partition(";")[0],
        "for an account without a password": sessions.cookie(sessions.begin(grafana), secure=False)[9:],
        "no account": f"nobody{whole.removeprefix('landlord')}",
        "no name": whole.removeprefix("landlord"),
        "no text": "\x7f%00",
        "not ASCII": f"{told}.{'é' * 64}",
        "long": "A" * 12_000,
    }


async def test_no_cookie_opens_anything_but_one_that_was_given() -> None:
    async with doorway(accounts()) as door, door.client() as client:
        for kind, cookie in forged().items():
            answer = await client.get("/who", headers={b"cookie": f"camwatch={cookie}".encode()})
            assert answer.status_code == 401, kind
        assert door.access.denials["session"] == len(forged())


async def test_every_changed_character_of_a_cookie_is_noticed() -> None:
    known = accounts()
    sessions = Sessions(3600, Jar(""), Hands())
    chief = known.get("chief")
    assert chief is not None
    value = sessions.cookie(sessions.begin(chief), secure=False)[9:].partition(";")[0]
    assert sessions.read(value, known) is not None
    for place in range(len(value)):
        changed = value[:place] + ("A" if value[place] != "A" else "B") + value[place + 1 :]
        assert sessions.read(changed, known) is None, place


def test_nothing_of_a_cookie_is_decoded_before_its_mac_was_compared() -> None:
    """What inflates to 700 KB of JSON costs what any other wrong cookie costs, counted in calls."""
    known, sessions = accounts(), Sessions(3600, Jar(""), Hands())
    bomb = urlsafe_b64encode(zlib.compress(b"[" + b"0.5," * 175_000 + b"0]", 9)).decode()
    assert len(bomb) < 4096

    def calls(cookie: str) -> list[str]:
        found: list[str] = []

        def note(_frame: object, event: str, what: object) -> None:
            if event in ("call", "c_call"):
                found.append(getattr(what, "__qualname__", "a function of ours"))

        setprofile(note)
        try:
            assert sessions.read(cookie, known) is None
        finally:
            setprofile(None)
        return found

    calls("x" * 120)  # the first time, names are put in order
    wrong = calls("chief." + "A" * 109)
    assert "compare_digest" in wrong
    for name in ("chief", "nobody", "." * 8):
        assert calls(f"{name}.{'A' * 22}.{'9' * 10}.{'9' * 10}.{'0' * 64}") == wrong, "it tells no names"
    assert len(calls(f".{bomb}.x")) <= len(wrong)
    assert len(calls(bomb[:170])) <= len(wrong)
    assert not {"decompress", "a2b_base64", "b64decode", "loads", "raw_decode", "split"} & set(wrong)


def test_the_cookie_is_bound_to_tls_and_to_the_path() -> None:
    chief = accounts().get("chief")
    assert chief is not None
    plain, below = Sessions(60, Jar(""), Hands()), Sessions(60, Jar("/camwatch"), Hands())
    assert plain.cookie(plain.begin(chief), secure=True).startswith("__Host-camwatch=")
    assert "; Path=/; " in plain.cookie(plain.begin(chief), secure=True)
    assert plain.cookie(plain.begin(chief), secure=True).endswith("; Secure")
    told = below.cookie(below.begin(chief), secure=True)
    assert told.startswith("__Secure-camwatch=")
    assert "; Path=/camwatch; " in told


def test_a_cookie_says_nothing_of_role_and_operators() -> None:
    """So that nobody keeps what they had: both come from the accounts, at each request."""
    known = accounts()
    zoe = known.get("Zoe")
    assert zoe is not None
    sessions = Sessions(60, Jar(""), Hands())
    value = sessions.cookie(sessions.begin(zoe), secure=False)[9:].partition(";")[0]
    narrowed = known.replace(zoe.model_copy(update={"operators": ("sacogiva",)}))
    found = sessions.read(value, narrowed)
    assert found is not None
    assert found.account.operators == ("sacogiva",)
