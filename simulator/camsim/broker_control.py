"""Shell commands that stop and start the broker, for scenarios that restart it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from camsim.errors import BrokerError


@dataclass(frozen=True, slots=True)
class BrokerController:
    """The two commands. Each must return once it is done."""

    stop: str
    start: str


async def run_command(command: str) -> None:
    """Run a shell command. Raises BrokerError if it fails."""
    process = await asyncio.create_subprocess_shell(
        command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()
    if process.returncode:
        said = errors.decode(errors="replace").strip().rpartition("\n")[2]
        raise BrokerError(f"{command!r} ended with {process.returncode}: {said}")
