"""camwatch started, stopped, killed and corrected: what happens to its process and to its store."""

from __future__ import annotations

from camwatch.accounting.records import OPEN_ENDED, AttributedCause
from camwatch.core.model import Camera, MaintenanceWindow, Scope
from camwatch.errors import CorrectionError
from camwatch.history import corrections, outage_list
from camwatch.history.dialects import open_engine, read_transaction
from camwatch.history.public_ids import public_ids
from camwatch.history.write_queue import Batch
from tests.simulation.checks import window_checker
from tests.simulation.checks.state_checker import ViolationError
from tests.simulation.plans.faults import Attributes, Corrects, SetsWall
from tests.simulation.plans.plan import Plan
from tests.simulation.world.daemon_process import KilledError, Process
from tests.simulation.world.inventory import Office
from tests.simulation.world.links import Wire
from tests.simulation.world.scheduler import Host

_FIGURED_EVERY = 5  # writes


class Machine(Host):
    """A host whose camwatch lives and dies, and whose record people correct."""

    def __init__(self, plan: Plan, wires: dict[str, Wire], url: str) -> None:
        super().__init__(plan, wires, url)
        self.works: dict[Corrects, int] = {}  # to the number of their entry
        self.attributed: dict[int, list[tuple[str, bool]]] = {}  # by outage
        self._office = Office(plan)
        self._rows: list[Camera] = []
        self._announced: list[MaintenanceWindow] = []
        self._corrected: list[MaintenanceWindow] = []  # as the daemon knows it
        self._untaken = False
        self._writes = 0

    # --- the process

    async def start(self) -> None:
        """Start camwatch."""
        self.starts += 1
        self._mono_base = 1_000_000_000 + self.starts * 7_777_750
        process = self.process = Process(
            self.url, self._settings, self._links, (self.mono, self.wall), self._committed
        )
        now = process.clock()
        self._axis_zero = self.now - now.utc_ms
        self.witness.zero = round(now.mono * 1000) - now.utc_ms
        self._noted, self._chatter = 0, self.now
        self._look()
        self.opinion.starts(self.opinion.now)
        self.witness.starts(process)
        self._takes_corrections()
        self._enrols(started=True)
        await process.begin(self._rows, self._announced)
        self._after()
        self.loops()

    async def stop(self) -> None:
        """Stop camwatch in order."""
        self.loops()
        self.running.chronicle._stopping.set()
        await self._sweep()
        await self.running.finish()
        await self._gone()

    async def crash(self, statement: int) -> None:
        """Kill camwatch; from 0 on while it stores, at that statement or after the last."""
        if statement >= 0:
            keeper = self.running.keeper
            keeper.away, keeper.dies_at = False, statement
            try:
                await self._sweep()
                while not await self.running.checkpoint():
                    pass
            except KilledError:
                pass
        await self._gone()

    async def _gone(self) -> None:
        for wire in self._wires.values():
            wire.drop()
        process, self.process = self.running, None
        await process.end()

    def reload(self) -> None:
        """Read the inventory anew."""
        self._look()
        self._enrols()
        self.running.reload(self._rows, self._announced)
        self._after()
        self.loops()

    def _enrols(self, *, started: bool = False) -> None:
        rows = self._rows = self._office.rows(self.now)
        self._announced = self._office.windows(self.now)
        shortest = min((self._deadlines(row)[1] for row in rows), default=1 << 40)
        self.opinion.stall_after = stall = min(self.plan.stall_after, shortest // 2)
        every = min(stall, self.plan.interval) * 9 // 10
        self._chatter_every = max(1, every // self.plan.grid) * self.plan.grid
        self.opinion.enrols(rows, [*self._announced, *self._corrected], started=started)

    # --- the store

    async def write(self) -> bool:
        """Store everything; return whether it is stored: not while the store is away."""
        self.loops()
        await self._sweep()
        done = await self.running.checkpoint()
        self._noted = len(self.running.chronicle._queue._pieces)
        if done and self._untaken:
            self._takes_corrections()
            self.opinion.enrols(self._rows, [*self._announced, *self._corrected])
        self._after()
        self.loops()
        self._writes += 1
        if done and self._writes % _FIGURED_EVERY == 0:
            await self._figures()
        return done

    async def _figures(self) -> None:
        """A4, A5: every window of every operator, unless the clock was set: then its milliseconds differ."""
        standing = self.running.chronicle.rolling
        if standing is None or any(isinstance(fault, SetsWall) for fault in self.plan.faults):
            return
        await self.running.chronicle._update_rolling()  # the daemon does at once
        utc = self.opinion.now.utc
        for operator in sorted({device.operator for device in self.plan.devices}):
            told = standing.status_times(operator, utc)
            for problem in window_checker.problems(self.opinion, operator, told, self._corrected):
                raise ViolationError(f"at {self.witness.shown(utc)}: {problem}")

    async def loses_store(self, *, stored: bool) -> None:
        """Have the store fail from now on; `stored`: though the next write is stored."""
        await self.write()
        self.running.keeper.away, self.running.keeper.unconfirmed = True, stored

    async def has_store(self) -> None:
        """Have the store work again."""
        self.running.keeper.away = self.running.keeper.unconfirmed = False
        while not await self.write():
            pass
        await self.write()

    async def _sweep(self) -> None:
        """Let what is known be put down; the daemon does not while it waits for the store."""
        if self.running.waiting:
            return
        await self.running.chronicle._checkpoint_cameras()
        self._look()
        self._after(swept=True)
        self.witness.settled(self.running)

    def _committed(self, batch: Batch) -> None:
        cameras = {memory.camera for memory in batch.checkpoints}
        self.opinion.stored(batch.watermark_ms, cameras, batch.groups or object())

    # --- people

    def corrects(self, fault: Corrects) -> None:
        """Put a maintenance window in the journal, unless that is refused."""
        at = self.plan.begins + fault.at
        said = corrections.Maintenance(Scope(fault.scope), fault.where, at + fault.starts, at + fault.ends)
        number = self._append(said)
        if number is not None:
            self.works[fault] = number

    def cancels(self, fault: Corrects) -> None:
        """Cancel it."""
        if fault not in self.works:
            return
        engine = open_engine(self.url)
        with read_transaction(engine) as connection:
            window = corrections.load(connection).window(self.works[fault])
        engine.dispose()
        self._append(corrections.make_cancellation(window, self.utc))

    def attributes(self, fault: Attributes) -> None:
        """Say why a camera's last outage was."""
        engine = open_engine(self.url)
        with read_transaction(engine) as connection:
            found = outage_list.outage_index(connection, None, 0, OPEN_ENDED, camera=fault.camera)
            public = public_ids(connection)
        engine.dispose()
        if found:
            number = public.outage(found[-1].number)
            said = corrections.OutageAttribution(
                found[-1].number, AttributedCause(fault.cause), fault.excluded
            )
            if self._append(said) is not None:
                self.attributed.setdefault(number, []).append((fault.cause, fault.excluded))

    @property
    def utc(self) -> int:
        """What the machine's wall clock shows people."""
        return round(self.wall() * 1000)

    def _append(self, said: corrections.Correction) -> int | None:
        engine = open_engine(self.url)
        try:
            number = corrections.append(engine, "Zoé", "simulated", said, self.utc)
        except CorrectionError:
            return None
        finally:
            engine.dispose()
        self._untaken = True
        return number

    def _takes_corrections(self) -> None:
        engine = open_engine(self.url)
        with read_transaction(engine) as connection:
            windows = corrections.load(connection).windows
        engine.dispose()
        self._untaken = False
        self._corrected = [
            MaintenanceWindow(each.scope, each.scope_id, each.start_ms, each.end_ms, each.reason)
            for each in windows
            if not each.cancelled
        ]
