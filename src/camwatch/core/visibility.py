"""Which cameras are visible through which links, and since when they are not (rules S1-S13).

`StateMachine` decides what a monitoring gap means for the status of a camera.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from camwatch.core import backfill, camera_clock, deadlines, event_time
from camwatch.core.checkpoint_model import LinkGroupCheckpoint
from camwatch.core.event_recorder import EventRecorder
from camwatch.core.events import MonitoringGap
from camwatch.core.model import NEVER, GapCause, Instant, Status
from camwatch.core.state import LinkGroup, LinkState
from camwatch.core.state_machine import StateMachine


class Visibility:
    """All links, and the groups of links that carry the same cameras.

    Arguments are those of `FleetMonitor`; the lag is measured every eighth of `ping_after_s`.
    """

    def __init__(
        self,
        state_machine: StateMachine,
        recorder: EventRecorder,
        start: Instant,
        links: Mapping[str, frozenset[str]],
        ping_after_s: float,
    ) -> None:
        self.links = {name: LinkState(name, operators) for name, operators in links.items()}
        self._state_machine = state_machine
        self._recorder = recorder
        self._look_again_s = ping_after_s / event_time.LOOKS
        self._start = start
        self._groups: dict[tuple[str, ...], LinkGroup] = {}
        self._seen_before: dict[tuple[str, ...], Instant] = {}  # last packets in an earlier process
        self._watermark: Instant | None = None

    def resume(self, now: Instant, checkpoints: Iterable[LinkGroupCheckpoint], watermark_ms: int) -> None:
        """Continue from an earlier process: every link was lost with its last known packet (rule S6)."""
        self._watermark = _moment(now, watermark_ms)
        self._seen_before = {
            each.links: _moment(now, min(each.last_packet_ms, watermark_ms)) for each in checkpoints
        }

    def of(self, operator: str) -> LinkGroup:
        """Return the link group that carries an operator's cameras."""
        links = tuple(link for link in self.links.values() if link.covers(operator))
        key = tuple(link.name for link in links)
        group = self._groups.get(key)
        if group is None:
            seen = self._seen_before.get(key, self._watermark)
            group = self._groups[key] = LinkGroup(links, seen or self._start, resumed=seen is not None)
            if seen is not None:
                group.cause, group.delivered_until = GapCause.OFFLINE, seen.mono
            for link in links:
                link.groups.append(group)
                group.delivered_until = max(group.delivered_until, link.delivered_until)
            if any(link.visible for link in links):
                group.blind_since = None
                group.ever_visible = True
        return group

    def reloaded(self) -> None:
        """Update the operators of each group."""
        for group in self._groups.values():
            group.operators = tuple(sorted({each.camera.operator for each in group.cameras.values()}))

    @property
    def blind(self) -> bool:
        """Whether some cameras are not visible now."""
        return bool(self.blind_groups)

    @property
    def blind_groups(self) -> list[LinkGroup]:
        """The groups of those cameras."""
        return [group for group in self._groups.values() if group.blind_since is not None and group.cameras]

    def packets_taken(self, link: LinkState, now: Instant) -> None:
        """Note that a packet of a link, and all messages before it, have been handled (rule S10)."""
        link.last_packet_at = now
        # Late messages prove nothing of now; nor does an answer while messages lag (rule S11). But a few late
        # ones among many on time delay nothing.
        if link.sent_late == NEVER or now.mono - link.in_time_at <= 2 * self._look_again_s:
            until = now.mono - link.lag
            link.doubted = False
        else:
            until = link.sent_late
        link.sent_late = NEVER
        self._delivered(link, now, until)

    def _delivered(self, link: LinkState, now: Instant, until: float) -> None:
        link.delivered_until = max(link.delivered_until, until)
        for group in link.groups:
            group.delivered_until = max(group.delivered_until, until)
        self._state_machine.retry_pending(now)

    def link_up(self, link: LinkState, now: Instant, *, backlog: bool) -> None:
        """Note that a link is connected and subscribed; `backlog`: kept messages may arrive first."""
        link.up, link.catching_up = True, backlog
        self.packets_taken(link, now)
        if backlog:
            link.next_check_at = min(link.next_check_at, now.mono + self._look_again_s)
        else:
            self._visible(link, now)

    def link_answered(self, link: LinkState, now: Instant, asked: float) -> None:
        """Note that the broker answered a PINGREQ sent at `asked`, monotonic seconds (rule S11).

        If no late message came since, or only from a few cameras, everything before it has arrived.
        """
        if link.newest_late >= asked and event_time.is_shared(link):
            return
        link.doubted = False
        self._delivered(link, now, asked - link.lag)
        if link.catching_up:
            link.catching_up = False
            self._visible(link, now)

    def canary_returned(self, link: LinkState, now: Instant, sent: float) -> None:
        """Note that the canary published at `sent`, monotonic seconds, came back (rule S12)."""
        event_time.record_canary(link, now.mono, sent, self._look_again_s * event_time.LOOKS)

    def link_down(self, link: LinkState, now: Instant, last_packet: Instant) -> None:
        """Note that a link was lost; its last packet came at `last_packet` (rule S3)."""
        link.up = link.catching_up = link.lagging = link.doubted = False
        link.last_packet_at = seen = last_packet.shifted(-link.lag)
        link.late.clear()
        link.copies.clear()
        link.seen_until = NEVER
        link.lag = link.canary_lag = 0.0
        self._set_group_lag(link, now.mono)
        link.next_check_at = event_time.FOREVER
        self._not_visible(link, seen, GapCause.LINK)
        self._bring_forward(link, now)

    @property
    def next_due(self) -> float:
        """The monotonic instant of the next measurement of a lag; infinite: none."""
        return min((link.next_check_at for link in self.links.values()), default=event_time.FOREVER)

    def run_due(self, now: Instant) -> None:
        """Measure the lag of the links that delivered late messages (rule S11)."""
        for link in self.links.values():
            if now.mono >= link.next_check_at:
                self._measure_lag(link, now)

    def _measure_lag(self, link: LinkState, now: Instant) -> None:
        saw = link.visible
        in_time = event_time.update_lag(link, now.mono, self._look_again_s)
        if link.catching_up:
            # Once the lag is known, it shows how much has arrived.
            link.catching_up = not in_time and link.seen_until == NEVER
            link.next_check_at = min(link.next_check_at, now.mono + self._look_again_s)
        if in_time:
            link.in_time_at = now.mono
        if not link.lagging:
            link.clock_offset = NEVER
        elif event_time.is_even(link, now) and not link.canary_lag:  # the canary uses our own clock
            self._blame_clocks(link, now)
        self._set_group_lag(link, now.mono)
        if saw and not link.visible:
            self._not_visible(link, now.shifted(-link.lag), GapCause.LAG)
        elif link.visible and not saw:
            self._visible(link, now)
        self._bring_forward(link, now)

    def _blame_clocks(self, link: LinkState, now: Instant) -> None:
        """Blame clocks for a lag: forget the offsets of all cameras whose last message was late (L8).

        Of all at once: a camera whose offset is reset later would look late on a link without lag. For
        cameras also visible through another link, the lag was a monitoring gap that ends now.
        """
        for camera in event_time.cameras(link):
            if camera.index in link.late or camera_clock.was_last_late(camera):
                camera_clock.reset_offset(camera)
                backfill.doubt(camera)
                if deadlines.blind_since(camera) is None:
                    deadlines.extend_for_gap(camera, now.mono - link.lag, now.mono)
        link.late.clear()
        link.lag, link.seen_until, link.lagging, link.catching_up = 0.0, NEVER, False, False

    def _bring_forward(self, link: LinkState, now: Instant) -> None:
        """Review cameras earlier whose deadlines were delayed by a lag that has fallen."""
        if link.lag >= link.scheduled_lag:
            link.scheduled_lag = link.lag
            return
        # A later measurement brings the others forward.
        soon = now.mono + 2 * self._look_again_s if link.lag else event_time.FOREVER
        for camera in event_time.cameras(link):
            if camera.link_group.blind_since is None:
                self._state_machine.schedule(camera, now, before=soon)
        if not link.lag:
            link.scheduled_lag = 0.0

    def _set_group_lag(self, link: LinkState, now: float) -> None:
        """Update the lag of a link's groups: that of the slowest visible link."""
        for group in link.groups:
            links = [each for each in group.links if each.visible] or group.links
            before, group.lag = group.lag, max(each.lag for each in links)
            if group.lag and not before:  # the lag began before it was measured
                group.lagged_from, group.lagged_s = now - group.lag, 0.0
            if group.lag or before:
                group.lagged_to, group.lagged_s = now, max(group.lagged_s, group.lag)

    def _visible(self, link: LinkState, now: Instant) -> None:
        """Make the cameras of a link visible."""
        self._set_group_lag(link, now.mono)
        for group in link.groups:
            if group.blind_since is not None:
                self._end_gap(group, now)
            elif len(group.links) > 1:
                for camera in group.cameras.values():
                    if camera.proof_link_down_since is not None and camera.proof_link is link:
                        self._state_machine.on_visibility_regained(camera, now, GapCause.LINK)

    def _not_visible(self, link: LinkState, since: Instant, cause: GapCause) -> None:
        """Begin the monitoring gaps of a link that is not visible `since` an instant (rules S1, S13)."""
        for group in link.groups:
            if not any(other.visible for other in group.links):
                others = [_seen_until(other) for other in group.links if other is not link]
                self._begin_gap(group, max([since, *filter(None, others)]), cause)
            else:
                for camera in group.cameras.values():
                    if camera.proof_link is link and camera.proof_link_down_since is None:
                        self._state_machine.on_visibility_lost(camera, since)

    def loop_stalled(self, since: Instant, now: Instant) -> None:
        """Record that the event loop stalled: nothing was visible (rule S8)."""
        for group in self._groups.values():
            if group.blind_since is None:
                self._begin_gap(group, since, GapCause.STALL)
                self._end_gap(group, now)

    def checkpoints(self) -> Iterator[LinkGroupCheckpoint]:
        """Yield the checkpoint of each group that was ever visible."""
        for links, group in self._groups.items():
            if group.cameras and (group.ever_visible or group.resumed):
                blind = group.blind_since
                yield LinkGroupCheckpoint(
                    links,
                    group.operators,
                    _last_packet_ms(group) if blind is None else blind.utc_ms,
                    blind is not None,
                )

    def _begin_gap(self, group: LinkGroup, since: Instant, cause: GapCause) -> None:
        if group.blind_since is not None:
            return
        # Whatever the lag: the time before the group was visible is known already.
        since = since.at_mono(max(since.mono, group.visible_since, self._start.mono))
        group.blind_since, group.cause = since, cause
        for camera in group.cameras.values():
            camera.steady = False
            if camera.underlying_status in (Status.UP, Status.DOWN):
                self._state_machine.schedule_at(camera, max(since.mono, camera.proof) + camera.down_s)

    def _end_gap(self, group: LinkGroup, now: Instant) -> None:
        """Move the deadlines of every camera (S4, S5); after a long gap the camera is unknown first."""
        first, group.ever_visible = not group.ever_visible, True
        self._emit(group, now, first=first)
        for camera in group.cameras.values():
            self._state_machine.on_visibility_regained(camera, now, group.cause)
            if first and camera.accounted_until_ms is None:
                self._recorder.enter_service(camera, now)
        group.blind_since, group.visible_since = None, now.mono
        for camera in group.cameras.values():
            camera.proof_link_down_since = None
            self._state_machine.reschedule(camera, now)

    def _emit(self, group: LinkGroup, now: Instant, *, first: bool) -> None:
        began = group.blind_since
        if began is None or not group.cameras or (first and not group.resumed):
            return  # before a group is first visible, its cameras are not in service: nothing was missed
        links = tuple(link.name for link in group.links)
        self._recorder.events.append(MonitoringGap(links, group.operators, group.cause, began, now))


def _seen_until(link: LinkState) -> Instant | None:
    """Return up to when a link has delivered everything that it ever will; None: unknown."""
    last = None if link.catching_up else link.last_packet_at
    return None if last is None else last.shifted(-link.lag)


def _moment(now: Instant, utc_ms: int) -> Instant:
    return Instant((round(now.mono * 1000) + utc_ms - now.utc_ms) / 1000, utc_ms)


def _last_packet_ms(group: LinkGroup) -> int:
    """Return up to when a visible group has delivered everything: its last packet, less the lag."""
    return max(
        link.last_packet_at.utc_ms
        - round(1000 * min(link.lag, max(0.0, link.last_packet_at.mono - group.visible_since)))
        for link in group.links
        if link.up and link.last_packet_at is not None
    )
