"""`camwatch outages` and `camwatch maintenance`: what people find out afterwards, told to the record.

They work on a store that the daemon uses meanwhile; it takes new corrections over by itself.
"""

from __future__ import annotations

from typing import Annotated

import typer

from camwatch.accounting.records import AttributedCause
from camwatch.cli import desk
from camwatch.cli.common import ConfigFile
from camwatch.core.model import Scope

outages = typer.Typer(help="List outages, show one, say what caused it.", no_args_is_help=True)
maintenance = typer.Typer(
    help="Add maintenance windows, also past ones; list and cancel them.", no_args_is_help=True
)

_Who = Annotated[
    str | None, typer.Option("--author", metavar="NAME", help="Who says so (without: the login name).")
]
_Why = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; reports print it.")]
_Id = Annotated[str | None, typer.Option(metavar="ID")]
_DATES = "Dates are like 2026-10-01 or 2026-10-01T14:30, local time unless an offset is given."


@outages.command("list", epilog=_DATES)
def list_outages(
    config: ConfigFile = None,
    operator: _Id = None,
    camera: _Id = None,
    site: _Id = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="D", help="Without: 30 days before --to.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="D", help="Without: now.")] = None,
    still_open: Annotated[bool, typer.Option("--open", help="Only those that are not over.")] = False,
    unattributed: Annotated[
        bool, typer.Option("--unattributed", help="Only those whose cause nobody gave yet.")
    ] = False,
) -> None:
    """List the outages of a stretch of time, oldest first."""
    desk.list_outages(
        config,
        start,
        end,
        operators=None if operator is None else (operator,),
        camera=camera,
        site=site,
        still_open=still_open,
        unattributed=unattributed,
    )


@outages.command("show")
def show_outage(
    number: Annotated[int, typer.Argument(metavar="ID", help="As `outages list` shows it.")],
    config: ConfigFile = None,
) -> None:
    """Show one outage and all that people said of it."""
    desk.show_outage(config, number)


@outages.command("attribute")
def attribute_outage(
    number: Annotated[int, typer.Argument(metavar="ID", help="As `outages list` shows it.")],
    cause: Annotated[AttributedCause, typer.Option("--cause", help="What caused it.")],
    why: _Why,
    excluded: Annotated[
        bool | None,
        typer.Option(
            "--exclude/--include",
            help="Leave it out of contractual availability, or not (without: as it is).",
        ),
    ] = None,
    who: _Who = None,
    config: ConfigFile = None,
) -> None:
    """Say what caused an outage, and whether it counts by contract; the newest word holds."""
    desk.attribute_outage(config, number, cause, excluded, who, why)


@maintenance.command("add", epilog=_DATES)
def add_window(
    scope: Annotated[Scope, typer.Option("--scope", help="What it covers.")],
    scope_id: Annotated[str, typer.Option("--id", metavar="ID", help="Of the camera, site or operator.")],
    start: Annotated[str, typer.Option("--from", metavar="D", help="Its first instant; may be past.")],
    end: Annotated[str, typer.Option("--to", metavar="D", help="When it is over.")],
    why: _Why,
    who: _Who = None,
    config: ConfigFile = None,
) -> None:
    """Add a maintenance window: what lies in it counts as maintenance."""
    desk.add_window(config, scope, scope_id, start, end, who, why)


@maintenance.command("list")
def list_windows(
    everything: Annotated[bool, typer.Option("--all", help="Also those that are over or cancelled.")] = False,
    config: ConfigFile = None,
) -> None:
    """List the maintenance windows of the inventory and those that people added."""
    desk.list_windows(config, everything)


@maintenance.command("cancel")
def cancel_window(
    number: Annotated[int, typer.Argument(metavar="ID", help="As `maintenance list` shows it.")],
    why: _Why,
    who: _Who = None,
    config: ConfigFile = None,
) -> None:
    """Cancel a window: one to come never was, one under way ends now, a past one is cancelled."""
    desk.cancel_window(config, number, who, why)
