"""The hand on the broker's switch: stops and starts it, for scenarios that want that."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from camsim.errors import BrokerError


@dataclass(frozen=True, slots=True)
class BrokerController:
    """Two commands of a shell. Each must return once it is done."""

    stop: str
    start: str

    async def stop_broker(self) -> None:
        """Stop the broker. Raises BrokerError."""
        await _run(self.stop)

    async def start_broker(self) -> None:
        """Start the broker. Raises BrokerError."""
        await _run(self.start)


async def _run(command: str) -> None:
    process = await asyncio.create_subprocess_shell(
        command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()
    if process.returncode:
        said = errors.decode(errors="replace").strip().rpartition("\n")[2]
        raise BrokerError(f"{command!r} ended with {process.returncode}: {said}")
