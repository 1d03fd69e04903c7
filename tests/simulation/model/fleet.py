"""Reference model of the fleet: from what reached camwatch and when, what must follow.

It shares no code with the core. What the network delivered, when the loop ran and what was stored are facts
of the simulation; what follows from them is derived here once more from the rules (L, S, V, A).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from camwatch.core.model import Camera, MaintenanceWindow, Scope
from tests.simulation.model.camera import CameraModel
from tests.simulation.model.classifier import ClassifierModel
from tests.simulation.model.records import NEVER, LateHeartbeat, Moment, Proof
from tests.simulation.model.status_time import StatusTimeModel
from tests.simulation.model.verdicts import ANYTHING, CLOSE, DUPLICATE, EVENT, LATE, PROOF, Expected, Received
from tests.simulation.model.visibility import LinkModel, VisibilityModel
from tests.simulation.plans.faults import HostClockStep
from tests.simulation.plans.plan import Plan
from tests.simulation.world.cameras import Message


class DaemonVerdict(NamedTuple):
    """The daemon's verdict on a heartbeat: the instant that it proves (None: by the rules).

    `lags`: it counts for the lag of its link, which one of an earlier boot does not. `clock_known`: the
    daemon knew the clock that dates it. `proof`: the last proof that the daemon knows now.
    """

    dated: int | None = None
    lags: bool = True
    clock_known: bool = True
    proof: int | None = None


AS_EXPECTED = DaemonVerdict()


class StoredCamera(NamedTuple):
    """What the store would restore of one camera.

    `backfills`: how many late heartbeats it certainly has the backfills of.
    """

    camera: CameraModel
    times: StatusTimeModel
    classifier: ClassifierModel
    backfills: int


class _Snapshot(NamedTuple):
    """The model at the instant of a checkpoint."""

    utc: int
    cameras: dict[str, StoredCamera]
    groups: dict[tuple[str, ...], int]
    gaps: int
    swept: bool  # all cameras were checkpointed, between two events
    mark: object  # identifies it


Deadlines = Callable[[Camera], tuple[int, int, int]]
"""Returns interval, down_after and hint_hold of a camera, in ms."""


class FleetModel(VisibilityModel):
    """All cameras and links of a plan. The caller sets `now`."""

    def __init__(self, plan: Plan, deadlines: Deadlines) -> None:
        super().__init__(plan)
        self.status_times = {spec.id: StatusTimeModel() for spec in plan.cameras}
        self.process = 0
        self.maintenance: tuple[MaintenanceWindow, ...] = ()  # windows of inventory and corrections
        self._deadlines = deadlines
        self._snapshots: list[_Snapshot] = []
        self._stored: dict[str, StoredCamera] = {}
        self._stored_gaps = 0
        self._host_clock_set = any(isinstance(fault, HostClockStep) for fault in plan.faults)
        self._backfills_stored: dict[str, int] = {}  # how many late heartbeats are certainly stored
        self._operators = {spec.id: spec.operator for spec in plan.cameras}

    # --- the process

    def start(self, now: Moment) -> None:
        """Resume from what is stored (S6)."""
        self.now, self._last_loop = now, now.at
        self.process += 1
        self._snapshots.clear()
        self.links = {link.name: LinkModel() for link in self.plan.links}
        self.groups, self._resumed, self._began = {}, bool(self._stored), now.at
        del self.gaps[self._stored_gaps :]
        for name in self._operators:
            known = self._stored.get(name)
            if known is None:
                self.cameras.pop(name, None)
                self.status_times[name] = StatusTimeModel()
                self.classifiers[name] = ClassifierModel(self.classifiers[name].latency)
            else:
                self._resume(name, known)
        self._list_monitored()

    def _resume(self, name: str, known: StoredCamera) -> None:
        camera, times = known.camera.restore(), known.times.snapshot()
        classifier = known.classifier.restore()
        self.cameras[name], self.status_times[name], self.classifiers[name] = camera, times, classifier
        camera.process, camera.group = self.process, self._group(camera.operator)
        classifier.on_restart()
        camera.hint, camera.held, camera.returns, camera.proof_link, camera.proof_link_down_since = (
            "",
            False,
            (),
            "",
            None,
        )
        if camera.accounted is None:
            planned = camera.status == "planned"
            camera.forget()
            camera.status = "planned" if planned else ""
            camera.row = None
            self.classifiers[name] = ClassifierModel(classifier.latency)
            return
        # From here on its axis is UTC, as stored.
        shift = known.camera.accounted_utc - camera.accounted
        camera.accounted = times.accounted_until = camera.floor = known.camera.accounted_utc
        camera.since, camera.proof = camera.since_utc, camera.proof_utc
        if camera.deadline_moved:
            camera.due, camera.deadline = camera.due + shift, camera.deadline + shift
        else:
            camera.deadline_from_proof()
        stored = self._backfills_stored.get(name, 0)
        camera.late[stored:] = _unsure(camera.late[stored:])
        camera.changes[:] = [each._replace(at=each.utc) for each in camera.changes]
        times.at = sum(change.at <= times.accounted_until for change in camera.changes)

    def clock_stepped(self, by: int) -> None:
        """Apply a forward step of this process's UTC (T2)."""
        for camera in self.monitored:
            self.classifiers[camera.name].shift_offsets(by)

    # --- messages

    def classify(self, link: str, sent: Message, travelled: int) -> tuple[Received, Expected]:
        """Return the expected verdict on a valid, not retained heartbeat of a camera in service."""
        camera, classifier = self.cameras[sent.camera], self.classifiers[sent.camera]
        classifier.interval, classifier.host_clock_set = camera.interval, self._host_clock_set
        classifier.slowest = max(
            each.interval for name in camera.group.links for each in self._cameras_of(name)
        )
        session = self.links[link]
        usual = session.lag if session.visible and session.lag <= camera.down_after else 0
        shared = session.seen_until != NEVER
        received = Received(sent, self.now, usual, travelled, shared)
        newer = self.now.at - classifier.lateness(received) - camera.proof
        if abs(newer) <= CLOSE and classifier.lateness(received) > CLOSE:
            return received, ANYTHING._replace(doubts=classifier.expect(received).doubts)
        if newer < 0:  # older than the last proof
            received = received._replace(lag=0)
        return received, classifier.expect(received)

    def record_verdict(
        self,
        link: str,
        received: Received,
        verdict: str,
        expected: Expected,
        judged: DaemonVerdict = AS_EXPECTED,
    ) -> None:
        """Apply the verdict on a heartbeat."""
        camera, classifier = self.cameras[received.sent.camera], self.classifiers[received.sent.camera]
        lateness = classifier.lateness(received)
        boot, known = classifier.boot_evidence(received), bool(classifier.offsets)
        classifier.record(received, verdict, expected)
        sent = self.now.at - lateness
        if verdict == LATE:
            camera.on_late(sent, self.now)
        elif verdict in (PROOF, EVENT):
            camera.heartbeats += 1
            if verdict == PROOF and lateness > camera.interval:  # the late ones before it had a wrong clock
                camera.distrust_clock()
            at = sent if verdict == EVENT else self.now.at
            at = at if judged.dated is None else judged.dated
            dated = received.sent.ts is not None and known and judged.clock_known
            waited = classifier.lateness(received) if at == self.now.at else 0
            waited = waited if 0 < waited <= camera.interval else 0
            uptime = None if received.sent.uptime_s is None else round(received.sent.uptime_s * 1000)
            camera.proof_link = link
            self._on_proof(camera, Proof(at, boot, waited, uptime), dated=dated, last=judged.proof)
        if verdict in (LATE, EVENT):
            # A new boot may have another clock; once taken for late, what it proves is known.
            sure = expected.verdict == LATE or (verdict == LATE and boot == "new")
            camera.late.append(self._late_heartbeat(camera, received, sent, sure=sure))
            if judged.lags:
                self._record_late(link, camera, lateness)
        elif verdict == DUPLICATE and len(camera.group.links) > 1 and received.sent.ts is not None and known:
            if lateness > camera.interval:
                self._record_late(link, camera, lateness)
            else:
                self.links[link].copies[camera.name] = self.now.at

    def _on_proof(self, camera: CameraModel, proof: Proof, *, dated: bool, last: int | None) -> None:
        """Apply a proof; one that a broker may have kept proves when it was sent, if that is `dated` (E3).

        `last`: the same instant, as the daemon computed it with floats.
        """
        kept, now = camera.group.kept_since, self.now.at
        waited = proof.waited
        if kept is not None and not dated:
            camera.prove_alive(proof.at, self.now)
            if camera.status != "up":
                return
            waited = proof.at - kept
        if kept is not None and waited > 0:
            at = max(proof.at - waited, min(proof.at, camera.proof))
            at = last if last is not None and abs(last - at) <= CLOSE else at
            proof = proof._replace(at=at, waited=0)
            if dated:
                self.links[camera.proof_link].copies[camera.name] = now
            if camera.status == "unknown":  # which may be accounted already, but it was up since
                utc = self.now.utc - (now - at)
                sure = not self._host_clock_set
                camera.late.append(
                    LateHeartbeat(utc, 0, now - at, camera.down_after, self.process, sure, self.now.utc)
                )
        camera.on_proof(proof, self.now)

    def _record_late(self, link: str, camera: CameraModel, lateness: int) -> None:
        session = self.links[link]
        session.late[camera.name] = (self.now.at, lateness)
        session.late_at = self.now.at
        session.sent_late = max(session.sent_late, self.now.at - lateness)
        if session.measure_at is None:
            session.measure_at = self.now.at

    def _late_heartbeat(
        self, camera: CameraModel, received: Received, sent: int, *, sure: bool
    ) -> LateHeartbeat:
        uptime, half = received.sent.uptime_s, camera.interval // 2
        before = half if uptime is None else min(half, round(uptime * 1000))
        utc = self.now.utc - (self.now.at - sent)
        gap_start = camera.status != "up" or camera.gap_start is not None
        sure = sure and (
            received.sent.seq is not None or uptime is not None
        )  # otherwise its clock may turn out to be broken
        sure = sure and gap_start and not self._host_clock_set
        return LateHeartbeat(utc, before, half, camera.down_after, self.process, sure, self.now.utc)

    def status_message(self, sent: Message, *, retained: bool) -> None:
        """Apply a status message (L1, L5)."""
        camera = self.cameras[sent.camera]
        if camera.status == "retired":
            return
        if sent.word != "online":
            camera.on_hint(sent.word, self.now, retained=retained)
        elif not retained:
            camera.on_online(self.now)

    # --- inventory

    def apply_inventory(
        self, rows: Iterable[Camera], windows: Iterable[MaintenanceWindow], *, started: bool = False
    ) -> None:
        """Apply an inventory, and the maintenance that is in force from now on (V3, V6)."""
        wanted = {row.id: row for row in rows}
        self.maintenance = tuple(windows)
        for name, operator in self._operators.items():
            row = wanted.get(name)
            camera = self.cameras.get(name)
            if camera is None:
                if row is None:
                    continue
                camera = self.cameras[name] = CameraModel(
                    name, operator, self._group(operator), process=self.process
                )
            if row is not None and camera.row is None:
                camera.group = self._group(operator)
                self.classifiers[name] = ClassifierModel(self.classifiers[name].latency)
            if row is not None:
                self._apply_maintenance(camera, row, started=started)
            if row is None and started and camera.in_service:
                camera.end_at_accounted(self.now)
            deadlines = (0, 0, 0) if row is None else self._deadlines(row)
            camera.apply_inventory(row, self.now, deadlines, started=started)
            if not camera.in_service:
                self.status_times[name].close(camera.changes, self.now.utc - self.now.at)
        self._list_monitored()
        for group in self.groups.values():
            operators = {camera.operator for camera in self.monitored if camera.group is group}
            group.operators = tuple(sorted(operators))

    def _list_monitored(self) -> None:
        self.monitored = [camera for camera in self.cameras.values() if camera.row is not None]

    def _apply_maintenance(self, camera: CameraModel, row: Camera, *, started: bool) -> None:
        scopes = ((Scope.CAMERA, row.id), (Scope.SITE, row.site), (Scope.OPERATOR, row.operator))
        mine = [
            (each.start_ms, each.end_ms) for each in self.maintenance if (each.scope, each.scope_id) in scopes
        ]
        since = self.now.utc
        if started and camera.accounted is not None:
            since = camera.accounted  # today's windows apply to all time since
        self.status_times[camera.name].set_maintenance(mine, since)

    # --- store

    def checkpoint_queued(self, utc: int, cameras: Iterable[str], mark: object, *, swept: bool) -> None:
        """Take a snapshot of some cameras as a checkpoint is queued for the store."""
        for camera in self.cameras.values():
            if camera.accounted is not None:
                camera.accounted_utc = camera.accounted + self.now.utc - self.now.at
        known = {name: self._snapshot_of(name) for name in cameras}
        groups = {
            links: self._seen(links) if group.gap_start is None else group.gap_start_utc
            for links, group in self.groups.items()
            if (group.began or group.seen_before) and any(camera.group is group for camera in self.monitored)
        }
        self._snapshots.append(_Snapshot(utc, known, groups, len(self.gaps), swept, mark))

    def _snapshot_of(self, name: str) -> StoredCamera:
        camera, classifier = self.cameras[name], self.classifiers[name]
        # Until decided, its clock may be the reason for the lateness.
        backfills = camera.late_before if classifier.is_undecided(self.now.at) else len(camera.late)
        return StoredCamera(
            camera.snapshot(), self.status_times[name].snapshot(), classifier.snapshot(), backfills
        )

    def _seen(self, links: tuple[str, ...]) -> int:
        found, since = [self.links[each] for each in links], self.groups[links].since
        return max(
            link.last.utc - min(link.lag, max(0, link.last.at - since))
            for link in found
            if link.up and link.last is not None
        )

    def checkpoint_stored(self, watermark: int, cameras: Iterable[str], mark: object) -> None:
        """Record that everything up to `watermark` is stored, with these cameras' checkpoints.

        Of the snapshots of one instant, those up to the one with this mark are stored, or all if none has it.
        """
        self._watermark = watermark
        wanted = set(cameras)
        count = sum(note.utc <= watermark for note in self._snapshots)
        for number, note in enumerate(self._snapshots, 1):
            if note.mark is mark and note.utc == watermark:
                count = number
        notes, self._snapshots = self._snapshots[:count], self._snapshots[count:]
        for note in notes:
            self._stored.update({name: known for name, known in note.cameras.items() if name in wanted})
            self._stored_groups, self._stored_gaps = note.groups, note.gaps
            if note.swept:
                self._backfills_stored.update({name: known.backfills for name, known in note.cameras.items()})


def _unsure(late: Iterable[LateHeartbeat]) -> list[LateHeartbeat]:
    return [each._replace(sure=False) for each in late]
