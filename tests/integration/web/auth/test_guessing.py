"""Guessing at passwords: what one types has one form, and strangers lock nobody out."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from camwatch.web.auth.accounts import typed_name
from camwatch.web.auth.authenticator import AuthConfig
from camwatch.web.auth.login_throttle import LoginThrottle
from camwatch.web.auth.proxy_headers import TrustedProxies
from tests.support.web.auth_app import PASSWORD, Doorway, Hands, accounts, doorway, hashed

BLANKS = " \t\n\v\f\r\x1c\x85\xa0\u1680\u2003\u2028\u205f\u3000"
PROXY = AuthConfig(proxies=TrustedProxies(["127.0.0.1"]))
WRONG = "wrong horse battery staple"
KNOWN = accounts()

typed = st.builds(
    "{}{}{}{}".format,
    st.text(BLANKS, max_size=70),
    st.sampled_from(["chief", "CHIEF", "Zoe", "zoe", "\u212aoe", "sso@ville.example", "nobody"]),
    st.text(BLANKS, max_size=70),
    st.sampled_from(["", "x", "\0", "\u200b"]),
)


async def status(door: Doorway, name: str, password: str = WRONG, address: str = "192.0.2.1") -> int:
    """Try to log in from an address, with a browser that was never here."""
    headers = {"origin": door.url, "x-forwarded-for": address}
    async with door.client() as client:
        form = {"name": name, "password": password}
        return (await client.post("/login", data=form, headers=headers)).status_code


@given(typed | st.text(max_size=80), typed | st.text(max_size=80))
@example("betaview" + " " * 55 + "x", "betaview")
def test_what_finds_one_account_is_counted_as_one_name(one: str, other: str) -> None:
    """And what finds none is nobody, or a name of its own: never another one's."""
    found = KNOWN.find(one)
    if found is not None and found is KNOWN.find(other):
        assert typed_name(one) == typed_name(other)
    assert typed_name(typed_name(one)) == typed_name(one), "there is nothing left to put right"
    assert KNOWN.find(typed_name(one)) is found
    if found is not None:
        assert typed_name(one) == found.name.lower()


async def test_blanks_buy_no_further_guesses_at_a_name() -> None:
    """From ever new addresses, which are counted by themselves; 76 guesses once were 76 answers."""
    async with doorway(accounts(), PROXY) as door:
        guesses = [f"{left}chief{right}" for left in ("", " ", "\xa0") for right in ("", *BLANKS, " " * 70)]
        statuses = [
            await status(door, name, address=f"198.51.100.{number}") for number, name in enumerate(guesses, 1)
        ]
        assert statuses.count(401) == 5
        assert set(statuses[5:]) == {429}
        nobody = [
            await status(door, f"chief{' ' * number}x", address=f"203.0.113.{number}")
            for number in range(1, 9)
        ]
        assert nobody == [401] * 5 + [429] * 3, "what nobody is called is one nobody"


async def test_the_log_has_the_name_that_is_counted() -> None:
    with capture_logs() as lines:
        async with doorway(accounts()) as door:
            await status(door, " Chief\u3000")
            await status(door, "chief\x1b[2J\ncorrect horse")
    assert [line["who"] for line in lines] == ["chief", ""]


async def test_of_ipv6_what_a_customer_may_be_given_is_counted_as_a_whole() -> None:
    """A /48 has 65,536 networks of 64 bits: each has its 20 attempts, but the whole has 80."""
    attempts = LoginThrottle(Hands())
    for bits, most in ((8, 40), (16, 80)):  # of the 16 bits that a /48 leaves to its networks
        made = 0
        while not attempts.delay_s("another", f"2001:db8:{bits}:{made % 2**bits:x}::1"):
            attempts.start(
                f"name{made}", f"2001:db8:{bits}:{made % 2**bits * (1 if bits == 8 else 257):x}::1"
            )
            made += 1
            assert made < 200
        assert made == most
        assert attempts.delay_s("another", "2001:db8:ff::1") == 0


async def test_a_stranger_locks_out_no_known_user_of_the_same_address() -> None:
    async with doorway(accounts(), PROXY) as door:
        assert await status(door, "Zoe", PASSWORD) == 303
        statuses = [await status(door, f"name{number}") for number in range(24)]
        assert statuses[:19] == [401] * 19
        assert set(statuses[21:]) == {429}
        assert await status(door, "chief", PASSWORD) == 429, "was never here, and has to wait"
        assert await status(door, "Zoe", PASSWORD) == 303
        assert [await status(door, "Zoe") for _ in range(6)] == [401] * 5 + [429], "guessing waits here, too"


async def test_a_browser_that_was_in_before_still_gets_in_after_a_restart() -> None:
    form = {"name": "chief", "password": PASSWORD}
    async with doorway(accounts(), PROXY) as door, door.client() as client:
        headers = {"origin": door.url, "x-forwarded-for": "192.0.2.1"}
        assert (await client.post("/login", data=form, headers=headers)).status_code == 303
        home = client.cookies["camwatch-home"]
    async with doorway(accounts(), PROXY) as door:
        for number in range(24):
            await status(door, "chief", address=f"198.51.100.{number}")
            await status(door, f"name{number}")
        assert await status(door, "chief", PASSWORD) == 429

        async def with_home(name: str, password: str, address: str, cookie: str = home) -> int:
            async with door.client(cookies={"camwatch-home": cookie}) as client:
                headers = {"origin": door.url, "x-forwarded-for": address}
                told = {"name": name, "password": password}
                return (await client.post("/login", data=told, headers=headers)).status_code

        assert await with_home("landlord", PASSWORD, "192.0.2.1") == 429, "it is the home of one"
        assert await with_home("chief", PASSWORD, "192.0.2.2", home[:-1] + "x") == 429
        assert await with_home("chief", PASSWORD, "192.0.2.1") == 303
        assert [await with_home("chief", WRONG, f"192.0.2.{n}") for n in range(6)] == [401] * 5 + [429]
        chief = accounts().get("chief")
        assert chief is not None
        door.access.set_accounts(
            accounts().replace(chief.model_copy(update={"password": hashed("another horse")}))
        )
        door.hands.seconds += 60
        assert await with_home("chief", WRONG, "192.0.2.2") == 401
        assert await with_home("chief", WRONG, "192.0.2.3") == 429, "a new password ends it"


async def test_a_home_opens_nothing() -> None:
    async with doorway(accounts()) as door, door.client() as client:
        await door.log_in(client, "chief")
        home = client.cookies["camwatch-home"]
        async with door.client(cookies={"camwatch": home, "camwatch-home": home}) as other:
            assert (await other.get("/who")).status_code == 401
