"""Progress of a run: one line updated in place on a terminal, else a line at intervals."""

from __future__ import annotations

import asyncio
import time
from typing import TextIO

from rich.console import Console
from rich.live import Live

from camsim.stats import Statistics

_TERMINAL_S = (0.1, 1.0)  # minimum pause between changes, and pause while nothing changes
_PLAIN_S = (2.0, 60.0)


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
        text = (
            f"{statistics.connected}/{statistics.expected} connected, {statistics.heartbeats} heartbeats sent"
        )
        if self._console.is_terminal:
            self._live.start()
            self._live.update(text, refresh=True)
        else:
            self.note(text)

    def note(self, text: str) -> None:
        """Write a line that is not overwritten."""
        self._live.stop()
        self._console.print(text, soft_wrap=True)
