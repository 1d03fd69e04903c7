"""`camwatch report`: what the command line asks for, and where the report goes.

Whoever is asked for something that is not there is told what there is instead (exit code 2).
"""

from __future__ import annotations

import sys
import time
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from camwatch.atomic_file import write_atomically
from camwatch.cli.common import FAILED, MISCONFIGURED, ConfigFile, exit_with_error, handle_errors, load_config
from camwatch.clock import Clock
from camwatch.core.model import Purpose
from camwatch.history.database_errors import translate_errors
from camwatch.history.dialects import read_transaction
from camwatch.history.store import Store
from camwatch.i18n import Lang, ReportFormat
from camwatch.reports.formatting import Language
from camwatch.reports.period import Period, last_month, local, month_of
from camwatch.services.reporting import ReportRequest, create_report, render


def report_command(  # noqa: PLR0913, PLR0917 - each is a flag of the command
    config: ConfigFile = None,
    operator: Annotated[str | None, typer.Option(metavar="ID", help="Only this operator.")] = None,
    everybody: Annotated[
        bool, typer.Option("--all", help="All operators, each its own section, and a total (the default).")
    ] = False,
    month: Annotated[
        str | None, typer.Option(metavar="YYYY-MM", help="A month (without: the last that is over).")
    ] = None,
    first: Annotated[str | None, typer.Option("--from", metavar="YYYY-MM-DD", help="The first day.")] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="YYYY-MM-DD", help="The last day (without: today).")
    ] = None,
    purpose: Annotated[Purpose | None, typer.Option(help="Only cameras of this purpose.")] = None,
    site: Annotated[str | None, typer.Option(metavar="ID", help="Only cameras of this site.")] = None,
    camera: Annotated[str | None, typer.Option(metavar="ID", help="Only this camera.")] = None,
    form: Annotated[ReportFormat, typer.Option("--format", help="How it is written.")] = ReportFormat.TABLE,
    lang: Annotated[Lang, typer.Option(help="In which language.")] = "fr",
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Where to (without: standard output).")
    ] = None,
) -> None:
    """Tell how available cameras were: figures, outages, blind intervals, maintenance."""
    if everybody and operator is not None:
        exit_with_error(MISCONFIGURED, "--all and --operator contradict each other: give one of them")
    settings, inventory = load_config(config)
    now_ms = Clock()().utc_ms
    zone = settings.fleet.timezone
    period = _period(month, first, last, last_month(now_ms, zone), local(now_ms, zone).date())
    only = None if operator is None else (operator,)
    asked = ReportRequest(period, only, purpose, site, camera)

    def work() -> None:
        with Store.open(settings.history, create=False) as store, translate_errors(store.engine):
            tell = _Progress()
            with read_transaction(store.engine) as connection:
                tell("reading the record")
                found = create_report(
                    connection, inventory, settings.objectives.purpose, asked, now_ms, tell.cameras
                )
            text = render(found, form, Language(lang, zone))
            tell.done()
        _put(text, output)

    handle_errors(work)


def _period(month: str | None, first: str | None, last: str | None, usual: Period, today: date) -> Period:
    """Return the days that are asked for, or leave with exit code 2 and what is wrong."""
    zone = usual.zone
    if month is not None and (first is not None or last is not None):
        exit_with_error(MISCONFIGURED, "--month contradicts --from and --to: give a month, or days")
    if month is not None:
        return month_of(_day(f"{month}-01", "--month", "a month like 2026-10"), zone)
    if first is None:
        if last is not None:
            exit_with_error(MISCONFIGURED, "--to needs --from, too: the first day")
        return usual
    days = "a day like 2026-10-01"
    begin = _day(first, "--from", days)
    end = max(today, begin) if last is None else _day(last, "--to", days)
    if end < begin:
        exit_with_error(MISCONFIGURED, f"--to {end} is before --from {begin}")
    return Period(begin, end, zone)


def _day(text: str, flag: str, wanted: str) -> date:
    """Read a day that is written as ISO has it, with hyphens, of a year that calendars can go on from."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text or not 1970 < day.year < 9000:
        exit_with_error(MISCONFIGURED, f"{flag} must be {wanted}")
    return day


def _put(content: bytes, output: Path | None) -> None:
    if output is None:
        stream = typer.get_binary_stream("stdout")
        stream.write(content)
        stream.flush()
        return
    try:
        write_atomically(output, content)
    except OSError as error:
        exit_with_error(FAILED, f"--output {output} cannot be written: {error.strerror or error}")


class _Progress:
    """Tells on a terminal what takes long; silent elsewhere, and about what is quick."""

    _QUIET_S = 0.5
    _EVERY_S = 0.1

    def __init__(self) -> None:
        self._next = time.monotonic() + self._QUIET_S
        self._shown = False

    def __call__(self, what: str) -> None:
        """Tell what is being done."""
        if sys.stderr.isatty() and time.monotonic() >= self._next:
            self._next = time.monotonic() + self._EVERY_S
            self._shown = True
            typer.echo(f"\r\x1b[K{what} …", err=True, nl=False)

    def cameras(self, done: int, of: int) -> None:
        """Tell how many cameras' figures are there."""
        self(f"figures of {done} cameras of {of}")

    def done(self) -> None:
        """Take back what was told."""
        if self._shown:
            typer.echo("\r\x1b[K", err=True, nl=False)
