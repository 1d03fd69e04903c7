"""`camwatch history`: what is done to the record as a whole."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from camwatch.cli.common import ConfigFile
from camwatch.cli.formatting import format_datetime, format_duration
from camwatch.cli.open_store import AuthorName, author, now_ms, open_store
from camwatch.history.dialects import read_transaction
from camwatch.history.public_ids import public_ids
from camwatch.history.rebase import Plan, plan, rebase

app = typer.Typer(help="Put the record right as a whole.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Put the record right as a whole."""


@app.command("rebase")
def rebase_command(
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is kept with the change.")],
    name: AuthorName = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be moved.")] = False,
    config: ConfigFile = None,
) -> None:
    """Move what is dated in the future to where it belongs: the clock was ahead. Stop camwatch first."""
    with open_store(config) as opened:
        if dry_run:
            with read_transaction(opened.engine) as connection:
                made = plan(connection, now_ms())
        else:
            opened.store.acquire_lock()
            number, made = rebase(opened.store, author(name).name, reason, now_ms())
        for line in _lines(made, opened.zone, "would be moved" if dry_run else "were moved"):
            typer.echo(line)
        if not dry_run:
            with read_transaction(opened.engine) as connection:
                named = public_ids(connection).correction(number)
            typer.echo(f"Correction {named}. The rows as they were are kept in the store.")


def _lines(made: Plan, zone: ZoneInfo, what: str) -> list[str]:
    lines = [f"{made.rows} rows {what}; the record ends {format_datetime(made.end_ms, zone)},"]
    lines.append(f"not {format_datetime(made.ended_ms, zone)}:")
    lines += [
        f"  after {format_datetime(piece.after_ms, zone)}: back by {format_duration(piece.by_ms)}"
        for piece in made.pieces
    ]
    return lines
