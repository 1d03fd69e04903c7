"""A bad minute in Aix, thirty times as quick as real: what happens, and what people are told of it.

Cameras, Mosquitto, camwatch, Prometheus and Alertmanager are real, their files the committed ones with every
time divided by `QUICKER`. Operators have no objective here: a minute is too short a history to burn a budget.
"""

from __future__ import annotations

import asyncio
import csv
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from camsim.broker import broker_at
from camsim.fleet import PlayedCamera, read_fleet
from camsim.simulator import Simulator, SimulatorSettings
from tests.support import daemon
from tests.support.alertmanager import Alertmanager, derived
from tests.support.daemon import Daemon
from tests.support.eventually import eventually
from tests.support.mailbox import Mailbox, Notification, mailbox
from tests.support.mosquitto import Mosquitto
from tests.support.pace import SCALE
from tests.support.paths import FLEET
from tests.support.prometheus import Prometheus
from tests.support.tables import Cells, window, write_fleet

QUICKER = max(1, round(30 / SCALE))
INTERVAL_S = 10 / QUICKER
CAMERAS = 170
"""So many that a site of 13 is less than a tenth of the fleet, which would be an alert of its own."""

ALONE = "saint-eutrope-01"
"""A landlord's camera, which falls silent."""
LANDLORD = "bailleur-saint-eutrope"
DARK = "la-duranne"
"""A site of 13 that loses power."""
FLAPS = "jas-vasarely-01"
FLAPS_TIMES = 5
CARED_FOR = "jas-bastide-01"
"""In maintenance, and without power all the time."""
QUICK_SITES = {"saint-eutrope", DARK, "jas-vasarely", "jas-bastide"}
"""Their cameras are heard each `INTERVAL_S`, the others ten times less often, to spare the machine."""


@dataclass
class Story:
    """What was done when (Unix time), what was muted meanwhile, and what people were told."""

    box: Mailbox
    done: dict[str, float] = field(default_factory=dict)
    last_heartbeat: dict[str, float] = field(default_factory=dict)
    muted: list[dict[str, str]] = field(default_factory=list)

    def note(self, act: str) -> None:
        """Remember when this was done."""
        self.done[act] = time.time()

    def told(self, *receivers: str, **labels: str) -> list[Notification]:
        """Return what these receivers were told of alerts with these labels."""
        return [
            each
            for each in self.box.to(*receivers)
            if any(labels.items() <= alert.items() for status in _EITHER for alert in each.alerts(status))
        ]

    def people_told(self, begin: str, end: str) -> list[Notification]:
        """Return what people (not the dead man's switch) were told between two acts."""
        return [
            each
            for each in self.box.notifications
            if each.receiver != "veilleur" and self.done[begin] <= each.at < self.done[end]
        ]


_EITHER = ("firing", "resolved")


def write_city(folder: Path) -> Path:
    """Write the first `CAMERAS` rows of the inventory, those of the quick sites before all others."""
    cameras = _rows("cameras")
    cameras.sort(key=lambda row: row["site_id"] not in QUICK_SITES)
    rows: list[Cells] = [
        row
        | {"lifecycle": "in_service", "interval_s": "" if row["site_id"] in QUICK_SITES else 10 * INTERVAL_S}
        for row in cameras[:CAMERAS]
    ]
    now = datetime.now(UTC)
    works = window("camera", CARED_FOR, str(now - timedelta(days=1)), str(now + timedelta(days=1)))
    operators = [row | {"objective": ""} for row in _rows("operators")]
    return write_fleet(folder, rows, sites=_rows("sites"), operators=operators, maintenance=[works])


def _rows(table: str) -> list[dict[str, str]]:
    return list(csv.DictReader((FLEET / f"{table}.csv").read_text().splitlines()))


async def play(folder: Path) -> Story:
    """Play it all, and return what came of it."""
    fleet = write_city(folder / "fleet")
    with Mosquitto(folder / "mosquitto") as broker:
        config = daemon.config(fleet, daemon.broker(broker.url), will_grace_s=INTERVAL_S, down_after=9.0)
        async with mailbox() as box, daemon.running(folder / "camwatch", config) as watcher:
            tree = derived(
                quicker=QUICKER, webhook=box.webhook, smarthost=box.smarthost, secrets=folder / "fleet"
            )
            alertmanager = Alertmanager(folder / "alertmanager", tree)
            prometheus = Prometheus(
                folder / "prometheus",
                quicker=QUICKER,
                camwatch=watcher.url.removeprefix("http://"),
                alertmanager=alertmanager.address,
            )
            settings = SimulatorSettings(
                broker_at(broker.url),
                read_fleet(fleet),
                interval_s=INTERVAL_S,
                connect_at_once=CAMERAS,
                reconnect_min_s=0.5,
                reconnect_max_s=0.8,
            )
            async with alertmanager, Simulator(settings) as simulator, prometheus:
                played = _Play(Story(box), watcher, simulator, prometheus, alertmanager)
                await played.begin()
                await played.cut()
                await played.restore()
                await played.lose_the_broker(broker)
                return played.story


@dataclass
class _Play:
    story: Story
    watcher: Daemon
    simulator: Simulator
    prometheus: Prometheus
    alertmanager: Alertmanager

    async def begin(self) -> None:
        """Wait until all cameras live, and Prometheus knows it."""
        await self._knows(f"sum(camera:camwatch_camera_status:code == bool 5) == {CAMERAS - 1}")
        await self._knows(f'site:camwatch_camera_info:count{{site="{DARK}"}}')
        await self._minutes(1)  # Alertmanager is heard of, too
        self.story.note("all is well")

    async def cut(self) -> None:
        """Cut a camera, a site, the camera in maintenance, and let one flap; restore the site first."""
        alone, dark = self._cameras(id=ALONE), self._cameras(site=DARK)
        self.simulator.silence(alone)
        self.simulator.cut_power([*dark, *self._cameras(id=CARED_FOR)])
        self.story.note("cut")
        flapping = asyncio.create_task(self._flap(), name="flapping")
        try:
            self.story.muted = await self._muted(len(dark))
            await self._told(lambda story: story.told("ville-astreinte", site=DARK))
            await self._minutes(2)
            heard = await self.watcher.metrics("camwatch_camera_last_heartbeat")
            self.story.last_heartbeat = heard.by("camera", "camwatch_camera_last_heartbeat_timestamp_seconds")
            self.simulator.restore(dark)
            self.story.note("site restored")
            await self._told(lambda story: len(story.told(LANDLORD, "ville-tickets", camera=ALONE)) >= 2)
            await self._told(lambda story: story.told("ville-tickets", camera=FLAPS))
            await flapping
        finally:
            flapping.cancel()
            await asyncio.wait({flapping})

    async def _flap(self) -> None:
        """Let one camera lose power and get it back, more often than rule C2 bears."""
        for _ in range(FLAPS_TIMES):
            self.simulator.cut_power(self._cameras(id=FLAPS))
            await asyncio.sleep(6 * INTERVAL_S)
            self.simulator.restore(self._cameras(id=FLAPS))
            await asyncio.sleep(3 * INTERVAL_S)

    async def restore(self) -> None:
        """Mend what is left, and wait for the good news."""
        self.simulator.restore(self.simulator.fleet.cameras)
        self.story.note("all restored")
        await self._told(lambda story: [each.status for each in story.told(site=DARK)][-1:] == ["resolved"])
        await self._told(lambda story: story.told(LANDLORD, camera=ALONE)[-1].status == "resolved")
        await self._told(lambda story: story.told("ville-tickets", camera=ALONE)[-1].status == "resolved")

    async def lose_the_broker(self, broker: Mosquitto) -> None:
        """Kill Mosquitto, and start it again once that was told."""
        broker.kill()
        self.story.note("broker killed")
        await self._told(lambda story: story.told("ville-astreinte", alertname="CamwatchBlind"))
        await self._minutes(3)
        broker.start()
        self.story.note("broker back")
        await self._told(lambda story: story.told(alertname="CamwatchBlind")[-1].status == "resolved")
        await self._minutes(4)
        self.story.note("end")

    def _cameras(self, **fields: str) -> list[PlayedCamera]:
        every = self.simulator.fleet.cameras
        return [each for each in every if all(getattr(each, name) == value for name, value in fields.items())]

    async def _knows(self, query: str) -> None:
        await eventually(lambda: self.prometheus.ask(query), every_s=0.2)

    async def _muted(self, count: int) -> list[dict[str, str]]:
        """Wait until Alertmanager mutes that many alerts of the dark site's cameras, and return them."""

        async def muted() -> list[dict[str, str]] | None:
            alerts = await self.alertmanager.alerts(f"site={DARK}")
            found = [alert["labels"] for alert in alerts if alert["status"]["inhibitedBy"]]
            return found if len(found) >= count else None

        return await eventually(muted, every_s=0.2)

    async def _told(self, condition: Callable[[Story], Any]) -> None:
        await self.story.box.until(lambda _: condition(self.story))

    async def _minutes(self, count: int) -> None:
        """Let so many of this story's minutes pass: the dead man's switch is fed once in each."""
        fed = len(self.story.box.to("veilleur"))
        await self._told(lambda story: len(story.box.to("veilleur")) >= fed + count)


@dataclass(frozen=True, slots=True)
class Delay:
    """Seconds from a camera's last heartbeat to the alert, and from there to the notification."""

    to_alert: float
    to_people: float


def delay(story: Story, receiver: str, cameras: Iterable[str], **labels: str) -> Delay:
    """Return how long a receiver's first notification took, from when the last of the cameras fell silent."""
    told = next(each for each in story.told(receiver, **labels) if each.status == "firing")
    began = datetime.fromisoformat(told.body["alerts"][0]["startsAt"]).timestamp()
    return Delay(began - max(story.last_heartbeat[camera] for camera in cameras), told.at - began)
