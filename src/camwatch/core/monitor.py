"""Judges a whole fleet: messages and link states in, events and checkpoints out.

The core has no clock, socket, await or logger: every call is given `now`. `StateMachine` changes the status
of a camera by the table in `transitions`; `Visibility` decides which cameras can be seen. Callers take the
events with `drain_events`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from camwatch.core import backfill, camera_clock, dating, deadlines, event_time, message_order
from camwatch.core.checkpoint import restore, to_checkpoint
from camwatch.core.checkpoint_model import CameraCheckpoint, LinkGroupCheckpoint
from camwatch.core.events import Event, MonitoringGap, OutageEvent, Reboot, ServicePeriodEvent, Transition
from camwatch.core.incidents import IncidentGroup
from camwatch.core.model import (
    NEVER,
    Camera,
    Cause,
    GapCause,
    IncidentKind,
    Instant,
    Lifecycle,
    Liveness,
    MaintenanceWindow,
    Scope,
    Status,
    Thresholds,
)
from camwatch.core.state import GAP_BOUNDS_S, CameraState, GapHistogram, LinkGroup, LinkState
from camwatch.core.state_machine import StateMachine
from camwatch.core.status_time import Interval, merge
from camwatch.core.telemetry import RejectionReason, SessionStatus, Telemetry
from camwatch.core.transitions import IN_SERVICE, Trigger
from camwatch.core.visibility import Visibility

_FOREVER = float("inf")


@dataclass(frozen=True, slots=True)
class CameraConfig:
    """A camera to be watched, with its deadlines and thresholds."""

    camera: Camera
    liveness: Liveness = field(default_factory=Liveness)
    thresholds: Thresholds = field(default_factory=Thresholds)


class FleetMonitor:
    """Judges a fleet. `links` maps each link to the operators it carries (none named: all).

    `ping_after_s`: a link silent for longer proves no sight (rule S10). `stall_after_s`: a gap between two
    calls longer than this was slept through (rule S8).
    """

    def __init__(
        self,
        start: Instant,
        links: Mapping[str, frozenset[str]],
        *,
        ping_after_s: float = 10.0,
        stall_after_s: float = 5.0,
    ) -> None:
        self.cameras: dict[str, CameraState] = {}
        self._state_machine = StateMachine(ping_after_s)
        self._visibility = Visibility(self._state_machine, start, links, ping_after_s)
        self.links = self._visibility.links
        self.gaps: dict[str, GapHistogram] = {}  # by operator
        self.incidents: dict[tuple[IncidentKind, str], IncidentGroup] = {}
        self.stalled_s = 0.0
        self._stall_after_s = stall_after_s
        self._alive_at = start.mono
        self._receiving: LinkState | None = None  # whose messages are being taken
        self._next_index = 0
        self._removed: list[CameraCheckpoint] = []  # of cameras that left the inventory
        self._checkpoints: dict[tuple[str, str], CameraCheckpoint] = {}  # not watched now; may return
        self._persisted: dict[
            tuple[str, str], CameraCheckpoint
        ] = {}  # what the store had of those that left meanwhile

    def resume(
        self,
        now: Instant,
        checkpoints: Iterable[CameraCheckpoint],
        groups: Iterable[LinkGroupCheckpoint],
        watermark_ms: int,
    ) -> None:
        """Go on from where an earlier process stopped; call it before the first `reload` (rule S6).

        The time since is blind, as if every link had been lost with the last packet before `watermark_ms`.
        """
        self._checkpoints = {(memory.camera, memory.operator): memory for memory in checkpoints}
        if self._checkpoints:
            self._visibility.resume(now, groups, watermark_ms)

    # --- what cameras say

    def heartbeat(  # noqa: C901, PLR0912, PLR0915 - flat on purpose, see below
        self, camera: CameraState, now: Instant, telemetry: Telemetry
    ) -> RejectionReason | None:
        """Take a heartbeat, not retained; return why it proves nothing, None if it does (rules L1-L9).

        The one function that every heartbeat passes: written flat, because it is what camwatch costs.
        """
        if camera.underlying_status is Status.RETIRED:
            return RejectionReason.UNEXPECTED
        mono, utc_ms = now
        seq = telemetry.seq
        uptime = telemetry.uptime_s
        if (seq is not None and seq != camera.next_seq) or (uptime is not None and uptime < camera.uptime):
            refusal, rebooted = message_order.classify(camera, telemetry, mono)
            if refusal is not None:
                if refusal is RejectionReason.DUPLICATE:
                    self._duplicate(camera, now, telemetry)
                elif telemetry.ts is not None and camera.clock_offset < _FOREVER:
                    late_s = utc_ms * 0.001 - telemetry.ts - camera.clock_offset
                    self._state_machine.on_late(camera, now, now.shifted(-late_s), uptime)
                return refusal
            if rebooted:
                self._rebooted(camera, now, telemetry)
        elif seq is not None:
            camera.next_seq = seq + 1
        ts = telemetry.ts
        if ts is not None:
            offset = utc_ms * 0.001 - ts
            if offset - camera.clock_offset > camera.interval_s:
                placed = self._late(camera, now, telemetry, offset - camera.clock_offset)
                if placed is None:
                    return RejectionReason.LATE
                mono, utc_ms = placed
            else:
                offsets = camera.offsets
                slot = camera.offset_index & 31
                oldest = offsets[slot]
                offsets[slot] = offset
                camera.offset_index = slot + 1
                if offset <= camera.clock_offset:
                    camera.clock_offset = offset
                elif oldest == camera.clock_offset:
                    camera.clock_offset = min(offsets)
                camera.ts = ts
        if uptime is not None:
            camera.boot = mono - uptime
            if uptime > camera.uptime:  # noqa: PLR1730 - max() costs a call per heartbeat
                camera.uptime = uptime
        before = camera.proof
        gap = mono - before
        if gap > camera.down_s:
            self._after_silence(camera, gap)
        else:
            gaps = camera.gaps
            gaps.counts[bisect_left(GAP_BOUNDS_S, gap)] += 1
            gaps.total_s += gap
        camera.heartbeats += 1
        if camera.steady:
            camera.proof = mono
            camera.proof_ms = utc_ms
        else:
            self._on_proof(camera, now, telemetry, Instant(mono, utc_ms))
        fps = telemetry.fps
        if fps is not None:
            camera.fps = fps
        storage = telemetry.storage_used_ratio
        if storage is not None:
            camera.storage_used_ratio = storage
        temperature = telemetry.temperature_celsius
        if temperature is not None:
            camera.temperature_celsius = temperature
        bitrate = telemetry.bitrate_bps
        if bitrate is not None:
            camera.bitrate_bps = bitrate
        firmware = telemetry.firmware
        if firmware is not None:
            camera.firmware = firmware
        if (
            camera.reasons
            or telemetry.video_loss
            or telemetry.frozen
            or telemetry.tamper
            or telemetry.recording is False
            or (fps is not None and fps < camera.fps_min)
            or (storage is not None and storage > camera.storage_max)
            or (
                temperature is not None
                and not camera.temperature_min <= temperature <= camera.temperature_max
            )
            or (ts is not None and not -camera.offset_max_s <= camera.clock_offset <= camera.offset_max_s)
        ):
            self._state_machine.update_conditions(camera, now, telemetry)
        return None

    def _on_proof(self, camera: CameraState, now: Instant, telemetry: Telemetry, at: Instant) -> None:
        """Take a proof `at` an instant, of a camera that is not simply up and in sight."""
        camera.proof_link = self._receiving
        kept, told = (
            deadlines.broker_kept_since(camera),
            telemetry.ts is not None and camera_clock.has_offset(camera),
        )
        waited_s = 0.0 if telemetry.ts is None or at.mono < now.mono else dating.waited(camera)
        if kept > NEVER:  # copies and late ones are judged by when they come: this one ends their run
            camera.replay_last_at = camera.late_since = NEVER
        if kept > NEVER and not told:  # nobody knows for how long a broker kept it (rule E3)
            self._state_machine.on_life_unseen(camera, now, at.mono)
            if camera.underlying_status is not Status.UP:
                return
            waited_s = at.mono - kept
        if kept > NEVER and waited_s > 0.0:
            at, waited_s = self._kept_by_broker(camera, at, waited_s, telemetry), 0.0
            if told and camera.proof_link is not None:
                camera.proof_link.copies[camera.index] = (
                    now.mono
                )  # it came on time, though it was sent before
        self._state_machine.on_life_unseen(camera, now, at.mono)
        camera.proof, camera.proof_ms = at
        boot = message_order.boot_of(camera, telemetry, now.mono)
        back = dating.ending(camera, at.mono, boot, telemetry.uptime_s, waited_s)
        self._state_machine.on_proof(camera, now, at, back)

    def _kept_by_broker(
        self, camera: CameraState, at: Instant, waited_s: float, telemetry: Telemetry
    ) -> Instant:
        """Return of when a heartbeat is a proof that a broker kept while nothing could be seen (rule E3)."""
        sent = at.shifted(max(-waited_s, min(0.0, camera.proof - at.mono)))
        deadlines.record_return(camera, sent.mono)
        if telemetry.uptime_s is not None:
            camera.boot = sent.mono - telemetry.uptime_s
        return sent

    def _late(self, camera: CameraState, now: Instant, telemetry: Telemetry, late_s: float) -> Instant | None:
        """Return the instant of which a heartbeat is a proof that looks late by so much; None: of none.

        It is one of now if its clock does not run (rule L8), and one of when it was sent if it is no later
        than the link that brought it lags (rule S11).
        """
        ran = camera_clock.clock_ran(camera, telemetry, now.mono)
        sent, link = now.shifted(-late_s), self._receiving
        in_time = (
            link is not None
            and link.visible
            and link.lag <= camera.down_s
            and late_s - link.lag <= camera.interval_s
            and ran is not False
            and sent.mono >= camera.proof
        )
        if not in_time and camera_clock.is_clock_broken(camera, link, telemetry, now.mono, ran):
            camera_clock.doubt_clock(camera, telemetry, now.mono)
            self._state_machine.update_conditions(camera, now, telemetry)
            return now
        message_order.record_late(camera, telemetry)
        if link is not None:
            event_time.record_late(link, camera, now.mono, late_s)
        if in_time:
            camera.late_since = NEVER  # what was refused before it was late by its way, not by its clock
            deadlines.record_return(camera, sent.mono)
            return sent
        self._state_machine.on_late(camera, now, sent, telemetry.uptime_s)
        return None

    def _duplicate(self, camera: CameraState, now: Instant, telemetry: Telemetry) -> None:
        """Note how late a copy came of what another link brought before (rules S11, S13)."""
        link = self._receiving
        if (
            link is None
            or telemetry.ts is None
            or len(camera.link_group.links) < 2
            or camera.clock_offset == _FOREVER
        ):
            return
        late_s = now.utc_ms * 0.001 - telemetry.ts - camera.clock_offset
        if late_s > camera.interval_s:
            event_time.record_late(link, camera, now.mono, late_s)
        else:
            link.copies[camera.index] = now.mono

    def _rebooted(self, camera: CameraState, now: Instant, telemetry: Telemetry) -> None:
        """Count a reboot, when it was; what tells of it may have come late (rule L6)."""
        camera.reboots += 1
        camera.rebooted = now.mono
        sent = now.mono
        if telemetry.ts is None:
            camera_clock.reset_offset(camera)
        elif camera.clock_offset < _FOREVER:
            late_s = now.utc_ms * 0.001 - telemetry.ts - camera.clock_offset
            if late_s > camera.interval_s:
                if camera_clock.may_have_waited(camera, self._receiving, telemetry, sent):
                    sent -= late_s
                else:
                    camera_clock.reset_offset(camera)
        began = max(camera.proof, sent - (telemetry.uptime_s or 0.0)) if camera.proof > NEVER else sent
        self._state_machine.events.append(
            Reboot(camera.camera.id, camera.camera.operator, now.at_mono(min(began, now.mono)))
        )

    def _after_silence(self, camera: CameraState, gap: float) -> None:
        """Take note of a first heartbeat, or one after a longer silence than convicts (rule E3)."""
        if gap < _FOREVER:
            camera.gaps.counts[bisect_left(GAP_BOUNDS_S, gap)] += 1
            camera.gaps.total_s += gap
        camera.steady = False

    def status_message(
        self, camera: CameraState, now: Instant, status: SessionStatus, *, retained: bool
    ) -> RejectionReason | None:
        """Take a status message: `online` cancels a hint, the others are hints (rules L1, L5).

        `online` is no proof: a bridge may repeat that of a camera that is long dead. A retained hint is for a
        camera that nobody knows yet. After a link was lost it may be the will that a broker published as it
        ended, of a camera that lives.
        """
        if camera.underlying_status is Status.RETIRED:
            return None if retained else RejectionReason.UNEXPECTED
        if status is SessionStatus.ONLINE:
            if not retained:
                self._state_machine.on_online(camera, now)
            return None
        unheard = camera.proof == NEVER and camera.link_group.cause is not GapCause.LINK
        if (camera.underlying_status is Status.UNKNOWN and (unheard or not retained)) or (
            camera.underlying_status is Status.UP and not retained
        ):
            cause = Cause.WILL if status is SessionStatus.OFFLINE else Cause.GOODBYE
            self._state_machine.on_hint(camera, now, cause, retained=retained)
        return None

    # --- what links report

    def packets_taken(self, link: LinkState, now: Instant) -> None:
        """Note that a link delivered a packet, and everything before it was taken (rule S10)."""
        self._visibility.packets_taken(link, now)

    def packets_arrived(self, link: LinkState, now: Instant) -> None:
        """Note that packets of a link arrived; the messages in them follow."""
        self._receiving = link
        self.loop_alive(now)

    def link_up(self, link: LinkState, now: Instant, *, backlog: bool = False) -> None:
        """Note that a link is connected and subscribed.

        `backlog`: the broker kept messages for us, which come first. Nothing is judged by their silence
        before they are through (rule S11).
        """
        self.loop_alive(now)
        self._visibility.link_up(link, now, backlog=backlog)

    def link_answered(self, link: LinkState, now: Instant, asked: float) -> None:
        """Note that a broker answered what it was asked at `asked`, monotonic (rule S11)."""
        self.loop_alive(now)
        self._visibility.link_answered(link, now, asked)

    def canary_returned(self, link: LinkState, now: Instant, sent: float) -> None:
        """Note that the canary came back that was published at `sent`, monotonic (rule S12)."""
        self.loop_alive(now)
        self._visibility.canary_returned(link, now, sent)

    def link_down(self, link: LinkState, now: Instant, last_packet: Instant) -> None:
        """Note that a link was lost; its last packet came at `last_packet` (rule S3)."""
        self.loop_alive(now)
        self._visibility.link_down(link, now, last_packet)

    # --- time

    def wall_clock_advanced(self, seconds: float) -> None:
        """Note that our own UTC jumped: what cameras say afterwards is not late for that (rule T2)."""
        for camera in self.cameras.values():
            camera_clock.shift_offset(camera, seconds)
            backfill.reset_emitted(camera)

    def loop_alive(self, now: Instant) -> None:
        """Note that the daemon's loop runs; a gap since the last note may be blindness (rule S8)."""
        gap = now.mono - self._alive_at
        if gap > self._stall_after_s:
            self.stalled_s += gap
            self._visibility.loop_stalled(now.at_mono(self._alive_at), now)
        self._alive_at = now.mono

    def tick(self, now: Instant, limit: int = 1000) -> bool:
        """Judge what is due by `now`, at most `limit` cameras; return whether more is due."""
        self.loop_alive(now)
        self._visibility.run_due(now)
        return self._state_machine.run_due(now, limit)

    @property
    def next_deadline(self) -> float | None:
        """The monotonic instant at which `tick` has something to look at; None: nothing to wait for."""
        upcoming = min(self._state_machine.next_due, self._visibility.next_due)
        return upcoming if upcoming < _FOREVER else None

    @property
    def blind(self) -> bool:
        """Whether camwatch could not see some of its cameras now, whoever sent what."""
        return self._visibility.blind

    @property
    def blind_groups(self) -> list[LinkGroup]:
        """The sights, with their cameras, that could not see now."""
        return self._visibility.blind_groups

    def incident_members(self, group: IncidentGroup) -> Iterator[CameraState]:
        """Yield the cameras of a group's incident that are still watched, back or not."""
        found = (self._state_machine.camera(index) for index in group.members)
        return (camera for camera in found if camera is not None)

    def drain_events(self) -> list[Event]:
        """Return what happened since the last call, in order."""
        events, self._state_machine.events = self._state_machine.events, []
        return events

    def record_gap(self, gap: MonitoringGap) -> None:
        """Add a gap that was found outside of the core, such as a step of the wall clock, to the events."""
        self._state_machine.events.append(gap)

    # --- what outlives the process

    def account(self, cameras: Iterable[CameraState], now: Instant) -> None:
        """Account the time of these cameras up to what is certain; emit what late heartbeats filled."""
        for camera in cameras:
            self._state_machine.account_until_certain(camera, now)
            self._state_machine.emit_backfill(camera, now)

    def checkpoint(self, camera: CameraState, now: Instant) -> CameraCheckpoint:
        """Return the checkpoint of a camera, its time accounted up to what is certain."""
        self._state_machine.account_until_certain(camera, now)
        return to_checkpoint(camera, now)

    def link_group_checkpoints(self) -> tuple[LinkGroupCheckpoint, ...]:
        """Return the checkpoints of all link groups."""
        return tuple(self._visibility.checkpoints())

    def drain_removed(self) -> list[CameraCheckpoint]:
        """Return the checkpoints of the cameras that left the inventory since the last call."""
        removed, self._removed = self._removed, []
        return removed

    def mark_persisted(self, checkpoints: Iterable[CameraCheckpoint]) -> None:
        """Take it that the store has these checkpoints: from now on, counters are exported from them."""
        for checkpoint in checkpoints:
            camera = self.cameras.get(checkpoint.camera)
            if camera is not None and camera.camera.operator == checkpoint.operator:
                camera.persisted = checkpoint

    # --- who is watched

    def reload(
        self,
        now: Instant,
        configs: Iterable[CameraConfig],
        windows: Iterable[MaintenanceWindow],
        *,
        stall_after_s: float | None = None,
    ) -> None:
        """Watch exactly these cameras from now on; those already watched keep their state (rule V6).

        `stall_after_s`: as for the constructor; None: as before.
        """
        if stall_after_s is not None:
            self._stall_after_s = stall_after_s
        wanted = {enrolment.camera.id: enrolment for enrolment in configs}
        by_scope = _by_scope(windows)
        for camera in list(self.cameras.values()):
            enrolment = wanted.get(camera.camera.id)
            if enrolment is None or enrolment.camera.operator != camera.camera.operator:
                self._remove(camera, now)
        returned = []
        for enrolment in wanted.values():
            known = self.cameras.get(enrolment.camera.id)
            if known is None:
                known = self._add(enrolment.camera, now)
                if known.accounted_until_ms is not None:
                    returned.append(known)
            self._configure(known, enrolment, by_scope, now)
        self._reopen_incidents(returned, now)
        self._close_removed(now)
        self._visibility.reloaded()
        self.cameras = dict(sorted(self.cameras.items()))

    def _add(self, camera: Camera, now: Instant) -> CameraState:
        life = _status_by_inventory(camera, now)
        group = self._visibility.of(camera.operator)
        gaps = self.gaps.setdefault(camera.operator, GapHistogram())
        state = CameraState(self._next_index, camera, life, now, group, gaps)
        memory = self._checkpoints.pop((camera.id, camera.operator), None)
        if memory is not None:
            restore(state, memory, now)
            if memory.down_until_ms is not None and state.underlying_status not in IN_SERVICE:
                self._end_removed_outage(memory, state, now)
            stored = self._persisted.pop((camera.id, camera.operator), None)
            if stored is not None:  # it left this process, and is expected again from now on
                # What it left with may not be stored yet: what is exported goes on from what was (ADR 8).
                state.persisted, state.inventory_changed_at = stored, now.mono
        self._next_index += 1
        self.cameras[camera.id] = state
        self._state_machine.add(state)
        group.cameras[state.index] = state
        return state

    def _configure(
        self,
        camera: CameraState,
        enrolment: CameraConfig,
        windows: Mapping[tuple[Scope, str], list[MaintenanceWindow]],
        now: Instant,
    ) -> None:
        row = enrolment.camera
        # An earlier process's camera has no windows yet: those of the inventory hold for all the time since.
        first = not camera.groups and camera.accounted_until_ms is not None
        if not first:
            self._state_machine.account_until_certain(camera, now)
        if row != camera.camera:
            camera.camera, camera.inventory_changed_at = row, now.mono
        camera.configure(enrolment.liveness, enrolment.thresholds)
        scopes = ((Scope.CAMERA, row.id), (Scope.SITE, row.site), (Scope.OPERATOR, row.operator))
        mine = [
            Interval(window.start_ms, window.end_ms)
            for scope in scopes
            for window in windows.get(scope, ())
            if window.whose.covers(row.operator)
        ]
        camera.windows = merge(mine) if first else _windows_from(now, camera, mine)
        self._join_groups(camera, now)
        if first:
            self._state_machine.mark_unknown_if_long_gap(camera, now)
        wanted = _status_by_inventory(row, now)
        if wanted is Status.RETIRED:
            self._state_machine.apply(camera, Trigger.RETIREMENT, now)
        elif wanted is Status.PLANNED:
            if camera.proof == NEVER or camera.underlying_status is Status.RETIRED:
                self._state_machine.apply(camera, Trigger.PLANNED, now)
        elif camera.underlying_status in (Status.PLANNED, Status.RETIRED):
            self._state_machine.apply(camera, Trigger.IN_SERVICE, now)
        elif camera.accounted_until_ms is None:
            self._state_machine.enter_service(camera, now)
        self._state_machine.schedule_at(camera, now.mono)

    def _join_groups(self, camera: CameraState, now: Instant) -> None:
        row = camera.camera
        keys = [(IncidentKind.SITE, row.site), (IncidentKind.OPERATOR, row.operator)]
        keys += [(IncidentKind.LINK, link.name) for link in camera.link_group.links]
        for key in keys:
            if key not in self.incidents:
                self.incidents[key] = IncidentGroup(*key)
        groups = tuple(self.incidents[key] for key in keys)
        if groups != camera.groups:
            self._leave_groups(camera, now)
            camera.groups = groups
            for group in groups:
                group.in_service += camera.underlying_status in IN_SERVICE

    def _leave_groups(self, camera: CameraState, now: Instant) -> None:
        for group in camera.groups:
            group.in_service -= camera.underlying_status in IN_SERVICE
            self._state_machine.emit(group.camera_recovered(camera.index, now, up=False))

    def _remove(self, camera: CameraState, now: Instant) -> None:
        self._state_machine.account_until_certain(camera, now)
        self._state_machine.emit_backfill(camera, now)
        if camera.accounted_until_ms is not None:
            left = now.at_mono(camera.accounted_until_ms / 1000)
            if camera.outage_open:
                ended = camera.down_until or left
                self._state_machine.end_outage(camera, left, now, back=False)
                camera.down_until = ended  # it goes on if the camera returns, and is down as before (rule V6)
            self._state_machine.leave_service(camera, left, camera.status)
        memory = to_checkpoint(camera, now)
        self._checkpoints[memory.camera, memory.operator] = memory
        self._persisted[memory.camera, memory.operator] = camera.persisted
        self._removed.append(memory)
        self._leave_groups(camera, now)
        self._state_machine.remove(camera)
        for link in camera.link_group.links:
            link.copies.pop(camera.index, None)
        del self.cameras[camera.camera.id], camera.link_group.cameras[camera.index]

    def _reopen_incidents(self, cameras: list[CameraState], now: Instant) -> None:
        """Find the incidents again of cameras that were down when an earlier process stopped (rule I1)."""
        for camera in sorted(cameras, key=lambda camera: camera.since.mono):
            if camera.outage_open:
                for group in camera.groups:
                    self._state_machine.emit(group.camera_down(camera.index, camera.since, now))

    def _close_removed(self, now: Instant) -> None:
        """End the ledgers of cameras that left the inventory while camwatch did not run (rule V6).

        The outage of one that is another operator's now goes on no more.
        """
        for key, memory in self._checkpoints.items():
            parted = (
                memory
                if memory.accounted_until_ms is None
                else self._close_checkpoint(memory, memory.accounted_until_ms, now)
            )
            heir = self.cameras.get(parted.camera)
            if parted.down_until_ms is not None and heir is not None:
                self._end_removed_outage(parted, heir, now)
                parted = parted._replace(down_until_ms=None)
            if parted is not memory:
                self._checkpoints[key] = parted
                self._removed.append(parted)

    def _close_checkpoint(
        self, memory: CameraCheckpoint, accounted_until_ms: int, now: Instant
    ) -> CameraCheckpoint:
        """End the ledger of a camera that left the inventory; return what is remembered of it then."""
        at = now.at_mono((accounted_until_ms - now.utc_ms) / 1000 + now.mono)
        down_until_ms = memory.down_until_ms
        if memory.outage_open:
            down_until_ms = at.utc_ms if down_until_ms is None else down_until_ms
            ended = Instant(at.mono, down_until_ms)
            self._state_machine.emit(
                OutageEvent(memory.camera, memory.operator, "", False, ended, now, memory.cause)
            )
        self._state_machine.emit(ServicePeriodEvent(memory.camera, memory.operator, False, at, memory.status))
        return memory._replace(accounted_until_ms=None, outage_open=False, down_until_ms=down_until_ms)

    def _end_removed_outage(self, memory: CameraCheckpoint, seen: CameraState, now: Instant) -> None:
        """Put down why the outage in which a camera left does not go on: what it is instead (rule V6).

        `seen` is what returned: that camera, planned or retired, or the same with another operator.
        """
        row = seen.camera
        new = seen.underlying_status if row.operator == memory.operator else Status.RETIRED
        self._state_machine.emit(
            Transition(memory.camera, memory.operator, row.site, Status.UNKNOWN, new, now, now)
        )


def _status_by_inventory(camera: Camera, now: Instant) -> Status:
    """Return what the inventory alone says of a camera: retired, planned, or in service (unknown yet)."""
    date = camera.in_service_from_ms
    if camera.lifecycle is Lifecycle.RETIRED:
        return Status.RETIRED
    if date is not None:
        return Status.UNKNOWN if date <= now.utc_ms else Status.PLANNED
    return Status.PLANNED if camera.lifecycle is Lifecycle.PLANNED else Status.UNKNOWN


def _windows_from(now: Instant, camera: CameraState, spans: list[Interval]) -> tuple[Interval, ...]:
    """Return the windows of a camera with those in `spans` in force from now on (rule V6).

    What is past and not accounted yet stays under the windows that held then.
    """
    settled = (
        now.utc_ms
        if camera.accounted_until_ms is None
        else now.at_mono(camera.accounted_until_ms / 1000).utc_ms
    )
    past = [
        Interval(starts, min(ends, now.utc_ms))
        for starts, ends in camera.windows
        if starts < now.utc_ms and ends > settled
    ]
    return merge(past + [Interval(max(starts, now.utc_ms), ends) for starts, ends in spans])


def _by_scope(windows: Iterable[MaintenanceWindow]) -> dict[tuple[Scope, str], list[MaintenanceWindow]]:
    found: dict[tuple[Scope, str], list[MaintenanceWindow]] = {}
    for window in windows:
        found.setdefault((window.scope, window.scope_id), []).append(window)
    return found
