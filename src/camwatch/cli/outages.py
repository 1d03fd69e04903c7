"""`camwatch outages`: list outages, show one, attribute a cause to one.

These commands work beside a running daemon, which applies new corrections within seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.table import Table

from camwatch.accounting.records import VOIDED_REASON, AttributedCause, Attribution, OutageRecord
from camwatch.cli.common import ConfigFile
from camwatch.cli.open_store import (
    DATES,
    AuthorName,
    OpenStore,
    ReasonText,
    author,
    open_store,
    rolled_up_note,
)
from camwatch.cli.terminal import (
    count,
    format_datetime,
    format_duration,
    format_minute,
    indented,
    show,
    table,
)
from camwatch.clock import wall_ms
from camwatch.errors import CorrectionError
from camwatch.history.metadata import read_metadata
from camwatch.history.outage_list import OutageWithCamera, outages

app = typer.Typer(help="List outages, show one, attribute its cause.", no_args_is_help=True)

_DAY_MS = 86_400_000

_Id = Annotated[str | None, typer.Option(metavar="ID")]
_Number = Annotated[int, typer.Argument(metavar="ID", help="As shown by `outages list`.")]


@app.command("list", epilog=DATES)
def list_outages(
    config: ConfigFile = None,
    operator: _Id = None,
    camera: _Id = None,
    site: _Id = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="D", help="Default: 30 days before --to.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="D", help="Default: now.")] = None,
    still_open: Annotated[bool, typer.Option("--open", help="Only ongoing ones.")] = False,
    unattributed: Annotated[
        bool, typer.Option("--unattributed", help="Only those without an attributed cause.")
    ] = False,
) -> None:
    """List the outages of a period, oldest first."""
    with open_store(config) as opened:
        since, until = _interval(opened, start, end)
        with opened.read() as connection:
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
            note = rolled_up_note(connection, since)
        zone = opened.zone
        number = count(len(found), "outage") if found else "No outages"
        stop = ":" if found else "."
        show(f"{number} from {format_minute(since, zone)} to {format_minute(until, zone)}{stop}")
        if found:
            rows = table("ID", "CAMERA", "FROM", "TO", "DOWN", "CAUSE", wrapped="CAMERA")
            for listed in found:
                rows.add_row(*_outage_row(listed, zone))
            show(rows)
        if note:
            show(note)


def _interval(opened: OpenStore, start: str | None, end: str | None) -> tuple[int, int]:
    with opened.read() as connection:
        watermark_ms = read_metadata(connection).watermark_ms
    now = wall_ms()
    until = opened.parse_time("--to", end, max(now, watermark_ms + 1))  # the record may be ahead of the clock
    since = opened.parse_time("--from", start, (now if end is None else until) - 30 * _DAY_MS)
    if until <= since:
        raise CorrectionError("--to is not later than --from: give a later --to")
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
    """Return the attributed cause, or in brackets the detected one."""
    given = outage.attribution
    return f"({outage.cause})" if given is None else _attributed(given, "excl.")


def _attributed(given: Attribution, excluded: str) -> str:
    return f"{given.cause}, {excluded}" if given.excluded else str(given.cause)


@app.command("show")
def show_outage(number: _Number, config: ConfigFile = None) -> None:
    """Show one outage and its attributions."""
    with open_store(config) as opened:
        listed = _outage(opened, number)
        outage, zone = listed.outage, opened.zone
        facts = Table.grid(padding=(0, 1, 0, 0))
        facts.add_column(width=12)
        facts.add_column(overflow="fold")
        for name, text in _facts(listed, zone):
            facts.add_row(name, text)
        show(f"Outage {outage.id}")
        show(indented(facts, 2))
        for given in outage.attributions:
            show(f"    {format_minute(given.created_ms, zone)}  {_attributed(given, 'excluded')}")
            show(indented(f"{given.author}: {given.reason}", 6))


def _facts(listed: OutageWithCamera, zone: ZoneInfo) -> Iterator[tuple[str, str]]:
    camera, outage, account = listed.camera, listed.outage, listed.account
    yield "camera", camera.id
    yield "name", camera.name
    yield "operator", camera.operator
    yield "site", camera.site
    yield "from", format_datetime(outage.at_ms, zone)
    yield "to", "ongoing" if outage.end_ms is None else format_datetime(outage.end_ms, zone)
    for name, bounds in (("started", outage.at_bounds), ("ended", outage.end_bounds)):
        if bounds is not None:
            yield name, f"between {format_datetime(bounds.start, zone)}"
            yield "", f"and     {format_datetime(bounds.end, zone)}"
    if outage.voided:
        yield "voided", VOIDED_REASON
    yield "detected", format_datetime(outage.detected_ms, zone)
    yield "cause", f"{outage.cause}"
    yield "down", format_duration(account.down)
    # Unknown and maintenance time inside an outage is not down (S7).
    for name, time_ms in (("unknown", account.unknown), ("maintenance", account.maintenance)):
        if time_ms:
            yield name, format_duration(time_ms)
    yield "attributed", "" if outage.attributions else "not yet"


def _outage(opened: OpenStore, number: int) -> OutageWithCamera:
    with opened.read() as connection:
        found = outages(connection, public=number)
        note = rolled_up_note(connection, 0)
    if not found:
        raise CorrectionError(f"outage {number} does not exist: see `camwatch outages list`. {note}".rstrip())
    return found[0]


@app.command("attribute")
def attribute_outage(
    number: _Number,
    cause: Annotated[AttributedCause, typer.Option("--cause", help="The cause.")],
    reason: ReasonText,
    excluded: Annotated[
        bool | None,
        typer.Option(
            "--exclude/--include",
            help="Exclude it from contractual availability, or include it (default: unchanged).",
        ),
    ] = None,
    name: AuthorName = None,
    config: ConfigFile = None,
) -> None:
    """Attribute a cause to an outage, and exclude it from contractual availability; the newest counts."""
    with open_store(config) as opened:
        listed = _outage(opened, number)
        correction, excluded = opened.corrections.attribute_outage(
            author(name), reason, listed, cause, excluded=excluded
        )
        counts = "excluded from" if excluded else "included in"
        typer.echo(
            f"Correction {correction}:\n  outage {number}: {cause}, {counts} contractual availability."
        )
