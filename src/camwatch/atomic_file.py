"""Writes a file atomically: into a temporary file beside it, which then replaces it."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path


def write_atomically(file: Path, content: bytes) -> None:
    """Replace the content of a file, or leave the file unchanged and raise OSError.

    A symbolic link is followed. The mode of an existing file is kept. Devices and pipes are written in place.
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
