"""Reloads files when asked, or once a change to them has come to rest."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

Signature: TypeAlias = tuple[tuple[str, int, int, int], ...]


def signature(files: Iterable[Path]) -> Signature:
    """Return name, modification time, size and inode of each file that exists; it differs after an edit."""
    return tuple(_signatures(files))


def _signatures(files: Iterable[Path]) -> Iterable[tuple[str, int, int, int]]:
    for file in files:
        with contextlib.suppress(OSError, ValueError):
            found = file.stat()
            yield file.name, found.st_mtime_ns, found.st_size, found.st_ino


@dataclass(slots=True)
class WatchedFiles:
    """Files that are reloaded together; `loaded` is their signature from just before they were last read."""

    files: tuple[Path, ...]
    reload: Callable[[], Awaitable[None]]
    loaded: Signature


class FileWatcher:
    """Polls files every `interval_s` seconds."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._requested = asyncio.Event()

    def request_reload(self) -> None:
        """Reload all files now, changed or not."""
        self._requested.set()

    async def run(self, watched: Sequence[WatchedFiles]) -> None:
        """Reload files on request, or when two checks in a row find the same change; runs until cancelled."""
        seen = [each.loaded for each in watched]
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._requested.wait(), self._interval_s)
            requested = self._requested.is_set()
            self._requested.clear()
            now = [await asyncio.to_thread(signature, each.files) for each in watched]
            for each, new, before in zip(watched, now, seen, strict=True):
                if requested or (new != each.loaded and new == before):
                    each.loaded = new
                    await each.reload()
            seen = now
