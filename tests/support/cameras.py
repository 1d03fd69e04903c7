"""Simulated cameras that connect to a broker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from camsim.broker import broker_at
from camsim.fleet import read_fleet
from camsim.simulator import Simulator, SimulatorSettings
from tests.support.daemon import INTERVAL_S


def playing(url: str, fleet: Path, **settings: Any) -> Simulator:
    """Return cameras that live, and reconnect at once when the broker comes back."""
    told: dict[str, Any] = {"interval_s": INTERVAL_S, "reconnect_min_s": 0.05, "reconnect_max_s": 0.1}
    return Simulator(SimulatorSettings(broker_at(url), read_fleet(fleet), **(told | settings)))
