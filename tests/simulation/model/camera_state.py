"""State of the model of one camera: what is certain, how its status changes, what a restart restores."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any, Self

from camwatch.core.model import Camera
from tests.simulation.model.records import NEVER, GroupModel, LateHeartbeat, Moment, Return, StatusChange

ACCOUNTED = ("up", "down", "unknown")


@dataclass
class CameraState:
    """One camera. `row` is None while it is not in the inventory."""

    name: str
    operator: str
    group: GroupModel
    row: Camera | None = None
    interval: int = 0
    down_after: int = 0
    will_grace: int = 0
    status: str = ""
    since: int = NEVER  # of the present status
    since_utc: int = NEVER
    cause: str = ""  # of the outage
    proof: int = NEVER
    proof_utc: int = NEVER
    due: int = NEVER
    deadline: int = NEVER
    deadline_moved: bool = False  # due and deadline are not those of the last proof
    hint: str = ""
    hint_at: int = 0
    hint_until: int | None = 0  # None: the deadline, which a retained one does not shorten
    held: bool = False  # past its deadline, until visibility is proven (S10)
    returns: tuple[Return, ...] = ()  # messages other than proofs while it was down
    unknown_until: int = NEVER  # up to when unknown time in a gap may be accounted
    hidden_to: int = NEVER  # when it last became visible again
    proof_link: str = ""  # the link that brought the last proof (S13)
    proof_link_down_since: int | None = None  # that link is lost, others are not
    row_at: int = NEVER
    dismissed: tuple[int, ...] = ()  # UTC: when it was retired, or came back as planned
    accounted: int | None = None  # as last reported by the core
    accounted_utc: int = NEVER
    floor: int = NEVER  # certain by deadlines that have changed since
    site: str = ""
    sites: tuple[tuple[int, str], ...] = ()  # UTC of each move, new site; the first also applies before
    moved_while_stopped: bool = False  # its site changed while camwatch was stopped
    changes: list[StatusChange] = field(default_factory=list)
    proofs: list[tuple[int, int]] = field(default_factory=list)  # UTC, process
    late: list[LateHeartbeat] = field(default_factory=list)
    late_before: int = 0  # how many of these arrived before the last proof
    heartbeats: int = 0
    process: int = 0
    compared: int = 0  # how many changes have been compared
    lengths: tuple[int, ...] = ()

    # --- state

    @property
    def in_service(self) -> bool:
        """Whether its status time is counted."""
        return bool(self.changes) and self.changes[-1].status != ""

    @property
    def gap_start(self) -> int | None:
        """When it stopped being visible; None: it is. A proof received all the same counts (S3)."""
        gap_start = self.proof_link_down_since if self.group.gap_start is None else self.group.gap_start
        return None if gap_start is None else max(gap_start, self.proof)

    def certain(self, now: int) -> int:
        """Return up to when its present status is certain: nothing beyond is accounted (E5)."""
        gap_start, half = self.gap_start, self.interval // 2
        if self.status == "unknown":
            if gap_start is not None:
                return now
            limit = min(now, self.due)  # nothing is known from before it was visible again
            limit = max(min(limit, self.hint_at), self.due - self.interval) if self.hint else limit
            return min(now, limit)
        limit = min(now, max(self.group.delivered_until, self.proof))
        limit = limit if gap_start is None else min(limit, gap_start)
        if self.status == "up":
            limit = max(min(limit, self.proof + half), self.since)
        elif self.status == "down":
            limit -= half
            earliest = now - self.group.lag - self.interval * 5 // 4
            back = max(self.returns[-1].at if self.returns else NEVER, self.hidden_to)
            if back >= earliest:
                limit = min(limit, back)
            limit = max(limit, self.since)  # one outage, on both sides of a gap (S7)
        return min(limit, self.hint_at) if self.hint else limit

    @property
    def decision_deadline(self) -> int:
        """When it is declared down unless it gives a proof (L3, L5), in event time (S11)."""
        held = self.hint_until if self.hint else None
        return self.deadline if held is None else min(self.deadline, held)

    def decides_in(self, near: range) -> bool:
        """Return whether one of the next decisions is due within these instants."""
        gap_start, lag = self.gap_start, self.group.lag
        if gap_start is not None:
            return gap_start + self.down_after in near
        return (
            self.due in near
            or self.due + lag in near
            or self.deadline + lag in near
            or (bool(self.hint) and self.hint_until is not None and self.hint_until + lag in near)
            or self.decision_deadline + lag + self.down_after in near
        )

    def forget(self) -> None:
        """Start over as an unseen camera; only its status time goes on."""
        self.status, self.hint, self.held, self.deadline_moved = "", "", False, False
        self.proof = self.proof_utc = self.due = self.deadline = self.floor = NEVER
        self.returns, self.proof_link, self.proof_link_down_since, self.accounted = (), "", None, None
        self.hidden_to = NEVER

    # --- helpers

    def deadline_from_proof(self) -> None:
        """Set the deadlines that follow from its last proof (L2)."""
        if self.proof != NEVER:
            self.due, self.deadline = self.proof + self.interval, self.proof + self.down_after

    def _restart_deadline(self, start: int) -> None:
        self.due, self.deadline, self.deadline_moved = start + self.interval, start + self.down_after, True

    def _change_status(
        self, status: str, at: int, now: Moment, cause: str = "", alternatives: tuple[int, ...] = ()
    ) -> None:
        """Change the status at an instant, but not within accounted time."""
        at = self._clamp(at, now)
        utc = max(now.utc - (now.at - at), self.since_utc)
        floor = max(self.since, NEVER if self.accounted is None else self.accounted)
        others = tuple(max(min(each, now.at), floor) for each in alternatives)
        self.changes.append(StatusChange(at, utc, status, cause, now.at, others))
        self.since, self.since_utc = at, utc
        self.status = status or self.status
        self.hint, self.held = "", False

    def _clamp(self, at: int, now: Moment) -> int:
        at = at if self.accounted is None else max(at, self.accounted, self.floor)
        return max(min(at, now.at), self.since)

    def accept_alternative(self, at: int, number: int) -> None:
        """Move the last change to another instant that the rules allow."""
        if number == len(self.changes) and at in self.changes[-1].alternatives:
            last = self.changes[-1]
            self.since, self.since_utc = at, last.utc + at - last.at
            self.changes[-1] = last._replace(at=at, utc=self.since_utc)

    # --- restarts

    @property
    def _append_only(self) -> tuple[list[Any], ...]:
        return (self.changes, self.proofs, self.late)

    def snapshot(self) -> Self:
        """Return a copy to restore later; append-only lists are shared."""
        twin = copy.copy(self)
        twin.lengths = tuple(len(grown) for grown in self._append_only)
        return twin

    def restore(self) -> Self:
        """Return this snapshot as a live model; drop what was appended since."""
        for grown, mark in zip(self._append_only, self.lengths, strict=True):
            del grown[mark:]
        return copy.copy(self)
