"""`camwatch maintenance`: list, add and cancel maintenance windows, past ones included."""

from __future__ import annotations

from typing import Annotated

import typer

from camwatch.accounting.records import OPEN_ENDED
from camwatch.cli.common import ConfigFile
from camwatch.cli.open_store import DATES, AuthorName, ReasonText, author, open_store
from camwatch.cli.terminal import format_datetime, format_minute, show, table
from camwatch.clock import wall_ms
from camwatch.core.model import Scope
from camwatch.history.corrections import load
from camwatch.history.queries import corrected, inventory_maintenance
from camwatch.services.corrections import MaintenanceRequest

app = typer.Typer(help="List, add and cancel maintenance windows, past ones included.", no_args_is_help=True)


@app.command("add", epilog=DATES)
def add_window(
    scope: Annotated[Scope, typer.Option("--scope", help="What it covers.")],
    scope_id: Annotated[str, typer.Option("--id", metavar="ID", help="Id of the camera, site or operator.")],
    start: Annotated[str, typer.Option("--from", metavar="D", help="Start; may be past.")],
    end: Annotated[str, typer.Option("--to", metavar="D", help="End.")],
    reason: ReasonText,
    name: AuthorName = None,
    config: ConfigFile = None,
) -> None:
    """Add a maintenance window; time inside it counts as maintenance."""
    with open_store(config) as opened:
        since, until = opened.parse_time("--from", start, 0), opened.parse_time("--to", end, 0)
        request = MaintenanceRequest(scope, scope_id, since, until)
        number = opened.corrections.schedule_maintenance(author(name), reason, request)
        show(f"Maintenance window {number}: {scope} {scope_id}")
        show(f"  from {format_minute(since, opened.zone)} to {format_minute(until, opened.zone)}.")


@app.command("list")
def list_windows(
    everything: Annotated[bool, typer.Option("--all", help="Include past and cancelled ones.")] = False,
    config: ConfigFile = None,
) -> None:
    """List maintenance windows: those of the inventory and those added by people."""
    with open_store(config) as opened:
        with opened.read() as connection:
            windows = inventory_maintenance(connection, 0, OPEN_ENDED)
            windows += corrected(connection, load(connection), 0, OPEN_ENDED)
        now, zone = wall_ms(), opened.zone
        wanted = [w for w in windows if everything or (w.end_ms > now and not w.cancelled)]
        if not wanted:
            typer.echo(
                "No maintenance windows." if everything else "No current or future maintenance windows."
            )
            return
        rows = table("ID", "COVERS", "FROM", "TO", "REASON", wrapped="REASON")
        rows.columns[1].no_wrap = False
        for window in sorted(wanted, key=lambda window: (window.start_ms, window.scope_id)):
            rows.add_row(
                "-" if window.id is None else str(window.id),
                f"{window.scope} {window.scope_id}",
                format_minute(window.start_ms, zone),
                "cancelled" if window.cancelled else format_minute(window.end_ms, zone),
                f"{window.author}: {window.reason}" if window.author else window.reason,
            )
        show(rows)


@app.command("cancel")
def cancel_window(
    number: Annotated[int, typer.Argument(metavar="ID", help="As shown by `maintenance list`.")],
    reason: ReasonText,
    name: AuthorName = None,
    config: ConfigFile = None,
) -> None:
    """Cancel a window: a current one ends now; a future or past one does not count."""
    with open_store(config) as opened:
        done = opened.corrections.cancel_maintenance(author(name), reason, number)
        what = (
            "is cancelled" if done.end_ms is None else f"ends at {format_datetime(done.end_ms, opened.zone)}"
        )
        typer.echo(f"Correction {done.correction}:\n  maintenance window {number} {what}.")
