"""Plays a run for the command line, with progress, signals and ground truth."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from traceback import extract_tb
from typing import Any, TextIO

from rich.console import Console
from rich.live import Live

from camsim.errors import DeviceError
from camsim.ground_truth import GroundTruthFile
from camsim.simulator import Simulator, SimulatorSettings
from camsim.stats import Statistics

_TERMINAL_S = (0.1, 1.0)  # minimum pause between changes, and pause while nothing changes
_PLAIN_S = (2.0, 60.0)


async def play(settings: SimulatorSettings, truth: Path | None) -> None:
    """Play until the scenario ends or a signal arrives; a second signal ends at once.

    Raises DeviceError at the end if a camera failed unexpectedly.
    """
    progress = Progress(sys.stdout)
    statistics = Statistics(on_change=progress.show, on_notice=progress.note)
    simulator = Simulator(settings, statistics)
    mishaps = Mishaps(progress.note)
    asyncio.get_running_loop().set_exception_handler(mishaps.note)
    with contextlib.ExitStack() as stack:
        record = None if truth is None else stack.enter_context(GroundTruthFile(truth))
        playing = asyncio.create_task(_session(simulator, record))
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, playing.cancel)
        following = asyncio.create_task(progress.follow(statistics))
        await asyncio.wait({playing})
        following.cancel()
        if record is not None:
            record.end(simulator.run, simulator.ended_s)
        if not playing.cancelled():
            with mishaps.collected():
                playing.result()
    progress.note(statistics.summary())
    mishaps.must_be_none()


class Progress:
    """Writes the number of connected cameras, and notices, to `out`."""

    def __init__(self, out: TextIO) -> None:
        self._console = Console(file=out, markup=False, emoji=False, highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._pause_s, self._calm_s = _TERMINAL_S if self._console.is_terminal else _PLAIN_S
        self._shown_at = time.monotonic()

    async def follow(self, statistics: Statistics) -> None:
        """Show the state regularly until cancelled."""
        while True:
            await asyncio.sleep(self._calm_s)
            self.show(statistics)

    def show(self, statistics: Statistics) -> None:
        """Show the state, at most once per pause."""
        now = time.monotonic()
        if now - self._shown_at < self._pause_s:
            return
        self._shown_at = now
        connected = f"{statistics.connected}/{statistics.expected} connected"
        text = f"{connected}, {statistics.heartbeats} heartbeats sent"
        if self._console.is_terminal:
            self._live.start()
            self._live.update(text, refresh=True)
        else:
            self.note(text)

    def note(self, text: str) -> None:
        """Write a line that is not overwritten."""
        self._live.stop()
        self._console.print(text, soft_wrap=True)


class Mishaps:
    """Unexpected errors of event-loop callbacks and camera tasks; the first is reported at once."""

    def __init__(self, on_notice: Callable[[str], None]) -> None:
        self._on_notice = on_notice
        self._errors: list[str] = []

    def note(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Exception handler of the event loop."""
        error = context.get("exception")
        self._add(str(context.get("message")) if error is None else _described(error))

    @contextlib.contextmanager
    def collected(self) -> Iterator[None]:
        """Collect errors of camera tasks instead of raising them."""
        try:
            yield
        except ExceptionGroup as group:
            for error in group.exceptions:
                self._add(_described(error))

    def must_be_none(self) -> None:
        """Raise DeviceError if an error was collected."""
        if self._errors:
            count = len(self._errors)
            raise DeviceError(f"cameras failed {count} times, which is a bug; first: {self._errors[0]}")

    def _add(self, text: str) -> None:
        if not self._errors:
            self._on_notice(f"a camera failed: {text}")
        self._errors.append(text)


def _described(error: BaseException) -> str:
    frames = extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{place}"


async def _session(simulator: Simulator, truth: GroundTruthFile | None) -> None:
    settings, statistics = simulator.settings, simulator.statistics
    async with simulator:
        if truth is not None:
            truth.begin(simulator.run, simulator.began_ms)
        statistics.on_notice(f"{statistics.connected}/{statistics.expected} connected, playing")
        seconds = settings.scenario.duration_s
        await simulator.play(None if seconds is None else seconds / settings.speed)
