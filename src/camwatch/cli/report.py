"""`camwatch report`: reads the record, and joins it with the inventory into a report.

Whoever is asked for something that is not there is told what there is instead (exit code 2).
"""

from __future__ import annotations

import difflib
import sys
import time
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NamedTuple, NoReturn
from zoneinfo import ZoneInfo

import typer
from sqlalchemy import Connection, func, select

from camwatch import __version__
from camwatch.cli.common import FAILED, MISCONFIGURED, ConfigFile, checked, fail, guarded
from camwatch.cli.output import write_whole
from camwatch.clock import Clock
from camwatch.core.calendar import Calendar
from camwatch.core.model import Purpose
from camwatch.fleet.inventory import Inventory
from camwatch.history import schema
from camwatch.history.engine import begin_read
from camwatch.history.failures import told
from camwatch.history.reading import read
from camwatch.history.store import Store
from camwatch.reports import as_csv, as_json, as_table
from camwatch.reports.building import build
from camwatch.reports.language import Language
from camwatch.reports.period import Period, last_month, local, month_of
from camwatch.reports.report import Question, Report

_FEW = 12  # that many ids are worth listing in a message


class Format(StrEnum):
    """How a report is written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    HTML = "html"


class Lang(StrEnum):
    """The language of a report."""

    FR = "fr"
    EN = "en"


class _Asked(NamedTuple):
    """What the command line asks for, before anything is known of the store."""

    period: Period
    operator: str | None
    purpose: Purpose | None
    site: str | None
    camera: str | None


class _Known(NamedTuple):
    """Whom the store and the inventory know, and when the record begins (None: there is none)."""

    operators: tuple[str, ...]
    cameras: frozenset[tuple[str, str, str]]  # operator, site, camera
    sites: frozenset[str]
    begins_ms: int | None


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
    form: Annotated[Format, typer.Option("--format", help="How it is written.")] = Format.TABLE,
    lang: Annotated[Lang, typer.Option(help="In which language.")] = Lang.FR,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Where to (without: standard output).")
    ] = None,
) -> None:
    """Tell how available cameras were: figures, outages, blind intervals, maintenance."""
    if everybody and operator is not None:
        fail(MISCONFIGURED, "--all and --operator contradict each other: give one of them")
    settings, inventory = checked(config)
    now_ms = Clock()().utc_ms
    zone = settings.fleet.timezone
    period = _period(month, first, last, last_month(now_ms, zone), local(now_ms, zone).date())
    asked = _Asked(period, operator, purpose, site, camera)

    def work() -> None:
        with Store.open(settings.history, create=False) as store, told(store.engine):
            tell = _Progress()
            with begin_read(store.engine) as connection:
                found = _report(connection, inventory, settings.objectives.purpose, asked, now_ms, tell)
            text = _written(found, form, Language(lang.value, zone))
            tell.done()
        _put(text, output)

    guarded(work)


def _report(
    connection: Connection,
    inventory: Inventory,
    objectives: Mapping[Purpose, float],
    asked: _Asked,
    now_ms: int,
    tell: _Progress,
) -> Report:
    known = _known(connection, inventory, asked.period.zone)
    _check(asked, known)
    period = asked.period
    if known.begins_ms is None:
        fail(MISCONFIGURED, "the store holds no record yet: `camwatch run` keeps it")
    if period.end_ms <= known.begins_ms:
        begins = local(known.begins_ms, period.zone).date()
        fail(MISCONFIGURED, f"there is no record of {_named(period)}: it begins on {begins}")
    tell("reading the record")
    only = None if asked.operator is None else [asked.operator]
    record = read(connection, only, period.start_ms, period.end_ms, camera=asked.camera)
    until_ms, _ = period.reach(record.vouched_ms, now_ms)
    if until_ms <= period.start_ms:
        until = local(until_ms, period.zone)
        fail(MISCONFIGURED, f"{_named(period)} has not begun: the record goes up to {until:%Y-%m-%d %H:%M}")
    question = Question(
        period=period,
        operators=known.operators if asked.operator is None else (asked.operator,),
        total=asked.operator is None,
        purpose=asked.purpose,
        site=asked.site,
        camera=asked.camera,
    )
    return build(
        record,
        inventory,
        question,
        now_ms=now_ms,
        version=__version__,
        objectives=objectives,
        progress=tell.cameras,
    )


def _known(connection: Connection, inventory: Inventory, zone: ZoneInfo) -> _Known:
    rows = connection.execute(
        select(schema.cameras.c.operator, schema.cameras.c.site, schema.cameras.c.id)
    ).all()
    listed = {(row.operator, row.site, row.id) for row in inventory.cameras.values()}
    cameras = frozenset(listed | {(operator, site, camera) for operator, site, camera in rows})
    gone = sorted({operator for operator, _, _ in cameras} - inventory.operators.keys())
    begins = connection.execute(select(func.min(schema.service.c.start_ms))).scalar()
    day = connection.execute(select(func.min(schema.days.c.day))).scalar()
    starts = [] if begins is None else [int(begins)]
    if day is not None:
        starts.append(Calendar(zone).start_of(date.fromisoformat(day)))
    sites = frozenset(site for _, site, _ in cameras) | inventory.sites.keys()
    return _Known((*inventory.operators, *gone), cameras, sites, min(starts, default=None))


def _check(asked: _Asked, known: _Known) -> None:
    """Leave with what there is, if something is asked for that is not."""
    if asked.operator is not None and asked.operator not in known.operators:
        _unknown("operator", asked.operator, known.operators)
    if asked.site is not None and asked.site not in known.sites:
        _unknown("site", asked.site, known.sites)
    mine = [row for row in known.cameras if asked.operator in (None, row[0])]
    if asked.camera is not None and asked.camera not in {camera for _, _, camera in mine}:
        of = "" if asked.operator is None else f" of {asked.operator}"
        _unknown("camera", asked.camera, (camera for _, _, camera in mine), of)


def _unknown(noun: str, given: str, there: Iterable[str], of: str = "") -> NoReturn:
    known = sorted(set(there))
    near = _near(given, known) if len(known) > _FEW else known
    instead = f"there is {', '.join(near)}" if near else "none is alike"
    more = f" (of {len(known)})" if len(known) > len(near) else ""
    fail(MISCONFIGURED, f"{given!r} is no {noun}{of}: {instead}{more}")


def _near(given: str, known: Collection[str]) -> list[str]:
    return difflib.get_close_matches(given, known, 5, 0.4)


def _period(month: str | None, first: str | None, last: str | None, usual: Period, today: date) -> Period:
    """Return the days that are asked for, or leave with exit code 2 and what is wrong."""
    zone = usual.zone
    if month is not None and (first is not None or last is not None):
        fail(MISCONFIGURED, "--month contradicts --from and --to: give a month, or days")
    if month is not None:
        return month_of(_day(f"{month}-01", "--month", "a month like 2026-10"), zone)
    if first is None:
        if last is not None:
            fail(MISCONFIGURED, "--to needs --from, too: the first day")
        return usual
    days = "a day like 2026-10-01"
    begin = _day(first, "--from", days)
    end = max(today, begin) if last is None else _day(last, "--to", days)
    if end < begin:
        fail(MISCONFIGURED, f"--to {end} is before --from {begin}")
    return Period(begin, end, zone)


def _day(text: str, flag: str, wanted: str) -> date:
    """Read a day that is written as ISO has it, with hyphens, of a year that calendars can go on from."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text or not 1970 < day.year < 9000:
        fail(MISCONFIGURED, f"{flag} must be {wanted}")
    return day


def _named(period: Period) -> str:
    if period.month:
        return f"{period.first:%Y-%m}"
    return f"{period.first}" if period.first == period.last else f"{period.first} to {period.last}"


def _written(report: Report, form: Format, language: Language) -> bytes:
    if form is Format.JSON:
        return as_json.write(report).encode()
    if form is Format.HTML:
        from camwatch.reports import as_html  # noqa: PLC0415 - the other forms need no templates

        return as_html.write(report, language).encode()
    write = as_table.write if form is Format.TABLE else as_csv.write
    return write(report, language).encode()


def _put(content: bytes, output: Path | None) -> None:
    if output is None:
        stream = typer.get_binary_stream("stdout")
        stream.write(content)
        stream.flush()
        return
    try:
        write_whole(output, content)
    except OSError as error:
        fail(FAILED, f"--output {output} cannot be written: {error.strerror or error}")


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
