"""The monitored fleet: messages and link states in, events and checkpoints out.

The core has no clock, socket, await or logger: every call is given `now`. `StateMachine` changes the status
of a camera by the table in `transitions`; `Visibility` decides which cameras are visible; `CameraRegistry`
follows the inventory; `EventRecorder` accounts time. Callers take the events with `drain_events`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping

from camwatch.core import backfill, camera_clock, dating, deadlines, event_time, message_order
from camwatch.core.camera_registry import CameraRegistry
from camwatch.core.checkpoint import to_checkpoint
from camwatch.core.checkpoint_model import CameraCheckpoint, LinkGroupCheckpoint
from camwatch.core.event_recorder import EventRecorder
from camwatch.core.events import Event, MonitoringGap, Reboot
from camwatch.core.incidents import IncidentGroup
from camwatch.core.model import (
    NEVER,
    CameraConfig,
    Cause,
    GapCause,
    Instant,
    MaintenanceWindow,
    Status,
)
from camwatch.core.state import GAP_BOUNDS_S, CameraState, LinkGroup, LinkState
from camwatch.core.state_machine import StateMachine
from camwatch.core.telemetry import RejectionReason, SessionStatus, Telemetry
from camwatch.core.visibility import Visibility

_FOREVER = float("inf")


class FleetMonitor:
    """Monitors the cameras of all operators.

    `links`: by name, the operators that a link carries (empty: all). A link silent for `ping_after_s` does
    not prove visibility (S10); `stall_after_s` without a call count as a stall of the event loop (S8).
    """

    def __init__(
        self,
        start: Instant,
        links: Mapping[str, frozenset[str]],
        *,
        ping_after_s: float = 10.0,
        stall_after_s: float = 5.0,
    ) -> None:
        self._recorder = EventRecorder()
        self._state_machine = StateMachine(self._recorder, ping_after_s)
        self._visibility = Visibility(self._state_machine, self._recorder, start, links, ping_after_s)
        self._registry = CameraRegistry(self._state_machine, self._visibility, self._recorder)
        self.cameras = self._registry.cameras  # a new dictionary with each reload
        self.gaps = self._registry.gaps
        self.incidents = self._registry.incidents
        self.links = self._visibility.links
        self.stalled_s = 0.0
        self._stall_after_s = stall_after_s
        self._alive_at = start.mono
        self._receiving: LinkState | None = None  # the link whose messages are being handled

    def resume(
        self,
        now: Instant,
        checkpoints: Iterable[CameraCheckpoint],
        groups: Iterable[LinkGroupCheckpoint],
        watermark_ms: int,
    ) -> None:
        """Continue from the checkpoints of an earlier process; call it before the first `reload` (rule S6).

        The time since is a monitoring gap, as if every link had been lost with its last packet before
        `watermark_ms`, the UTC up to which the store is complete.
        """
        if self._registry.resume(checkpoints):
            self._visibility.resume(now, groups, watermark_ms)

    # --- messages of cameras

    def heartbeat(  # noqa: C901, PLR0912, PLR0915 - flat on purpose, see below
        self, camera: CameraState, now: Instant, telemetry: Telemetry
    ) -> RejectionReason | None:
        """Handle a heartbeat that was not retained; return why it proves nothing, if so (rules L1-L9).

        Written flat: every heartbeat passes here, and this is what camwatch costs.
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
                else:  # by its `ts`, so it has one
                    late_s = utc_ms * 0.001 - (telemetry.ts or 0.0) - camera.clock_offset
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
        """Handle a proof `at` an instant, of a camera that is not `steady`."""
        camera.proof_link = self._receiving
        kept = deadlines.broker_kept_since(camera)
        datable = telemetry.ts is not None and camera_clock.has_offset(camera)
        waited_s = 0.0 if telemetry.ts is None or at.mono < now.mono else dating.waited(camera)
        if kept > NEVER:  # copies and late heartbeats are judged by their arrival: this one ends their run
            camera.replay_last_at = camera.late_since = NEVER
        if kept > NEVER and not datable:  # the broker may have kept it for any time (rule E3)
            self._state_machine.on_life_unseen(camera, now, at.mono)
            if camera.underlying_status is not Status.UP:
                return
            waited_s = at.mono - kept
        if kept > NEVER and waited_s > 0.0:
            at, waited_s = self._kept_by_broker(camera, at, waited_s, telemetry), 0.0
            if datable and camera.proof_link is not None:
                # It arrived on time, though it was sent before.
                camera.proof_link.copies[camera.index] = now.mono
        self._state_machine.on_life_unseen(camera, now, at.mono)
        camera.proof, camera.proof_ms = at
        boot = message_order.boot_of(camera, telemetry, now.mono)
        back = dating.ending(camera, at.mono, boot, telemetry.uptime_s, waited_s)
        self._state_machine.on_proof(camera, now, at, back)

    def _kept_by_broker(
        self, camera: CameraState, at: Instant, waited_s: float, telemetry: Telemetry
    ) -> Instant:
        """Return the instant proven by a heartbeat that a broker kept during a monitoring gap (rule E3)."""
        sent = at.shifted(max(-waited_s, min(0.0, camera.proof - at.mono)))
        deadlines.record_return(camera, sent.mono)
        if telemetry.uptime_s is not None:
            camera.boot = sent.mono - telemetry.uptime_s
        return sent

    def _late(self, camera: CameraState, now: Instant, telemetry: Telemetry, late_s: float) -> Instant | None:
        """Return the instant that a heartbeat proves which looks late; None: it proves nothing.

        That is now if its camera's clock does not run (rule L8), and when it was sent if it is no later than
        the lag of its link (rule S11).
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
            camera.late_since = NEVER  # earlier rejected ones were delayed on their way, not by the clock
            deadlines.record_return(camera, sent.mono)
            return sent
        self._state_machine.on_late(camera, now, sent, telemetry.uptime_s)
        return None

    def _duplicate(self, camera: CameraState, now: Instant, telemetry: Telemetry) -> None:
        """Note the lateness of a copy of a heartbeat that another link delivered before (rules S11, S13)."""
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
        """Count a reboot and date it; the heartbeat that shows it may be late (rule L6)."""
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
        self._recorder.events.append(
            Reboot(camera.camera.id, camera.camera.operator, now.at_mono(min(began, now.mono)))
        )

    def _after_silence(self, camera: CameraState, gap: float) -> None:
        """Handle the first heartbeat, or one after a longer silence than declares down (rule E3)."""
        if gap < _FOREVER:
            camera.gaps.counts[bisect_left(GAP_BOUNDS_S, gap)] += 1
            camera.gaps.total_s += gap
        camera.steady = False

    def status_message(
        self, camera: CameraState, now: Instant, status: SessionStatus, *, retained: bool
    ) -> RejectionReason | None:
        """Handle a status message: `online` cancels a hint, the others are hints (rules L1, L5).

        Returns why it was rejected, if it was. `online` proves nothing: a bridge may repeat that of a
        dead camera. A retained hint counts only for a camera of which nothing is known. After a link was lost
        it may be the will that a broker published as it stopped, of a living camera.
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

    # --- links

    def packets_taken(self, link: LinkState, now: Instant) -> None:
        """Note that a packet of a link, and all messages before it, have been handled (rule S10)."""
        self._visibility.packets_taken(link, now)

    def packets_arrived(self, link: LinkState, now: Instant) -> None:
        """Note that packets of a link arrived; their messages follow."""
        self._receiving = link
        self.loop_alive(now)

    def link_up(self, link: LinkState, now: Instant, *, backlog: bool = False) -> None:
        """Note that a link is connected and subscribed.

        `backlog`: the broker kept messages for us, which arrive first. No silence counts before they have
        (rule S11).
        """
        self.loop_alive(now)
        self._visibility.link_up(link, now, backlog=backlog)

    def link_answered(self, link: LinkState, now: Instant, asked: float) -> None:
        """Note that the broker answered a PINGREQ sent at `asked`, monotonic seconds (rule S11)."""
        self.loop_alive(now)
        self._visibility.link_answered(link, now, asked)

    def canary_returned(self, link: LinkState, now: Instant, sent: float) -> None:
        """Note that the canary published at `sent`, monotonic seconds, came back (rule S12)."""
        self.loop_alive(now)
        self._visibility.canary_returned(link, now, sent)

    def link_down(self, link: LinkState, now: Instant, last_packet: Instant) -> None:
        """Note that a link was lost; its last packet came at `last_packet` (rule S3)."""
        self.loop_alive(now)
        self._visibility.link_down(link, now, last_packet)

    # --- time

    def wall_clock_advanced(self, seconds: float) -> None:
        """Note that our own UTC jumped by `seconds`: that makes no heartbeat late (rule T2)."""
        for camera in self.cameras.values():
            camera_clock.shift_offset(camera, seconds)
            backfill.reset_emitted(camera)

    def loop_alive(self, now: Instant) -> None:
        """Note that the event loop runs; a long time since the last call is a monitoring gap (rule S8)."""
        gap = now.mono - self._alive_at
        if gap > self._stall_after_s:
            self.stalled_s += gap
            self._visibility.loop_stalled(now.at_mono(self._alive_at), now)
        self._alive_at = now.mono

    def tick(self, now: Instant, limit: int = 1000) -> bool:
        """Review the cameras that are due by `now`, at most `limit`; return whether more are due."""
        self.loop_alive(now)
        self._visibility.run_due(now)
        return self._state_machine.run_due(now, limit)

    @property
    def next_deadline(self) -> float | None:
        """The monotonic instant at which `tick` has work; None: never."""
        upcoming = min(self._state_machine.next_due, self._visibility.next_due)
        return upcoming if upcoming < _FOREVER else None

    @property
    def blind(self) -> bool:
        """Whether some cameras are not visible now."""
        return self._visibility.blind

    @property
    def blind_groups(self) -> list[LinkGroup]:
        """The link groups with cameras that are not visible now."""
        return self._visibility.blind_groups

    def incident_members(self, group: IncidentGroup) -> Iterator[CameraState]:
        """Yield the cameras of a group's incident that are still monitored, recovered or not."""
        found = (self._state_machine.camera(index) for index in group.members)
        return (camera for camera in found if camera is not None)

    def drain_events(self) -> list[Event]:
        """Return the events since the last call, in order."""
        events, self._recorder.events = self._recorder.events, []
        return events

    def record_gap(self, gap: MonitoringGap) -> None:
        """Add a gap found outside the core, such as a step of the wall clock, to the events."""
        self._recorder.events.append(gap)

    # --- checkpoints

    def account(self, cameras: Iterable[CameraState], now: Instant) -> None:
        """Account the time of these cameras as far as it is certain; emit their pending backfills."""
        for camera in cameras:
            self._recorder.account_until_certain(camera, now)
            self._state_machine.emit_backfill(camera, now)

    def checkpoint(self, camera: CameraState, now: Instant) -> CameraCheckpoint:
        """Return the checkpoint of a camera, its time accounted as far as it is certain."""
        self._recorder.account_until_certain(camera, now)
        return to_checkpoint(camera, now)

    def link_group_checkpoints(self) -> tuple[LinkGroupCheckpoint, ...]:
        """Return the checkpoints of all link groups."""
        return tuple(self._visibility.checkpoints())

    def drain_removed(self) -> list[CameraCheckpoint]:
        """Return the checkpoints of the cameras that left the inventory since the last call."""
        return self._registry.drain_removed()

    def mark_persisted(self, checkpoints: Iterable[CameraCheckpoint]) -> None:
        """Note that the store has these checkpoints: counters are exported from them (ADR 8)."""
        for checkpoint in checkpoints:
            camera = self.cameras.get(checkpoint.camera)
            if camera is not None and camera.camera.operator == checkpoint.operator:
                camera.persisted = checkpoint

    # --- inventory

    def reload(
        self,
        now: Instant,
        configs: Iterable[CameraConfig],
        windows: Iterable[MaintenanceWindow],
        *,
        stall_after_s: float | None = None,
    ) -> None:
        """Monitor exactly these cameras from now on; those already monitored keep their state (rule V6).

        `stall_after_s`: as for the constructor; None: unchanged.
        """
        if stall_after_s is not None:
            self._stall_after_s = stall_after_s
        self.cameras = self._registry.reload(now, configs, windows)
