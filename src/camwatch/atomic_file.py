"""A file that is written whole or not at all: whoever reads it meanwhile finds the old one.

The content goes into a new file beside it, which then takes its place in one step.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path


def write_atomically(file: Path, content: bytes) -> None:
    """Write a file, or leave what is there; a device or a pipe is written to as it is.

    A link stays one, and its target is written. An old file's mode is kept. Raises OSError.
    """
    try:
        mode = file.stat().st_mode
    except FileNotFoundError:
        mode = None
    if mode is not None and not stat.S_ISREG(mode):
        file.write_bytes(content)
        return
    file = file.resolve()
    beside = file.with_name(f".camwatch-{secrets.token_hex(8)}.part")
    try:
        with beside.open("xb") as stream:
            if mode is not None:
                os.fchmod(stream.fileno(), stat.S_IMODE(mode))
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)
