"""Runs camwatch's own command with a ticker of 1 ms in its event loop.

Started as `python -m benchmarks.ticking FILE run …`.
Each tick that comes late is written to FILE as "monotonic seconds, seconds late". That clock is one for the
whole machine, so another process can tell which ticks fell into the scrape that it made.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

TICK_S = 0.001
WORTH_TELLING_S = 0.0005


class _TickingPolicy(asyncio.DefaultEventLoopPolicy):
    """Gives every new event loop a ticker: the daemon need not know that it is watched."""

    def __init__(self, record: Path) -> None:
        super().__init__()
        self._record = record

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        """Return an event loop in which the ticker is armed."""
        loop = super().new_event_loop()
        output = self._record.open("a", buffering=1)

        def tick(due: float) -> None:
            now = loop.time()
            if now - due > WORTH_TELLING_S:
                output.write(f"{now} {now - due}\n")
            loop.call_at(now + TICK_S, tick, now + TICK_S)

        loop.call_soon(tick, loop.time())
        return loop


def _main() -> None:
    record, *arguments = sys.argv[1:]
    asyncio.set_event_loop_policy(_TickingPolicy(Path(record)))
    from camwatch.cli import main  # noqa: PLC0415 - nothing of camwatch may make a loop before the policy stands

    sys.argv = ["camwatch", *arguments]
    main()


if __name__ == "__main__":
    _main()
