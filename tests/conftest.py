"""The markers `unit`, `integration`, `e2e` and `simulation` by folder; the order of the run; Hypothesis."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.support.fixtures"]

settings.register_profile(
    "camwatch",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("camwatch")

TIERS = ("e2e", "simulation", "integration", "unit")
"""Folders below `tests`, the slowest first: no worker is left with a long test at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with its folder, and start the slowest folder first."""
    for item in items:
        item.add_marker(_tier(item))
    items.sort(key=lambda item: TIERS.index(_tier(item)))


def _tier(item: pytest.Item) -> str:
    return item.path.relative_to(item.config.rootpath).parts[1]
