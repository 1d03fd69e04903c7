"""The naive ledger: what every camera was when, from the finished truth, in plain milliseconds.

It shares no code with the core. It reads the script of a camera from beginning to end; what a crash made
camwatch forget is left out before, since only what was written counts (rules L, S, V, A).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from camwatch.core.model import Camera, Lifecycle, Scope
from tests.simulation.truth import HOLD, LINKS, SECOND, Item, Sent, Truth, Work

ASK_AFTER = 60 * SECOND
"""A link silent for longer proves no sight (rule S10)."""

NEVER = -(1 << 60)


class Piece(NamedTuple):
    """The camera was `status` in [start, end); `cause` says why it is down."""

    start: int
    end: int
    status: str
    cause: str = ""


class Outage(NamedTuple):
    """One outage; `end` is None while it lasts."""

    start: int
    end: int | None
    cause: str


@dataclass
class Life:
    """One camera's life beneath maintenance, and what is known of its heartbeats."""

    camera: str
    operator: str
    site: str
    interval: int
    down_after: int
    pieces: list[Piece] = field(default_factory=list)
    proofs: list[int] = field(default_factory=list)  # on time
    late: list[int] = field(default_factory=list)  # when they were sent
    outage_gaps: list[int] = field(default_factory=list)
    # the judge's memory
    status: str = ""  # "": out of the ledger
    since: int = 0
    cause: str = ""
    registered: bool = False
    retired: bool = False
    planned: bool = False
    proof: int = NEVER
    due: int = NEVER
    deadline: int = NEVER
    hint: str = ""
    hint_at: int = 0
    hint_until: int = 0
    blind: int | None = 0  # since when; None: in sight
    sight: int = 0  # when sight returned last
    loss: str = "away"  # why it was blind last: link, stall, away
    lateness: int | None = None  # the usual one; None: not known yet
    heard: set[tuple[int, int]] = field(default_factory=set)

    def become(self, status: str, at: int, cause: str = "") -> None:
        """Change the status at an instant."""
        if self.status and at > self.since:
            self.pieces.append(Piece(self.since, at, self.status, self.cause))
        self.status, self.since, self.cause = status, at, cause

    # --- time passes

    def pass_to(self, now: int) -> None:
        """Judge what fell due before `now`."""
        if self.status not in ("up", "down", "unknown"):
            return
        if self.blind is not None:
            if self.status != "unknown" and now - self.blind_from >= self.down_after:
                self.become("unknown", self.blind_from)
                self.hint = ""
        elif self.status != "down" and self.conviction < now:
            self.convict()

    @property
    def blind_from(self) -> int:
        """Since when the camera is out of sight: a proof that came through all the same counts."""
        assert self.blind is not None
        return max(self.blind, self.proof)

    @property
    def conviction(self) -> int:
        """When it is down for want of a proof; a hint waits until a heartbeat was due (L5, S10)."""
        return min(self.deadline, max(self.hint_until, self.due)) if self.hint else self.deadline

    def convict(self) -> None:
        """Make it down, from when a heartbeat was due or the hint came."""
        at = min(self.hint_at, self.due) if self.hint else self.due
        if self.status == "unknown":
            at = max(at, self.sight, self.since)
        self.become("down", at, {"offline": "will", "goodbye": "goodbye"}.get(self.hint, "timeout"))
        self.hint = ""

    # --- what befalls it

    def lose(self, since: int, noticed: int, loss: str) -> None:
        """Nothing was heard from `since` on (S3); who was due before may be convicted until `noticed`."""
        self.pass_to(since)
        if self.blind is None and self.status in ("up", "unknown"):
            when = self.conviction
            if when < noticed and self.due < since and when - since < ASK_AFTER:
                self.convict()
        if self.blind is None:
            self.blind, self.loss = since, loss
        elif loss == "away":
            self.loss = loss

    def regain(self, at: int) -> None:
        """Sight returns (S4, S5)."""
        self.pass_to(at)
        if self.blind is not None:
            blind, length = self.blind_from, at - self.blind_from
            if self.status == "up":
                if blind <= self.due < at:
                    self.due = at + self.interval
                self.deadline += length + self.interval
            if self.hint and self.loss == "away" and self.hint_at > blind:
                self.hint_until = at + HOLD
            elif self.hint and self.loss == "stall" and length < self.down_after:
                self.hint_until += length + self.interval
            else:
                self.hint = ""
        self.blind, self.sight = None, at
        if self.registered and not self.status and not self.planned and not self.retired:
            self.become("unknown", at)
        if self.status == "unknown":
            self.due, self.deadline = at + self.interval, at + self.down_after

    def hears(self, sent: Sent, at: int) -> None:
        """Take a message that reaches camwatch."""
        if not self.registered or self.retired:
            return
        self.pass_to(at)
        if sent.word in ("offline", "goodbye"):
            news = not sent.retained or (self.status == "unknown" and self.loss != "link")
            if self.status in ("up", "unknown") and news:
                if not self.hint:
                    self.hint_at, self.hint_until = at, at + HOLD
                self.hint = sent.word
        elif sent.word == "":
            self._heartbeat(sent, at)
        elif not sent.retained:
            self._proof(at)

    def _heartbeat(self, sent: Sent, at: int) -> None:
        if sent.seq is not None:
            if (sent.boot, sent.seq) in self.heard:
                return  # the other link brought it
            self.heard.add((sent.boot, sent.seq))
        if sent.ts is not None:
            lateness = at - sent.at
            if self.lateness is not None and lateness - self.lateness > self.interval:
                self.late.append(sent.at + self.lateness)
                return
            self.lateness = lateness if self.lateness is None else min(lateness, self.lateness)
        self._proof(at)

    def _proof(self, at: int) -> None:
        self.planned = False
        if self.status != "up":
            self.become("up", at)
        self.hint = ""
        self.proof, self.due, self.deadline = at, at + self.interval, at + self.down_after
        self.proofs.append(at)

    # --- who is watched

    def certain(self, at: int) -> int:
        """Return up to when its status is certain at an instant."""
        if self.status == "unknown" and self.blind is not None:
            return at
        until = at if self.blind is None else self.blind_from
        if self.status != "down":
            until = min(until, self.due)
        return min(until, self.hint_at) if self.hint else until

    def enrol(self, row: Camera | None, now: int, certain: int | None, *, sees: bool) -> None:
        """Take what the inventory says of it; `certain`: until when it was, if camwatch was away."""
        if row is None:
            if self.registered and self.status:
                self.become("", self.certain(now) if certain is None else certain)
                self.hint = ""
            self.registered = False
            return
        known, self.registered = self.registered, True
        if row.lifecycle is Lifecycle.RETIRED:
            if not self.retired and self.status:
                self.become("", now)
            self.retired = True
            return
        self.planned = not self.status and self.proof == NEVER and row.lifecycle is Lifecycle.PLANNED
        if self.planned and row.in_service_from_ms is not None:
            self.planned = now < row.in_service_from_ms
        if not known:
            self.proof, self.lateness = NEVER, None
            if sees and not self.planned:
                self.enter(now)

    def enter(self, at: int) -> None:
        """Begin its ledger, unknown."""
        self.planned = False
        self.become("unknown", at)
        begin = max(at, self.sight)
        self.due, self.deadline = begin + self.interval, begin + self.down_after


def lives(truth: Truth) -> dict[str, Life]:
    """Return what every camera was, beneath maintenance and before what late heartbeats prove."""
    reading = _Reading(truth)
    for item in _written(truth):
        reading.dates_before(item.at)
        getattr(reading, item.kind, reading.nothing)(item)
    for life in reading.lives.values():
        life.pass_to(truth.ends)
        life.become("", truth.ends)
    return reading.lives


class _Reading:
    """Reads a script item by item; its methods are named as the items are."""

    def __init__(self, truth: Truth) -> None:
        self.lives = {
            camera: Life(camera, operator, truth.sites[camera], truth.intervals[camera], truth.down(camera))
            for camera, operator in truth.operators.items()
        }
        self._dates = dict(truth.dates)
        self._up: set[str] = set()  # the links that are subscribed
        self._silent: dict[str, int] = {}  # since when the others are not heard
        self._certain: dict[str, int] = {}
        self._running = False

    def nothing(self, item: Item) -> None:
        """Skip what changes nothing."""

    def dates_before(self, at: int) -> None:
        """Let in-service dates pass (rule V1); while camwatch was away, its first sight begins the ledger."""
        for camera in [camera for camera, date in self._dates.items() if date < at and self._running]:
            life, date = self.lives[camera], self._dates.pop(camera)
            if life.planned and life.registered and life.sight:
                life.pass_to(date)
                life.enter(date)

    def said(self, item: Item) -> None:
        """Take a message."""
        assert item.sent is not None
        self.lives[item.sent.camera].hears(item.sent, item.at)

    def lost(self, item: Item) -> None:
        """Lose a link."""
        self._up.discard(item.link)
        self._silent[item.link] = item.since
        for life in self._heard_over(item.link):
            links = {link for link, operators in LINKS.items() if life.operator in operators}
            if not links & self._up:
                life.lose(max(self._silent[link] for link in links), item.at, "link")

    def subscribed(self, item: Item) -> None:
        """Have a link back."""
        self._up.add(item.link)
        for life in self._heard_over(item.link):
            if life.blind is not None:
                life.regain(item.at)

    def stall(self, item: Item) -> None:
        """Sleep (rule S8)."""
        for life in self.lives.values():
            if life.blind is None:
                life.lose(item.since, item.since, "stall")
                life.regain(item.at)

    def stop(self, item: Item) -> None:
        """Stop: nothing is known from the last instant written on (rule S6)."""
        self._running = False
        self._up.clear()
        for life in self.lives.values():
            life.pass_to(item.since)
            self._certain[life.camera] = life.certain(item.since)
            life.hint = ""
            life.lose(item.since, item.since, "away")

    crash = stop

    def start(self, item: Item) -> None:
        """Take an inventory, while camwatch runs or as it starts."""
        rows = {row.id: row for row in item.rows}
        for life in self.lives.values():
            life.pass_to(item.at)
            certain = None if self._running else self._certain.get(life.camera)
            life.enrol(rows.get(life.camera), item.at, certain, sees=self._running)
        self._running = True

    reload = start

    def _heard_over(self, link: str) -> list[Life]:
        return [life for life in self.lives.values() if life.operator in LINKS[link]]


def _written(truth: Truth) -> list[Item]:
    """Return what happened, without what a crash made camwatch forget."""
    lost = [(item.since, item.at) for item in truth.items if item.kind == "crash"]
    result: list[Item] = []
    for item in truth.items:
        while lost and lost[0][1] < item.at:
            del lost[0]
        if not lost or item.at <= lost[0][0] or item.kind == "crash":
            result.append(item)
    return result


# --- what lies over a life


def spans_over(life: Life, works: list[Work]) -> list[Work]:
    """Return the works that a camera lies under."""
    mine = {Scope.CAMERA: life.camera, Scope.SITE: life.site, Scope.OPERATOR: life.operator}
    return [work for work in works if mine[work.scope] == work.scope_id and not work.cancelled]


def painted(pieces: list[Piece], spans: list[tuple[int, int]], status: str, over: str) -> list[Piece]:
    """Paint spans over the pieces whose status is among `over`."""
    edges = sorted({edge for span in spans for edge in span})
    result = []
    for piece in pieces:
        if piece.status not in over.split():
            result.append(piece)
            continue
        inside = [edge for edge in edges if piece.start < edge < piece.end]
        for start, end in pairwise([piece.start, *inside, piece.end]):
            hit = any(first <= start < last for first, last in spans)
            result.append(Piece(start, end, status if hit else piece.status, "" if hit else piece.cause))
    return result


def filled(life: Life) -> list[Piece]:
    """Return the life with its unknown time filled as far as late heartbeats prove life (L8, S9)."""
    late = set(life.late)
    spans = [(at - life.interval, at + life.interval) for at in late]
    alive = sorted(late | set(life.proofs))
    for one, next_one in pairwise(alive):
        if next_one - one <= life.interval * 5 // 2 and not late.isdisjoint((one, next_one)):
            spans.append((one, next_one))
    result = []
    for piece in life.pieces:
        near = [span for span in spans if span[0] < piece.end and piece.start < span[1]]
        result += painted([piece], near, "up", "unknown") if piece.status == "unknown" else [piece]
    return result


def ledger(life: Life, works: list[Work]) -> list[Piece]:
    """Return what the camera was, after all corrections."""
    spans = [(work.starts, work.ends) for work in spans_over(life, works)]
    return painted(filled(life), spans, "maintenance", "up down unknown")


def as_judged(life: Life, works: list[Work]) -> list[Piece]:
    """Return what the camera was as it was judged then: windows hold from when they were known."""
    spans = []
    for work in spans_over(life, works):
        starts = work.starts if work.told is None else max(work.starts, work.told)
        if starts < work.ends:
            spans.append((starts, work.ends))
    return painted(life.pieces, spans, "maintenance", "up down unknown")


def outages(life: Life, works: list[Work]) -> list[Outage]:
    """Return the outages as they were judged: one through blindness, ended by maintenance (A6, S7)."""
    found: list[Outage] = []
    open_at: Outage | None = None
    left: int | None = None
    end = 0
    for piece in as_judged(life, works):
        if open_at is not None and piece.start > end:  # out of service meanwhile
            found.append(open_at._replace(end=left or end))
            open_at = left = None
        end = piece.end
        if piece.status == "down":
            left = None
            open_at = open_at or Outage(piece.start, None, piece.cause)
        elif open_at is not None and piece.status == "unknown":
            left = left or piece.start
        elif open_at is not None:
            found.append(open_at._replace(end=left or piece.start))
            open_at = left = None
    if open_at is not None:
        found.append(open_at if life.registered and not life.retired else open_at._replace(end=left or end))
    return found


def account(pieces: list[Piece], start: int, end: int) -> dict[str, int]:
    """Return the milliseconds of [start, end) in each status."""
    spent = dict.fromkeys(("up", "down", "unknown", "maintenance"), 0)
    for piece in pieces:
        spent[piece.status] += max(0, min(piece.end, end) - max(piece.start, start))
    return spent


def days() -> Iterator[tuple[int, int]]:
    """Yield the local days of October 2026: summer time ends on the 25th."""
    day, hour = 86_400_000, 3_600_000
    start = 1_790_805_600_000  # 2026-09-30T22:00:00Z
    for number in range(1, 32):
        end = start + day + hour * (number == 25)
        yield start, end
        start = end
