"""The simulator marks the real daemon: the same by its store and by its API, and within what was promised."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from camsim.score.observations import from_api, from_store
from tests.support.commands import run
from tests.support.daemon import broker, config, running
from tests.support.mosquitto import Mosquitto
from tests.support.pace import SCALE
from tests.support.tables import cameras, write_fleet

INTERVAL_S = 1.0 * SCALE
_SCENARIO = """
title: A short rehearsal
description: Cuts of every kind, a lie, and the loss of one heartbeat in a hundred.
duration: 42s
timeline:
  - {action: loss, share: 1 %}
  - {action: power_cut, at: 6s, for: 9s, on: {camera: [cam-1, cam-2]}}
  - {action: power_cut, at: 9s, for: 12s, silent: true, on: {camera: [cam-3, cam-4]}}
  - {action: network_cut, at: 12s, for: 9s, spread: 6s, on: {camera: [cam-5, cam-6, cam-7]}}
  - {action: replay, at: 9s, for: 6s, pace: 0.2, on: {camera: [cam-3]}}
"""


async def camsim(*arguments: str | Path, cwd: Path) -> tuple[int, str, str]:
    """Run camsim to its end."""
    return await run("camsim", *arguments, cwd=cwd)


@pytest.mark.realtime(bears_s=0.3)
async def test_the_daemon_is_marked_against_what_really_happened(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """L2, L3, S10: every cut is found, nobody who lived is accused, starts within 1.5 (short) intervals."""
    fleet = write_fleet(tmp_path / "fleet", cameras(12))
    (tmp_path / "rehearsal.yaml").write_text(_SCENARIO)
    base = ("run", "--broker", mosquitto.url, "--fleet", fleet, "--interval", "1", "--qos", "1")
    settings = config(fleet, broker(mosquitto.url), interval_s=INTERVAL_S, will_grace_s=INTERVAL_S)
    pace = ("--speed", str(1 / SCALE))
    play = (*pace, "--scenario", "rehearsal.yaml", "--truth", "truth.jsonl", "--seed", "3")
    async with running(tmp_path, settings) as daemon:
        code, _, err = await camsim(*base, *play, cwd=tmp_path)
        assert (code, err) == (0, "")
        await daemon.until_all("down", 12)  # they said goodbye: nothing comes any more
        await daemon.until(lambda now: now.value("camwatch_history_pending_events") == 0)
        began = json.loads((tmp_path / "truth.jsonl").read_text().splitlines()[0])["began_ms"]
        by_api = await asyncio.to_thread(from_api, daemon.url, began, began + round(60_000 * SCALE))
        by_store = from_store(f"sqlite:///{tmp_path}/camwatch.db")
        assert {name: camera.outages for name, camera in by_api.cameras.items()} == {
            name: camera.outages for name, camera in by_store.cameras.items()
        }
        asked = ("score", "--truth", "truth.jsonl", "--camwatch", daemon.url, "--json", "--html", "page.html")
        code, out, err = await camsim(*asked, cwd=tmp_path)
        assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    assert (found["detected"], found["missed"], found["mistakes"]) == (7, 0, 0)
    assert found["up_on_false_evidence_s"] == 0
    assert found["start_error_intervals"]["max_absolute"] < 1.5
    assert (tmp_path / "page.html").read_text().count("<svg") == 12
    (tmp_path / "limits.yaml").write_text("detected: 6\n")
    code, _, err = await camsim(
        *asked[:3], "--history", "sqlite:///camwatch.db", "--limits", "limits.yaml", cwd=tmp_path
    )
    assert code == 1
    assert err == "beyond the limits: detected is 7, wanted at most 6\n"


async def test_the_api_refuses_a_time_that_is_none(mosquitto: Mosquitto, fleet: Path, tmp_path: Path) -> None:
    async with running(tmp_path, config(fleet, broker(mosquitto.url))) as daemon:
        assert (await daemon.get("/api/v1/export?from=yesterday&to=1")).status_code == 422
        lines = (await daemon.get("/api/v1/export?from=0&to=1")).text.splitlines()
        assert [json.loads(line)["kind"] for line in lines] == ["watermark"]
