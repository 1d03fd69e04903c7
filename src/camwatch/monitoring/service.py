"""Runs the core: owns the `FleetMonitor`, runs its deadlines, reloads the inventory, passes on events."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping
from zoneinfo import ZoneInfo

import structlog

from camwatch.clock import STEP_S, Clock, ClockStep
from camwatch.clock_trust import ClockTrust
from camwatch.core.camera_view import CameraView
from camwatch.core.events import Event, MonitoringGap
from camwatch.core.message_budget import MessageBudget
from camwatch.core.model import Camera, CameraConfig, GapCause, Instant, MaintenanceWindow
from camwatch.core.monitor import FleetMonitor
from camwatch.core.scoped_incidents import ScopedIncidents
from camwatch.core.state import CameraState
from camwatch.core.transitions import IN_SERVICE
from camwatch.errors import ConfigError
from camwatch.fleet.inventory import HeldReload, Inventory, diff, held_back
from camwatch.monitoring.receiver import LinkReceiver, LinkReport, RoundTrips, Shared
from camwatch.rejections import Rejections
from camwatch.settings import Settings
from camwatch.wire.topics import MessageKind, TopicAddress, topic_of

_LOOK_EVERY_S = 0.1  # deadlines set meanwhile are further away, so this only bounds the delay
_CAMERAS_PER_TICK = 250  # about 6 ms before other tasks run

_log = structlog.get_logger("watch")


class MonitorService:
    """Judges the cameras of an inventory by the messages of the links.

    Args:
        settings: the settings.
        inventory: the first inventory; its cameras are monitored once `load_inventory` is called.
        links: the operators whose cameras each link carries (empty: all).
        clock: the time.
        on_events: called with all events, synchronously and in order.
        on_inventory: called with the cameras and maintenance windows of an inventory before it takes effect.
        corrected: maintenance windows added as corrections.

    """

    def __init__(
        self,
        settings: Settings,
        inventory: Inventory,
        links: Mapping[str, frozenset[str]],
        clock: Clock,
        on_events: Callable[[list[Event]], None],
        on_inventory: Callable[[Iterable[Camera], Iterable[MaintenanceWindow]], None],
        corrected: tuple[MaintenanceWindow, ...] = (),
    ) -> None:
        self.settings = settings
        self.inventory = inventory
        self.clock = clock
        self.rejections = Rejections()
        self.budget = MessageBudget(settings.liveness.messages_per_interval)
        self.link_reports = {name: LinkReport() for name in links}
        for broker in settings.brokers:
            if broker.canary and broker.name in links:
                self.link_reports[broker.name].round_trips = RoundTrips()
        self.reload_errors = 0
        self.inventory_faults: tuple[str, ...] = ()  # of the last reload, if it failed
        self.held: HeldReload | None = None  # the last reload, if it waits for confirmation
        self.clock_steps = 0
        self.resumed_ms: Mapping[str, int] = {}  # by link: until when an earlier process recorded it
        self.clock_trust = ClockTrust(clock)
        self.fleet = FleetMonitor(
            clock(),
            links,
            ping_after_s=settings.liveness.interval_s,
            stall_after_s=_stall_after_s(settings, inventory),
        )
        self.scoped = ScopedIncidents(self.fleet)
        self.idle = asyncio.Event()  # cleared while cameras are due that have not been judged
        self.idle.set()
        self.health_checks: list[Callable[[], str | None]] = []
        """Further readiness checks; each returns why the daemon is not ready, or None."""
        self._on_events, self._on_inventory = on_events, on_inventory
        self._corrected = corrected
        self.heartbeat_topics: dict[str, CameraState] = {}
        self.status_topics: dict[str, CameraState] = {}
        self.last_reload = clock()

    @property
    def cameras(self) -> Mapping[str, CameraView]:
        """The cameras by id, to read."""
        return self.fleet.cameras

    @property
    def not_ready_reasons(self) -> list[str]:
        """Why the daemon is not ready, one line per reason; empty if it is."""
        troubles = {name: self.link_trouble(name) for name in self.link_reports}
        found = [f"link {name}: {trouble}" for name, trouble in troubles.items() if trouble is not None]
        found += [problem for check in self.health_checks if (problem := check()) is not None]
        return [*found, *self.clock_trust.faults(self.clock().mono)]

    def link_trouble(self, name: str) -> str | None:
        """Return why a link does not bring current messages; None if it does (rules S1, S11)."""
        report, link = self.link_reports[name], self.fleet.links[name]
        if report.problem is not None:
            return report.problem
        if link.lagging:
            return (
                f"messages arrive {link.lag:.0f} s late, longer than a camera may be silent"
                " (is the broker overloaded, or the network?)"
            )
        since = self.clock().mono - report.subscribed
        if link.catching_up and since > self.settings.liveness.interval_s * self.settings.liveness.down_after:
            return f"what the broker kept is still arriving, {since:.0f} s after the connection"
        return None

    @property
    def timezone(self) -> ZoneInfo:
        """The time zone for users."""
        return self.settings.fleet.timezone

    @property
    def now(self) -> Instant:
        """The present time."""
        return self.clock()

    def receiver(self, link: str) -> LinkReceiver:
        """Return the receiver of a link's messages."""
        shared = Shared(
            self.settings,
            self.fleet,
            self.rejections,
            self.budget,
            self.clock,
            self.heartbeat_topics,
            self.status_topics,
            self.resumed_ms,
            self.flush_events,
        )
        return LinkReceiver(shared, self.fleet.links[link], self.link_reports[link])

    def load_inventory(self, inventory: Inventory) -> None:
        """Monitor the cameras of an inventory from now on (rule V6)."""
        settings = self.settings
        self._on_inventory(inventory.cameras.values(), inventory.windows)
        self.last_reload = self._configs(inventory)
        prefix = settings.mqtt.topic_prefix
        topics: dict[MessageKind, dict[str, CameraState]] = {kind: {} for kind in MessageKind}
        for state in self.fleet.cameras.values():
            self.budget.renew(state)
            for kind, table in topics.items():
                table[topic_of(prefix, TopicAddress(state.camera.operator, state.camera.id, kind))] = state
        for known, found in (
            (self.heartbeat_topics, MessageKind.HEARTBEAT),
            (self.status_topics, MessageKind.STATUS),
        ):
            known.clear()
            known.update(topics[found])
        self.inventory = inventory
        self.rejections.adopt({camera.id: camera.operator for camera in inventory.cameras.values()})
        self.flush_events()

    def set_maintenance(self, windows: tuple[MaintenanceWindow, ...]) -> None:
        """Set the maintenance windows that were added as corrections."""
        if windows != self._corrected:
            self._corrected = windows
            self._configs(self.inventory)
            self.flush_events()

    def _configs(self, inventory: Inventory) -> Instant:
        now = self.clock()
        liveness, conditions = self.settings.liveness, self.settings.conditions
        configs = [
            CameraConfig(camera, liveness.for_camera(camera), conditions.for_camera(camera))
            for camera in inventory.cameras.values()
        ]
        self.fleet.reload(
            now,
            configs,
            inventory.windows + self._corrected,
            stall_after_s=_stall_after_s(self.settings, inventory),
        )
        return now

    def on_reload(self, inventory: Inventory, *, confirmed: bool = False) -> None:
        """Apply a reloaded inventory, or hold it back if it would remove too many cameras (V6).

        `confirmed` accepts the inventory that is held back, and no other.
        """
        self.inventory_faults = ()
        serving = [
            state.camera.id for state in self.fleet.cameras.values() if state.underlying_status in IN_SERVICE
        ]
        held = held_back(serving, inventory)
        if held is not None and not (confirmed and held == self.held):
            self.held = held
            _log.error(
                "inventory held back, keeping previous",
                leaving=held.leaving,
                in_service=held.serving,
                hint="check for a half-written table; to accept it: camwatch reload --confirm",
            )
            return
        self.held = None
        difference = diff(self.inventory, inventory)
        self.load_inventory(inventory)
        _log.info(
            "inventory reloaded",
            cameras=len(inventory.cameras),
            added=len(difference.added),
            removed=len(difference.removed),
            changed=len(difference.changed),
        )

    def on_reload_failed(self, error: ConfigError) -> None:
        """Log every fault of a failed reload; the previous inventory stays."""
        self.reload_errors += 1
        self.inventory_faults = tuple(str(fault) for fault in error.problems)
        for fault in error.problems:
            _log.error("inventory reload failed, keeping previous", fault=str(fault))

    def on_clock_step(self, jump: ClockStep) -> None:
        """Record the effect of a clock jump on our UTC; count it if it is a step (rules T2, T7)."""
        ahead_s = (jump.ended.utc_ms - jump.began.utc_ms) / 1000
        if jump.is_step:
            self.clock_steps += 1
            doubted = {} if jump.followed else {"followed": False}
            _log.warning("wall clock stepped", by_s=round(jump.seconds, 3), **doubted)
        elif jump.followed and ahead_s > STEP_S:
            _log.warning("wall clock step followed", by_s=round(ahead_s, 3))
        if jump.followed and ahead_s > 0:
            self.fleet.wall_clock_advanced(ahead_s)
        self.record_clock_step(jump)
        self.clock_trust.doubted()

    def clock_began(self, now: Instant) -> None:
        """Record where the time of this process began, as a clock step of no length (T5)."""
        self.fleet.record_gap(MonitoringGap((), (), GapCause.CLOCK_STEP, now, now))

    def record_clock_step(self, jump: ClockStep) -> None:
        """Record a jump if it affects our UTC."""
        if jump.recorded:
            self.fleet.record_gap(MonitoringGap((), (), GapCause.CLOCK_STEP, jump.began, jump.ended))

    def flush_events(self) -> None:
        """Pass the core's new events to `on_events`."""
        if events := self.fleet.drain_events():
            self._on_events(events)

    async def run_deadlines(self) -> None:
        """Process deadlines when they are due, until cancelled."""
        while True:
            now = self.clock()
            more = self.fleet.tick(now, _CAMERAS_PER_TICK)
            (self.idle.clear if more else self.idle.set)()
            self.clock_trust.check(now.mono, self.fleet.cameras.values())
            self.flush_events()
            upcoming = self.fleet.next_deadline
            if more or upcoming is None:
                pause = 0.0 if more else _LOOK_EVERY_S
            else:
                pause = min(_LOOK_EVERY_S, max(0.0, upcoming - now.mono))
            await asyncio.sleep(pause)


def _stall_after_s(settings: Settings, inventory: Inventory) -> float:
    """Return the seconds for which the event loop may stall before that is blindness (rule S8).

    At most half of the shortest `down_after`: messages that waited during a stall arrive late (rule L8), so
    an unnoticed stall would declare living cameras down.
    """
    silences = (settings.liveness.for_camera(camera).down_s for camera in inventory.cameras.values())
    return min(settings.liveness.stall_after_s, min(silences, default=math.inf) / 2)
