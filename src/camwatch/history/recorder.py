"""Records events in the store, and polls it for corrections.

Events are queued in the event-loop iteration in which they occur, with the checkpoints after them; one thread
writes them, in order. While the store is unavailable they wait, and are retried. Prometheus reads the
counters of a camera as the store has them (`CameraState.persisted`), so no counter ever decreases, whenever
the process ends.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple, TypeVar

import structlog

from camwatch.accounting.rolling import RollingAccounts
from camwatch.clock import steady
from camwatch.concurrency import Worker
from camwatch.core.checkpoint import to_checkpoint
from camwatch.core.checkpoint_model import CameraCheckpoint
from camwatch.core.events import Event, MonitoringGap, OutageEvent, ServicePeriodEvent, Transition
from camwatch.core.model import Camera, GapCause, Instant, MaintenanceWindow
from camwatch.core.monitor import FleetMonitor
from camwatch.errors import StoreError, StoreWentBackError
from camwatch.history.reconcile import Known, lost, rejoined, remembered, states
from camwatch.history.recording_store import RecordingStore
from camwatch.history.sealing import Seal
from camwatch.history.write_queue import (
    PENDING_MAX,
    Batch,
    InventorySnapshot,
    Queue,
    QueueItem,
    StoredState,
    news,
)
from camwatch.rejections import RejectedMessages, Rejections

_APPLIED = 150  # events applied to the accounts in one turn: some 2 ms
_SLICE = 250  # cameras remembered in one turn of the loop: a millisecond or two
_RETRY_S = (0.2, 0.5, 1.0, 2.0, 5.0)
_STALE = 5  # checkpoints by which the store may be behind for a silent camera
_SLOW_S = 10.0  # a store that takes longer for one batch is said to be away

_T = TypeVar("_T")
_log = structlog.get_logger("history")


class HistoryStatus(NamedTuple):
    """The recorder's status.

    `pending`: events not stored yet. `write_errors`: number of failed writes. `sealed`: the newest seal.
    `problem`: why nothing can be stored now, None if it can. `rolling`: the operators' accounts, None until
    they are derived.
    """

    pending: int
    write_errors: int
    sealed: Seal
    problem: str | None
    rolling: RollingAccounts | None


class RecordedFleet(NamedTuple):
    """What is recorded, and the callbacks of its owner.

    `idle` is cleared while cameras are overdue for review: the recorder waits then. `flush_events` passes the
    core's events to `record_events`. `on_maintenance` takes the corrected maintenance windows when they
    change.
    """

    fleet: FleetMonitor
    rejections: Rejections
    idle: asyncio.Event
    flush_events: Callable[[], None]
    on_maintenance: Callable[[tuple[MaintenanceWindow, ...]], None]


class Recorder:
    """Stores the events of one fleet, and the checkpoints after them.

    `past` is the state of the store when it was opened. At most `pending_max` events wait for the store;
    `retry_s` are the pauses between retries.
    """

    def __init__(
        self,
        store: RecordingStore,
        past: StoredState,
        recorded: RecordedFleet,
        clock: Callable[[], Instant],
        checkpoint_interval_s: float,
        *,
        pending_max: int = PENDING_MAX,
        retry_s: tuple[float, ...] = _RETRY_S,
    ) -> None:
        self._fleet, self._rejections, self._idle = recorded[:3]
        self._flush_events, self._on_maintenance = recorded[3:]
        self.rolling: RollingAccounts | None = None
        self.write_errors = 0
        self.sealed, self._noted_hour = past.sealed, 0
        self._problem: str | None = None
        self._unread: dict[str, str] = {}  # what could not be read when it was last tried, and why
        self._store = store
        self._queue = Queue(past.number, pending_max)
        self._watermark_ms = past.watermark_ms or 0  # by the store, as we know it
        self._roll: InventorySnapshot | None = None
        self._rolling_pending: deque[Event] = deque()  # not applied to `rolling` yet
        self._overflow: StoreError | None = None
        self._retry_s = retry_s
        self._gave_up = False
        self._derived = False  # whether `rolling` covers all that is stored
        self._sites: dict[str, str] = {}  # of each camera that was in the inventory
        self._clock = clock
        self._checkpoint_interval_s = checkpoint_interval_s
        self._corrections = past.corrections
        self._thread = Worker("history")
        self._running: asyncio.Task[None] | None = None
        self._work = asyncio.Event()
        self._rolling_wanted = asyncio.Event()
        self._stopping = asyncio.Event()
        self._ended = asyncio.Event()
        self._busy_since: float | None = None
        self._rolled_up_day = 0

    @property
    def status(self) -> HistoryStatus:
        """The recorder's status now."""
        return HistoryStatus(self.pending, self.write_errors, self.sealed, self.problem, self.rolling)

    @property
    def pending(self) -> int:
        """Number of events not stored yet."""
        return self._queue.pending

    @property
    def problem(self) -> str | None:
        """Why nothing can be stored now; None while writes succeed."""
        if self._problem is None and self._busy_since is not None:
            busy_s = asyncio.get_running_loop().time() - self._busy_since
            if busy_s > _SLOW_S:
                return f"the store has not answered for {busy_s:.0f} s"
        return self._problem or next(iter(self._unread.values()), None)

    def record_events(self, events: Sequence[Event]) -> None:
        """Queue events, in the event-loop iteration in which they occurred."""
        now = self._clock()
        concerned = {
            event.camera
            for event in events
            if isinstance(event, (Transition, OutageEvent, ServicePeriodEvent))
        }
        cameras = self._fleet.cameras
        memories = [to_checkpoint(cameras[name], now) for name in sorted(concerned) if name in cameras]
        self._add(now, events, memories)
        self._rolling_pending += events
        self._rolling_wanted.set()

    def record_inventory(self, cameras: Iterable[Camera], windows: Iterable[MaintenanceWindow]) -> None:
        """Queue a (re)loaded inventory, before the events that follow from it."""
        cameras = tuple(cameras)
        sites = {camera.id: camera.site for camera in cameras}
        if any(self._sites.get(name, site) != site for name, site in sites.items()):
            self._derived = False  # what people corrected on either site reaches back
        self._sites |= sites
        now = self._clock()
        self._roll = InventorySnapshot(tuple(cameras), tuple(windows), now.utc_ms)
        self._add(now, (), (), self._roll)

    def _add(
        self,
        now: Instant,
        events: Sequence[Event],
        memories: Sequence[CameraCheckpoint],
        roll: InventorySnapshot | None = None,
        refused: Iterable[RejectedMessages] = (),
    ) -> None:
        parted, groups = self._fleet.drain_removed(), self._fleet.link_group_checkpoints()
        if self._overflow is not None:
            return  # events after lost ones are not stored either
        try:
            every = (*parted, *memories)
            self._queue.add(
                QueueItem(tuple(events), every, groups, now.utc_ms, roll, tuple(refused), steady(now))
            )
        except StoreError as error:  # the caller is in the middle of a packet: `run` fails instead
            self._overflow = error
        if events or roll:
            self._work.set()

    # --- the work

    async def run(self) -> None:
        """Store events until `close`. Raises StoreError if more wait than can be kept."""
        loop = asyncio.get_running_loop()
        self._running = asyncio.current_task()
        rolling = asyncio.create_task(self._run_rolling(), name="operators' accounts")
        try:
            await self._rebuild_rolling()
            next_checkpoint = loop.time()
            while not self._stopping.is_set():
                if loop.time() >= next_checkpoint:
                    await self._checkpoint()
                    next_checkpoint = loop.time() + self._checkpoint_interval_s
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._work.wait(), next_checkpoint - loop.time())
                self._work.clear()
                await self._flush()
            await self._checkpoint()
        finally:
            rolling.cancel()
            self._ended.set()

    async def close(self, within_s: float) -> bool:
        """Store the rest within `within_s` seconds, and log what could not be stored.

        Returns whether the store is free: no abandoned call is still using it.
        """
        self._stopping.set()
        self._work.set()
        self._idle.set()  # nothing is judged any more
        try:
            await asyncio.wait_for(self._ended.wait(), within_s)
        except TimeoutError:
            if self._problem is None:
                self._problem = self.problem or "the store did not answer in time"
            if self._running is not None:
                self._running.cancel()
        if self.pending:
            _log.error("history not stored", events=self.pending, problem=self.problem)
        self._thread.close()
        return self._thread.is_idle

    async def _checkpoint(self) -> None:
        """Store the checkpoints of all cameras, and poll for corrections."""
        await self._checkpoint_cameras()
        await self._update_rolling()
        await self._flush()
        self._note_seal()
        if self._problem is None and not self._stopping.is_set():
            await self._poll_corrections()
            if not self._derived:
                await self._rebuild_rolling()
            await self._roll_up()

    async def _checkpoint_cameras(self) -> None:
        stale_ms = 1 if self._stopping.is_set() else round(_STALE * self._checkpoint_interval_s * 1000)
        names = iter(list(self._fleet.cameras))
        while some := list(islice(names, _SLICE)):
            now = self._clock()
            found = [camera for name in some if (camera := self._fleet.cameras.get(name)) is not None]
            self._fleet.account(found, now)
            self._flush_events()  # what settling found out comes before what is remembered after it
            memories = [memory for camera in found if (memory := news(camera, now, stale_ms)) is not None]
            self._add(now, (), memories, refused=self._rejections.news(some))
            await asyncio.sleep(0)

    async def _flush(self) -> None:
        while self._queue:
            await self._idle.wait()  # the thread that stores must not delay judging
            batch = self._queue.batch()
            try:
                if not await self._write(batch):
                    return
            except StoreWentBackError:
                await self._reconcile()
                continue
            self._watermark_ms = batch.watermark_ms
            self._fleet.mark_persisted(self._queue.stored())
            self._rejections.stored(batch.rejected)
            if cameras := batch.filled:
                _log.info("late heartbeats filled unknown time", cameras=len(cameras))

    async def _write(self, batch: Batch) -> bool:
        """Store a batch, retrying while the store is unavailable; False if a stop could not wait."""
        tries = 0
        while not self._gave_up:
            if self._overflow is not None:
                raise self._overflow
            try:
                sealed = await self._in_thread(lambda: self._store.write(batch))
            except StoreWentBackError as error:
                self._on_failure("the store went back", error)
                raise
            except StoreError as error:
                self._on_failure("history not stored, trying again", error)
                tries += 1
                self._gave_up = self._stopping.is_set() and tries > len(self._retry_s)
                if not self._gave_up:
                    await asyncio.sleep(self._retry_s[min(tries, len(self._retry_s)) - 1])
            else:
                if self._problem is not None:
                    _log.info("history is stored again", pending=self.pending)
                self._problem = None
                self.sealed = sealed or self.sealed
                return True
        return False

    def _on_failure(self, what: str, error: StoreError) -> None:
        self.write_errors += 1
        if self._problem != str(error):
            _log.error(what, problem=str(error), pending=self.pending)
        self._problem = str(error)

    async def _reconcile(self) -> None:
        """Accept the state of the store, and store next what memory still has of the lost part (H1)."""
        try:
            past = await self._in_thread(self._store.load)
        except StoreError as error:
            self._on_failure("the store that went back is not read, trying again", error)
            await asyncio.sleep(self._retry_s[-1])
            return
        events, parted, rolls, whole = self._queue.since(past.number if past.ours else None)
        cameras = [camera.persisted for camera in self._fleet.cameras.values() if camera.persisted.camera]
        known = Known(states([*parted, *cameras]), events, whole, self._watermark_ms)
        again = Batch(
            0, self._watermark_ms, events=rejoined(past, known), checkpoints=remembered(past, known)
        )
        again.groups = self._fleet.link_group_checkpoints()
        again.rejected = list(self._rejections.all_stored())
        again.inventories = rolls
        if self._roll is not None and self._roll not in rolls[-1:]:
            again.inventories.append(self._roll)
        gap = lost(past, known)
        _log.error(
            "the store lacks what was stored: what memory has of it is stored again",
            ends_with=past.number,
            again=len(again.events),
            unknown_s=0 if gap is None else (gap[1] - gap[0]) / 1000,
            corrections_lost=max(0, self._corrections - past.corrections),
        )
        self._queue.rejoin(past.number, again)
        self._derived = False

    async def _poll_corrections(self) -> None:
        with self._log_and_continue("corrections not looked for"):
            newest = await self._in_thread(self._store.corrections)
            if newest != self._corrections:
                now_ms = self._clock().utc_ms
                windows = await self._in_thread(lambda: self._store.windows(now_ms))
                _log.info("corrections applied", entries=newest - self._corrections)
                self._corrections = newest
                self._on_maintenance(windows)
                self._derived = False
                await self._flush()

    async def _rebuild_rolling(self) -> None:
        """Derive the operators' accounts from the record, and apply what is not stored yet."""
        with self._log_and_continue("figures not derived"):
            now_ms = self._clock().utc_ms
            self.rolling = await self._in_thread(lambda: self._store.standing(now_ms))
            self._derived = True
            self._rolling_pending = deque(self._queue.events())
            await self._update_rolling()

    async def _run_rolling(self) -> None:
        """Keep the operators' accounts up to date, also while the store is unavailable."""
        while True:
            await self._rolling_wanted.wait()
            self._rolling_wanted.clear()
            await self._update_rolling()

    async def _update_rolling(self) -> None:
        """Apply events to the operators' accounts, a few per iteration: thousands may come at once."""
        while self._rolling_pending and self.rolling is not None:
            await self._idle.wait()
            some = [self._rolling_pending.popleft() for _ in range(min(_APPLIED, len(self._rolling_pending)))]
            if any(map(_of_the_clock, some)):
                self._derived = False  # it concerns every camera: the next checkpoint derives all again
            self.rolling.apply(event for event in some if not _of_the_clock(event))
            await asyncio.sleep(0)

    def _note_seal(self) -> None:
        """Log the newest seal hourly and at the end: the log may belong to others than the store (H2)."""
        hour = self._clock().utc_ms // 3_600_000
        if hour != self._noted_hour or self._stopping.is_set():
            self._noted_hour = hour
            _log.info("record sealed", seals=self.sealed.seq, head=self.sealed.hash)

    async def _roll_up(self) -> None:
        """Roll up old days, once a day."""
        now_ms = self._clock().utc_ms
        if now_ms // 86_400_000 != self._rolled_up_day:
            with self._log_and_continue("nothing folded"):
                steps = self._store.fold(now_ms)
                while await self._in_thread(lambda: next(steps, self)) is not self:
                    await self._flush()
                    if self._stopping.is_set():
                        return
                self._rolled_up_day = now_ms // 86_400_000

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        loop = asyncio.get_running_loop()
        self._busy_since = loop.time()
        try:
            return await self._thread.run(work)
        finally:
            self._busy_since = None

    @contextlib.contextmanager
    def _log_and_continue(self, what: str) -> Iterator[None]:
        """Log a failure of something that the next checkpoint can repeat."""
        try:
            yield
        except StoreError as error:
            self.write_errors += 1
            if self._unread.get(what) != str(error):
                _log.error(what, problem=str(error))
            self._unread[what] = str(error)
        else:
            self._unread.pop(what, None)


def _of_the_clock(event: Event) -> bool:
    """Return whether the clock was set forward; other gaps change no status time."""
    return (
        isinstance(event, MonitoringGap)
        and event.cause is GapCause.CLOCK_STEP
        and event.ended.utc_ms > event.began.utc_ms
    )
