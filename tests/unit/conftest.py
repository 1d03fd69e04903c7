"""Unit tests: one that starts a program, opens a socket or a database fails; coverage leaves out some."""

from __future__ import annotations

import sys
import threading
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

_FORBIDDEN = frozenset(
    ("os.fork", "os.posix_spawn", "socket.bind", "socket.connect", "sqlite3.connect", "subprocess.Popen")
)
_MEASURED = ("accounting", "core", "wire")
"""The folders of the packages whose coverage is reported: their own tests must reach all of them."""
_running: list[str] = []


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if _running and event in _FORBIDDEN and threading.current_thread() is threading.main_thread():
        pytest.fail(f"{event}{arguments} in a unit test: move the test to tests/integration")


sys.addaudithook(_audit)


@pytest.fixture(autouse=True)
def _pure(request: pytest.FixtureRequest) -> Iterator[None]:
    _running.append(request.node.nodeid)
    yield
    _running.pop()


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Trace the tests of the measured packages alone, and none marked `no_cover`.

    In a worker process, pytest-cov's own mark stops one tracer of two.
    """
    folder = item.path.relative_to(Path(__file__).parent).parts[0]
    measured = folder in _MEASURED and item.get_closest_marker("no_cover") is None
    if measured or not item.config.pluginmanager.hasplugin("_cov"):
        return (yield)
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(tracer)
