"""The one place that builds and joins the parts, and takes them down again, last in first out."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
from collections.abc import AsyncIterator, Callable, Coroutine

import structlog

from camwatch import __version__
from camwatch.clock import Clock
from camwatch.core.judge import Happening
from camwatch.errors import ConfigurationError
from camwatch.fleet.inventory import Inventory, load_inventory, signature
from camwatch.ingest.choice import make_link
from camwatch.ingest.link import Link, LinkSettings
from camwatch.logs import Journal
from camwatch.metrics.daemon import Exposition
from camwatch.service import Watcher
from camwatch.settings import Broker, Settings, check_against
from camwatch.web.server import HttpServer, listen_on, make_site
from camwatch.wire.topics import subscriptions

_LINES_PER_TURN = 25  # some 2 ms of writing, then others get their turn

_log = structlog.get_logger("camwatch")


def load(settings: Settings) -> Inventory:
    """Read the inventory and hold the settings against it.

    Raises ConfigurationError with every fault.
    """
    inventory = load_inventory(settings.fleet.path, settings.fleet.timezone)
    faults = check_against(settings, inventory)
    if faults:
        raise ConfigurationError(faults)
    return inventory


class Daemon:
    """camwatch, running: built by `running`, for as long as its context lasts."""

    def __init__(self, settings: Settings, inventory: Inventory) -> None:
        self.settings = settings
        self._untold: list[Happening] = []
        self._something = asyncio.Event()
        self._reload_asked = asyncio.Event()
        self.listeners: list[Callable[[list[Happening]], None]] = []
        clock = Clock(self._clock_stepped)
        links = {broker.name: frozenset(broker.operators) for broker in settings.brokers}
        self.watcher = Watcher(settings, inventory, links, clock, self._listen)
        self.exposition = Exposition(self.watcher)
        self.journal = Journal(settings.fleet.timezone)
        self.links: list[Link] = [
            make_link(link_settings(broker, settings), self.watcher.receiver(broker.name), clock)
            for broker in settings.brokers
        ]
        self.port = 0

    def _clock_stepped(self, seconds: float) -> None:
        self.watcher.clock_stepped(seconds)

    def works(self) -> dict[str, Coroutine[None, None, None]]:
        """Return what must run beside the links and the HTTP server, by name."""
        return {
            "deadlines": self.watcher.watch_deadlines(),
            "journal": self.tell(),
            "inventory": self.follow_inventory(),
        }

    def ask_reload(self) -> None:
        """Have the inventory read anew, whether its files changed or not."""
        self._reload_asked.set()

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
        loaded = seen = await asyncio.to_thread(signature, fleet.path)
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._reload_asked.wait(), fleet.reload_check_s)
            asked = self._reload_asked.is_set()
            self._reload_asked.clear()
            now = await asyncio.to_thread(signature, fleet.path)
            if asked or (now != loaded and now == seen):
                loaded = now
                await self._reload()
            seen = now

    async def _reload(self) -> None:
        try:
            inventory = await asyncio.to_thread(load, self.settings)
        except ConfigurationError as error:
            self.watcher.reload_failed(error)
        else:
            self.watcher.reloaded(inventory)


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
        session_expiry_s=broker.session_expiry_s,
        keep_alive_s=broker.keep_alive_s,
        ask_after_s=settings.liveness.interval_s,
        connect_timeout_s=broker.connect_timeout_s,
        reconnect_min_s=broker.reconnect_min_s,
        reconnect_max_s=broker.reconnect_max_s,
        username=broker.username,
        password=broker.password(),
        ca_file=broker.ca_file,
        cert_file=broker.cert_file,
        key_file=broker.key_file,
    )


@contextlib.asynccontextmanager
async def running(settings: Settings, inventory: Inventory) -> AsyncIterator[Daemon]:
    """Run the daemon while the context lasts; a failed start and a stop drain the same stack.

    Raises ConfigurationError if the HTTP address cannot be had. Must be entered and left in one task.
    """
    async with contextlib.AsyncExitStack() as stack:
        sock = listen_on(settings.http.host, settings.http.port)
        stack.callback(sock.close)
        daemon = Daemon(settings, inventory)
        daemon.port = sock.getsockname()[1]
        stack.callback(daemon.tell_rest)
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        for name, work in daemon.works().items():
            stack.callback(tasks.create_task(work, name=name).cancel)
        server = HttpServer(make_site(daemon.exposition.render, lambda: daemon.watcher.unready), sock)
        tasks.create_task(server.run(), name="http")
        stack.callback(server.stop)
        for link in daemon.links:
            tasks.create_task(link.run(), name=f"link {link.name}")
            stack.push_async_callback(link.stop)
        yield daemon


async def run(settings: Settings, inventory: Inventory) -> None:
    """Run until SIGTERM or SIGINT; SIGHUP reloads the inventory."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, lambda: None)  # the inventory has just been read
    async with running(settings, inventory) as daemon:
        loop.add_signal_handler(signal.SIGHUP, daemon.ask_reload)
        _log.info(
            "camwatch runs",
            version=__version__,
            cameras=len(inventory.cameras),
            brokers=len(settings.brokers),
            http=f"http://{settings.http.host}:{daemon.port}",
        )
        # What is there now stays: sparing the collector to look at it makes its pauses a fifth shorter.
        gc.collect()
        gc.freeze()
        await stop.wait()
    _log.info("camwatch stops")
