"""Builders of records: one camera to the millisecond, and a made-up month of the reference fleet.

Nothing here calls the code under test: a timeline is painted stretch by stretch and cut into changes.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from camwatch.accounting.records import (
    OPEN_ENDED,
    AttributedCause,
    Attribution,
    CameraHistory,
    DailyRollup,
    GapRecord,
    History,
    MaintenanceRecord,
    OutageRecord,
    StatusChange,
)
from camwatch.core.model import Camera, Cause, GapCause, Lifecycle, Purpose, Scope, Status
from camwatch.core.status_time import Interval, Proven, StatusTime
from camwatch.fleet.inventory import Inventory, Operator, Site, load_inventory
from camwatch.reports.builder import build
from camwatch.reports.model import Report, ReportScope
from camwatch.reports.period import Period
from tests.support.paths import FLEET

PARIS = ZoneInfo("Europe/Paris")
OCTOBER = Period(date(2026, 10, 1), date(2026, 10, 31), PARIS)
S, MIN, H, DAY = 1000, 60_000, 3_600_000, 86_400_000
HEAD = "9f2c41d07be8a6532e1f0c4b7d98a3615e2b4f70c1d6e98a7b3f5c20d4e6a819"


def utc(text: str) -> int:
    """Return the UTC milliseconds of an ISO instant; one without an offset is in Paris."""
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=PARIS)).timestamp() * 1000)


@dataclass
class Painter:
    """A camera's timeline: each stroke replaces what was there; the last stroke is on top."""

    camera: CameraHistory
    strokes: list[tuple[int, int, Status]] = field(default_factory=list)

    def paint(self, start: int, end: int, status: Status) -> Painter:
        """Let the camera be `status` in [start, end)."""
        self.strokes.append((start, end, status))
        return self

    def outage(
        self,
        number: int,
        start: int,
        end: int | None,
        *said: Attribution,
        cause: Cause = Cause.TIMEOUT,
    ) -> Painter:
        """Let the camera be down, and have an outage of it."""
        self.paint(start, OPEN_ENDED if end is None else end, Status.DOWN)
        self.camera.outages.append(OutageRecord(number, start, end, start + 45 * S, cause, said))
        return self

    def done(self) -> CameraHistory:
        """Cut the timeline into the changes of the record."""
        edges = sorted({edge for start, end, _ in self.strokes for edge in (start, end) if edge < OPEN_ENDED})
        self.camera.changes = []
        for edge in edges:
            status = next(
                (status for start, end, status in reversed(self.strokes) if start <= edge < end), None
            )
            if not self.camera.changes or self.camera.changes[-1].status is not status:
                self.camera.changes.append(StatusChange(edge, status))
        self.camera.outages.sort(key=lambda outage: outage.at_ms)
        return self.camera


def painter(
    camera_id: str = "cam-1",
    operator: str = "ville",
    since: int = OCTOBER.start_ms,
    *,
    site: str = "mairie",
    purpose: Purpose = Purpose.VIDEO_PROTECTION,
    name: str = "",
) -> Painter:
    """Return a camera in service from `since` on, and up."""
    name = name or f"Caméra {camera_id}"
    record = CameraHistory(
        camera_id,
        operator,
        site,
        "Centre-ville",
        purpose,
        name,
        service_periods=[Interval(since, OPEN_ENDED)],
    )
    return Painter(record).paint(since, OPEN_ENDED, Status.UP)


def record_of(*cameras: CameraHistory, watermark_ms: int = 4_000_000_000_000, **rest: object) -> History:
    """Return a record of these cameras."""
    known: dict[str, object] = {
        "gaps": [],
        "maintenance": [],
        "rolled_up_until_ms": 0,
        "corrections": 0,
        "chain_head": "",
    }
    return History(cameras=list(cameras), watermark_ms=watermark_ms, **(known | rest))  # type: ignore[arg-type]


def inventory_of(record: History, *planned: Camera, objective: float | None = 0.99) -> Inventory:
    """Return an inventory that holds a record's cameras, and others."""
    rows = {
        camera.id: Camera(
            camera.id,
            camera.operator,
            camera.site,
            camera.zone,
            camera.name,
            camera.purpose,
            Lifecycle.IN_SERVICE,
        )
        for camera in record.cameras
    } | {camera.id: camera for camera in planned}
    operators = {"ville": Operator("ville", "Ville d’Aix-en-Provence", objective)} | {
        camera.operator: Operator(camera.operator, f"Bailleur {camera.operator}", objective)
        for camera in rows.values()
        if camera.operator != "ville"
    }
    sites = {camera.site: Site(camera.site, f"Site {camera.site}", camera.zone) for camera in rows.values()}
    return Inventory(operators, sites, rows)


def report_of(
    record: History,
    period: Period = OCTOBER,
    *,
    operators: tuple[str, ...] = ("ville",),
    inventory: Inventory | None = None,
    now_ms: int | None = None,
    total: bool = False,
    objectives: Mapping[Purpose, float] = {},
    **narrow: object,
) -> Report:
    """Return the report on some operators of a record."""
    question = ReportScope(period, operators, total, **narrow)  # type: ignore[arg-type]
    return build(
        record,
        inventory or inventory_of(record),
        question,
        now_ms=period.end_ms + DAY if now_ms is None else now_ms,
        version="1.2.3",
        objectives=objectives,
    )


def fleet() -> Inventory:
    """Return the reference inventory."""
    return load_inventory(FLEET, PARIS)


def month(inventory: Inventory, seed: int = 7, *, folded: bool = False) -> History:
    """Return a made-up October 2026 of the reference fleet; all that a report can tell is in it.

    Outages of every kind, a lost link, a restart, a clock that was set, works announced and corrected,
    late proof, attributions. `folded`: of the first nine days there are only sums.
    """
    draw = random.Random(seed)
    cameras = []
    number = 1000
    since = utc("2026-09-01T00:00")
    blind = [
        GapRecord((), ("main",), GapCause.LINK, utc("2026-10-07T02:11:09"), utc("2026-10-07T03:40:12")),
        GapRecord((), ("main",), GapCause.OFFLINE, utc("2026-10-15T22:00:01"), utc("2026-10-15T22:04:44")),
        GapRecord((), ("main",), GapCause.STALL, utc("2026-10-19T04:00:00"), utc("2026-10-19T04:02:30")),
        GapRecord((), ("main",), GapCause.CLOCK_STEP, utc("2026-10-22T11:00:00"), utc("2026-10-22T12:00:00")),
    ]
    for row in inventory.cameras.values():
        if row.lifecycle is not Lifecycle.IN_SERVICE:
            continue
        began = since if draw.random() < 0.97 else utc("2026-10-12T09:30")
        brush = painter(row.id, row.operator, began, site=row.site, purpose=row.purpose, name=row.name)
        for _ in range(draw.choice((0, 0, 1, 1, 2, 3)) if row.id != "sacogiva-x" else 0):
            start = began + draw.randrange(OCTOBER.end_ms - began)
            length = int(draw.lognormvariate(8.2, 1.6) * S)
            number += 1
            end = None if start + length > OCTOBER.end_ms + DAY else start + length
            if brush.camera.outages and not _apart(brush.camera.outages, start, end):
                continue
            brush.outage(number, start, end, *_said(draw, end), cause=draw.choice(list(Cause)))
        for seen in blind[:3]:
            if seen.end_ms is not None:
                brush.paint(seen.start_ms, seen.end_ms, Status.UNKNOWN)
        if row.site == "centre-rotonde":
            brush.paint(utc("2026-10-20T08:00"), utc("2026-10-22T18:00"), Status.MAINTENANCE)
        camera = brush.done()
        camera.zone = row.zone
        if draw.random() < 0.5:
            camera.backfills.append(Proven.of(utc("2026-10-15T22:00:01"), utc("2026-10-15T22:04:44")))
        camera.reboots = [began + draw.randrange(60 * DAY) for _ in range(draw.choice((0, 0, 1)))]
        cameras.append(camera)
    windows = [
        MaintenanceRecord(
            None,
            Scope.SITE,
            "centre-rotonde",
            utc("2026-10-20T08:00"),
            utc("2026-10-22T18:00"),
            "Réfection de la fontaine : alimentation coupée par tranches",
        ),
        MaintenanceRecord(
            14,
            Scope.CAMERA,
            cameras[12].id,
            utc("2026-10-03T06:00"),
            utc("2026-10-04T20:00"),
            "Remplacement du mât, oublié dans l’annonce",
            "Hélène Ménard",
            utc("2026-10-06T10:12"),
        ),
        MaintenanceRecord(
            15,
            Scope.OPERATOR,
            "ville",
            utc("2026-10-28T00:00"),
            utc("2026-10-29T00:00"),
            "Coupure annoncée, finalement reportée",
            "Hélène Ménard",
            utc("2026-10-06T10:20"),
            cancelled=True,
        ),
    ]
    record = record_of(
        *cameras,
        watermark_ms=utc("2026-11-02T08:00"),
        gaps=blind,
        maintenance=windows,
        corrections=37,
        chain_head=HEAD,
    )
    if folded:
        _fold(record, utc("2026-10-10T00:00"))
    return record


def _apart(outages: list[OutageRecord], start: int, end: int | None) -> bool:
    until = OPEN_ENDED if end is None else end
    return all(
        until + H < outage.at_ms or (outage.end_ms is not None and outage.end_ms + H < start)
        for outage in outages
    )


def _said(draw: random.Random, end: int | None) -> tuple[Attribution, ...]:
    if end is None or draw.random() < 0.6:
        return ()
    cause = draw.choice(list(AttributedCause))
    excluded = cause in (AttributedCause.WORKS, AttributedCause.VANDALISM)
    why = {
        AttributedCause.POWER: "Disjoncteur déclenché dans l’armoire",
        AttributedCause.NETWORK: "Fibre coupée, ticket opérateur 48 213",
        AttributedCause.CAMERA: "Bloc optique remplacé",
        AttributedCause.VANDALISM: "Peinture sur le dôme, plainte déposée",
        AttributedCause.WORKS: "Travaux de voirie de la Métropole, hors contrat",
        AttributedCause.OTHER: "Cause non établie",
    }[cause]
    return (Attribution(cause, excluded, "Jean-Noël d’Estève", why, end + DAY),)


def _fold(record: History, rolled_up_until_ms: int) -> None:
    """Fold what lies before an instant into sums of days, as retention does: naively, by the second."""
    day = date(2026, 9, 1)
    record.rolled_up_until_ms = rolled_up_until_ms
    for camera in record.cameras:
        day = date(2026, 9, 1)
        while (start := utc(day.isoformat() + "T00:00")) < rolled_up_until_ms:
            end = utc((day + timedelta(days=1)).isoformat() + "T00:00")
            account = StatusTime()
            for index, change in enumerate(camera.changes):
                until = camera.changes[index + 1].at_ms if index + 1 < len(camera.changes) else OPEN_ENDED
                lasted = min(until, end) - max(change.at_ms, start)
                if lasted > 0 and change.status is not None:
                    account.add(change.status, lasted)
            if account.in_service:
                began = sum(start <= outage.at_ms < end for outage in camera.outages)
                camera.days[day.isoformat()] = DailyRollup(account, 0, began, 0)
            day += timedelta(days=1)
        before = [change for change in camera.changes if change.at_ms < rolled_up_until_ms]
        camera.changes = [
            *before[-1:],
            *(change for change in camera.changes if change.at_ms >= rolled_up_until_ms),
        ]
        camera.outages = [
            outage for outage in camera.outages if outage.end_ms is None or outage.end_ms > rolled_up_until_ms
        ]
        camera.reboots = [at for at in camera.reboots if at >= rolled_up_until_ms]
