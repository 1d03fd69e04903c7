"""The whole house before a real browser: Mosquitto, simulated cameras, the daemon with accounts, Chromium."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from camsim.broker import broker_at
from camsim.fleet import read_fleet
from camsim.simulator import Simulator, SimulatorSettings
from tests.support.daemon import Daemon, broker, config, running
from tests.support.mosquitto import Mosquitto, program
from tests.support.tables import camera, operator, site, write_fleet

PASSWORD = "a sentence that nobody else says"  # noqa: S105 - of these tests only
WAIT_MS = 20_000
_PATIENT = {"interval_s": 0.5, "suspect_after": 20.0, "down_after": 24.0, "will_grace_s": 0.3}
"""A browser keeps a small machine busy: only who lost its power is suspect, and then down at once."""
_CAMWATCH = Path(sys.executable).with_name("camwatch")

OPERATORS = [operator("ville", name="Ville d’Aix", objective=0.99), operator("sacogiva", name="Sacogiva")]
SITES = [
    site("mairie", name="Hôtel de Ville", latitude=43.5298, longitude=5.4475),
    site("duranne", name="La Duranne", zone="La Duranne", latitude=43.4935, longitude=5.343),
    site("mees", name="Les Mées", zone="Jas de Bouffan", latitude=43.5215, longitude=5.4205),
]
CAMERAS = [
    *(camera(f"mairie-{number}", name=f"Mairie {number}") for number in range(1, 5)),
    *(camera(f"duranne-{number}", site_id="duranne", name=f"Duranne {number}") for number in range(1, 4)),
    *(
        camera(f"mees-{number}", site_id="mees", operator_id="sacogiva", name=f"Les Mées {number}")
        for number in range(1, 4)
    ),
]


@dataclass(slots=True)
class Stage:
    """What a test plays on."""

    url: str
    daemon: Daemon
    simulator: Simulator
    browser: Browser
    faults: list[str] = field(default_factory=list)
    axe: Axe = field(default_factory=Axe)

    def played(self, *names: str) -> list[Any]:
        """Return cameras of the simulator."""
        return [camera for camera in self.simulator.fleet.cameras if camera.id in names]

    @contextlib.asynccontextmanager
    async def page(self, context: BrowserContext) -> AsyncIterator[Page]:
        """Give a page on which every complaint of the browser is a fault, such as a breach of the policy."""
        page = await context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("console", lambda said: self._said(said.type, said.text))
        page.on("pageerror", lambda error: self._said("error", str(error)))
        try:
            yield page
        finally:
            await page.close()
        faults, self.faults = self.faults, []
        assert not faults, faults

    def _said(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.faults.append(text)

    async def someone(self, name: str = "", **options: Any) -> BrowserContext:
        """Return a browser of its own, logged in under a name if one is given."""
        told: dict[str, Any] = {"locale": "fr-FR", "viewport": {"width": 1280, "height": 900}}
        context = await self.browser.new_context(base_url=self.url, **told | options)
        if name:
            page = await context.new_page()
            await log_in(page, name)
            await page.close()
        return context

    async def complaints(self, page: Page, *rules: str) -> list[str]:
        """Return what axe finds on a page, of these rules or of all."""
        options = {"runOnly": {"type": "rule", "values": list(rules)}} if rules else {}
        found = await self.axe.run(page, options=options)
        return [
            f"{fault['id']}: {node['target']} {node['html'][:200]}"
            for fault in found.response["violations"]
            for node in fault["nodes"]
        ]


async def log_in(page: Page, name: str) -> None:
    """Log in by the form."""
    await page.goto("/login")
    await page.fill("#name", name)
    await page.fill("#password", PASSWORD)
    await page.click(".alone button")
    await page.wait_for_selector("#summary")


def make_account(config_file: Path, name: str, *options: str) -> None:
    """Make an account, as an administrator does."""
    command = [
        str(_CAMWATCH),
        "accounts",
        "add",
        name,
        "--config",
        str(config_file),
        "--password-stdin",
        *options,
    ]
    subprocess.run(command, input=f"{PASSWORD}\n", text=True, check=True, capture_output=True)


@contextlib.asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[Stage]:
    """Set everything up, and take it down again."""
    fleet = write_fleet(folder / "fleet", CAMERAS, operators=OPERATORS, sites=SITES)
    with Mosquitto(folder / "mosquitto") as mosquitto:
        home = folder / "daemon"
        home.mkdir()
        text = (
            config(fleet, broker(mosquitto.url), **_PATIENT)
            + f'[access]\naccounts_file = "{home}/accounts.toml"\n'
        )
        (home / "camwatch.toml").write_text(text)
        make_account(home / "camwatch.toml", "helene", "--role", "editor")
        make_account(home / "camwatch.toml", "zoe", "--role", "viewer", "--operator", "sacogiva")
        settings = SimulatorSettings(
            broker_at(mosquitto.url), read_fleet(fleet), interval_s=_PATIENT["interval_s"]
        )
        async with (
            running(home, text) as daemon,
            Simulator(settings) as simulator,
            async_playwright() as playwright,
        ):
            browser = await playwright.chromium.launch(
                executable_path=program("chromium"), args=["--no-sandbox", "--disable-gpu"]
            )
            yield Stage(daemon.url, daemon, simulator, browser)
            await browser.close()
