"""Login sessions: a signed cookie whose key is derived from the account's password hash.

A new password or a removed account ends all its sessions, and nothing is stored. Logged-out sessions are
remembered in memory until they would have expired: after a restart a copy of such a cookie works until then.
A session ends 30 days after its login however often it is renewed, except for wall screens.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

from camwatch.web.auth import signed_cookies
from camwatch.web.auth.accounts import Account, Accounts

COOKIE = "camwatch"
LONGEST_S = 30 * 86_400.0
"""Maximum age of a session, seconds."""
_MOST_ENDED = 10_000
_TIME = 10  # digits of Unix seconds
_ID = 22
_WIDTH = _ID + 2 * (_TIME + 1)


@dataclass(frozen=True, slots=True)
class Session:
    """One login; `began` and `ends` are whole Unix seconds."""

    account: Account
    id: str
    began: int
    ends: int


class Sessions:
    """Creates and reads session cookies; `clock` returns Unix seconds."""

    def __init__(self, lifetime_s: float, jar: signed_cookies.Jar, clock: Callable[[], float]) -> None:
        self._lifetime_s = lifetime_s
        self._jar = jar
        self._clock = clock
        self._ended: OrderedDict[str, float] = OrderedDict()

    def begin(self, account: Account) -> Session:
        """Start a session of an account that has a password."""
        now = int(self._clock())
        return Session(account, secrets.token_urlsafe(16), now, self._end(account, now))

    def renew(self, session: Session) -> Session | None:
        """Return the renewed session if half of its lifetime is over, else None."""
        if session.ends - self._clock() > self._lifetime_s / 2:
            return None
        ends = self._end(session.account, session.began)
        return replace(session, ends=ends) if ends > session.ends else None

    def renew_after_s(self, session: Session) -> float:
        """Return the seconds until the session is due for renewal; long-lived responses end by then."""
        session = self.renew(session) or session  # past its half, this response renews it
        left = session.ends - self._clock()
        half = self._lifetime_s / 2
        return left - half if left > half else left

    def _end(self, account: Account, began: int) -> int:
        """Return when a session that is used now ends."""
        ends = self._clock() + self._lifetime_s
        return int(ends if account.wall_screen else min(ends, began + LONGEST_S))

    def end(self, session: Session) -> None:
        """Invalidate all copies of the cookie, until this process ends."""
        now = self._clock()
        self._ended[session.id] = now + self._lifetime_s
        while self._ended and (len(self._ended) > _MOST_ENDED or next(iter(self._ended.values())) < now):
            self._ended.popitem(last=False)

    def is_expired(self, session: Session) -> bool:
        """Return whether a session was logged out or has ended."""
        return session.id in self._ended or session.ends <= self._clock()

    def read(self, cookie: str, accounts: Accounts) -> Session | None:
        """Return a cookie's session; None if it is not valid."""
        found = signed_cookies.proven(cookie, "session", _WIDTH, accounts)
        if found is None:
            return None
        account, fields = found
        number, began, ends = fields.split(".")
        session = Session(account, number, int(began), int(ends))
        return None if self.is_expired(session) else session

    def cookie(self, session: Session, *, secure: bool) -> str:
        """Return the `Set-Cookie` of a session."""
        fields = f"{session.id}.{session.began:0{_TIME}}.{session.ends:0{_TIME}}"
        value = signed_cookies.signed(session.account, "session", fields)
        age = max(0, round(session.ends - self._clock()))
        return self._jar.set(COOKIE, value, age, secure=secure)

    def clear_cookie(self, *, secure: bool) -> str:
        """Return the `Set-Cookie` that deletes the cookie."""
        return self._jar.set(COOKIE, "", 0, secure=secure)


def csrf_token(session: Session) -> str:
    """Return the CSRF token of a session."""
    account = session.account
    key = signed_cookies.key_of(account.name, account.password, "form")
    return hmac.digest(key, session.id.encode(), hashlib.sha256).hex()
