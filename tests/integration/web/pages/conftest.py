"""The town, as people see it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.web.two_operator_app import Town, town


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Give a town that tests only look at."""
    yield from town(tmp_path_factory.mktemp("town"))
