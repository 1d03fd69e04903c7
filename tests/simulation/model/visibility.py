"""Reference model of links: since when they are visible, and their lag (S1-S13)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median_low
from typing import NamedTuple

from tests.simulation.model.camera import CameraModel
from tests.simulation.model.camera_state import ACCOUNTED
from tests.simulation.model.classifier import ClassifierModel
from tests.simulation.model.records import NEVER, GroupModel, Moment
from tests.simulation.plans.plan import Plan

_ENOUGH_CAMERAS = 3
"""How many late cameras show that a link lags; fewer may have wrong clocks."""
_ACCEPTED_AFTER = 32
"""After how many intervals of constant lag the clocks are wrong."""


@dataclass
class LinkModel:
    """One link; `last` is its last packet, `delivered_until` when everything up to then has arrived.

    `catching_up`: what a kept session holds has not all arrived, so it is not visible. `late`: for each
    camera whose newest heartbeat was late, when that arrived and how late. `lag`: how much later than sent
    its messages arrive; `behind`: too much, so it is not visible (S11).
    """

    up: bool = False
    delivered_until: int = NEVER
    last: Moment | None = None
    catching_up: bool = False
    behind: bool = False
    late: dict[str, tuple[int, int]] = field(default_factory=dict)
    late_at: int = NEVER
    lag: int = 0
    seen_until: int = NEVER  # what was sent since is under way, if enough cameras are late
    sent_late: int = NEVER  # when the newest late heartbeat since the last packet was sent
    apart: int | None = None  # while `behind`: the lag by the monotonic clock, ...
    apart_since: int = NEVER  # ... and since when it is the same
    copies: dict[str, int] = field(
        default_factory=dict
    )  # when a duplicate of another link's message arrived on time
    in_time_at: int = NEVER  # when more of its cameras were last on time than late
    measure_at: int | None = None  # when to measure the lag

    @property
    def visible(self) -> bool:
        """Whether cameras are visible over it (S1)."""
        return self.up and not self.catching_up and not self.behind


class Gap(NamedTuple):
    """A monitoring gap as it must be recorded."""

    operators: tuple[str, ...]
    links: tuple[str, ...]
    cause: str
    began: int
    ended: int


def _percentile_90(values: Iterable[int]) -> int:
    """Return the 90th percentile."""
    ordered = sorted(values)
    return ordered[-(-len(ordered) * 9 // 10) - 1]


class VisibilityModel:
    """All links of a plan. The caller sets `now`."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.now = Moment(0, 0)
        self.cameras: dict[str, CameraModel] = {}
        self.monitored: list[CameraModel] = []  # those in the inventory
        self.classifiers = {spec.id: ClassifierModel(spec.latency) for spec in plan.cameras}
        self.links: dict[str, LinkModel] = {}
        self.groups: dict[tuple[str, ...], GroupModel] = {}
        self.gaps: list[Gap] = []
        self.stall_after = 0
        self._last_loop = self._began = 0
        self._resumed = False  # an earlier process monitored cameras
        self._stored_groups: dict[tuple[str, ...], int] = {}
        self._watermark: int | None = None

    # --- time

    def detect_stall(self) -> None:
        """Record that the loop runs; a stall before that is a gap (S8)."""
        since, self._last_loop = self._last_loop, self.now.at
        if self.now.at - since <= self.stall_after:
            return
        for group in self.groups.values():
            if group.gap_start is None:
                group.gap_start, group.cause = since, "stall"
                group.gap_start_utc = self.now.utc - (self.now.at - since)
                self._end_gap(group)

    def tick(self) -> None:
        """Apply what is due."""
        self.detect_stall()
        for name, link in self.links.items():
            if link.measure_at is not None and self.now.at >= link.measure_at:
                self._measure_lag(name, link)
        for camera in self.monitored:
            if camera.tick(self.now) or camera.held:
                self._decide(camera)

    def _decide(self, camera: CameraModel) -> None:
        """Declare a camera down if visibility is proven; else it becomes unknown in the end (S10)."""
        if camera.gap_start is not None or self.now.at < camera.decision_deadline + camera.group.lag:
            camera.held = False
        elif self._visibility_proven(camera):
            camera.declare_down(self.now)
        elif (
            camera.status == "up"
            and self.now.at >= camera.decision_deadline + camera.group.lag + camera.down_after
            and not any(self._is_silent(self.links[name]) for name in camera.group.links)
        ):
            camera.become_unknown(self.now)

    def _is_silent(self, link: LinkModel) -> bool:
        return link.up and (link.last is None or self.now.at - link.last.at >= self.plan.interval)

    def _visibility_proven(self, camera: CameraModel) -> bool:
        """Return whether every link that sees it had traffic after a heartbeat was due (S10, S11, S13)."""
        for name in camera.group.links:
            link = self.links[name]
            if link.up and not link.visible:
                if camera.proof_link in ("", name) or camera.name in link.late:
                    return False
            elif link.up and (link.delivered_until <= camera.due or self._is_silent(link)):
                return False
        return True

    # --- links

    def on_packet(self, name: str) -> None:
        """Record that a link delivered a packet, and everything before it."""
        link = self.links[name]
        in_time = link.sent_late == NEVER or self.now.at - link.in_time_at <= 2 * (self.plan.interval // 8)
        upto = self.now.at - link.lag if in_time else link.sent_late  # a few late messages delay nothing
        link.last, link.sent_late = self.now, NEVER
        self._deliver_until(name, upto)

    def _deliver_until(self, name: str, upto: int) -> None:
        link = self.links[name]
        link.delivered_until = max(link.delivered_until, upto)
        for group in self._groups_of(name):
            group.delivered_until = max(group.delivered_until, upto)
        for camera in self.monitored:
            if camera.held:
                self._decide(camera)

    def subscribed(self, name: str, *, kept: bool) -> None:
        """Apply a subscription (S1); `kept`: the session's backlog comes first (S11)."""
        self.detect_stall()
        link = self.links[name]
        link.up, link.catching_up = True, kept
        if kept and link.measure_at is None:
            link.measure_at = self.now.at + self.plan.interval // 8
        self.on_packet(name)
        self._on_link_visible(name)

    def answered(self, name: str, asked: int) -> None:
        """Apply the answer to a ping that was sent at an instant."""
        link = self.links[name]
        if link.late_at >= asked and self._is_common(name, link):
            return
        self._deliver_until(name, asked - link.lag)
        if link.catching_up:
            link.catching_up = False
            self._on_link_visible(name)

    def _on_link_visible(self, name: str) -> None:
        if not self.links[name].visible:
            return
        self._update_lag(name)
        for group in self._groups_of(name):
            if group.gap_start is not None:
                self._end_gap(group)
            for camera in self.monitored:
                if (
                    camera.group is group
                    and camera.proof_link == name
                    and camera.proof_link_down_since is not None
                ):
                    camera.on_visible(self.now, first=False)
                    camera.proof_link_down_since = None

    def lost(self, name: str, last: Moment) -> None:
        """Apply the loss of a link, which counts from its last packet (S3)."""
        self.detect_stall()
        link = self.links[name]
        was_visible, seen = link.visible, Moment(last.at - link.lag, last.utc - link.lag)
        self.links[name] = LinkModel(
            last=seen, delivered_until=link.delivered_until, in_time_at=link.in_time_at
        )
        self._update_lag(name)
        if was_visible:
            self._start_gap(name, seen, "link")

    def _start_gap(self, name: str, since: Moment, cause: str) -> None:
        for group in self._groups_of(name):
            if group.gap_start is not None:
                continue
            if any(self.links[each].visible for each in group.links):
                for camera in self.monitored:
                    if (
                        camera.group is group
                        and camera.proof_link == name
                        and camera.proof_link_down_since is None
                    ):
                        camera.proof_link_down_since = since.at
                continue
            others = [self.links[each] for each in group.links if each != name]
            seen = [
                Moment(link.last.at - link.lag, link.last.utc - link.lag)
                for link in others
                if link.last is not None and not link.catching_up
            ]
            begun = max([since, *seen])
            earliest = max(group.since, self._began)  # whatever the lag
            begun = Moment(max(begun.at, earliest), begun.utc + max(0, earliest - begun.at))
            group.gap_start, group.gap_start_utc, group.cause = begun.at, begun.utc, cause

    def _end_gap(self, group: GroupModel) -> None:
        first, group.began = not group.began, True
        cameras = [camera for camera in self.monitored if camera.group is group]
        if cameras and not (first and not group.seen_before):
            gap_start = Gap(group.operators, group.links, group.cause, group.gap_start_utc, self.now.utc)
            self.gaps.append(gap_start)
        for camera in cameras:
            camera.on_visible(self.now, first=first)
            camera.proof_link_down_since = None
        group.gap_start, group.since = None, self.now.at

    # --- lag, rule S11

    def _measure_lag(self, name: str, link: LinkModel) -> None:
        now, cameras, was_visible = self.now.at, self._cameras_of(name), link.visible
        in_time = self._lateness(name, link, cameras)
        enough = link.seen_until != NEVER
        link.behind = enough and link.lag > min((camera.down_after for camera in cameras), default=0)
        if in_time:
            link.in_time_at = now
        again = link.late or link.lag or link.catching_up
        link.measure_at = now + self.plan.interval // 8 if again else None
        link.catching_up = link.catching_up and not in_time and not enough
        if not link.behind:
            link.apart = None
        elif self._is_even(link, cameras):
            self._accept_clocks(link, cameras)
        self._update_lag(name)
        if was_visible and not link.visible:
            since = Moment(now - link.lag, self.now.utc - link.lag)
            self._start_gap(name, since, "lag")
        elif link.visible and not was_visible:
            self._on_link_visible(name)

    def _lateness(self, name: str, link: LinkModel, cameras: list[CameraModel]) -> bool:
        """Measure the lag of a link; return whether more cameras are on time than late."""
        now = self.now.at
        link.late = {
            camera.name: link.late[camera.name]
            for camera in cameras
            if camera.name in link.late
            and self._last_on_time(name, camera) < link.late[camera.name][0] >= now - camera.interval * 3 // 2
        }
        late, fresh = link.late, 0
        slowest = max((camera.interval for camera in cameras if camera.name in late), default=0)
        for camera in cameras:
            if (
                camera.name not in late and self.classifiers[camera.name].offsets
            ):  # the others may be late as well
                window = min(camera.interval, slowest or camera.interval)
                fresh += now - self._last_on_time(name, camera) <= window * 3 // 2
        least = min((camera.down_after for camera in cameras), default=0)
        lagged = link.seen_until != NEVER and not fresh and not self._is_alone(link, cameras)
        if len(late) > fresh and (lagged or self._is_common(name, link)):
            link.lag = _percentile_90(by for _, by in late.values())
            enough = lagged or len(late) >= _ENOUGH_CAMERAS
            link.seen_until = _percentile_90(came - by for came, by in late.values()) if enough else NEVER
        elif late or fresh or now - link.late_at > 2 * least:
            link.lag, link.seen_until = 0, NEVER
        else:
            link.lag = 0 if link.seen_until == NEVER else now - link.seen_until
        return fresh > len(late)

    def _is_alone(self, link: LinkModel, cameras: list[CameraModel]) -> bool:
        """Return whether one late camera is ahead of all others, which are silent."""
        newest = max((camera.proof for camera in cameras if camera.name in link.late), default=NEVER)
        near = sum(camera.proof >= newest - camera.down_after for camera in cameras)
        return near < min(2, sum(camera.status in ACCOUNTED for camera in cameras))

    def _cameras_of(self, name: str) -> list[CameraModel]:
        return [camera for camera in self.monitored if name in camera.group.links]

    def _is_common(self, name: str, link: LinkModel) -> bool:
        in_service = sum(camera.status in ACCOUNTED for camera in self._cameras_of(name))
        return len(link.late) >= min(_ENOUGH_CAMERAS, in_service)

    def _last_on_time(self, name: str, camera: CameraModel) -> int:
        """Return when a camera's last message over a link on time arrived."""
        return max(
            camera.proof if camera.proof_link in ("", name) else NEVER,
            self.links[name].copies.get(camera.name, NEVER),
        )

    def _is_even(self, link: LinkModel, cameras: list[CameraModel]) -> bool:
        """Return whether the lag has been constant for so long that the clocks must be wrong (L8)."""
        late = [camera for camera in cameras if camera.name in link.late]
        if not late:
            return False
        interval = median_low(camera.interval for camera in late)
        apart = median_low(by for _, by in link.late.values()) + self.now.at - self.now.utc
        if link.apart is None or abs(apart - link.apart) > interval // 2:
            link.apart, link.apart_since = apart, self.now.at
        return self.now.at - link.apart_since >= _ACCEPTED_AFTER * interval

    def _accept_clocks(self, link: LinkModel, cameras: list[CameraModel]) -> None:
        for camera in cameras:
            classifier = self.classifiers[camera.name]
            if camera.name in link.late or classifier.last_was_late:
                classifier.offsets.clear()
                camera.distrust_clock()
                if camera.gap_start is None:
                    camera.extend_deadline(link.lag, self.now)
        link.late = {}
        link.lag, link.seen_until, link.behind, link.catching_up = 0, NEVER, False, False

    def measure_times(self) -> list[int]:
        """Return when the lag of each link is measured next."""
        return [link.measure_at for link in self.links.values() if link.measure_at is not None]

    def _update_lag(self, name: str) -> None:
        for group in self._groups_of(name):
            links = [self.links[each] for each in group.links]
            group.lag = max(link.lag for link in [each for each in links if each.visible] or links)

    def _groups_of(self, name: str) -> list[GroupModel]:
        return [group for group in self.groups.values() if name in group.links]

    def _group(self, operator: str) -> GroupModel:
        links = tuple(link.name for link in self.plan.links if link.carries(operator))
        group = self.groups.get(links)
        if group is None:
            seen = self._watermark if self._resumed else None  # without monitored cameras there was no gap
            if seen is not None:
                seen = min(self._stored_groups.get(links, seen), seen)
            since = self.now.at if seen is None else seen
            group = GroupModel(
                links, since, since, since if seen is not None else NEVER, "offline", seen is not None
            )
            group.delivered_until = max(
                group.delivered_until, *(self.links[each].delivered_until for each in links)
            )
            group.lag = max(self.links[each].lag for each in links)
            if any(self.links[each].visible for each in links):
                group.gap_start, group.began = None, True
            self.groups[links] = group
        return group
