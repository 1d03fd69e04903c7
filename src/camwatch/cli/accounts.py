"""`camwatch accounts`: accounts and API tokens. A running daemon applies changes within seconds."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from camwatch.cli.common import ConfigFile, UsageError, load_config
from camwatch.cli.terminal import count, show, table
from camwatch.errors import CamwatchError
from camwatch.settings import Settings, load_settings
from camwatch.web.auth import accounts as account_store
from camwatch.web.auth import hashing
from camwatch.web.auth.accounts import Account, Accounts, StoredToken
from camwatch.web.auth.principal import Role

app = typer.Typer(help="Add, list and revoke accounts and API tokens.", no_args_is_help=True)

_Name = Annotated[str, typer.Argument(metavar="NAME", help="Account name, as typed at login.")]


@dataclass(frozen=True, slots=True)
class AccountRequest:
    """The arguments of `camwatch accounts add`."""

    name: str
    role: Role | None
    operators: Sequence[str] | None
    token: bool
    days: int | None
    change: bool
    no_password: bool
    wall_screen: bool


@app.command("add")
def add(  # noqa: PLR0913, PLR0917 - each is an option of the command
    name: _Name,
    config: ConfigFile = None,
    role: Annotated[
        Role | None,
        typer.Option("--role", help="viewer: read only; editor: also corrections; admin: as editor."),
    ] = None,
    operator: Annotated[
        list[str] | None,
        typer.Option(
            "--operator", metavar="ID", help="Only cameras of this operator; repeatable (default: all)."
        ),
    ] = None,
    token: Annotated[
        bool, typer.Option("--token", help="Create an API token and print it; it is not shown again.")
    ] = False,
    days: Annotated[
        int | None,
        typer.Option("--days", min=1, max=3660, help="Days until the token expires (default: never)."),
    ] = None,
    change: Annotated[
        bool,
        typer.Option("--change", help="Change an existing account: role or operators; else its password."),
    ] = False,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input, for scripts.")
    ] = False,
    no_password: Annotated[
        bool, typer.Option("--no-password", help="No password: a proxy authenticates this account.")
    ] = False,
    wall_screen: Annotated[
        bool,
        typer.Option("--wall-screen", help="For a viewer: sessions in use do not expire after 30 days."),
    ] = False,
) -> None:
    """Add an account, or with --token a token for one; prompts for the password."""
    read = sys.stdin.readline if password_stdin else prompt_password
    prompts = password_stdin or not (token or no_password or (change and (role or operator or wall_screen)))
    request = AccountRequest(name, role, operator, token, days, change, no_password, wall_screen)
    _add(config, request, read if prompts else None)


@app.command("list")
def list_accounts(config: ConfigFile = None) -> None:
    """List accounts and tokens, without secrets."""
    settings = load_settings(config)
    found = _accounts(_file(settings))
    if not found.accounts:
        typer.echo("No accounts. Add one: `camwatch accounts add NAME --role admin`.")
        return
    zone = settings.fleet.timezone
    accounts = table("ACCOUNT", "ROLE", "OPERATORS", "LOGIN", wrapped="OPERATORS")
    tokens = table("TOKEN", "ACCOUNT", "CREATED", "EXPIRES", wrapped="ACCOUNT")
    for one in found.accounts:
        accounts.add_row(one.name, one.role.value, ", ".join(one.operators or ("all",)), _login(one))
        for token in one.tokens:
            tokens.add_row(token.id, one.name, _day(token.created, zone), _day(token.expires, zone))
    show(accounts, *(("", tokens) if tokens.row_count else ()))


@app.command("revoke")
def revoke(
    what: Annotated[str, typer.Argument(metavar="NAME", help="Account name, or token id.")],
    config: ConfigFile = None,
) -> None:
    """Revoke an account or a token; its sessions end within seconds."""
    file = _file(load_settings(config))
    revoked = ""

    def without(now: Accounts) -> Accounts:
        nonlocal revoked
        account, token = now.find(what), now.with_token(what.removeprefix("cw_"))
        if account is not None:
            tokens = f", with {count(len(account.tokens), 'token')}" if account.tokens else ""
            revoked = f"{account.name} revoked{tokens}"
            return now.without(account.name)
        if token is None:
            raise CamwatchError(f"no account or token {what!r}: see `camwatch accounts list`")
        owner, gone = token
        revoked = f"token {gone.id} of {owner.name} revoked"
        left = tuple(one for one in owner.tokens if one is not gone)
        return now.replace(owner.model_copy(update={"tokens": left}))

    _change(file, without)
    typer.echo(f"{revoked}.")
    if not _accounts(file).accounts:
        typer.echo("No accounts left: all logins fail, and camwatch will not start without one.", err=True)


def prompt_password() -> str:
    """Prompt for a password, twice."""
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt="Repeat password"))


def _add(config: Path | None, request: AccountRequest, read_password: Callable[[], str] | None) -> None:
    """Add or change an account, or add a token to one."""
    settings, inventory = load_config(config)
    file = _file(settings)
    _check(request, inventory.operators.keys())
    _check_against(request, _accounts(file).find(request.name))
    token = hashing.new_token() if request.token else None
    tokens = () if token is None else (_stored(token, request.days),)
    password = _hash_of(read_password().rstrip("\r\n"), request.name) if read_password is not None else None
    _change(file, lambda now: now.replace(_account(now.find(request.name), request, password, tokens)))
    if token is not None:
        typer.echo(f"Token of {request.name}; it is not shown again:\n\n{token}\n")
    else:
        typer.echo(f"{request.name} {'changed' if request.change else 'added'}.")


def _check(request: AccountRequest, operators: Collection[str]) -> None:
    """Raise UsageError if the request is invalid, whatever accounts exist."""
    try:
        account_store.account_name(request.name)
    except ValueError as error:
        raise UsageError(f"the name {error}") from None
    if request.wall_screen and request.role not in {None, Role.VIEWER}:
        raise UsageError("--wall-screen needs the role viewer: such sessions never expire")
    if request.days is not None and not request.token:
        raise UsageError("--days applies to tokens: add --token")
    for operator in request.operators or ():
        if operator not in operators:
            known = ", ".join(sorted(operators))
            raise UsageError(f"operator {operator!r} is not in the inventory: use one of {known}")


def _check_against(request: AccountRequest, old: Account | None) -> None:
    if old is not None and request.wall_screen and (request.role or old.role) is not Role.VIEWER:
        raise UsageError(f"--wall-screen needs the role viewer: {old.name!r} is {old.role}")
    if old is None and request.change:
        raise UsageError(f"account {request.name!r} does not exist: omit --change to add it")
    if old is None and request.role is None:
        raise UsageError("a new account needs a role: --role viewer, editor or admin")
    if old is None or request.change:
        return
    if not request.token:
        raise UsageError(f"account {old.name!r} exists: use --change to change it, --token to add a token")
    if request.role or request.operators or request.wall_screen:
        raise UsageError("role and operators apply to the account, not to a token: change them with --change")


def _account(
    old: Account | None, request: AccountRequest, password: str | None, tokens: tuple[StoredToken, ...]
) -> Account:
    operators = tuple(dict.fromkeys(request.operators)) if request.operators else None
    old = old or Account(name=request.name, role=request.role or Role.VIEWER)
    role = request.role or old.role
    return Account(
        name=old.name,
        role=role,
        operators=operators or old.operators,
        password=None if request.no_password else password or old.password,
        tokens=(*old.tokens, *tokens),
        wall_screen=role is Role.VIEWER and (request.wall_screen or old.wall_screen),
    )


def _stored(token: hashing.Token, days: int | None) -> StoredToken:
    now = datetime.now(UTC).replace(microsecond=0)
    ends = now + timedelta(days=days) if days is not None else None
    return StoredToken(id=token.id, hash=hashing.hash_secret(token.secret), created=now, expires=ends)


def _hash_of(password: str, name: str) -> str:
    if problem := hashing.password_problem(password, name):
        raise UsageError(f"the password {problem}")
    return hashing.hash_secret(password)


def _file(settings: Settings) -> Path:
    file = settings.access.accounts_file
    if file is None:
        raise UsageError("the accounts file is not set: set accounts_file in [access], like 'accounts.toml'")
    return file


def _accounts(file: Path) -> Accounts:
    """Return the accounts; none if the file does not exist yet."""
    return account_store.load(file) if file.exists() else Accounts()


def _change(file: Path, changed: Callable[[Accounts], Accounts]) -> None:
    try:
        with account_store.locked(file):
            account_store.write(changed(_accounts(file)), file)
    except OSError as error:
        raise CamwatchError(f"{file} cannot be written: {error.strerror or error}") from error


def _login(account: Account) -> str:
    ways = ["password"] if account.password is not None else []
    if account.tokens:
        ways.append(count(len(account.tokens), "token"))
    return ", ".join(ways) or "proxy"


def _day(value: datetime | None, zone: ZoneInfo) -> str:
    return f"{value.astimezone(zone):%Y-%m-%d}" if value is not None else "never"
