"""Fixtures of the tests of links."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ingest.links import Broker
from tests.support.tls import Authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def broker(tmp_path: Path, authority: Authority) -> Iterator[Broker]:
    found = Broker(tmp_path / "broker", authority)
    try:
        found.start()
    except AssertionError:  # somebody else on this machine took one of its ports meanwhile
        found.kill()
        found = Broker(tmp_path / "again", authority)
        found.start()
    yield found
    found.kill()
