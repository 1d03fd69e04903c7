"""A town with a past, for tests that only read it; and one of its own for a test that changes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.web.two_operator_app import Town, town


@pytest.fixture(scope="module")
def old_town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Return a town that the tests of a module share: they leave it as it is."""
    yield from town(tmp_path_factory.mktemp("town"))


@pytest.fixture
def new_town(tmp_path: Path) -> Iterator[Town]:
    """Return a town that the test may change."""
    yield from town(tmp_path)
