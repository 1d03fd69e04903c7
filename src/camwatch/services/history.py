"""Queries of the record and reports on it, for the web. All methods block and raise StoreError."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, select

from camwatch.accounting.records import OPEN_ENDED, GapRecord, History, MaintenanceRecord
from camwatch.core.model import Purpose
from camwatch.fleet.inventory import Inventory
from camwatch.history import queries, schema
from camwatch.history.corrections import load
from camwatch.history.database_errors import translate_errors
from camwatch.history.dialects import read_transaction
from camwatch.history.export import export
from camwatch.history.outage_list import OutageWithCamera, load_outages, outage_index, outages
from camwatch.history.placements import places
from camwatch.history.queries import corrected, inventory_maintenance, read
from camwatch.i18n import Language
from camwatch.reports.period import Period
from camwatch.reports.report_format import ReportFormat
from camwatch.services.reporting import ReportRequest, create_report, render


class KnownCamera(NamedTuple):
    """A camera in the record, and its site in [since_ms, until_ms) (rule V7)."""

    id: str
    operator: str
    site: str
    name: str
    since_ms: int = -OPEN_ENDED
    until_ms: int = OPEN_ENDED


class HistoryService:
    """Queries of the history and reports on it. Every method blocks: call it in a thread.

    `inventory` and `now_ms` are called once per request. All methods raise StoreError.
    """

    def __init__(
        self,
        engine: Engine,
        zone: ZoneInfo,
        inventory: Callable[[], Inventory],
        now_ms: Callable[[], int],
        objectives: Mapping[Purpose, float],
    ) -> None:
        self._engine = engine
        self._zone = zone
        self._inventory = inventory
        self._now_ms = now_ms
        self._objectives = objectives

    def read(
        self, operators: Iterable[str] | None, from_ms: int, to_ms: int, *, camera: str | None = None
    ) -> History:
        """Return the record of [from_ms, to_ms), UTC milliseconds, of these operators (None: all)."""
        with self._reading() as connection:
            return read(connection, operators, from_ms, to_ms, camera=camera)

    def outage(self, operators: Iterable[str] | None, number: int) -> OutageWithCamera | None:
        """Return an outage of these operators (None: all) by its public id, or None."""
        with self._reading() as connection:
            return next(iter(outages(connection, operators=operators, public=number)), None)

    def outage_page(
        self,
        operators: Iterable[str] | None,
        *,
        from_ms: int,
        to_ms: int,
        piece: slice,
        camera: str | None = None,
        site: str | None = None,
        still_open: bool = False,
        unattributed: bool = False,
    ) -> tuple[int, Sequence[OutageWithCamera]]:
        """Return the number of outages in [from_ms, to_ms) that match every filter, and a slice of them.

        The newest come first.
        """
        with self._reading() as connection:
            rows = outage_index(
                connection, operators, from_ms, to_ms, camera=camera, site=site, still_open=still_open
            )
            if unattributed:
                said = load(connection).attributions
                rows = [row for row in rows if row.number not in said]
            found = load_outages(connection, rows[::-1][piece])
        return len(rows), found

    def monitoring_gaps(self, from_ms: int, to_ms: int) -> Sequence[GapRecord]:
        """Return the monitoring gaps in [from_ms, to_ms), the oldest first."""
        with self._reading() as connection:
            return queries.monitoring_gaps(connection, from_ms, to_ms)

    def known(self, operators: Iterable[str] | None) -> Sequence[KnownCamera]:
        """Return all cameras of these operators (None: all) in the record, once for each of their sites."""
        table = schema.cameras.c
        chosen = None if operators is None else table.operator.in_(list(operators))
        query = select(table.key, table.id, table.operator, table.name).order_by(table.key)
        if chosen is not None:
            query = query.where(chosen)
        with self._reading() as connection:
            stood = places(connection, chosen)
            return [
                KnownCamera(camera, operator, place.site, name, place.since_ms, place.until_ms)
                for key, camera, operator, name in connection.execute(query)
                for place in stood[key]
            ]

    def maintenance(self, from_ms: int, to_ms: int) -> Sequence[MaintenanceRecord]:
        """Return the maintenance windows in [from_ms, to_ms), of the inventory and of corrections."""
        with self._reading() as connection:
            found = inventory_maintenance(connection, from_ms, to_ms)
            found += corrected(connection, load(connection), from_ms, to_ms)
        return sorted(found, key=lambda window: (window.start_ms, window.scope_id, window.end_ms))

    def report(
        self,
        operators: Iterable[str] | None,
        first: date,
        last: date,
        *,
        form: ReportFormat,
        lang: str,
        purpose: Purpose | None = None,
        site: str | None = None,
    ) -> bytes:
        """Return the report on the days `first` to `last` in a format. Raises ReportRequestError."""
        only = None if operators is None else tuple(operators)
        asked = ReportRequest(Period(first, last, self._zone), only, purpose, site)
        with self._reading() as connection:
            found = create_report(connection, self._inventory(), self._objectives, asked, self._now_ms())
        return render(found, form, Language(lang, self._zone))

    def export(self, operators: Iterable[str] | None, from_ms: int, to_ms: int) -> Iterator[bytes]:
        """Yield the record of [from_ms, to_ms) as JSON lines."""
        with translate_errors(self._engine):
            yield from export(self._engine, from_ms, to_ms, operators)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with translate_errors(self._engine), read_transaction(self._engine) as connection:
            yield connection
