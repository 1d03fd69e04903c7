"""Runs the daemon with a ticker of 1 ms in its event loop: `python -m benchmarks.loop_ticker FILE SETTINGS`.

Each tick that comes late is written to FILE as "monotonic seconds, seconds late". That clock is one for the
whole machine, so another process can find the ticks during its scrape.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from camwatch.app import run
from camwatch.settings import load_settings
from camwatch.settings.loading import load

if TYPE_CHECKING:
    from typing import TextIO

TICK_S = 0.001
WORTH_TELLING_S = 0.0005


def start_ticker(output: TextIO) -> None:
    """Tick from now on, and write each late tick."""
    loop = asyncio.get_running_loop()

    def tick(due: float) -> None:
        now = loop.time()
        if now - due > WORTH_TELLING_S:
            output.write(f"{now} {now - due}\n")
        loop.call_at(now + TICK_S, tick, now + TICK_S)

    loop.call_soon(tick, loop.time())


async def _run(record: Path, config: Path) -> None:
    settings = load_settings(config)
    with record.open("w", buffering=1) as output:
        start_ticker(output)
        await run(settings, load(settings))


if __name__ == "__main__":
    asyncio.run(_run(*map(Path, sys.argv[1:3])))
