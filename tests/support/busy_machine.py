"""A pytest plugin: no test fails because the machine is busy, and none passes for it.

Beside a test on the real clock a witness measures how long the machine let nobody run. Where such a test
fails and the machine stalled for longer than the test bears, it is repeated, in a process of its own, at half
the pace; at most twice. A test that fails where the machine did not stall has failed. What was repeated is
counted, and printed at the end.

Marks: `realtime(bears_s=…)`, the stall that a test bears at scale 1; `serial`, one such test at a time.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from tests.support.pace import SCALE, VARIABLE
from tests.support.witness import Witness

BEARS_S = 0.1
"""Half an interval of most tests: what a camera's heartbeat may be late by before anything is judged."""
REPEATS = 2
_REPEATED = "repeated because the machine stalled"
_NO_REPEAT = "CAMWATCH_TEST_IS_REPEAT"
_LOCK = Path(tempfile.gettempdir()) / f"camwatch-tests-{os.getuid()}.lock"


class BusyMachine:
    """The plugin's state in one process."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._stalls: dict[int, tuple[BaseException, float]] = {}  # by failure of a shared fixture
        self._failure: BaseException | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        mark = item.get_closest_marker("realtime")
        if mark is None or _NO_REPEAT in os.environ:
            return None
        bears_s = mark.kwargs.get("bears_s", BEARS_S)
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        with _serial(item):
            for report in self._played(item, nextitem, bears_s):
                item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[Any]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        if call.excinfo is not None and self._failure is None:
            self._failure = call.excinfo.value
        return (yield)

    def pytest_unconfigure(self) -> None:
        self._witness.close()

    def _played(
        self, item: pytest.Item, nextitem: pytest.Item | None, bears_s: float
    ) -> list[pytest.TestReport]:
        self._failure = None
        self._witness.longest_s()
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        stalled_s = self._stall_of_failure(self._witness.longest_s())
        told: list[str] = []
        getattr(item, "cancel_timeout", lambda: None)()  # pytest-timeout's, which counts from the beginning
        for repeat in range(1, REPEATS + 1):
            scale = SCALE * 2 ** (repeat - 1)
            if not any(report.failed for report in reports) or stalled_s <= bears_s * scale:
                break
            told.append(f"stalled {stalled_s:.2f} s, bears {bears_s * scale:.2f} s at scale {scale:.0f}")
            reports = [_repeated(item, reports, scale * 2)]
            stalled_s = self._witness.longest_s()
        if told:
            told.append("failed" if any(report.failed for report in reports) else "passed")
            reports[-1].user_properties.append((_REPEATED, "; ".join(told)))
        return reports

    def _stall_of_failure(self, stalled_s: float) -> float:
        """Return the stall that a failure came with: that of a shared fixture is raised with each test."""
        if self._failure is None:
            return stalled_s
        _, before_s = self._stalls.get(id(self._failure), (None, 0.0))
        stalled_s = max(stalled_s, before_s)
        self._stalls[id(self._failure)] = (self._failure, stalled_s)
        return stalled_s


def _repeated(item: pytest.Item, before: list[pytest.TestReport], scale: float) -> pytest.TestReport:
    """Run the test at another pace in a process of its own, and return its report."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", item.nodeid]
    environment = os.environ | {VARIABLE: str(scale), _NO_REPEAT: "1"}
    for name in [name for name in environment if name.startswith(("PYTEST_XDIST", "PYTEST_CURRENT"))]:
        del environment[name]
    done = subprocess.run(
        command, cwd=item.config.rootpath, env=environment, capture_output=True, text=True, check=False
    )
    passed = done.returncode == pytest.ExitCode.OK
    first = next(report for report in before if report.failed)
    return pytest.TestReport(
        nodeid=item.nodeid,
        location=item.location,
        keywords=first.keywords,
        outcome="passed" if passed else "failed",
        longrepr=None if passed else f"{first.longreprtext}\n\nrepeated at scale {scale}:\n{done.stdout}",
        when="call",
        sections=[*first.sections],
        duration=sum(report.duration for report in before),
        user_properties=list(first.user_properties),
    )


@contextmanager
def _serial(item: pytest.Item) -> Iterator[None]:
    """Hold the lock that tests marked `serial` share, over all processes of this user."""
    if item.get_closest_marker("serial") is None:
        yield
        return
    with _LOCK.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "realtime(bears_s): on the real clock; repeated where the machine stalls for longer"
    )
    config.addinivalue_line("markers", "serial: never beside another test marked so")
    config.pluginmanager.register(BusyMachine(Witness()), "busy_machine_state")


def pytest_report_header() -> str:
    return f"pace: scale {SCALE:g} ({VARIABLE} sets it)"


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    if report.when == "call" and report.passed and _REPEATED in dict(report.user_properties):
        return "passed", "R", "REPEATED"
    return None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    repeated = [
        (report.nodeid, told)
        for outcome in ("passed", "failed", "error")
        for report in terminalreporter.stats.get(outcome, [])
        for name, told in report.user_properties
        if name == _REPEATED
    ]
    if repeated:
        terminalreporter.section(f"{len(repeated)} {_REPEATED}")
        for nodeid, told in repeated:
            terminalreporter.line(f"{nodeid}: {told}")
