"""Progress as plain text: one line updated in place on a terminal, else a line now and then."""

from __future__ import annotations

import asyncio
import time
from typing import TextIO

from camsim.stats import Statistics

_TERMINAL_S = (0.1, 1.0)  # at most this often while something changes; and this often while nothing does
_PLAIN_S = (2.0, 60.0)


class Progress:
    """Writes to `out`: how many cameras are connected, and lines that people should read."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._terminal = out.isatty()
        self._pause_s, self._calm_s = _TERMINAL_S if self._terminal else _PLAIN_S
        self._shown_at = time.monotonic()
        self._open_line = False

    async def follow(self, statistics: Statistics) -> None:
        """Show the state again and again while nothing changes it, until cancelled."""
        while True:
            await asyncio.sleep(self._calm_s)
            self.show(statistics)

    def show(self, statistics: Statistics) -> None:
        """Show the state, unless it was shown a moment ago."""
        now = time.monotonic()
        if now - self._shown_at < self._pause_s:
            return
        self._shown_at = now
        text = (
            f"{statistics.connected}/{statistics.expected} connected, {statistics.heartbeats} heartbeats sent"
        )
        if self._terminal:
            self._write(f"\r\x1b[K{text}")
            self._open_line = True
        else:
            self._write(text + "\n")

    def note(self, text: str) -> None:
        """Write a line that stays."""
        self._write(("\r\x1b[K" if self._open_line else "") + text + "\n")
        self._open_line = False

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()
