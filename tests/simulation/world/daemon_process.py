"""One process of camwatch: its real parts on a virtual clock, and a store that can fail."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sqlalchemy import event

from camwatch.accounting.rolling import RollingAccounts
from camwatch.clock import Clock, ClockStep
from camwatch.core.events import Event
from camwatch.core.model import Camera, MaintenanceWindow
from camwatch.errors import StoreError
from camwatch.fleet.inventory import Inventory, Operator, Site
from camwatch.history.recorder import RecordedFleet, Recorder
from camwatch.history.recording_store import RecordingStore
from camwatch.history.store import Store
from camwatch.history.write_queue import Batch, StoredState
from camwatch.monitoring.receiver import LinkReceiver
from camwatch.monitoring.service import MonitorService
from camwatch.settings import HistorySettings, Settings
from tests.simulation.plans.plan import PARIS

RETENTION_DAYS = 1100


class KilledError(Exception):
    """The process was killed here."""


class FaultyStore(RecordingStore):
    """A real store that can be made to fail, or to kill the process.

    `committed` is called with each batch that is stored.
    """

    def __init__(self, store: Store, committed: Callable[[Batch], None]) -> None:
        super().__init__(store, PARIS, RETENTION_DAYS)
        self.away = False
        self.unconfirmed = False  # the next write is stored and then fails
        self.dies_at: int | None = None  # number of statements from now
        self._committed = committed
        event.listen(store.engine, "before_cursor_execute", self._statement)

    def load(self) -> StoredState:
        """Return the stored state, or fail."""
        self._fail_if_away()
        return super().load()

    def write(self, batch: Batch) -> None:
        """Store a batch, or fail."""
        if self.unconfirmed:
            self.unconfirmed = False
            super().write(batch)
            self._committed(batch)
            raise StoreError("the connection broke while the commit was under way")
        self._fail_if_away()
        super().write(batch)
        self._committed(batch)

    def corrections(self) -> int:
        """Return the number of the newest correction, or fail."""
        self._fail_if_away()
        return super().corrections()

    def windows(self, now_ms: int) -> tuple[MaintenanceWindow, ...]:
        """Return the maintenance entered as corrections, or fail."""
        self._fail_if_away()
        return super().windows(now_ms)

    def standing(self, now_ms: int) -> RollingAccounts:
        """Return the operators' rolling accounts, or fail."""
        self._fail_if_away()
        return super().standing(now_ms)

    def fold(self, now_ms: int) -> Iterator[None]:
        """Fold what is older than the retention, or fail."""
        self._fail_if_away()
        return super().fold(now_ms)

    def _fail_if_away(self) -> None:
        if self.away:
            raise StoreError("it is away")

    def _statement(self, *_: Any) -> None:
        if self.dies_at is not None:
            if self.dies_at <= 0:
                raise KilledError
            self.dies_at -= 1


class DaemonProcess:
    """camwatch, from its start to its end. `emitted` collects emitted events."""

    def __init__(
        self,
        url: str,
        settings: Settings,
        links: dict[str, frozenset[str]],
        clocks: tuple[Callable[[], float], Callable[[], float]],
        committed: Callable[[Batch], None],
    ) -> None:
        self.store = Store.open(HistorySettings(url=url))
        self.store.acquire_lock()
        self.past: StoredState = self.store.load()
        self.emitted: list[Event] = []
        self.keeper = FaultyStore(self.store, committed)
        self.clock = Clock(self._jumped, *clocks, self.past.watermark_ms or 0)
        accounted = (
            memory.accounted_until_ms
            for memory in self.past.checkpoints
            if memory.accounted_until_ms is not None
        )
        corrected = self.keeper.windows(min(accounted, default=self.clock().utc_ms))
        self.watcher = MonitorService(
            settings,
            inventory((), ()),
            links,
            self.clock,
            self._on_events,
            self._on_inventory,
            corrected,
        )
        self.chronicle = Recorder(
            self.keeper,
            self.past,
            RecordedFleet(
                self.watcher.fleet,
                self.watcher.rejections,
                self.watcher.idle,
                self.watcher.flush_events,
                self.watcher.set_maintenance,
            ),
            self.clock,
            1.0,
            retry_s=(0.0,),
        )
        self.receivers: dict[str, LinkReceiver] = {name: self.watcher.receiver(name) for name in links}
        self._writing: asyncio.Task[None] | None = None

    async def begin(self, rows: Iterable[Camera], windows: Iterable[MaintenanceWindow]) -> None:
        """Resume from the store, as `app.Application` does."""
        if self.past.watermark_ms is not None:
            now = self.clock()
            if self.clock.lag is not None:
                self.watcher.record_clock_step(self.clock.lag)
            self.watcher.fleet.resume(now, self.past.checkpoints, self.past.groups, self.past.watermark_ms)
        self.watcher.load_inventory(inventory(rows, windows))
        await self.chronicle._rebuild_rolling()

    def reload(self, rows: Iterable[Camera], windows: Iterable[MaintenanceWindow]) -> None:
        """Load another inventory."""
        self.watcher.on_reload(inventory(rows, windows))

    async def checkpoint(self) -> bool:
        """Store everything; return whether that is done, which it is not while the store is away."""
        task = self._writing or asyncio.create_task(self.chronicle._checkpoint())
        errors, keeper = self.chronicle.write_errors, self.keeper
        while not task.done() and self.chronicle.write_errors == errors:
            if not keeper.away and not keeper.unconfirmed:
                await asyncio.wait({task})
            await asyncio.sleep(0)
        self._writing = None if task.done() else task
        if task.done():
            await task
        return self._writing is None

    async def finish(self) -> None:
        """Stop cleanly: store the rest, as far as the store is available."""
        self.chronicle._stopping.set()
        while not await self.checkpoint():
            pass

    @property
    def waiting(self) -> bool:
        """Whether a write waits for the store."""
        return self._writing is not None

    async def end(self) -> None:
        """Release everything, whatever is under way."""
        if self._writing is not None:
            self._writing.cancel()
            with contextlib.suppress(asyncio.CancelledError, KilledError):
                await self._writing
        self.chronicle._thread.close()
        self.store.close()

    def _on_inventory(self, cameras: Iterable[Camera], windows: Iterable[MaintenanceWindow]) -> None:
        self.chronicle.record_inventory(cameras, windows)

    def _on_events(self, events: list[Event]) -> None:
        self.chronicle.record_events(events)
        self.emitted.extend(events)

    def _jumped(self, jump: ClockStep) -> None:
        self.watcher.on_clock_step(jump)


def inventory(rows: Iterable[Camera], windows: Iterable[MaintenanceWindow]) -> Inventory:
    """Return an inventory of these rows."""
    cameras = {row.id: row for row in rows}
    sites = {row.site: Site(row.site, row.site, row.zone) for row in cameras.values()}
    operators = {row.operator: Operator(row.operator, row.operator, 0.98) for row in cameras.values()}
    return Inventory(operators, sites, cameras, tuple(windows))
