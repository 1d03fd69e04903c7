"""What really happened in a month: a script drawn from a seed, in whole UTC milliseconds.

It knows when each camera really sent what, when links were up, when camwatch ran, and when people worked
on cameras. The daemon hears it as it unfolds; then the record is held against it. No judgement here.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field, replace
from datetime import datetime
from operator import attrgetter
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

from camwatch.core.model import Camera, Lifecycle, Purpose, Scope

PARIS = ZoneInfo("Europe/Paris")
MONTH = (
    round(datetime(2026, 10, 1, tzinfo=PARIS).timestamp() * 1000),
    round(datetime(2026, 11, 1, tzinfo=PARIS).timestamp() * 1000),
)
"""October 2026: 31 local days, one of which has 25 hours."""

SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000
HOLD = 10 * SECOND
CHATTER = 25 * SECOND
"""A connected link says something at least that often, and when anything is due."""
CHECKPOINT = 2 * HOUR
LINKS: dict[str, frozenset[str]] = {
    "main": frozenset({"ville", "duo"}),
    "second": frozenset({"habitat", "duo"}),
}


class Sent(NamedTuple):
    """What a camera, or the broker in its name, said at `at`; `word` empty: a heartbeat."""

    camera: str
    at: int
    word: str
    boot: int = 0
    seq: int | None = None
    ts: float | None = None
    uptime_s: float | None = None
    retained: bool = False


class Item(NamedTuple):
    """Something that reaches the daemon, or happens to it, at `at`."""

    at: int
    order: int
    kind: str
    link: str = ""
    sent: Sent | None = None
    since: int = 0  # lost: the last packet; stall: when it began; crash: the last instant written
    rows: tuple[Camera, ...] = ()
    seconds: int = 0


class Work(NamedTuple):
    """A maintenance window; `told` is when people put it in the journal, None: the inventory has it."""

    scope: Scope
    scope_id: str
    starts: int
    ends: int
    told: int | None = None
    cancelled: bool = False


@dataclass(frozen=True)
class Truth:
    """A month: cameras by id (`intervals` in ms), all that happened in order, and the works."""

    begins: int
    ends: int
    intervals: dict[str, int]
    items: list[Item]
    works: list[Work]
    sites: dict[str, str]
    operators: dict[str, str]
    dates: dict[str, int] = field(default_factory=dict)
    steps: tuple[int, int] | None = None  # the wall clock is wrong from … to

    def down(self, camera: str) -> int:
        """Return the silence that convicts a camera, in milliseconds."""
        return self.intervals[camera] * 9 // 2


class _Absence(NamedTuple):
    """A link brings nothing from `since` on; who looks notices at `noticed`; subscribed again at `back`.

    What the broker kept comes from `flows` on.
    """

    since: int
    noticed: int
    back: int
    flows: int
    lost_until: int = 0  # a crash: what came from `since` until then is gone


@dataclass
class _Device:
    id: str
    operator: str
    interval: int
    says: str  # "all": ts, seq, uptime; "count": ts, seq; "time": ts; "bare"
    speaks: bool  # status messages, too
    clock_error: int
    alive: list[tuple[int, int, str]] = field(default_factory=list)


_CALM = 2 * HOUR


def draw(seed: int, *, cameras: int = 12, steps: bool = False) -> Truth:
    """Draw a month from a seed; `steps`: on one day the wall clock is an hour ahead for some hours."""
    return _Draw(Random(seed), cameras, steps).truth()


class _Draw:
    def __init__(self, random: Random, cameras: int, steps: bool) -> None:
        self.random = random
        self.begins, self.ends = MONTH[0] - 30 * MINUTE, MONTH[1] + 10 * MINUTE
        self.items: list[Item] = []
        self.order = 0
        self.works: list[Work] = []
        self.persistent = {"main": True, "second": random.random() < 0.5}
        self.absences: dict[str, list[_Absence]] = {link: [] for link in LINKS}
        self.stalls: list[tuple[int, int]] = []
        self.devices = [self._device(number) for number in range(cameras)]
        self.rows = {device.id: self._row(device) for device in self.devices}
        self.dates: dict[str, int] = {}
        self.steps: tuple[int, int] | None = None
        if steps:
            noon = MONTH[0] + 12 * DAY + 10 * HOUR + random.randrange(HOUR)
            self.steps = (noon, noon + 4 * HOUR)

    def truth(self) -> Truth:
        late = self._start_of_life()
        self.add(self.begins, "start", rows=tuple(self.rows.values()))
        for link in LINKS:
            self.add(self.begins + 1000 + self.random.randrange(3000), "subscribed", link=link)
        self._hazards(late)
        if self.steps:
            self.add(self.steps[0], "step", seconds=3600)
            self.add(self.steps[1], "step", seconds=-3600)
        for device in self.devices:
            self._live(device)
        self._works()
        at = self.begins + CHECKPOINT // 2
        while at < self.ends:
            if not any(begin <= at <= end for begin, end in self.stalls + self.gone):
                self.add(at, "write")
            at += CHECKPOINT
        self.add(self.ends, "end")
        self.items.sort(key=attrgetter("at", "order"))
        return Truth(
            self.begins,
            self.ends,
            {device.id: device.interval for device in self.devices},
            self.items,
            self.works,
            {row.id: row.site for row in self.rows.values()} | self.former_sites,
            {device.id: device.operator for device in self.devices},
            self.dates,
            self.steps,
        )

    def add(self, at: int, kind: str, **rest: object) -> None:
        self.order += 1
        self.items.append(Item(at, self.order, kind, **rest))  # type: ignore[arg-type] # fields by name

    # --- cameras

    def _device(self, number: int) -> _Device:
        random = self.random
        operator = ("ville", "habitat", "duo")[number % 3]
        says = "all" if operator == "duo" else random.choice(("all", "all", "count", "time", "bare"))
        return _Device(
            f"cam-{number:02}",
            operator,
            random.choice((120, 180, 300, 600)) * SECOND,
            says,
            speaks=random.random() < 0.6,
            clock_error=random.choice((0, 0, 2_250, -1_125, 40_000)),
        )

    def _row(self, device: _Device) -> Camera:
        number = int(device.id[4:])
        site = f"{device.operator}-{number // 3 % 3}"
        return Camera(
            device.id,
            device.operator,
            site,
            "centre",
            device.id,
            Purpose.TRAFFIC,
            Lifecycle.IN_SERVICE,
            interval_s=device.interval / 1000,
        )

    def _start_of_life(self) -> dict[str, int]:
        """Make the last cameras planned ones: one commissioned by its proof, one by date, one never."""
        first, dated, never = self.devices[-1], self.devices[-2], self.devices[-3]
        begins = {first.id: self._when(3, 12), never.id: self.ends}
        for device in (first, dated, never):
            row = self.rows[device.id]
            date = MONTH[0] + 9 * DAY if device is dated else None
            if date is not None:
                self.dates[device.id] = date
            self.rows[device.id] = replace(row, lifecycle=Lifecycle.PLANNED, in_service_from_ms=date)
        begins[dated.id] = MONTH[0] + 9 * DAY + self.random.choice((20 * MINUTE, 5 * HOUR))
        return begins

    def _when(self, first: int, last: int) -> int:
        return MONTH[0] + self.random.randrange(first * DAY, last * DAY)

    def _live(self, device: _Device) -> None:
        """Let a camera live and die, and send what it sends."""
        random = self.random
        at = self.late.get(device.id, self.begins - random.randrange(device.interval))
        boot = 0
        while at < self.ends:
            boot += 1
            rate = random.choice((6 * HOUR, 2 * DAY, 5 * DAY))
            dies = at + 3 * device.interval + int(random.expovariate(1 / rate))
            how = random.choice(("silence", "silence", "will", "goodbye")) if device.speaks else "silence"
            again = dies + random.choice((5 * SECOND, MINUTE, 10 * MINUTE, 90 * MINUTE, 10 * HOUR))
            again += random.randrange(MINUTE)
            said = self._boot(device, boot, at, min(dies, self.ends))
            if how != "silence":
                word = dies + random.randrange(100, 90 * SECOND) * (how == "will")
                said.append(Sent(device.id, word, "offline" if how == "will" else "goodbye"))
                # Back within the hold, or so late that a packet has proven sight meanwhile (rule S10).
                quick = word + random.randrange(SECOND, HOLD - SECOND)
                again = quick if random.random() < 0.2 else max(again, word + 2 * device.interval)
            for each in said:
                self._deliver(device, each)
            self._retain(device, said, again)
            at = again

    def _boot(self, device: _Device, boot: int, begins: int, ends: int) -> list[Sent]:
        random = self.random
        said = [Sent(device.id, begins, "online")] if device.speaks else []
        at, seq = begins + random.randrange(1, SECOND), 0
        while at < ends:
            if random.random() >= 0.02:  # otherwise it is lost on its way
                said.append(
                    Sent(
                        device.id,
                        at,
                        "",
                        boot,
                        seq if device.says in ("all", "count") else None,
                        None if device.says == "bare" else (at + device.clock_error) / 1000,
                        (at - begins) / 1000 if device.says == "all" else None,
                    )
                )
            seq += 1
            at += device.interval + random.randrange(-device.interval // 20, device.interval // 20)
        return said

    # --- the way to the daemon

    def _deliver(self, device: _Device, sent: Sent) -> None:
        for link, operators in LINKS.items():
            if device.operator in operators:
                at = self._arrival(link, sent.at)
                if at is not None and at < self.ends:
                    self.add(at, "said", link=link, sent=sent)

    def _arrival(self, link: str, sent: int) -> int | None:
        absences = self.absences[link]
        index = bisect_left(absences, sent, key=attrgetter("since")) - 1
        if index >= 0 and sent <= max(absences[index].back, absences[index].flows):
            absence = absences[index]
            if sent < absence.lost_until:
                return sent  # heard, and forgotten
            if not self.persistent[link] and sent < absence.back:
                return None
            return max(sent, absence.flows) if self.persistent[link] else sent
        index = bisect_left(self.stalls, (sent, 0)) - 1
        return self.stalls[index][1] if index >= 0 and sent < self.stalls[index][1] else sent

    def _retain(self, device: _Device, said: list[Sent], again: int) -> None:
        """Let each subscription bring the last status word, marked as retained."""
        words = [each for each in said if each.word]
        for link, operators in LINKS.items():
            if device.operator not in operators:
                continue
            for absence in self.absences[link]:
                before = [each for each in words if each.at <= absence.back]
                if before and absence.back < again:
                    self.add(absence.back + 100, "said", link=link, sent=before[-1]._replace(retained=True))

    # --- what befalls links and the daemon

    def _hazards(self, late: dict[str, int]) -> None:
        self.late = late
        self.gone: list[tuple[int, int]] = []
        self.former_sites: dict[str, str] = {}
        chores = ["retire", "remove", "return", "leave", "add works", "works now"]
        at = MONTH[0] + HOUR
        while at < self.ends - 8 * HOUR:
            begin = at + self.random.randrange(HOUR)
            lasts = self.random.choice((20, 100, 250, 500, 1500, 3600, 9000)) * SECOND
            lasts += self.random.randrange(SECOND)
            if self.steps and self.steps[0] - 3 * HOUR < begin < self.steps[1] + 5 * HOUR:
                at += HOUR
                continue
            kind = self.random.choice(("link", "link", "both", "stop", "crash", "stall", "chore", "none"))
            if kind == "chore" and chores:
                self._chore(chores.pop(0), begin)
            elif kind in ("link", "both"):
                for link in LINKS if kind == "both" else (self.random.choice(list(LINKS)),):
                    self._lose(link, begin + self.random.randrange(20 * SECOND), lasts)
            elif kind == "stall":
                self.stalls.append((begin, begin + max(lasts, 40 * SECOND)))
                self.add(begin + max(lasts, 40 * SECOND), "stall", since=begin)
            elif kind in ("stop", "crash"):
                self._away(begin, lasts, crash=kind == "crash")
            at = begin + lasts + _CALM

    def _lose(self, link: str, since: int, lasts: int) -> None:
        noticed = since + self.random.randrange(15 * SECOND)
        back = noticed + lasts
        flows = back + self.random.choice((-300, 200))
        self.absences[link].append(_Absence(since, noticed, back, flows))
        self.add(since, "packet", link=link)
        self.add(noticed, "lost", link=link, since=since)
        self.add(back, "subscribed", link=link)

    def _away(self, at: int, lasts: int, *, crash: bool, without: str = "") -> None:
        written = at
        if crash:
            at += self.random.randrange(1, 4 * MINUTE)
        back = at + lasts
        self.add(written, "write")
        self.add(at, "crash" if crash else "stop", since=written)
        if without:
            self.rows.pop(without)
        self.add(back, "start", rows=tuple(self.rows.values()))
        self.gone.append((written, back))
        for link in LINKS:
            subscribed = back + 1000 + self.random.randrange(3000)
            flows = subscribed + self.random.choice((-300, 200))
            self.absences[link].append(_Absence(written, at, subscribed, flows, at if crash else 0))
            self.add(subscribed, "subscribed", link=link)

    def _chore(self, chore: str, at: int) -> None:
        """Change the inventory, or the journal."""
        retired, removed, left = (self.devices[number].id for number in (0, 4, 7))
        self.former_sites.update({row.id: row.site for row in self.rows.values()})
        if chore == "retire":
            self.rows[retired] = replace(self.rows[retired], lifecycle=Lifecycle.RETIRED)
        elif chore == "remove":
            self.removed = self.rows.pop(removed)
        elif chore == "return":
            self.rows[removed] = self.removed
        elif chore == "leave":
            self._away(at, 400 * SECOND, crash=False, without=left)
            return
        elif chore == "add works":
            camera = self.devices[3]
            self._told(Work(Scope.CAMERA, camera.id, at - 30 * HOUR, at - 20 * HOUR, at))
            self._told(Work(Scope.SITE, "ville-0", at - 3 * DAY, at - 3 * DAY + 5 * HOUR, at))
            self._told(Work(Scope.OPERATOR, "duo", at + 5 * HOUR, at + 9 * HOUR, at))
            self._told(Work(Scope.CAMERA, camera.id, at + 20 * HOUR, at + 22 * HOUR, at, cancelled=True))
            self.add(at, "told")
            return
        else:
            self._told(Work(Scope.SITE, "habitat-1", at - HOUR, at + 2 * HOUR, at))
            self.add(at, "told")
            return
        self.add(at, "reload", rows=tuple(self.rows.values()))

    def _told(self, work: Work) -> None:
        self.works.append(work)

    def _works(self) -> None:
        random = self.random
        for device in random.sample(self.devices, 8):
            starts = self._when(1, 29)
            ends = starts + random.randrange(MINUTE, 9 * HOUR)
            self.works.append(Work(Scope.CAMERA, device.id, starts, ends))
        starts = self._when(2, 28)
        self.works.append(Work(Scope.SITE, "duo-1", starts, starts + 7 * HOUR))
        self.works.append(Work(Scope.OPERATOR, "habitat", starts + 5 * HOUR, starts + 11 * HOUR))
