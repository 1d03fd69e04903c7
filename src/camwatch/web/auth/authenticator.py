"""Authenticates a request from a trusted proxy header, a bearer token or a session cookie."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

import structlog

from camwatch.web.auth import hashing
from camwatch.web.auth.accounts import Account, Accounts
from camwatch.web.auth.known_browsers import KnownBrowser, KnownBrowsers
from camwatch.web.auth.login_throttle import LoginThrottle
from camwatch.web.auth.networks import networks
from camwatch.web.auth.principal import LOCAL_ADMIN, Principal
from camwatch.web.auth.proxy_headers import (
    Origin,
    TrustedProxies,
    is_local,
    is_local_address,
    is_single_label_host,
)
from camwatch.web.auth.sessions import Session, Sessions, csrf_token
from camwatch.web.auth.signed_cookies import Jar
from camwatch.web.auth.time_budget import (
    HANDSHAKE_S,
    LEAST_S,
    PEOPLE,
    STRANGERS,
    Allowance,
    Payer,
    TimeBudget,
)
from camwatch.web.problems import ProblemError, not_found

_MOST_VERIFIED = 1024
_ASK_AGAIN_S = 3600.0  # how long a stream may last on a proxy's word or a token

_log = structlog.get_logger("access")


class AuthMethod(StrEnum):
    """Authentication method."""

    LOCAL = "local"
    PROXY = "proxy"
    TOKEN = "token"  # noqa: S105 - a word, no secret
    SESSION = "session"


class DenialReason(StrEnum):
    """Why a request was denied; the label `reason` of `camwatch_http_requests_denied_total`."""

    HOST = "host"
    PERSON = "person"
    TOKEN = "token"  # noqa: S105 - a word, no secret
    SESSION = "session"
    LOGIN = "login"
    TOO_OFTEN = "too_often"
    BUSY = "busy"
    ORIGIN = "origin"
    CSRF = "csrf"
    BUDGET = "budget"


@dataclass(frozen=True, slots=True)
class Identity:
    """An authenticated client; after `valid_for_s` seconds it must authenticate again."""

    viewer: Principal
    by: AuthMethod
    csrf_token: str
    valid_for_s: float | None = None
    account: Account | None = None
    session: Session | None = None


@dataclass(frozen=True, slots=True)
class AuthConfig:
    """Settings of authentication. Without accounts, only this machine has access."""

    session_s: float = 12 * 3600.0
    root_path: str = ""
    proxies: TrustedProxies = field(default_factory=TrustedProxies)
    metrics_public: bool = False
    images: tuple[str, ...] = ()
    body_within_s: float = 10.0
    strangers: Allowance = STRANGERS
    """Event-loop time for the anonymous clients of one address."""
    people: Allowance = PEOPLE
    """Event-loop time for one account."""
    each: int = 100
    """Concurrent connections, or requests through a proxy, from one address."""


class Authenticator:
    """Authenticates clients against the accounts. `close` it at the end."""

    def __init__(
        self,
        accounts: Accounts | None = None,
        rules: AuthConfig = AuthConfig(),
        metrics_token: str | None = None,
        *,
        wall: Callable[[], float] = time.time,
        mono: Callable[[], float] = time.monotonic,
        work: Callable[[], float] = time.thread_time,
    ) -> None:
        self.rules = rules
        self.accounts = accounts
        self.metrics_token = metrics_token
        self.jar = Jar(rules.root_path)
        self.sessions = Sessions(rules.session_s, self.jar, wall)
        self.known_browsers = KnownBrowsers(self.jar)
        self.login_throttle = LoginThrottle(mono)
        self.budget = TimeBudget(mono)
        self.work = work
        self.verifier = hashing.PasswordVerifier()
        self.denials = Counter({reason.value: 0 for reason in DenialReason})
        self.logins = 0
        self.reload_errors = 0
        self.on_change: list[Callable[[], None]] = []
        self._logged_lost = False
        self._wall = wall
        self._key = secrets.token_bytes(32)
        self._verified: OrderedDict[bytes, str] = OrderedDict()  # SHA-256 of a token, its id
        self._verifying: dict[bytes, asyncio.Task[bool]] = {}

    def close(self) -> None:
        """Stop verifying passwords and tokens."""
        self.verifier.close()

    def set_accounts(self, accounts: Accounts) -> None:
        """Replace the accounts; responses to clients whose account changed end."""
        self.accounts = accounts
        self._verified.clear()
        for notify in self.on_change:
            notify()

    def is_still_valid(self, identity: Identity) -> bool:
        """Return whether the account is unchanged and the session has not ended."""
        if identity.account is None:
            return self.accounts is None
        if identity.session is not None and self.sessions.is_expired(identity.session):
            return False
        return self.accounts is not None and self.accounts.get(identity.account.name) == identity.account

    async def terminate_revoked(self) -> None:
        """End responses in progress whose client is no longer authenticated."""
        for notify in self.on_change:
            notify()

    def count_denied(self, reason: DenialReason) -> None:
        """Count a denied request."""
        self.denials[reason.value] += 1

    async def identify(self, origin: Origin, bearer: str | None, cookie: str | None) -> Identity | None:
        """Authenticate a client; None without credentials.

        Raises ProblemError for a bad token, a proxy user without an account, and, without accounts, for a
        request that does not come from this machine.
        """
        if self.accounts is None:
            return self._local(origin)
        if origin.remote_user is not None:
            return self._vouched(origin.remote_user)
        if bearer is not None:
            return await self._with_token(bearer, origin.address)
        found = self.session_of(cookie)
        if cookie and found is None:
            self.count_denied(DenialReason.SESSION)
        return found

    def session_of(self, cookie: str | None) -> Identity | None:
        """Return the identity of a valid session cookie."""
        session = self.sessions.read(cookie, self.accounts) if cookie and self.accounts is not None else None
        if session is None:
            return None
        lasts_s = self.sessions.renew_after_s(session)
        account = session.account
        return Identity(account.viewer, AuthMethod.SESSION, csrf_token(session), lasts_s, account, session)

    async def may_hear(self, origin: Origin, bearer: str | None, cookie: str | None) -> bool:
        """Return whether a client may read why camwatch is not ready, which names hosts, users and paths.

        Accounts that see all operators, the metrics token, and this machine (not through a proxy) may.
        """
        if is_local(origin.host) and is_local_address(origin.address) and not origin.via_proxy:
            return True
        if (
            self.metrics_token is not None
            and bearer is not None
            and hashing.constant_time_equals(bearer, self.metrics_token)
        ):
            return True
        try:
            identity = self.session_of(cookie) or await self.identify(origin, bearer, None)
        except ProblemError:
            return False
        return identity is not None and identity.viewer.can_see_all

    def note_lost(self, peer: str) -> None:
        """Log once that a trusted proxy sends no readable client address."""
        if not self._logged_lost:
            self._logged_lost = True
            _log.warning(
                "proxy sends no readable X-Forwarded-For: its clients count as one, and can lock one another "
                "out (docs/how-to/access.md)",
                proxy=peer,
            )

    def connections_of(self, peer: str) -> int | None:
        """Return the connection limit of an address; None for a trusted proxy, and without accounts."""
        return None if self.accounts is None or self.rules.proxies.trust(peer) else self.rules.each

    def pay_handshake(self, peer: str) -> bool:
        """Charge an address for a TLS handshake, from a budget of its own; return whether it could pay."""
        if self.connections_of(peer) is None:
            return True
        payers = _strangers(peer, self.rules.strangers, "handshakes of")
        try:
            self.check_budget(payers, peer, HANDSHAKE_S)
        except ProblemError:
            return False
        return True

    def payers(
        self, identity: Identity | None, address: str, home: KnownBrowser | None = None
    ) -> tuple[Payer, ...]:
        """Return the budgets that a request is charged to; none without accounts.

        A known browser has a budget of its own, so that strangers at its address cannot keep it from the
        login; all known browsers of one account share another.
        """
        if self.accounts is None:
            return ()  # this machine only
        if identity is not None:
            return (Payer(f"by {identity.viewer.name}", self.rules.people),)
        if home is not None:
            browsers = Payer(f"browsers of {home.name}", self.rules.people)
            return (Payer(f"browser {home.id}", self.rules.strangers), browsers)
        return _strangers(address, self.rules.strangers, "at")

    def check_budget(self, payers: tuple[Payer, ...], address: str, costs_s: float = LEAST_S) -> None:
        """Charge the payers. Raises ProblemError (429) if one of them has nothing left."""
        wait_s = self.budget.wait_s(payers)
        if wait_s > 0:
            self.count_denied(DenialReason.BUDGET)
            if self.budget.is_news(payers):
                _log.warning(
                    "request budget exceeded", who=payers[0].key, address=address, wait_s=int(wait_s) + 1
                )
            seconds = str(int(wait_s) + 1)
            detail = f"request budget exceeded: try again in {seconds} s"
            raise ProblemError(429, detail, headers={"retry-after": seconds})
        self.budget.spend(payers, costs_s)

    async def authorize_metrics(
        self, origin: Origin, bearer: str | None, cookie: str | None
    ) -> tuple[Payer, ...]:
        """Authorize a scrape and return the budgets it is charged to. Raises ProblemError."""
        if self.rules.metrics_public:
            return (Payer(f"metrics at {origin.address}", self.rules.people),)
        if (
            self.metrics_token is not None
            and bearer is not None
            and hashing.constant_time_equals(bearer, self.metrics_token)
        ):
            return ()
        if self.accounts is None:
            if self.metrics_token is not None:
                raise self._unknown_token("/metrics requires the token of metrics_token_file")
            if not is_single_label_host(origin.host):
                raise _not_from_here(origin)
            return ()
        identity = await self.identify(origin, bearer, cookie)
        if identity is None:
            raise self._unknown_token(
                "/metrics requires the token of metrics_token_file, or an account that sees all operators"
            )
        if not identity.viewer.can_see_all:
            raise not_found("page at this address")
        return self.payers(identity, origin.address)

    def _local(self, origin: Origin) -> Identity:
        if not is_local(origin.host) or origin.via_proxy:
            self.count_denied(DenialReason.HOST)
            raise _not_from_here(origin)
        return Identity(LOCAL_ADMIN, AuthMethod.LOCAL, self._token_of("local"))

    def _vouched(self, person: str) -> Identity:
        account = self.accounts.get(person) if self.accounts is not None else None
        if account is None:
            self.count_denied(DenialReason.PERSON)
            detail = f"no account is named {person[:63]!r}, the user that the proxy reports: ask for one"
            raise ProblemError(403, detail)
        return Identity(
            account.viewer, AuthMethod.PROXY, self._token_of(f"proxy {person}"), _ASK_AGAIN_S, account
        )

    def _token_of(self, whose: str) -> str:
        return hmac.new(self._key, whose.encode(), hashlib.sha256).hexdigest()

    # Tokens

    async def _with_token(self, bearer: str, address: str) -> Identity:
        token = hashing.read_token(bearer)
        found = self.accounts.with_token(token.id) if self.accounts is not None and token else None
        if token is None or found is None:
            raise self._unknown_token("unknown token: it is mistyped, or was revoked")
        account, kept = found
        if not kept.holds_at(self._wall()):
            raise self._unknown_token(f"token {token.id} has expired: ask for another")
        digest = hashing.sha256(bearer)
        if self._verified.get(digest) != token.id:
            await self._verify(digest, token, kept.hash, address)
        ends = kept.expires.timestamp() - self._wall() if kept.expires is not None else _ASK_AGAIN_S
        return Identity(account.viewer, AuthMethod.TOKEN, "", min(ends, _ASK_AGAIN_S), account)

    async def _verify(self, digest: bytes, token: hashing.Token, kept: str, address: str) -> None:
        """Verify a token; concurrent requests share one verification, and its success is cached."""
        verifying = self._verifying.get(digest)
        if verifying is None:
            # Counted per address: wrong guesses from elsewhere cannot lock a token out.
            name = f"token {token.id} {address}"
            if wait_s := self.login_throttle.delay_s(name, address):
                raise self.throttled(wait_s)
            verifying = asyncio.create_task(self._verify_now(digest, token, kept, name, address))
            self._verifying[digest] = verifying
            verifying.add_done_callback(lambda _: self._verifying.pop(digest, None))
        try:
            right = await asyncio.shield(verifying)
        except hashing.TooBusyError:
            self.count_denied(DenialReason.BUSY)
            raise busy() from None
        if not right:
            raise self._unknown_token("unknown token: it is mistyped, or was revoked")

    async def _verify_now(
        self, digest: bytes, token: hashing.Token, kept: str, name: str, address: str
    ) -> bool:
        accounts = self.accounts
        self.login_throttle.start(name, address)
        try:
            right = await self.verifier.verify(kept, token.secret)
        except hashing.TooBusyError:
            self.login_throttle.undo(name, address)
            raise
        if not right:
            _log.warning("token refused", token=token.id, address=address)
            return False
        self.login_throttle.success(name, address)
        if accounts is self.accounts:  # else the token may have been revoked meanwhile
            self._verified[digest] = token.id
            while len(self._verified) > _MOST_VERIFIED:
                self._verified.popitem(last=False)
        return True

    def _unknown_token(self, detail: str) -> ProblemError:
        self.count_denied(DenialReason.TOKEN)
        return ProblemError(401, detail, headers={"www-authenticate": 'Bearer realm="camwatch"'})

    def throttled(self, wait_s: float) -> ProblemError:
        """Return the response to an attempt that came too soon."""
        self.count_denied(DenialReason.TOO_OFTEN)
        seconds = int(wait_s) + 1
        detail = f"too many failed attempts: try again in {seconds} s"
        return ProblemError(429, detail, headers={"retry-after": str(seconds)})


def _strangers(address: str, allowed: Allowance, what: str) -> tuple[Payer, ...]:
    return tuple(Payer(f"{what} {net}", allowed.times(more)) for net, more in networks(address))


def busy() -> ProblemError:
    """Return the response while too many logins are being verified."""
    return ProblemError(
        503, "too many concurrent logins: try again in a moment", headers={"retry-after": "2"}
    )


def _not_from_here(origin: Origin) -> ProblemError:
    return ProblemError(
        403,
        "camwatch has no accounts and serves this machine only, as 127.0.0.1 or localhost, not "
        f"{origin.host[:80]!r}{' through a proxy' if origin.via_proxy else ''}: "
        "create accounts (docs/how-to/access.md)",
    )
