"""Reads text files that users name."""

from __future__ import annotations

from pathlib import Path

from camsim.errors import UsageError


def read_text(file: Path, name: str, error: type[UsageError]) -> str:
    """Return a UTF-8 text. Raises `error`, which calls the file `name`, if it cannot be read."""
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError:
        raise error(f"{name}: is not UTF-8 text") from None
    except OSError as failure:
        raise error(f"{name}: cannot be read: {failure.strerror}") from None
