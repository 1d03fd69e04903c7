"""The machine's clock is wrong for a while: nothing is lost, it is said, the record goes on (T4 to T7)."""

from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from camsim.simulator import Simulator
from tests.support.cameras import playing
from tests.support.daemon import Daemon, Metrics, broker
from tests.support.faults import WallClock, boot_anew, problems, settings
from tests.support.ledger import Book, camwatch
from tests.support.mosquitto import Mosquitto
from tests.support.pace import SCALE

INTERVAL_S = 0.4 * SCALE
PARIS = ZoneInfo("Europe/Paris")
YEAR_S = 365.25 * 86_400
AHEAD = "camwatch_record_ahead_seconds"
DOWN = {"cam-1": "down", "cam-2": "up", "cam-3": "up", "cam-4": "up"}


class Scene:
    """A daemon whose machine's clock is set, a city whose own clocks are right, and the store."""

    def __init__(self, folder: Path, mosquitto: Mosquitto, fleet: Path, city: Simulator) -> None:
        self.folder = folder
        self.city = city
        self.clock = WallClock(folder)
        self.store = folder / "camwatch.db"
        self.began_ms = time.time_ns() // 1_000_000
        text = settings(fleet, self.store, broker(mosquitto.url), interval_s=INTERVAL_S)
        self.daemon = Daemon(folder, text)

    async def start(self) -> None:
        """Start the daemon, and wait until it sees all cameras."""
        self.daemon.start(**self.clock.environment)
        await self.daemon.runs()
        await self.daemon.until(lambda now: set(now.statuses().values()) <= {"up", "down"})

    async def stop(self) -> None:
        """Stop the daemon."""
        assert await self.daemon.end() == 0, self.daemon.text

    async def outage(self) -> Metrics:
        """Let cam-1 be down for a while and come back, and everything be stored."""
        first = self.city.fleet.cameras[:1]
        self.city.silence(first)
        await self.daemon.until(lambda now: now.statuses() == DOWN)
        self.city.restore(first)
        await self.daemon.until_all("up")
        return await self.daemon.stored()

    async def lives_on(self) -> None:
        """Let the daemon store a few times more."""
        for _ in range(3):
            await self.daemon.stored()

    def outages(self) -> list[int]:
        """Return when the outages in the record began; each must lie in the time of this test."""
        found = [outage.at_ms for outage in Book(self.store).cameras["cam-1"].outages]
        assert all(self.began_ms <= at <= time.time_ns() // 1_000_000 for at in found)
        assert found == sorted(found)
        return found

    async def listed(self) -> str:
        """Return what `camwatch outages list` says."""
        config = self.daemon.config_file
        code, out, err = await camwatch("outages", "list", "--config", config, cwd=self.folder)
        assert code == 0, err
        return out

    async def assert_month_is_right(self) -> None:
        """Have a report of these days: it has all outages, and no time that nobody lived through."""
        first = f"{datetime.fromtimestamp(self.began_ms / 1000, PARIS):%Y-%m-%d}"
        last = f"{datetime.now(PARIS):%Y-%m-%d}"
        days = ("--from", first, "--to", last)
        config = self.daemon.config_file
        report = ("report", "--all", "--config", config, "--format", "json", *days)
        code, out, err = await camwatch(*report, cwd=self.folder)
        assert code == 0, err
        (section,) = json.loads(out)["operators"]
        assert len([each for each in section["outages"] if each["camera"] == "cam-1"]) == len(self.outages())
        for camera in section["cameras"]:
            exact = camera["figures"]["exact"]
            lived_ms = time.time_ns() // 1_000_000 - self.began_ms
            assert sum(exact[name] for name in ("up", "down", "unknown", "maintenance")) <= lived_ms

    async def rebase(self) -> str:
        """Run `camwatch history rebase`, as a user would."""
        words = ("history", "rebase", "--author", "zoe", "--reason", "the clock was ahead")
        code, out, err = await camwatch(*words, "--config", self.daemon.config_file, cwd=self.folder)
        assert code == 0, err
        return out


@pytest.mark.parametrize("years", [10, -10])
async def test_ten_years_off_for_seconds_change_nothing_in_the_record(
    years: int, tmp_path: Path, mosquitto: Mosquitto, fleet: Path
) -> None:
    """T5, T7: two outages before, one while the clock is wrong, one after; not ready meanwhile, two steps."""
    async with playing(mosquitto.url, fleet, qos=1, interval_s=INTERVAL_S) as city:
        scene = Scene(tmp_path, mosquitto, fleet, city)
        try:
            await scene.start()
            await scene.outage()
            await scene.outage()
            scene.clock.set(years * YEAR_S)
            reason = "it is not followed" if years > 0 else "ahead of the machine's clock"
            await scene.daemon.unready("clock: ", reason)
            await scene.outage()
            await scene.lives_on()
            scene.clock.set(0)
            await scene.daemon.until_ready()
            metrics = await scene.outage()
            assert metrics.value("camwatch_clock_steps_total") == 2
            assert metrics.value(AHEAD) == pytest.approx(0, abs=0.1)
            assert len(scene.daemon.log("wall clock stepped")) == 2
            await scene.stop()
        finally:
            await scene.daemon.release()
    assert problems(scene.daemon.config_file) == []
    assert len(scene.outages()) == 4
    await scene.assert_month_is_right()


async def test_a_restart_while_a_step_is_in_doubt_follows_it_no_sooner(
    tmp_path: Path, mosquitto: Mosquitto, fleet: Path
) -> None:
    """T7: the steady clock goes on through it, so the next process knows what time it is."""
    async with playing(mosquitto.url, fleet, qos=1, interval_s=INTERVAL_S) as city:
        scene = Scene(tmp_path, mosquitto, fleet, city)
        try:
            await scene.start()
            await scene.outage()
            scene.clock.set(10 * YEAR_S)
            await scene.daemon.unready("clock: ", "it is not followed")
            await scene.stop()
            await scene.start()
            await scene.daemon.unready("clock: ", "it is not followed")
            metrics = await scene.outage()
            assert metrics.value("camwatch_clock_steps_total") == 1
            scene.clock.set(0)
            await scene.daemon.until_ready()
            metrics = await scene.outage()
            assert metrics.value(AHEAD) == pytest.approx(0, abs=0.1)
            await scene.stop()
        finally:
            await scene.daemon.release()
    assert problems(scene.daemon.config_file) == []
    assert len(scene.outages()) == 3
    await scene.assert_month_is_right()


async def test_1970_at_a_start_on_a_record_that_is_there(
    tmp_path: Path, mosquitto: Mosquitto, fleet: Path
) -> None:
    """T5: not ready, an outage is as long as it was; set right, all goes on."""
    async with playing(mosquitto.url, fleet, qos=1, interval_s=INTERVAL_S) as city:
        scene = Scene(tmp_path, mosquitto, fleet, city)
        try:
            await scene.start()
            await scene.outage()
            await scene.stop()
            scene.clock.show("1970-01-01 00:00:10")
            await scene.start()
            await scene.daemon.unready("clock: the record is", "ahead of the machine's clock")
            metrics = await scene.outage()
            assert (metrics.value(AHEAD) or 0) > 50 * YEAR_S
            scene.clock.set(0)
            await scene.daemon.until_ready()
            await scene.outage()
            await scene.stop()
        finally:
            await scene.daemon.release()
    assert problems(scene.daemon.config_file) == []
    assert len(scene.outages()) == 3
    await scene.assert_month_is_right()


async def test_no_record_begins_in_1970(tmp_path: Path, mosquitto: Mosquitto, fleet: Path) -> None:
    """T4: the start fails with what to do, and the service manager tries again."""
    async with playing(mosquitto.url, fleet, qos=1, interval_s=INTERVAL_S) as city:
        scene = Scene(tmp_path, mosquitto, fleet, city)
        scene.clock.show("1970-01-01 00:00:10")
        try:
            scene.daemon.start(**scene.clock.environment)
            assert await scene.daemon.ended() == 1
            assert "the system clock shows 1970-01-01: set it" in scene.daemon.text
            scene.clock.set(0)
            await scene.start()
            await scene.outage()
            await scene.stop()
        finally:
            await scene.daemon.release()
    assert len(scene.outages()) == 1


@pytest.mark.parametrize("ahead_s", [7200.0, 400 * 86_400.0])
async def test_a_start_with_a_clock_ahead_is_put_right_by_one_command(
    ahead_s: float, tmp_path: Path, mosquitto: Mosquitto, fleet: Path
) -> None:
    """T4, T5, T6: a camera that is down now has an age; nothing is lost; after it the record goes on."""
    async with playing(mosquitto.url, fleet, qos=1, interval_s=INTERVAL_S) as city:
        scene = Scene(tmp_path, mosquitto, fleet, city)
        try:
            await scene.start()
            await scene.outage()
            await scene.stop()
            scene.clock.set(ahead_s)
            boot_anew(scene.store)
            await scene.start()
            await scene.outage()
            scene.clock.set(0)
            await scene.daemon.unready("clock: the record is", "camwatch history rebase")
            city.silence(city.fleet.cameras[:1])
            metrics = await scene.daemon.until(lambda now: now.statuses() == DOWN)
            since = metrics.value("camwatch_camera_status_since_timestamp_seconds", camera="cam-1")
            now = metrics.value("camwatch_now_timestamp_seconds")
            assert since is not None
            assert now is not None
            assert 0 < now - since < 600
            assert metrics.value(AHEAD) == pytest.approx(ahead_s, abs=5)
            listed = await scene.listed()
            assert (listed.split()[0], listed.count(" cam-1 ")) == ("3", 3)
            await scene.lives_on()
            await scene.stop()
            assert "were moved" in await scene.rebase()
            assert len(scene.outages()) == 3
            assert problems(scene.daemon.config_file) == []
            await scene.start()
            await scene.daemon.until_ready()
            city.restore(city.fleet.cameras[:1])
            await scene.daemon.until_all("up")
            metrics = await scene.daemon.stored()
            assert metrics.value(AHEAD) == 0
            await scene.stop()
        finally:
            await scene.daemon.release()
    assert problems(scene.daemon.config_file) == []
    assert len(scene.outages()) == 3
    await scene.assert_month_is_right()
