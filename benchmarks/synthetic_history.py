"""A made-up year of a fleet, as a daemon would have recorded it: the same one each time, in order, exact.

Every camera has outages (few of them have most), all were not visible in some nights, some sites had works.
Where one of these begins or ends nothing else does, so what a camera is follows from which of them hold.
"""

from __future__ import annotations

import random
import time
from bisect import bisect_right, insort
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import select

from camwatch.accounting.records import AttributedCause
from camwatch.core.checkpoint_model import EMPTY, CameraCheckpoint, LinkGroupCheckpoint
from camwatch.core.events import (
    Backfill,
    Event,
    MonitoringGap,
    OutageEvent,
    Reboot,
    ServicePeriodEvent,
    Transition,
)
from camwatch.core.model import Camera, Cause, GapCause, Instant, Lifecycle, MaintenanceWindow, Scope, Status
from camwatch.core.status_time import Interval, StatusTime
from camwatch.history import schema
from camwatch.history.corrections import GENESIS, CorrectionKind, Entry, canonical_json, entry_hash
from camwatch.history.dialects import read_transaction, write_transaction
from camwatch.history.write_queue import Batch, InventorySnapshot

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Engine

    from camwatch.fleet.inventory import Inventory
from camwatch.history.sealing import Sealer
from camwatch.history.store import Store

S, HOUR, DAY = 1000, 3_600_000, 86_400_000
YEAR_MS = 365 * DAY
_SEED = 472
_APART = 120 * S  # between any two beginnings and ends that a camera sees
_DETECTED = 35 * S  # from the first missing heartbeat to the deadline
_WORKS = 60
_BATCH = 2000  # events in one transaction, as the daemon's writer takes them
_ATTRIBUTED = 1000


@dataclass(slots=True)
class Year:
    """What happened, in the order in which it was noticed, and what is remembered at the end of it."""

    cameras: tuple[Camera, ...]
    windows: tuple[MaintenanceWindow, ...]
    end_ms: int
    events: list[Event] = field(default_factory=list)
    memories: list[CameraCheckpoint] = field(default_factory=list)
    sights: tuple[LinkGroupCheckpoint, ...] = ()
    transitions: int = 0


class _Outage(NamedTuple):
    begins: int
    ends: int  # beyond the year: not over
    cause: Cause


class _Edge(NamedTuple):
    """From `at` on something holds (`on`) for a camera, or no longer."""

    at: int
    noticed: int
    what: Status
    on: bool
    cause: Cause | None = None


def generate(inventory: Inventory, end_ms: int, transitions: int) -> Year:
    """Return a year that ends at an instant (UTC milliseconds), with so many transitions."""
    draw = random.Random(_SEED)
    year = Year(tuple(inventory.cameras.values()), (), end_ms)
    start_ms = end_ms - YEAR_MS
    dark = list(_nights(draw, start_ms))
    year.windows = tuple(_works(draw, inventory, start_ms, dark))
    serving = [camera for camera in year.cameras if camera.lifecycle is Lifecycle.IN_SERVICE]
    lives = {camera.id: _Life(camera, start_ms, end_ms, dark, year.windows) for camera in serving}
    count = sum(2 + 2 * len(life.dark) + 2 * len(life.works) for life in lives.values())
    weights = [draw.lognormvariate(0, 1) for _ in serving]
    while count < transitions - 1:
        for camera in draw.choices(serving, weights, k=min(1000, (transitions - count) // 2)):
            count += lives[camera.id].strike(draw)
    dated: list[tuple[int, Event]] = [(began.noticed, began.event) for began in _blindness(dark)]
    for life in lives.values():
        dated += life.events(draw)
        year.memories.append(life.memory)
    dated.sort(key=lambda one: one[0])
    year.events = [event for _, event in dated]
    year.sights = (LinkGroupCheckpoint(("main",), tuple(inventory.operators), end_ms, blind=False),)
    year.transitions = sum(isinstance(event, (Transition, ServicePeriodEvent)) for event in year.events)
    return year


def store_year(store: Store, year: Year) -> float:
    """Store a year in batches, and return how many seconds that took."""
    began = time.perf_counter()
    roll = InventorySnapshot(year.cameras, year.windows, year.end_ms - YEAR_MS)
    batches = list(_batches(year))
    batches[0].inventories.append(roll)
    batches[-1].checkpoints, batches[-1].groups = year.memories, year.sights
    batches[-1].watermark_ms = year.end_ms
    for batch in batches:
        store.write(batch)
    return time.perf_counter() - began


def batches_of(year: Year) -> int:
    """Return in how many transactions `store_year` stores it."""
    return -(-len(year.events) // _BATCH)


def attribute(engine: Engine, end_ms: int) -> None:
    """Let people attribute some outages, evenly over the year, and exclude every third from the contract."""
    table = schema.outages.c
    with read_transaction(engine) as connection:
        numbers = list(connection.execute(select(table.id).order_by(table.id)).scalars())
    entries: list[Entry] = []
    previous, causes = GENESIS, list(AttributedCause)
    for seq, number in enumerate(numbers[:: max(1, len(numbers) // _ATTRIBUTED)], 1):
        cause = causes[seq % len(causes)]
        said = canonical_json({"outage": number, "cause": str(cause), "excluded": seq % 3 == 0})
        why = f"Ticket {40_000 + seq}: found on the spot"
        entry = Entry(seq, end_ms - S, "bench", why, str(CorrectionKind.ATTRIBUTION), said, previous, "")
        previous = entry_hash(entry)
        entries.append(entry._replace(hash=previous))
    with write_transaction(engine) as connection:
        sealer = Sealer(connection)
        sealer.put(schema.corrections, Entry._fields, entries)
        sealer.seal(end_ms)


def _batches(year: Year) -> Iterator[Batch]:
    events = iter(year.events)
    number = 0
    while some := list(islice(events, _BATCH)):
        number += 1
        yield Batch(number, year.end_ms - YEAR_MS, events=some)


class _Dark(NamedTuple):
    span: Interval
    cause: GapCause
    filled: bool  # the broker kept the heartbeats


class _Told(NamedTuple):
    noticed: int
    event: Event


def _nights(draw: random.Random, start_ms: int) -> Iterator[_Dark]:
    """Yield a restart per week, and in some weeks a link that was lost for longer."""
    for week in range(1, 52):
        began = start_ms + week * 7 * DAY + draw.randrange(6 * DAY)
        lost = week % 4 == 0
        lasted = draw.randrange(200 * S, 2400 * S) if lost else draw.randrange(150 * S, 300 * S)
        cause = GapCause.LINK if lost else GapCause.OFFLINE
        yield _Dark(Interval(began, began + lasted), cause, week % 3 == 0)


def _blindness(dark: Iterable[_Dark]) -> Iterator[_Told]:
    for (began, ended), cause, _ in dark:
        yield _Told(ended, MonitoringGap(("main",), (), cause, _instant(began), _instant(ended)))


def _works(
    draw: random.Random, inventory: Inventory, start_ms: int, dark: Iterable[_Dark]
) -> Iterator[MaintenanceWindow]:
    sites = sorted(inventory.sites)
    for number in range(_WORKS):
        starts = start_ms + DAY + number * (YEAR_MS - 2 * DAY) // _WORKS
        window = Interval(starts, starts + draw.randrange(1, 8) * HOUR)
        if not any(_overlap(window, seen.span) for seen in dark):
            yield MaintenanceWindow(Scope.SITE, draw.choice(sites), *window, "Works on the power line")


class _Life:
    """One camera's year."""

    def __init__(
        self, camera: Camera, starts: int, ends: int, dark: list[_Dark], windows: Iterable[MaintenanceWindow]
    ) -> None:
        self._camera = camera
        self._starts, self._ends = starts, ends
        self.dark = dark
        self.works = [Interval(w.start_ms, w.end_ms) for w in windows if w.scope_id == camera.site]
        self._dark_ends = [seen.span.end for seen in dark]
        self._outages: list[_Outage] = []

    def strike(self, draw: random.Random) -> int:
        """Let it be down for a while, if that fits in; return how many transitions more that makes."""
        begins = draw.randrange(self._starts + HOUR, self._ends - HOUR)
        lasts = min(max(round(draw.lognormvariate(5.5, 1.5) * S), _APART), 10 * DAY)
        outage = _Outage(begins, begins + lasts, draw.choices(list(Cause), (16, 3, 1))[0])
        index = bisect_right(self._outages, outage)
        near = self._outages[max(0, index - 1) : index + 1]
        if any(_overlap(_span(outage), other) for other in (*map(_span, near), *self.works)):
            return 0
        first = bisect_right(self._dark_ends, begins - _APART)
        for seen in self.dark[first:]:
            if seen.span.start > outage.ends + _APART:
                break
            if seen.span.start < begins + _APART or seen.span.end > outage.ends - _APART:
                return 0  # it would begin or end unseen
        insort(self._outages, outage)
        return 2 if outage.ends <= self._ends else 1

    def events(self, draw: random.Random) -> Iterator[tuple[int, Event]]:
        """Yield all that happened, each with the instant at which it was noticed; sets `memory`."""
        camera, counts = self._camera, Counter[str]()
        account, since, status = StatusTime(), self._starts, Status.UNKNOWN
        entered = _instant(self._starts)
        yield self._starts, ServicePeriodEvent(camera.id, camera.operator, True, entered, status)
        for at, noticed, new, cause in self._statuses(draw):
            account.add(status, at - since)
            where = camera.id, camera.operator, camera.site
            moments = _instant(at), _instant(noticed)
            yield noticed, Transition(*where, status, new, *moments, cause)
            since, status = at, new
        account.add(status, self._ends - since)
        for outage in self._outages:
            yield from self._told_of(outage, draw, counts)
        for seen in self.dark:
            if seen.filled and not self._is_down(seen.span.start):
                fill = Backfill(camera.id, camera.operator, *seen.span)
                yield seen.span.end + 20 * S, fill
        counts["heartbeats"] = account.up // (10 * S)
        self.memory = self._remembered(status, since, account, counts)

    def _told_of(
        self, outage: _Outage, draw: random.Random, counts: Counter[str]
    ) -> Iterator[tuple[int, Event]]:
        camera = self._camera
        where = camera.id, camera.operator, camera.site
        noticed = outage.begins + _DETECTED
        counts["outages"] += 1
        yield (
            noticed,
            OutageEvent(*where, True, _instant(outage.begins), _instant(noticed), outage.cause),
        )
        if outage.ends <= self._ends:
            end = _instant(outage.ends)
            yield outage.ends, OutageEvent(*where, False, end, end, None)
            if draw.random() < 0.3:
                counts["reboots"] += 1
                yield outage.ends, Reboot(camera.id, camera.operator, end)

    def _statuses(self, draw: random.Random) -> Iterator[tuple[int, int, Status, Cause | None]]:
        """Yield the changes of status: when, when noticed, to what, and on which evidence."""
        holds = {Status.UNKNOWN: True, Status.DOWN: False, Status.MAINTENANCE: False}
        status = Status.UNKNOWN
        for edge in sorted(self._edges(draw)):
            holds[edge.what] = edge.on
            new = next((each for each in _PRECEDENCE if holds.get(each)), Status.UP)
            if new is not status:
                status = new
                yield edge.at, edge.noticed, new, edge.cause

    def _edges(self, draw: random.Random) -> Iterator[_Edge]:
        first = self._starts + draw.randrange(10 * S)
        yield _Edge(first, first, Status.UNKNOWN, on=False)
        for (begins, ends), cause, _ in self.dark:
            noticed = ends if cause is GapCause.OFFLINE else begins + 45 * S
            yield _Edge(begins, noticed, Status.UNKNOWN, on=True)
            if self._is_down(begins):
                yield _Edge(ends + 10 * S, ends + 45 * S, Status.UNKNOWN, on=False, cause=Cause.TIMEOUT)
            else:
                seen = ends + draw.randrange(10 * S)
                yield _Edge(seen, seen, Status.UNKNOWN, on=False)
        for begins, ends in self.works:
            yield _Edge(begins, begins, Status.MAINTENANCE, on=True)
            yield _Edge(ends, ends, Status.MAINTENANCE, on=False)
        for begins, ends, seen_by in self._outages:
            yield _Edge(begins, begins + _DETECTED, Status.DOWN, on=True, cause=seen_by)
            if ends <= self._ends:
                yield _Edge(ends, ends, Status.DOWN, on=False)

    def _is_down(self, at: int) -> bool:
        index = bisect_right(self._outages, at, key=lambda outage: outage.begins) - 1
        return index >= 0 and self._outages[index].ends > at

    def _remembered(
        self, status: Status, since: int, account: StatusTime, counts: Counter[str]
    ) -> CameraCheckpoint:
        outage_open = bool(self._outages) and self._outages[-1].ends > self._ends
        return EMPTY._replace(
            camera=self._camera.id,
            operator=self._camera.operator,
            underlying_status=status,
            status=status,
            since_ms=since,
            cause=self._outages[-1].cause if outage_open else None,
            accounted_until_ms=self._ends,
            last_heartbeat_ms=since - 10 * S if outage_open else self._ends,
            outage_open=outage_open,
            up=account.up,
            down=account.down,
            unknown=account.unknown,
            maintenance=account.maintenance,
            heartbeats=counts["heartbeats"],
            outages=counts["outages"],
            reboots=counts["reboots"],
            next_seq=counts["heartbeats"],
        )


_PRECEDENCE = (Status.MAINTENANCE, Status.UNKNOWN, Status.DOWN)


def _instant(utc_ms: int) -> Instant:
    return Instant(utc_ms / 1000, utc_ms)


def _span(outage: _Outage) -> Interval:
    return Interval(outage.begins, outage.ends)


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Return whether two spans overlap, or nearly."""
    return one[0] < other[1] + _APART and other[0] < one[1] + _APART
