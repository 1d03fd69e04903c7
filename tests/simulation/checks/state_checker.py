"""Looks at the daemon after every step, and compares what it holds with the second opinion."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import NamedTuple

from camwatch.core.checkpoint_model import EMPTY, CameraCheckpoint
from camwatch.core.events import Backfill, Event, MonitoringGap, OutageEvent, ServicePeriodEvent, Transition
from camwatch.core.model import GapCause
from camwatch.core.state import CameraState
from tests.simulation.checks import history_checker
from tests.simulation.checks.stored_history import Told, collapsed, recall
from tests.simulation.model.camera import Mind
from tests.simulation.model.fleet import Opinion
from tests.simulation.model.records import Piece
from tests.simulation.plans.plan import PARIS
from tests.simulation.world.daemon_process import Process

_CLOCK = GapCause.CLOCK_STEP
LEDGER = ("up", "down", "unknown", "maintenance")
_COUNTED = (*LEDGER, "degraded", "heartbeats", "outages", "reboots")


class ViolationError(Exception):
    """The daemon did not do what the rules say."""


class Seen(NamedTuple):
    """What the daemon told: from `at` (`utc` in the record) on the camera was this; empty: no ledger."""

    at: int
    utc: int
    status: str
    cause: str
    noticed: int


@dataclass
class Tally:
    """What was looked at, for the summary."""

    steps: int = 0
    heartbeats: int = 0
    transitions: int = 0
    outages: int = 0
    fills: int = 0
    judgements: int = 0  # heartbeats of which nothing was expected


class Witness:
    """Checks one simulation. `zero` turns the core's monotonic milliseconds into the axis."""

    def __init__(self, opinion: Opinion) -> None:
        self.opinion = opinion
        self.tally = Tally()
        self.digest = hashlib.sha256()
        self.zero = 0
        self.seen: dict[str, list[Seen]] = {}
        self.blinds = 0
        self._pending: dict[str, Seen] = {}
        self._stored: dict[str, CameraCheckpoint] = {}

    def starts(self, process: Process) -> None:
        """Hold what the store tells a new process against what it was given (S6)."""
        recalled = recall(process.store)
        self._pending.clear()
        self.seen = {}
        for name, mind in self.opinion.minds.items():
            told = recalled.cameras.pop(name, [])
            self.seen[name] = [Seen(each.utc, *each) for each in told]
            self._recalled(mind, told)
        if recalled.cameras:
            raise ViolationError(f"the store tells of {sorted(recalled.cameras)}, which it was not given")
        due = [tuple(blind) for blind in self.opinion.blinds]
        if sorted(recalled.blinds) != sorted(due):
            raise ViolationError(f"the store tells of the blindness {recalled.blinds}; should be {due}")
        self.blinds = len(due)

    def _recalled(self, mind: Mind, told: list[Told]) -> None:
        cover = self.opinion.books[mind.name].cover
        if not cover:
            due = [(each.utc, each.life, each.cause) for each in mind.changes]
            if [each[:3] for each in told] != due:
                self.fail(mind, f"the store tells {told}; should be {due}")
        mind.matched = len(told)

    # --- after every step

    def check(self, process: Process, cameras: Iterable[str] | None = None) -> None:
        """Check these cameras (None: all), and whatever was told."""
        self.tally.steps += 1
        told = process.told
        if told:
            for event in told:
                self.digest.update(repr(event).encode())
                self._take(event)
            touched = {event.camera for event in told if isinstance(event, (Transition, ServicePeriodEvent))}
            self._blinded(
                [each for each in told if isinstance(each, MonitoringGap) and each.cause is not _CLOCK]
            )
            told.clear()
            cameras = None if cameras is None else touched.union(cameras)
        states = process.watcher.fleet.cameras
        for name in sorted(states) if cameras is None else sorted(cameras & states.keys()):
            self._camera(states[name], self.opinion.minds[name])

    def _camera(self, state: CameraState, mind: Mind) -> None:
        if state.underlying_status.value != mind.life:
            self.fail(mind, f"is {state.underlying_status}, but should be {mind.life}")
        if state.heartbeats != mind.heartbeats:
            self.fail(mind, f"{state.heartbeats} heartbeats are counted, {mind.heartbeats} were proofs")
        if len(mind.changes) != mind.matched or len(self.seen.get(mind.name, ())) != mind.matched:
            self._changes(mind)
        settled = None if state.accounted_until_ms is None else state.accounted_until_ms - self.zero
        if settled != mind.settled or (settled is None) is mind.serving:
            self._account(state, mind, settled)
        if state.persisted is not self._stored.get(mind.name):
            self._export(state, mind)

    def _export(self, state: CameraState, mind: Mind) -> None:
        """See that exported counters never decrease, within a run or through a restart."""
        before, self._stored[mind.name] = self._stored.get(mind.name, EMPTY), state.persisted
        for name in _COUNTED:
            old, new = getattr(before, name), getattr(state.persisted, name)
            if new < old:
                self.fail(mind, f"the exported counter {name} fell from {old} to {new}")

    def _account(self, state: CameraState, mind: Mind, settled: int | None) -> None:
        """A1, T3: each millisecond settled is in the account where it belongs, if it is certain."""
        now, book = self.opinion.now, self.opinion.books[mind.name]
        to_utc = now.utc - now.at
        if settled is None:
            if mind.serving:
                self.fail(mind, "has no ledger, but should")
            book.close(mind.changes, to_utc)
        else:
            if not mind.serving:
                self.fail(mind, "has a ledger, but should not")
            least = settled if mind.settled is None else mind.settled
            if not least <= settled <= max(mind.certain(now.at), mind.floor, mind.unknown_upto, least):
                certain = self.shown(mind.certain(now.at))
                self.fail(mind, f"accounted up to {self.shown(settled)}, certain is {certain}")
            book.settle(mind.changes, settled, to_utc)
        mind.settled = settled
        for name in LEDGER:
            if getattr(state.status_time, name) != book.spent[name]:
                self.fail(mind, f"the account is {state.status_time}, but should be {book.spent}")

    def _changes(self, mind: Mind) -> None:
        """L3-L5, S3-S5, V1: every transition there should be, at its instant, and no other."""
        if self.opinion.books[mind.name].cover:
            self._settles(mind)
            return  # maintenance lies over it: compared when its edges are certain
        seen = self.seen.setdefault(mind.name, [])
        first = mind.matched
        for found in seen[first:]:
            mind.settles_for(found.at, len(seen))
        for found, due in zip(seen[first:], mind.changes[first:], strict=False):
            if found[:4] != due[:4] or not due.noticed <= found.noticed <= due.noticed:
                self.fail(mind, f"told was {self._said(*found)}; should be {self._said(*due[:5])}")
        if len(seen) != len(mind.changes):
            extra = [self._said(*each) for each in seen[len(mind.changes) :]]
            extra += [self._said(*each[:5]) for each in mind.changes[len(seen) :]]
            self.fail(mind, f"told are {len(seen)} changes, should be {len(mind.changes)}: {extra}")
        mind.matched = len(seen)

    def _settles(self, mind: Mind) -> None:
        """Take the daemon's word, under maintenance too, for an instant that is a matter of judgement.

        What was not told was hidden by a window: any instant within one is as good then.
        """
        last = mind.changes[-1]
        told = [each.at for each in self.seen.get(mind.name, ()) if each.status == last.life]
        if not last.or_at or last.at in told:
            return
        to_utc, cover = last.utc - last.at, self.opinion.books[mind.name].cover
        hidden = [at for at in (last.at, *last.or_at) if history_checker.inside(cover, at + to_utc)]
        found = next((at for at in (*reversed(told), *hidden) if at in (last.at, *last.or_at)), None)
        if found is not None:
            mind.settles_for(found, len(mind.changes))

    # --- when everything was put down

    def settled(self, process: Process) -> None:
        """Check what is certain now that all accounts are settled: maintenance, outages, how far they go."""
        now = self.opinion.now
        for name, state in process.watcher.fleet.cameras.items():
            mind, book = self.opinion.minds[name], self.opinion.books[name]
            lags = mind.sight.lag or any(self.opinion.links[each].late for each in mind.sight.links)
            if (
                mind.settled is not None
                and not lags
                and not (mind.life == "down" and mind.opened)
                and mind.settled < min(mind.certain(now.at), now.at)
            ):
                self.fail(mind, f"accounted up to {self.shown(mind.settled)} only")
            until = now.utc if mind.settled is None else mind.settled + now.utc - now.at
            judged = history_checker.judged(mind, book, until)
            count = len(history_checker.outages(judged, over=not mind.serving, dismissed=mind.dismissed))
            if state.outages != count:
                self.fail(mind, f"{state.outages} outages are counted, should be {count}")
            if book.cover:
                self._maintained(mind, judged, until)

    def _maintained(self, mind: Mind, judged: list[Piece], until: int) -> None:
        """V3: a window lies over what the life signs say, from its first millisecond to its last."""
        lasting = (piece for piece in judged if piece.start < until and piece.start < piece.end)
        joined = history_checker.painted(lasting, (), "", "")
        due = [Told(piece.start, piece.status, piece.cause, 0) for piece in joined]
        seen = [
            Told(each.utc, each.status, each.cause, 0)
            for each in self.seen.get(mind.name, ())
            if each.utc < until
        ]
        found = [each for each in collapsed(seen) if each.status]
        if found != due:
            apart = next(number for number, pair in enumerate(zip_longest(found, due)) if pair[0] != pair[1])
            self.fail(mind, f"under maintenance it was {found[apart:][:2]}; should be {due[apart:][:2]}")

    # --- what was told

    def _take(self, event: Event) -> None:
        if isinstance(event, Transition):
            self._moved(event)
        elif isinstance(event, ServicePeriodEvent):
            self._served(event)
        elif isinstance(event, OutageEvent):
            self.tally.outages += event.opened
        elif isinstance(event, Backfill):
            self.tally.fills += 1

    def _moved(self, event: Transition) -> None:
        self.tally.transitions += 1
        cause = event.cause.value if event.cause else ""
        seen = self._seen(event, event.new.value, cause)
        told = self.seen.setdefault(event.camera, [])
        if told and told[-1].status:
            if event.new.value in LEDGER:
                told.append(seen)
        else:
            self._pending[event.camera] = seen

    def _served(self, event: ServicePeriodEvent) -> None:
        told = self.seen.setdefault(event.camera, [])
        pending = self._pending.pop(event.camera, None)
        seen = self._seen(event, event.status.value if event.started else "", "")
        if event.started and pending is not None and pending[:3] == seen[:3]:
            seen = pending
        told.append(seen)

    def _seen(self, event: Transition | ServicePeriodEvent, status: str, cause: str) -> Seen:
        noticed = event.detected_at if isinstance(event, Transition) else None
        at = round(event.at.mono * 1000) - self.zero
        when = self.opinion.now.at if noticed is None else round(noticed.mono * 1000) - self.zero
        return Seen(at, event.at.utc_ms, status, cause, when)

    def _blinded(self, told: list[MonitoringGap]) -> None:
        """S3, S6, S8: what could not be seen, from the last packet to the subscription."""
        found = sorted(
            (each.operators, each.links, each.cause.value, each.began.utc_ms, each.ended.utc_ms)
            for each in told
        )
        due = sorted(map(tuple, self.opinion.blinds[self.blinds :]))
        self.blinds = len(self.opinion.blinds)
        if found != due:
            raise ViolationError(f"told was the blindness {found}; should be {due}")

    # --- in words

    def fail(self, mind: Mind, problem: str) -> None:
        """Raise what is wrong with a camera."""
        raise ViolationError(f"{mind.name} at {self.shown(self.opinion.now.at)}: {problem}")

    def shown(self, at: int) -> str:
        """Write an instant as people do."""
        if abs(at) > 1 << 50:
            return "never"
        return datetime.fromtimestamp(at / 1000, PARIS).isoformat(" ", "milliseconds")

    def _said(self, at: int, utc: int, status: str, cause: str, noticed: int) -> str:
        apart = f" (recorded as {self.shown(utc)})" if utc != at else ""
        why = f" by {cause}" if cause else ""
        return f"{status or 'out of service'}{why} since {self.shown(at)}{apart}, known {self.shown(noticed)}"
