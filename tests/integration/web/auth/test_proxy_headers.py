"""What a proxy says of where a request came from, and what is told to those who come through one."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from camwatch.settings import AccessSettings, HttpSettings, Settings
from camwatch.web.auth import warn_if_plaintext
from camwatch.web.auth.authenticator import AuthConfig
from camwatch.web.auth.proxy_headers import TrustedProxies
from tests.support.web.auth_app import LANDLORD, PASSWORD, TOKEN, accounts, doorway

OWN = "only-for-the-metrics"
PROXY = AuthConfig(proxies=TrustedProxies(["127.0.0.1", "10.0.0.0/8"]))


def address_of(*forwarded: str) -> tuple[str, bool]:
    """Return the address that these headers tell, and whether none could be read."""
    headers = [(b"x-forwarded-for", text.encode()) for text in forwarded]
    origin, _ = PROXY.proxies.resolve("127.0.0.1", secure=False, headers=headers)
    return origin.address, origin.lost


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7:51234", "192.0.2.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:db8::7]:51234", "2001:db8::7"),
        ("198.51.100.1:1, 192.0.2.7:2 ,10.1.1.1:3", "192.0.2.7"),
        ("10.1.1.1", "10.1.1.1"),
    ],
)
def test_an_address_is_read_with_or_without_its_port(forwarded: str, address: str) -> None:
    assert address_of(forwarded) == (address, False)


@pytest.mark.parametrize("forwarded", ["", "unknown", "_hidden", "192.0.2.7:1:2", "[2001:db8::7", "192.0.2"])
def test_what_is_no_address_is_the_proxys_and_that_is_told(forwarded: str) -> None:
    known = forwarded == "[2001:db8::7"
    assert address_of(forwarded) == ("2001:db8::7" if known else "127.0.0.1", not known)


def test_a_chain_of_proxies_is_read_up_to_a_limit() -> None:
    assert address_of("192.0.2.7, " + "10.0.0.1, " * 18 + "10.0.0.2") == ("192.0.2.7", False)
    assert address_of("192.0.2.7, " + "10.0.0.1, " * 1500 + "10.0.0.2") == ("10.0.0.1", False)


async def test_a_proxy_that_names_no_address_is_told_of_once() -> None:
    with capture_logs() as lines:
        async with doorway(accounts(), PROXY) as door, door.client() as client:
            for path in ("/-/healthy", "/metrics", "/api/v1/who"):
                await client.get(path)  # from the proxy's machine, not through it
            await client.get("/login", headers={"x-forwarded-for": "192.0.2.7:1"})
            assert [line for line in lines if "X-Forwarded-For" in line["event"]] == []
            await client.get("/login")
            await client.get("/login", headers={"x-forwarded-proto": "https"})
            await client.get("/login", headers={"x-forwarded-for": "unknown"})
    told = [line for line in lines if "X-Forwarded-For" in line["event"]]
    assert [line["proxy"] for line in told] == ["127.0.0.1"]


async def test_a_forwarded_host_is_believed_only_where_settings_say_so() -> None:
    """As nginx passes on what the client sent: the check of a form's sender would be pointed elsewhere."""
    headers = {
        "origin": "http://evil.example",
        "x-forwarded-host": "evil.example",
        "x-forwarded-for": "192.0.2.7",
    }
    form = {"name": "chief", "password": PASSWORD}
    for names_host, status in ((False, 403), (True, 303)):
        rules = AuthConfig(proxies=TrustedProxies(["127.0.0.1"], names_host=names_host))
        async with doorway(accounts(), rules) as door, door.client() as client:
            assert (await client.post("/login", data=form, headers=headers)).status_code == status


async def test_strangers_get_the_kind_of_a_fault_and_admins_the_reason() -> None:
    full = {"authorization": f"Bearer {TOKEN}"}
    own = {"authorization": f"Bearer {OWN}"}
    landlord = {"authorization": f"Bearer {LANDLORD}"}
    async with (
        doorway(accounts(), PROXY, metrics_token=OWN) as door,
        door.client() as client,
    ):
        for headers, hears in (
            ({}, False),
            ({"x-forwarded-for": "192.0.2.7"}, False),
            ({"x-forwarded-for": "127.0.0.1"}, False),
            (landlord, False),
            ({"authorization": "Bearer cw_x"}, False),
            (full, True),
            (own, True),
        ):
            answer = await client.get("/-/ready", headers=headers)
            assert answer.json() is hears, headers
        await door.log_in(client, "landlord")
        assert (await client.get("/-/ready")).json() is False
        await door.log_in(client, "chief")
        assert (await client.get("/-/ready")).json() is True


@pytest.mark.parametrize("known", [True, False])
async def test_this_machine_is_told_why_unless_a_proxy_passed_it_on(known: bool) -> None:
    async with doorway(accounts() if known else None) as door, door.client() as client:
        assert (await client.get("/-/ready")).json() is True
        for name, value in (
            ("x-forwarded-for", "127.0.0.1"),
            ("forwarded", "for=x"),
            ("x-real-ip", "127.0.0.1"),
            ("host", "cams.ville.example"),
        ):
            assert (await client.get("/-/ready", headers={name: value})).json() is False, name


@pytest.mark.parametrize(
    ("http", "proxies", "says"),
    [
        ({"listen": "0.0.0.0:0"}, (), "put a proxy with TLS before camwatch"),
        ({"listen": "0.0.0.0:0"}, ("10.0.0.7",), "bypass the proxy"),
        ({"listen": "127.0.0.1:0"}, ("127.0.0.1",), ""),
        ({"listen": "0.0.0.0:0", "cert_file": __file__}, ("10.0.0.7",), ""),
    ],
)
def test_who_can_go_around_the_proxy_is_warned_of(
    http: dict[str, str], proxies: tuple[str, ...], says: str
) -> None:
    settings = Settings(
        http=HttpSettings.model_validate(http),
        access=AccessSettings(accounts_file=Path("accounts.toml"), proxy_addresses=proxies),
    )
    with capture_logs() as lines:
        warn_if_plaintext(settings)
    assert len(lines) == bool(says)
    assert all(says in line["event"] for line in lines)
