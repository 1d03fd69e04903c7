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
    OPEN_END,
    VOIDED_WHY,
    Attributed,
    Attribution,
    OutageRecord,
    WindowRecord,
)
from camwatch.cli.common import FAILED, MISCONFIGURED, fail, misconfigured
from camwatch.cli.formatting import WIDTH, cut, duration_text, indented, minute_text, moment_text, table_text
from camwatch.core.model import Scope
from camwatch.errors import CamwatchError, ConfigurationError, CorrectionError
from camwatch.fleet.fields import CellError, moment
from camwatch.history.audit import audit
from camwatch.history.corrections import (
    Correction,
    Maintenance,
    OutageAttribution,
    append,
    cancellation,
    project,
    window_of,
)
from camwatch.history.database_errors import told
from camwatch.history.dialects import begin_read
from camwatch.history.metadata import facts
from camwatch.history.outage_list import Listed, outages
from camwatch.history.public_ids import public_ids
from camwatch.history.queries import announced, corrected
from camwatch.history.store import Store
from camwatch.settings import load_settings

_DAY_MS = 86_400_000
_HASH = re.compile("[0-9a-f]{12,64}")
_PATIENCE_S = 5.0  # how long a command waits for a server


class Desk(NamedTuple):
    """A store that is open, its engine, and the zone of times."""

    store: Store
    engine: Engine
    zone: ZoneInfo

    def time(self, flag: str, said: str | None, default: int) -> int:
        """Return the instant that a flag names."""
        if said is None:
            return default
        try:
            return moment(self.zone, date_alone=True)(said.strip())
        except CellError as error:
            raise CorrectionError(f"{flag}: {error}") from None


@contextmanager
def open_desk(config: Path | None) -> Iterator[Desk]:
    """Open the store for one command, and leave with the exit code of what goes wrong."""
    try:
        settings = load_settings(config)
        with Store.open(settings.history, wait_s=_PATIENCE_S, create=False) as store, told(store.engine):
            yield Desk(store, store.engine, settings.fleet.timezone)
    except ConfigurationError as error:
        misconfigured(error.faults)
    except CorrectionError as error:
        fail(MISCONFIGURED, str(error))
    except CamwatchError as error:
        fail(FAILED, str(error))


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
        raise CorrectionError("nobody is logged in: say with --who who makes the correction") from None


def list_outages(config: Path | None, start: str | None, end: str | None, **filters: object) -> None:
    """Print the outages of a stretch of time that fit every filter."""
    with open_desk(config) as desk:
        with begin_read(desk.engine) as connection:
            vouched_ms = facts(connection).vouched_ms
        now = now_ms()
        until = desk.time("--to", end, max(now, vouched_ms + 1))  # the record may be ahead of the clock
        since = desk.time("--from", start, (now if end is None else until) - 30 * _DAY_MS)
        if until <= since:
            raise CorrectionError("--to is not later than --from: give a later one")
        with begin_read(desk.engine) as connection:
            found = outages(connection, from_ms=since, to_ms=until, **filters)  # type: ignore[arg-type]
            folded = _folded_note(connection, since)
        stretch = f"from {minute_text(since, desk.zone)} to {minute_text(until, desk.zone)}"
        typer.echo(
            f"{len(found) or 'No'} outage{'' if len(found) == 1 else 's'} {stretch}{':' if found else '.'}"
        )
        if found:
            rows = [_outage_row(listed, desk.zone) for listed in found]
            for line in table_text(("ID", "CAMERA", "FROM", "TO", "DOWN", "CAUSE"), rows, squeezed=1):
                typer.echo(line)
        typer.echo(folded, nl=bool(folded))


def _outage_row(listed: Listed, zone: ZoneInfo) -> tuple[str, ...]:
    outage = listed.outage
    start = minute_text(outage.at_ms, zone)
    end = "open" if outage.end_ms is None else minute_text(outage.end_ms, zone)
    if end[:10] == start[:10]:
        end = end[11:]
    down = "voided" if outage.voided else duration_text(listed.account.down)
    return str(outage.id), listed.camera.id, start, end, down, _cause(outage)


def _cause(outage: OutageRecord) -> str:
    """Return the cause that people gave; in brackets what was seen, where nobody gave one."""
    said = outage.attribution
    return f"({outage.cause})" if said is None else _attributed(said, "excl.")


def _attributed(said: Attribution, excluded: str) -> str:
    return f"{said.cause}, {excluded}" if said.excluded else str(said.cause)


def show_outage(config: Path | None, number: int) -> None:
    """Print all about one outage."""
    with open_desk(config) as desk:
        listed = _outage(desk, number)
        camera, outage, account = listed.camera, listed.outage, listed.account
        over = None if outage.end_ms is None else moment_text(outage.end_ms, desk.zone)
        typer.echo(f"Outage {outage.id}")
        lines = {
            "camera": camera.id,
            "name": cut(camera.name, WIDTH - 15),
            "operator": camera.operator,
            "site": camera.site,
            "from": moment_text(outage.at_ms, desk.zone),
            "to": over or "not over",
            **_bounds(outage, desk.zone),
            "noticed": moment_text(outage.noticed_ms, desk.zone),
            "seen": outage.cause,
            "down": duration_text(account.down),
        }
        # Blind and maintenance time inside an outage is not down (S7).
        lines |= {
            word: duration_text(time_ms)
            for word, time_ms in (("unknown", account.unknown), ("maintenance", account.maintenance))
            if time_ms
        }
        for word, text in lines.items():
            typer.echo(f"  {word:<12} {text}")
        typer.echo("  attributed" if outage.attributions else "  attributed   by nobody yet")
        for said in outage.attributions:
            typer.echo(f"    {minute_text(said.made_ms, desk.zone)}  {_attributed(said, 'excluded')}")
            typer.echo(indented(f"{said.who}: {said.why}", 6))


def _bounds(outage: OutageRecord, zone: ZoneInfo) -> dict[str, str]:
    """Return between which instants an outage began and ended, where not exact; and if it is voided."""
    lines = {
        name: f"between {moment_text(bounds.starts, zone)} and\n{'':15}{moment_text(bounds.ends, zone)}"
        for name, bounds in (("began", outage.at_bounds), ("ended", outage.end_bounds))
        if bounds is not None
    }
    return lines | ({"voided": VOIDED_WHY} if outage.voided else {})


def _outage(desk: Desk, number: int) -> Listed:
    with begin_read(desk.engine) as connection:
        found = outages(connection, public=number)
        folded = _folded_note(connection, 0)
    if not found:
        raise CorrectionError(
            f"there is no outage {number}: `camwatch outages list` shows them. {folded}".rstrip()
        )
    return found[0]


def attribute_outage(
    config: Path | None, number: int, cause: Attributed, excluded: bool | None, who: str | None, why: str
) -> None:
    """Append what people say of an outage."""
    with open_desk(config) as desk:
        before = _outage(desk, number).outage.attribution
        if excluded is None:
            excluded = before is not None and before.excluded
        with begin_read(desk.engine) as connection:
            outage = public_ids(connection).outage_of(number) or 0
        seq = _append(desk, who, why, OutageAttribution(outage, cause, excluded))
        counts = "does not count" if excluded else "counts"
        typer.echo(f"Correction {seq}:\n  outage {number} was caused by {cause}, and {counts} by contract.")


def add_window(
    config: Path | None, scope: Scope, scope_id: str, start: str, end: str, who: str | None, why: str
) -> None:
    """Append a maintenance window."""
    with open_desk(config) as desk:
        window = Maintenance(scope, scope_id, desk.time("--from", start, 0), desk.time("--to", end, 0))
        seq = _append(desk, who, why, window)
        stretch = (
            f"from {minute_text(window.starts_ms, desk.zone)} to {minute_text(window.ends_ms, desk.zone)}"
        )
        typer.echo(f"Maintenance window {seq}: {scope} {scope_id}\n  {stretch}.")


def list_windows(config: Path | None, everything: bool) -> None:
    """Print the maintenance windows that are under way or to come, or all."""
    with open_desk(config) as desk:
        with begin_read(desk.engine) as connection:
            windows = announced(connection, 0, OPEN_END)
            windows += corrected(connection, project(connection), 0, OPEN_END)
        now = now_ms()
        wanted = [w for w in windows if everything or (w.ends_ms > now and not w.withdrawn)]
        if not wanted:
            typer.echo(
                "No maintenance window." if everything else "No maintenance window is under way or to come."
            )
            return
        wanted.sort(key=lambda window: (window.starts_ms, window.scope_id))
        rows = [_window_row(window, desk.zone) for window in wanted]
        for line in table_text(("ID", "COVERS", "FROM", "TO", "WHY"), rows, squeezed=4):
            typer.echo(line)


def _window_row(window: WindowRecord, zone: ZoneInfo) -> tuple[str, ...]:
    return (
        "-" if window.id is None else str(window.id),
        cut(f"{window.scope} {window.scope_id}", 24),
        minute_text(window.starts_ms, zone),
        "withdrawn" if window.withdrawn else minute_text(window.ends_ms, zone),
        f"{window.who}: {window.reason}" if window.who else window.reason,
    )


def cancel_window(config: Path | None, number: int, who: str | None, why: str) -> None:
    """Append that a window is cancelled."""
    with open_desk(config) as desk:
        with begin_read(desk.engine) as connection:
            window = window_of(connection, number)
        said = cancellation(window, now_ms())
        seq = _append(desk, who, why, said)
        if said.from_ms is not None:
            what = f"ends at {moment_text(said.from_ms, desk.zone)}"
        else:
            what = "is withdrawn: it counts no more"
        typer.echo(f"Correction {seq}:\n  maintenance window {number} {what}.")


def _append(desk: Desk, who: str | None, why: str, correction: Correction) -> int:
    number = append(desk.engine, who_makes_it(who), why, correction, now_ms())
    with begin_read(desk.engine) as connection:
        return public_ids(connection).correction(number)


def _folded_note(connection: Connection, since_ms: int) -> str:
    """Return since when outages are kept, if what was asked for reaches further back."""
    known = facts(connection)
    if known.folded_zone is None or since_ms >= known.folded_ms:
        return ""
    day = Calendar(known.folded_zone).date_of(known.folded_ms)
    return f"Before {day} only daily accounts are kept (history.retention_days)."


def audit_record(config: Path | None, since: str | None) -> None:
    """Print what was checked, and that it adds up or where it does not."""
    with open_desk(config) as desk:
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
            when = "" if finding.at_ms is None else f", {moment_text(finding.at_ms, desk.zone)}"
            typer.echo(f"  {finding.camera or 'the record'}{when}")
            typer.echo(indented(finding.problem, 4))
        count = len(result.findings)
        fail(FAILED, f"the ledger does not add up: {count} finding{'' if count == 1 else 's'}")


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
