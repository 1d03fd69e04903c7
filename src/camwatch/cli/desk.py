"""What the commands on the record do: open the store beside the daemon, read or append, and tell."""

from __future__ import annotations

import getpass
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import typer
from sqlalchemy import Connection, Engine

from camwatch.accounting.calendar import Calendar
from camwatch.accounting.records import (
    OPEN_ENDED,
    VOIDED_REASON,
    AttributedCause,
    Attribution,
    MaintenanceRecord,
    OutageRecord,
)
from camwatch.cli.common import FAILED, MISCONFIGURED, exit_with_config_errors, exit_with_error
from camwatch.cli.formatting import (
    WIDTH,
    format_datetime,
    format_duration,
    format_minute,
    table_text,
    truncate,
    wrap,
)
from camwatch.core.model import Scope
from camwatch.errors import CamwatchError, ConfigError, CorrectionError
from camwatch.fleet.fields import FieldError, datetime_ms
from camwatch.history.audit import audit
from camwatch.history.corrections import (
    Correction,
    Maintenance,
    OutageAttribution,
    append,
    load,
    make_cancellation,
    window_of,
)
from camwatch.history.database_errors import translate_errors
from camwatch.history.dialects import read_transaction
from camwatch.history.metadata import read_metadata
from camwatch.history.outage_list import OutageWithCamera, outages
from camwatch.history.public_ids import public_ids
from camwatch.history.queries import corrected, inventory_maintenance
from camwatch.history.store import Store
from camwatch.settings import load_settings

_DAY_MS = 86_400_000
_HASH = re.compile("[0-9a-f]{12,64}")
_PATIENCE_S = 5.0  # how long a command waits for a server


class OpenStore(NamedTuple):
    """A store that is open, its engine, and the zone of times."""

    store: Store
    engine: Engine
    zone: ZoneInfo

    def parse_time(self, flag: str, said: str | None, default: int) -> int:
        """Return the instant that a flag names."""
        if said is None:
            return default
        try:
            return datetime_ms(self.zone, date_alone=True)(said.strip())
        except FieldError as error:
            raise CorrectionError(f"{flag}: {error}") from None


@contextmanager
def open_store(config: Path | None) -> Iterator[OpenStore]:
    """Open the store for one command, and leave with the exit code of what goes wrong."""
    try:
        settings = load_settings(config)
        with (
            Store.open(settings.history, wait_s=_PATIENCE_S, create=False) as store,
            translate_errors(store.engine),
        ):
            yield OpenStore(store, store.engine, settings.fleet.timezone)
    except ConfigError as error:
        exit_with_config_errors(error.problems)
    except CorrectionError as error:
        exit_with_error(MISCONFIGURED, str(error))
    except CamwatchError as error:
        exit_with_error(FAILED, str(error))


def now_ms() -> int:
    """Return what the machine's clock shows, UTC milliseconds."""
    return time.time_ns() // 1_000_000


def who_makes_it(named: str | None) -> str:
    """Return who makes a correction: also behind `sudo` the person, not the account of the daemon."""
    if named is not None:
        return named
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (OSError, KeyError):
        raise CorrectionError("nobody is logged in: say with --author who makes the correction") from None


def list_outages(config: Path | None, start: str | None, end: str | None, **filters: object) -> None:
    """Print the outages of a stretch of time that fit every filter."""
    with open_store(config) as desk:
        with read_transaction(desk.engine) as connection:
            watermark_ms = read_metadata(connection).watermark_ms
        now = now_ms()
        until = desk.parse_time(
            "--to", end, max(now, watermark_ms + 1)
        )  # the record may be ahead of the clock
        since = desk.parse_time("--from", start, (now if end is None else until) - 30 * _DAY_MS)
        if until <= since:
            raise CorrectionError("--to is not later than --from: give a later one")
        with read_transaction(desk.engine) as connection:
            found = outages(connection, from_ms=since, to_ms=until, **filters)  # type: ignore[arg-type]
            folded = _folded_note(connection, since)
        stretch = f"from {format_minute(since, desk.zone)} to {format_minute(until, desk.zone)}"
        typer.echo(
            f"{len(found) or 'No'} outage{'' if len(found) == 1 else 's'} {stretch}{':' if found else '.'}"
        )
        if found:
            rows = [_outage_row(listed, desk.zone) for listed in found]
            for line in table_text(("ID", "CAMERA", "FROM", "TO", "DOWN", "CAUSE"), rows, squeezed=1):
                typer.echo(line)
        typer.echo(folded, nl=bool(folded))


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


def show_outage(config: Path | None, number: int) -> None:
    """Print all about one outage."""
    with open_store(config) as desk:
        listed = _outage(desk, number)
        camera, outage, account = listed.camera, listed.outage, listed.account
        over = None if outage.end_ms is None else format_datetime(outage.end_ms, desk.zone)
        typer.echo(f"Outage {outage.id}")
        lines = {
            "camera": camera.id,
            "name": truncate(camera.name, WIDTH - 15),
            "operator": camera.operator,
            "site": camera.site,
            "from": format_datetime(outage.at_ms, desk.zone),
            "to": over or "not over",
            **_bounds(outage, desk.zone),
            "noticed": format_datetime(outage.detected_ms, desk.zone),
            "seen": outage.cause,
            "down": format_duration(account.down),
        }
        # Blind and maintenance time inside an outage is not down (S7).
        lines |= {
            word: format_duration(time_ms)
            for word, time_ms in (("unknown", account.unknown), ("maintenance", account.maintenance))
            if time_ms
        }
        for word, text in lines.items():
            typer.echo(f"  {word:<12} {text}")
        typer.echo("  attributed" if outage.attributions else "  attributed   by nobody yet")
        for said in outage.attributions:
            typer.echo(f"    {format_minute(said.created_ms, desk.zone)}  {_attributed(said, 'excluded')}")
            typer.echo(wrap(f"{said.author}: {said.reason}", 6))


def _bounds(outage: OutageRecord, zone: ZoneInfo) -> dict[str, str]:
    """Return between which instants an outage began and ended, where not exact; and if it is voided."""
    lines = {
        name: f"between {format_datetime(bounds.start, zone)} and\n{'':15}{format_datetime(bounds.end, zone)}"
        for name, bounds in (("began", outage.at_bounds), ("ended", outage.end_bounds))
        if bounds is not None
    }
    return lines | ({"voided": VOIDED_REASON} if outage.voided else {})


def _outage(desk: OpenStore, number: int) -> OutageWithCamera:
    with read_transaction(desk.engine) as connection:
        found = outages(connection, public=number)
        folded = _folded_note(connection, 0)
    if not found:
        raise CorrectionError(
            f"there is no outage {number}: `camwatch outages list` shows them. {folded}".rstrip()
        )
    return found[0]


def attribute_outage(
    config: Path | None, number: int, cause: AttributedCause, excluded: bool | None, who: str | None, why: str
) -> None:
    """Append what people say of an outage."""
    with open_store(config) as desk:
        before = _outage(desk, number).outage.attribution
        if excluded is None:
            excluded = before is not None and before.excluded
        with read_transaction(desk.engine) as connection:
            outage = public_ids(connection).outage_of(number) or 0
        seq = _append(desk, who, why, OutageAttribution(outage, cause, excluded))
        counts = "does not count" if excluded else "counts"
        typer.echo(f"Correction {seq}:\n  outage {number} was caused by {cause}, and {counts} by contract.")


def add_window(
    config: Path | None, scope: Scope, scope_id: str, start: str, end: str, who: str | None, why: str
) -> None:
    """Append a maintenance window."""
    with open_store(config) as desk:
        window = Maintenance(
            scope, scope_id, desk.parse_time("--from", start, 0), desk.parse_time("--to", end, 0)
        )
        seq = _append(desk, who, why, window)
        stretch = (
            f"from {format_minute(window.start_ms, desk.zone)} to {format_minute(window.end_ms, desk.zone)}"
        )
        typer.echo(f"Maintenance window {seq}: {scope} {scope_id}\n  {stretch}.")


def list_windows(config: Path | None, everything: bool) -> None:
    """Print the maintenance windows that are under way or to come, or all."""
    with open_store(config) as desk:
        with read_transaction(desk.engine) as connection:
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
        rows = [_window_row(window, desk.zone) for window in wanted]
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


def cancel_window(config: Path | None, number: int, who: str | None, why: str) -> None:
    """Append that a window is cancelled."""
    with open_store(config) as desk:
        with read_transaction(desk.engine) as connection:
            window = window_of(connection, number)
        said = make_cancellation(window, now_ms())
        seq = _append(desk, who, why, said)
        if said.from_ms is not None:
            what = f"ends at {format_datetime(said.from_ms, desk.zone)}"
        else:
            what = "is cancelled: it counts no more"
        typer.echo(f"Correction {seq}:\n  maintenance window {number} {what}.")


def _append(desk: OpenStore, who: str | None, why: str, correction: Correction) -> int:
    number = append(desk.engine, who_makes_it(who), why, correction, now_ms())
    with read_transaction(desk.engine) as connection:
        return public_ids(connection).correction(number)


def _folded_note(connection: Connection, since_ms: int) -> str:
    """Return since when outages are kept, if what was asked for reaches further back."""
    known = read_metadata(connection)
    if known.rolled_up_zone is None or since_ms >= known.rolled_up_until_ms:
        return ""
    day = Calendar(known.rolled_up_zone).date_of(known.rolled_up_until_ms)
    return f"Before {day} only daily accounts are kept (history.retention_days)."


def audit_record(config: Path | None, since: str | None) -> None:
    """Print what was checked, and that it adds up or where it does not."""
    with open_store(config) as desk:
        anchor = None if since is None else _anchor(since)
        result = audit(desk.engine, desk.zone, _progress(), anchor)
        checked = result.checked
        typer.echo(
            f"Checked: {checked.cameras} cameras, {checked.transitions} transitions, "
            f"{checked.outages} outages,\n{checked.days} folded days, {checked.corrections} corrections "
            f"(head {result.head[:16]}),\n{checked.seals} seals (head {result.sealed})."
        )
        if result.since is not None and not result.findings:
            typer.echo(f"It goes on from there: {result.since.seals} seals since.")
            typer.echo("".join(f"  correction {made}\n" for made in result.since.corrections), nl=False)
        if not result.findings:
            typer.echo("The ledger adds up.")
            return
        for finding in result.findings:
            when = "" if finding.at_ms is None else f", {format_datetime(finding.at_ms, desk.zone)}"
            typer.echo(f"  {finding.camera or 'the record'}{when}")
            typer.echo(wrap(finding.problem, 4))
        count = len(result.findings)
        exit_with_error(FAILED, f"the ledger does not add up: {count} finding{'' if count == 1 else 's'}")


def _anchor(said: str) -> str:
    """Return the hash of a seal, or its beginning, from a report in JSON or as it is."""
    if _HASH.fullmatch(said):
        return said
    try:
        sealed = json.loads(Path(said).read_bytes())["sealed"]
    except OSError as error:
        raise CorrectionError(f"--since {said}: {error.strerror}: name a report, or a hash") from error
    except (ValueError, LookupError, TypeError):
        sealed = None
    if not isinstance(sealed, str) or not _HASH.fullmatch(sealed):
        raise CorrectionError(f"--since {said} is no report in JSON with a seal: name one, or a hash")
    return sealed


def _progress() -> Callable[[int, int], None]:
    """Return what tells on a terminal how far it is, at most ten times a second."""
    shown = 0.0

    def tell(done: int, of: int) -> None:
        nonlocal shown
        if done == of:
            typer.echo("\r" + " " * 40 + "\r", nl=False, err=True)
        elif time.monotonic() - shown > 0.1:
            shown = time.monotonic()
            typer.echo(f"\raudit: camera {done} of {of}", nl=False, err=True)

    return tell if sys.stderr.isatty() else lambda _done, _of: None
