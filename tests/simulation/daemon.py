"""The daemon's real parts (watcher, core, chronicle, store in a file) under a clock that a script moves."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from camwatch.clock import Clock, ClockStep
from camwatch.core.events import Event
from camwatch.core.model import Camera, Instant, MaintenanceWindow
from camwatch.core.telemetry import SessionStatus
from camwatch.fleet.inventory import Inventory, Operator, Site
from camwatch.history import corrections
from camwatch.history.recorder import RecordedFleet, Recorder
from camwatch.history.recording_store import RecordingStore
from camwatch.history.store import Store
from camwatch.monitoring.receiver import LinkReceiver
from camwatch.monitoring.service import MonitorService
from camwatch.settings import HistorySettings, LivenessSettings, Settings
from camwatch.wire.heartbeat import Heartbeat
from tests.simulation.truth import CHATTER, LINKS, PARIS, Item, Sent, Truth

SETTINGS = Settings(liveness=LivenessSettings(interval_s=60, will_grace_s=10, stall_after_s=30))


class _Run(NamedTuple):
    """One process."""

    store: Store
    chronicle: Recorder
    watcher: MonitorService
    receivers: dict[str, LinkReceiver]


class Taken(NamedTuple):
    """What was said, and when it came; `at`: when it was sent, by our own UTC."""

    sent: Sent
    came: int
    at: int


class VirtualDaemon:
    """Plays a truth, item by item. `looked` is called after each write and each start."""

    def __init__(self, truth: Truth, url: str, looked: Callable[[VirtualDaemon], None]) -> None:
        self.truth = truth
        self.starts = 0
        self._history = HistorySettings(url=url)
        self._looked = looked
        self.heard: list[Taken] = []
        self._lead = self._leads_since = 0  # of our UTC before the truth
        self._now = truth.begins
        self._wall_off_s = 0
        self._mono_base = 0
        self._run: _Run | None = None
        self._silent: dict[str, Instant] = {}
        self._asked: dict[str, Instant] = {}  # when each link was asked for a packet last
        self._chatter = truth.begins
        self._announced = tuple(
            MaintenanceWindow(work.scope, work.scope_id, work.starts, work.ends, "works")
            for work in truth.works
            if work.told is None
        )

    @property
    def run(self) -> _Run:
        """The process that runs now."""
        assert self._run is not None
        return self._run

    @property
    def running(self) -> bool:
        """Whether a process runs now."""
        return self._run is not None

    async def play(self) -> None:
        """Let everything happen, to a clean stop at the end."""
        handlers = {
            "start": self._start,
            "stop": self._stop,
            "crash": self._crash,
            "write": self._write,
            "told": self._told,
            "end": self._stop,
        }
        for item in self.truth.items:
            if item.kind == "said":
                if self._run is not None:
                    self._pass_to(item.at)
                    self._said(item.link, item.sent)
                continue
            if self._run is not None and item.kind != "stall":
                self._pass_to(item.at)
            self._now = item.at
            if item.kind in handlers:
                await handlers[item.kind](item)
            else:
                getattr(self, f"_{item.kind}")(item)

    def close(self) -> None:
        """Let go of everything, whatever happened."""
        if self._run is not None:
            self._end()

    # --- time

    def mono(self) -> float:
        """Return what the monotonic clock shows; each process has its own."""
        return (self._now - self.truth.begins + self._mono_base) / 1000

    def wall(self) -> float:
        """Return what the wall clock shows."""
        return self._now / 1000 + self._wall_off_s

    def _pass_to(self, at: int) -> None:
        """Let time pass until `at`; the loop runs whenever something is due."""
        watcher = self.run.watcher
        while True:
            deadline = watcher.fleet.next_deadline
            if self._chatter <= self._now:
                self._chatter = self._now + CHATTER
            wake = self._chatter
            if deadline is not None:
                wake = min(wake, max(self._now, self._moment_of(deadline)))
            if wake >= at:
                break
            self._now = wake
            self._tick()
        self._now = at

    def _moment_of(self, mono: float) -> int:
        """Return the first whole millisecond at which the monotonic clock shows at least `mono`."""
        moment = math.floor(mono * 1000) + self.truth.begins - self._mono_base
        while (moment - self.truth.begins + self._mono_base) / 1000 < mono:
            moment += 1
        return moment

    def _tick(self) -> None:
        watcher = self.run.watcher
        while watcher.fleet.tick(watcher.clock()):
            pass
        self._packets()

    def _packets(self) -> None:
        """Let every link that is not silent say something."""
        watcher = self.run.watcher
        now = watcher.clock()
        for name, receiver in self.run.receivers.items():
            if watcher.fleet.links[name].up and name not in self._silent:
                receiver.packets_end(now)
                receiver.answered(now, self._asked.get(name, now))
                self._asked[name] = now
        watcher.flush_events()

    # --- the process

    async def _start(self, item: Item) -> None:
        self.starts += 1
        self._mono_base = 1_000_000 + self.starts * 7_777_777
        store = Store.open(self._history)
        store.acquire_lock()
        past = store.load()
        keeper = RecordingStore(store, PARIS, 1100)
        clock = Clock(self._jumped, self.mono, self.wall, past.watermark_ms or 0)
        settled = (
            memory.accounted_until_ms for memory in past.checkpoints if memory.accounted_until_ms is not None
        )
        corrected = keeper.windows(min(settled, default=clock().utc_ms))
        inventory = _inventory(item.rows, self._announced)
        watcher = MonitorService(
            SETTINGS,
            inventory,
            LINKS,
            clock,
            self._on_events,
            self._on_inventory,
            corrected,
        )
        chronicle = self._chronicle = Recorder(
            keeper,
            past,
            RecordedFleet(
                watcher.fleet, watcher.rejections, watcher.idle, watcher.flush_events, watcher.set_maintenance
            ),
            clock,
            5.0,
        )
        self._run = _Run(store, chronicle, watcher, {link: watcher.receiver(link) for link in LINKS})
        if past.watermark_ms is not None:
            watcher.fleet.resume(clock(), past.checkpoints, past.groups, past.watermark_ms)
        watcher.load_inventory(inventory)
        await chronicle._rebuild_rolling()
        self._looked(self)

    def _on_inventory(self, cameras: Iterable[Camera], windows: Iterable[MaintenanceWindow]) -> None:
        self._chronicle.record_inventory(cameras, windows)

    def _on_events(self, events: list[Event]) -> None:
        self._chronicle.record_events(events)

    def _jumped(self, jump: ClockStep) -> None:
        self.run.watcher.on_clock_step(jump)

    async def _stop(self, item: Item) -> None:
        self._tick()
        if item.order % 2:  # links may be closed before the last write
            for receiver in self.run.receivers.values():
                link = receiver._link
                if link.up:
                    receiver.lost(self.run.watcher.clock(), self.run.watcher.clock(), "stopped")
        self.run.chronicle._stopping.set()
        await self._write(item)
        self._end()

    async def _crash(self, item: Item) -> None:
        del item
        self._end()

    def _end(self) -> None:
        run, self._run = self.run, None
        run.chronicle._thread.close()
        run.store.close()
        self._silent.clear()
        self._asked.clear()

    async def _write(self, item: Item) -> None:
        if not self.running:
            return
        del item
        self._tick()
        await self.run.chronicle._checkpoint()
        assert self.run.chronicle.problem is None
        assert self.run.chronicle.pending == 0
        self._looked(self)

    async def _told(self, item: Item) -> None:
        for work in self.truth.works:
            if work.told == item.at:
                said = corrections.Maintenance(work.scope, work.scope_id, work.starts, work.ends)
                number = corrections.append(self.run.store.engine, "Zoé", "works", said, item.at)
                if work.cancelled:
                    never = corrections.Cancellation(number, None)
                    corrections.append(self.run.store.engine, "Zoé", "put off", never, item.at)
        await self._write(item)

    # --- what reaches it

    def _said(self, link: str, sent: Sent | None) -> None:
        assert sent is not None
        watcher, receiver = self.run.watcher, self.run.receivers[link]
        camera = watcher.fleet.cameras.get(sent.camera)
        now = watcher.clock()
        self._notes(sent, now.utc_ms - self._now)
        receiver.packets_begin(now)
        if camera is not None and sent.word:
            watcher.fleet.status_message(camera, now, SessionStatus(sent.word), retained=sent.retained)
        elif camera is not None:
            watcher.fleet.heartbeat(camera, now, _heartbeat(sent))
        if watcher.fleet.links[link].up:
            receiver.packets_end(now)
        else:
            watcher.flush_events()

    def _notes(self, sent: Sent, lead: int) -> None:
        """Note what was heard, unless it was sent while our UTC had another lead: who knows when that was."""
        if lead != self._lead:
            self._lead, self._leads_since = lead, self._now
        if sent.at >= self._leads_since:
            self.heard.append(Taken(sent, self._now, sent.at + lead))

    def _packet(self, item: Item) -> None:
        self.run.receivers[item.link].packets_end(self.run.watcher.clock())
        self._silent[item.link] = self.run.watcher.clock()

    def _lost(self, item: Item) -> None:
        last = self._silent.pop(item.link)
        self.run.receivers[item.link].lost(self.run.watcher.clock(), last, "gone")

    def _subscribed(self, item: Item) -> None:
        self.run.receivers[item.link].subscribed(self.run.watcher.clock(), session_present=True)

    def _stall(self, item: Item) -> None:
        if self._now < item.since:
            self._pass_to(item.since)
        self._now = item.since
        self._tick()
        self._now = item.at
        if item.order % 2:
            self._tick()

    def _reload(self, item: Item) -> None:
        self._tick()
        self.run.watcher.on_reload(_inventory(item.rows, self._announced))

    def _step(self, item: Item) -> None:
        self._wall_off_s += item.seconds


def _inventory(rows: tuple[Camera, ...], windows: tuple[MaintenanceWindow, ...]) -> Inventory:
    sites = {row.site: Site(row.site, row.site, row.zone) for row in rows}
    operators = {row.operator: Operator(row.operator, row.operator, 0.98) for row in rows}
    return Inventory(operators, sites, {row.id: row for row in rows}, windows)


def _heartbeat(sent: Sent) -> Heartbeat:
    said: dict[str, Any] = {"ts": sent.ts, "seq": sent.seq, "uptime_s": sent.uptime_s}
    return Heartbeat(**said)
