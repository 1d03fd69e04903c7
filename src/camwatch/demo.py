"""The whole thing in one terminal: embedded broker, 458 simulated cameras, and the daemon watching them.

For a first look and for showing around. The broker (amqtt, MQTT 3.1.1) is not for production, and the
heartbeats come every 2 s instead of every 10 s, so that an audience need not wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from amqtt.broker import Broker as EmbeddedBroker
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from camsim.broker import broker_at
from camsim.fleet import PlayedCamera, read_fleet
from camsim.simulator import Simulator, SimulatorSettings
from camsim.statistics import Statistics
from camwatch.core.judge import Happening
from camwatch.core.model import Cause, IncidentChange, Instant, Status, Transition
from camwatch.fleet.inventory import Inventory
from camwatch.logs import configure
from camwatch.service import Watcher
from camwatch.settings import Broker, FleetSettings, HttpSettings, LivenessSettings, Settings

INTERVAL_S = 2.0
HINT_HOLD_S = 2.0
_FRAMES_PER_S = 4
_PLAIN_EVERY_S = 5.0
_LAST = 8
_COLOURS = {
    Status.UP: "green",
    Status.DOWN: "bold red",
    Status.UNKNOWN: "yellow",
    Status.MAINTENANCE: "cyan",
    Status.PLANNED: "blue",
    Status.RETIRED: "dim",
}


class RunningDaemon(Protocol):
    """What the demo needs of the daemon."""

    watcher: Watcher
    listeners: list[Callable[[list[Happening]], None]]
    port: int


Start = Callable[[Settings, Inventory], AbstractAsyncContextManager[RunningDaemon]]
Load = Callable[[Settings], Inventory]


def show(duration_s: float | None, port: int, load: Load, start: Start) -> None:
    """Run the demo until `duration_s` is over, or a signal; print a summary.

    `load` and `start` are the daemon's own. Raises CamwatchError if something cannot be started.
    """
    asyncio.run(_show(duration_s, port, load, start))


async def _show(duration_s: float | None, port: int, load: Load, start: Start) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    performance = asyncio.create_task(_perform(port, load, start))
    waiting = asyncio.create_task(stop.wait())
    await asyncio.wait((performance, waiting), timeout=duration_s, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    performance.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await performance


async def _perform(port: int, load: Load, start: Start) -> None:
    """Build everything up, play until cancelled, take everything down."""
    broker_port = _free_port()
    settings = _settings(port, broker_port)
    inventory = load(settings)
    configure("console", "error", settings.fleet.timezone, _Nowhere())  # the picture says it all
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(_embedded_broker(broker_port))
        simulator = await stack.enter_async_context(_simulator(settings, broker_port))
        daemon = await stack.enter_async_context(start(settings, inventory))
        stage = _Stage(daemon, settings)
        stack.callback(lambda: sys.stdout.write(stage.summary()))
        daemon.listeners.append(stage.happened)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_live(stage) if sys.stdout.isatty() else _plain(stage))
            while True:
                await _round(stage, simulator)


def _settings(port: int, broker_port: int) -> Settings:
    broker = Broker(
        name="demo",
        url=f"mqtt://127.0.0.1:{broker_port}",
        protocol="3.1.1",
        client_id="camwatch-demo",
        session_expiry_s=0,
    )
    return Settings(
        fleet=FleetSettings(path=_reference_fleet()),
        brokers=(broker,),
        liveness=LivenessSettings(interval_s=INTERVAL_S, hint_hold_s=HINT_HOLD_S),
        http=HttpSettings(listen=f"127.0.0.1:{port}"),
    )


def _simulator(settings: Settings, broker_port: int) -> Simulator:
    """Return the fleet's simulator, which tells how far it has come with connecting."""

    def progress(statistics: Statistics) -> None:
        connected, expected = statistics.connected, statistics.expected
        if connected % 50 == 0 or connected == expected:
            sys.stdout.write(f"camwatch demo: {connected}/{expected} cameras connected\n")
            sys.stdout.flush()
        if connected == expected:
            statistics.on_change = lambda _: None

    return Simulator(
        SimulatorSettings(
            broker=broker_at(f"mqtt://127.0.0.1:{broker_port}", keep_alive_s=15),
            fleet=read_fleet(settings.fleet.path),
            interval_s=INTERVAL_S,
        ),
        Statistics(on_change=progress),
    )


class _Nowhere(io.StringIO):
    """Takes what is written, and drops it."""

    def write(self, text: str) -> int:
        """Drop it."""
        return len(text)


class _Stage:
    """What is to be seen, kept up to date by what happens."""

    def __init__(self, daemon: RunningDaemon, settings: Settings) -> None:
        self.watcher = daemon.watcher
        self.inventory = daemon.watcher.inventory
        self.url = f"http://127.0.0.1:{daemon.port}"
        self.zone = settings.fleet.timezone
        self.act = ""
        self.most_up = 0
        self.log: deque[tuple[str, str, str]] = deque(maxlen=_LAST)  # time, text, colour
        self.unprinted: list[str] = []
        self._grouped: dict[tuple[str, Status, Status, Cause | None], list[Transition]] = {}
        self._begun = time.monotonic()
        self._seen = (self._begun, 0)
        self._rate = 0.0
        self._outages = 0

    def happened(self, events: Iterable[Happening]) -> None:
        """Take note of transitions and incidents."""
        for event in events:
            if isinstance(event, Transition):
                self._outages += event.new is Status.DOWN
                where = "the fleet" if event.old is Status.UNKNOWN else event.site
                self._grouped.setdefault((where, event.old, event.new, event.cause), []).append(event)
            elif isinstance(event, IncidentChange):
                self.say_grouped(at_once=True)
                what = f"{event.kind} incident at {event.id} {'began' if event.open else 'ended'}"
                self._note(event.noticed_at, what, "bold magenta")

    def say_grouped(self, *, at_once: bool = False) -> None:
        """Say what happened to several cameras alike in one line, a second after the first of them."""
        now = self.watcher.clock()
        for key, events in list(self._grouped.items()):
            first = events[0].noticed_at
            if now.mono - first.mono < 1.0 and not at_once:
                continue
            del self._grouped[key]
            where, old, new, cause = key
            who = events[0].camera if len(events) == 1 else f"{where}: {len(events)} cameras"
            since = self._clock(min(event.at for event in events))
            late = max(event.noticed_at.mono - event.at.mono for event in events)
            told = f" by {cause}, since {since}, noticed within {late:.1f} s" if new is Status.DOWN else ""
            self._note(first, f"{who} {old} → {new}{told}", _COLOURS[new])

    def begin_act(self, text: str) -> None:
        """Say what the simulator does now."""
        self.act = text
        self._note(self.watcher.clock(), f"simulator: {text}", "bold")

    def counts(self) -> dict[tuple[str, Status], int]:
        """Count cameras by operator and status; the operator `""` is all of them."""
        now = self.watcher.clock()
        result: dict[tuple[str, Status], int] = {}
        for camera in self.watcher.watch.cameras.values():
            for operator in (camera.camera.operator, ""):
                key = (operator, camera.status_at(now))
                result[key] = result.get(key, 0) + 1
        self.most_up = max(self.most_up, result.get(("", Status.UP), 0))
        return result

    def rate(self) -> float:
        """Return heartbeats per second, over the last second or more."""
        moment, total = self._seen
        now, heartbeats = time.monotonic(), self.heartbeats
        if now - moment >= 1.0:
            self._rate = (heartbeats - total) / (now - moment)
            self._seen = (now, heartbeats)
        return self._rate

    @property
    def heartbeats(self) -> int:
        """Heartbeats judged since the start."""
        return sum(camera.heartbeats for camera in self.watcher.watch.cameras.values())

    def evidence(self) -> list[str]:
        """Return a few lines of `/metrics` that prove what the table says."""
        counts = self.counts()
        lines = [
            f'camwatch_site_incident{{site="{group.id}"}} 1'
            for group in self.watcher.watch.incidents.values()
            if group.kind == "site" and group.since is not None
        ]
        up = counts.get(("ville", Status.UP), 0)
        return [*lines[:3], f'camwatch_operator_cameras{{operator="ville",status="up"}} {up}']

    def summary(self) -> str:
        """Return what happened, in a few lines."""
        return (
            f"\nThe demo watched for {time.monotonic() - self._begun:.0f} s.\n"
            f"  cameras now      {self.state()}\n"
            f"  most up at once  {self.most_up}\n"
            f"  heartbeats       {self.heartbeats:,}\n"
            f"  outages seen     {self._outages}\n"
            "To watch your own cameras: camwatch run --config config/camwatch.toml (docs/settings.md)\n"
        )

    def state(self) -> str:
        """Return the number of cameras in each status that occurs."""
        counts = self.counts()
        return ", ".join(f"{count} {status}" for status in Status if (count := counts.get(("", status), 0)))

    def _note(self, at: Instant, text: str, colour: str) -> None:
        self.log.append((self._clock(at), text, colour))
        self.unprinted.append(f"{self._clock(at)} {text}")

    def _clock(self, at: Instant) -> str:
        return datetime.fromtimestamp(at.utc_ms / 1000, self.zone).strftime("%H:%M:%S")


def _picture(stage: _Stage) -> Group:
    counts = stage.counts()
    table = Table(title="Cameras by operator and status", title_justify="left", expand=False)
    table.add_column("operator", max_width=30, no_wrap=True)
    for status in Status:
        table.add_column(status.value, justify="right", style=_COLOURS[status])
    names = {"": "all", **{operator.id: operator.id for operator in stage.inventory.operators.values()}}
    for operator, name in names.items():
        cells = [str(counts.get((operator, status), 0) or "·") for status in Status]
        table.add_row(name, *cells, style="bold" if not operator else "", end_section=not operator)
    lines = [
        Text(f"{clock} {text}", style=colour, no_wrap=True, overflow="ellipsis")
        for clock, text, colour in stage.log
    ]
    return Group(
        Text("camwatch demo", style="bold")
        + Text(f"   {stage.rate():.0f} heartbeats/s   Ctrl-C ends it", style="dim"),
        Text(f"{stage.url}/metrics   {stage.url}/-/ready", style="underline"),
        table,
        Text(f"Now: {stage.act}", style="bold"),
        *lines,
        Text("From /metrics:", style="dim"),
        *(Text(f"  {line}", style="dim", no_wrap=True, overflow="ellipsis") for line in stage.evidence()),
    )


async def _live(stage: _Stage) -> None:
    with Live(_picture(stage), auto_refresh=False) as live:
        while True:
            await asyncio.sleep(1 / _FRAMES_PER_S)
            stage.say_grouped()
            live.update(_picture(stage), refresh=True)


async def _plain(stage: _Stage) -> None:
    """Print the same without a terminal: a line for what happens, and one for the state every few seconds."""
    sys.stdout.write(f"camwatch demo: {stage.url}/metrics\n")
    due = 0.0
    while True:
        stage.say_grouped()
        lines, stage.unprinted = stage.unprinted, []
        if time.monotonic() >= due:
            due = time.monotonic() + _PLAIN_EVERY_S
            lines.append(f"         {stage.state()}; {stage.rate():.0f} heartbeats/s")
            lines += [f"         {line}" for line in stage.evidence() if "incident" in line]
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()
        await asyncio.sleep(1 / _FRAMES_PER_S)


async def _round(stage: _Stage, simulator: Simulator) -> None:
    cameras = simulator.fleet.cameras
    dark = _at(cameras, "la-duranne")
    quiet = _at(cameras, "centre-cours-mirabeau")
    nervous = [next(camera for camera in cameras if camera.site == "centre-rotonde")]
    stage.begin_act("all is well")
    await asyncio.sleep(8)
    stage.begin_act(
        f"La Duranne loses its power, {len(dark)} cameras; promised within {HINT_HOLD_S:g} s of the will"
    )
    simulator.cut_power(dark)
    await asyncio.sleep(12)
    stage.begin_act("La Duranne has power again")
    simulator.restore(dark)
    await asyncio.sleep(8)
    promised = INTERVAL_S * LivenessSettings().down_after
    stage.begin_act(
        f"Cours Mirabeau is cut off without a word; promised within {promised:g} s of its last heartbeats"
    )
    simulator.silence(quiet)
    await asyncio.sleep(15)
    stage.begin_act("Cours Mirabeau is back")
    simulator.restore(quiet)
    await asyncio.sleep(6)
    stage.begin_act("a camera at La Rotonde flaps")
    for _ in range(3):
        simulator.cut_power(nervous)
        await asyncio.sleep(4.5)
        simulator.restore(nervous)
        await asyncio.sleep(3)
    planned = [camera for camera in simulator.fleet.planned if camera.site == "saint-eutrope"]
    stage.begin_act("the planned cameras of Saint-Eutrope are commissioned")
    simulator.commission(planned)
    await asyncio.sleep(8)


def _at(cameras: Iterable[PlayedCamera], site: str) -> list[PlayedCamera]:
    return [camera for camera in cameras if camera.site == site and not camera.planned]


@contextlib.asynccontextmanager
async def _embedded_broker(port: int) -> AsyncIterator[None]:
    broker = EmbeddedBroker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}", "max_connections": 2000}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
    )
    await broker.start()
    try:
        yield
    finally:
        await broker.shutdown()


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def _reference_fleet() -> Path:
    """Return where the reference fleet lies: in the installed package, or in the source tree."""
    package = Path(__file__).resolve().parent
    installed = package / "data" / "fleet"
    return installed if installed.is_dir() else package.parents[1] / "config" / "fleet"
