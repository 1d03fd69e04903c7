"""A second opinion on the whole city: told what reached camwatch and when, it says what must come of it.

It shares no code with the core. What the network delivered, when the loop ran and when the store had what are
facts of the simulation; what follows from them is worked out here once more, from the rules (L, S, V, A).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from camwatch.core.model import Camera, Scope, Window
from tests.simulation.book import Book
from tests.simulation.devices import Sent
from tests.simulation.faults import SetsWall
from tests.simulation.hearing import Expected, Heard, Hearing
from tests.simulation.mind import NEVER, Late, Mind, Moment, Sight
from tests.simulation.plan import Plan


@dataclass
class Session:
    """One link; `last` is its last packet."""

    up: bool = False
    heard: int = NEVER
    last: Moment | None = None


class Blind(NamedTuple):
    """A stretch out of sight, as the record shall have it."""

    operators: tuple[str, ...]
    links: tuple[str, ...]
    why: str
    began: int
    ended: int


class Known(NamedTuple):
    """What the store would bring back of one camera."""

    mind: Mind
    book: Book
    hearing: Hearing


class _Note(NamedTuple):
    """What was remembered at an instant."""

    utc: int
    cameras: dict[str, Known]
    sights: dict[tuple[str, ...], int]
    blinds: int
    swept: bool  # everything that was known was put down, in the middle of nothing
    mark: object  # by which to know it again


Deadlines = Callable[[Camera], tuple[int, int, int]]
"""Returns interval, down_after and hint_hold of a camera, in ms."""


class Opinion:
    """All cameras and links of a plan. `now` is set by whoever tells what happens."""

    def __init__(self, plan: Plan, deadlines: Deadlines) -> None:
        self.plan = plan
        self.now = Moment(0, 0)
        self.minds: dict[str, Mind] = {}
        self.books = {device.id: Book() for device in plan.devices}
        self.hearings = {device.id: Hearing(device.latency) for device in plan.devices}
        self.links: dict[str, Session] = {}
        self.sights: dict[tuple[str, ...], Sight] = {}
        self.blinds: list[Blind] = []
        self.process = 0
        self.stall_after = 0
        self.working: tuple[Window, ...] = ()  # maintenance in force, of inventory and journal
        self._deadlines = deadlines
        self._awake = 0
        self._notes: list[_Note] = []
        self._stored: dict[str, Known] = {}
        self._stored_sights: dict[tuple[str, ...], int] = {}
        self._stored_blinds = 0
        self._vouched: int | None = None
        self._by_wall = any(isinstance(fault, SetsWall) for fault in plan.faults)
        self._told: dict[str, int] = {}  # of how many late heartbeats the store was certainly told
        self._operators = {device.id: device.operator for device in plan.devices}

    # --- the process

    def starts(self, now: Moment) -> None:
        """Begin with what the store has (S6)."""
        self.now, self._awake = now, now.at
        self.process += 1
        self._notes.clear()
        self.links = {line.name: Session() for line in self.plan.lines}
        self.sights = {}
        del self.blinds[self._stored_blinds :]
        for name in self._operators:
            known = self._stored.get(name)
            if known is None:
                self.minds.pop(name, None)
                self.books[name] = Book()
                self.hearings[name] = Hearing(self.hearings[name].latency)
            else:
                self._resume(name, known)

    def _resume(self, name: str, known: Known) -> None:
        mind, book = known.mind.forgetting(), known.book.remembered()
        hearing = known.hearing.forgetting()
        self.minds[name], self.books[name], self.hearings[name] = mind, book, hearing
        mind.process, mind.sight = self.process, self._sight(mind.operator)
        hearing.restarts()
        mind.hint, mind.held, mind.tampered, mind.off = "", False, False, False
        if mind.settled is None:
            mind.forget()
            mind.row = None
            self.hearings[name] = Hearing(hearing.latency)
            return
        # From here on its axis is UTC, as of what was stored.
        shift = known.mind.settled_utc - mind.settled
        mind.settled = book.upto = mind.floor = known.mind.settled_utc
        mind.since, mind.proof = mind.since_utc, mind.proof_utc
        if mind.moved:
            mind.due, mind.deadline = mind.due + shift, mind.deadline + shift
        else:
            mind.from_proof()
        told = self._told.get(name, 0)
        mind.late[told:] = [late._replace(sure=False) for late in mind.late[told:]]
        mind.changes[:] = [each._replace(at=each.utc) for each in mind.changes]
        book.at = sum(change.at <= book.upto for change in mind.changes)
        book.ill, book.ill_at = False, len(mind.ill)
        mind.ill.append((book.upto, False))

    def stops(self) -> None:
        """End: what is not stored is forgotten with the next start."""
        self.links = {}

    # --- time

    def clock_set_ahead(self, by: int) -> None:
        """Take it that the UTC of this process jumped (T2)."""
        for mind in self._enrolled():
            self.hearings[mind.name].shifts(by)

    def awake(self) -> None:
        """Note that the loop runs, and see whether it was asleep (S8)."""
        since, self._awake = self._awake, self.now.at
        if self.now.at - since <= self.stall_after:
            return
        for sight in self.sights.values():
            if sight.blind is None:
                sight.blind, sight.why = since, "stall"
                sight.blind_utc = self.now.utc - (self.now.at - since)
                self._in_sight(sight)

    def ticks(self) -> None:
        """Look at what is due."""
        self.awake()
        for mind in self._enrolled():
            if mind.passes(self.now) and self._proven(mind):
                mind.convicts(self.now)

    def _proven(self, mind: Mind) -> bool:
        """Whether every link that is up has spoken since a heartbeat was due, and lately (S10)."""
        for name in mind.sight.links:
            link = self.links[name]
            if link.up and (link.heard <= mind.due or self.now.at - link.heard >= self.plan.interval):
                return False
        return True

    # --- links

    def heard(self, name: str) -> None:
        """Note that a link delivered some packet, and all before it was handed over."""
        self.links[name].heard, self.links[name].last = self.now.at, self.now
        for sight in self._over(name):
            sight.heard = self.now.at
        for mind in self._enrolled():
            if mind.held:
                if mind.dark_since is not None or self.now.at < mind.until:
                    mind.held = False
                elif self._proven(mind):
                    mind.convicts(self.now)

    def subscribed(self, name: str) -> None:
        """Take it that a link is there (S1)."""
        self.awake()
        self.links[name].up = True
        self.heard(name)
        for sight in self._over(name):
            if sight.blind is not None:
                self._in_sight(sight)

    def lost(self, name: str, last: Moment) -> None:
        """Take it that a link is gone, since its last packet (S3)."""
        self.awake()
        link = self.links[name]
        link.up, link.last = False, last
        for sight in self._over(name):
            if sight.blind is None and not any(self.links[each].up for each in sight.links):
                since = max(seen for each in sight.links if (seen := self.links[each].last) is not None)
                sight.blind, sight.blind_utc, sight.why = since.at, since.utc, "link"

    def _in_sight(self, sight: Sight) -> None:
        first, sight.began = not sight.began, True
        cameras = [mind for mind in self._enrolled() if mind.sight is sight]
        if cameras and not (first and not sight.seen_before):
            blind = Blind(sight.operators, sight.links, sight.why, sight.blind_utc, self.now.utc)
            self.blinds.append(blind)
        for mind in cameras:
            mind.sees_again(self.now, first=first)
        sight.blind, sight.since = None, self.now.at

    def _over(self, name: str) -> list[Sight]:
        return [sight for sight in self.sights.values() if name in sight.links]

    def _sight(self, operator: str) -> Sight:
        links = tuple(line.name for line in self.plan.lines if line.carries(operator))
        sight = self.sights.get(links)
        if sight is None:
            seen = self._vouched if self._stored else None  # nobody was watched: nobody was out of sight
            if seen is not None:
                seen = min(self._stored_sights.get(links, seen), seen)
            since = self.now.at if seen is None else seen
            sight = Sight(links, since, since, since if seen is not None else NEVER, "away", seen is not None)
            sight.heard = max(sight.heard, *(self.links[each].heard for each in links))
            if any(self.links[each].up for each in links):
                sight.blind, sight.began = None, True
            self.sights[links] = sight
        return sight

    # --- what cameras say

    def hears(self, sent: Sent, travelled: int) -> tuple[Heard, Expected]:
        """Return what must become of a heartbeat, sound and not retained, of a camera that is expected."""
        mind, hearing = self.minds[sent.camera], self.hearings[sent.camera]
        sight = mind.sight
        kept = sight.blind is not None or self.now.at - sight.since < mind.down_after
        hearing.interval = mind.interval
        said = Heard(sent, self.now, travelled, kept)
        return said, hearing.expects(said)

    def took(self, said: Heard, verdict: str, expected: Expected) -> None:
        """Note what became of it."""
        mind, hearing = self.minds[said.sent.camera], self.hearings[said.sent.camera]
        lateness = hearing.lateness(said)
        hearing.takes(said, verdict, expected)
        if verdict == "late":
            sure = expected.verdict == "late" and not self._by_wall
            mind.late.append(Late(self.now.utc - lateness, mind.interval, self.process, sure))
        elif verdict == "proof":
            mind.heartbeats += 1
            clock = abs(min(hearing.offsets)) > 5000 if hearing.offsets and said.sent.ts is not None else None
            self._ails(mind, said.sent, clock=clock)
            mind.proves(self.now)

    def word(self, sent: Sent, *, retained: bool) -> None:
        """Take a word about a camera (L1, L5)."""
        mind = self.minds[sent.camera]
        if mind.life == "retired":
            return
        if sent.word != "online":
            mind.hints(sent.word, self.now, retained=retained)
        elif not retained:
            self.hearings[sent.camera].proves(self.now.at)
            mind.proves(self.now)

    def _ails(self, mind: Mind, sent: Sent, *, clock: bool | None) -> None:
        tampered = sent.ill if b"tamper" in sent.payload else mind.tampered
        mind.tampered = tampered
        mind.off = mind.off if clock is None else clock
        ill = mind.tampered or mind.off
        if not mind.ill or mind.ill[-1][1] is not ill:
            mind.ill.append((self.now.at, ill))

    # --- who is watched

    def enrols(self, rows: Iterable[Camera], windows: Iterable[Window], *, started: bool = False) -> None:
        """Take an inventory, and the maintenance that holds from now on (V3, V6)."""
        wanted = {row.id: row for row in rows}
        self.working = tuple(windows)
        for name, operator in self._operators.items():
            row = wanted.get(name)
            mind = self.minds.get(name)
            if mind is None:
                if row is None:
                    continue
                mind = self.minds[name] = Mind(name, operator, self._sight(operator), process=self.process)
            if row is not None and mind.row is None:
                mind.sight = self._sight(operator)
                self.hearings[name] = Hearing(self.hearings[name].latency)
            if row is not None:
                self._covers(mind, row, started=started)
            if row is None and started and mind.serving:
                mind.ends_at_settled(self.now)
            deadlines = (0, 0, 0) if row is None else self._deadlines(row)
            mind.enrol(row, self.now, deadlines, started=started)
            if not mind.serving:
                self.books[name].close(mind.changes, mind.ill, self.now.utc - self.now.at)
        for sight in self.sights.values():
            operators = {mind.operator for mind in self._enrolled() if mind.sight is sight}
            sight.operators = tuple(sorted(operators))

    def _covers(self, mind: Mind, row: Camera, *, started: bool) -> None:
        scopes = ((Scope.CAMERA, row.id), (Scope.SITE, row.site), (Scope.OPERATOR, row.operator))
        mine = [
            (each.starts_ms, each.ends_ms) for each in self.working if (each.scope, each.scope_id) in scopes
        ]
        since = self.now.utc
        if started and mind.settled is not None:
            since = mind.settled  # those of the inventory of today hold for all the time since
        self.books[mind.name].covers(mine, since)

    def _enrolled(self) -> list[Mind]:
        return [mind for mind in self.minds.values() if mind.row is not None]

    # --- what the store has

    def notes(self, utc: int, cameras: Iterable[str], mark: object, *, swept: bool) -> None:
        """Note that what is known of some cameras was put down, to be stored; as of now."""
        for mind in self.minds.values():
            if mind.settled is not None:
                mind.settled_utc = mind.settled + self.now.utc - self.now.at
        known = {
            name: Known(
                self.minds[name].remembered(), self.books[name].remembered(), self.hearings[name].remembered()
            )
            for name in cameras
        }
        sights = {
            links: max(seen.utc for each in links if self.links[each].up and (seen := self.links[each].last))
            if sight.blind is None
            else sight.blind_utc
            for links, sight in self.sights.items()
            if (sight.began or sight.seen_before) and any(mind.sight is sight for mind in self._enrolled())
        }
        self._notes.append(_Note(utc, known, sights, len(self.blinds), swept, mark))

    def stored(self, vouched: int, cameras: Iterable[str], mark: object) -> None:
        """Note that the store has everything up to `vouched`, and remembers these cameras anew.

        Of the notes of one instant it has those up to the one with this mark, or all if none has it.
        """
        self._vouched = vouched
        wanted = set(cameras)
        count = sum(note.utc <= vouched for note in self._notes)
        for number, note in enumerate(self._notes, 1):
            if note.mark is mark and note.utc == vouched:
                count = number
        notes, self._notes = self._notes[:count], self._notes[count:]
        for note in notes:
            self._stored.update({name: known for name, known in note.cameras.items() if name in wanted})
            self._stored_sights, self._stored_blinds = note.sights, note.blinds
            if note.swept:
                self._told.update({name: known.mind.marks[2] for name, known in note.cameras.items()})
