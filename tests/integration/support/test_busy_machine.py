"""The plugin that repeats what a stalled machine broke: when it does, when it does not, and what it tells."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from tests.support import pace
from tests.support.paths import ROOT
from tests.support.witness import Witness

pytest_plugins = ["pytester"]

CONFTEST = """
import os
from tests.support import busy_machine

class Scripted:
    '''A machine that stalls for so long in the first run of a test, in its first repeat, and so on.'''
    def __init__(self):
        self.stalls = []
    def longest_s(self):
        if not self.stalls:
            self.stalls = [float(each) for each in os.environ["STALLS"].split()]
            return 0.0
        return self.stalls.pop(0)
    def close(self):
        pass

busy_machine.Witness = Scripted
pytest_plugins = ["tests.support.busy_machine"]
"""
NEEDS = """
import os
import pytest

@pytest.fixture(scope="session")
def shared():
    assert float(os.environ["CAMWATCH_TEST_SCALE"]) >= float(os.environ["SHARED_NEEDS"]), "shared: too fast"

@pytest.mark.realtime
def test_one(shared):
    assert float(os.environ["CAMWATCH_TEST_SCALE"]) >= float(os.environ["NEEDS"]), "one: too fast"
"""


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Return a suite of one test that passes at scale `NEEDS`, on a machine that stalls as `STALLS` says."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv(pace.VARIABLE, "1")
    monkeypatch.setenv("SHARED_NEEDS", "1")
    for name in ("PYTEST_XDIST_WORKER", "CAMWATCH_TEST_IS_REPEAT"):
        monkeypatch.delenv(name, raising=False)
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(NEEDS)
    return pytester


def played(
    suite: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    *options: str,
    **variables: str,
) -> pytest.RunResult:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return suite.runpytest_subprocess("-p", "no:cacheprovider", "-rA", *options)


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_a_test_that_a_stall_broke_passes_at_a_slower_pace_and_is_told(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    found = played(suite, monkeypatch, *options, NEEDS="2", STALLS="0.3 0.0")
    found.assert_outcomes(passed=1)
    found.stdout.fnmatch_lines(
        [
            "*1 repeated because the machine stalled*",
            "*::test_one: stalled 0.30 s, bears 0.10 s at scale 1; passed",
        ]
    )


def test_a_test_that_fails_where_nothing_stalled_is_not_repeated(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = played(suite, monkeypatch, NEEDS="2", STALLS="0.09")
    found.assert_outcomes(failed=1)
    found.stdout.no_fnmatch_line("*repeated because the machine stalled*")


def test_what_is_wrong_at_every_pace_fails_with_both_reasons(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = played(suite, monkeypatch, NEEDS="100", STALLS="0.3 0.3 0.9")
    found.assert_outcomes(failed=1)
    found.stdout.fnmatch_lines(["*one: too fast*", "*repeated at scale 4*", "*; failed"])


def test_it_is_not_repeated_again_where_the_repeat_saw_no_stall(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second failure is the product's, not the machine's."""
    found = played(suite, monkeypatch, NEEDS="4", STALLS="0.3 0.1 0.0")
    found.assert_outcomes(failed=1)
    found.stdout.fnmatch_lines(["*repeated at scale 2*"])
    found.stdout.no_fnmatch_line("*repeated at scale 4*")


def test_the_third_pace_is_the_last(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    found = played(suite, monkeypatch, NEEDS="4", STALLS="0.3 0.3 0.0")
    found.assert_outcomes(passed=1)
    found.stdout.fnmatch_lines(["*::test_one: stalled 0.30 s,*; stalled 0.30 s,*at scale 2; passed"])


def test_what_a_stall_broke_for_several_tests_is_repeated_for_each(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shared fixture fails once, and its failure is raised again with each test, without a stall."""
    second = "\n@pytest.mark.realtime\ndef test_two(shared):\n    pass\n"
    suite.makepyfile(NEEDS + second)
    found = played(suite, monkeypatch, NEEDS="1", SHARED_NEEDS="2", STALLS="0.3 0.0 0.0 0.0")
    found.assert_outcomes(passed=2)
    found.stdout.fnmatch_lines(["*2 repeated because the machine stalled*"])


def test_a_test_that_is_not_on_the_real_clock_is_never_repeated(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite.makepyfile(NEEDS.replace("@pytest.mark.realtime\n", ""))
    found = played(suite, monkeypatch, NEEDS="2", STALLS="9 9 9")
    found.assert_outcomes(failed=1)


def test_the_witness_sees_a_stall_that_lasts_until_it_is_asked() -> None:
    """The process is asked while it is stopped, so the question waits for it when it goes on."""
    witness = Witness()
    try:
        witness.longest_s()
        assert witness._process is not None
        witness._process.send_signal(signal.SIGSTOP)
        time.sleep(0.3)
        threading.Timer(0.1, witness._process.send_signal, [signal.SIGCONT]).start()
        assert witness.longest_s() >= 0.2
    finally:
        witness.close()


@pytest.mark.parametrize(("worst_s", "scale"), [(0.0, 1), (0.03, 1), (0.05, 2), (0.1, 4), (3.0, 8)])
def test_the_scale_follows_the_latest_tick(worst_s: float, scale: float) -> None:
    assert pace.scale_for(worst_s) == scale
