"""A second opinion on one camera: what it is by the rules, from what reached camwatch, in whole milliseconds.

It shares no code with the core, and is told nothing of what the core thinks but how far it has settled its
accounts. Instants are on the axis of the process: its UTC when it began, and steady time since.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from camwatch.core.model import Camera, Lifecycle

NEVER = -(1 << 60)
IN_LEDGER = ("up", "down", "unknown")


class Moment(NamedTuple):
    """An instant on the axis, and the UTC that camwatch showed."""

    at: int
    utc: int


class Change(NamedTuple):
    """From `at` on (and `utc`, in the record) the camera was `life`; empty: out of the ledger."""

    at: int
    utc: int
    life: str
    cause: str
    noticed: int


class Late(NamedTuple):
    """A late heartbeat: when it was sent, by camwatch's clock; its camera's `interval`; who took it.

    Not `sure`: what it fills is a matter of judgement, or a crash may have made camwatch forget it.
    """

    utc: int
    interval: int
    process: int
    sure: bool


@dataclass
class Sight:
    """What the links that carry the same cameras see; `blind`: since when nothing, None: in sight.

    `seen_before`: an earlier process saw them. `why` they can not be seen now.
    """

    links: tuple[str, ...]
    blind: int | None
    blind_utc: int
    heard: int
    why: str
    seen_before: bool
    began: bool = False
    since: int = NEVER
    operators: tuple[str, ...] = ()


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
    proof: int = NEVER
    proof_utc: int = NEVER
    due: int = NEVER
    deadline: int = NEVER
    moved: bool = False  # due and deadline are not those of the last proof
    hint: str = ""
    hint_at: int = 0
    hint_until: int = 0
    held: bool = False  # past its deadline, until sight is proven (S10)
    row_at: int = NEVER
    settled: int | None = None  # as the core said last
    settled_utc: int = NEVER
    floor: int = NEVER  # what was certain by deadlines that have changed since
    site: str = ""
    strayed: bool = False  # was put on another site while camwatch did not run
    tampered: bool = False
    off: bool = False  # its clock is wrong by more than 5 s (C3)
    changes: list[Change] = field(default_factory=list)
    proofs: list[tuple[int, int]] = field(default_factory=list)  # UTC, process
    late: list[Late] = field(default_factory=list)
    ill: list[tuple[int, bool]] = field(default_factory=list)
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
        return None if self.sight.blind is None else max(self.sight.blind, self.proof)

    def certain(self, now: int) -> int:
        """Return up to when its present life is certain: nothing beyond is accounted (ADR 5)."""
        dark = self.dark_since
        if self.life == "unknown":
            if dark is not None:
                return now
            limit = min(now, self.due)
        else:
            limit = min(now, max(self.sight.heard, self.proof))
            limit = limit if dark is None else min(limit, dark)
            if self.life == "up":
                limit = min(limit, self.due)
        return min(limit, self.hint_at) if self.hint else limit

    @property
    def until(self) -> int:
        """When it is down if it stays silent (L3, L5)."""
        return min(self.deadline, self.hint_until) if self.hint else self.deadline

    def thresholds(self) -> list[int]:
        """Return the instants at which something about it is decided next."""
        dark = self.dark_since
        if dark is not None:
            return [dark + self.down_after] if self.life in ("up", "down") else []
        return [self.due, self.deadline, *([self.hint_until] if self.hint else ())]

    # --- what befalls it

    def passes(self, now: Moment) -> bool:
        """Let the loop look at it (V1, S4, L3); return whether its deadline has just passed."""
        if self.life == "planned":
            self._date(now)
            return False
        dark = self.dark_since
        if dark is not None:
            if self.life in ("up", "down") and now.at - dark >= self.down_after:
                self._become("unknown", dark, now)
            return False
        if self.life not in ("up", "unknown") or self.held or now.at < self.until:
            return False
        self.held = True
        return True

    def convicts(self, now: Moment) -> None:
        """Convict it, now that sight is proven, unless it has given a proof meanwhile (S10)."""
        self.held = False
        if self.dark_since is not None or self.life not in ("up", "unknown") or now.at < self.until:
            return
        at = min(self.hint_at, self.due) if self.hint else self.due
        cause = {"offline": "will", "goodbye": "goodbye"}.get(self.hint, "timeout")
        self._become("down", at, now, cause)

    def proves(self, now: Moment) -> None:
        """Take a proof of life (L1, L2, L4)."""
        if self.life == "planned":
            self._date(now)
        self.proof, self.proof_utc, self.moved = now.at, now.utc, False
        self.proofs.append((now.utc, self.process))
        self.from_proof()
        self.hint = ""
        if self.life != "up":
            self._become("up", now.at, now)

    def hints(self, word: str, now: Moment, *, retained: bool) -> None:
        """Take a last will or a goodbye (L5)."""
        kept = retained and self.sight.why == "link"  # it may be such a will
        if (self.life == "unknown" and not kept) or (self.life == "up" and not retained):
            if not self.hint:
                self.hint_at, self.hint_until = now.at, now.at + self.hold
            self.hint = word

    def sees_again(self, now: Moment, *, first: bool) -> None:
        """Take it that sight returns (S4, S5); called before the sight itself says so."""
        dark = self.dark_since
        if dark is not None:
            length = now.at - dark
            if self.life in ("up", "down") and length >= self.down_after:
                self._become("unknown", dark, now)
            elif self.life == "up":
                if dark <= self.due < now.at:
                    self.due = now.at + self.interval
                self.deadline += length + self.interval
                self.moved = True
            self._hint_through(dark, length, now)
        if first and not self.serving:
            self._enter(now.at, now)
        if self.life == "unknown":
            self._fresh(now.at)

    def _hint_through(self, dark: int, length: int, now: Moment) -> None:
        # Where a link was lost, the hint goes: a broker that ends publishes wills of cameras that live (L5).
        if not self.hint:
            return
        if self.hint_at > dark and self.sight.why != "link":
            self.hint_until = now.at + self.hold
        elif self.sight.why == "stall" and length < self.down_after:
            self.hint_until += length + self.interval
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
            self.floor = max(self.floor, self.certain(now.at))
        self.strayed = started and self.site not in ("", row.site)
        self.row, self.site = row, row.site
        if self.interval not in (0, deadlines[0]):  # how far a run of late ones reaches is told later
            reach = max(self.interval, deadlines[0])
            self.late[:] = [late._replace(sure=False, interval=reach) for late in self.late]
        self.interval, self.down_after, self.hold = deadlines
        if not self.moved:
            self.from_proof()
        wanted = self._by_inventory(row, now)
        if new:
            self.life = wanted
        dark = self.dark_since
        long = dark is not None and now.at - dark >= self.down_after
        if started and dark is not None and long and self.life in ("up", "down"):
            self._become("unknown", dark, now)
        self._turn(wanted, now)

    def _turn(self, wanted: str, now: Moment) -> None:
        if wanted == "retired" and self.life != "retired":
            self._out("retired", now)
        elif wanted == "planned":
            if (self.proof == NEVER or self.life == "retired") and self.life not in ("planned", "up"):
                self._out("planned", now)
        elif wanted == "unknown":
            if self.life in ("planned", "retired"):
                self._in_service(now.at if self.life == "retired" else self._dated(now), now)
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

    def _in_service(self, at: int, now: Moment) -> None:
        self.life = "unknown"
        self.hint = ""
        self._enter(at, now)

    def _enter(self, at: int, now: Moment) -> None:
        if self.life in IN_LEDGER and (self.sight.began or self.life == "up"):
            self._become(self.life, at, now)
            if self.life == "unknown" and self.sight.blind is None:
                self._fresh(max(at, self.sight.since))

    def _out(self, life: str, now: Moment) -> None:
        if self.serving:
            self._become("", now.at, now)
        self.life, self.hint, self.held = life, "", False

    def _leave(self, now: Moment) -> None:
        """Leave the inventory: what is not certain yet is in no account."""
        if self.serving:
            self._become("", self.certain(now.at), now)
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
        self.tampered = self.off = False
        self.proof = self.proof_utc = self.due = self.deadline = self.floor = NEVER
        self.settled = None

    # --- how it is noted

    def from_proof(self) -> None:
        """Set the deadlines that its last proof grants (L2)."""
        if self.proof != NEVER:
            self.due, self.deadline = self.proof + self.interval, self.proof + self.down_after

    def _fresh(self, start: int) -> None:
        self.due, self.deadline, self.moved = start + self.interval, start + self.down_after, True

    def _become(self, life: str, at: int, now: Moment, cause: str = "") -> None:
        """Change its life at an instant, not within what is settled already."""
        if self.settled is not None:
            at = max(at, self.settled, self.floor)
        at = min(at, now.at)
        utc = max(now.utc - (now.at - at), self.since_utc)
        at = max(at, self.since)
        self.changes.append(Change(at, utc, life, cause, now.at))
        self.since, self.since_utc = at, utc
        self.life = life or self.life
        self.hint, self.held = "", False

    # --- what a crash leaves

    @property
    def _grown(self) -> tuple[list[Any], ...]:
        return (self.changes, self.proofs, self.late, self.ill)

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
