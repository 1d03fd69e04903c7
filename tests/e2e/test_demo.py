"""The demo as a process of its own: it shows 458 cameras up, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import psutil
import pytest

from tests.support.paths import ROOT

PROGRAM = Path(sys.executable).with_name("camwatch")
ENDS_S = 15.0
"""Within this time the demo has taken everything down."""


class Demo:
    """A running demo, its standard output, and the processes that belong to it."""

    def __init__(self, process: subprocess.Popen[str], errors: IO[str]) -> None:
        self._process = process
        self._errors = errors
        self.told = ""
        self._family: list[psutil.Process] = []

    def until(self, pattern: str) -> str:
        """Read until a line matches, and return what its group caught."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.told += line
            if found := re.search(pattern, line):
                self._family = psutil.Process(self._process.pid).children(recursive=True)
                return found[1]
        raise AssertionError(f"the demo ended without {pattern!r}:\n{self.told}{self.errors()}")

    def send(self, number: signal.Signals) -> None:
        """Send a signal to all its processes, as Ctrl-C in a terminal does."""
        os.killpg(self._process.pid, number)

    def kill(self) -> None:
        """End the demo's own process at once, and no other."""
        self._process.kill()

    def end(self) -> int:
        """Wait for its end; return its exit code once nothing of it is left."""
        out, _ = self._process.communicate(timeout=None)
        self.told += out
        _, left = psutil.wait_procs(self._family, timeout=ENDS_S)
        assert not left, f"still running: {left}"
        return self._process.returncode

    def ended_in_time(self) -> int:
        """Return the exit code of a demo that was told to end; fail if it does not."""
        self._process.wait(ENDS_S)
        return self.end()

    def errors(self) -> str:
        """Return what it wrote to its standard error so far."""
        self._errors.seek(0)
        return self._errors.read()


@contextlib.contextmanager
def demo(*arguments: str, command: tuple[str, ...] = (str(PROGRAM), "demo")) -> Iterator[Demo]:
    """Run the demo in a process group of its own while the context lasts."""
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as errors,
        subprocess.Popen(
            [*command, *arguments],
            stdout=subprocess.PIPE,
            stderr=errors,
            encoding="utf-8",
            start_new_session=True,
        ) as process,
    ):
        try:
            yield Demo(process, errors)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def listens(port: int) -> bool:
    """Tell whether somebody listens on a port."""
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def test_the_demo_shows_all_cameras_up_and_ends_with_a_summary() -> None:
    with demo("--duration", "9") as shown:
        port = int(shown.until(r"http://127\.0\.0\.1:(\d+)/metrics"))
        assert listens(port)
        assert shown.end() == 0
        assert "458/458 cameras connected" in shown.told
        assert re.search(r"\n         14 planned, 458 up; ", shown.told)
        summary = shown.told[shown.told.index("\nThe demo ran for") :]
        assert "\n  cameras now      14 planned, " in summary
        assert "\n  most up at once  458\n" in summary
        section = re.search(r"To watch your own cameras: README.md, '(.+)'", summary)
        assert section, "it says what can be done next, whatever is on the PATH"
        assert f"\n## {section[1]}\n" in (ROOT / "README.md").read_text("utf-8")
        assert not listens(port)
        assert shown.errors() == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_the_cameras_connect_ends_the_demo(number: signal.Signals) -> None:
    with demo() as shown:
        shown.until(r"(\d+)/458 cameras connected")
        shown.send(number)
        assert shown.ended_in_time() == 0
        assert shown.errors() == ""


def test_ctrl_c_ends_a_running_demo_with_a_summary_and_nothing_left() -> None:
    with demo() as shown:
        port = int(shown.until(r"http://127\.0\.0\.1:(\d+)/metrics"))
        shown.send(signal.SIGINT)
        assert shown.ended_in_time() == 0
        assert "The demo ran for" in shown.told
        assert not listens(port)
        assert shown.errors() == ""


def test_a_demo_that_is_killed_takes_its_broker_with_it() -> None:
    with demo() as shown:
        shown.until(r"(\d+)/458 cameras connected")
        shown.kill()
        assert shown.end() == -signal.SIGKILL


STUBBORN = """
import asyncio, contextlib
from camwatch import demo
from camwatch.settings.loading import load

@contextlib.asynccontextmanager
async def start(settings, inventory):
    print("entered", flush=True)
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
    yield

demo._TEARDOWN_S = 1.0
if __name__ == "__main__":
    demo.run_demo(None, 0, load, start)
"""


def test_a_part_that_will_not_end_does_not_keep_the_demo_from_ending(tmp_path: Path) -> None:
    script = tmp_path / "stubborn.py"
    script.write_text(STUBBORN)
    with demo(command=(sys.executable, str(script))) as shown:
        shown.until("(entered)")
        shown.send(signal.SIGINT)
        assert shown.ended_in_time() == 1
        assert shown.errors() == "camwatch: the demo did not end within 1 s and was killed\n"
