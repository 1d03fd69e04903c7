"""The API of the real daemon, over a real broker: what is corrected by it shows, and passes the audit."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from tests.support.cameras import playing
from tests.support.daemon import broker, running
from tests.support.eventually import eventually
from tests.support.faults import settings
from tests.support.ledger import assert_adds_up, camwatch
from tests.support.mosquitto import Mosquitto
from tests.support.pace import PATIENCE_S
from tests.support.tables import cameras, write_fleet
from tests.support.web.sse_client import listening


async def test_corrections_made_by_api_show_in_reports_and_pass_the_audit(tmp_path: Path) -> None:
    """A6, V3: a camera goes down and is heard to; its outage is attributed, its site is under works."""
    fleet = write_fleet(tmp_path / "fleet", cameras(4))
    with Mosquitto(tmp_path / "mosquitto") as mosquitto:
        said = settings(fleet, tmp_path / "camwatch.db", broker(mosquitto.url))
        said += '\n[access]\naccounts_file = "accounts.toml"\n'
        bearer = {"authorization": f"Bearer {await _token(tmp_path, said)}"}
        async with (
            playing(mosquitto.url, fleet, qos=1) as city,
            running(tmp_path, said) as daemon,
            httpx.AsyncClient(
                base_url=daemon.url, headers=bearer, trust_env=False, timeout=PATIENCE_S
            ) as client,
        ):
            daemon._http.headers.update(bearer)
            await daemon.until_all("up")
            async with listening(client) as listener:
                await listener.greeted()
                city.silence(city.fleet.cameras[:1])
                while (heard := await listener.next()).name != "outage":
                    pass
            assert (heard.data["camera"], heard.data["open"]) == ("cam-1", True)
            number = await _outage(client)
            said_of_it = {"cause": "vandalism", "excluded": True, "reason": "Peinture sur le dôme"}
            answer = await client.post(f"/api/v1/outages/{number}/attributions", json=said_of_it)
            assert answer.status_code == 201, answer.text
            assert answer.json()["attribution"]["author"] == "zoe"
            await daemon.says("outage attributed", author="zoe", outage=number, cause="vandalism")
            window = await _plan(client)
            await daemon.until(lambda now: now.statuses()["cam-1"] == "maintenance")
            level = (await client.get("/api/v1/service-levels")).json()["total"]
            assert level["down_ms"] == 0
            answer = await client.post(f"/api/v1/maintenance/{window}/cancel", json={"reason": "early"})
            assert answer.json()["state"] == "over"
            await daemon.until(lambda now: now.statuses()["cam-1"] == "down")
            await daemon.says("maintenance cancelled", window=window, reason="early")
            await _report_tells(client)
        await assert_adds_up(daemon.config_file)


async def _token(folder: Path, said: str) -> str:
    """Give a program an account that may make corrections, and return its token."""
    config = folder / "camwatch.toml"
    config.write_text(said)
    add = ("accounts", "add", "zoe", "--role", "editor", "--token", "--config", config)
    code, out, err = await camwatch(*add, cwd=folder)
    assert code == 0, out + err
    return next(word for word in out.split() if word.startswith("cw_"))


async def _outage(client: httpx.AsyncClient) -> int:
    """Wait until the store has the outage, and return its number."""

    async def stored() -> list[dict[str, Any]]:
        page = (await client.get("/api/v1/cameras/cam-1/outages")).json()
        return list(page["items"])

    return int((await eventually(stored, every_s=0.03))[0]["id"])


async def _plan(client: httpx.AsyncClient) -> int:
    """Say that there are works at the site since an hour ago, and return the window's number."""
    now = datetime.now(UTC)
    window = {
        "scope": "site",
        "id": "mairie",
        "from": (now - timedelta(hours=1)).isoformat(timespec="seconds"),
        "to": (now + timedelta(hours=1)).isoformat(timespec="seconds"),
        "reason": "Ravalement",
    }
    answer = await client.post("/api/v1/maintenance", json=window)
    assert answer.status_code == 201, answer.text
    assert answer.json()["state"] == "under_way"
    return int(answer.json()["number"])


async def _report_tells(client: httpx.AsyncClient) -> None:
    """Have each form of the report tell of both corrections."""
    today = datetime.now(UTC).date()
    for form in ("table", "csv", "json", "html"):
        answer = await client.get(
            "/api/v1/reports",
            params={"first": str(today - timedelta(days=1)), "format": form, "lang": "fr"},
        )
        assert answer.status_code == 200, answer.text
        assert "Ravalement" in answer.text, form
    assert answer.headers["content-security-policy"].startswith("sandbox")


async def test_a_flood_of_slow_requests_starves_neither_the_writer_nor_the_loop(tmp_path: Path) -> None:
    """Whoever asks too much at once is told to come again; what happens is stored meanwhile."""
    fleet = write_fleet(tmp_path / "fleet", cameras(4))
    with Mosquitto(tmp_path / "mosquitto") as mosquitto:
        said = settings(fleet, tmp_path / "camwatch.db", broker(mosquitto.url))
        async with (
            playing(mosquitto.url, fleet, qos=1) as city,
            running(tmp_path, said) as daemon,
            httpx.AsyncClient(
                base_url=daemon.url,
                trust_env=False,
                timeout=PATIENCE_S,
                limits=httpx.Limits(max_connections=300),
            ) as client,
        ):
            await daemon.until_all("up")
            asked = [
                asyncio.create_task(
                    client.get("/api/v1/service-levels", params={"from": "2000-01-01T00:00:00Z"})
                )
                for _ in range(200)
            ]
            city.silence(city.fleet.cameras[:1])
            await daemon.says("camera down", camera="cam-1")
            await daemon.until(lambda now: now.outages() >= 1)  # the flood slows the made-up cameras, too
            answers = await asyncio.gather(*asked)
            assert {answer.status_code for answer in answers} <= {200, 429}
            refused = [answer for answer in answers if answer.status_code == 429]
            assert all(answer.headers["retry-after"] for answer in refused)
            last = await daemon.until(lambda now: now.value("camwatch_history_pending_events") == 0)
            assert last.value("camwatch_history_write_errors_total") == 0
