"""Cookies that camwatch signs: `name.fields.mac`, of a fixed length but for the account's name.

The MAC is compared before anything else is read, whoever it names: nothing of a stranger's is decoded.
The key comes from the account's password hash, so a new password ends every cookie of the account.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from functools import lru_cache

from camwatch.web.auth.accounts import MOST_NAME, Account, Accounts

_MAC = 64  # hexadecimal digits


class Jar:
    """Names cookies and writes them for the path below which camwatch is.

    With TLS the name binds a cookie to it: what another host of the domain serves without cannot plant one.
    """

    def __init__(self, root_path: str) -> None:
        self._path = root_path or "/"

    def name(self, name: str, *, secure: bool) -> str:
        """Return the name of a cookie as browsers know it."""
        if not secure:
            return name
        return f"__Host-{name}" if self._path == "/" else f"__Secure-{name}"

    def set(self, name: str, value: str, age_s: int, *, secure: bool) -> str:
        """Return the `Set-Cookie` that gives a value to a cookie for a time; 0 takes it away."""
        name = self.name(name, secure=secure)
        text = f"{name}={value}; Path={self._path}; Max-Age={age_s}; HttpOnly; SameSite=Lax"
        return f"{text}; Secure" if secure else text


def find(lines: Iterable[str], name: str) -> str | None:
    """Return the value of a cookie in `Cookie` headers, without taking the others apart."""
    for line in lines:
        if found := _called(name).search(line):
            return found[1].strip()
    return None


@lru_cache
def _called(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?:^|;)[ \t]*{re.escape(name)}=([^;]+)")


def signed(account: Account, use: str, fields: str) -> str:
    """Return a cookie of an account for a use; `fields` are ASCII, always as long."""
    told = f"{account.name}.{fields}"
    return f"{told}.{_mac(account.name, account.password, use, told)}"


def proven(cookie: str, use: str, width: int, accounts: Accounts) -> tuple[Account, str] | None:
    """Return whose a cookie is and its fields, `width` characters; None if camwatch did not sign it."""
    name, told = cookie[: -_MAC - width - 2], cookie[: -_MAC - 1]
    if not 0 < len(name) <= MOST_NAME or not cookie.isascii():
        return None
    account = accounts.get(name)
    password = account.password if account is not None else None
    expected = f"{told}.{_mac(name, password, use, told)}"
    if not hmac.compare_digest(expected, cookie) or account is None or password is None:
        return None
    return account, told[len(name) + 1 :]


def key_of(name: str, password: str | None, use: str) -> bytes:
    """Return the key of an account for a use."""
    return hmac.digest(f"{name}\0{password}".encode(), b"camwatch " + use.encode(), hashlib.sha256)


def _mac(name: str, password: str | None, use: str, told: str) -> str:
    return hmac.digest(key_of(name, password, use), told.encode(), hashlib.sha256).hex()
