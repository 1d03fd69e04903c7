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
from camwatch.web.auth.known_browsers import Home, Homes
from camwatch.web.auth.login_throttle import Attempts
from camwatch.web.auth.networks import networks
from camwatch.web.auth.principal import LOCAL, Viewer
from camwatch.web.auth.proxy_headers import Origin, Proxies, is_local, is_local_address, is_plain
from camwatch.web.auth.sessions import Session, Sessions, form_token
from camwatch.web.auth.signed_cookies import Jar
from camwatch.web.auth.time_budget import HANDSHAKE_S, LEAST_S, PEOPLE, STRANGERS, Allowance, Budget, Payer
from camwatch.web.problems import Problem

_MOST_VERIFIED = 1024
_ASK_AGAIN_S = 3600.0  # how long a stream may last on a proxy's word or a token

_log = structlog.get_logger("access")


class By(StrEnum):
    """What somebody proved with who they are."""

    LOCAL = "local"
    PROXY = "proxy"
    TOKEN = "token"  # noqa: S105 - a word, no secret
    SESSION = "session"


class Refusal(StrEnum):
    """Why a request was not let in; the label `reason` of `camwatch_access_refusals_total`."""

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

    viewer: Viewer
    by: By
    form_token: str
    lasts_s: float | None = None
    account: Account | None = None
    session: Session | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """What settings say of the door. Without anything: nobody but this machine, which needs no account."""

    session_s: float = 12 * 3600.0
    root_path: str = ""
    proxies: Proxies = field(default_factory=Proxies)
    metrics_public: bool = False
    images: tuple[str, ...] = ()
    body_within_s: float = 10.0
    strangers: Allowance = STRANGERS
    """Of the loop's time, what those at one address may take who have not said who they are."""
    people: Allowance = PEOPLE
    """The same of one account."""
    each: int = 100
    """How many connections, or requests that a proxy passed on, there may be from one address at a time."""


class Access:
    """Keeps the accounts, and tells who somebody is. `close` it at the end."""

    def __init__(
        self,
        accounts: Accounts | None = None,
        rules: Rules = Rules(),
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
        self.homes = Homes(self.jar)
        self.attempts = Attempts(mono)
        self.budget = Budget(mono)
        self.work = work
        self.verifier = hashing.Verifier()
        self.refusals = Counter({reason.value: 0 for reason in Refusal})
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

    def take(self, accounts: Accounts) -> None:
        """Let these accounts hold from now on; what others were promised ends."""
        self.accounts = accounts
        self._verified.clear()
        for tell in self.on_change:
            tell()

    def holds(self, identity: Identity) -> bool:
        """Tell whether somebody who came in may stay: nothing of their account changed, no log-out."""
        if identity.account is None:
            return self.accounts is None
        if identity.session is not None and self.sessions.is_over(identity.session):
            return False
        return self.accounts is not None and self.accounts.named(identity.account.name) == identity.account

    async def turn_out(self) -> None:
        """End what is under way for those who may stay no longer."""
        for tell in self.on_change:
            tell()

    def refused(self, reason: Refusal) -> None:
        """Count a refusal."""
        self.refusals[reason.value] += 1

    async def identify(self, origin: Origin, bearer: str | None, cookie: str | None) -> Identity | None:
        """Return who somebody is; None if they bring nothing that proves it.

        Raises Problem for a bad token, a person without an account, and what only looks like this machine.
        """
        if self.accounts is None:
            return self._local(origin)
        if origin.person is not None:
            return self._vouched(origin.person)
        if bearer is not None:
            return await self._with_token(bearer, origin.address)
        found = self.session_of(cookie)
        if cookie and found is None:
            self.refused(Refusal.SESSION)
        return found

    def session_of(self, cookie: str | None) -> Identity | None:
        """Return whose session a cookie is, if it is one that holds."""
        session = self.sessions.read(cookie, self.accounts) if cookie and self.accounts is not None else None
        if session is None:
            return None
        lasts_s = self.sessions.renewable_in(session)
        account = session.account
        return Identity(account.viewer, By.SESSION, form_token(session), lasts_s, account, session)

    async def may_hear(self, origin: Origin, bearer: str | None, cookie: str | None) -> bool:
        """Tell whether somebody may hear why camwatch is not ready, which names hosts, users and paths.

        They may who see all, who bear the token of the metrics, and this machine, not through a proxy.
        """
        if is_local(origin.host) and is_local_address(origin.address) and not origin.proxied:
            return True
        if self.metrics_token is not None and bearer is not None and hashing.same(bearer, self.metrics_token):
            return True
        try:
            identity = self.session_of(cookie) or await self.identify(origin, bearer, None)
        except Problem:
            return False
        return identity is not None and identity.viewer.sees_all

    def note_lost(self, peer: str) -> None:
        """Say once that a trusted proxy names no address: all who come through it count as one."""
        if not self._told_lost:
            self._told_lost = True
            _log.warning(
                "access: a proxy sends no X-Forwarded-For that can be read: all who come through it count as "
                "one, and can lock one another out (docs/access.md)",
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
        except Problem:
            return False
        return True

    def payers(self, identity: Identity | None, address: str, home: Home | None = None) -> tuple[Payer, ...]:
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
            self.refused(Refusal.BUDGET)
            if self.budget.is_news(payers):
                _log.warning(
                    "access: too much asked", who=payers[0].key, address=address, wait_s=int(wait_s) + 1
                )
            seconds = str(int(wait_s) + 1)
            detail = f"this asks more than camwatch can give beside its work: try again in {seconds} s"
            raise Problem(429, detail, headers={"retry-after": seconds})
        self.budget.spend(payers, costs_s)

    async def may_scrape(self, origin: Origin, bearer: str | None, cookie: str | None) -> tuple[Payer, ...]:
        """Let in who may read the metrics, which name all cameras; return from whose budget that is paid.

        Raises Problem for others.
        """
        if self.rules.metrics_public:
            return (Payer(f"metrics at {origin.address}", self.rules.people),)
        if self.metrics_token is not None and bearer is not None and hashing.same(bearer, self.metrics_token):
            return ()
        if self.accounts is None:
            if self.metrics_token is not None:
                raise self._unknown_token("/metrics asks for the token of metrics_token_file")
            if not is_plain(origin.host):
                raise _not_from_here(origin)
            return ()
        identity = await self.identify(origin, bearer, cookie)
        if identity is None:
            raise self._unknown_token(
                "/metrics asks for the token of metrics_token_file, or for an account that sees all operators"
            )
        if not identity.viewer.sees_all:
            raise Problem(404, "there is no such page")
        return self.payers(identity, origin.address)

    def _local(self, origin: Origin) -> Identity:
        if not is_local(origin.host) or origin.proxied:
            self.refused(Refusal.HOST)
            raise _not_from_here(origin)
        return Identity(LOCAL, By.LOCAL, self._token_of("local"))

    def _vouched(self, person: str) -> Identity:
        account = self.accounts.named(person) if self.accounts is not None else None
        if account is None:
            self.refused(Refusal.PERSON)
            detail = f"the proxy knows {person[:63]!r}, but there is no account of this name: ask for one"
            raise Problem(403, detail)
        return Identity(account.viewer, By.PROXY, self._token_of(f"proxy {person}"), _ASK_AGAIN_S, account)

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
        digest = hashing.digest(bearer)
        if self._verified.get(digest) != token.id:
            await self._verify(digest, token, kept.hash, address)
        ends = kept.expires.timestamp() - self._wall() if kept.expires is not None else _ASK_AGAIN_S
        return Identity(account.viewer, By.TOKEN, "", min(ends, _ASK_AGAIN_S), account)

    async def _verify(self, digest: bytes, token: hashing.Token, kept: str, address: str) -> None:
        """Verify a token once, however many ask with it at a time; the next ones cost nothing."""
        verifying = self._verifying.get(digest)
        if verifying is None:
            # Counted for each address by itself: nobody can shut a token out by trying wrong ones elsewhere.
            name = f"token {token.id} {address}"
            if wait_s := self.attempts.wait_s(name, address):
                raise self.too_often(wait_s)
            verifying = asyncio.create_task(self._verify_now(digest, token, kept, name, address))
            self._verifying[digest] = verifying
            verifying.add_done_callback(lambda _: self._verifying.pop(digest, None))
        try:
            right = await asyncio.shield(verifying)
        except hashing.BusyError:
            self.refused(Refusal.BUSY)
            raise busy() from None
        if not right:
            raise self._unknown_token("this token opens nothing: it is mistyped, or was revoked")

    async def _verify_now(
        self, digest: bytes, token: hashing.Token, kept: str, name: str, address: str
    ) -> bool:
        accounts = self.accounts
        self.attempts.begin(name, address)
        try:
            right = await self.verifier.matches(kept, token.secret)
        except hashing.BusyError:
            self.attempts.never_mind(name, address)
            raise
        if not right:
            _log.warning("access: token refused", token=token.id, address=address)
            return False
        self.attempts.succeed(name, address)
        if accounts is self.accounts:  # else what was verified may hold no more
            self._verified[digest] = token.id
            while len(self._verified) > _MOST_VERIFIED:
                self._verified.popitem(last=False)
        return True

    def _unknown_token(self, detail: str) -> Problem:
        self.refused(Refusal.TOKEN)
        return Problem(401, detail, headers={"www-authenticate": 'Bearer realm="camwatch"'})

    def too_often(self, wait_s: float) -> Problem:
        """Return the refusal of an attempt that came too soon."""
        self.refused(Refusal.TOO_OFTEN)
        seconds = int(wait_s) + 1
        detail = f"too many failed attempts: try again in {seconds} s"
        return Problem(429, detail, headers={"retry-after": str(seconds)})


def _strangers(address: str, allowed: Allowance, what: str) -> tuple[Payer, ...]:
    return tuple(Payer(f"{what} {net}", allowed.times(more)) for net, more in networks(address))


def busy() -> Problem:
    """Return the refusal when too many log in at once."""
    return Problem(503, "too many log in at once: try again in a moment", headers={"retry-after": "2"})


def _not_from_here(origin: Origin) -> Problem:
    return Problem(
        403,
        "camwatch has no accounts and serves this machine only, under 127.0.0.1 or localhost; this was asked "
        f"of {origin.host[:80]!r}{', through a proxy' if origin.proxied else ''}. "
        "Make accounts: docs/access.md",
    )
