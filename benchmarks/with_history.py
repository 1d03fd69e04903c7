"""camwatch with and without its store, to measure what the store costs."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from benchmarks import recorder_process
from benchmarks.peers import Camwatch

if TYPE_CHECKING:
    from pathlib import Path


class WithHistory(Camwatch):
    """The daemon, reporting when its loop was held and what it stored."""

    memory = "with"
    # Without a memory no heartbeat is counted as stored, but each was received.
    _count = re.compile(r"^camwatch_messages_received_total\{.*\} (\S+)$", re.MULTILINE)

    @property
    def folder(self) -> Path:
        """The file of its reports."""
        return self.place.folder

    def command(self) -> list[str]:
        """Return the command line of `benchmarks.recorder_process`."""
        folder, config = str(self.folder), str(self.write_config())
        return [sys.executable, "-m", "benchmarks.recorder_process", folder, config, self.memory]

    def stored(self) -> list[recorder_process.Stored]:
        """Return the batches that it has stored so far."""
        return list(recorder_process.batches(self.folder))


def with_history(interval_s: float, *, url: str | None = None, memory: bool = True) -> type[WithHistory]:
    """Return a daemon with such an interval, and a store at `url` (None: a file)."""

    class _Kind(WithHistory):
        def store_url(self) -> str:
            return url or super().store_url()

    _Kind.interval_s = interval_s
    _Kind.memory = "with" if memory else "without"
    _Kind.name = f"camwatch-{_Kind.memory}"
    return _Kind
