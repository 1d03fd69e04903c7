"""Accounts of any time, from the record: of a camera by window and by day, of all by group (rules A1-A5).

Pure, and not quick for a fleet's year: call it in the thread that read the record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from camwatch.accounting.calendar import Calendar
from camwatch.accounting.outage_length import down_ms
from camwatch.accounting.records import CameraRecord, Record
from camwatch.accounting.rolling_window import CALENDAR, ROLLING
from camwatch.accounting.timeline import Overlays, Stretch, account_of
from camwatch.core.model import Purpose
from camwatch.core.status_time import Account, total
from camwatch.fleet.inventory import Inventory
from camwatch.web.views.base import moment
from camwatch.web.views.history import AccountView, CameraLevel, DayView, LevelLine, Levels, StretchView

YEAR_MS = 366 * 86_400_000
"""How far back a record must reach that `windows` is given."""


def windows(record: Record, zone: ZoneInfo, now_ms: int) -> dict[str, AccountView]:
    """Return the account of a record's cameras for each window that ends now, as far as the record goes."""
    calendar = Calendar(zone)
    starts = {name: now_ms - length for name, length in ROLLING.items()}
    starts |= {name: of(calendar, now_ms).starts for name, of in CALENDAR.items()}
    until = min(now_ms, record.vouched_ms)
    overlays = Overlays(record)
    lives = [overlays.dated(camera, until) for camera in record.cameras]
    return {
        name: AccountView.of(total(account_of(life, start, until) for life in lives))
        for name, start in starts.items()
    }


def days(record: Record, zone: ZoneInfo, first: date, last: date) -> list[DayView]:
    """Return the account of all of a record's cameras together, day by local day."""
    by_camera = days_by_camera(record, zone, first, last)
    found = []
    for number, day in enumerate(_dates(first, last)):
        lines = [line[number] for line in by_camera.values()]
        account = total(line.account for line in lines)
        found.append(_day_view(day, _Day(account, sum(line.outages for line in lines))))
    return found


class _Day(NamedTuple):
    account: Account
    outages: int


def days_by_camera(record: Record, zone: ZoneInfo, first: date, last: date) -> dict[str, list[_Day]]:
    """Return, by camera, the account of each day and how many outages began on it."""
    calendar = Calendar(zone)
    edges = [calendar.start_of(day) for day in _dates(first, last + timedelta(days=1))]
    overlays, until = Overlays(record), min(edges[-1], record.vouched_ms)
    names = [day.isoformat() for day in _dates(first, last)]
    found: dict[str, list[_Day]] = {}
    for camera in record.cameras:
        life = overlays.dated(camera, until)
        began = [outage.at_ms for outage in camera.outages if down_ms(life, outage, until)]
        line = found[camera.id] = []
        for number, name in enumerate(names):
            start, end = edges[number], edges[number + 1]
            folded = camera.days.get(name)
            account = account_of(life, max(start, record.folded_ms), min(end, until))
            count = sum(max(start, record.folded_ms) <= at < end for at in began)
            if folded is not None:
                account, count = total((account, folded.account)), count + folded.outages
            line.append(_Day(account, count))
    return found


def stretches(record: Record, from_ms: int, to_ms: int) -> list[StretchView]:
    """Return what the one camera of a record was in [from_ms, to_ms), as far as the record goes."""
    until = min(to_ms, record.vouched_ms)
    overlays = Overlays(record)
    return [
        StretchView(status=status, start=moment(max(start, from_ms)), end=moment(min(end, until)))
        for camera in record.cameras
        for start, end, status in overlays.stretches(camera, until)
        if end > from_ms and start < until
    ]


class _Line(NamedTuple):
    """What an interval holds of one camera."""

    camera: CameraRecord
    account: Account
    outages: int


def levels(
    record: Record, inventory: Inventory, objectives: Mapping[Purpose, float], from_ms: int, to_ms: int
) -> Levels:
    """Return the service levels of [from_ms, to_ms): of each camera, and of each group as their sum (A4)."""
    until = max(from_ms, min(to_ms, record.vouched_ms))
    overlays, known = Overlays(record), max(from_ms, record.folded_ms)
    lines = [_line(overlays, camera, known, until) for camera in record.cameras]
    lines = [line for line in lines if line.account.in_service]
    promised = {row.id: row.objective for row in inventory.operators.values()}
    names = {row.id: row.name for row in inventory.operators.values()}
    places = {row.id: row.name for row in inventory.sites.values()}
    return Levels(
        start=moment(from_ms),
        end=moment(to_ms),
        until=moment(until),
        days_before=moment(record.folded_ms) if record.folded_ms > from_ms else None,
        total=AccountView.of(total(line.account for line in lines)),
        operators=_groups(lines, lambda camera: camera.operator, names, promised),
        sites=_groups(lines, lambda camera: camera.site, places, {}),
        purposes=_groups(
            lines,
            lambda camera: str(camera.purpose),
            {},
            {str(key): value for key, value in objectives.items()},
        ),
        cameras=[_camera(line) for line in lines],
    )


def with_folded_days(record: Record, zone: ZoneInfo, from_ms: int, to_ms: int) -> Record:
    """Return a record whose folded days are only those that lie wholly in [from_ms, to_ms)."""
    calendar = Calendar(zone)
    for camera in record.cameras:
        camera.days = {
            name: day
            for name, day in camera.days.items()
            if _inside(calendar, date.fromisoformat(name), from_ms, to_ms)
        }
    return record


def _inside(calendar: Calendar, day: date, from_ms: int, to_ms: int) -> bool:
    return calendar.start_of(day) >= from_ms and calendar.start_of(day + timedelta(days=1)) <= to_ms


def _line(overlays: Overlays, camera: CameraRecord, known: int, until: int) -> _Line:
    life: list[Stretch] = overlays.dated(camera, until)
    account = account_of(life, known, until)
    count = sum(
        known <= outage.at_ms < until and down_ms(life, outage, until) > 0 for outage in camera.outages
    )
    if camera.days:
        account = total((account, *(day.account for day in camera.days.values())))
        count += sum(day.outages for day in camera.days.values())
    return _Line(camera, account, count)


def _camera(line: _Line) -> CameraLevel:
    camera = line.camera
    return CameraLevel(
        id=camera.id,
        name=camera.name,
        cameras=1,
        account=AccountView.of(line.account),
        outages=line.outages,
        operator=camera.operator,
        site=camera.site,
        purpose=camera.purpose,
    )


def _groups(
    lines: Iterable[_Line],
    key: Callable[[CameraRecord], str],
    names: Mapping[str, str],
    objectives: Mapping[str, float | None],
) -> list[LevelLine]:
    grouped: dict[str, list[_Line]] = {}
    for line in lines:
        grouped.setdefault(key(line.camera), []).append(line)
    return [
        LevelLine(
            id=group,
            name=names.get(group, group),
            cameras=len(members),
            account=AccountView.of(total(line.account for line in members)),
            objective=objectives.get(group),
            outages=sum(line.outages for line in members),
        )
        for group, members in sorted(grouped.items())
    ]


def _day_view(day: date, line: _Day) -> DayView:
    return DayView(day=day, account=AccountView.of(line.account), outages=line.outages)


def _dates(first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)
