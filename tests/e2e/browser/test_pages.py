"""What people do before the page, in a real browser, with a real daemon, broker and cameras behind it."""

from __future__ import annotations

import contextlib
import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import BrowserContext, Error, Page, expect

from tests.support.web.browser_app import PASSWORD, WAIT_MS, Stage, log_in

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.serial]
expect.set_options(timeout=WAIT_MS)


async def mark(page: Page) -> None:
    """Leave a mark that a reload would take away."""
    await page.evaluate("window.marked = true")


async def is_marked(page: Page) -> bool:
    """Tell whether the page is still the one that was marked."""
    return bool(await page.evaluate("window.marked === true"))


async def test_somebody_logs_in_sees_the_map_and_logs_out(stage: Stage) -> None:
    context = await stage.someone()
    async with stage.page(context) as page:
        await page.goto("/incidents")
        assert page.url.endswith("/login?next=/incidents")
        await page.fill("#name", "helene")
        await page.fill("#password", "not this one")
        await page.click(".alone button")
        await expect(page.get_by_role("alert")).to_contain_text("Nom ou mot de passe erroné")
        stage.faults.clear()  # the browser tells of the refusal
        await page.fill("#password", PASSWORD)
        await page.click(".alone button")
        await expect(page).to_have_url(f"{stage.url}/incidents")
        await page.click("text=Parc")
        await expect(page.locator("#map .site")).to_have_count(3)
        await expect(page.locator(".zone-name")).to_have_count(3)
        await page.click(".menu summary")
        await page.click("text=Se déconnecter")
        await expect(page.locator("#login-title")).to_be_visible()
        await page.goto("/")
        assert "/login" in page.url
    await context.close()


async def test_a_camera_goes_down_and_comes_back_on_the_page_without_a_reload(
    stage: Stage, editor: BrowserContext
) -> None:
    async with stage.page(editor) as page:
        await page.goto("/")
        await expect(page.locator("#live-text")).to_have_text("En direct")
        await expect(page.locator(".verdict h1")).to_have_text("Tout va bien")
        await mark(page)
        gone = stage.played("mees-1")
        stage.simulator.cut_power(gone)
        await expect(page.locator("#attention")).to_contain_text("Les Mées 1")
        await expect(page.locator(".verdict h1")).to_have_text("1 caméra en panne")
        await expect(page.locator("#map .site.s-down")).to_have_attribute(
            "aria-label", re.compile(r"Les Mées\s: 1 en panne")
        )
        await expect(page.locator("#said")).to_have_text("Les Mées 1 : En panne")
        stage.simulator.restore(gone)
        await expect(page.locator(".verdict h1")).to_have_text("Tout va bien")
        assert await is_marked(page)


async def test_an_incident_comes_before_its_cameras_and_the_map_follows(
    stage: Stage, editor: BrowserContext
) -> None:
    async with stage.page(editor) as page:
        await page.goto("/?kiosk")
        await mark(page)
        assert await page.locator("nav").count() == 0
        gone = stage.played("duranne-1", "duranne-2", "duranne-3")
        stage.simulator.cut_power(gone)
        await expect(page.locator("#attention .incident")).to_contain_text("Site : La Duranne")
        await expect(page.locator("#attention li")).to_have_count(1)
        await expect(page.locator("#map .site.s-down text")).to_have_text("3")
        stage.simulator.restore(gone)
        await expect(page.locator("#attention .incident")).to_have_count(0)
        assert await is_marked(page)


async def test_an_outage_is_attributed_where_it_is_shown(stage: Stage, editor: BrowserContext) -> None:
    gone = stage.played("mairie-2")
    async with stage.page(editor) as page:
        await page.goto("/cameras/mairie-2")
        stage.simulator.cut_power(gone)
        await expect(page.locator(".now b")).to_contain_text("En panne depuis")
        await page.reload()
        await page.click("#outages a.button")
        assert await stage.complaints(page) == []
        await page.select_option("#cause", "power")
        await page.fill("#reason", "Enedis, travaux dans la rue")
        await page.check("[name=excluded]")
        await page.click("text=Enregistrer")
        await expect(page.locator("#banners")).to_contain_text("Enregistré.")
        await page.goto("/cameras/mairie-2")
        await expect(page.locator("#outages")).to_contain_text("helene – Enedis, travaux dans la rue")
        await expect(page.locator("#outages")).to_contain_text("exclue du contrat")
    stage.simulator.restore(gone)


async def test_maintenance_is_planned_shows_at_once_and_is_cancelled(
    stage: Stage, editor: BrowserContext
) -> None:
    now = datetime.now(ZoneInfo("Europe/Paris"))
    begins, ends = ((now + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M") for minutes in (-1, 60))
    async with stage.page(editor) as page:
        await page.goto("/cameras/mairie-4")
        await page.click("text=Prévoir une maintenance")
        assert await page.input_value("#what") == "camera:mairie-4"
        await page.fill("#starts", begins)
        await page.fill("#ends", ends)
        await page.fill("#reason", "Nettoyage du dôme")
        await page.click("#plan button")
        await expect(page.locator("#banners")).to_contain_text("La maintenance est prévue.")
        row = page.locator("tbody tr", has_text="Mairie 4")
        await expect(row).to_contain_text("Nettoyage du dôme")
        await row.locator("[name=reason]").fill("Il pleut")
        await row.locator("button").click()
        await expect(page.locator("#banners")).to_contain_text("La maintenance est annulée.")


async def test_a_report_is_read_in_the_page_and_downloaded(stage: Stage, editor: BrowserContext) -> None:
    async with stage.page(editor) as page:
        await page.goto("/reports")
        await page.select_option("#operator", "ville")
        await page.click("text=Lire le rapport")
        report = page.frame_locator(".report-frame")
        await expect(report.locator("h1")).to_contain_text("Rapport de disponibilité")
        async with page.expect_download() as waiting:
            await page.click("text=CSV")
        download = await waiting.value
        assert re.fullmatch(r"camwatch-ville-\d{4}-\d{2}\.csv", download.suggested_filename)
        assert "ville" in (await download.path()).read_text(encoding="utf-8-sig")


async def test_language_and_theme_are_switched_and_kept(stage: Stage) -> None:
    context = await stage.someone("helene")
    async with stage.page(context) as page:
        await page.goto("/incidents")
        await page.click(".menu summary")
        await page.click("text=English")
        await expect(page.locator("h1")).to_have_text("Incidents")
        await expect(page.locator(".main-nav")).to_contain_text("Reports")
        await page.click(".menu summary")
        await page.click("text=Dark")
        await page.goto("/")
        assert await page.get_attribute("html", "data-theme") == "dark"
        background = await page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        assert background == "rgb(12, 17, 23)"
        assert await page.locator("time[data-ago], td time").first.get_attribute("title") is not None
    await context.close()


async def test_a_landlord_sees_three_cameras_with_their_days_and_nothing_else(
    stage: Stage, landlord: BrowserContext
) -> None:
    async with stage.page(landlord) as page:
        await page.goto("/")
        await expect(page.locator(".camera-days")).to_have_count(3)
        await expect(page.locator("#map .site")).to_have_count(1)
        text = await page.inner_text("body")
        assert "Mairie" not in text
        assert "Duranne" not in text
        assert "3 en marche sur 3 en service" in text
        assert await page.locator("text=Prévoir").count() == 0
        mark_of_others = await page.request.get("/cameras/mairie-1")
        assert mark_of_others.status == 404


async def test_the_list_is_filtered_as_one_types_and_the_address_keeps_it(
    stage: Stage, editor: BrowserContext
) -> None:
    async with stage.page(editor) as page:
        await page.goto("/")
        await mark(page)
        await page.fill("#filter-q", "mees")
        await expect(page.locator("#camera-list tbody tr")).to_have_count(3)
        async with page.expect_response(lambda answer: "/partials/fleet" in answer.url) as refreshed:
            await page.evaluate("document.body.dispatchEvent(new CustomEvent('refresh'))")
        assert "q=mees" in (await refreshed.value).url
        await expect(page.locator("#camera-list tbody tr")).to_have_count(3)
        await page.select_option("#filter-operator", "ville")
        await expect(page.locator("#camera-list")).to_contain_text("Aucune caméra ne correspond.")
        assert "q=mees" in page.url
        assert "operator=ville" in page.url
        assert await is_marked(page)


async def test_the_map_is_walked_by_keyboard(stage: Stage, editor: BrowserContext) -> None:
    async with stage.page(editor) as page:
        await page.goto("/")
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.className") == "skip"
        await page.locator("#map .site").first.focus()
        await page.keyboard.press("Enter")
        await expect(page.locator(".leaflet-popup-content a")).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(page.locator(".leaflet-popup-content")).to_have_count(0)
        await expect(page.locator("#map .site").first).to_be_focused()


async def test_the_page_says_loudly_that_it_is_stale_and_recovers(stage: Stage) -> None:
    context = await stage.someone("helene")
    async with stage.page(context) as page:
        await page.clock.install()
        await page.goto("/")
        await page.clock.run_for(1500)
        await expect(page.locator("#live-text")).to_have_text("En direct")
        await page.clock.fast_forward(31_000)
        await expect(page.locator("#stale")).to_contain_text("Cette page n’est plus à jour.")
        await expect(page.locator("#live-text")).to_have_text("Périmé")
        gone = stage.played("mairie-1")
        stage.simulator.cut_power(gone)  # an event: the server is there
        await expect(page.locator("#stale")).to_be_hidden()
        stage.simulator.restore(gone)
    await context.close()


async def test_what_moves_by_itself_can_be_held_still(stage: Stage, editor: BrowserContext) -> None:
    """WCAG 2.2.2."""
    gone = stage.played("mees-2")
    async with stage.page(editor) as page:
        await page.goto("/")
        await expect(page.locator("#live-text")).to_have_text("En direct")
        await expect(page.locator(".verdict h1")).to_have_text("Tout va bien")  # nobody is on its way back
        await page.click("#live")
        await expect(page.locator("#live-text")).to_have_text("En pause")
        stage.simulator.cut_power(gone)
        await expect(page.locator("#said")).to_have_text("Les Mées 2 : En panne")  # who listens is told
        assert "Les Mées 2" not in await page.inner_text("#attention")
        await page.click("#live")
        await expect(page.locator("#attention")).to_contain_text("Les Mées 2")
    stage.simulator.restore(gone)


async def test_whoever_is_thrown_out_is_sent_to_the_door(stage: Stage) -> None:
    context = await stage.someone()
    async with stage.page(context) as page:
        await log_in(page, "helene")
        await context.clear_cookies()
        with contextlib.suppress(Error):  # it may have noticed by itself, and be on its way
            await page.evaluate("document.body.dispatchEvent(new CustomEvent('refresh'))")
        await expect(page.locator("#login-title")).to_be_visible()
        stage.faults.clear()  # the browser tells of the refusal
    await context.close()
