"""Creates the authenticator from settings, and reloads its files."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import TypeAlias

import structlog

from camwatch.errors import ConfigError, ConfigProblem
from camwatch.file_watcher import FileWatcher, WatchedFiles, signature
from camwatch.settings import Settings
from camwatch.web.auth.accounts import Accounts, load, load_for, unknown_operators
from camwatch.web.auth.authenticator import AuthConfig, Authenticator
from camwatch.web.auth.proxy_headers import TrustedProxies

_Changes: TypeAlias = dict[str, object]  # keys of the log line
_Load: TypeAlias = Callable[[], Awaitable[_Changes]]

_log = structlog.get_logger("access")


def create_authenticator(
    settings: Settings, operators: Iterable[str], images: Iterable[str] = ()
) -> Authenticator:
    """Create the authenticator; `images` are other origins of images that pages show.

    Raises ConfigError with every fault in its files.
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
        problem = "requires accounts: set accounts_file"
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
    """Log a warning if passwords may cross a network in clear text."""
    http = settings.http
    if http.is_loopback or http.cert_file is not None:
        return
    if settings.access.proxy_addresses:
        _log.warning(
            "clients that bypass the proxy reach camwatch in clear text: listen on a loopback address or set "
            "cert_file and key_file in [http], unless only the proxy can reach it (docs/how-to/access.md)",
            listen=http.listen,
        )
    else:
        _log.warning(
            "passwords cross the network in clear text: set cert_file and key_file in [http], or put "
            "a proxy with TLS before camwatch and name it in proxy_addresses (docs/how-to/access.md)"
        )


class AuthReloader:
    """Reloads accounts, metrics token and certificate when their files change; ignores faulty files."""

    def __init__(
        self,
        authenticator: Authenticator,
        settings: Settings,
        operators: Callable[[], Iterable[str]],
        reload_certificate: Callable[[], None],
    ) -> None:
        self._authenticator = authenticator
        self._settings = settings
        self._operators = operators
        self._reload_certificate = reload_certificate
        self._watcher = FileWatcher(settings.fleet.reload_interval_s)
        self.request_reload = self._watcher.request_reload

    async def run(self) -> None:
        """Reload files that change, until cancelled."""
        http = self._settings.http
        watched = []
        for what, load_them, files in (
            ("accounts", self._load_accounts, (self._settings.access.accounts_file,)),
            ("metrics token", self._load_metrics_token, (http.metrics_token_file,)),
            ("certificate", self._load_certificate, (http.cert_file, http.key_file)),
        ):
            if paths := tuple(file for file in files if file is not None):
                before = await asyncio.to_thread(signature, paths)
                await self._reload(what, load_them, log_unchanged=False)  # may have changed since the start
                watched.append(WatchedFiles(paths, partial(self._reload, what, load_them), before))
        await self._watcher.run(watched)

    async def _reload(self, what: str, load_them: _Load, *, log_unchanged: bool = True) -> None:
        try:
            changes = await load_them()
        except ConfigError as error:
            self._authenticator.reload_errors += 1
            for fault in error.problems:
                _log.error("auth reload failed, keeping previous configuration", fault=str(fault))
        else:
            if log_unchanged or changes:
                _log.info(f"{what} reloaded", **changes)

    async def _load_accounts(self) -> _Changes:
        file = self._settings.access.accounts_file
        assert file is not None  # noqa: S101 - it is watched
        accounts = await asyncio.to_thread(load, file)
        for fault in unknown_operators(accounts, file, self._operators()):
            _log.warning("account refers to unknown operator", fault=str(fault))
        before = self._authenticator.accounts
        self._authenticator.set_accounts(accounts)
        return _differences(before, accounts)

    async def _load_metrics_token(self) -> _Changes:
        before = self._authenticator.metrics_token
        self._authenticator.metrics_token = await asyncio.to_thread(self._settings.http.metrics_token)
        return {"changed": True} if before != self._authenticator.metrics_token else {}

    async def _load_certificate(self) -> _Changes:
        self._reload_certificate()
        return {}


def _differences(before: Accounts | None, after: Accounts) -> _Changes:
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
