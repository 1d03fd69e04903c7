"""Corrections made by command on a store that the daemon uses: taken over without a restart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.support.cameras import playing
from tests.support.daemon import broker, running
from tests.support.faults import settings
from tests.support.ledger import assert_adds_up, camwatch
from tests.support.mosquitto import Mosquitto


async def test_corrections_are_taken_over_by_the_running_daemon(
    tmp_path: Path, mosquitto: Mosquitto, fleet: Path
) -> None:
    """L8, V3, A6: an attribution, and a window that covers now: the status and the ratio change."""
    said = settings(fleet, tmp_path / "camwatch.db", broker(mosquitto.url))
    ratio = "camwatch_operator_availability_ratio"
    async with playing(mosquitto.url, fleet, qos=1) as city, running(tmp_path, said) as daemon:
        await daemon.until_all("up")
        city.silence(city.fleet.cameras[:1])
        await daemon.says("camera down", camera="cam-1")
        await daemon.until(lambda now: now.outages() == 1)
        before = await daemon.until(lambda now: (now.value(ratio, window="1h", operator="ville") or 1) < 1)
        config = daemon.config_file
        _, listed, _ = await camwatch("outages", "list", "--config", config, cwd=tmp_path)
        number = listed.splitlines()[-1].split()[0]
        attribute = (
            "outages",
            "attribute",
            number,
            "--cause",
            "power",
            "--exclude",
            "--author",
            "zoé",
            "--reason",
            "EDF",
        )
        code, out, err = await camwatch(*attribute, "--config", config, cwd=tmp_path)
        assert code == 0, out + err
        await daemon.says("corrections applied", entries=1)
        now = datetime.now(UTC)
        start, end = ((now + timedelta(hours=hours)).isoformat(timespec="seconds") for hours in (-1, 1))
        add = (
            "maintenance",
            "add",
            "--scope",
            "camera",
            "--id",
            "cam-1",
            "--from",
            start,
            "--to",
            end,
            "--author",
            "zoé",
        )
        code, out, err = await camwatch(*add, "--reason", "roof", "--config", config, cwd=tmp_path)
        assert code == 0, out + err
        after = await daemon.until(lambda now: now.statuses()["cam-1"] == "maintenance")
        after = await daemon.until(lambda now: now.value(ratio, window="1h", operator="ville") == 1)
        assert len(daemon.log("corrections applied")) == 2
        assert after.outages() >= before.outages()  # counters stay as judged at the time
        assert after.value("camwatch_history_write_errors_total") == 0
        await daemon.until_ready()
    await assert_adds_up(daemon.config_file)
