"""What the end-to-end tests share: a broker, a small fleet, and cameras that play it."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from camsim.broker import broker_at
from camsim.fleet import read_fleet
from camsim.simulator import Simulator, SimulatorSettings
from tests.support.daemon import INTERVAL_S
from tests.support.mosquitto import Mosquitto
from tests.support.postgres import PostgreSQL
from tests.support.tables import cameras, write_fleet


@pytest.fixture(scope="session", autouse=True)
def _many_files() -> None:
    """Let the brokers that we start have as many connections as the machine allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "mosquitto") as running_broker:
        yield running_broker


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgreSQL]:
    """Run a server that goes on running; who stops it starts one of their own."""
    with PostgreSQL() as server:
        yield server


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    """Four cameras of `ville` at one site."""
    return write_fleet(tmp_path / "fleet", cameras(4))


def playing(url: str, fleet: Path, **settings: Any) -> Simulator:
    """Return cameras that live, and come back at once when the broker does."""
    told: dict[str, Any] = {"interval_s": INTERVAL_S, "reconnect_min_s": 0.05, "reconnect_max_s": 0.1}
    return Simulator(SimulatorSettings(broker_at(url), read_fleet(fleet), **(told | settings)))
