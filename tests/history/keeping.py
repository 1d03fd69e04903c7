"""A virtual city whose record is kept in a real store, as the daemon keeps it; restarts too."""

from __future__ import annotations

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from camwatch.accounting.records import OPEN_END, Record
from camwatch.core.model import Window
from camwatch.core.monitor import Enrolment, FleetWatch
from camwatch.history.audit import audit
from camwatch.history.batch import Batch, Roll
from camwatch.history.dialects import begin_read
from camwatch.history.queries import read
from camwatch.history.reconcile import Known, rejoined, remembered, states
from camwatch.history.store import Store
from tests.support.fleet import World, fleet

PARIS = ZoneInfo("Europe/Paris")


class Kept:
    """A world and its store. `keep` stores what has happened since; all else is done with `world`."""

    def __init__(
        self, store: Store, *enrolments: Enrolment, windows: Iterable[Window] = (), sight: bool = True
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
        memories = [watch.memory(camera, world.now) for camera in watch.cameras.values()]
        world.events += watch.take_events()
        parted, watch.parted = watch.parted, []
        self._number += 1
        roll = Roll(tuple(e.camera for e in self._enrolments), self._windows, world.now.utc_ms)
        batch = Batch(
            self._number,
            world.now.utc_ms,
            rolls=[roll],
            events=world.events[self._told :],
            memories=[*parted, *memories],
            sights=tuple(watch.sights.memories()),
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
        parted = [memory for batch in kept for memory in batch.memories if memory.settled_ms is None]
        known = Known(states([*parted, *last.memories]), events, whole, last.vouched_ms)
        self._number = past.number + 1
        again = Batch(
            self._number,
            last.vouched_ms,
            rolls=last.rolls,
            events=rejoined(past, known),
            memories=remembered(past, known),
            sights=last.sights,
        )
        self.store.write(again)
        return self

    def reload(self, *enrolments: Enrolment) -> Kept:
        """Watch exactly these cameras from now on."""
        self._enrolments = list(enrolments)
        self.world.reload(*enrolments, windows=self._windows)
        return self

    def restart(self, after: float) -> Kept:
        """Kill the daemon now, and start the next one so many seconds later (rule S6)."""
        past = self.store.load()
        assert past.vouched_ms is not None
        world = self.world
        world.t += after
        world.watch = FleetWatch(world.now, {name: frozenset() for name in world.watch.links})
        world.watch.resume(world.now, past.memories, past.sights, past.vouched_ms)
        del world.events[self._told :]
        world.reload(*self._enrolments, windows=self._windows)
        for link in world.watch.links:
            world.regain(link)
        return self

    def record(self) -> Record:
        """Read all that is kept."""
        with begin_read(self.store.engine) as connection:
            return read(connection, None, 0, OPEN_END)

    def problems(self) -> list[str]:
        """Return what the audit finds."""
        return [f"{found.camera}: {found.problem}" for found in audit(self.store.engine, PARIS).findings]
