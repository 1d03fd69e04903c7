"""Take the pictures: the reference fleet with a made-up year behind it, simulated cameras, a real browser.

The district of La Duranne has just lost its power. The pictures are small: text and plain surfaces.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from playwright.async_api import Browser, async_playwright

from benchmarks.synthetic_history import generate, store_year
from camsim.broker import broker_at
from camsim.fleet import read_fleet
from camsim.simulator import Simulator, SimulatorSettings
from camwatch.app import running
from camwatch.history.store import Store
from camwatch.logs import configure
from camwatch.settings import Broker, FleetSettings, HistorySettings, HttpSettings, LivenessSettings, Settings
from camwatch.settings.loading import load
from tests.support.mosquitto import Mosquitto, program

ROOT = Path(__file__).resolve().parents[2]
_FLEET = ROOT / "config" / "fleet"
_IMAGES = ROOT / "docs" / "images"
_INTERVAL_S = 2.0
_TRANSITIONS = 60_000
_DARK = "la-duranne"


class Picture(NamedTuple):
    """A view: its name, where it is, how large, in which theme, and what must be there first."""

    name: str
    path: str
    width: int
    height: int
    theme: str
    awaited: str


PICTURES = (
    Picture("fleet", "/", 1280, 800, "light", "#map .site.s-down"),
    Picture("wall", "/?kiosk", 1600, 900, "dark", "#map .site.s-down"),
    Picture("operator", "/operators/ville", 1280, 800, "light", ".camera-days"),
    Picture("camera", "/cameras/la-duranne-01", 1280, 800, "dark", "#history .days"),
    Picture("phone", "/", 390, 844, "light", "#attention .incident"),
)


async def main() -> None:
    """Take all pictures."""
    configure("console", "critical", FleetSettings().timezone)
    with tempfile.TemporaryDirectory() as name, Mosquitto(Path(name) / "mosquitto") as mosquitto:
        settings = Settings(
            fleet=FleetSettings(path=_FLEET),
            brokers=(Broker(name="main", url=mosquitto.url),),
            liveness=LivenessSettings(interval_s=_INTERVAL_S, will_grace_s=_INTERVAL_S),
            history=HistorySettings(url=f"sqlite:///{name}/camwatch.db"),
            http=HttpSettings(listen="127.0.0.1:0"),
        )
        inventory = load(settings)
        with Store.open(settings.history) as store:
            store.acquire_lock()
            store_year(store, generate(inventory, time.time_ns() // 1_000_000 - 60_000, _TRANSITIONS))
        cameras = SimulatorSettings(broker_at(mosquitto.url), read_fleet(_FLEET), interval_s=_INTERVAL_S)
        async with (
            Simulator(cameras) as simulator,
            running(settings, inventory) as daemon,
            async_playwright() as playwright,
        ):
            browser = await playwright.chromium.launch(
                executable_path=program("chromium"), args=["--no-sandbox"]
            )
            url = f"http://127.0.0.1:{daemon.port}"
            await _take(browser, url, Picture("", "/", 1280, 800, "light", ".verdict.s-up"))
            simulator.cut_power(
                [camera for camera in simulator.fleet.cameras if camera.site == _DARK and not camera.planned]
            )
            for picture in PICTURES:
                await _take(browser, url, picture)
            await browser.close()


async def _take(browser: Browser, url: str, picture: Picture) -> None:
    """Take one picture; without a name, only wait until there is what is awaited."""
    page = await browser.new_page(
        viewport={"width": picture.width, "height": picture.height},
        color_scheme="dark" if picture.theme == "dark" else "light",
        locale="fr-FR",
        reduced_motion="reduce",
    )
    await page.goto(url + picture.path)
    await page.wait_for_selector(picture.awaited, timeout=60_000)
    await page.wait_for_selector(".is-live")
    if picture.name:
        await page.screenshot(path=_IMAGES / f"{picture.name}.png")
    await page.close()


if __name__ == "__main__":
    asyncio.run(main())
