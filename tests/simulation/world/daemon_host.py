"""Starts, stops, kills and corrects camwatch: its process, its store, its operators' corrections."""

from __future__ import annotations

from camwatch.accounting.records import OPEN_ENDED, AttributedCause
from camwatch.core.model import Camera, MaintenanceWindow, Scope
from camwatch.errors import CorrectionError
from camwatch.history import correction_writer, corrections, outage_list
from camwatch.history.dialects import open_engine, read_transaction
from camwatch.history.write_queue import Batch
from tests.simulation.checks import window_checker
from tests.simulation.checks.state_checker import ViolationError
from tests.simulation.plans.faults import Attribution, HostClockStep, MaintenanceCorrection
from tests.simulation.plans.plan import Plan
from tests.simulation.world.daemon_process import DaemonProcess, KilledError
from tests.simulation.world.inventory import InventorySchedule
from tests.simulation.world.links import Link
from tests.simulation.world.scheduler import Scheduler

_WINDOWS_EVERY = 5  # writes


class DaemonHost(Scheduler):
    """A host on which camwatch is restarted and its record corrected."""

    def __init__(self, plan: Plan, links: dict[str, Link], url: str) -> None:
        super().__init__(plan, links, url)
        self.maintenance: dict[MaintenanceCorrection, int] = {}  # number of their entry
        self._inventory = InventorySchedule(plan)
        self._rows: list[Camera] = []
        self._announced: list[MaintenanceWindow] = []
        self._corrected: list[MaintenanceWindow] = []  # as known to the daemon
        self._corrections_pending = False
        self._writes = 0

    # --- the process

    async def start(self) -> None:
        """Start camwatch."""
        self.starts += 1
        self._mono_base = 1_000_000_000 + self.starts * 7_777_750
        process = self.process = DaemonProcess(
            self.url, self._settings, self._operators, (self.mono, self.wall), self._committed
        )
        now = process.clock()
        self._axis_zero = self.now - now.utc_ms
        self.checker.zero = round(now.mono * 1000) - now.utc_ms
        self._noted, self._chatter = 0, self.now
        self._read_clock()
        self.model.start(self.model.now)
        self.checker.check_start(process)
        self._load_corrections()
        self._load_inventory(started=True)
        await process.begin(self._rows, self._announced)
        self._check()
        self.run_loop()

    async def stop(self) -> None:
        """Stop camwatch cleanly."""
        self.run_loop()
        self.running.chronicle._stopping.set()
        await self._checkpoint_cameras()
        await self.running.finish()
        await self._drop_process()

    async def crash(self, statement: int) -> None:
        """Kill camwatch; from 0 on during a checkpoint, at that statement or after the last."""
        if statement >= 0:
            keeper = self.running.keeper
            keeper.away, keeper.dies_at = False, statement
            try:
                await self._checkpoint_cameras()
                while not await self.running.checkpoint():
                    pass
            except KilledError:
                pass
        await self._drop_process()

    async def _drop_process(self) -> None:
        for link in self._links.values():
            link.drop()
        process, self.process = self.running, None
        await process.end()

    def reload(self) -> None:
        """Reload the inventory."""
        self._read_clock()
        self._load_inventory()
        self.running.reload(self._rows, self._announced)
        self._check()
        self.run_loop()

    def _load_inventory(self, *, started: bool = False) -> None:
        rows = self._rows = self._inventory.rows(self.now)
        self._announced = self._inventory.windows(self.now)
        shortest = min((self._deadlines(row)[1] for row in rows), default=1 << 40)
        self.model.stall_after = stall = min(self.plan.stall_after, shortest // 2)
        every = min(stall, self.plan.interval) * 9 // 10
        self._chatter_every = max(1, every // self.plan.grid) * self.plan.grid
        self.model.apply_inventory(rows, [*self._announced, *self._corrected], started=started)

    # --- the store

    async def write(self) -> bool:
        """Store everything; return whether it is stored, which it is not while the store is away."""
        self.run_loop()
        await self._checkpoint_cameras()
        done = await self.running.checkpoint()
        self._noted = len(self.running.chronicle._queue._pieces)
        if done and self._corrections_pending:
            self._load_corrections()
            self.model.apply_inventory(self._rows, [*self._announced, *self._corrected])
        self._check()
        self.run_loop()
        self._writes += 1
        if done and self._writes % _WINDOWS_EVERY == 0:
            await self._check_windows()
        return done

    async def _check_windows(self) -> None:
        """A4, A5: check every period of every operator, unless the clock is set: milliseconds differ."""
        standing = self.running.chronicle.rolling
        if standing is None or any(isinstance(fault, HostClockStep) for fault in self.plan.faults):
            return
        await self.running.chronicle._update_rolling()  # the daemon does so at once
        utc = self.model.now.utc
        for operator in sorted({spec.operator for spec in self.plan.cameras}):
            actual = standing.status_times(operator, utc)
            for problem in window_checker.problems(self.model, operator, actual, self._corrected):
                raise ViolationError(f"at {self.checker.format_time(utc)}: {problem}")

    async def lose_store(self, *, stored: bool) -> None:
        """Make the store fail from now on; `stored`: though the next write is stored."""
        await self.write()
        self.running.keeper.away, self.running.keeper.unconfirmed = True, stored

    async def restore_store(self) -> None:
        """Make the store work again."""
        self.running.keeper.away = self.running.keeper.unconfirmed = False
        while not await self.write():
            pass
        await self.write()

    async def _checkpoint_cameras(self) -> None:
        """Queue a checkpoint; the daemon queues none while it waits for the store."""
        if self.running.waiting:
            return
        await self.running.chronicle._checkpoint_cameras()
        self._read_clock()
        self._check(swept=True)
        self.checker.check_checkpoint(self.running)

    def _committed(self, batch: Batch) -> None:
        cameras = {memory.camera for memory in batch.checkpoints}
        self.model.checkpoint_stored(batch.watermark_ms, cameras, batch.groups or object())

    # --- corrections

    def add_maintenance(self, fault: MaintenanceCorrection) -> None:
        """Enter a maintenance window as correction, unless it is refused."""
        at = self.plan.begins + fault.at
        correction = corrections.Maintenance(
            Scope(fault.scope), fault.where, at + fault.starts, at + fault.ends
        )
        number = self._append(correction)
        if number is not None:
            self.maintenance[fault] = number

    def cancel_maintenance(self, fault: MaintenanceCorrection) -> None:
        """Cancel it."""
        if fault not in self.maintenance:
            return
        engine = open_engine(self.url)
        with read_transaction(engine) as connection:
            window = corrections.load(connection).window(self.maintenance[fault])
        engine.dispose()
        self._append(corrections.make_cancellation(window, self.utc))

    def attribute_outage(self, fault: Attribution) -> None:
        """Attribute a camera's last outage."""
        engine = open_engine(self.url)
        with read_transaction(engine) as connection:
            found = outage_list.outage_index(connection, None, 0, OPEN_ENDED, camera=fault.camera)
        engine.dispose()
        if found:
            correction = corrections.OutageAttribution(
                found[-1].number, AttributedCause(fault.cause), fault.excluded
            )
            self._append(correction)

    @property
    def utc(self) -> int:
        """The host's wall clock, in milliseconds."""
        return round(self.wall() * 1000)

    def _append(self, correction: corrections.Correction) -> int | None:
        engine = open_engine(self.url)
        try:
            number = correction_writer.append(engine, "Zoé", "simulated", correction, self.utc)
        except CorrectionError:
            return None
        finally:
            engine.dispose()
        self._corrections_pending = True
        return number

    def _load_corrections(self) -> None:
        engine = open_engine(self.url)
        with read_transaction(engine) as connection:
            windows = corrections.load(connection).windows
        engine.dispose()
        self._corrections_pending = False
        self._corrected = [
            MaintenanceWindow(each.scope, each.scope_id, each.start_ms, each.end_ms, each.reason)
            for each in windows
            if not each.cancelled
        ]
