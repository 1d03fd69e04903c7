"""Status time from the record, by window, day and group (rules A1-A5).

Pure, and slow for a fleet's year: call it in the thread that read the record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from camwatch.accounting.calendar import Calendar
from camwatch.accounting.outage_length import down_ms
from camwatch.accounting.records import CameraHistory, History
from camwatch.accounting.rolling_window import CALENDAR, ROLLING
from camwatch.accounting.timeline import StatusInterval, TimelineOverlays, status_time_between
from camwatch.core.model import Purpose
from camwatch.core.status_time import StatusTime, sum_status_times
from camwatch.fleet.inventory import Inventory
from camwatch.web.views.base import to_datetime
from camwatch.web.views.history import (
    CameraLevel,
    DailyUptimeView,
    ServiceLevelRow,
    ServiceLevels,
    StatusIntervalView,
    StatusTimeView,
)

YEAR_MS = 366 * 86_400_000
"""Length of the record that `windows` needs."""


def windows(record: History, zone: ZoneInfo, now_ms: int) -> dict[str, StatusTimeView]:
    """Return the status time of a record's cameras for each window that ends now."""
    calendar = Calendar(zone)
    starts = {name: now_ms - length for name, length in ROLLING.items()}
    starts |= {name: of(calendar, now_ms).start for name, of in CALENDAR.items()}
    until = min(now_ms, record.watermark_ms)
    overlays = TimelineOverlays(record)
    lives = [overlays.dated(camera, until) for camera in record.cameras]
    return {
        name: StatusTimeView.of(sum_status_times(status_time_between(life, start, until) for life in lives))
        for name, start in starts.items()
    }


def days(record: History, zone: ZoneInfo, first: date, last: date) -> list[DailyUptimeView]:
    """Return the status time of all cameras together, by local day."""
    by_camera = days_by_camera(record, zone, first, last)
    found = []
    for number, day in enumerate(_dates(first, last)):
        lines = [line[number] for line in by_camera.values()]
        account = sum_status_times(line.account for line in lines)
        found.append(_day_view(day, _Day(account, sum(line.outages for line in lines))))
    return found


class _Day(NamedTuple):
    account: StatusTime
    outages: int


def days_by_camera(record: History, zone: ZoneInfo, first: date, last: date) -> dict[str, list[_Day]]:
    """Return, by camera, status time and outages begun of each day."""
    calendar = Calendar(zone)
    edges = [calendar.start_of(day) for day in _dates(first, last + timedelta(days=1))]
    overlays, until = TimelineOverlays(record), min(edges[-1], record.watermark_ms)
    names = [day.isoformat() for day in _dates(first, last)]
    found: dict[str, list[_Day]] = {}
    for camera in record.cameras:
        life = overlays.dated(camera, until)
        began = [outage.at_ms for outage in camera.outages if down_ms(life, outage, until)]
        line = found[camera.id] = []
        for number, name in enumerate(names):
            start, end = edges[number], edges[number + 1]
            folded = camera.days.get(name)
            account = status_time_between(life, max(start, record.rolled_up_until_ms), min(end, until))
            count = sum(max(start, record.rolled_up_until_ms) <= at < end for at in began)
            if folded is not None:
                account, count = sum_status_times((account, folded.status_time)), count + folded.outages
            line.append(_Day(account, count))
    return found


def stretches(record: History, from_ms: int, to_ms: int) -> list[StatusIntervalView]:
    """Return the statuses of the one camera of a record in [from_ms, to_ms)."""
    until = min(to_ms, record.watermark_ms)
    overlays = TimelineOverlays(record)
    return [
        StatusIntervalView(
            status=status, start=to_datetime(max(start, from_ms)), end=to_datetime(min(end, until))
        )
        for camera in record.cameras
        for start, end, status, _ in overlays.intervals(camera, until)
        if end > from_ms and start < until
    ]


class _Line(NamedTuple):
    """One camera in an interval."""

    camera: CameraHistory
    account: StatusTime
    outages: int


def levels(
    record: History, inventory: Inventory, objectives: Mapping[Purpose, float], from_ms: int, to_ms: int
) -> ServiceLevels:
    """Return the service levels of [from_ms, to_ms) by camera, and by group as sums (rule A4)."""
    until = max(from_ms, min(to_ms, record.watermark_ms))
    overlays, known = TimelineOverlays(record), max(from_ms, record.rolled_up_until_ms)
    lines = [_line(overlays, camera, known, until) for camera in record.cameras]
    lines = [line for line in lines if line.account.in_service]
    promised = {row.id: row.objective for row in inventory.operators.values()}
    names = {row.id: row.name for row in inventory.operators.values()}
    places = {row.id: row.name for row in inventory.sites.values()}
    return ServiceLevels(
        start=to_datetime(from_ms),
        end=to_datetime(to_ms),
        data_until=to_datetime(until),
        raw_data_from=to_datetime(record.rolled_up_until_ms) if record.rolled_up_until_ms > from_ms else None,
        total=StatusTimeView.of(sum_status_times(line.account for line in lines)),
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


def merge_daily_rollups(record: History, zone: ZoneInfo, from_ms: int, to_ms: int) -> History:
    """Keep only the daily roll-ups that are wholly in [from_ms, to_ms)."""
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


def _line(overlays: TimelineOverlays, camera: CameraHistory, known: int, until: int) -> _Line:
    life: list[StatusInterval] = overlays.dated(camera, until)
    account = status_time_between(life, known, until)
    count = sum(
        known <= outage.at_ms < until and down_ms(life, outage, until) > 0 for outage in camera.outages
    )
    if camera.days:
        account = sum_status_times((account, *(day.status_time for day in camera.days.values())))
        count += sum(day.outages for day in camera.days.values())
    return _Line(camera, account, count)


def _camera(line: _Line) -> CameraLevel:
    camera = line.camera
    return CameraLevel(
        id=camera.id,
        name=camera.name,
        cameras=1,
        account=StatusTimeView.of(line.account),
        outages=line.outages,
        operator=camera.operator,
        site=camera.site,
        purpose=camera.purpose,
    )


def _groups(
    lines: Iterable[_Line],
    key: Callable[[CameraHistory], str],
    names: Mapping[str, str],
    objectives: Mapping[str, float | None],
) -> list[ServiceLevelRow]:
    grouped: dict[str, list[_Line]] = {}
    for line in lines:
        grouped.setdefault(key(line.camera), []).append(line)
    return [
        ServiceLevelRow(
            id=group,
            name=names.get(group, group),
            cameras=len(members),
            account=StatusTimeView.of(sum_status_times(line.account for line in members)),
            objective=objectives.get(group),
            outages=sum(line.outages for line in members),
        )
        for group, members in sorted(grouped.items())
    ]


def _day_view(day: date, line: _Day) -> DailyUptimeView:
    return DailyUptimeView(day=day, account=StatusTimeView.of(line.account), outages=line.outages)


def _dates(first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)
