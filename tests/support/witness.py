"""A process beside the tests that knows for how long this machine let nobody run.

It ticks with a little work each time, as a program of the tests would. `python -m tests.support.witness`: a
line on its standard input asks for the longest delay since the last answer, in seconds.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time

from tests.support.pace import TICK_S, VARIABLE, WORK_S, late_s
from tests.support.paths import ROOT


class Witness:
    """The process, started when it is first asked."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def longest_s(self) -> float:
        """Return the machine's longest delay since this was last called."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.witness"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=ROOT,
                env=os.environ | {VARIABLE: "1"},
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.communicate()
            self._process = None


def watch() -> None:
    """Tick until the standard input ends."""
    longest, questions = 0.0, sys.stdin.fileno()
    due = time.monotonic() + TICK_S
    while True:
        asked = select.select([questions], [], [], max(0.0, due - time.monotonic()))[0]
        if asked and not os.read(questions, 1):
            return
        began = min(due, time.monotonic()) if asked else due
        late = late_s(began)
        due = began + WORK_S + late + TICK_S  # from the instant measured: no stall is between two ticks
        longest = max(longest, late)
        if asked:
            print(longest, flush=True)  # noqa: T201 - the answer
            longest = 0.0


if __name__ == "__main__":
    watch()
