"""Servers that tests of every folder can ask for; loaded by `tests/conftest.py`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.mosquitto import Mosquitto
from tests.support.postgres import PostgreSQL
from tests.support.recording_receiver import RecordingReceiver


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """Run a broker."""
    with Mosquitto(tmp_path / "mosquitto") as broker:
        yield broker


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgreSQL]:
    """Run a server that all tests of a process share: a test that stops a server starts its own."""
    with PostgreSQL() as server:
        yield server


@pytest.fixture
def receiver() -> RecordingReceiver:
    """Return what a link hands its messages to."""
    return RecordingReceiver()
