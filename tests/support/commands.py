"""The project's programs, run as a user runs them."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path


async def run(program: str, *arguments: str | Path, cwd: Path) -> tuple[int, str, str]:
    """Run a program in a folder; return its exit code and what it wrote on both streams."""
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name(program),
        *map(str, arguments),
        cwd=cwd,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()
