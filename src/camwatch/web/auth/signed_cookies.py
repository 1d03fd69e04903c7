"""Signed cookies, `name.fields.mac`, of fixed length except for the account's name.

The MAC is verified before the fields are decoded. The key is derived from the account's password hash, so a
new password invalidates all cookies of the account.
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
    """Names and formats cookies for the root path.

    With TLS a prefix of the name keeps other hosts of the domain from setting the cookie.
    """

    def __init__(self, root_path: str) -> None:
        self._path = root_path or "/"

    def name(self, name: str, *, secure: bool) -> str:
        """Return the prefixed name of a cookie."""
        if not secure:
            return name
        return f"__Host-{name}" if self._path == "/" else f"__Secure-{name}"

    def set(self, name: str, value: str, age_s: int, *, secure: bool) -> str:
        """Return a `Set-Cookie` header; `age_s` 0 deletes the cookie."""
        name = self.name(name, secure=secure)
        text = f"{name}={value}; Path={self._path}; Max-Age={age_s}; HttpOnly; SameSite=Lax"
        return f"{text}; Secure" if secure else text


def find(lines: Iterable[str], name: str) -> str | None:
    """Return the value of a cookie in `Cookie` headers, without parsing the others."""
    for line in lines:
        if found := _called(name).search(line):
            return found[1].strip()
    return None


@lru_cache
def _called(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?:^|;)[ \t]*{re.escape(name)}=([^;]+)")


def signed(account: Account, use: str, fields: str) -> str:
    """Return a signed cookie value; `fields` are ASCII of a fixed length per `use`."""
    signed_part = f"{account.name}.{fields}"
    return f"{signed_part}.{_mac(account.name, account.password, use, signed_part)}"


def proven(cookie: str, use: str, width: int, accounts: Accounts) -> tuple[Account, str] | None:
    """Return the account and the fields (`width` characters) of a cookie; None if its MAC is wrong."""
    name, signed_part = cookie[: -_MAC - width - 2], cookie[: -_MAC - 1]
    if not 0 < len(name) <= MOST_NAME or not cookie.isascii():
        return None
    account = accounts.get(name)
    password = account.password if account is not None else None
    expected = f"{signed_part}.{_mac(name, password, use, signed_part)}"
    if not hmac.compare_digest(expected, cookie) or account is None or password is None:
        return None
    return account, signed_part[len(name) + 1 :]


def key_of(name: str, password: str | None, use: str) -> bytes:
    """Return the key of an account for a use."""
    return hmac.digest(f"{name}\0{password}".encode(), b"camwatch " + use.encode(), hashlib.sha256)


def _mac(name: str, password: str | None, use: str, signed_part: str) -> str:
    return hmac.digest(key_of(name, password, use), signed_part.encode(), hashlib.sha256).hex()
