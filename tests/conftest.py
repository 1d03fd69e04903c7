"""Marks and timeouts by folder, the order of the run, Hypothesis, and what a busy machine may not break."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from tests.support.examples import FULL

pytest_plugins = ["tests.support.busy_machine", "tests.support.fixtures"]

settings.register_profile(
    "camwatch",
    max_examples=FULL,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.register_profile("unit", settings.get_profile("camwatch"), max_examples=FULL // 4)
settings.load_profile("camwatch")

TIMEOUT_S = {"e2e": 3600, "simulation": 3600, "integration": 1800, "unit": 900}
"""By folder below `tests`, the slowest first, so that no worker is left with a long test at the end.

A test that takes as long as this hangs: it is there to show where, not to judge how fast a test was.
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with its folder, and start the slowest folder first."""
    for item in items:
        tier = _tier(item)
        item.add_marker(tier)
        item.add_marker(pytest.mark.timeout(TIMEOUT_S[tier]))
        if tier in ("integration", "e2e") and item.get_closest_marker("realtime") is None:
            item.add_marker(pytest.mark.realtime)
    items.sort(key=lambda item: list(TIMEOUT_S).index(_tier(item)))


def _tier(item: pytest.Item) -> str:
    return item.path.relative_to(item.config.rootpath).parts[1]
