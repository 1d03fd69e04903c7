"""The inventory changes under a running daemon, for better or worse (rule V6)."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from camwatch import app
from camwatch.settings import load_settings
from camwatch.settings.loading import load
from tests.support.cameras import playing
from tests.support.daemon import Daemon, broker, config, running
from tests.support.eventually import eventually
from tests.support.mosquitto import Mosquitto
from tests.support.publisher import heartbeat_topic, publishing
from tests.support.tables import camera, cameras, write_table

HELD = "camwatch_inventory_reload_held"
ERRORS = "camwatch_inventory_reload_errors_total"
LAST = "camwatch_inventory_last_reload_success_timestamp_seconds"


def unwatched(settings: str) -> str:
    """Return settings whose daemon looks at no file by itself while a test lasts."""
    return settings.replace("reload_interval_s = 0.1", "reload_interval_s = 3600")


async def assert_refused(daemon: Daemon, fleet: Path, ask: signal.Signals | None) -> None:
    """Make the inventory faulty, have it read, and see that nothing changes but the words."""
    before = await daemon.metrics()
    write_table(fleet, "cameras.csv", [*cameras(4), camera("cam-5", purpose="parking")])
    if ask is not None:
        daemon.send(ask)
    after = await daemon.until(lambda now: now.value(ERRORS) == 1)
    assert after.statuses() == before.statuses()
    assert after.value(LAST) == before.value(LAST)
    line = await daemon.says("inventory reload failed, keeping previous")
    assert line["level"] == "error"
    assert line["fault"].startswith("cameras.csv, line 6, column purpose: 'parking'")
    assert (await daemon.get("/-/ready")).status_code == 200


async def test_a_faulty_inventory_changes_nothing_and_is_told(
    mosquitto: Mosquitto, fleet: Path, tmp_path: Path
) -> None:
    """By SIGHUP; mended, it is taken with the next one."""
    settings = unwatched(config(fleet, broker(mosquitto.url)))
    async with running(tmp_path, settings) as daemon, playing(mosquitto.url, fleet):
        await daemon.until_all("up")
        await assert_refused(daemon, fleet, signal.SIGHUP)
        write_table(fleet, "cameras.csv", cameras(5))
        daemon.send(signal.SIGHUP)
        after = await daemon.until(lambda now: "cam-5" in now.statuses())
        assert after.value(ERRORS) == 1
        assert after.outages() == 0


async def test_a_faulty_file_is_noticed_by_itself_and_told_once(
    mosquitto: Mosquitto, fleet: Path, tmp_path: Path
) -> None:
    async with (
        running(tmp_path, config(fleet, broker(mosquitto.url))) as daemon,
        playing(mosquitto.url, fleet),
    ):
        await daemon.until_all("up")
        await assert_refused(daemon, fleet, None)
        write_table(fleet, "cameras.csv", cameras(3))
        line = await daemon.says("inventory reloaded")
        assert (line["cameras"], line["added"], line["removed"], line["changed"]) == (3, 0, 1, 0)
        after = await daemon.metrics()
        assert after.value(ERRORS) == 1
        assert after.statuses() == {"cam-1": "up", "cam-2": "up", "cam-3": "up"}


async def test_a_valid_reload_adds_and_removes_cameras_and_keeps_the_others(
    mosquitto: Mosquitto, fleet: Path, tmp_path: Path
) -> None:
    """V5, V6: a new camera was unregistered until its row came; one removed is, from then on."""
    settings = unwatched(config(fleet, broker(mosquitto.url)))
    async with (
        running(tmp_path, settings) as daemon,
        playing(mosquitto.url, fleet),
        publishing(mosquitto.port) as publisher,
        publisher.beating("cam-9", every_s=0.1),
    ):
        await daemon.until(lambda now: list(now.statuses().values()) == ["up"] * 4)
        before = await daemon.until(lambda now: now.value("camwatch_unregistered_cameras") == 1)
        assert before.rejected()["unregistered"] > 0
        write_table(fleet, "cameras.csv", [*cameras(3), camera("cam-9", name="La nouvelle")])
        daemon.send(signal.SIGHUP)
        after = await daemon.until(lambda now: now.statuses().get("cam-9") == "up")
        assert set(after.statuses()) == {"cam-1", "cam-2", "cam-3", "cam-9"}
        assert after.value("camwatch_camera_info", camera="cam-9", name="La nouvelle") == 1
        last = after.value(LAST)
        assert last is not None
        assert last > (before.value(LAST) or 0)
        await daemon.until(lambda now: now.value("camwatch_unregistered_cameras") == 1)  # cam-4, by now
        assert not daemon.log("camera down")
        for camera_id in ("cam-1", "cam-2", "cam-3"):
            assert len(daemon.log("camera up", camera=camera_id)) == 1
            for name, account in (("heartbeats_total", {}), ("status_seconds_total", {"status": "up"})):
                full = f"camwatch_camera_{name}"
                grown = after.value(full, camera=camera_id, **account)
                assert grown is not None
                assert grown >= (before.value(full, camera=camera_id, **account) or 0)
        assert daemon.log("message rejected", camera="cam-4")[0]["topic"] == heartbeat_topic("cam-4")


async def test_an_edit_while_the_daemon_starts_is_taken(
    mosquitto: Mosquitto, fleet: Path, tmp_path: Path
) -> None:
    """After the tables were read, and before they are watched."""
    (tmp_path / "camwatch.toml").write_text(config(fleet, broker(mosquitto.url)))
    settings = load_settings(tmp_path / "camwatch.toml")
    read = load(settings)
    write_table(fleet, "cameras.csv", cameras(5))
    async with app.running(settings, read) as daemon:
        await eventually(lambda: "cam-5" in daemon.monitor.inventory.cameras)


async def test_a_table_cut_half_written_is_held_back_until_it_is_confirmed(
    mosquitto: Mosquitto, fleet: Path, tmp_path: Path
) -> None:
    """V6: by the files alone nothing happens; a plain reload changes nothing, `--confirm` takes it."""
    write_table(fleet, "cameras.csv", cameras(12))
    async with (
        running(tmp_path, config(fleet, broker(mosquitto.url))) as daemon,
        playing(mosquitto.url, fleet),
    ):
        await daemon.until_all("up", 12)
        write_table(fleet, "cameras.csv", cameras(4))
        held = await daemon.until(lambda now: now.value(HELD) == 1)
        assert set(held.statuses().values()) == {"up"}
        assert len(held.statuses()) == 12
        assert (await daemon.get("/-/ready")).status_code == 200
        shown = (await daemon.get("/api/v1/inventory")).json()["held"]
        assert shown == {"leaving": 8, "in_service": 12}
        assert "8 caméras sur 12" in (await daemon.get("/")).text
        line = await daemon.says("inventory held back, keeping previous", leaving=8, in_service=12)
        assert line["level"] == "error"
        assert await reload(daemon) == 0
        await eventually(lambda: len(daemon.log("inventory held back, keeping previous")) == 2)
        assert len((await daemon.metrics()).statuses()) == 12
        assert await reload(daemon, "--confirm") == 0
        await daemon.until(lambda now: len(now.statuses()) == 4 and now.value(HELD) == 0)


async def test_what_is_confirmed_is_what_was_held_back_and_a_whole_table_ends_it(
    mosquitto: Mosquitto, fleet: Path, tmp_path: Path
) -> None:
    """V6: a table that is cut anew meanwhile must be confirmed anew."""
    write_table(fleet, "cameras.csv", cameras(12))
    settings = unwatched(config(fleet, broker(mosquitto.url)))
    async with running(tmp_path, settings) as daemon:
        await daemon.until_ready()
        for left in (4, 3):
            write_table(fleet, "cameras.csv", cameras(left))
            daemon.send(signal.SIGHUP)
            await daemon.says("inventory held back, keeping previous", leaving=12 - left)
        write_table(fleet, "cameras.csv", cameras(12))
        daemon.send(signal.SIGHUP)
        after = await daemon.until(lambda now: now.value(HELD) == 0)
        assert len(after.statuses()) == 12


async def reload(daemon: Daemon, *flags: str) -> int:
    """Run `camwatch reload` beside a daemon; return its exit code."""
    program = Path(sys.executable).with_name("camwatch")
    arguments = ("reload", "--config", str(daemon.config_file), *flags)
    process = await asyncio.create_subprocess_exec(program, *arguments, cwd=daemon.config_file.parent)
    return await process.wait()


async def test_a_reload_without_a_daemon_is_exit_code_1(fleet: Path, tmp_path: Path) -> None:
    async with running(tmp_path, config(fleet, broker("mqtt://127.0.0.1:1"))) as daemon:
        assert await daemon.end() == 0
        assert await reload(daemon) == 1
