"""Who has logged in: a signed cookie, whose key comes from the account's own password hash.

So a new password or a revoked account ends all its sessions, and nothing is stored. Only a session that was
logged out is remembered, by this process, until it would have ended by itself: a copy of its cookie opens
again after a restart, until then. However often it is renewed, a session ends 30 days after its login, but
those of wall screens.
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
"""The longest that a session lasts, however often it is renewed."""
_MOST_ENDED = 10_000
_TIME = 10  # digits of Unix seconds
_ID = 22
_WIDTH = _ID + 2 * (_TIME + 1)


@dataclass(frozen=True, slots=True)
class Session:
    """One login: whose it is, its own id, when it began and when it ends, whole Unix seconds."""

    account: Account
    id: str
    began: int
    ends: int


class Sessions:
    """Makes cookies and reads them, on the wall clock (Unix seconds)."""

    def __init__(self, lifetime_s: float, jar: signed_cookies.Jar, clock: Callable[[], float]) -> None:
        self._lifetime_s = lifetime_s
        self._jar = jar
        self._clock = clock
        self._ended: OrderedDict[str, float] = OrderedDict()

    def begin(self, account: Account) -> Session:
        """Begin a session of an account that has a password."""
        now = int(self._clock())
        return Session(account, secrets.token_urlsafe(16), now, self._end(account, now))

    def renew(self, session: Session) -> Session | None:
        """Return the session with its whole life before it, once half of it is over; else None."""
        if session.ends - self._clock() > self._lifetime_s / 2:
            return None
        ends = self._end(session.account, session.began)
        return replace(session, ends=ends) if ends > session.ends else None

    def renew_after_s(self, session: Session) -> float:
        """Return in how many seconds half of the session is over; what lasts longer has to ask again."""
        session = self.renew(session) or session  # past its half, this very answer renews it
        left = session.ends - self._clock()
        half = self._lifetime_s / 2
        return left - half if left > half else left

    def _end(self, account: Account, began: int) -> int:
        """Return when a session ends that is used now."""
        ends = self._clock() + self._lifetime_s
        return int(ends if account.wall_screen else min(ends, began + LONGEST_S))

    def end(self, session: Session) -> None:
        """Let no copy of the cookie open anything any more, as long as this process runs."""
        now = self._clock()
        self._ended[session.id] = now + self._lifetime_s
        while self._ended and (len(self._ended) > _MOST_ENDED or next(iter(self._ended.values())) < now):
            self._ended.popitem(last=False)

    def is_expired(self, session: Session) -> bool:
        """Tell whether a session was logged out, or has ended."""
        return session.id in self._ended or session.ends <= self._clock()

    def read(self, cookie: str, accounts: Accounts) -> Session | None:
        """Return a cookie's session; None for what is forged, over, logged out or of an older password."""
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
        """Return the `Set-Cookie` that takes a session's away."""
        return self._jar.set(COOKIE, "", 0, secure=secure)


def csrf_token(session: Session) -> str:
    """Return what forms of a session carry, which no other site can know."""
    account = session.account
    key = signed_cookies.key_of(account.name, account.password, "form")
    return hmac.digest(key, session.id.encode(), hashlib.sha256).hex()
