"""Browsers that an account logged in from: a cookie says so, also after a restart.

Who shows one is asked for the password only as often as for that name from that browser, whoever else guesses
at the name or from the same address. It opens nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import NamedTuple

from camwatch.web.auth import signed_cookies
from camwatch.web.auth.accounts import Account, Accounts, typed_name

_COOKIE = "camwatch-home"
_LASTS_S = 180 * 86_400
_ID = 22


class KnownBrowser(NamedTuple):
    """A browser that a name came in from: the name in its one form, and the browser's id."""

    name: str
    id: str


class KnownBrowsers:
    """Makes these cookies and reads them."""

    def __init__(self, jar: signed_cookies.Jar) -> None:
        self._jar = jar

    def read(self, lines: Iterable[str], accounts: Accounts, *, secure: bool) -> KnownBrowser | None:
        """Return whose home a browser is, by its `Cookie` headers."""
        cookie = signed_cookies.find(lines, self._jar.name(_COOKIE, secure=secure))
        found = signed_cookies.proven(cookie, "home", _ID, accounts) if cookie else None
        return KnownBrowser(typed_name(found[0].name), found[1]) if found is not None else None

    def cookie(self, account: Account, home: KnownBrowser | None, *, secure: bool) -> str:
        """Return the `Set-Cookie` that makes a browser an account's home, or lets it stay so."""
        stays = home is not None and home.name == typed_name(account.name)
        number = home.id if home is not None and stays else secrets.token_urlsafe(16)
        value = signed_cookies.signed(account, "home", number)
        return self._jar.set(_COOKIE, value, _LASTS_S, secure=secure)
