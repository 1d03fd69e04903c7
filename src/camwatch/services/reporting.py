"""From a question to a report: reads the record, and joins it with the inventory.

Whoever asks for something that is not there is told what there is instead (QuestionError).
"""

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
from camwatch.i18n import ReportFormat
from camwatch.reports.builder import Progress, build
from camwatch.reports.formatting import Language
from camwatch.reports.model import Report, ReportScope
from camwatch.reports.period import Period, local
from camwatch.reports.renderers import csv_table, json_document, text_table

_FEW = 12  # that many ids are worth listing in a message


class ReportRequest(NamedTuple):
    """What is asked for, before anything is known of the store. `operators` None: all."""

    period: Period
    operators: tuple[str, ...] | None
    purpose: Purpose | None = None
    site: str | None = None
    camera: str | None = None


class _Known(NamedTuple):
    """Whom the store and the inventory know, and when the record begins (None: there is none)."""

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
    """Return the report that answers what is asked.

    Several operators have a total, too. Raises QuestionError where there is nothing to report on.
    """
    known = _known(connection, inventory, asked.period.zone)
    _check(asked, known)
    period = asked.period
    if known.begins_ms is None:
        raise ReportRequestError("the store holds no record yet: `camwatch run` keeps it")
    if period.end_ms <= known.begins_ms:
        # When the whole record begins is nobody's business who may have come later.
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
    """Return a report as it is written."""
    if form is ReportFormat.JSON:
        return json_document.write(report).encode()
    if form is ReportFormat.HTML:
        from camwatch.reports.renderers import html_page  # noqa: PLC0415 - the other forms need no templates

        return html_page.write(report, language).encode()
    write = text_table.write if form is ReportFormat.TABLE else csv_table.write
    return write(report, language).encode()


def period_label(period: Period) -> str:
    """Return a period as people write it."""
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
    """Raise QuestionError with what there is, if something is asked for that is not."""
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
    instead = f"there is {', '.join(near)}" if near else "none is alike"
    more = f" (of {len(known)})" if len(known) > len(near) else ""
    raise ReportRequestError(f"{given!r} is no {noun}{of}: {instead}{more}")


def _close_matches(given: str, known: Collection[str]) -> list[str]:
    return difflib.get_close_matches(given, known, 5, 0.4)
