"""How the suite is spread over the cores: the long tests begin first. No test is judged by its speed."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "camwatch",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("camwatch")

LONG = ("e2e", "deploy", "simulation", "history", "web", "reports")
"""Folders whose tests wait for real programs, the longest first."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, so that no worker is left with it at the end."""
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    return next((LONG.index(part) for part in item.path.parts if part in LONG), len(LONG))
