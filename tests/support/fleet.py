"""A virtual city: cameras, links, and a clock that moves only when told to, around a real FleetMonitor.

Times in tests are seconds since `START`. A `World` calls its FleetMonitor as the daemon does: it ticks at
every deadline, and each batch of packets is "awake, message, heard".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from camwatch.core.events import Event, IncidentEvent, Reboot, Transition
from camwatch.core.model import (
    Camera,
    CameraConfig,
    Cause,
    Instant,
    Lifecycle,
    Liveness,
    MaintenanceWindow,
    Purpose,
    Scope,
    Status,
    Thresholds,
)
from camwatch.core.monitor import FleetMonitor
from camwatch.core.state import CameraState
from camwatch.core.status_time import StatusTime
from camwatch.core.telemetry import RejectionReason, SessionStatus
from camwatch.wire.heartbeat import Heartbeat

START = Instant(5_000.0, 1_767_258_000_000)
"""Second 0 of every world: the two clocks share no digits, so that mixing them shows."""

BARE = Heartbeat()
"""A heartbeat that tells nothing but "alive"."""


def instant(t: float) -> Instant:
    """Return the moment `t` seconds after START, exact to the millisecond."""
    return Instant(round(START.mono + t, 3), START.utc_ms + round(t * 1000))


def utc_ms(t: float) -> int:
    """Return the UTC milliseconds of `t` seconds after START."""
    return instant(t).utc_ms


def seconds(moment: Instant) -> float:
    """Return the seconds from START to a moment; both its clocks must tell the same."""
    by_mono, by_utc = moment.mono - START.mono, (moment.utc_ms - START.utc_ms) / 1000
    assert abs(by_mono - by_utc) < 0.0015, f"the clocks of {moment} disagree"
    return by_utc


def camera(camera_id: str = "cam-1", **row: Any) -> Camera:
    """Return a camera of `ville` at `mairie`, in service, unless `row` says otherwise."""
    sound = Camera(
        camera_id, "ville", "mairie", "centre", camera_id, Purpose.VIDEO_PROTECTION, Lifecycle.IN_SERVICE
    )
    return replace(sound, **row)


def enrolment(
    camera_id: str = "cam-1",
    liveness: Liveness | None = None,
    thresholds: Thresholds | None = None,
    **row: Any,
) -> CameraConfig:
    """Return a camera to be watched, with the default deadlines and thresholds."""
    return CameraConfig(camera(camera_id, **row), liveness or Liveness(), thresholds or Thresholds())


def fleet(count: int, **row: Any) -> list[CameraConfig]:
    """Return `cam-1` … `cam-<count>`."""
    return [CameraConfig(camera(f"cam-{number}", **row)) for number in range(1, count + 1)]


def window(
    starts: float, ends: float, scope: Scope = Scope.CAMERA, scope_id: str = "cam-1", reason: str = "works"
) -> MaintenanceWindow:
    """Return a maintenance window, in seconds since START."""
    return MaintenanceWindow(scope, scope_id, utc_ms(starts), utc_ms(ends), reason)


class Move(NamedTuple):
    """A transition, in seconds since START."""

    old: Status
    new: Status
    at: float
    noticed: float
    cause: Cause | None = None


class World:
    """A FleetMonitor with its links and its clock, at second 0, in sight unless `sight` is false.

    `chatter_s`: every connected link that is not `frozen` delivers some packet that often, which proves
    sight (rule S10). `links`: names, or names with the operators that each carries.
    """

    def __init__(
        self,
        *enrolments: CameraConfig,
        links: Iterable[str] | Mapping[str, Iterable[str]] = ("main",),
        windows: Iterable[MaintenanceWindow] = (),
        sight: bool = True,
        chatter_s: float = 1.0,
        stall_after_s: float = 5.0,
    ) -> None:
        carried = links if isinstance(links, Mapping) else dict.fromkeys(links, ())
        self.watch = FleetMonitor(
            START,
            {name: frozenset(operators) for name, operators in carried.items()},
            stall_after_s=stall_after_s,
        )
        self.t = 0.0
        self.frozen: set[str] = set()
        self.events: list[Event] = []
        self._chatter_s = chatter_s
        self.reload(*(enrolments or [enrolment()]), windows=windows)
        if sight:
            for link in self.watch.links:
                self.regain(link)

    # --- time

    @property
    def now(self) -> Instant:
        """The moment that both clocks show."""
        return instant(self.t)

    def to(self, t: float) -> World:
        """Let time pass until `t`: links chatter, and the loop ticks at every deadline and at `t`."""
        while self.t < t:
            self.t = min(t, self.t + self._chatter_s, max(self.t, self._next_deadline()))
            self.tick()
            for link in self.watch.links.values():
                if link.up and link.name not in self.frozen:
                    self.watch.packets_taken(link, self.now)
        self.tick()
        return self

    def _next_deadline(self) -> float:
        """Return the first whole millisecond at which there is something to judge."""
        deadline = self.watch.next_deadline
        if deadline is None:
            return float("inf")
        t = math.floor((deadline - START.mono) * 1000) / 1000
        while instant(t).mono < deadline:
            t += 0.001
        return t

    def stall(self, t: float) -> World:
        """Let time pass until `t` without the loop running, and let it run again (rule S8)."""
        self.t = t
        self.tick()
        return self

    def tick(self) -> None:
        """Judge all that is due now."""
        while self.watch.tick(self.now):
            pass
        self.events += self.watch.drain_events()

    # --- what cameras say

    def beat(self, camera_id: str = "cam-1", link: str | None = None, **said: Any) -> RejectionReason | None:
        """Deliver a heartbeat now, and return why it proves nothing (None: it does)."""
        self.watch.packets_arrived(self.watch.links[link or next(iter(self.watch.links))], self.now)
        heartbeat = Heartbeat(**said) if said else BARE
        refusal = self.watch.heartbeat(self.camera(camera_id), self.now, heartbeat)
        self.heard(link)
        return refusal

    def word(
        self, word: SessionStatus, camera_id: str = "cam-1", *, retained: bool = False
    ) -> RejectionReason | None:
        """Deliver a status message now, and return why it proves nothing."""
        self.watch.loop_alive(self.now)
        refusal = self.watch.status_message(self.camera(camera_id), self.now, word, retained=retained)
        self.heard()
        return refusal

    def beats(self, until: float, *camera_ids: str, every: float = 10.0) -> World:
        """Let cameras (all, if none is named) give a heartbeat now, and `every` seconds up to `until`."""
        begin, count = self.t, 0
        while begin + count * every <= until:
            self.to(begin + count * every)
            for camera_id in camera_ids or self.watch.cameras:
                self.beat(camera_id)
            count += 1
        return self.to(until)

    # --- what links report

    def heard(self, link: str | None = None) -> None:
        """Deliver some packet over a link (the first) now, if it is connected."""
        state = self.watch.links[link or next(iter(self.watch.links))]
        if state.up:
            self.watch.packets_taken(state, self.now)
        self.events += self.watch.drain_events()

    def lose(self, link: str = "main", last_packet: float | None = None) -> World:
        """Lose a link now; its last packet came at `last_packet` (now, if not given)."""
        since = self.now if last_packet is None else instant(last_packet)
        self.watch.link_down(self.watch.links[link], self.now, since)
        self.events += self.watch.drain_events()
        return self

    def regain(self, link: str = "main") -> World:
        """Connect and subscribe a link now."""
        self.watch.link_up(self.watch.links[link], self.now)
        self.events += self.watch.drain_events()
        return self

    def blind(self, begin: float, end: float) -> World:
        """Let the only link be lost at `begin` and regained at `end`."""
        return self.to(begin).lose().to(end).regain()

    # --- who is watched

    def reload(self, *enrolments: CameraConfig, windows: Iterable[MaintenanceWindow] = ()) -> World:
        """Watch exactly these cameras from now on."""
        self.watch.reload(self.now, enrolments, windows)
        self.tick()
        return self

    # --- what came of it

    def camera(self, camera_id: str = "cam-1") -> CameraState:
        """Return what the core keeps of a camera."""
        return self.watch.cameras[camera_id]

    def is_blind(self) -> bool:
        """Tell whether some camera could not be seen now."""
        return self.watch.blind

    def status(self, camera_id: str = "cam-1") -> Status:
        """Return what a camera is now."""
        return self.camera(camera_id).status_at(self.now)

    def account(self, camera_id: str = "cam-1") -> StatusTime:
        """Return a camera's account, settled up to what is certain now."""
        state = self.camera(camera_id)
        self.watch._recorder.account_until_certain(state, self.now)
        self.events += self.watch.drain_events()
        return replace(state.status_time)

    def moves(self, camera_id: str = "cam-1") -> list[Move]:
        """Return a camera's transitions so far."""
        return [
            Move(event.old, event.new, seconds(event.at), seconds(event.detected_at), event.cause)
            for event in self.events
            if isinstance(event, Transition) and event.camera == camera_id
        ]

    def transitions(self) -> list[Transition]:
        """Return all transitions so far, as they were told."""
        return [event for event in self.events if isinstance(event, Transition)]

    def last(self, camera_id: str = "cam-1") -> Move:
        """Return a camera's newest transition."""
        return self.moves(camera_id)[-1]

    def incidents(self) -> list[IncidentEvent]:
        """Return the incidents that began and ended so far."""
        return [event for event in self.events if isinstance(event, IncidentEvent)]

    def reboots(self) -> list[float]:
        """Return when cameras were seen to have rebooted."""
        return [seconds(event.at) for event in self.events if isinstance(event, Reboot)]


def alive(*enrolments: CameraConfig, until: float = 0.0, windows: Iterable[MaintenanceWindow] = ()) -> World:
    """Return a world whose cameras all gave heartbeats at 0, 10, … up to `until`, and no events yet."""
    world = World(*enrolments, windows=windows).beats(until)
    world.events.clear()
    return world
