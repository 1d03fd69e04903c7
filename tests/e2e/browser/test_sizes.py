"""From a phone to a wall: nothing leaves a page, no number is cut, and what is wrong is in sight."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from camwatch.web.auth.principal import Principal, Role
from tests.support.mosquitto import program
from tests.support.web.serving import serving_site, site_over
from tests.support.web.towns import town_of
from tests.support.web.two_operator_app import OURS, THEIRS, Town

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.serial]

WIDTHS = (320, 390, 700, 720, 768, 800, 911, 1024, 1100, 1280, 1366, 1920, 2560, 3840)
"""911: a screen of 1366 at 150 %."""
WALLS = (
    (1280, 720), (1366, 768), (1600, 900), (1920, 1080), (3840, 2160), (1080, 1920), (720, 1280), (768, 1024),
    (1024, 768), (911, 512), (390, 844), (320, 640),
)  # fmt: skip
TOWNS = ((2, 458, 0), (9, 458, 40), (9, 458, 120), (20, 458, 0), (20, 9713, 0))
"""Operators, cameras, and for how long camwatch has lost its broker: less than a silence, and more."""
LANGS = ("fr-FR", "en-GB")
PAGES = (
    "/", "/operators/ville", "/cameras/ville-1", "/incidents", "/reports", "/maintenance", "/search?q=cam",
    "/cameras/nowhere",
)  # fmt: skip

MEASURE = """async () => {
  for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame); // the page has settled
  const numbers = ".count b, .count .status, .verdict h1, .verdict p, .number, .clock, .badge, .tag, #live";
  const shown = (e) => e.getClientRects().length && getComputedStyle(e).display !== "inline";
  const cut = [...document.querySelectorAll(numbers)].filter(
    (e) => shown(e) && e.scrollWidth > e.clientWidth + 1);
  const top = document.querySelector(".top");
  const away = top ? [...top.querySelectorAll("a, input, button, summary, .badge")].filter((e) => {
    const box = e.getBoundingClientRect();
    return shown(e) && box.width && (box.left < 0 || box.right > innerWidth + 0.5);
  }) : [];
  const torn = (row) => {
    const end = row.closest("#operators, #attention").getBoundingClientRect().bottom;
    const box = row.getBoundingClientRect();
    const seen = getComputedStyle(row).visibility !== "hidden" && box.height;
    return seen && box.top < end && box.bottom > end + 1;
  };
  const whole = getComputedStyle(document.body).overflowY === "hidden";
  const rows = whole ? [...document.querySelectorAll("#operators tbody tr, #attention li")] : [];
  const map = document.getElementById("map")?.getBoundingClientRect();
  const marks = map && document.documentElement.classList.contains("kiosk")
    ? [...document.querySelectorAll("#map .leaflet-marker-icon svg")] : [];
  const lost = (mark) => {
    const box = mark.getBoundingClientRect();
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    return x < map.left || x > map.right || y < map.top || y > map.bottom;
  };
  return {
    lost: marks.filter(lost).length,
    torn: rows.filter(torn).map((row) => row.textContent.trim().slice(0, 40)),
    cut: cut.map((e) => e.textContent.trim()),
    away: away.map((e) => e.outerHTML.slice(0, 80)),
    wide: document.documentElement.scrollWidth,
    list: (document.getElementById("attention")?.clientHeight ?? 0) / innerHeight,
    map: document.getElementById("map")?.clientHeight ?? 0,
  };
}"""
"""What of a page is cut, torn or off it, the sites that a wall's map lost, its width, the list's share."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Give a browser."""
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(
            executable_path=program("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        yield found
        await found.close()


async def measured(page: Page, width: int, height: int) -> Any:
    """Return what a page measures in a window of this size."""
    await page.set_viewport_size({"width": width, "height": height})
    return await page.evaluate(MEASURE)


def faults(page: Page, width: int, height: int, found: Any) -> list[str]:
    """Return what is cut or off the page in a window of this size."""
    return [
        *(f"{width}x{height} {page.url}: cut {text!r}" for text in found["cut"]),
        *([f"{width}x{height} {page.url}: {found['lost']} sites off the map"] if found["lost"] else []),
        *(f"{width}x{height} {page.url}: half of a row {text!r}" for text in found["torn"]),
        *(f"{width}x{height} {page.url}: off the page {element}" for element in found["away"]),
        *([f"{width}x{height} {page.url}: {found['wide']} wide"] if found["wide"] > width else []),
    ]


async def opened(context: BrowserContext, path: str) -> Page:
    """Open a page, and wait until it is laid out."""
    page = await context.new_page()
    await page.goto(path)
    await page.wait_for_selector("#map.leaflet-container" if path.startswith(("/?", "/#")) else "main")
    return page


@pytest.mark.parametrize(("operators", "cameras", "blind_s"), TOWNS)
async def test_the_wall_and_the_fleet_fit_every_window(
    browser: Browser, operators: int, cameras: int, blind_s: float
) -> None:
    """The wall's list has 35 % of the height at least; the operators' table is what gives way."""
    city = town_of(operators, cameras, blind_s=blind_s)
    found: list[str] = []
    async with serving_site(site_over(city.watcher, city.exposition.render)) as client:
        for lang in LANGS:
            context = await browser.new_context(base_url=str(client.base_url), locale=lang)
            wall = await opened(context, "/?kiosk")
            for width, height in WALLS:
                sizes = await measured(wall, width, height)
                found += faults(wall, width, height, sizes)
                if sizes["list"] < 0.35 or sizes["map"] < 100:
                    found.append(f"{lang} {width}x{height}: list {sizes['list']:.2f}, map {sizes['map']} px")
            fleet = await opened(context, "/")
            for width in WIDTHS:
                found += faults(fleet, width, 900, await measured(fleet, width, 900))
            await context.close()
    assert found == []


@pytest.mark.parametrize("lang", LANGS)
async def test_no_page_is_wider_than_its_window(browser: Browser, tmp_path: Path, lang: str) -> None:
    """At 150 % zoom, too (WCAG 1.4.10): that is a narrower window."""
    town = await asyncio.to_thread(Town, tmp_path)
    everything = Principal("Marie-Antoinette de Saint-Exupéry", Role.ADMIN, frozenset({OURS, THEIRS}))
    found: list[str] = []
    async with serving_site(town.site(everything)) as client:
        context = await browser.new_context(base_url=str(client.base_url), locale=lang)
        for path in PAGES:
            page = await opened(context, path)
            for width in WIDTHS:
                found += faults(page, width, 900, await measured(page, width, 900))
            await page.close()
        await context.close()
    town.close()
    assert found == []
