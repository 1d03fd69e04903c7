"""Fixtures of the end-to-end tests."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from tests.support.tables import cameras, write_fleet


@pytest.fixture(scope="session", autouse=True)
def _many_files() -> None:
    """Allow the brokers as many connections as the machine allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    """Four cameras of `ville` at one site."""
    return write_fleet(tmp_path / "fleet", cameras(4))
