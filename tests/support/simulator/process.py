"""`camsim` as a process of its own."""

from __future__ import annotations

import asyncio
import resource
import sys
from asyncio.subprocess import PIPE, Process

from tests.support.pace import PATIENCE_S


async def camsim(*arguments: str, files: int | None = None) -> Process:
    """Start `camsim`; `files` limits how many it may have open at first."""

    def limit() -> None:
        if files is not None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (files, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))

    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "camsim", *arguments, stdout=PIPE, stderr=PIPE, preexec_fn=limit
    )


async def finished(process: Process) -> tuple[int | None, str, str]:
    async with asyncio.timeout(PATIENCE_S):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()
