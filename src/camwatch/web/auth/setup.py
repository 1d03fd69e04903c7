"""The door as settings describe it, and its files watched: accounts and the token of the metrics."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import TypeAlias

import structlog

from camwatch.errors import ConfigError, ConfigProblem
from camwatch.settings import Settings
from camwatch.web.auth.accounts import Accounts, load, load_for, unknown_operators
from camwatch.web.auth.authenticator import AuthConfig, Authenticator
from camwatch.web.auth.proxy_headers import TrustedProxies

_Signature: TypeAlias = tuple[tuple[int, int, int] | None, ...]
_News: TypeAlias = dict[str, object]  # what a file says that was not so before
_Take: TypeAlias = Callable[[], Awaitable[_News]]

_log = structlog.get_logger("access")


def create_authenticator(
    settings: Settings, operators: Iterable[str], images: Iterable[str] = ()
) -> Authenticator:
    """Return the door; `images` are further origins of pictures that pages show.

    Raises ConfigError with every fault in the files that it needs.
    """
    access = settings.access
    faults: list[ConfigProblem] = []
    accounts, token = None, None
    try:
        token = settings.http.metrics_token()
    except ConfigError as error:
        faults.extend(error.problems)
    try:
        accounts = load_for(access.accounts_file, operators) if access.accounts_file else None
    except ConfigError as error:
        faults.extend(error.problems)
    if accounts is None and access.proxy_header and not faults:
        problem = "is of no use without accounts: name their file with accounts_file"
        faults.append(ConfigProblem(settings.place("access", "proxy_header"), problem))
    if faults:
        raise ConfigError(tuple(faults))
    rules = AuthConfig(
        session_s=access.session_hours * 3600,
        root_path=settings.http.root_path,
        proxies=TrustedProxies(
            access.proxy_addresses, access.proxy_header, names_host=access.proxy_names_host
        ),
        metrics_public=settings.http.metrics_public,
        images=tuple(images),
        each=settings.http.connections_per_address,
    )
    return Authenticator(accounts, rules, token)


def warn_if_plaintext(settings: Settings) -> None:
    """Say so in the log when passwords would cross a network that others can read."""
    http = settings.http
    if http.is_loopback or http.cert_file is not None:
        return
    if settings.access.proxy_addresses:
        _log.warning(
            "access: who goes around the proxy reaches camwatch in clear text: let it listen on a loopback "
            "address, or set cert_file and key_file in [http], unless nobody but the proxy can reach it "
            "(docs/how-to/access.md)",
            listen=http.listen,
        )
    else:
        _log.warning(
            "access: passwords cross the network in clear text: set cert_file and key_file in [http], or put "
            "a proxy with TLS before camwatch and name it in proxy_addresses (docs/how-to/access.md)"
        )


class AuthReloader:
    """Takes changed files over while the daemon runs; what is faulty changes nothing."""

    def __init__(
        self,
        access: Authenticator,
        settings: Settings,
        operators: Callable[[], Iterable[str]],
        renew_certificate: Callable[[], None],
    ) -> None:
        self._access = access
        self._settings = settings
        self._operators = operators
        self._renew_certificate = renew_certificate
        self._asked = asyncio.Event()

    def request_reload(self) -> None:
        """Have all files read anew, changed or not."""
        self._asked.set()

    async def run(self) -> None:
        """Read files anew when asked, or when they changed and have come to rest; runs until cancelled."""
        http = self._settings.http
        watched: tuple[tuple[str, _Take, tuple[Path | None, ...]], ...] = (
            ("accounts", self._take_accounts, (self._settings.access.accounts_file,)),
            ("token of the metrics", self._take_token, (http.metrics_token_file,)),
            ("certificate", self._take_certificate, (http.cert_file, http.key_file)),
        )
        loaded = seen = [await asyncio.to_thread(_signature, files) for _, _, files in watched]
        for what, take, files in watched:
            if any(files):  # they may have changed since they were read
                await self._renew(what, take, tell=False)
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), self._settings.fleet.reload_interval_s)
            asked = self._asked.is_set()
            self._asked.clear()
            now = [await asyncio.to_thread(_signature, files) for _, _, files in watched]
            for number, (what, take, files) in enumerate(watched):
                rests = now[number] == seen[number] or asked
                if any(files) and rests and (asked or now[number] != loaded[number]):
                    loaded[number] = now[number]
                    await self._renew(what, take, tell=True)
            seen = now

    async def _renew(self, what: str, take: _Take, *, tell: bool) -> None:
        """Take a file over, and say so; without `tell` only where it says something else."""
        try:
            news = await take()
        except ConfigError as error:
            self._access.reload_errors += 1
            for fault in error.problems:
                _log.error("access: not reloaded, what was before stays", fault=str(fault))
        else:
            if tell or news:
                _log.info(f"access: {what} reloaded", **news)

    async def _take_accounts(self) -> _News:
        file = self._settings.access.accounts_file
        if file is None:
            return {}
        accounts = await asyncio.to_thread(load, file)
        for fault in unknown_operators(accounts, file, self._operators()):
            _log.warning("access: an account sees nothing of this operator", fault=str(fault))
        before = self._access.accounts
        self._access.set_accounts(accounts)
        return _differences(before, accounts)

    async def _take_token(self) -> _News:
        before = self._access.metrics_token
        self._access.metrics_token = await asyncio.to_thread(self._settings.http.metrics_token)
        return {"changed": True} if before != self._access.metrics_token else {}

    async def _take_certificate(self) -> _News:
        self._renew_certificate()
        return {}


def _differences(before: Accounts | None, after: Accounts) -> _News:
    old = {account.name: account for account in before.accounts} if before is not None else {}
    new = {account.name: account for account in after.accounts}
    if old == new:
        return {}
    return {
        "accounts": len(new),
        "added": sorted(new.keys() - old.keys()),
        "removed": sorted(old.keys() - new.keys()),
        "changed": sorted(name for name in new.keys() & old.keys() if new[name] != old[name]),
    }


def _signature(files: Iterable[Path | None]) -> _Signature:
    return tuple(_signature_of(file) for file in files if file is not None)


def _signature_of(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
