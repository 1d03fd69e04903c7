"""Who somebody is, by what they bring: a proxy's word, a token, a session, or nothing at all."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets as random
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
from camwatch.web.problems import ProblemError

_MOST_VERIFIED = 1024
_ASK_AGAIN_S = 3600.0  # how long a stream may last on a proxy's word or a token

_log = structlog.get_logger("access")


class AuthMethod(StrEnum):
    """What somebody proved with who they are."""

    LOCAL = "local"
    PROXY = "proxy"
    TOKEN = "token"  # noqa: S105 - a word, no secret
    SESSION = "session"


class DenialReason(StrEnum):
    """Why a request was not let in; the label `reason` of `camwatch_http_requests_denied_total`."""

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
    """Someone who was let in: as whom, by what, and for how long without being asked again, seconds."""

    viewer: Principal
    by: AuthMethod
    csrf_token: str
    valid_for_s: float | None = None
    account: Account | None = None
    session: Session | None = None


@dataclass(frozen=True, slots=True)
class AuthConfig:
    """What settings say of the door. Without anything: nobody but this machine, which needs no account."""

    session_s: float = 12 * 3600.0
    root_path: str = ""
    proxies: TrustedProxies = field(default_factory=TrustedProxies)
    metrics_public: bool = False
    images: tuple[str, ...] = ()
    body_within_s: float = 10.0
    strangers: Allowance = STRANGERS
    """Of the loop's time, what those at one address may take who have not said who they are."""
    people: Allowance = PEOPLE
    """The same of one account."""
    each: int = 100
    """How many connections, or requests that a proxy passed on, there may be from one address at a time."""


class Authenticator:
    """Keeps the accounts, and tells who somebody is. `close` it at the end."""

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
        self._told_lost = False
        self._wall = wall
        self._key = random.token_bytes(32)
        self._verified: OrderedDict[bytes, str] = OrderedDict()  # SHA-256 of a token, its id
        self._verifying: dict[bytes, asyncio.Task[bool]] = {}

    def close(self) -> None:
        """Verify nothing any more."""
        self.verifier.close()

    def set_accounts(self, accounts: Accounts) -> None:
        """Let these accounts hold from now on; what others were promised ends."""
        self.accounts = accounts
        self._verified.clear()
        for tell in self.on_change:
            tell()

    def is_still_valid(self, identity: Identity) -> bool:
        """Tell whether somebody who came in may stay: nothing of their account changed, no log-out."""
        if identity.account is None:
            return self.accounts is None
        if identity.session is not None and self.sessions.is_expired(identity.session):
            return False
        return self.accounts is not None and self.accounts.get(identity.account.name) == identity.account

    async def terminate_revoked(self) -> None:
        """End what is under way for those who may stay no longer."""
        for tell in self.on_change:
            tell()

    def count_denied(self, reason: DenialReason) -> None:
        """Count a refusal."""
        self.denials[reason.value] += 1

    async def identify(self, origin: Origin, bearer: str | None, cookie: str | None) -> Identity | None:
        """Return who somebody is; None if they bring nothing that proves it.

        Raises Problem for a bad token, a person without an account, and what only looks like this machine.
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
        """Return whose session a cookie is, if it is one that holds."""
        session = self.sessions.read(cookie, self.accounts) if cookie and self.accounts is not None else None
        if session is None:
            return None
        lasts_s = self.sessions.renew_after_s(session)
        account = session.account
        return Identity(account.viewer, AuthMethod.SESSION, csrf_token(session), lasts_s, account, session)

    async def may_hear(self, origin: Origin, bearer: str | None, cookie: str | None) -> bool:
        """Tell whether somebody may hear why camwatch is not ready, which names hosts, users and paths.

        They may who see all, who bear the token of the metrics, and this machine, not through a proxy.
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
        """Say once that a trusted proxy names no address: all who come through it count as one."""
        if not self._told_lost:
            self._told_lost = True
            _log.warning(
                "access: a proxy sends no X-Forwarded-For that can be read: all who come through it count as "
                "one, and can lock one another out (docs/how-to/access.md)",
                proxy=peer,
            )

    def connections_of(self, peer: str) -> int | None:
        """Return how many connections an address may have; None for a proxy's, and without accounts."""
        return None if self.accounts is None or self.rules.proxies.trust(peer) else self.rules.each

    def pay_handshake(self, peer: str) -> bool:
        """Let an address pay for a TLS handshake, from a purse of its own; tell whether it could."""
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
        """Return from whose budget a request is paid; this machine's own without accounts is free.

        A browser that somebody logged in from has a budget of its own, so that strangers at its address do
        not keep it from the login; all those of one account share another.
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
        """Take what something costs; raise Problem (429) for those who have taken all that they may."""
        wait_s = self.budget.wait_s(payers)
        if wait_s > 0:
            self.count_denied(DenialReason.BUDGET)
            if self.budget.is_news(payers):
                _log.warning(
                    "access: too much asked", who=payers[0].key, address=address, wait_s=int(wait_s) + 1
                )
            seconds = str(int(wait_s) + 1)
            detail = f"this asks more than camwatch can give beside its work: try again in {seconds} s"
            raise ProblemError(429, detail, headers={"retry-after": seconds})
        self.budget.spend(payers, costs_s)

    async def authorize_metrics(
        self, origin: Origin, bearer: str | None, cookie: str | None
    ) -> tuple[Payer, ...]:
        """Let in who may read the metrics, which name all cameras; return from whose budget that is paid.

        Raises Problem for others.
        """
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
                raise self._unknown_token("/metrics asks for the token of metrics_token_file")
            if not is_single_label_host(origin.host):
                raise _not_from_here(origin)
            return ()
        identity = await self.identify(origin, bearer, cookie)
        if identity is None:
            raise self._unknown_token(
                "/metrics asks for the token of metrics_token_file, or for an account that sees all operators"
            )
        if not identity.viewer.can_see_all:
            raise ProblemError(404, "there is no such page")
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
            detail = f"the proxy knows {person[:63]!r}, but there is no account of this name: ask for one"
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
            raise self._unknown_token("this token opens nothing: it is mistyped, or was revoked")
        account, kept = found
        if not kept.holds_at(self._wall()):
            raise self._unknown_token(f"token {token.id} ended: ask for another")
        digest = hashing.sha256(bearer)
        if self._verified.get(digest) != token.id:
            await self._verify(digest, token, kept.hash, address)
        ends = kept.expires.timestamp() - self._wall() if kept.expires is not None else _ASK_AGAIN_S
        return Identity(account.viewer, AuthMethod.TOKEN, "", min(ends, _ASK_AGAIN_S), account)

    async def _verify(self, digest: bytes, token: hashing.Token, kept: str, address: str) -> None:
        """Verify a token once, however many ask with it at a time; the next ones cost nothing."""
        verifying = self._verifying.get(digest)
        if verifying is None:
            # Counted for each address by itself: nobody can shut a token out by trying wrong ones elsewhere.
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
            raise self._unknown_token("this token opens nothing: it is mistyped, or was revoked")

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
            _log.warning("access: token refused", token=token.id, address=address)
            return False
        self.login_throttle.success(name, address)
        if accounts is self.accounts:  # else what was verified may hold no more
            self._verified[digest] = token.id
            while len(self._verified) > _MOST_VERIFIED:
                self._verified.popitem(last=False)
        return True

    def _unknown_token(self, detail: str) -> ProblemError:
        self.count_denied(DenialReason.TOKEN)
        return ProblemError(401, detail, headers={"www-authenticate": 'Bearer realm="camwatch"'})

    def throttled(self, wait_s: float) -> ProblemError:
        """Return the refusal of an attempt that came too soon."""
        self.count_denied(DenialReason.TOO_OFTEN)
        seconds = int(wait_s) + 1
        detail = f"too many failed attempts: try again in {seconds} s"
        return ProblemError(429, detail, headers={"retry-after": str(seconds)})


def _strangers(address: str, allowed: Allowance, what: str) -> tuple[Payer, ...]:
    return tuple(Payer(f"{what} {net}", allowed.times(more)) for net, more in networks(address))


def busy() -> ProblemError:
    """Return the refusal when too many log in at once."""
    return ProblemError(503, "too many log in at once: try again in a moment", headers={"retry-after": "2"})


def _not_from_here(origin: Origin) -> ProblemError:
    return ProblemError(
        403,
        "camwatch has no accounts and serves this machine only, under 127.0.0.1 or localhost; this was asked "
        f"of {origin.host[:80]!r}{', through a proxy' if origin.via_proxy else ''}. "
        "Make accounts: docs/how-to/access.md",
    )
