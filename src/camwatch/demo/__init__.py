"""The demo in one terminal: an embedded broker, 458 simulated cameras, and the daemon that monitors them.

The broker (amqtt, MQTT 3.1.1) is not for production. Heartbeats come every 2 s instead of every 10 s.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import signal
import sys
import tempfile
import threading
import webbrowser
from collections.abc import Callable, Coroutine, Iterable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Any

import typer

from camsim.broker import broker_at
from camsim.errors import CamsimError
from camsim.fleet import PlayedCamera, read_fleet
from camsim.simulator import Simulator, SimulatorSettings
from camsim.stats import Statistics
from camwatch.demo.broker import embedded_broker
from camwatch.demo.screen import DemoScreen, RunningDaemon, show_live, show_plain
from camwatch.errors import CamwatchError
from camwatch.fleet.inventory import Inventory
from camwatch.logs import configure
from camwatch.settings import Broker, FleetSettings, HistorySettings, HttpSettings, LivenessSettings, Settings

INTERVAL_S = 2.0
HINT_HOLD_S = 2.0
_TEARDOWN_S = 12.0

Start = Callable[[Settings, Inventory], AbstractAsyncContextManager[RunningDaemon]]
Load = Callable[[Settings], Inventory]


def run_demo(duration_s: float | None, port: int, load: Load, start: Start, *, browser: bool = True) -> None:
    """Run the demo for `duration_s` (None: until a signal), and print a summary.

    `load` and `start` are the daemon's own. `browser`: open the page if there is a display. Raises
    CamwatchError if something cannot be started.
    """
    deadline = threading.Timer(_TEARDOWN_S, _exit)
    deadline.daemon = True
    try:
        asyncio.run(_show(partial(_run, duration_s, port, load, start, browser=browser), deadline))
    except CamsimError as error:
        raise CamwatchError(f"the simulated fleet: {error}") from error
    finally:
        deadline.cancel()


def _exit() -> None:
    """Exit although the demo did not end; the broker's process ends with this one."""
    sys.stdout.flush()
    typer.echo(f"camwatch: the demo did not end within {_TEARDOWN_S:g} s and was killed", err=True)
    os._exit(1)


async def _show(run: Callable[[asyncio.Event], Coroutine[Any, Any, None]], deadline: threading.Timer) -> None:
    """Run the demo until a signal; `deadline` starts when it ends."""
    over = asyncio.Event()
    demo = asyncio.create_task(run(over))

    def stop() -> None:
        if not over.is_set():
            over.set()
            demo.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    ending = asyncio.create_task(over.wait())
    await asyncio.wait((demo, ending), return_when=asyncio.FIRST_COMPLETED)
    deadline.start()
    ending.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await demo


async def _run(
    duration_s: float | None, port: int, load: Load, start: Start, over: asyncio.Event, *, browser: bool
) -> None:
    """Start everything, run the scenario for `duration_s` or until cancelled, set `over`, stop everything."""
    async with contextlib.AsyncExitStack() as stack:
        broker_port = await stack.enter_async_context(embedded_broker())
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="camwatch-demo-"))
        settings = _settings(port, broker_port, Path(folder) / "camwatch.db")
        inventory = load(settings)
        configure("console", "error", settings.fleet.timezone, io.StringIO())  # the screen shows everything
        simulator = await stack.enter_async_context(_simulator(settings, broker_port))
        daemon = await stack.enter_async_context(start(settings, inventory))
        screen = DemoScreen(daemon, settings)
        typer.echo(f"\ncamwatch demo: the page is at {screen.url}/\n")
        has_display = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
        if browser and sys.stdout.isatty() and has_display:
            await asyncio.to_thread(webbrowser.open, f"{screen.url}/")
        stack.callback(over.set)
        stack.callback(lambda: sys.stdout.write(screen.summary()))
        daemon.listeners.append(screen.on_events)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(duration_s), asyncio.TaskGroup() as tasks:
                tasks.create_task(show_live(screen) if sys.stdout.isatty() else show_plain(screen))
                while True:
                    await _round(screen, simulator)


def _settings(port: int, broker_port: int, store: Path) -> Settings:
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
        liveness=LivenessSettings(interval_s=INTERVAL_S, will_grace_s=HINT_HOLD_S),
        history=HistorySettings(url=f"sqlite:///{store}"),
        http=HttpSettings(listen=f"127.0.0.1:{port}"),
    )


def _simulator(settings: Settings, broker_port: int) -> Simulator:
    """Return the fleet's simulator, which prints the progress of connecting."""

    def progress(statistics: Statistics) -> None:
        connected, expected = statistics.connected, statistics.expected
        if connected % 50 == 0 or connected == expected:
            typer.echo(f"camwatch demo: {connected}/{expected} cameras connected")
        if connected == expected:
            statistics.on_change = lambda _: None

    return Simulator(
        SimulatorSettings(
            broker=broker_at(f"mqtt://127.0.0.1:{broker_port}", keep_alive_s=15),
            fleet=read_fleet(settings.fleet.path),
            interval_s=INTERVAL_S,
            retain=False,  # amqtt sends every retained message to every client that connects
        ),
        Statistics(on_change=progress),
    )


async def _round(screen: DemoScreen, simulator: Simulator) -> None:
    cameras = simulator.fleet.cameras
    unpowered = _at(cameras, "la-duranne")
    silent = _at(cameras, "centre-cours-mirabeau")
    flapping = [next(camera for camera in cameras if camera.site == "centre-rotonde")]
    screen.set_step("all is well")
    await asyncio.sleep(8)
    screen.set_step(f"La Duranne loses power; {len(unpowered)} cameras go down in {HINT_HOLD_S:g} s")
    simulator.cut_power(unpowered)
    await asyncio.sleep(12)
    screen.set_step("La Duranne has power again")
    simulator.restore(unpowered)
    await asyncio.sleep(8)
    promised = INTERVAL_S * LivenessSettings().down_after
    screen.set_step(f"Cours Mirabeau falls silent; {len(silent)} cameras go down in {promised:g} s")
    simulator.silence(silent)
    await asyncio.sleep(15)
    screen.set_step("Cours Mirabeau is back")
    simulator.restore(silent)
    await asyncio.sleep(6)
    screen.set_step("a camera at La Rotonde flaps")
    for _ in range(3):
        simulator.cut_power(flapping)
        await asyncio.sleep(4.5)
        simulator.restore(flapping)
        await asyncio.sleep(3)
    planned = [camera for camera in simulator.fleet.planned if camera.site == "saint-eutrope"]
    screen.set_step("the planned cameras of Saint-Eutrope are commissioned")
    simulator.commission(planned)
    await asyncio.sleep(8)


def _at(cameras: Iterable[PlayedCamera], site: str) -> list[PlayedCamera]:
    return [camera for camera in cameras if camera.site == site and not camera.planned]


def _reference_fleet() -> Path:
    """Return the folder of the reference fleet, in the installed package or in the source tree."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "data" / "fleet"
    return installed if installed.is_dir() else package.parents[1] / "config" / "fleet"
