"""Creates reports from the record and the inventory, and renders them."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import NamedTuple, NoReturn
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, select

from camwatch import __version__
from camwatch.accounting.calendar import Calendar
from camwatch.core.model import Purpose
from camwatch.errors import ReportRequestError
from camwatch.fleet.inventory import Inventory
from camwatch.history import schema
from camwatch.history.correction_scope import concerning
from camwatch.history.corrections import GENESIS
from camwatch.history.metadata import secret
from camwatch.history.public_ids import anchor, mark
from camwatch.history.queries import read
from camwatch.history.sealing import newest
from camwatch.i18n import Language
from camwatch.reports.builder import Progress, build
from camwatch.reports.model import Report, ReportScope
from camwatch.reports.period import Period, local
from camwatch.reports.renderers import csv_table, json_document
from camwatch.reports.report_format import ReportFormat

_FEW = 12  # a message lists at most this many ids


class ReportRequest(NamedTuple):
    """A request for a report, not yet validated. `operators` None: all."""

    period: Period
    operators: tuple[str, ...] | None
    purpose: Purpose | None = None
    site: str | None = None
    camera: str | None = None


class _Known(NamedTuple):
    """The ids in the store and the inventory, and the start of the record (None: it is empty)."""

    operators: tuple[str, ...]
    cameras: frozenset[tuple[str, str, str]]  # operator, site, camera
    sites: frozenset[str]
    begins_ms: int | None


def create_report(
    connection: Connection,
    inventory: Inventory,
    objectives: Mapping[Purpose, float],
    asked: ReportRequest,
    now_ms: int,
    progress: Progress = lambda _done, _of: None,
) -> Report:
    """Return the requested report; for several operators it includes a total.

    Raises ReportRequestError if there is nothing to report on.
    """
    known = _known(connection, inventory, asked.period.zone)
    _check(asked, known)
    period = asked.period
    if known.begins_ms is None:
        raise ReportRequestError("the store holds no record yet: `camwatch run` keeps it")
    if period.end_ms <= known.begins_ms:
        # An operator must not learn when the record of others began.
        begins = f": it begins on {local(known.begins_ms, period.zone).date()}"
        raise ReportRequestError(
            f"there is no record of {period_label(period)}{begins if asked.operators is None else ''}"
        )
    record = read(connection, asked.operators, period.start_ms, period.end_ms, camera=asked.camera)
    until_ms, _ = period.completeness(record.watermark_ms, now_ms)
    if until_ms <= period.start_ms:
        until = local(until_ms, period.zone)
        raise ReportRequestError(
            f"{period_label(period)} has not begun: the record goes up to {until:%Y-%m-%d %H:%M}"
        )
    operators = known.operators if asked.operators is None else asked.operators
    question = ReportScope(
        period=period,
        operators=operators,
        total=asked.operators is None or len(operators) > 1,
        purpose=asked.purpose,
        site=asked.site,
        camera=asked.camera,
    )
    report = build(
        record,
        inventory,
        question,
        now_ms=now_ms,
        version=__version__,
        objectives=objectives,
        progress=progress,
    )
    report.sealed = newest(connection).hash
    if asked.operators is not None:
        mine = concerning(connection, asked.operators)
        head = mine[-1].hash if mine else GENESIS
        report.corrections, report.chain_head = len(mine), ""
        whose = secret(connection), asked.operators, period.first, period.last
        report.anchor = anchor(*whose, head)
        report.sealed = mark(*whose, record.watermark_ms, report.sealed)
    return report


def render(report: Report, form: ReportFormat, language: Language) -> bytes:
    """Return a report in a format."""
    if form is ReportFormat.JSON:
        return json_document.write(report).encode()
    if form is ReportFormat.CSV:
        return csv_table.write(report, language).encode()
    if form is ReportFormat.HTML:
        from camwatch.reports.renderers import html_page  # noqa: PLC0415 - only HTML needs templates

        return html_page.write(report, language).encode()
    from camwatch.reports.renderers import text_table  # noqa: PLC0415 - the daemon starts without rich

    return text_table.write(report, language).encode()


def period_label(period: Period) -> str:
    """Return a period for users: a month, a day, or `first to last`."""
    if period.month:
        return f"{period.first:%Y-%m}"
    return f"{period.first}" if period.first == period.last else f"{period.first} to {period.last}"


def _known(connection: Connection, inventory: Inventory, zone: ZoneInfo) -> _Known:
    rows = connection.execute(
        select(schema.cameras.c.operator, schema.cameras.c.site, schema.cameras.c.id)
    ).all()
    listed = {(row.operator, row.site, row.id) for row in inventory.cameras.values()}
    cameras = frozenset(listed | {(operator, site, camera) for operator, site, camera in rows})
    gone = sorted({operator for operator, _, _ in cameras} - inventory.operators.keys())
    begins = connection.execute(select(func.min(schema.service_periods.c.start_ms))).scalar()
    day = connection.execute(select(func.min(schema.daily_rollups.c.day))).scalar()
    starts = [] if begins is None else [int(begins)]
    if day is not None:
        starts.append(Calendar(zone).start_of(date.fromisoformat(day)))
    stood = connection.execute(select(schema.placements.c.site).distinct()).scalars()
    sites = frozenset(site for _, site, _ in cameras) | inventory.sites.keys() | frozenset(stood)
    return _Known((*inventory.operators, *gone), cameras, sites, min(starts, default=None))


def _check(asked: ReportRequest, known: _Known) -> None:
    """Raise ReportRequestError, which lists the known ids, for an unknown id."""
    for operator in asked.operators or ():
        if operator not in known.operators:
            _unknown("operator", operator, known.operators)
    if asked.site is not None and asked.site not in known.sites:
        _unknown("site", asked.site, known.sites)
    mine = [row for row in known.cameras if asked.operators is None or row[0] in asked.operators]
    if asked.camera is not None and asked.camera not in {camera for _, _, camera in mine}:
        of = "" if asked.operators is None else f" of {', '.join(asked.operators)}"
        _unknown("camera", asked.camera, (camera for _, _, camera in mine), of)


def _unknown(noun: str, given: str, there: Iterable[str], of: str = "") -> NoReturn:
    known = sorted(set(there))
    near = _close_matches(given, known) if len(known) > _FEW else known
    instead = f"there is {', '.join(near)}" if near else "there is no similar one"
    more = f" (of {len(known)})" if len(known) > len(near) else ""
    raise ReportRequestError(f"{given!r} is not a known {noun}{of}: {instead}{more}")


def _close_matches(given: str, known: Collection[str]) -> list[str]:
    return difflib.get_close_matches(given, known, 5, 0.4)
