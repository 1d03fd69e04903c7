"""A cookie that marks browsers from which an account has logged in.

Login attempts with it are throttled apart, so that guesses from elsewhere cannot lock the account's user out.
It does not authenticate.
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
    """The canonical name of an account that logged in from a browser, and the browser's id."""

    name: str
    id: str


class KnownBrowsers:
    """Creates and reads these cookies."""

    def __init__(self, jar: signed_cookies.Jar) -> None:
        self._jar = jar

    def read(self, lines: Iterable[str], accounts: Accounts, *, secure: bool) -> KnownBrowser | None:
        """Return the browser that `Cookie` headers identify."""
        cookie = signed_cookies.find(lines, self._jar.name(_COOKIE, secure=secure))
        found = signed_cookies.proven(cookie, "home", _ID, accounts) if cookie else None
        return KnownBrowser(typed_name(found[0].name), found[1]) if found is not None else None

    def cookie(self, account: Account, home: KnownBrowser | None, *, secure: bool) -> str:
        """Return the `Set-Cookie` that makes a browser known for an account, or renews that."""
        stays = home is not None and home.name == typed_name(account.name)
        number = home.id if home is not None and stays else secrets.token_urlsafe(16)
        value = signed_cookies.signed(account, "home", number)
        return self._jar.set(_COOKIE, value, _LASTS_S, secure=secure)
