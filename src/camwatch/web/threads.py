"""Where requests wait for the store: few threads of their own, so that a flood starves nobody else.

The daemon's writer has its threads; whoever asks too much at once waits here, or is told to come again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from camwatch.web.problems import Problem

AT_ONCE = 4
"""Requests that read the store at a time; each holds one of its connections."""

DRAWN = 2
"""Long answers that are drawn from the store at a time, beside those; a slow client holds its place."""

WAITING = 64
"""Requests that may wait for their turn; more are told to come again."""

_T = TypeVar("_T")
_OVER = object()


class Threads:
    """Runs what waits, a few at a time."""

    def __init__(self, at_once: int = AT_ONCE, drawn: int = DRAWN, waiting: int = WAITING) -> None:
        self._asking = asyncio.Semaphore(at_once)
        self._drawing = asyncio.Semaphore(drawn)
        self._pool = ThreadPoolExecutor(at_once + drawn, thread_name_prefix="window")
        self._free = at_once + drawn + waiting

    async def run(self, work: Callable[[], _T]) -> _T:
        """Run `work` in a thread and return what it returns. Raises Problem (503) when too many wait."""
        async with self._place(self._asking):
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    async def draw(self, pieces: Callable[[], Iterator[bytes]]) -> AsyncGenerator[bytes]:
        """Yield what an iterator yields, drawn in a thread; it keeps its turn until it is over."""
        loop = asyncio.get_running_loop()
        async with self._place(self._drawing):
            drawn = pieces()
            try:
                while (piece := await loop.run_in_executor(self._pool, next, drawn, _OVER)) is not _OVER:
                    yield piece  # type: ignore[misc]
            finally:
                close = getattr(drawn, "close", None)
                if close is not None:
                    await asyncio.shield(loop.run_in_executor(self._pool, close))

    def close(self) -> None:
        """Let the threads end; work that has not begun is dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    @asynccontextmanager
    async def _place(self, turn: asyncio.Semaphore) -> AsyncIterator[None]:
        if not self._free:
            raise Problem(
                503, "too many requests wait for the store: try again", headers={"retry-after": "2"}
            )
        self._free -= 1
        try:
            async with turn:
                yield
        finally:
            self._free += 1
