"""A virtual city whose record is kept in a real store, as the daemon keeps it; restarts too."""

from __future__ import annotations

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from camwatch.accounting.records import OPEN_ENDED, History
from camwatch.core.model import CameraConfig, MaintenanceWindow
from camwatch.core.monitor import FleetMonitor
from camwatch.history.audit import audit
from camwatch.history.dialects import read_transaction
from camwatch.history.queries import read
from camwatch.history.reconcile import Known, rejoined, remembered, states
from camwatch.history.store import Store
from camwatch.history.write_queue import Batch, InventorySnapshot
from tests.support.fleet import World, fleet

PARIS = ZoneInfo("Europe/Paris")


class Kept:
    """A world and its store. `keep` stores what has happened since; all else is done with `world`."""

    def __init__(
        self,
        store: Store,
        *enrolments: CameraConfig,
        windows: Iterable[MaintenanceWindow] = (),
        sight: bool = True,
    ) -> None:
        self.store = store
        self._enrolments = list(enrolments) or fleet(1)
        self._windows = tuple(windows)
        self.world = World(*self._enrolments, windows=self._windows, sight=sight)
        self._told = 0
        self._number = 0
        self._kept: list[Batch] = []

    def keep(self) -> Kept:
        """Store what happened, and what is to be remembered after it."""
        world, watch = self.world, self.world.watch
        memories = [watch.checkpoint(camera, world.now) for camera in watch.cameras.values()]
        world.events += watch.drain_events()
        parted = watch.drain_removed()
        self._number += 1
        roll = InventorySnapshot(tuple(e.camera for e in self._enrolments), self._windows, world.now.utc_ms)
        batch = Batch(
            self._number,
            world.now.utc_ms,
            inventories=[roll],
            events=world.events[self._told :],
            checkpoints=[*parted, *memories],
            groups=watch.link_group_checkpoints(),
        )
        self._told = len(world.events)
        self.store.write(batch)
        self._kept.append(batch)
        return self

    def rejoin(self, remembers: int) -> Kept:
        """Go on with a store that went back, of whose last batches so many are still in memory (rule H1)."""
        last, past = self._kept[-1], self.store.load()
        number = past.number if past.ours else 0
        kept = self._kept[max(number, len(self._kept) - remembers) :]
        whole = number >= len(self._kept) - remembers
        events = [event for batch in kept for event in batch.events]
        parted = [
            memory for batch in kept for memory in batch.checkpoints if memory.accounted_until_ms is None
        ]
        known = Known(states([*parted, *last.checkpoints]), events, whole, last.watermark_ms)
        self._number = past.number + 1
        again = Batch(
            self._number,
            last.watermark_ms,
            inventories=last.inventories,
            events=rejoined(past, known),
            checkpoints=remembered(past, known),
            groups=last.groups,
        )
        self.store.write(again)
        return self

    def reload(self, *enrolments: CameraConfig) -> Kept:
        """Watch exactly these cameras from now on."""
        self._enrolments = list(enrolments)
        self.world.reload(*enrolments, windows=self._windows)
        return self

    def restart(self, after: float) -> Kept:
        """Kill the daemon now, and start the next one so many seconds later (rule S6)."""
        past = self.store.load()
        assert past.watermark_ms is not None
        world = self.world
        world.t += after
        world.watch = FleetMonitor(world.now, {name: frozenset() for name in world.watch.links})
        world.watch.resume(world.now, past.checkpoints, past.groups, past.watermark_ms)
        del world.events[self._told :]
        world.reload(*self._enrolments, windows=self._windows)
        for link in world.watch.links:
            world.regain(link)
        return self

    def record(self) -> History:
        """Read all that is kept."""
        with read_transaction(self.store.engine) as connection:
            return read(connection, None, 0, OPEN_ENDED)

    def problems(self) -> list[str]:
        """Return what the audit finds."""
        return [f"{found.camera}: {found.problem}" for found in audit(self.store.engine, PARIS).findings]
