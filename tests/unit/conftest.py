"""A unit test that starts a program, opens a socket or a database fails."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import pytest

_FORBIDDEN = frozenset(
    ("os.fork", "os.posix_spawn", "socket.bind", "socket.connect", "sqlite3.connect", "subprocess.Popen")
)
_running: list[str] = []

_COVERING = ("accounting", "core", "ingest", "metrics", "wire")
"""The folders whose tests cover the pure packages: tracing the others would take as long again."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Measure no coverage with the tests of other folders."""
    for item in items:
        if item.path.parent.name not in _COVERING:
            item.add_marker(pytest.mark.no_cover)


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if _running and event in _FORBIDDEN and threading.current_thread() is threading.main_thread():
        pytest.fail(f"{event}{arguments} in a unit test: move the test to tests/integration")


sys.addaudithook(_audit)


@pytest.fixture(autouse=True)
def _pure(request: pytest.FixtureRequest) -> Iterator[None]:
    _running.append(request.node.nodeid)
    yield
    _running.pop()
