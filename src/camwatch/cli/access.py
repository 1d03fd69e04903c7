"""`camwatch access`: who may see pages and use the API. A running daemon takes changes over in seconds."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from camwatch.cli.common import ConfigFile
from camwatch.web.auth.principal import Role

access = typer.Typer(help="Make accounts and API tokens, list and revoke them.", no_args_is_help=True)

_Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the account, as its holder types it.")]


@access.command("add")
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
    from camwatch.cli import gatehouse  # noqa: PLC0415 - other commands are quicker without Argon2

    read = sys.stdin.readline if password_stdin else gatehouse.prompt_password
    asks = password_stdin or not (token or no_password or (change and (role or operator or wall_screen)))
    wish = gatehouse.AccountRequest(name, role, operator, token, days, change, no_password, wall_screen)
    gatehouse.add(config, wish, read if asks else None)


@access.command("list")
def list_accounts(config: ConfigFile = None) -> None:
    """List accounts and tokens; never a password."""
    from camwatch.cli import gatehouse  # noqa: PLC0415 - as above

    gatehouse.list_accounts(config)


@access.command("revoke")
def revoke(
    what: Annotated[str, typer.Argument(metavar="NAME", help="Of an account, or the id of a token.")],
    config: ConfigFile = None,
) -> None:
    """Take an account or a token away; its sessions end within seconds."""
    from camwatch.cli import gatehouse  # noqa: PLC0415 - as above

    gatehouse.revoke(config, what)
