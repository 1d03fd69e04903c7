"""Starting, stopping, and what is told when starting is impossible."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest

from tests.support.daemon import Daemon, broker, config, running
from tests.support.mosquitto import Mosquitto
from tests.support.tables import camera, site, write_fleet


async def outcome(folder: Path, settings: str) -> tuple[int, str]:
    """Return the exit code of a daemon that cannot start, and all that it says."""
    daemon = Daemon(folder, settings)
    try:
        daemon.start()
        return await daemon.ended(), daemon.text
    finally:
        await daemon.release()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_the_daemon_in_order(
    number: signal.Signals, mosquitto: Mosquitto, fleet: Path, tmp_path: Path
) -> None:
    """Exit code 0, `stopped` as the last event, a clean DISCONNECT, connections open or not."""
    async with running(tmp_path, config(fleet, broker(mosquitto.url))) as daemon:
        await daemon.until_ready()
        with socket.create_connection(("127.0.0.1", int(daemon.url.rpartition(":")[2]))):
            assert await daemon.end(number) == 0
        assert daemon.log()[-1]["event"] == "stopped"
    assert "Client camwatch disconnected." in mosquitto.log()


async def test_a_daemon_that_never_found_its_broker_stops_in_order(fleet: Path, tmp_path: Path) -> None:
    async with running(tmp_path, config(fleet, broker("mqtt://127.0.0.1:1"))) as daemon:
        await daemon.unready("no broker listens at 127.0.0.1:1")
        assert (await daemon.get("/-/healthy")).status_code == 200
        assert await daemon.end() == 0
        assert daemon.log()[-1]["event"] == "stopped"


async def test_an_http_port_in_use_may_pass_and_is_exit_code_1(fleet: Path, tmp_path: Path) -> None:
    """Systemd tries again: what has the port may be just ending."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = config(fleet, broker("mqtt://127.0.0.1:1")).replace("127.0.0.1:0", f"127.0.0.1:{port}")
        code, text = await outcome(tmp_path, settings)
    assert code == 1
    assert f"http.listen: cannot listen on 127.0.0.1:{port}" in text
    assert "Traceback" not in text


async def test_a_faulty_inventory_is_told_with_every_fault(tmp_path: Path) -> None:
    """V6: four faults in two tables, each with file, line and column."""
    rows = [camera(), camera("cam-2", purpose="parking"), camera("Cam 3"), camera("cam-4", site_id="nowhere")]
    fleet = write_fleet(tmp_path / "fleet", rows, sites=[site(), site("quai", latitude="91", longitude="5")])
    code, text = await outcome(tmp_path, config(fleet, broker("mqtt://127.0.0.1:1")))
    assert code == 2
    assert "4 faults in the configuration" in text
    for place in (
        "sites.csv, line 3, column latitude: '91'",
        "cameras.csv, line 3, column purpose: 'parking'",
        "cameras.csv, line 4, column camera_id: 'Cam 3'",
        "cameras.csv, line 5, column site_id: 'nowhere'",
    ):
        assert place in text
    assert "Traceback" not in text
