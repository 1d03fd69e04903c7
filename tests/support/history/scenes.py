"""A chronicle at work for tests: a real store, the real core, and a store that can be told to be away."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

from camwatch.accounting.rolling import RollingAccounts
from camwatch.core.events import Event, Transition
from camwatch.core.model import CameraConfig, Instant, MaintenanceWindow, Status
from camwatch.core.monitor import FleetMonitor
from camwatch.errors import StoreError
from camwatch.history.recorder import RecordedFleet, Recorder
from camwatch.history.recording_store import RecordingStore
from camwatch.history.store import Store
from camwatch.history.write_queue import Batch, StoredState
from camwatch.rejections import Rejections
from camwatch.settings import HistorySettings
from tests.support.history.builders import T0, at, camera, rows

PARIS = ZoneInfo("Europe/Paris")


class FaultyStore(RecordingStore):
    """A real store that can be told to be away, or to be damaged."""

    def __init__(self, store: Store) -> None:
        super().__init__(store, PARIS, 1100)
        self.away = False
        self.damaged = False  # where figures are read from
        self.written: list[Batch] = []

    def load(self) -> StoredState:
        """Return what the store remembers, or fail."""
        self._fail_if_away()
        return super().load()

    def write(self, batch: Batch) -> None:
        """Store a batch, or fail."""
        self._fail_if_away()
        super().write(batch)
        self.written.append(batch)

    def corrections(self) -> int:
        """Return the number of the newest correction, or fail."""
        self._fail_if_away()
        return super().corrections()

    def windows(self, now_ms: int) -> tuple[MaintenanceWindow, ...]:
        """Return the maintenance that people added, or fail."""
        self._fail_if_away()
        return super().windows(now_ms)

    def standing(self, now_ms: int) -> RollingAccounts:
        """Return the operators' accounts, or fail."""
        self._fail_if_away()
        if self.damaged:
            raise StoreError("the file is damaged")
        return super().standing(now_ms)

    def fold(self, now_ms: int) -> Iterator[None]:
        """Fold away what is too old, or fail."""
        self._fail_if_away()
        return super().fold(now_ms)

    def _fail_if_away(self) -> None:
        if self.away:
            raise StoreError("the store is away")


class Scene:
    """A fleet of two, its chronicle, and a clock that stands where it is put."""

    def __init__(self, store: Store, checkpoint_interval_s: float, pending_max: int) -> None:
        self.store = store
        self.keeper = FaultyStore(store)
        self.t = 0.0
        self.taken: list[tuple[MaintenanceWindow, ...]] = []
        self.watch = FleetMonitor(at(0), {"main": frozenset()}, stall_after_s=1e9)
        self.rejections = Rejections()
        self.rejections.adopt({"cam-1": "ville", "cam-2": "ville"})
        self.idle = asyncio.Event()
        self.idle.set()
        self.chronicle = Recorder(
            self.keeper,
            store.load(),
            RecordedFleet(self.watch, self.rejections, self.idle, self.tell, self.taken.append),
            self.now,
            checkpoint_interval_s,
            pending_max=pending_max,
            retry_s=(0.05,) * 5,
        )
        members = [camera("cam-1"), camera("cam-2")]
        self.chronicle.record_inventory(members, ())
        self.watch.reload(at(0), [CameraConfig(each) for each in members], ())
        self.watch.link_up(self.watch.links["main"], at(0))
        self.tell()

    def now(self) -> Instant:
        """Return the moment that the clock shows."""
        return at(self.t)

    def tell(self) -> None:
        """Hand over what happened."""
        events: list[Event] = self.watch.drain_events()
        if events:
            self.chronicle.record_events(events)

    def flap(self, times: int) -> None:
        """Let a camera go up and down, as the core tells it."""
        for _ in range(times):
            self.t += 1
            now, state = self.now(), self.watch.cameras["cam-1"]
            old, new = (Status.UP, Status.DOWN) if state.status is Status.UP else (Status.DOWN, Status.UP)
            state.underlying_status, state.status, state.since = new, new, now
            self.chronicle.record_events([Transition("cam-1", "ville", "mairie", old, new, now, now)])

    def stored(self) -> list[tuple[int, str]]:
        """Return the transitions of `cam-1` in the store, in the order in which they were put there."""
        query = "SELECT at_ms, status FROM transitions WHERE camera_key = 1 ORDER BY id"
        return [(round((row[0] - T0) / 1000), row[1]) for row in rows(self.store, query)]


@contextlib.asynccontextmanager
async def scene(
    where: Path | str, checkpoint_interval_s: float = 0.05, pending_max: int = 10_000
) -> AsyncIterator[tuple[Scene, asyncio.Task[None]]]:
    """Run a chronicle over the store at a URL, or in a file of a folder, and stop it as the daemon does."""
    url = where if isinstance(where, str) else f"sqlite:///{where / 'camwatch.db'}"
    with Store.open(HistorySettings(url=url)) as store:
        store.acquire_lock()
        played = Scene(store, checkpoint_interval_s, pending_max)
        task = asyncio.create_task(played.chronicle.run())
        try:
            yield played, task
        finally:
            await played.chronicle.close(8.0)
            with contextlib.suppress(StoreError):
                await task
