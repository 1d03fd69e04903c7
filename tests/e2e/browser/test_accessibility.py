"""Pages for all (WCAG 2.1 AA, RGAA): axe finds nothing, in either theme, and nothing overflows a phone."""

from __future__ import annotations

import pytest
from playwright.async_api import BrowserContext, expect

from tests.support.web.browser_app import WAIT_MS, Stage

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.serial]
expect.set_options(timeout=WAIT_MS)

PAGES = {
    "/": "#map .site",
    "/?kiosk": "#map .site",
    "/operators/ville": ".camera-days",
    "/cameras/mairie-1": "#history .days",
    "/incidents": "#incidents",
    "/reports": "#choose-title",
    "/maintenance": "#windows-title",
    "/search?q=mees": "tbody tr",
    "/cameras/nowhere": "#problem-title",
}


@pytest.mark.parametrize("path", PAGES)
async def test_axe_finds_nothing_in_either_theme(stage: Stage, editor: BrowserContext, path: str) -> None:
    async with stage.page(editor) as page:
        await page.emulate_media(color_scheme="light", reduced_motion="reduce")
        await page.goto(path)
        await page.wait_for_selector(PAGES[path])
        if await page.locator(".menu summary").count():
            await page.click(".menu summary")
        assert await stage.complaints(page) == []
        await page.emulate_media(color_scheme="dark", reduced_motion="reduce")
        assert await stage.complaints(page) == []
        if "nowhere" in path:
            stage.faults.clear()  # the browser tells of the 404


@pytest.mark.parametrize("path", ["/", "/operators/sacogiva", "/cameras/mees-1", "/reports", "/maintenance"])
async def test_a_phone_need_not_be_pushed_sideways(stage: Stage, landlord: BrowserContext, path: str) -> None:
    async with stage.page(landlord) as page:
        await page.goto(path)
        await page.wait_for_selector(PAGES.get(path, "h1"))
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        assert await stage.complaints(page, "target-size", "scrollable-region-focusable") == []


async def test_the_wall_has_all_of_it_without_scrolling(stage: Stage, editor: BrowserContext) -> None:
    async with stage.page(editor) as page:
        await page.set_viewport_size({"width": 1920, "height": 1080})
        await page.goto("/?kiosk")
        await page.wait_for_selector("#map .site")
        assert await page.evaluate("document.documentElement.scrollHeight") <= 1080
        assert await page.locator("#map").evaluate("map => map.clientHeight") > 400


async def test_the_door_is_for_all_too(stage: Stage) -> None:
    context = await stage.someone()
    async with stage.page(context) as page:
        await page.goto("/login")
        assert await stage.complaints(page) == []
        await page.emulate_media(color_scheme="dark")
        assert await stage.complaints(page, "color-contrast") == []
    await context.close()
