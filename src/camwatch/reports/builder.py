"""From the record to a report: every figure in one pass over each camera's time.

The accounts of the days are derived first and everything else is summed from them, so that a chart, a
line and a total cannot disagree (rules A1, A4). What contracts exclude is the down time of outages (A6).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TypeAlias

from camwatch.accounting.calendar import Calendar
from camwatch.accounting.outage_length import down_ms
from camwatch.accounting.records import (
    BlindRecord,
    CameraRecord,
    Change,
    OutageRecord,
    Place,
    Record,
    WindowRecord,
)
from camwatch.accounting.timeline import Overlays, Stretch, account_of
from camwatch.core.model import BlindCause, Camera, Lifecycle, Purpose, Scope, Status
from camwatch.core.status_time import Account
from camwatch.fleet.inventory import Inventory
from camwatch.reports.figures import Figures, add_account
from camwatch.reports.model import (
    BlindLine,
    CameraLine,
    Line,
    OutageLine,
    Question,
    Report,
    Section,
    Total,
    WindowLine,
    worst,
)

Progress: TypeAlias = Callable[[int, int], None]
"""Told how many cameras of how many are done."""


def build(
    record: Record,
    inventory: Inventory,
    question: Question,
    *,
    now_ms: int,
    version: str,
    objectives: Mapping[Purpose, float] = {},
    progress: Progress = lambda _done, _of: None,
) -> Report:
    """Derive the report that answers `question`; the record must hold its period and its operators.

    It must reach back to where the outages began that touch the period, to tell how long they lasted.
    `objectives` are those of purposes; operators' are in the inventory (rule A7).
    """
    until_ms, reach = question.period.reach(record.vouched_ms, now_ms)
    builder = _Builder(record, inventory, objectives, question, until_ms)
    sections = [builder.section(operator, progress) for operator in question.operators]
    if question.narrowed:
        sections = [section for section in sections if section.cameras or section.idle]
    return Report(
        question=question,
        version=version,
        made_ms=now_ms,
        vouched_ms=record.vouched_ms,
        folded_ms=record.folded_ms,
        until_ms=until_ms,
        reach=reach,
        corrections=record.corrections,
        head=record.head,
        days=builder.days,
        sections=sections,
        total=_total(sections) if question.total else None,
    )


class _Builder:
    """What all sections have in common: the edges of the days, and what lies over all cameras."""

    def __init__(
        self,
        record: Record,
        inventory: Inventory,
        objectives: Mapping[Purpose, float],
        question: Question,
        until_ms: int,
    ) -> None:
        period = question.period
        self.record, self.inventory, self.question = record, inventory, question
        self.objectives = objectives
        self.start, self.until = period.start_ms, until_ms
        self.known = max(self.start, record.folded_ms)  # before it there are only days
        count = (period.last - period.first).days + 1
        days = [period.first + timedelta(days=number) for number in range(count)]
        calendar = Calendar(period.zone)
        edges = [calendar.start_of(day) for day in days]
        self.days = days[: max(1, bisect_right(edges, until_ms - 1))]
        self.edges = [*edges[: len(self.days)], max(until_ms, edges[0])]
        self.numbers = {day.isoformat(): number for number, day in enumerate(self.days)}
        self._overlays = Overlays(record)
        self._done = 0

    def section(self, operator: str, progress: Progress) -> Section:
        """Return all about one operator."""
        records = [camera for camera in self.record.cameras if self._wanted(camera, operator)]
        cameras, outages = [], []
        for record in records:
            line, its_outages = self._camera(record)
            self._done += 1
            progress(self._done, len(self.record.cameras))
            if line.figures.account.in_service:
                cameras.append(line)
                outages += its_outages
        outages.sort(key=lambda outage: (outage.at_ms, outage.id))
        found = self.inventory.operators.get(operator)
        whole = Line(
            operator, found.name if found else operator, objective=found.objective if found else None
        )
        for camera in cameras:
            whole.figures.add(camera.figures)
        return Section(
            line=whole,
            purposes=_grouped(cameras, lambda camera: camera.purpose, self._purpose),
            sites=_grouped(cameras, lambda camera: camera.site, self._site),
            cameras=cameras,
            outages=outages,
            blind=list(self._blind(operator)),
            windows=list(self._windows(operator, records)),
            idle=self._idle(operator, {camera.id for camera in cameras}),
        )

    def _wanted(self, camera: CameraRecord | Camera, operator: str) -> bool:
        asked = self.question
        return (
            camera.operator == operator
            and asked.purpose in (None, camera.purpose)
            and asked.site in (None, camera.site)
            and asked.camera in (None, camera.id)
        )

    def _camera(self, record: CameraRecord) -> tuple[CameraLine, list[OutageLine]]:
        figures = Figures(cameras=1)
        stretches = self._stretches(record)
        days = _by_day(stretches, self.edges, self.known)
        for day, folded in record.days.items():
            number = self.numbers.get(day)
            if number is not None:
                add_account(days.setdefault(number, Account()), folded.account)
                figures.excluded += folded.excluded
                figures.outages += folded.outages
                figures.reboots += folded.reboots
        for account in days.values():
            add_account(figures.account, account)
        figures.reboots += sum(self.known <= at < self.until for at in record.reboots)
        outages = []
        for outage in record.outages:
            line = self._outage(record, outage, stretches)
            if line is None:
                continue
            outages.append(line)
            if line.voided:
                continue
            figures.outages += line.at_ms >= self.known
            if line.end_ms is not None:
                figures.ended += 1
                figures.mended += line.duration
            if line.excluded:
                figures.excluded += line.inside
        name, purpose = record.name, record.purpose
        return CameraLine(record.id, record.operator, record.site, purpose, name, figures, days), outages

    def _stretches(self, record: CameraRecord) -> list[Stretch]:
        vouched = self.record.vouched_ms
        if vouched < self.until:
            # Nobody vouches for what came after: it is unknown, whatever the camera was then (rule S6).
            changes = [change for change in record.changes if change.at_ms < vouched]
            record = replace(record, changes=[*changes, Change(vouched, Status.UNKNOWN)])
        return self._overlays.dated(record, self.until)

    def _outage(
        self, record: CameraRecord, outage: OutageRecord, stretches: Sequence[Stretch]
    ) -> OutageLine | None:
        end_ms = outage.end_ms if outage.end_ms is not None and outage.end_ms <= self.until else None
        until = self.until if end_ms is None else end_ms
        if outage.at_ms >= self.until or until <= self.known:
            return None
        duration = down_ms(stretches, outage, self.until)
        if not duration and not outage.voided:
            return None
        return OutageLine(
            outage.id,
            record.id,
            record.name,
            outage.at_ms,
            end_ms,
            outage.cause,
            outage.attribution,
            duration,
            account_of(stretches, max(outage.at_ms, self.known), until).down,
            outage.at_bounds,
            None if end_ms is None else outage.end_bounds,
            outage.voided,
        )

    def _blind(self, operator: str) -> Iterator[BlindLine]:
        intervals = list(self.record.blind)
        if self.record.vouched_ms < self.until:
            intervals.append(BlindRecord((), (), BlindCause.AWAY, self.record.vouched_ms, None))
        for blind in sorted(intervals, key=lambda blind: blind.began_ms):
            # A clock that was set changes everybody's record, whoever was out of sight then.
            everybody = not blind.operators or blind.cause is BlindCause.CLOCK
            start, end = max(blind.began_ms, self.start), blind.ended_ms
            over = end is not None and end <= self.until
            until = end if end is not None and over else self.until
            if (everybody or operator in blind.operators) and start < until:
                # Only a lost link was surely the operator's own; the names of others are nobody's business.
                links = blind.links if blind.cause is BlindCause.LINK else ()
                yield BlindLine(start, until if over else None, until - start, blind.cause, links)

    def _windows(self, operator: str, cameras: Iterable[CameraRecord]) -> Iterator[WindowLine]:
        names, sites = dict[tuple[Scope, str], str](), dict[str, list[Place]]()
        for camera in cameras:
            names[Scope.CAMERA, camera.id] = camera.name
            for place in camera.places:
                names[Scope.SITE, place.site] = self._site_name(place.site)
                sites.setdefault(place.site, []).append(place)
        if names or not self.question.narrowed:
            names[Scope.OPERATOR, operator] = self._operator_name(operator)
        for window in sorted(self.record.windows, key=_beginning):
            name = names.get((window.scope, window.scope_id))
            start, end = max(window.starts_ms, self.start), min(window.ends_ms, self.until)
            there = start < end and (
                window.scope is not Scope.SITE
                or any(
                    place.since_ms < end and place.until_ms > start
                    for place in sites.get(window.scope_id, ())
                )
            )
            if name is not None and there and window.whose.covers(operator):
                yield WindowLine(
                    window.id,
                    window.scope,
                    window.scope_id,
                    name,
                    window.starts_ms,
                    window.ends_ms,
                    window.reason,
                    window.who,
                    window.withdrawn,
                )

    def _idle(self, operator: str, told: set[str]) -> dict[Lifecycle, int]:
        rows = (camera for camera in self.inventory.cameras.values() if self._wanted(camera, operator))
        found = Counter(camera.lifecycle for camera in rows if camera.id not in told)
        return {lifecycle: found[lifecycle] for lifecycle in Lifecycle if lifecycle in found}

    def _purpose(self, camera: CameraLine) -> Line:
        return Line(camera.purpose, camera.purpose, objective=self.objectives.get(camera.purpose))

    def _site(self, camera: CameraLine) -> Line:
        return Line(camera.site, self._site_name(camera.site))

    def _operator_name(self, operator: str) -> str:
        found = self.inventory.operators.get(operator)
        return found.name if found else operator

    def _site_name(self, site: str) -> str:
        found = self.inventory.sites.get(site)
        return found.name if found else site


def _by_day(stretches: Sequence[Stretch], edges: Sequence[int], known: int) -> dict[int, Account]:
    """Cut the stretches at the edges of the days, from `known` on, in one pass."""
    days: dict[int, Account] = {}
    last = len(edges) - 1
    for stretch in stretches:
        start, end = max(stretch.start, known, edges[0]), min(stretch.end, edges[-1])
        if start >= end:
            continue
        number = bisect_right(edges, start) - 1
        while start < end and number < last:
            until = min(end, edges[number + 1])
            account = days.get(number)
            if account is None:
                account = days[number] = Account()
            account.add(stretch.status, until - start, uncertain=stretch.uncertain)
            start, number = until, number + 1
    return days


def _grouped(
    cameras: Iterable[CameraLine], key: Callable[[CameraLine], str], empty: Callable[[CameraLine], Line]
) -> list[Line]:
    """Add cameras up by their key; `empty` makes the line of the first of a group."""
    lines: dict[str, Line] = {}
    for camera in cameras:
        group = key(camera)
        if group not in lines:
            lines[group] = empty(camera)
        lines[group].figures.add(camera.figures)
    return sorted(lines.values(), key=lambda line: line.id)


def _total(sections: Sequence[Section]) -> Total:
    line = Line("", "")
    purposes: dict[str, Line] = {}
    for section in sections:
        line.figures.add(section.line.figures)
        for part in section.purposes:
            empty = Line(part.id, part.name, objective=part.objective)
            purposes.setdefault(part.id, empty).figures.add(part.figures)
    cameras = [camera for section in sections for camera in section.worst]
    return Total(line, sorted(purposes.values(), key=lambda part: part.id), worst(cameras))


def _beginning(window: WindowRecord) -> tuple[int, int, str, str]:
    return window.starts_ms, window.ends_ms, window.scope, window.scope_id
