"""The one place that builds and joins the parts, and takes them down again, last in first out."""

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
from camwatch.core.model import Happening
from camwatch.errors import CamwatchError, ClockError, ConfigurationError, StoreError
from camwatch.fleet.inventory import Inventory, signature
from camwatch.history.batch import Past
from camwatch.history.keeper import StoreKeeper
from camwatch.history.recorder import Chronicle
from camwatch.history.stop_budget import PUT_AWAY_S, Ending, put_away
from camwatch.history.store import DAEMON, Store
from camwatch.ingest.factory import make_link
from camwatch.ingest.link import Link, LinkSettings
from camwatch.loading import load
from camwatch.logs import Journal, LogWriter
from camwatch.metrics.collector import Exposition
from camwatch.monitoring.service import Watcher
from camwatch.services.history import StoreArchive
from camwatch.settings import Broker, Settings, exposures
from camwatch.systemd import SILENT, Notifier
from camwatch.web.application import make_site
from camwatch.web.auth import Access, Keeper, open_access, warn_of_clear_text
from camwatch.web.connection_limits import Certificate, allow_files
from camwatch.web.context import Parts
from camwatch.web.event_stream import Events
from camwatch.web.pages.look import Look
from camwatch.web.server import HttpServer, listen_on
from camwatch.web.telemetry_samples import Recent
from camwatch.web.thread_pool import Threads
from camwatch.wire.topics import canary_topic, subscriptions

_LINES_PER_TURN = 25  # some 2 ms of writing, then others get their turn

_log = structlog.get_logger("camwatch")


class Daemon:
    """camwatch, running: built by `running`, for as long as its context lasts."""

    def __init__(
        self,
        settings: Settings,
        inventory: Inventory,
        keeper: StoreKeeper,
        past: Past,
        notifier: Notifier,
        access: Access | None = None,
        log: LogWriter | None = None,
    ) -> None:
        self.settings = settings
        self.notifier = notifier
        self.access = access or Access()
        self.door_keeper = Keeper(
            self.access, settings, lambda: self.watcher.inventory.operators, self._renew_certificate
        )
        self.certificate: Certificate | None = None
        self._untold: list[Happening] = []
        self._something = asyncio.Event()
        self._reload_asked = asyncio.Event()
        self._confirmed = False
        self.listeners: list[Callable[[list[Happening]], None]] = []
        clock = Clock(None, not_before_ms=past.vouched_ms or 0, steady_then=past.steady)
        links = {broker.name: frozenset(broker.operators) for broker in settings.brokers}
        # What ended while camwatch was away lies over time that is still to be accounted (rule V3).
        settled = (memory.settled_ms for memory in past.memories if memory.settled_ms is not None)
        corrected = keeper.windows(min(settled, default=clock().utc_ms))
        self.chronicle = Chronicle(keeper, past, clock, _checkpoint_s(settings, inventory))
        self.watcher = Watcher(settings, inventory, links, clock, self._listen, self.chronicle, corrected)
        self._begin(inventory, past)
        self.exposition = Exposition(self.watcher, self.access, log)
        self.journal = Journal(settings.fleet.timezone)
        self.links: list[Link] = [
            make_link(link_settings(broker, settings), self.watcher.receiver(broker.name), clock)
            for broker in settings.brokers
        ]
        self.port = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        http = self.settings.http
        host = f"[{http.host}]" if ":" in http.host else http.host
        return f"{'https' if http.cert_file else 'http'}://{host}:{self.port}"

    def _begin(self, inventory: Inventory, past: Past) -> None:
        """Take up the thread where an earlier process dropped it, with the inventory of today."""
        now = self.watcher.clock()
        self.watcher.clock_began(now)
        self.watcher.clock.listen(self.watcher.clock_jumped)
        if past.vouched_ms is not None:
            behind = self.watcher.clock.behind
            if behind is not None:
                self.watcher.clock_apart(behind)
                if behind.is_step:
                    _log.warning(
                        "the machine's clock is behind the record: see docs/runbooks/CamwatchRecordAhead.md",
                        behind_s=round(-behind.seconds),
                    )
            links = {name for sight in past.sights for name in sight.links}
            self.watcher.resumed_ms = dict.fromkeys(links, past.vouched_ms)
            self.watcher.watch.resume(now, past.memories, past.sights, past.vouched_ms)
            self.watcher.rejections.resume(past.refused)
        self.watcher.adopt(inventory)

    def works(self) -> dict[str, Coroutine[None, None, None]]:
        """Return what must run beside the links and the HTTP server, by name."""
        return {
            "history": self.chronicle.run(),
            "deadlines": self.watcher.watch_deadlines(),
            "journal": self.tell(),
            "inventory": self.follow_inventory(),
            "accounts": self.door_keeper.follow(),
            "sign of life": self.notifier.live(),
        }

    def ask_reload(self, *, confirm: bool = True) -> None:
        """Have inventory and accounts read anew, whether their files changed or not.

        `confirm`: take an inventory that is held back, too (rule V6).
        """
        self._confirmed |= confirm
        self._reload_asked.set()
        self.door_keeper.ask()

    def _renew_certificate(self) -> None:
        if self.certificate is not None:
            self.certificate.renew()

    def _listen(self, events: list[Happening]) -> None:
        self._untold.extend(events)
        self._something.set()

    async def tell(self) -> None:
        """Write and count what happened, a little at a time, so that ten thousand outages hold up nobody."""
        while True:
            await self._something.wait()
            self._something.clear()
            while self._untold:
                await self.watcher.caught_up.wait()
                self._tell_some()
                await asyncio.sleep(0)

    def _tell_some(self) -> None:
        events, self._untold = self._untold[:_LINES_PER_TURN], self._untold[_LINES_PER_TURN:]
        self.exposition.happened(events)
        self.journal.write(events, self.watcher.inventory)
        for listener in self.listeners:
            listener(events)

    def tell_rest(self) -> None:
        """Write what has not been written yet; the last act of a clean stop."""
        self.watcher.tell()
        while self._untold:
            self._tell_some()

    async def follow_inventory(self) -> None:
        """Reload the inventory when asked, or when its files changed and have come to rest."""
        fleet = self.settings.fleet
        loaded = seen = self.watcher.inventory.signature
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._reload_asked.wait(), fleet.reload_check_s)
            asked = self._reload_asked.is_set()
            confirmed, self._confirmed = self._confirmed, False
            self._reload_asked.clear()
            now = await asyncio.to_thread(signature, fleet.path)
            if asked or (now != loaded and now == seen):
                loaded = now
                with self.notifier.reloading():
                    await self._reload(confirmed=confirmed)
            seen = now

    async def _reload(self, *, confirmed: bool) -> None:
        try:
            inventory = await asyncio.to_thread(load, self.settings)
        except ConfigurationError as error:
            self.watcher.reload_failed(error)
        else:
            self.watcher.reloaded(inventory, confirmed=confirmed)


def link_settings(broker: Broker, settings: Settings) -> LinkSettings:
    """Translate a broker's settings for its link."""
    return LinkSettings(
        name=broker.name,
        scheme=broker.scheme,
        host=broker.host,
        port=broker.port,
        path=broker.path,
        protocol=broker.protocol,
        client_id=broker.client_id,
        filters=subscriptions(settings.mqtt.topic_prefix, tuple(broker.operators)),
        canary=canary_topic(settings.mqtt.topic_prefix, broker.client_id) if broker.canary else None,
        session_expiry_s=broker.session_expiry_s,
        keep_alive_s=broker.keep_alive_s,
        ask_after_s=settings.liveness.interval_s,
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
    settings: Settings, inventory: Inventory, notifier: Notifier = SILENT, log: LogWriter | None = None
) -> AsyncIterator[Daemon]:
    """Run the daemon while the context lasts; a failed start and a stop drain the same stack.

    Raises InUseError if another has the HTTP address or the store, ConfigurationError if they cannot be had
    at all, StoreError if the store fails,
    ClockError if a first record would begin in 1970. Must be entered and left in one task.
    """
    async with contextlib.AsyncExitStack() as stack:
        access = open_access(settings, inventory.operators, settings.http.tiles_origins)
        stack.callback(access.close)
        certificate = _certificate(settings)
        sock = listen_on(settings.http.host, settings.http.port)
        stack.callback(sock.close)
        store = await asyncio.to_thread(_open, settings)
        ending = Ending()
        closing = await stack.enter_async_context(contextlib.AsyncExitStack())
        closing.push_async_callback(put_away, store.close, ending)
        past = await asyncio.to_thread(store.load)
        _check_date(past)
        keeper = StoreKeeper(store, settings.fleet.timezone, settings.history.retention_days)
        daemon = Daemon(settings, inventory, keeper, past, notifier, access, log)
        daemon.certificate = certificate
        daemon.port = sock.getsockname()[1]
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        works = daemon.works()
        tasks.create_task(works.pop("history"), name="history")
        stack.push_async_callback(_finish, daemon.chronicle, closing, ending)
        stack.callback(daemon.tell_rest)
        parts = _window(daemon, store)
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


def _check_date(past: Past) -> None:
    """Raise ClockError where a record would begin before it can: it would count decades that never were."""
    if past.vouched_ms is None and wall_ms() < EPOCH_MS:
        raise ClockError(wall_ms())


def _certificate(settings: Settings) -> Certificate | None:
    http = settings.http
    return Certificate(http.cert_file, http.key_file) if http.cert_file is not None else None


def _window(daemon: Daemon, store: Store) -> Parts:
    """Return what the window is made of."""
    live, settings = daemon.watcher, daemon.settings
    objectives = settings.objectives.purpose
    return Parts(
        live=live,
        archive=StoreArchive(store.engine, live.timezone, lambda: live.inventory, wall_ms, objectives),
        events=Events(live),
        recent=Recent(live),
        threads=Threads(),
        render=daemon.exposition.render,
        objectives=objectives,
        access=daemon.access,
        look=Look(settings.http.tiles_url, settings.http.tiles_attribution),
    )


async def _part(links: Iterable[Link], ending: Ending) -> None:
    """Say goodbye to all brokers at once; with this a stop begins."""
    ending.begin()
    await asyncio.gather(*(link.stop() for link in links))


async def _finish(chronicle: Chronicle, closing: contextlib.AsyncExitStack, ending: Ending) -> None:
    """Store the rest; a store that still hangs is left to the end of the process."""
    if not await chronicle.finish(ending.left_s(PUT_AWAY_S)):
        closing.pop_all()


def _open(settings: Settings) -> Store:
    """Open the store and take it for this daemon. Raises InUseError, ConfigurationError, StoreError."""
    store = Store.open(settings.history)
    try:
        store.hold(DAEMON)
    except BaseException:
        store.close()
        raise
    return store


def _checkpoint_s(settings: Settings, inventory: Inventory) -> float:
    """Return how often what is remembered is brought up to date: each second, or twice an interval.

    What a crash loses of a camera is less than an interval then, which late heartbeats can fill (L8).
    """
    intervals = (settings.liveness_of(camera).interval_s for camera in inventory.cameras.values())
    usual = min(max(min(intervals, default=1.0) / 2, 0.1), 1.0)
    return settings.history.checkpoint_s or usual


async def run(settings: Settings, inventory: Inventory, log: LogWriter | None = None) -> None:
    """Run until SIGTERM or SIGINT. `log` is what writes the log.

    SIGHUP reloads the inventory and confirms one that is held back, SIGUSR1 reloads it only.

    Raises what `running` raises, and StoreError when the daemon ends with something not stored.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    for number in (signal.SIGHUP, signal.SIGUSR1):
        loop.add_signal_handler(number, lambda: None)  # the inventory has just been read
    try:
        await _until(stop, settings, inventory, log)
    except BaseExceptionGroup as group:  # a task of the daemon failed
        if group.split(CamwatchError)[1] is not None:
            raise
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise error from None


async def _until(
    stop: asyncio.Event, settings: Settings, inventory: Inventory, log: LogWriter | None
) -> None:
    loop = asyncio.get_running_loop()
    notifier = Notifier.of()
    if settings.clock.require_sync:
        await wait_for_sync(settings.clock.sync_timeout_s, stop, notifier.status)
        if stop.is_set():
            return
    allow_files()
    async with running(settings, inventory, notifier, log) as daemon:
        loop.add_signal_handler(signal.SIGHUP, daemon.ask_reload)
        loop.add_signal_handler(signal.SIGUSR1, functools.partial(daemon.ask_reload, confirm=False))
        _log.info(
            "camwatch runs",
            version=__version__,
            cameras=len(inventory.cameras),
            brokers=len(settings.brokers),
            http=daemon.url,
        )
        warn_of_clear_text(settings)
        for exposure in exposures(settings):
            _log.warning(exposure)
        # What is there now stays: sparing the collector to look at it makes its pauses a fifth shorter.
        gc.collect()
        gc.freeze()
        # And what comes after, by the hundred thousand, is mostly kept: full collections are to be rare.
        gc.set_threshold(700, 10, 1000)
        sys.setswitchinterval(0.001)  # how long the thread that stores may keep the loop waiting, seconds
        notifier.ready(f"watches {len(inventory.cameras)} cameras")
        await stop.wait()
        notifier.stopping()
    _log.info("camwatch stops")
    if lost := daemon.chronicle.pending:
        raise StoreError(
            f"{lost} happenings were not stored before the stop",
            "the next start accounts the time since the store's last word as unknown",
        )
