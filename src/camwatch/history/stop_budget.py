"""How long a stop may take, all its parts together: a container is killed 10 s after it was asked to end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from camwatch.concurrency import Worker

STOP_S = 9.0
"""From the signal to the end of the process."""
PUT_AWAY_S = 2.0
"""What is kept of it for the store to be put away, after the last batch."""

_log = structlog.get_logger("history")


class StopBudget:
    """One stop: what comes late in it has the time that those before it left."""

    def __init__(self, stop_s: float = STOP_S) -> None:
        self._stop_s = stop_s
        self._deadline: float | None = None

    def begin(self) -> None:
        """Let the time run, unless it does."""
        if self._deadline is None:
            self._deadline = asyncio.get_running_loop().time() + self._stop_s

    def left_s(self, kept_s: float = 0.0) -> float:
        """Return how long one may take who leaves `kept_s` to others."""
        self.begin()
        assert self._deadline is not None  # noqa: S101
        return max(0.0, self._deadline - asyncio.get_running_loop().time() - kept_s)


async def put_away(close: Callable[[], None], ending: StopBudget) -> None:
    """Close a store in the time that is left; a slow disk ends nothing but this.

    What SQLite did not bring into the database it reads from its `-wal` when the store is opened again.
    """
    thread = Worker("put away")
    try:
        async with asyncio.timeout(ending.left_s()):
            await thread.run(close)
    except TimeoutError:
        _log.warning("the store was not put away in time: nothing is lost, the next start does it")
    finally:
        thread.close()
