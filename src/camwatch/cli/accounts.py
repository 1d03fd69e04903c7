"""`camwatch accounts`: who may see pages and use the API. A running daemon takes changes over in seconds."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from camwatch.cli.common import (
    FAILED,
    MISCONFIGURED,
    ConfigFile,
    exit_with_config_errors,
    exit_with_error,
    load_config,
)
from camwatch.cli.formatting import table_text
from camwatch.errors import ConfigError
from camwatch.settings import Settings, load_settings
from camwatch.web.auth import accounts as book
from camwatch.web.auth import hashing
from camwatch.web.auth.accounts import Account, Accounts, StoredToken
from camwatch.web.auth.principal import Role

app = typer.Typer(help="Make accounts and API tokens, list and revoke them.", no_args_is_help=True)

_Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the account, as its holder types it.")]


@dataclass(frozen=True, slots=True)
class AccountRequest:
    """What `camwatch accounts add` was asked for."""

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
        typer.Option("--role", help="viewer looks, editor corrects the record, too; admin: today as editor."),
    ] = None,
    operator: Annotated[
        list[str] | None,
        typer.Option(
            "--operator", metavar="ID", help="Whose cameras they see; repeat for more (without: all)."
        ),
    ] = None,
    token: Annotated[
        bool, typer.Option("--token", help="Draw an API token, and print it: it is shown this once only.")
    ] = False,
    days: Annotated[
        int | None,
        typer.Option("--days", min=1, max=3660, help="The token ends after so many (without: never)."),
    ] = None,
    change: Annotated[
        bool,
        typer.Option("--change", help="Change one that is there: role, operators; neither: the password."),
    ] = False,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input, for scripts.")
    ] = False,
    no_password: Annotated[
        bool, typer.Option("--no-password", help="For whom the proxy vouches: no password of camwatch's own.")
    ] = False,
    wall_screen: Annotated[
        bool,
        typer.Option(
            "--wall-screen", help="Of a viewer: its sessions do not end after 30 days, while they are used."
        ),
    ] = False,
) -> None:
    """Make an account, or with --token give one a token; asks for the password."""
    read = sys.stdin.readline if password_stdin else prompt_password
    asks = password_stdin or not (token or no_password or (change and (role or operator or wall_screen)))
    wish = AccountRequest(name, role, operator, token, days, change, no_password, wall_screen)
    _add(config, wish, read if asks else None)


@app.command("list")
def list_accounts(config: ConfigFile = None) -> None:
    """List accounts and tokens; never a password."""
    settings = _settings(config)
    found = _accounts(_file(settings))
    if not found.accounts:
        typer.echo("No accounts. `camwatch accounts add NAME --role admin` makes one.")
        return
    rows = [
        (one.name, one.role.value, ", ".join(one.operators or ("all",)), _proof(one))
        for one in found.accounts
    ]
    for line in table_text(("account", "role", "operators", "comes in by"), rows, 2):
        typer.echo(line)
    zone = settings.fleet.timezone
    tokens = [
        (token.id, account.name, _day(token.created, zone), _day(token.expires, zone))
        for account in found.accounts
        for token in account.tokens
    ]
    if tokens:
        typer.echo()
        for line in table_text(("token", "account", "made", "ends"), tokens, 1):
            typer.echo(line)


@app.command("revoke")
def revoke(
    what: Annotated[str, typer.Argument(metavar="NAME", help="Of an account, or the id of a token.")],
    config: ConfigFile = None,
) -> None:
    """Take an account or a token away; its sessions end within seconds."""
    file = _file(_settings(config))
    told = ""

    def without(now: Accounts) -> Accounts:
        nonlocal told
        account, token = now.find(what), now.with_token(what.removeprefix("cw_"))
        if account is not None:
            count = len(account.tokens)
            told = f"{account.name} is gone" + (f", with {count} token{'s' * (count > 1)}" if count else "")
            return now.without(account.name)
        if token is None:
            exit_with_error(
                FAILED, f"there is no account and no token {what!r}: `camwatch accounts list` shows them"
            )
        owner, gone = token
        told = f"token {gone.id} of {owner.name} is gone"
        left = tuple(one for one in owner.tokens if one is not gone)
        return now.replace(owner.model_copy(update={"tokens": left}))

    _change(file, without)
    typer.echo(f"{told}.")
    if not _accounts(file).accounts:
        typer.echo(
            "No account is left: nobody comes in, and camwatch does not start again without one.", err=True
        )


def prompt_password() -> str:
    """Ask for a password on the terminal, twice."""
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt="Again"))


def _add(config: Path | None, wish: AccountRequest, read_password: Callable[[], str] | None) -> None:
    """Make an account, change one, or give one a token."""
    settings, inventory = load_config(config)
    file = _file(settings)
    _check(wish, inventory.operators.keys())
    _check_against(wish, _accounts(file).find(wish.name))
    token = hashing.new_token() if wish.token else None
    kept = _kept(token, wish.days) if token is not None else None
    password = _hash_of(read_password().rstrip("\r\n"), wish.name) if read_password is not None else None
    _change(file, lambda now: now.replace(_account(now.find(wish.name), wish, password, kept)))
    if token is not None:
        typer.echo(f"The token of {wish.name}. It is shown this once only:\n\n{token}\n")
    else:
        typer.echo(f"{wish.name}: {'changed' if wish.change else 'may come in'}.")


def _check(wish: AccountRequest, operators: Collection[str]) -> None:
    """Leave with exit code 2 where a wish cannot be, whatever accounts there are."""
    try:
        book.account_name(wish.name)
    except ValueError as error:
        exit_with_error(MISCONFIGURED, f"the name {error}")
    if wish.wall_screen and wish.role not in {None, Role.VIEWER}:
        exit_with_error(
            MISCONFIGURED, "--wall-screen is for the role viewer: a session that never ends changes nothing"
        )
    if wish.days is not None and not wish.token:
        exit_with_error(MISCONFIGURED, "--days is how long a token lasts: add --token")
    for operator in wish.operators or ():
        if operator not in operators:
            known = ", ".join(sorted(operators))
            exit_with_error(
                MISCONFIGURED, f"{operator!r} is no operator of the inventory, which knows {known}"
            )


def _check_against(wish: AccountRequest, old: Account | None) -> None:
    if old is not None and wish.wall_screen and (wish.role or old.role) is not Role.VIEWER:
        exit_with_error(MISCONFIGURED, f"--wall-screen is for viewers: {old.name!r} is {old.role}")
    if old is None and wish.change:
        exit_with_error(MISCONFIGURED, f"there is no account {wish.name!r} to change: leave --change away")
    if old is None and wish.role is None:
        exit_with_error(MISCONFIGURED, "a new account needs a role: --role viewer, editor or admin")
    if old is None or wish.change:
        return
    if not wish.token:
        exit_with_error(
            MISCONFIGURED, f"there is an account {old.name!r}: --change changes it, --token gives it a token"
        )
    if wish.role or wish.operators or wish.wall_screen:
        exit_with_error(
            MISCONFIGURED, "role and operators are the account's, for all its tokens: --change changes them"
        )


def _account(
    old: Account | None, wish: AccountRequest, password: str | None, token: StoredToken | None
) -> Account:
    tokens = (token,) if token is not None else ()
    operators = tuple(dict.fromkeys(wish.operators)) if wish.operators else None
    old = old or Account(name=wish.name, role=wish.role or Role.VIEWER)
    role = wish.role or old.role
    return Account(
        name=old.name,
        role=role,
        operators=operators or old.operators,
        password=None if wish.no_password else password or old.password,
        tokens=(*old.tokens, *tokens),
        wall_screen=role is Role.VIEWER and (wish.wall_screen or old.wall_screen),
    )


def _kept(token: hashing.Token, days: int | None) -> StoredToken:
    now = datetime.now(UTC).replace(microsecond=0)
    ends = now + timedelta(days=days) if days is not None else None
    return StoredToken(id=token.id, hash=hashing.hash_secret(token.secret), created=now, expires=ends)


def _hash_of(password: str, name: str) -> str:
    if problem := hashing.password_problem(password, name):
        exit_with_error(MISCONFIGURED, f"the password {problem}")
    return hashing.hash_secret(password)


def _settings(config: Path | None) -> Settings:
    try:
        return load_settings(config)
    except ConfigError as error:
        exit_with_config_errors(error.problems)


def _file(settings: Settings) -> Path:
    file = settings.access.accounts_file
    if file is None:
        exit_with_error(
            MISCONFIGURED, "no file for the accounts: set accounts_file in [access], like 'accounts.toml'"
        )
    return file


def _accounts(file: Path) -> Accounts:
    """Return the accounts; none where there is no file yet."""
    if not file.exists():
        return Accounts()
    try:
        return book.load(file)
    except ConfigError as error:
        exit_with_config_errors(error.problems)


def _change(file: Path, changed: Callable[[Accounts], Accounts]) -> None:
    try:
        with book.locked(file):
            book.write(changed(_accounts(file)), file)
    except OSError as error:
        exit_with_error(FAILED, f"{file} cannot be written: {error.strerror or error}")


def _proof(account: Account) -> str:
    count = len(account.tokens)
    proofs = ["password"] if account.password is not None else []
    if count:
        proofs.append(f"{count} token{'s' * (count > 1)}")
    return ", ".join(proofs) or "proxy"


def _day(value: datetime | None, zone: ZoneInfo) -> str:
    return f"{value.astimezone(zone):%Y-%m-%d}" if value is not None else "never"
