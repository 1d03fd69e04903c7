"""Builds a report from the record, in one pass over each camera's time.

The status time of each day is derived first and everything else is summed from it, so that a chart, a line
and a total cannot disagree (rules A1, A4). Contracts exclude the down time of outages (A6).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from operator import attrgetter
from typing import TypeAlias, TypeVar

from camwatch.accounting.calendar import Calendar
from camwatch.accounting.outage_length import down_ms
from camwatch.accounting.records import (
    CameraHistory,
    GapRecord,
    History,
    OutageRecord,
    Place,
    StatusChange,
)
from camwatch.accounting.timeline import StatusInterval, TimelineOverlays, status_time_between
from camwatch.core.model import Camera, GapCause, Lifecycle, Purpose, Scope, Status
from camwatch.core.status_time import StatusTime, sum_status_times
from camwatch.fleet.inventory import Inventory, Operator, Site
from camwatch.reports.figures import Figures
from camwatch.reports.model import (
    CameraRow,
    FleetSection,
    GapRow,
    GroupRow,
    MaintenanceRow,
    OperatorSection,
    OutageRow,
    Report,
    ReportScope,
    worst_cameras,
)

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the number of cameras that are done, and of all."""
_order = attrgetter("start_ms", "end_ms", "scope", "scope_id")  # of maintenance windows
_Line = TypeVar("_Line", bound=GroupRow)


def build(
    record: History,
    inventory: Inventory,
    question: ReportScope,
    *,
    now_ms: int,
    version: str,
    objectives: Mapping[Purpose, float] = {},
    progress: Progress = lambda _done, _of: None,
) -> Report:
    """Build the report on `question`.

    The record must contain its operators and its period, from the start of the first outage that overlaps
    it. `objectives` are those of purposes; operators' are in the inventory (rule A7).
    """
    until_ms, reach = question.period.completeness(record.watermark_ms, now_ms)
    builder = _Builder(record, inventory, objectives, question, until_ms)
    sections = [builder.section(operator, progress) for operator in question.operators]
    if question.narrowed:
        sections = [section for section in sections if section.cameras or section.inactive]
    return Report(
        question=question,
        version=version,
        created_ms=now_ms,
        watermark_ms=record.watermark_ms,
        rolled_up_until_ms=record.rolled_up_until_ms,
        until_ms=until_ms,
        completeness=reach,
        corrections=record.corrections,
        chain_head=record.chain_head,
        days=builder.days,
        sections=sections,
        total=_total(sections) if question.total else None,
    )


class _Builder:
    """The parts that all sections share: the edges of the days, and the overlays of all cameras."""

    def __init__(
        self,
        record: History,
        inventory: Inventory,
        objectives: Mapping[Purpose, float],
        question: ReportScope,
        until_ms: int,
    ) -> None:
        period = question.period
        self.record, self.inventory, self.question = record, inventory, question
        self.objectives = objectives
        self.start, self.until = period.start_ms, until_ms
        self.known = max(self.start, record.rolled_up_until_ms)  # earlier, only daily sums are kept
        count = (period.last - period.first).days + 1
        days = [period.first + timedelta(days=number) for number in range(count)]
        calendar = Calendar(period.zone)
        edges = [calendar.start_of(day) for day in days]
        self.days = days[: max(1, bisect_right(edges, until_ms - 1))]
        self.edges = [*edges[: len(self.days)], max(until_ms, edges[0])]
        self.numbers = {day.isoformat(): number for number, day in enumerate(self.days)}
        self._overlays = TimelineOverlays(record)
        self._done = 0

    def section(self, operator: str, progress: Progress) -> OperatorSection:
        """Return the section of an operator."""
        records = [camera for camera in self.record.cameras if self._wanted(camera, operator)]
        cameras, outages = [], []
        for record in records:
            line, its_outages = self._camera(record)
            self._done += 1
            progress(self._done, len(self.record.cameras))
            if line.figures.account.in_service:
                cameras.append(line)
                outages += its_outages
        outages.sort(key=lambda row: (row.outage.at_ms, row.outage.id))
        found = self.inventory.operators.get(operator)
        objective = found.objective if found else None
        whole = GroupRow(operator, _name(self.inventory.operators, operator), objective=objective)
        for camera in cameras:
            whole.figures.add(camera.figures)
        return OperatorSection(
            line=whole,
            purposes=_grouped(cameras, self._purpose),
            sites=_grouped(cameras, self._site),
            cameras=cameras,
            outages=outages,
            gaps=list(self._gaps(operator)),
            maintenance=list(self._windows(operator, records)),
            inactive=self._inactive(operator, {camera.id for camera in cameras}),
        )

    def _wanted(self, camera: CameraHistory | Camera, operator: str) -> bool:
        asked = self.question
        return (
            camera.operator == operator
            and asked.purpose in (None, camera.purpose)
            and asked.site in (None, camera.site)
            and asked.camera in (None, camera.id)
        )

    def _camera(self, record: CameraHistory) -> tuple[CameraRow, list[OutageRow]]:
        figures = Figures(cameras=1)
        intervals = self._intervals(record)
        days = _by_day(intervals, self.edges, self.known)
        for day, folded in record.days.items():
            number = self.numbers.get(day)
            if number is not None:
                days[number] = sum_status_times((days.get(number, StatusTime()), folded.status_time))
                figures.excluded += folded.excluded
                figures.outages += folded.outages
                figures.reboots += folded.reboots
        figures.account = sum_status_times(days.values())
        figures.reboots += sum(self.known <= at < self.until for at in record.reboots)
        outages = []
        for outage in record.outages:
            line = self._outage(record, outage, intervals)
            if line is None:
                continue
            outages.append(line)
            if line.outage.voided:
                continue
            figures.outages += line.outage.at_ms >= self.known
            if line.outage.end_ms is not None:
                figures.closed_outages += 1
                figures.total_repair_ms += line.duration
            if line.excluded:
                figures.excluded += line.inside
        row = CameraRow(
            record.id,
            record.name,
            figures,
            operator=record.operator,
            site=record.site,
            purpose=record.purpose,
            days=days,
        )
        return row, outages

    def _intervals(self, record: CameraHistory) -> list[StatusInterval]:
        watermark = self.record.watermark_ms
        if watermark < self.until:
            # Later than the watermark everything is unknown (rule S6).
            changes = [change for change in record.changes if change.at_ms < watermark]
            record = replace(record, changes=[*changes, StatusChange(watermark, Status.UNKNOWN)])
        return self._overlays.dated(record, self.until)

    def _outage(
        self, record: CameraHistory, outage: OutageRecord, intervals: Sequence[StatusInterval]
    ) -> OutageRow | None:
        if outage.end_ms is None or outage.end_ms > self.until:
            outage = replace(outage, end_ms=None, end_bounds=None)
        until = self.until if outage.end_ms is None else outage.end_ms
        if outage.at_ms >= self.until or until <= self.known:
            return None
        duration = down_ms(intervals, outage, self.until)
        if not duration and not outage.voided:
            return None
        inside = status_time_between(intervals, max(outage.at_ms, self.known), until).down
        return OutageRow(outage, record.id, record.name, duration, inside)

    def _gaps(self, operator: str) -> Iterator[GapRow]:
        gaps = list(self.record.gaps)
        if self.record.watermark_ms < self.until:
            gaps.append(GapRecord((), (), GapCause.OFFLINE, self.record.watermark_ms, None))
        for gap in sorted(gaps, key=lambda gap: gap.start_ms):
            # A clock step changes the record of all operators, whichever were not visible then.
            concerns_all = not gap.operators or gap.cause is GapCause.CLOCK_STEP
            start, end = max(gap.start_ms, self.start), gap.end_ms
            over = end is not None and end <= self.until
            until = end if end is not None and over else self.until
            if (concerns_all or operator in gap.operators) and start < until:
                # Only a lost link is certainly the operator's own; other names are not disclosed.
                links = gap.links if gap.cause is GapCause.LINK else ()
                yield GapRow(start, until if over else None, until - start, gap.cause, links)

    def _windows(self, operator: str, cameras: Sequence[CameraHistory]) -> Iterator[MaintenanceRow]:
        names = {(Scope.CAMERA, camera.id): camera.name for camera in cameras}
        sites = defaultdict[str, list[Place]](list)
        for place in (place for camera in cameras for place in camera.places):
            sites[place.site].append(place)
        names |= {(Scope.SITE, site): _name(self.inventory.sites, site) for site in sites}
        if names or not self.question.narrowed:
            names[Scope.OPERATOR, operator] = _name(self.inventory.operators, operator)
        for window in sorted(self.record.maintenance, key=_order):
            name = names.get((window.scope, window.scope_id))
            start, end = max(window.start_ms, self.start), min(window.end_ms, self.until)
            there = start < end and (
                window.scope is not Scope.SITE
                or any(place.since_ms < end and place.until_ms > start for place in sites[window.scope_id])
            )
            if name is not None and there and window.operators.covers(operator):
                yield MaintenanceRow(window, name)

    def _inactive(self, operator: str, listed: set[str]) -> dict[Lifecycle, int]:
        rows = (camera for camera in self.inventory.cameras.values() if self._wanted(camera, operator))
        found = Counter(camera.lifecycle for camera in rows if camera.id not in listed)
        return {lifecycle: found[lifecycle] for lifecycle in Lifecycle if lifecycle in found}

    def _purpose(self, camera: CameraRow) -> GroupRow:
        return GroupRow(camera.purpose, camera.purpose, objective=self.objectives.get(camera.purpose))

    def _site(self, camera: CameraRow) -> GroupRow:
        return GroupRow(camera.site, _name(self.inventory.sites, camera.site))


def _by_day(intervals: Sequence[StatusInterval], edges: Sequence[int], known: int) -> dict[int, StatusTime]:
    """Return the status time of each day, from `known` on, in one pass over the intervals."""
    days = defaultdict[int, StatusTime](StatusTime)
    last = len(edges) - 1
    for interval in intervals:
        start, end = max(interval.start, known, edges[0]), min(interval.end, edges[-1])
        if start >= end:
            continue
        number = bisect_right(edges, start) - 1
        while start < end and number < last:
            until = min(end, edges[number + 1])
            days[number].add(interval.status, until - start, uncertain=interval.uncertain)
            start, number = until, number + 1
    return days


def _grouped(lines: Iterable[_Line], group: Callable[[_Line], GroupRow]) -> list[GroupRow]:
    """Sum lines by group, in the order of the ids; `group` returns the group of a line, still empty."""
    found: dict[str, GroupRow] = {}
    for line in lines:
        empty = group(line)
        found.setdefault(empty.id, empty).figures.add(line.figures)
    return sorted(found.values(), key=lambda row: row.id)


def _total(sections: Sequence[OperatorSection]) -> FleetSection:
    whole = GroupRow("", "")
    for section in sections:
        whole.figures.add(section.line.figures)
    parts = [part for section in sections for part in section.purposes]
    purposes = _grouped(parts, lambda part: replace(part, figures=Figures()))
    cameras = [camera for section in sections for camera in section.worst]
    return FleetSection(whole, purposes, worst_cameras(cameras))


def _name(known: Mapping[str, Operator] | Mapping[str, Site], given: str) -> str:
    return known[given].name if given in known else given
