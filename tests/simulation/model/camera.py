"""A second opinion on one camera: what it is by the rules, from what reached camwatch, in whole milliseconds.

It shares no code with the core, and is told nothing of what the core thinks but how far it has settled its
accounts, and how it judged what the rules leave to judgement. Instants are on the axis of the process: its
UTC when it began, and steady time since.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from camwatch.core.model import Camera, Lifecycle
from tests.simulation.model.records import NEVER, Change, Late, Moment, Opened, Proof, Sight

IN_LEDGER = ("up", "down", "unknown")


@dataclass
class Mind:
    """One camera. `row` is None while it is not in the inventory."""

    name: str
    operator: str
    sight: Sight
    row: Camera | None = None
    interval: int = 0
    down_after: int = 0
    hold: int = 0
    life: str = ""
    since: int = NEVER  # of the present life
    since_utc: int = NEVER
    cause: str = ""  # of the outage
    proof: int = NEVER
    proof_utc: int = NEVER
    due: int = NEVER
    deadline: int = NEVER
    moved: bool = False  # due and deadline are not those of the last proof
    hint: str = ""
    hint_at: int = 0
    hint_until: int | None = 0  # None: the deadline, which a retained one does not shorten
    held: bool = False  # past its deadline, until sight is proven (S10)
    opened: tuple[Opened, ...] = ()  # when words came while it was down, that are no proofs
    unknown_upto: int = NEVER  # so far may unknown time out of sight be accounted
    hidden_to: int = NEVER  # when sight of it returned last
    via: str = ""  # the link that brought the last proof (S13)
    alone: int | None = None  # since when it is out of sight alone, as that link is lost
    row_at: int = NEVER
    dismissed: tuple[int, ...] = ()  # UTC: when it was retired, or came back as planned
    settled: int | None = None  # as the core said last
    settled_utc: int = NEVER
    floor: int = NEVER  # what was certain by deadlines that have changed since
    site: str = ""
    sites: tuple[tuple[int, str], ...] = ()  # UTC: since when it stood where; the first holds before it, too
    strayed: bool = False  # was put on another site while camwatch did not run
    changes: list[Change] = field(default_factory=list)
    proofs: list[tuple[int, int]] = field(default_factory=list)  # UTC, process
    late: list[Late] = field(default_factory=list)
    late_before: int = 0  # so many of these came before the last proof
    heartbeats: int = 0
    process: int = 0
    matched: int = 0  # so many changes were seen to be told
    marks: tuple[int, ...] = ()

    # --- what it is

    @property
    def serving(self) -> bool:
        """Whether its ledger runs."""
        return bool(self.changes) and self.changes[-1].life != ""

    @property
    def dark_since(self) -> int | None:
        """Since when it is out of sight; a proof that came through all the same counts (S3)."""
        blind = self.alone if self.sight.blind is None else self.sight.blind
        return None if blind is None else max(blind, self.proof)

    def certain(self, now: int) -> int:
        """Return up to when its present life is certain: nothing beyond is accounted (E5)."""
        dark, half = self.dark_since, self.interval // 2
        if self.life == "unknown":
            if dark is not None:
                return now
            limit = min(now, self.due)  # until sight returned nobody could know
            limit = max(min(limit, self.hint_at), self.due - self.interval) if self.hint else limit
            return min(now, limit)
        limit = min(now, max(self.sight.heard, self.proof))
        limit = limit if dark is None else min(limit, dark)
        if self.life == "up":
            limit = max(min(limit, self.proof + half), self.since)
        elif self.life == "down":
            limit -= half
            earliest = now - self.sight.lag - self.interval * 5 // 4
            back = max(self.opened[-1].at if self.opened else NEVER, self.hidden_to)
            if back >= earliest:
                limit = min(limit, back)
            limit = max(limit, self.since)  # it is one outage, seen on both sides of a blindness (S7)
        return min(limit, self.hint_at) if self.hint else limit

    @property
    def until(self) -> int:
        """When it is down if it stays silent (L3, L5), by the time at which messages are sent (S11)."""
        held = self.hint_until if self.hint else None
        return self.deadline if held is None else min(self.deadline, held)

    def thresholds(self) -> list[int]:
        """Return the instants at which something about it is decided next."""
        dark, lag = self.dark_since, self.sight.lag
        if dark is not None:
            return [dark + self.down_after]
        hints = [self.hint_until + lag] if self.hint and self.hint_until is not None else []
        return [self.due, self.due + lag, self.deadline + lag, *hints, self.until + lag + self.down_after]

    # --- what befalls it

    def passes(self, now: Moment) -> bool:
        """Let the loop look at it (V1, S4, L3); return whether its deadline has just passed."""
        if self.life == "planned":
            self._date(now)
            return False
        dark = self.dark_since
        if dark is not None:
            if self.life in ("up", "down") and now.at - dark >= self.down_after:
                self._loses_sight(dark, now)
            if self.alone is not None and now.at - self.alone >= self.down_after:  # S13
                self.alone = None
                if self.sight.blind is None:
                    self.sees_again(now, first=False)
            return False
        if self.life not in ("up", "unknown") or self.held or now.at < self.until + self.sight.lag:
            return False
        self.held = True
        return True

    def _loses_sight(self, dark: int, now: Moment) -> None:
        at = min(dark, self.proof + self.interval) if self.life == "up" else dark
        self._become("unknown", at, now)

    def falls(self, now: Moment) -> None:
        """Declare it down, now that sight is proven, unless it has given a proof meanwhile (S10, E1)."""
        self.held = False
        if self.dark_since is not None or self.life not in ("up", "unknown"):
            return
        if now.at < self.until + self.sight.lag:
            return
        self.opened = tuple(each for each in self.opened if each.at > self.proof)
        hint, hint_at, sign, back = self.hint, self.hint_at, self.proof, self.moved
        said_at = hint_at - self.sight.lag if hint == "goodbye" else hint_at
        self.cause = {"offline": "will", "goodbye": "goodbye"}.get(hint, "timeout")
        if back:  # what lies before the return is unknown, whatever hinted at it
            at = max(self.due - self.interval, min(self.due, hint_at)) if hint else self.due
            unproven = min(sign + self.interval, hint_at) if hint else sign + self.interval
            if self.life == "up" and unproven < at:
                self._become("unknown", unproven, now)
        elif hint and said_at - sign < self.interval * 3 // 2:
            at = max(sign, said_at)
        else:
            at = sign + self.interval // 2
        self._become("down", at, now, self.cause)

    def fades(self, now: Moment) -> None:
        """Be unknown, for nothing proves any more that it could be seen (S10)."""
        due = self.proof + self.interval
        self._become("unknown", min(due, self.hint_at) if self.hint else due, now)

    def proves(self, proof: Proof, now: Moment) -> None:
        """Take a proof of life (L1, L2, L4, E2, E3)."""
        if self.life == "planned":
            self._date(now)
        self.lived(proof.at, now)
        if self.life == "down":
            self._rises(proof, now)
        elif self.life != "up":
            # What is unknown is certain to be so up to now: how much of it is accounted, nobody prescribes.
            kept = self.sight.kept_since is not None
            self.unknown_upto = now.at if kept else NEVER
            self._become("up", proof.at, now, or_at=(proof.at, now.at) if kept else ())
        self.hint, self.opened, self.alone = "", (), None
        self._lives_at(proof.at, now)
        self.proofs.append((now.utc - (now.at - proof.at), self.process))
        self.late_before = len(self.late)

    def lived(self, at: int, now: Moment) -> None:
        """Take it that it lived at an instant: it was silent for too long, or came back out of sight (E3)."""
        kept = self.sight.kept_since
        if self.life == "up" and at - self.proof > self.down_after:
            self._become("unknown", self.proof + self.interval, now)
        elif self.life == "down" and kept is not None and kept <= at:
            self._become("unknown", kept, now)

    def _lives_at(self, at: int, now: Moment) -> None:
        if at < self.proof:
            return
        returned, moved = self.due - self.interval, self.deadline + at - self.proof
        self.proof, self.proof_utc = at, now.utc - (now.at - at)
        self.moved = self.moved and at <= returned and at < now.at  # it was said before sight returned
        if self.moved:
            self.deadline = min(moved, returned + self.down_after + self.interval)
        else:
            self.from_proof()

    def _rises(self, proof: Proof, now: Moment) -> None:
        at, half = proof.sent, proof.sent - self.interval // 2
        middle = half
        first = at - self.interval * 5 // 4
        unseen = self.hidden_to >= first
        booted = first if proof.uptime is None else at - proof.uptime
        if unseen:  # it was back then, or came back since
            half = max(half, self.hidden_to)
            at = self.hidden_to if proof.boot == "new" and booted <= self.hidden_to else at
        soonest = first - self.interval
        way = [each for each in self.opened if each.by >= first and soonest <= each.at <= proof.at]
        floors = {"new": [booted], "?": [NEVER, booted]}.get(proof.boot, [NEVER])
        run = [each.dated(proof.sent, max(floor, middle)) for floor in floors for each in way]
        silence = half if self.cause == "timeout" else at
        others: tuple[int, ...] = ()
        if run:
            at, others = run[0], (*run[1:], *((silence, half) if way[0] is not self.opened[0] else ()))
        elif proof.boot == "same":
            at = half if unseen else silence
        elif proof.boot == "?":
            others = (silence, half, self.hidden_to) if unseen else (silence,)
        self._become("up", at, now, or_at=others)

    def speaks_late(self, at: int, now: Moment) -> None:
        """Take a late heartbeat, sent at an instant (L8)."""
        if self.life in ("planned", "retired"):
            return
        self.lived(at, now)
        if self.life == "down":
            self.opened += (Opened(now.at - self.sight.lag, now.at),)
        if at <= self.proof:
            return
        self._lives_at(at, now)

    def greets(self, now: Moment) -> None:
        """Take an `online`: it is no proof (L1), but the way has opened (E2)."""
        self.hint = ""
        if self.life == "down" or (self.life in IN_LEDGER and not self.sight.lag):
            self.opened += (Opened(now.at - self.sight.lag, now.at),)

    def hints(self, word: str, now: Moment, *, retained: bool) -> None:
        """Take a last will or a goodbye (L5)."""
        if retained:
            if self.life == "unknown" and self.proof == NEVER and self.sight.why != "link":
                if not self.hint:
                    self.hint_at, self.hint_until = now.at, None
                self.hint = word
        elif self.life in ("unknown", "up"):
            if not self.hint or self.hint_until is None:
                self.hint_at, self.hint_until = now.at, now.at + self.hold
            self.hint = word

    def sees_again(self, now: Moment, *, first: bool) -> None:
        """Take it that sight returns (S4, S5, E3); called before the sight itself says so."""
        dark = self.dark_since
        if dark is not None:
            self.hidden_to, length = now.at, now.at - dark
            worn = self.life == "up" and now.at - self.proof > 2 * self.down_after
            if worn or (self.life in ("up", "down") and length >= self.down_after):
                self._loses_sight(dark, now)
            elif self.life == "up":
                self.shifts(length, now)
            elif self.life == "down":
                self._become("unknown", dark, now)
                self._become("down", now.at, now, self.cause)
            self._hint_through(dark, length, now)
        if first and not self.serving:
            self._enter(now.at, now)
        if self.life == "unknown":
            self._fresh(now.at)

    def doubts_clock(self) -> None:
        """Take it that what it said late since its last proof was a wrong clock's word (L8)."""
        late = self.late[self.late_before :]
        self.late[self.late_before :] = [each._replace(sure=False, wrong=True) for each in late]

    def shifts(self, length: int, now: Moment) -> None:
        """Have its deadline moved past a short blindness (S4)."""
        self.due = now.at + self.interval
        self.deadline = min(self.deadline + length + self.interval, self.due + self.down_after)
        self.moved = True

    def _hint_through(self, dark: int, length: int, now: Moment) -> None:
        # Where a link was lost, the hint goes: a broker that ends publishes wills of cameras that live (L5).
        if not self.hint:
            return
        why = self.sight.why if self.alone is None or self.sight.blind is not None else "link"
        if self.hint_at > dark and why != "link":
            self.hint_until = None if self.hint_until is None else now.at + self.hold
        elif why == "stall" and length < self.down_after:
            self.hint_until = self.hint_until and self.hint_until + length + self.interval
        else:
            self.hint = ""

    # --- who is watched

    def enrol(
        self, row: Camera | None, now: Moment, deadlines: tuple[int, int, int], *, started: bool
    ) -> None:
        """Take what the inventory says (V1, V2, V6); `deadlines`: interval, down_after, hold."""
        if row is None:
            if self.row is not None:
                self._leave(now)
            self.row = None
            return
        new = self.row is None
        if row != self.row:
            self.row_at = now.at
        if self.serving and not new:  # what was certain by the old deadlines stays so
            self.floor = max(self.floor, min(self.certain(now.at), now.at - self.sight.lag))
        self._stands(row.site, now, started=started)
        self.row = row
        if self.interval not in (0, deadlines[0]):  # how far a run of late ones reaches is told later
            self.late[:] = [late._replace(sure=False) for late in self.late]
        self.interval, self.down_after, self.hold = deadlines
        if not self.moved:
            self.from_proof()
        wanted = self._by_inventory(row, now)
        away = started and self.life == "planned" and wanted == "unknown"  # its date passed meanwhile
        if away:
            self.row_at = NEVER
        elif new:
            self.life = wanted
            self.dismissed += () if wanted == "unknown" else (now.utc,)
        dark = self.dark_since
        if started and dark is not None and now.at - dark >= self.down_after and self.life in ("up", "down"):
            self._loses_sight(dark, now)
        self._turn(wanted, now, unseen=away)

    def _stands(self, site: str, now: Moment, *, started: bool) -> None:
        """Take where it stands (V7)."""
        self.strayed = started and self.site not in ("", site)
        if self.site != site:
            self.sites += ((now.utc, site),)
        self.site = site

    def _turn(self, wanted: str, now: Moment, *, unseen: bool) -> None:
        if wanted == "retired" and self.life != "retired":
            self._out("retired", now)
        elif wanted == "planned":
            if (self.proof == NEVER or self.life == "retired") and self.life not in ("planned", "up"):
                self._out("planned", now)
        elif wanted == "unknown":
            if self.life in ("planned", "retired"):
                self._in_service(now.at if self.life == "retired" else self._dated(now), now, unseen=unseen)
            elif not self.serving:
                self._enter(now.at, now)

    def _by_inventory(self, row: Camera, now: Moment) -> str:
        if row.lifecycle is Lifecycle.RETIRED:
            return "retired"
        if row.in_service_from_ms is not None:
            return "unknown" if row.in_service_from_ms <= now.utc else "planned"
        return "planned" if row.lifecycle is Lifecycle.PLANNED else "unknown"

    def _date(self, now: Moment) -> None:
        """Enter service if the date has come (V1)."""
        assert self.row is not None
        date = self.row.in_service_from_ms
        if date is not None and date <= now.utc:
            self._in_service(self._dated(now), now)

    def _dated(self, now: Moment) -> int:
        assert self.row is not None
        date = self.row.in_service_from_ms
        return self.row_at if date is None else max(self.row_at, now.at - (now.utc - date))

    def _in_service(self, at: int, now: Moment, *, unseen: bool = False) -> None:
        self.life, self.hint = "unknown", ""
        self._enter(at, now, unseen=unseen)

    def _enter(self, at: int, now: Moment, *, unseen: bool = False) -> None:
        if self.life in IN_LEDGER and (self.sight.began or self.life == "up" or unseen):
            hint = self.hint
            self._become(self.life, at, now)
            self.hint = hint  # that it enters service is no news of the camera
            if self.life == "unknown" and self.sight.blind is None:
                self._fresh(max(at, self.sight.since))

    def _out(self, life: str, now: Moment) -> None:
        if self.serving:
            self._become("", now.at, now)
        self.dismissed += (now.utc,)
        self.life, self.hint, self.held = life, "", False

    def _leave(self, now: Moment) -> None:
        """Leave the inventory: what is not certain yet is in no account."""
        if self.serving:
            self._become("", max(self.certain(now.at), self.floor), now)
        self.forget()

    def ends_at_settled(self, now: Moment) -> None:
        """Have left the inventory while camwatch did not run: its ledger ends where it was known last."""
        assert self.settled is not None
        self._become("", self.settled, now)
        self.forget()
        self.row = None

    def forget(self) -> None:
        """Begin anew, as a camera that was never seen: only its account goes on."""
        self.life, self.hint, self.held, self.moved = "", "", False, False
        self.proof = self.proof_utc = self.due = self.deadline = self.floor = NEVER
        self.opened, self.via, self.alone, self.settled = (), "", None, None
        self.hidden_to = NEVER

    # --- how it is noted

    def from_proof(self) -> None:
        """Set the deadlines that its last proof grants (L2)."""
        if self.proof != NEVER:
            self.due, self.deadline = self.proof + self.interval, self.proof + self.down_after

    def _fresh(self, start: int) -> None:
        self.due, self.deadline, self.moved = start + self.interval, start + self.down_after, True

    def _become(self, life: str, at: int, now: Moment, cause: str = "", or_at: tuple[int, ...] = ()) -> None:
        """Change its life at an instant, not within what is settled already."""
        at = self._allowed(at, now)
        utc = max(now.utc - (now.at - at), self.since_utc)
        floor = max(self.since, NEVER if self.settled is None else self.settled)
        others = tuple(max(min(each, now.at), floor) for each in or_at)
        self.changes.append(Change(at, utc, life, cause, now.at, others))
        self.since, self.since_utc = at, utc
        self.life = life or self.life
        self.hint, self.held = "", False

    def _allowed(self, at: int, now: Moment) -> int:
        at = at if self.settled is None else max(at, self.settled, self.floor)
        return max(min(at, now.at), self.since)

    def settles_for(self, at: int, number: int) -> None:
        """Take it that a change, the last one, was at another instant that is right as well."""
        if number == len(self.changes) and at in self.changes[-1].or_at:
            last = self.changes[-1]
            self.since, self.since_utc = at, last.utc + at - last.at
            self.changes[-1] = last._replace(at=at, utc=self.since_utc)

    # --- what a crash leaves

    @property
    def _grown(self) -> tuple[list[Any], ...]:
        return (self.changes, self.proofs, self.late)

    def remembered(self) -> Mind:
        """Return what is known now, to go back to; what only grows is shared."""
        twin = copy.copy(self)
        twin.marks = tuple(len(grown) for grown in self._grown)
        return twin

    def forgetting(self) -> Mind:
        """Return what was remembered, as its own again: what came since is forgotten."""
        for grown, mark in zip(self._grown, self.marks, strict=True):
            del grown[mark:]
        return copy.copy(self)
