"""A second opinion on the whole city: told what reached camwatch and when, it says what must come of it.

It shares no code with the core. What the network delivered, when the loop ran and when the store had what are
facts of the simulation; what follows from them is worked out here once more, from the rules (L, S, V, A).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from camwatch.core.model import Camera, MaintenanceWindow, Scope
from tests.simulation.model.camera import Mind
from tests.simulation.model.classifier import (
    ANYTHING,
    CLOSE,
    DUPLICATE,
    EVENT,
    LATE,
    PROOF,
    Expected,
    Heard,
    Hearing,
)
from tests.simulation.model.records import NEVER, Late, Moment, Proof
from tests.simulation.model.status_time import Book
from tests.simulation.model.visibility import Session, Visibility
from tests.simulation.plans.faults import SetsWall
from tests.simulation.plans.plan import Plan
from tests.simulation.world.cameras import Sent


class Judged(NamedTuple):
    """How the daemon judged a heartbeat: of when it is a proof (None: as the rules say).

    `lags`: whether it counts for the lag of its link, which an earlier boot's does not. `told`: whether the
    daemon knew the clock that says when it was sent. `proof`: the last one that the daemon knows of now.
    """

    dated: int | None = None
    lags: bool = True
    told: bool = True
    proof: int | None = None


AS_EXPECTED = Judged()


class Known(NamedTuple):
    """What the store would bring back of one camera.

    `told`: of so many late heartbeats it certainly has what they prove.
    """

    mind: Mind
    book: Book
    hearing: Hearing
    told: int


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


class Opinion(Visibility):
    """All cameras and links of a plan. `now` is set by whoever tells what happens."""

    def __init__(self, plan: Plan, deadlines: Deadlines) -> None:
        super().__init__(plan)
        self.books = {device.id: Book() for device in plan.devices}
        self.process = 0
        self.working: tuple[MaintenanceWindow, ...] = ()  # maintenance in force, of inventory and journal
        self._deadlines = deadlines
        self._notes: list[_Note] = []
        self._stored: dict[str, Known] = {}
        self._stored_blinds = 0
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
        self.sights, self._resumed, self._began = {}, bool(self._stored), now.at
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
        mind.hint, mind.held, mind.opened, mind.via, mind.alone = "", False, (), "", None
        if mind.settled is None:
            planned = mind.life == "planned"
            mind.forget()
            mind.life = "planned" if planned else ""
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
        mind.late[told:] = _unsure(mind.late[told:])
        mind.changes[:] = [each._replace(at=each.utc) for each in mind.changes]
        book.at = sum(change.at <= book.upto for change in mind.changes)

    def stops(self) -> None:
        """End: what is not stored is forgotten with the next start."""
        self.links = {}

    def clock_set_ahead(self, by: int) -> None:
        """Take it that the UTC of this process jumped (T2)."""
        for mind in self._enrolled():
            self.hearings[mind.name].shifts(by)

    # --- what cameras say

    def hears(self, link: str, sent: Sent, travelled: int) -> tuple[Heard, Expected]:
        """Return what must become of a heartbeat, sound and not retained, of a camera that is expected."""
        mind, hearing = self.minds[sent.camera], self.hearings[sent.camera]
        hearing.interval, hearing.by_wall = mind.interval, self._by_wall
        hearing.slowest = max(each.interval for name in mind.sight.links for each in self._carried(name))
        session = self.links[link]
        usual = session.lag if session.sees and session.lag <= mind.down_after else 0
        shared = session.seen_upto != NEVER
        said = Heard(sent, self.now, usual, travelled, shared)
        newer = self.now.at - hearing.lateness(said) - mind.proof
        if abs(newer) <= CLOSE and hearing.lateness(said) > CLOSE:
            return said, ANYTHING._replace(doubts=hearing.expects(said).doubts)
        if newer < 0:  # nothing newer than what is known
            said = said._replace(lag=0)
        return said, hearing.expects(said)

    def took(
        self, link: str, said: Heard, verdict: str, expected: Expected, judged: Judged = AS_EXPECTED
    ) -> None:
        """Note what became of it."""
        mind, hearing = self.minds[said.sent.camera], self.hearings[said.sent.camera]
        lateness = hearing.lateness(said)
        boot, known = hearing.boot_of(said), bool(hearing.offsets)
        hearing.takes(said, verdict, expected)
        sent = self.now.at - lateness
        if verdict == LATE:
            mind.speaks_late(sent, self.now)
        elif verdict in (PROOF, EVENT):
            mind.heartbeats += 1
            if verdict == PROOF and lateness > mind.interval:  # what late ones prove was a wrong clock's word
                mind.doubts_clock()
            at = sent if verdict == EVENT else self.now.at
            at = at if judged.dated is None else judged.dated
            told = said.sent.ts is not None and known and judged.told
            waited = hearing.lateness(said) if at == self.now.at else 0
            waited = waited if 0 < waited <= mind.interval else 0
            uptime = None if said.sent.uptime_s is None else round(said.sent.uptime_s * 1000)
            mind.via = link
            self._proves(mind, Proof(at, boot, waited, uptime), told=told, last=judged.proof)
        if verdict in (LATE, EVENT):
            # A new boot may bring another clock; once it is taken for late, it is known what that proves.
            sure = expected.verdict == LATE or (verdict == LATE and boot == "new")
            mind.late.append(self._late(mind, said, sent, sure=sure))
            if judged.lags:
                self._notes_late(link, mind, lateness)
        elif verdict == DUPLICATE and len(mind.sight.links) > 1 and said.sent.ts is not None and known:
            if lateness > mind.interval:
                self._notes_late(link, mind, lateness)
            else:
                self.links[link].copies[mind.name] = self.now.at

    def _proves(self, mind: Mind, proof: Proof, *, told: bool, last: int | None) -> None:
        """Take a proof; what a broker may have kept is one of when it was sent, if that is `told` (E3).

        `last`: the same, as the daemon reckoned with floats.
        """
        kept, now = mind.sight.kept_since, self.now.at
        waited = proof.waited
        if kept is not None and not told:
            mind.lived(proof.at, self.now)
            if mind.life != "up":
                return
            waited = proof.at - kept
        if kept is not None and waited > 0:
            at = max(proof.at - waited, min(proof.at, mind.proof))
            at = last if last is not None and abs(last - at) <= CLOSE else at
            proof = proof._replace(at=at, waited=0)
            if told:
                self.links[mind.via].copies[mind.name] = now
            if mind.life == "unknown":  # which may be accounted already: that it is up since is proven
                utc = self.now.utc - (now - at)
                sure = not self._by_wall
                mind.late.append(Late(utc, 0, now - at, mind.down_after, self.process, sure, self.now.utc))
        mind.proves(proof, self.now)

    def _notes_late(self, link: str, mind: Mind, lateness: int) -> None:
        session = self.links[link]
        session.late[mind.name] = (self.now.at, lateness)
        session.late_at = self.now.at
        session.sent_late = max(session.sent_late, self.now.at - lateness)
        if session.look_at is None:
            session.look_at = self.now.at

    def _late(self, mind: Mind, said: Heard, sent: int, *, sure: bool) -> Late:
        uptime, half = said.sent.uptime_s, mind.interval // 2
        before = half if uptime is None else min(half, round(uptime * 1000))
        utc = self.now.utc - (self.now.at - sent)
        dark = mind.life != "up" or mind.dark_since is not None
        sure = sure and (
            said.sent.seq is not None or uptime is not None
        )  # else its clock may turn out broken
        sure = sure and dark and not self._by_wall
        return Late(utc, before, half, mind.down_after, self.process, sure, self.now.utc)

    def word(self, sent: Sent, *, retained: bool) -> None:
        """Take a word about a camera (L1, L5)."""
        mind = self.minds[sent.camera]
        if mind.life == "retired":
            return
        if sent.word != "online":
            mind.hints(sent.word, self.now, retained=retained)
        elif not retained:
            mind.greets(self.now)

    # --- who is watched

    def enrols(
        self, rows: Iterable[Camera], windows: Iterable[MaintenanceWindow], *, started: bool = False
    ) -> None:
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
                self.books[name].close(mind.changes, self.now.utc - self.now.at)
        for sight in self.sights.values():
            operators = {mind.operator for mind in self._enrolled() if mind.sight is sight}
            sight.operators = tuple(sorted(operators))

    def _covers(self, mind: Mind, row: Camera, *, started: bool) -> None:
        scopes = ((Scope.CAMERA, row.id), (Scope.SITE, row.site), (Scope.OPERATOR, row.operator))
        mine = [
            (each.start_ms, each.end_ms) for each in self.working if (each.scope, each.scope_id) in scopes
        ]
        since = self.now.utc
        if started and mind.settled is not None:
            since = mind.settled  # those of the inventory of today hold for all the time since
        self.books[mind.name].covers(mine, since)

    # --- what the store has

    def notes(self, utc: int, cameras: Iterable[str], mark: object, *, swept: bool) -> None:
        """Note that what is known of some cameras was put down, to be stored; as of now."""
        for mind in self.minds.values():
            if mind.settled is not None:
                mind.settled_utc = mind.settled + self.now.utc - self.now.at
        known = {name: self._known(name) for name in cameras}
        sights = {
            links: self._seen(links) if sight.blind is None else sight.blind_utc
            for links, sight in self.sights.items()
            if (sight.began or sight.seen_before) and any(mind.sight is sight for mind in self._enrolled())
        }
        self._notes.append(_Note(utc, known, sights, len(self.blinds), swept, mark))

    def _known(self, name: str) -> Known:
        mind, hearing = self.minds[name], self.hearings[name]
        # What is late may turn out to be the fault of its clock, until that is decided.
        told = mind.late_before if hearing.is_undecided(self.now.at) else len(mind.late)
        return Known(mind.remembered(), self.books[name].remembered(), hearing.remembered(), told)

    def _seen(self, links: tuple[str, ...]) -> int:
        found, since = [self.links[each] for each in links], self.sights[links].since
        return max(
            link.last.utc - min(link.lag, max(0, link.last.at - since))
            for link in found
            if link.up and link.last is not None
        )

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
                self._told.update({name: known.told for name, known in note.cameras.items()})


def _unsure(late: Iterable[Late]) -> list[Late]:
    return [each._replace(sure=False) for each in late]
