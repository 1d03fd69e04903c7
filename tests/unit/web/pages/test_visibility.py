"""What pages say while camwatch cannot see, or sees late, or has nobody to look at."""

from __future__ import annotations

import html

import httpx
import pytest

from camwatch.web.application import application
from camwatch.web.auth.principal import LOCAL_ADMIN, Principal, Role
from tests.support.fleet import camera
from tests.support.monitor_fixture import BEGIN_S, City, registered
from tests.support.web.serving import parts_over
from tests.support.web.two_operator_app import seen_by

OURS = Principal("Luc", Role.VIEWER, frozenset({"ville"}))
TICK = 'class="empty"><svg class="" aria-hidden="true" focusable="false"><use href="#i-up"/>'
PAGES = ("/", "/?kiosk", "/partials/fleet", "/incidents", "/partials/incidents")
CAMERAS = [f"cam-{number}" for number in range(5)]


async def page(city: City, path: str, viewer: Principal = LOCAL_ADMIN, lang: str = "en") -> str:
    """Return a page as somebody reads it."""
    app = seen_by(viewer, application(parts_over(city.watcher, city.exposition.render)))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://camwatch") as client:
        answer = await client.get(path, headers={"accept-language": lang})
    assert answer.status_code == 200
    return html.unescape(answer.text)


def seeing() -> City:
    """Return a city of five cameras that are up."""
    city = City(registered(camera(name) for name in CAMERAS))
    return city.beat(*CAMERAS, seq=1, ts=BEGIN_S).pass_s(5)


def late(by_s: float) -> City:
    """Return a city whose messages have come late for a while."""
    city = seeing().pass_s(by_s)
    for seq in range(2, 9):
        city.pass_s(10)
        sent = BEGIN_S + (city.mono - 5_000) - by_s
        city.beat(*CAMERAS, seq=seq, ts=sent)
    return city.pass_s(1)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("gone_s", [40, 120])
async def test_no_page_shows_a_tick_while_the_broker_is_gone(path: str, gone_s: float) -> None:
    """S4: for less than a silence, when no status has changed, and for longer, when all are unknown."""
    city = seeing()
    assert TICK in await page(city, path)
    city.lose_sight().pass_s(gone_s)
    text = await page(city, path)
    assert TICK not in text
    assert "0 up of" not in text
    assert "Monitoring interrupted" in text
    assert "The link to the cameras is down – main: as the test asked." in text


async def test_who_sees_some_operators_reads_the_state_of_their_link_and_no_name() -> None:
    city = seeing().lose_sight()
    text = await page(city, "/incidents", OURS)
    assert "The link to the cameras is down." in text
    assert "as the test asked" not in text
    assert "main:" not in text


async def test_a_link_that_is_down_while_another_sees_is_told_with_its_beginning() -> None:
    city = City(registered(camera(name) for name in CAMERAS), links={"main": frozenset(), "b": frozenset()})
    city.beat(*CAMERAS, seq=1)
    now = city.watcher.clock()
    city.receivers["b"].lost(now, now, "no broker listens at h:1 (start the broker, or check `url`)")
    text = await page(city, "/", lang="fr")
    assert "La liaison avec les caméras est coupée (depuis <time" in text
    said = "rien n’écoute à l’adresse h:1 (démarrer le courtier, ou vérifier `url`)"
    assert f"– b\u202f: {said}." in text
    assert TICK in text


@pytest.mark.parametrize("path", ["/", "/incidents"])
async def test_messages_that_come_late_are_told_in_seconds(path: str) -> None:
    """Rule S11: a lag delays decisions and accuses nobody."""
    text = await page(late(12), path)
    assert "Messages arrive 12 s late" in text
    assert TICK in text


async def test_a_lag_longer_than_a_silence_is_a_gap_and_not_ready() -> None:
    """Rule S11."""
    city = late(40).pass_s(20)
    assert TICK not in await page(city, "/")
    assert [reason.partition(" s late")[0] for reason in city.watcher.not_ready_reasons] == [
        f"link main: messages arrive {city.watcher.fleet.links['main'].lag:.0f}"
    ]


async def test_a_backlog_that_does_not_end_is_a_reason_not_to_be_ready() -> None:
    """Rule S11: at first it is what every connection brings."""
    city = City(registered([camera()]), subscribed=False)
    city.link.subscribed(city.watcher.clock(), session_present=True)
    assert city.watcher.fleet.links["main"].catching_up
    assert city.watcher.not_ready_reasons == []
    liveness = city.watcher.settings.liveness
    wait = round(liveness.interval_s * liveness.down_after) + 1
    city.mono += wait
    city.wall += wait
    reason = f"link main: what the broker kept is still arriving, {wait} s after the connection"
    assert city.watcher.not_ready_reasons == [reason]


async def test_the_lag_of_a_link_is_a_metric() -> None:
    assert seeing().scrape().value("camwatch_link_lag_seconds", link="main") == 0
    assert late(12).scrape().value("camwatch_link_lag_seconds", link="main") == pytest.approx(12, abs=1)


async def test_an_empty_inventory_says_what_to_do() -> None:
    city = City(registered([], operators=()))
    for path in ("/", "/?kiosk"):
        text = await page(city, path)
        assert TICK not in text
        assert "run “camwatch reload”" in text
    assert "ask your camwatch administrator" in await page(city, "/", OURS)
