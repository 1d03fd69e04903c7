"""The composition root: builds and connects the parts, and tears them down in reverse order."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable

import structlog

from camwatch import __version__
from camwatch.clock import EPOCH_MS, Clock, wall_ms
from camwatch.clock_trust import wait_for_sync
from camwatch.core.events import Event
from camwatch.core.model import Camera, MaintenanceWindow
from camwatch.errors import CamwatchError, ClockError, ConfigError, StoreError
from camwatch.file_watcher import FileWatcher, WatchedFiles
from camwatch.fleet.inventory import Inventory, table_files
from camwatch.history.recorder import RecordedFleet, Recorder
from camwatch.history.recording_store import RecordingStore
from camwatch.history.stop_budget import PUT_AWAY_S, StopBudget, put_away
from camwatch.history.store import DAEMON, Store
from camwatch.history.write_queue import StoredState
from camwatch.ingest.factory import make_link
from camwatch.ingest.link import LinkSettings
from camwatch.ingest.supervisor import Supervisor
from camwatch.logs import EventLogger, LogWriter
from camwatch.metrics.collector import MetricsEndpoint
from camwatch.metrics.daemon_families import WebCounts
from camwatch.monitoring.service import MonitorService
from camwatch.services.corrections import CorrectionService
from camwatch.services.history import HistoryService
from camwatch.settings import Broker, Settings, exposures
from camwatch.settings.loading import load
from camwatch.systemd import NULL_NOTIFIER, Notifier
from camwatch.web.application import make_site
from camwatch.web.auth import Authenticator, AuthReloader, create_authenticator, warn_if_plaintext
from camwatch.web.connection_limits import TlsCertificate, raise_open_file_limit
from camwatch.web.context import AppContext, MapSettings
from camwatch.web.event_stream import EventStream
from camwatch.web.request_metrics import RequestMetrics
from camwatch.web.server import HttpServer, listen_on
from camwatch.web.telemetry_samples import TelemetrySamples
from camwatch.web.thread_pool import ThreadPool
from camwatch.wire.topics import canary_topic, subscriptions

_LINES_PER_TURN = 25  # about 2 ms of writing before other tasks run

_log = structlog.get_logger("camwatch")


class Application:
    """The running daemon; `running` builds it."""

    def __init__(
        self,
        settings: Settings,
        inventory: Inventory,
        store: RecordingStore,
        past: StoredState,
        notifier: Notifier,
        access: Authenticator | None = None,
        log: LogWriter | None = None,
    ) -> None:
        self.settings = settings
        self.notifier = notifier
        self.authenticator = access or Authenticator()
        self.requests = RequestMetrics()
        self.auth_reloader = AuthReloader(
            self.authenticator, settings, lambda: self.monitor.inventory.operators, self._renew_certificate
        )
        self.certificate: TlsCertificate | None = None
        self._pending: list[Event] = []
        self._events_ready = asyncio.Event()
        self._inventory_watcher = FileWatcher(settings.fleet.reload_interval_s)
        self._confirmed = False
        self.listeners: list[Callable[[list[Event]], None]] = []
        clock = Clock(None, not_before_ms=past.watermark_ms or 0, steady_then=past.steady)
        links = {broker.name: frozenset(broker.operators) for broker in settings.brokers}
        # Windows that ended while camwatch was down still cover time that is not accounted yet (rule V3).
        settled = (
            memory.accounted_until_ms for memory in past.checkpoints if memory.accounted_until_ms is not None
        )
        corrected = store.windows(min(settled, default=clock().utc_ms))
        self.monitor = MonitorService(
            settings,
            inventory,
            links,
            clock,
            self._on_events,
            self._on_inventory,
            corrected,
        )
        monitor = self.monitor
        recorded = RecordedFleet(
            monitor.fleet, monitor.rejections, monitor.idle, monitor.flush_events, monitor.set_maintenance
        )
        interval_s = _checkpoint_interval_s(settings, inventory)
        self.recorder = Recorder(store, past, recorded, clock, interval_s)
        self.monitor.health_checks.append(self._history_problem)
        self._begin(inventory, past)
        self.metrics = MetricsEndpoint(self.monitor, lambda: self.recorder.status, self._web_counts, log)
        self.event_logger = EventLogger(settings.fleet.timezone)
        self.links: list[Supervisor] = [
            make_link(link_settings(broker, settings), self.monitor.receiver(broker.name), clock)
            for broker in settings.brokers
        ]
        self.port = 0

    @property
    def url(self) -> str:
        """The URL of the web server."""
        http = self.settings.http
        host = f"[{http.host}]" if ":" in http.host else http.host
        return f"{'https' if http.cert_file else 'http'}://{host}:{self.port}"

    def _begin(self, inventory: Inventory, past: StoredState) -> None:
        """Resume from the state of an earlier process, with the present inventory."""
        now = self.monitor.clock()
        self.monitor.clock_began(now)
        self.monitor.clock.listen(self.monitor.on_clock_step)
        if past.watermark_ms is not None:
            behind = self.monitor.clock.lag
            if behind is not None:
                self.monitor.record_clock_step(behind)
                if behind.is_step:
                    _log.warning(
                        "system clock is behind the record",
                        see="docs/runbooks/CamwatchRecordAhead.md",
                        behind_s=round(-behind.seconds),
                    )
            links = {name for group in past.groups for name in group.links}
            self.monitor.resumed_ms = dict.fromkeys(links, past.watermark_ms)
            self.monitor.fleet.resume(now, past.checkpoints, past.groups, past.watermark_ms)
            self.monitor.rejections.resume(past.rejected)
        self.monitor.load_inventory(inventory)

    def tasks(self) -> dict[str, Coroutine[None, None, None]]:
        """Return the tasks beside the links and the HTTP server, by name."""
        return {
            "history": self.recorder.run(),
            "deadlines": self.monitor.run_deadlines(),
            "event log": self.pump_events(),
            "inventory": self.follow_inventory(),
            "accounts": self.auth_reloader.run(),
            "watchdog": self.notifier.run_watchdog(),
        }

    def ask_reload(self, *, confirm: bool = True) -> None:
        """Reload inventory and accounts; `confirm` accepts an inventory that is held back (rule V6)."""
        self._confirmed |= confirm
        self._inventory_watcher.request_reload()
        self.auth_reloader.request_reload()

    def _renew_certificate(self) -> None:
        if self.certificate is not None:
            self.certificate.reload()

    def _history_problem(self) -> str | None:
        problem = self.recorder.problem
        return None if problem is None else f"history: {problem}"

    def _web_counts(self) -> WebCounts:
        auth, requests = self.authenticator, self.requests
        return WebCounts(
            auth.reload_errors,
            auth.logins,
            auth.denials,
            requests.responses,
            requests.durations,
            requests.total_s,
        )

    def _on_inventory(self, cameras: Iterable[Camera], windows: Iterable[MaintenanceWindow]) -> None:
        self.recorder.record_inventory(cameras, windows)

    def _on_events(self, events: list[Event]) -> None:
        self.recorder.record_events(events)
        self._pending.extend(events)
        self._events_ready.set()

    async def pump_events(self) -> None:
        """Log and count events in small batches, so that many outages do not block the event loop."""
        while True:
            await self._events_ready.wait()
            self._events_ready.clear()
            while self._pending:
                await self.monitor.idle.wait()
                self._pump_batch()
                await asyncio.sleep(0)

    def _pump_batch(self) -> None:
        events, self._pending = self._pending[:_LINES_PER_TURN], self._pending[_LINES_PER_TURN:]
        self.metrics.observe(events)
        self.event_logger.log(events, self.monitor.inventory)
        for listener in self.listeners:
            listener(events)

    def flush_events(self) -> None:
        """Log and count the remaining events, at the end of a clean stop."""
        self.monitor.flush_events()
        while self._pending:
            self._pump_batch()

    async def follow_inventory(self) -> None:
        """Reload the inventory when its tables change, or when asked."""
        tables = table_files(self.settings.fleet.path)
        loaded = self.monitor.inventory.fingerprint
        await self._inventory_watcher.run([WatchedFiles(tables, self._reload, loaded)])

    async def _reload(self) -> None:
        confirmed, self._confirmed = self._confirmed, False
        with self.notifier.reloading():
            try:
                inventory = await asyncio.to_thread(load, self.settings)
            except ConfigError as error:
                self.monitor.on_reload_failed(error)
            else:
                self.monitor.on_reload(inventory, confirmed=confirmed)


def link_settings(broker: Broker, settings: Settings) -> LinkSettings:
    """Return the settings of a broker's link."""
    return LinkSettings(
        name=broker.name,
        **broker.endpoint._asdict(),
        protocol=broker.protocol,
        client_id=broker.client_id,
        filters=subscriptions(settings.mqtt.topic_prefix, tuple(broker.operators)),
        canary=canary_topic(settings.mqtt.topic_prefix, broker.client_id) if broker.canary else None,
        session_expiry_s=broker.session_expiry_s,
        keep_alive_s=broker.keep_alive_s,
        ping_after_s=settings.liveness.interval_s,
        connect_timeout_s=broker.connect_timeout_s,
        reconnect_min_s=broker.reconnect_min_s,
        reconnect_max_s=broker.reconnect_max_s,
        username=broker.user(),
        password=broker.password(),
        ca_file=broker.ca_file,
        cert_file=broker.cert_file,
        key_file=broker.key_file,
    )


@contextlib.asynccontextmanager
async def running(
    settings: Settings, inventory: Inventory, notifier: Notifier = NULL_NOTIFIER, log: LogWriter | None = None
) -> AsyncIterator[Application]:
    """Run the daemon while the context lasts; a failed start and a stop drain the same stack.

    Raises InUseError if the HTTP address or the store is in use, ConfigError if one of them cannot be opened,
    StoreError if the store fails, ClockError if a first record would begin before `EPOCH_MS`. Enter and leave
    it in the same task.
    """
    async with contextlib.AsyncExitStack() as stack:
        access = create_authenticator(settings, inventory.operators, settings.http.tiles_origins)
        stack.callback(access.close)
        certificate = _certificate(settings)
        sock = listen_on(settings.http.host, settings.http.port)
        stack.callback(sock.close)
        store = await asyncio.to_thread(_open_store, settings)
        ending = StopBudget()
        closing = await stack.enter_async_context(contextlib.AsyncExitStack())
        closing.push_async_callback(put_away, store.close, ending)
        past = await asyncio.to_thread(store.load)
        _check_date(past)
        recording = RecordingStore(store, settings.fleet.timezone, settings.history.retention_days)
        daemon = Application(settings, inventory, recording, past, notifier, access, log)
        daemon.certificate = certificate
        daemon.port = sock.getsockname()[1]
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        works = daemon.tasks()
        tasks.create_task(works.pop("history"), name="history")
        stack.push_async_callback(_drain, daemon.recorder, closing, ending)
        stack.callback(daemon.flush_events)
        parts = _web_context(daemon, store)
        daemon.listeners.append(parts.events.publish)
        works |= {"events": parts.events.run(), "recent values": parts.recent.run()}
        for name, work in works.items():
            stack.callback(tasks.create_task(work, name=name).cancel)
        each, pays = access.connections_of, access.pay_handshake
        root = access.rules.root_path
        server = HttpServer(make_site(parts), sock, certificate, each=each, pays=pays, root_path=root)
        tasks.create_task(server.run(), name="http")
        stack.callback(server.stop)
        for link in daemon.links:
            tasks.create_task(link.run(), name=f"link {link.name}")
        stack.push_async_callback(_part, daemon.links, ending)
        await server.serving()
        yield daemon


def _check_date(past: StoredState) -> None:
    """Raise ClockError if a first record would begin too early: it would count decades of unknown time."""
    if past.watermark_ms is None and wall_ms() < EPOCH_MS:
        raise ClockError(wall_ms())


def _certificate(settings: Settings) -> TlsCertificate | None:
    http = settings.http
    return TlsCertificate(http.cert_file, http.key_file) if http.cert_file is not None else None


def _web_context(daemon: Application, store: Store) -> AppContext:
    """Return what the web handlers use."""
    live, settings = daemon.monitor, daemon.settings
    objectives = settings.objectives.purpose
    return AppContext(
        live=live,
        history=HistoryService(store.engine, live.timezone, lambda: live.inventory, wall_ms, objectives),
        corrections=CorrectionService(store.engine, wall_ms, structlog.get_logger("audit")),
        events=EventStream(live),
        recent=TelemetrySamples(live),
        threads=ThreadPool(),
        render=daemon.metrics.render,
        rolling=lambda: daemon.recorder.rolling,
        objectives=objectives,
        requests=daemon.requests,
        access=daemon.authenticator,
        look=MapSettings(settings.http.tiles_url, settings.http.tiles_attribution),
    )


async def _part(links: Iterable[Supervisor], ending: StopBudget) -> None:
    """Disconnect from all brokers at once, which begins a stop."""
    ending.begin()
    await asyncio.gather(*(link.stop() for link in links))


async def _drain(recorder: Recorder, closing: contextlib.AsyncExitStack, ending: StopBudget) -> None:
    """Store the remaining events; a store that still hangs is left open."""
    if not await recorder.close(ending.left_s(PUT_AWAY_S)):
        closing.pop_all()


def _open_store(settings: Settings) -> Store:
    """Open the store and lock it for this daemon. Raises InUseError, ConfigError, StoreError."""
    store = Store.open(settings.history)
    try:
        store.acquire_lock(DAEMON)
    except BaseException:
        store.close()
        raise
    return store


def _checkpoint_interval_s(settings: Settings, inventory: Inventory) -> float:
    """Return the seconds between checkpoints: half of the shortest interval, from 0.1 to 1.

    A crash then loses less than an interval of a camera, which late heartbeats can fill (L8).
    """
    intervals = (settings.liveness.for_camera(camera).interval_s for camera in inventory.cameras.values())
    usual = min(max(min(intervals, default=1.0) / 2, 0.1), 1.0)
    return settings.history.checkpoint_interval_s or usual


async def run(settings: Settings, inventory: Inventory, log: LogWriter | None = None) -> None:
    """Run until SIGTERM or SIGINT. `log`: the writer whose dropped lines are exported.

    SIGHUP reloads the inventory and accepts one that is held back; SIGUSR1 only reloads it.

    Raises what `running` raises, and StoreError if events are not stored at the end.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    for number in (signal.SIGHUP, signal.SIGUSR1):
        loop.add_signal_handler(number, lambda: None)  # the inventory has just been read
    try:
        await _run_until(stop, settings, inventory, log)
    except BaseExceptionGroup as group:  # a task of the daemon failed
        if group.split(CamwatchError)[1] is not None:
            raise
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise error from None


async def _run_until(
    stop: asyncio.Event, settings: Settings, inventory: Inventory, log: LogWriter | None
) -> None:
    loop = asyncio.get_running_loop()
    notifier = Notifier.from_environ()
    if settings.clock.require_sync:
        await wait_for_sync(settings.clock.sync_timeout_s, stop, notifier.status)
        if stop.is_set():
            return
    raise_open_file_limit()
    async with running(settings, inventory, notifier, log) as daemon:
        loop.add_signal_handler(signal.SIGHUP, daemon.ask_reload)
        loop.add_signal_handler(signal.SIGUSR1, functools.partial(daemon.ask_reload, confirm=False))
        _log.info(
            "started",
            version=__version__,
            cameras=len(inventory.cameras),
            brokers=len(settings.brokers),
            http=daemon.url,
        )
        warn_if_plaintext(settings)
        for exposure in exposures(settings):
            _log.warning(exposure)
        # Present objects stay: excluding them makes the collector's pauses a fifth shorter.
        gc.collect()
        gc.freeze()
        # Most later objects stay as well, so full collections should be rare.
        gc.set_threshold(700, 10, 1000)
        sys.setswitchinterval(0.001)  # seconds for which the recorder's thread may hold up the event loop
        notifier.ready(f"monitoring {len(inventory.cameras)} cameras")
        await stop.wait()
        notifier.stopping()
    _log.info("stopped")
    if lost := daemon.recorder.pending:
        raise StoreError(
            f"{lost} events were not stored before the stop",
            "the next start records the time since the last stored event as unknown",
        )
