"""`camwatch maintenance`: list maintenance windows, add and cancel them, also past ones."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from camwatch.accounting.records import OPEN_ENDED, MaintenanceRecord
from camwatch.cli.common import ConfigFile
from camwatch.cli.formatting import format_datetime, format_minute, table_text, truncate
from camwatch.cli.open_store import DATES, AuthorName, ReasonText, author, now_ms, open_store
from camwatch.core.model import Scope
from camwatch.history.corrections import load
from camwatch.history.dialects import read_transaction
from camwatch.history.queries import corrected, inventory_maintenance
from camwatch.services.corrections import MaintenanceRequest

app = typer.Typer(help="Add maintenance windows, also past ones; list and cancel them.", no_args_is_help=True)


@app.command("add", epilog=DATES)
def add_window(
    scope: Annotated[Scope, typer.Option("--scope", help="What it covers.")],
    scope_id: Annotated[str, typer.Option("--id", metavar="ID", help="Of the camera, site or operator.")],
    start: Annotated[str, typer.Option("--from", metavar="D", help="Its first instant; may be past.")],
    end: Annotated[str, typer.Option("--to", metavar="D", help="When it is over.")],
    reason: ReasonText,
    name: AuthorName = None,
    config: ConfigFile = None,
) -> None:
    """Add a maintenance window: what lies in it counts as maintenance."""
    with open_store(config) as opened:
        since, until = opened.parse_time("--from", start, 0), opened.parse_time("--to", end, 0)
        request = MaintenanceRequest(scope, scope_id, since, until)
        number = opened.corrections.schedule_maintenance(author(name), reason, request)
        stretch = f"from {format_minute(since, opened.zone)} to {format_minute(until, opened.zone)}"
        typer.echo(f"Maintenance window {number}: {scope} {scope_id}\n  {stretch}.")


@app.command("list")
def list_windows(
    everything: Annotated[bool, typer.Option("--all", help="Also those that are over or cancelled.")] = False,
    config: ConfigFile = None,
) -> None:
    """List the maintenance windows of the inventory and those that people added."""
    with open_store(config) as opened:
        with read_transaction(opened.engine) as connection:
            windows = inventory_maintenance(connection, 0, OPEN_ENDED)
            windows += corrected(connection, load(connection), 0, OPEN_ENDED)
        now = now_ms()
        wanted = [w for w in windows if everything or (w.end_ms > now and not w.cancelled)]
        if not wanted:
            typer.echo(
                "No maintenance window." if everything else "No maintenance window is under way or to come."
            )
            return
        wanted.sort(key=lambda window: (window.start_ms, window.scope_id))
        rows = [_window_row(window, opened.zone) for window in wanted]
        for line in table_text(("ID", "COVERS", "FROM", "TO", "WHY"), rows, squeezed=4):
            typer.echo(line)


def _window_row(window: MaintenanceRecord, zone: ZoneInfo) -> tuple[str, ...]:
    return (
        "-" if window.id is None else str(window.id),
        truncate(f"{window.scope} {window.scope_id}", 24),
        format_minute(window.start_ms, zone),
        "cancelled" if window.cancelled else format_minute(window.end_ms, zone),
        f"{window.author}: {window.reason}" if window.author else window.reason,
    )


@app.command("cancel")
def cancel_window(
    number: Annotated[int, typer.Argument(metavar="ID", help="As `maintenance list` shows it.")],
    reason: ReasonText,
    name: AuthorName = None,
    config: ConfigFile = None,
) -> None:
    """Cancel a window: one to come never was, one under way ends now, a past one no longer counts."""
    with open_store(config) as opened:
        done = opened.corrections.cancel_maintenance(author(name), reason, number)
        what = (
            f"ends at {format_datetime(done.end_ms, opened.zone)}"
            if done.end_ms is not None
            else "is cancelled: it counts no more"
        )
        typer.echo(f"Correction {done.correction}:\n  maintenance window {number} {what}.")
