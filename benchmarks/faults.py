"""One run of a small fleet under faults of the broker and the daemon, seen from outside, and the truth of it.

Cameras of each `Kind` die and come back at random; meanwhile the daemon is restarted or killed, the broker
restarted, and the connection between them cut in every way. What happened is written down as it happens.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import create_engine

from camsim.score.observations import Observations, collected
from camwatch.history.export import export
from tests.support.commands import run as command
from tests.support.daemon import Daemon, broker, config
from tests.support.herd import Camera, Herd, Kind, utc_ms
from tests.support.mosquitto import Mosquitto
from tests.support.proxy import Cut, Proxy, proxy_to
from tests.support.tables import camera as row
from tests.support.tables import write_fleet

DOWN_AFTER = 4.5
_BROKER = """\
allow_anonymous true
max_queued_messages 0
persistence true
persistence_location {folder}/
"""
_SETTLE = 6.0  # intervals before the first fault, and after the last
_ALIVE = (6.0, 30.0)  # intervals between two cuts of a camera
_AWAY = (1.0, 40.0)
_CALM = (12.0, 40.0)  # intervals between two faults
_FAULTY = (1.0, 20.0)
_APART_S = 2.0
_FOREVER_MS = 1 << 53


@dataclass(slots=True)
class Played:
    """What one run left: the cameras with their truth, the faults as spans, the record, the audit's word."""

    herd: list[Camera]
    ended_ms: int
    dark: list[tuple[int, int]] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=dict)
    judged: Observations = field(default_factory=lambda: Observations({}, [], 0))
    sound: bool = False


class Run:
    """Plays faults in a folder for a number of seconds; the same seed gives the same faults."""

    def __init__(self, folder: Path, seed: int, seconds: float, interval_s: float, cameras: int) -> None:
        self._folder, self._seconds, self._interval_s = folder, seconds, interval_s
        self._seed, self._cameras = seed, cameras
        self._chance = random.Random(seed)
        self._broker = Mosquitto(folder / "broker", _BROKER.format(folder=folder / "broker"))
        self._dark: list[tuple[int, int]] = []
        self._counts: dict[str, int] = {}

    async def played(self) -> Played:
        """Play, and read the record. Raises BenchmarkError or AssertionError where nothing came of it."""
        ids = [(f"cam-{number}", "ville") for number in range(1, self._cameras + 1)]
        fleet = write_fleet(self._folder / "fleet", [row(name) for name, _ in ids])
        with self._broker:
            async with (
                proxy_to(self._broker.port) as proxy,
                Herd(ids, self._broker.port, self._interval_s, kinds=Kind, seed=self._seed) as herd,
            ):
                link = broker(proxy.url, connect_timeout_s=1.0)
                said = config(fleet, link, interval_s=self._interval_s, will_grace_s=1.5 * self._interval_s)
                daemon = Daemon(self._folder, said)
                try:
                    await self._befall(herd, proxy, daemon)
                    ended_ms = utc_ms()
                    await daemon.end()
                finally:
                    await daemon.release()
        code, _, _ = await command("camwatch", "audit", "--config", daemon.config_file, cwd=self._folder)
        judged = await asyncio.to_thread(_published, self._folder / "camwatch.db")
        return Played(herd.cameras, ended_ms, self._dark, self._counts, judged, code == 0)

    async def _befall(self, herd: Herd, proxy: Proxy, daemon: Daemon) -> None:
        daemon.start()
        await daemon.runs()
        await daemon.until_all("up")
        await self._wait(_SETTLE)
        cuts = [asyncio.create_task(self._cuts(herd, camera)) for camera in herd.cameras]
        faults = asyncio.create_task(self._faults(proxy, daemon))
        try:
            async with asyncio.timeout(self._seconds):
                await asyncio.gather(faults, *cuts)
        except TimeoutError:
            pass
        await self._over(proxy, daemon)
        await self._wait(_SETTLE)

    async def _over(self, proxy: Proxy, daemon: Daemon) -> None:
        """End the fault that the end of the time has met."""
        proxy.mend()
        if not self._broker.running:
            await asyncio.to_thread(self._broker.start)
        if daemon.exit_code is not None:
            daemon.start()
        await daemon.runs()
        await daemon.until_ready()

    async def _cuts(self, herd: Herd, camera: Camera) -> None:
        chance = random.Random(f"{self._seed}/{camera.id}/cuts")
        while True:
            await self._wait(_drawn(chance, _ALIVE))
            herd.cut(camera)
            await self._wait(_drawn(chance, _AWAY))
            herd.mend(camera)
            while camera.cut:
                await self._wait(0.2)

    async def _faults(self, proxy: Proxy, daemon: Daemon) -> None:
        while True:
            await self._wait(_drawn(self._chance, _CALM))
            name, fault = self._chance.choice(self._kinds(proxy, daemon))
            self._counts[name] = self._counts.get(name, 0) + 1
            began = utc_ms()
            try:
                await fault(_drawn(self._chance, _FAULTY))
            finally:
                self._dark.append((began, utc_ms()))

    def _kinds(self, proxy: Proxy, daemon: Daemon) -> list[tuple[str, Callable[[float], Awaitable[None]]]]:
        async def away(number: signal.Signals, intervals: float) -> None:
            await daemon.end(number)
            await self._wait(intervals)
            daemon.start()
            await daemon.says("link subscribed")

        async def cut(how: Cut, intervals: float) -> None:
            subscribed = len(daemon.log("link subscribed"))
            proxy.cut(how)
            await self._wait(intervals)
            proxy.mend()
            while len(daemon.log("link subscribed")) <= subscribed:
                await self._wait(0.1)

        async def no_broker(intervals: float) -> None:
            subscribed = len(daemon.log("link subscribed"))
            await asyncio.to_thread(self._broker.stop)
            await self._wait(intervals)
            await asyncio.to_thread(self._broker.start)
            while len(daemon.log("link subscribed")) <= subscribed:
                await self._wait(0.1)

        return [
            ("daemon restarted", lambda n: away(signal.SIGTERM, n)),
            ("daemon killed", lambda n: away(signal.SIGKILL, n)),
            ("link ended", lambda n: cut(Cut.FIN, n)),
            ("link reset", lambda n: cut(Cut.RESET, n)),
            ("link in a black hole", lambda n: cut(Cut.BLACK_HOLE, n)),
            ("broker restarted", no_broker),
        ]

    async def _wait(self, intervals: float) -> None:
        await asyncio.sleep(intervals * self._interval_s)


def _published(store: Path) -> Observations:
    """Return what camwatch publishes: outages as late heartbeats left them, with their bounds."""
    engine = create_engine(f"sqlite:///{store}")
    try:
        pieces = export(engine, 0, _FOREVER_MS)
        return collected(json.loads(line) for piece in pieces for line in piece.splitlines())
    finally:
        engine.dispose()


def _drawn(chance: random.Random, among: tuple[float, float]) -> float:
    """Draw so that short and long ones are as frequent, by their order of magnitude."""
    low, high = among
    return float(low * (high / low) ** chance.random())


async def played(
    folder: Path,
    seeds: range,
    seconds: float,
    interval_s: float,
    cameras: int,
    at_once: int,
    on_run: Callable[[int, Played], None],
) -> list[Played]:
    """Play many runs, some in parallel; report each when it is over."""
    room, entrance = asyncio.Semaphore(at_once), asyncio.Lock()
    found: list[Played] = []

    async def one(seed: int) -> None:
        async with room:
            async with entrance:  # daemons that start together start slowly
                await asyncio.sleep(_APART_S)
            place = folder / f"run-{seed}"
            place.mkdir()
            result = await Run(place, seed, seconds, interval_s, cameras).played()
            found.append(result)
            on_run(len(found), result)

    with contextlib.suppress(asyncio.CancelledError):  # by Ctrl-C: what there is is marked
        await asyncio.gather(*map(one, seeds))
    return found
