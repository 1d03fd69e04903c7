"""`camwatch history`: repair the record as a whole."""

from __future__ import annotations

from typing import Annotated

import typer

from camwatch.cli.common import ConfigFile
from camwatch.cli.open_store import AuthorName, author, open_store
from camwatch.cli.terminal import count, format_datetime, format_duration, show
from camwatch.clock import wall_ms
from camwatch.history.public_ids import public_ids
from camwatch.history.rebase import plan, rebase

app = typer.Typer(help="Repair the record as a whole.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Repair the record as a whole."""


@app.command("rebase")
def rebase_command(
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; it is stored with the change.")
    ],
    name: AuthorName = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be moved.")] = False,
    config: ConfigFile = None,
) -> None:
    """Move the part of the record that a fast clock dated in the future. Stop camwatch first."""
    with open_store(config) as opened:
        zone = opened.zone
        if dry_run:
            with opened.read() as connection:
                made = plan(connection, wall_ms())
        else:
            opened.store.acquire_lock()
            number, made = rebase(opened.store, author(name).name, reason, wall_ms())
        moved = "would be moved" if dry_run else "were moved"
        show(f"{count(made.rows, 'row')} {moved}. End of the record:")
        show(f"  before  {format_datetime(made.ended_ms, zone)}")
        show(f"  after   {format_datetime(made.end_ms, zone)}")
        show("Moved back:")
        for piece in made.pieces:
            show(f"  by {format_duration(piece.by_ms)} after {format_datetime(piece.after_ms, zone)}")
        if not dry_run:
            with opened.read() as connection:
                named = public_ids(connection).correction(number)
            show(f"Correction {named}. The store keeps the original rows.")
