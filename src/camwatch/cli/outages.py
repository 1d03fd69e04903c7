"""`camwatch outages`: list outages, show one, attribute a cause to one.

The commands work on a store that the daemon uses meanwhile; it applies new corrections within seconds.
"""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from camwatch.accounting.records import VOIDED_REASON, AttributedCause, Attribution, OutageRecord
from camwatch.cli.common import ConfigFile
from camwatch.cli.formatting import (
    WIDTH,
    format_datetime,
    format_duration,
    format_minute,
    table_text,
    truncate,
    wrap,
)
from camwatch.cli.open_store import (
    DATES,
    AuthorName,
    OpenStore,
    ReasonText,
    author,
    now_ms,
    open_store,
    rolled_up_note,
)
from camwatch.errors import CorrectionError
from camwatch.history.dialects import read_transaction
from camwatch.history.metadata import read_metadata
from camwatch.history.outage_list import OutageWithCamera, outages

app = typer.Typer(help="List outages, show one, say what caused it.", no_args_is_help=True)

_DAY_MS = 86_400_000

_Id = Annotated[str | None, typer.Option(metavar="ID")]
_Number = Annotated[int, typer.Argument(metavar="ID", help="As `outages list` shows it.")]


@app.command("list", epilog=DATES)
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
    with open_store(config) as opened:
        since, until = _interval(opened, start, end)
        with read_transaction(opened.engine) as connection:
            found = outages(
                connection,
                from_ms=since,
                to_ms=until,
                operators=None if operator is None else (operator,),
                camera=camera,
                site=site,
                still_open=still_open,
                unattributed=unattributed,
            )
            folded = rolled_up_note(connection, since)
        stretch = f"from {format_minute(since, opened.zone)} to {format_minute(until, opened.zone)}"
        typer.echo(
            f"{len(found) or 'No'} outage{'' if len(found) == 1 else 's'} {stretch}{':' if found else '.'}"
        )
        if found:
            rows = [_outage_row(listed, opened.zone) for listed in found]
            for line in table_text(("ID", "CAMERA", "FROM", "TO", "DOWN", "CAUSE"), rows, squeezed=1):
                typer.echo(line)
        typer.echo(folded, nl=bool(folded))


def _interval(opened: OpenStore, start: str | None, end: str | None) -> tuple[int, int]:
    with read_transaction(opened.engine) as connection:
        watermark_ms = read_metadata(connection).watermark_ms
    now = now_ms()
    until = opened.parse_time("--to", end, max(now, watermark_ms + 1))  # the record may be ahead of the clock
    since = opened.parse_time("--from", start, (now if end is None else until) - 30 * _DAY_MS)
    if until <= since:
        raise CorrectionError("--to is not later than --from: give a later one")
    return since, until


def _outage_row(listed: OutageWithCamera, zone: ZoneInfo) -> tuple[str, ...]:
    outage = listed.outage
    start = format_minute(outage.at_ms, zone)
    end = "open" if outage.end_ms is None else format_minute(outage.end_ms, zone)
    if end[:10] == start[:10]:
        end = end[11:]
    down = "voided" if outage.voided else format_duration(listed.account.down)
    return str(outage.id), listed.camera.id, start, end, down, _cause(outage)


def _cause(outage: OutageRecord) -> str:
    """Return the cause that people gave; in brackets what was seen, where nobody gave one."""
    said = outage.attribution
    return f"({outage.cause})" if said is None else _attributed(said, "excl.")


def _attributed(said: Attribution, excluded: str) -> str:
    return f"{said.cause}, {excluded}" if said.excluded else str(said.cause)


@app.command("show")
def show_outage(number: _Number, config: ConfigFile = None) -> None:
    """Show one outage and all that people said of it."""
    with open_store(config) as opened:
        listed = _outage(opened, number)
        outage, zone = listed.outage, opened.zone
        typer.echo(f"Outage {outage.id}")
        for word, text in _facts(listed, zone).items():
            typer.echo(f"  {word:<12} {text}")
        typer.echo("  attributed" if outage.attributions else "  attributed   by nobody yet")
        for said in outage.attributions:
            typer.echo(f"    {format_minute(said.created_ms, zone)}  {_attributed(said, 'excluded')}")
            typer.echo(wrap(f"{said.author}: {said.reason}", 6))


def _facts(listed: OutageWithCamera, zone: ZoneInfo) -> dict[str, str]:
    camera, outage, account = listed.camera, listed.outage, listed.account
    # Unknown and maintenance time inside an outage is not down (S7).
    other = (("unknown", account.unknown), ("maintenance", account.maintenance))
    return {
        "camera": camera.id,
        "name": truncate(camera.name, WIDTH - 15),
        "operator": camera.operator,
        "site": camera.site,
        "from": format_datetime(outage.at_ms, zone),
        "to": "not over" if outage.end_ms is None else format_datetime(outage.end_ms, zone),
        **_bounds(outage, zone),
        "detected": format_datetime(outage.detected_ms, zone),
        "seen": outage.cause,
        "down": format_duration(account.down),
        **{word: format_duration(time_ms) for word, time_ms in other if time_ms},
    }


def _bounds(outage: OutageRecord, zone: ZoneInfo) -> dict[str, str]:
    """Return between which instants an outage began and ended, where not exact; and if it is voided."""
    lines = {
        name: f"between {format_datetime(bounds.start, zone)} and\n{'':15}{format_datetime(bounds.end, zone)}"
        for name, bounds in (("began", outage.at_bounds), ("ended", outage.end_bounds))
        if bounds is not None
    }
    return lines | ({"voided": VOIDED_REASON} if outage.voided else {})


def _outage(opened: OpenStore, number: int) -> OutageWithCamera:
    with read_transaction(opened.engine) as connection:
        found = outages(connection, public=number)
        folded = rolled_up_note(connection, 0)
    if not found:
        raise CorrectionError(
            f"there is no outage {number}: `camwatch outages list` shows them. {folded}".rstrip()
        )
    return found[0]


@app.command("attribute")
def attribute_outage(
    number: _Number,
    cause: Annotated[AttributedCause, typer.Option("--cause", help="What caused it.")],
    reason: ReasonText,
    excluded: Annotated[
        bool | None,
        typer.Option(
            "--exclude/--include",
            help="Leave it out of contractual availability, or not (without: as it is).",
        ),
    ] = None,
    name: AuthorName = None,
    config: ConfigFile = None,
) -> None:
    """Say what caused an outage, and whether it counts by contract; the newest word holds."""
    with open_store(config) as opened:
        listed = _outage(opened, number)
        correction, excluded = opened.corrections.attribute_outage(
            author(name), reason, listed, cause, excluded=excluded
        )
        counts = "does not count" if excluded else "counts"
        typer.echo(
            f"Correction {correction}:\n  outage {number} was caused by {cause}, and {counts} by contract."
        )
