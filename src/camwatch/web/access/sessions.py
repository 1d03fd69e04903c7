"""Who has logged in: a signed cookie, whose key comes from the account's own password hash.

So a new password or a revoked account ends all its sessions, and nothing is stored. Only a session that was
logged out is remembered, by this process, until it would have ended by itself: a copy of its cookie opens
again after a restart, until then. Its name binds the cookie to TLS where
there is TLS: a page that another host of the domain serves without TLS cannot plant one.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from itsdangerous import BadData, URLSafeSerializer

from camwatch.web.access.accounts import Account, Accounts

_MOST_ENDED = 10_000
_ID_LENGTH = 22


@dataclass(frozen=True, slots=True)
class Session:
    """One login: whose it is, its own id, and when it ends, Unix seconds."""

    account: Account
    id: str
    ends: float


class Sessions:
    """Makes cookies and reads them, on the wall clock (Unix seconds)."""

    def __init__(self, lifetime_s: float, root_path: str, clock: Callable[[], float]) -> None:
        self._lifetime_s = lifetime_s
        self._path = root_path or "/"
        self._clock = clock
        self._ended: OrderedDict[str, float] = OrderedDict()

    def name(self, *, secure: bool) -> str:
        """Return the name of the cookie."""
        if not secure:
            return "camwatch"
        return "__Host-camwatch" if self._path == "/" else "__Secure-camwatch"

    def begin(self, account: Account) -> Session:
        """Begin a session of an account that has a password."""
        return Session(account, secrets.token_urlsafe(16), self._clock() + self._lifetime_s)

    def renewed(self, session: Session) -> Session | None:
        """Return the session with its whole life before it, once half of it is over; else None."""
        if session.ends - self._clock() > self._lifetime_s / 2:
            return None
        return Session(session.account, session.id, self._clock() + self._lifetime_s)

    def renewable_in(self, session: Session) -> float:
        """Return in how many seconds half of the session is over; what lasts longer has to ask again."""
        left = session.ends - self._clock() - self._lifetime_s / 2
        return left if left > 0 else self._lifetime_s / 2  # this very answer renews it

    def end(self, session: Session) -> None:
        """Let no copy of the cookie open anything any more, as long as this process runs."""
        now = self._clock()
        self._ended[session.id] = now + self._lifetime_s
        while self._ended and (len(self._ended) > _MOST_ENDED or next(iter(self._ended.values())) < now):
            self._ended.popitem(last=False)

    def is_over(self, session: Session) -> bool:
        """Tell whether a session was logged out, or has ended."""
        return session.id in self._ended or session.ends <= self._clock()

    def read(self, cookie: str, accounts: Accounts) -> Session | None:
        """Return a cookie's session; None for what is forged, over, logged out or of an older password."""
        name = _claimed(cookie)
        account = accounts.named(name) if name is not None else None
        if account is None or account.password is None:
            return None
        try:
            told = _signer(account).loads(cookie)
        except BadData:
            return None
        session = _session(told, account)
        return None if session is None or self.is_over(session) else session

    def cookie(self, session: Session, *, secure: bool) -> str:
        """Return the `Set-Cookie` of a session."""
        told = {"n": session.account.name, "s": session.id, "e": int(session.ends)}
        value = str(_signer(session.account).dumps(told))
        age = max(0, round(session.ends - self._clock()))
        return self._set(value, age, secure=secure)

    def no_cookie(self, *, secure: bool) -> str:
        """Return the `Set-Cookie` that takes a session's away."""
        return self._set("", 0, secure=secure)

    def _set(self, value: str, age_s: int, *, secure: bool) -> str:
        name = self.name(secure=secure)
        text = f"{name}={value}; Path={self._path}; Max-Age={age_s}; HttpOnly; SameSite=Lax"
        return f"{text}; Secure" if secure else text


def form_token(session: Session) -> str:
    """Return what forms of a session carry, which no other site can know."""
    key = _key(session.account, b"form")
    return hmac.new(key, session.id.encode(), hashlib.sha256).hexdigest()


def _key(account: Account, use: bytes) -> bytes:
    material = f"{account.name}\0{account.password}".encode()
    return hmac.new(material, b"camwatch " + use, hashlib.sha256).digest()


def _signer(account: Account) -> URLSafeSerializer:
    return URLSafeSerializer(
        _key(account, b"session"),
        salt="camwatch.session",
        signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
    )


def _claimed(cookie: str) -> str | None:
    """Return whose a cookie says that it is, which nobody has proven yet."""
    if len(cookie) > 1024:
        return None
    known, told = URLSafeSerializer("").loads_unsafe(cookie)
    del known
    name = told.get("n") if isinstance(told, dict) else None
    return name if isinstance(name, str) else None


def _session(told: Any, account: Account) -> Session | None:
    if not isinstance(told, dict):
        return None
    number, ends = told.get("s"), told.get("e")
    if told.get("n") != account.name or not isinstance(number, str) or not isinstance(ends, int):
        return None
    return Session(account, number, float(ends)) if len(number) == _ID_LENGTH else None
