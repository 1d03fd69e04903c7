"""What lies beside the database is removed while the daemon runs: people are told, and nothing is lost."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.support.cameras import playing
from tests.support.daemon import Daemon, broker
from tests.support.faults import problems, settings
from tests.support.mosquitto import Mosquitto


@pytest.mark.parametrize("name", ["-wal", "-shm", ".lock"])
async def test_a_removed_file_is_told_and_a_killed_daemon_has_lost_nothing(
    name: str, tmp_path: Path, mosquitto: Mosquitto, fleet: Path
) -> None:
    """H1: what was exported is in the record afterwards."""
    store = tmp_path / "camwatch.db"
    daemon = Daemon(tmp_path, settings(fleet, store, broker(mosquitto.url)))
    async with playing(mosquitto.url, fleet, qos=1) as city:
        try:
            daemon.start()
            await daemon.runs()
            await daemon.until_all("up")
            city.silence(city.fleet.cameras[:1])
            await daemon.until(lambda now: "down" in now.statuses().values())
            await daemon.stored()
            store.with_name(store.name + name).unlink()
            said = await daemon.says("history not stored, trying again")
            assert f"camwatch.db{name} was removed" in said["problem"]
            await daemon.says("history is stored again")
            await daemon.until_ready()
            before = await daemon.stored()
            await daemon.end(signal.SIGKILL)
            assert problems(daemon.config_file) == []
            daemon.start()
            await daemon.runs()
            after = await daemon.stored()
            assert after.outages() >= before.outages() == 1
            for account in ("up", "down"):
                for camera, seconds in before.account(account).items():
                    assert after.account(account)[camera] >= seconds
        finally:
            await daemon.release()
