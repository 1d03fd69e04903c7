"""`camwatch report`: what to report on, and where to write the report."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from camwatch.atomic_file import write_atomically
from camwatch.cli.common import ConfigFile, UsageError, load_config
from camwatch.cli.terminal import progress
from camwatch.clock import wall_ms
from camwatch.core.model import Purpose
from camwatch.dates import parse_day, parse_month
from camwatch.errors import CamwatchError
from camwatch.history.database_errors import translate_errors
from camwatch.history.dialects import read_transaction
from camwatch.history.store import Store
from camwatch.i18n import DEFAULT_LANGUAGE, Language, languages
from camwatch.reports.period import Period, last_month, local, month_of
from camwatch.reports.report_format import ReportFormat
from camwatch.services.reporting import ReportRequest, create_report, render


def _language(lang: str) -> str:
    if lang not in languages():
        raise typer.BadParameter(f"{lang!r} is not one of {', '.join(languages())}")
    return lang


def report_command(  # noqa: PLR0913, PLR0917 - each is a flag of the command
    config: ConfigFile = None,
    operator: Annotated[str | None, typer.Option(metavar="ID", help="Only this operator.")] = None,
    all_operators: Annotated[
        bool, typer.Option("--all", help="All operators, each in its own section, and a total (default).")
    ] = False,
    month: Annotated[
        str | None, typer.Option(metavar="YYYY-MM", help="The month (default: last month).")
    ] = None,
    first: Annotated[str | None, typer.Option("--from", metavar="YYYY-MM-DD", help="The first day.")] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="YYYY-MM-DD", help="The last day (default: today).")
    ] = None,
    purpose: Annotated[Purpose | None, typer.Option(help="Only cameras of this purpose.")] = None,
    site: Annotated[str | None, typer.Option(metavar="ID", help="Only cameras of this site.")] = None,
    camera: Annotated[str | None, typer.Option(metavar="ID", help="Only this camera.")] = None,
    form: Annotated[ReportFormat, typer.Option("--format", help="The format.")] = ReportFormat.TABLE,
    lang: Annotated[
        str, typer.Option(metavar=f"[{'|'.join(languages())}]", callback=_language, help="The language.")
    ] = DEFAULT_LANGUAGE,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", help="Write to this file (default: standard output)."),
    ] = None,
) -> None:
    """Report availability: figures, outages, monitoring gaps, maintenance."""
    if all_operators and operator is not None:
        raise UsageError("--all and --operator contradict each other: give one")
    settings, inventory = load_config(config)
    now_ms = wall_ms()
    zone = settings.fleet.timezone
    period = _period(month, first, last, last_month(now_ms, zone), local(now_ms, zone).date())
    only = None if operator is None else (operator,)
    asked = ReportRequest(period, only, purpose, site, camera)
    with (
        Store.open(settings.history, create=False) as store,
        translate_errors(store.engine),
        progress("Report") as report_progress,
        read_transaction(store.engine) as connection,
    ):
        objectives = settings.objectives.purpose
        found = create_report(connection, inventory, objectives, asked, now_ms, report_progress)
    _put(render(found, form, Language(lang, zone)), output)


def _period(month: str | None, first: str | None, last: str | None, usual: Period, today: date) -> Period:
    """Return the requested period."""
    zone = usual.zone
    if month is not None and (first is not None or last is not None):
        raise UsageError("--month contradicts --from and --to: give a month, or days")
    if month is not None:
        return month_of(_read("--month", month, parse_month), zone)
    if first is None:
        if last is not None:
            raise UsageError("--to needs --from: give the first day")
        return usual
    begin = _read("--from", first, parse_day)
    end = max(today, begin) if last is None else _read("--to", last, parse_day)
    if end < begin:
        raise UsageError(f"--to {end} is before --from {begin}")
    return Period(begin, end, zone)


def _read(flag: str, text: str, parse: Callable[[str], date]) -> date:
    try:
        return parse(text)
    except ValueError as error:
        raise UsageError(f"{flag}: {error}") from None


def _put(content: bytes, output: Path | None) -> None:
    if output is None:
        stream = typer.get_binary_stream("stdout")
        stream.write(content)
        stream.flush()
        return
    try:
        write_atomically(output, content)
    except OSError as error:
        why = error.strerror or error
        raise CamwatchError(f"--output {output} cannot be written: {why}") from error
