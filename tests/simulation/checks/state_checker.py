"""Compares the daemon's state, events and exported counters with the model after every step."""

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
from tests.simulation.checks.stored_history import StoredChange, collapsed, read_back
from tests.simulation.model.camera import CameraModel
from tests.simulation.model.fleet import FleetModel
from tests.simulation.model.records import StatusSpan
from tests.simulation.plans.plan import PARIS
from tests.simulation.world.daemon_process import DaemonProcess

_CLOCK = GapCause.CLOCK_STEP
STATUSES = ("up", "down", "unknown", "maintenance")
_COUNTED = (*STATUSES, "degraded", "heartbeats", "outages", "reboots")


class ViolationError(Exception):
    """The daemon broke a rule."""


class EmittedChange(NamedTuple):
    """An emitted change: `status` from `at` (`utc` in the record) on; empty: out of service."""

    at: int
    utc: int
    status: str
    cause: str
    detected: int


@dataclass
class Counts:
    """Figures for the summary."""

    steps: int = 0
    heartbeats: int = 0
    transitions: int = 0
    outages: int = 0
    fills: int = 0
    judgements: int = 0  # heartbeats without an expected verdict


class StateChecker:
    """Checks one simulation. `zero` converts the core's monotonic milliseconds to the axis."""

    def __init__(self, model: FleetModel) -> None:
        self.model = model
        self.tally = Counts()
        self.digest = hashlib.sha256()
        self.zero = 0
        self.seen: dict[str, list[EmittedChange]] = {}
        self.gaps = 0
        self._pending: dict[str, EmittedChange] = {}
        self._stored: dict[str, CameraCheckpoint] = {}

    def check_start(self, process: DaemonProcess) -> None:
        """Compare what the store returns to a new process with what was written to it (S6)."""
        stored = read_back(process.store)
        self._pending.clear()
        self.seen = {}
        for name, expected in self.model.cameras.items():
            emitted = stored.cameras.pop(name, [])
            self.seen[name] = [EmittedChange(each.utc, *each) for each in emitted]
            self._check_stored(expected, emitted)
        if stored.cameras:
            raise ViolationError(f"stored but never written: {sorted(stored.cameras)}")
        due = [tuple(gap_start) for gap_start in self.model.gaps]
        if sorted(stored.gaps) != sorted(due):
            raise ViolationError(f"stored gaps are {stored.gaps}; expected {due}")
        self.gaps = len(due)

    def _check_stored(self, expected: CameraModel, emitted: list[StoredChange]) -> None:
        cover = self.model.status_times[expected.name].cover
        if not cover:
            due = [(each.utc, each.status, each.cause) for each in expected.changes]
            if [each[:3] for each in emitted] != due:
                self.fail(expected, f"stored changes are {emitted}; expected {due}")
        expected.compared = len(emitted)

    # --- each step

    def check(self, process: DaemonProcess, cameras: Iterable[str] | None = None) -> None:
        """Check these cameras (None: all), and every event emitted since the last check."""
        self.tally.steps += 1
        emitted = process.emitted
        if emitted:
            for event in emitted:
                self.digest.update(repr(event).encode())
                self._take(event)
            touched = {
                event.camera for event in emitted if isinstance(event, (Transition, ServicePeriodEvent))
            }
            self._check_gaps(
                [each for each in emitted if isinstance(each, MonitoringGap) and each.cause is not _CLOCK]
            )
            emitted.clear()
            cameras = None if cameras is None else touched.union(cameras)
        states = process.watcher.fleet.cameras
        for name in states if cameras is None else sorted(cameras & states.keys()):
            self._check_camera(states[name], self.model.cameras[name])

    def _check_camera(self, state: CameraState, expected: CameraModel) -> None:
        if state.underlying_status != expected.status:
            self.fail(expected, f"is {state.underlying_status}; expected {expected.status}")
        if state.heartbeats != expected.heartbeats:
            self.fail(
                expected, f"{state.heartbeats} heartbeats are counted, {expected.heartbeats} were proofs"
            )
        if (
            len(expected.changes) != expected.compared
            or len(self.seen.get(expected.name, ())) != expected.compared
        ):
            self._check_changes(expected)
        accounted = None if state.accounted_until_ms is None else state.accounted_until_ms - self.zero
        if accounted != expected.accounted or (accounted is None) is expected.in_service:
            self._check_accounts(state, expected, accounted)
        if state.persisted is not self._stored.get(expected.name):
            self._check_exported(state, expected)

    def _check_exported(self, state: CameraState, expected: CameraModel) -> None:
        """Check that exported counters never decrease, within a run or across a restart."""
        before, self._stored[expected.name] = self._stored.get(expected.name, EMPTY), state.persisted
        for name in _COUNTED:
            old, new = getattr(before, name), getattr(state.persisted, name)
            if new < old:
                self.fail(expected, f"exported counter {name} decreased from {old} to {new}")

    def _check_accounts(self, state: CameraState, expected: CameraModel, accounted: int | None) -> None:
        """A1, T3: each accounted millisecond is certain, and counted under the right status."""
        now, times = self.model.now, self.model.status_times[expected.name]
        to_utc = now.utc - now.at
        if accounted is None:
            if expected.in_service:
                self.fail(expected, "is out of service; expected in service")
            times.close(expected.changes, to_utc)
        else:
            if not expected.in_service:
                self.fail(expected, "is in service; expected out of service")
            least = accounted if expected.accounted is None else expected.accounted
            if (
                not least
                <= accounted
                <= max(expected.certain(now.at), expected.floor, expected.unknown_until, least)
            ):
                certain = self.format_time(expected.certain(now.at))
                self.fail(expected, f"accounted up to {self.format_time(accounted)}, certain is {certain}")
            times.account_until(expected.changes, accounted, to_utc)
        expected.accounted = accounted
        for name in STATUSES:
            if getattr(state.status_time, name) != times.totals[name]:
                self.fail(expected, f"status time is {state.status_time}; expected {times.totals}")

    def _check_changes(self, expected: CameraModel) -> None:
        """L3-L5, S3-S5, V1: each expected transition is emitted at its instant, and no other."""
        if self.model.status_times[expected.name].cover:
            self._accept_alternative(expected)
            return  # under maintenance: compared once its edges are certain
        seen = self.seen.setdefault(expected.name, [])
        first = expected.compared
        for found in seen[first:]:
            expected.accept_alternative(found.at, len(seen))
        for found, due in zip(seen[first:], expected.changes[first:], strict=False):
            if found[:4] != due[:4] or not due.detected <= found.detected <= due.detected:
                self.fail(expected, f"emitted {self._describe(*found)}; expected {self._describe(*due[:5])}")
        if len(seen) != len(expected.changes):
            extra = [self._describe(*each) for each in seen[len(expected.changes) :]]
            extra += [self._describe(*each[:5]) for each in expected.changes[len(seen) :]]
            self.fail(expected, f"emitted {len(seen)} changes; expected {len(expected.changes)}: {extra}")
        expected.compared = len(seen)

    def _accept_alternative(self, expected: CameraModel) -> None:
        """Adopt the daemon's instant, under maintenance too, where the rules allow several.

        Changes that a window hides are not emitted: any instant within the window is right then.
        """
        last = expected.changes[-1]
        emitted = [each.at for each in self.seen.get(expected.name, ()) if each.status == last.status]
        if not last.alternatives or last.at in emitted:
            return
        to_utc, cover = last.utc - last.at, self.model.status_times[expected.name].cover
        hidden = [at for at in (last.at, *last.alternatives) if history_checker.inside(cover, at + to_utc)]
        found = next(
            (at for at in (*reversed(emitted), *hidden) if at in (last.at, *last.alternatives)), None
        )
        if found is not None:
            expected.accept_alternative(found, len(expected.changes))

    # --- checkpoints

    def check_checkpoint(self, process: DaemonProcess) -> None:
        """Check what is certain after a checkpoint: maintenance, outages, and how far status time reaches."""
        now = self.model.now
        for name, state in process.watcher.fleet.cameras.items():
            expected, times = self.model.cameras[name], self.model.status_times[name]
            lags = expected.group.lag or any(self.model.links[each].late for each in expected.group.links)
            if (
                expected.accounted is not None
                and not lags
                and not (expected.status == "down" and expected.returns)
                and expected.accounted < min(expected.certain(now.at), now.at)
            ):
                self.fail(expected, f"accounted up to {self.format_time(expected.accounted)} only")
            until = now.utc if expected.accounted is None else expected.accounted + now.utc - now.at
            judged = history_checker.judged(expected, times, until)
            count = len(
                history_checker.outages(judged, over=not expected.in_service, dismissed=expected.dismissed)
            )
            if state.outages != count:
                self.fail(expected, f"counted {state.outages} outages; expected {count}")
            if times.cover:
                self._check_maintenance(expected, judged, until)

    def _check_maintenance(self, expected: CameraModel, judged: list[StatusSpan], until: int) -> None:
        """V3: a window overrides the status from its first millisecond to its last."""
        lasting = (piece for piece in judged if piece.start < until and piece.start < piece.end)
        joined = history_checker.painted(lasting, (), "", "")
        due = [StoredChange(piece.start, piece.status, piece.cause, 0) for piece in joined]
        seen = [
            StoredChange(each.utc, each.status, each.cause, 0)
            for each in self.seen.get(expected.name, ())
            if each.utc < until
        ]
        found = [each for each in collapsed(seen) if each.status]
        if found != due:
            apart = next(number for number, pair in enumerate(zip_longest(found, due)) if pair[0] != pair[1])
            self.fail(expected, f"under maintenance it was {found[apart:][:2]}; expected {due[apart:][:2]}")

    # --- events

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
        emitted = self.seen.setdefault(event.camera, [])
        if emitted and emitted[-1].status:
            if event.new.value in STATUSES:
                emitted.append(seen)
        else:
            self._pending[event.camera] = seen

    def _served(self, event: ServicePeriodEvent) -> None:
        emitted = self.seen.setdefault(event.camera, [])
        pending = self._pending.pop(event.camera, None)
        seen = self._seen(event, event.status.value if event.started else "", "")
        if event.started and pending is not None and pending[:3] == seen[:3]:
            seen = pending
        emitted.append(seen)

    def _seen(self, event: Transition | ServicePeriodEvent, status: str, cause: str) -> EmittedChange:
        detected = event.detected_at if isinstance(event, Transition) else None
        at = round(event.at.mono * 1000) - self.zero
        when = self.model.now.at if detected is None else round(detected.mono * 1000) - self.zero
        return EmittedChange(at, event.at.utc_ms, status, cause, when)

    def _check_gaps(self, emitted: list[MonitoringGap]) -> None:
        """S3, S6, S8: monitoring gaps last from the last packet to the subscription."""
        found = sorted(
            (each.operators, each.links, each.cause.value, each.began.utc_ms, each.ended.utc_ms)
            for each in emitted
        )
        due = sorted(map(tuple, self.model.gaps[self.gaps :]))
        self.gaps = len(self.model.gaps)
        if found != due:
            raise ViolationError(f"emitted gaps {found}; expected {due}")

    # --- messages

    def fail(self, expected: CameraModel, problem: str) -> None:
        """Raise ViolationError for a camera."""
        raise ViolationError(f"{expected.name} at {self.format_time(self.model.now.at)}: {problem}")

    def format_time(self, at: int) -> str:
        """Return an instant as local time, to the millisecond."""
        if abs(at) > 1 << 50:
            return "never"
        return datetime.fromtimestamp(at / 1000, PARIS).isoformat(" ", "milliseconds")

    def _describe(self, at: int, utc: int, status: str, cause: str, detected: int) -> str:
        apart = f" (recorded as {self.format_time(utc)})" if utc != at else ""
        by = f" by {cause}" if cause else ""
        since, known = self.format_time(at), self.format_time(detected)
        return f"{status or 'out of service'}{by} since {since}{apart}, detected {known}"
