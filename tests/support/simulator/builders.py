"""Fleets and settings for the tests of the simulator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import settings as hypothesis_settings

from camsim.broker import broker_at
from camsim.fleet import Fleet, PlayedCamera
from camsim.scenario.model import Scenario
from camsim.scenario.parser import read_inline
from camsim.simulator import Simulator, SimulatorSettings
from tests.support.pace import PATIENCE_S, SCALE

INTERVAL_S = 0.1 * SCALE
patient = hypothesis_settings(deadline=None)  # how fast this machine is proves nothing
HEADER = (
    "camera_id,operator_id,site_id,name,purpose,lifecycle,in_service_from,commission_by,"
    "interval_s,latitude,longitude,model,source"
)


def camera(number: int, *, planned: bool = False) -> PlayedCamera:
    """Return camera `cam-{number}`: three to a site, all of the operator `ville`."""
    return PlayedCamera(f"cam-{number}", "ville", f"site-{number // 3}", planned=planned)


def fleet_of(count: int, planned: int = 0) -> Fleet:
    """Return `count` cameras in service, then so many planned ones."""
    return Fleet(tuple(camera(n, planned=n >= count) for n in range(count + planned)))


def scenario_of(*entries: str, duration_s: float | None = None) -> Scenario:
    """Return a scenario of these entries."""
    return Scenario("made up", "", duration_s, None, tuple(read_inline(entry) for entry in entries))


def simulator(url: str, fleet: Fleet, *entries: str, keep_alive_s: int = 30, **settings: Any) -> Simulator:
    """Return a simulator of quick cameras that plays these entries, their times multiplied by `SCALE`."""
    broker = broker_at(url, keep_alive_s=keep_alive_s)
    usual: dict[str, Any] = {
        "interval_s": INTERVAL_S,
        "connect_timeout_s": PATIENCE_S,
        "scenario": scenario_of(*entries).faster(1 / SCALE),
    }
    return Simulator(SimulatorSettings(broker, fleet, **(usual | settings)))


def row(
    camera_id: str = "cam-1", site: str = "site-1", lifecycle: str = "in_service", interval: str = ""
) -> str:
    """Return one line of `cameras.csv`."""
    return (
        f"{camera_id},ville,{site},Caméra de l’Étoile,traffic,{lifecycle},,,{interval},43.5,5.4,m,assumption"
    )


def table(folder: Path, *rows: str, header: str = HEADER, encoding: str = "utf-8") -> Path:
    """Write `cameras.csv` into a folder and return the folder."""
    folder.mkdir(exist_ok=True)
    (folder / "cameras.csv").write_bytes("\n".join((header, *rows, "")).encode(encoding))
    return folder
