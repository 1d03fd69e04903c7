"""Where requests wait for the store: few threads of their own, which accounts take in turn.

The daemon's writer has its own; whoever asks too much at once waits here, or is told to come again, and keeps
no other account from its turn. A thread that hangs with its store keeps its place, and ends with the process.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any, TypeVar

from camwatch.concurrency import in_thread
from camwatch.web.auth.principal import LOCAL_ADMIN, Principal
from camwatch.web.fair_queue import FairQueue, Share

MAX_CONCURRENT = 4
"""Requests that read the store at a time; each holds one of its connections."""

MAX_STREAMS = 2
"""Long answers that are drawn from the store at a time, beside those; a slow client holds its place."""

ASKING_EACH = Share(running=2, waiting=8)
"""How many requests of one account read the store at a time, and how many wait for their turn."""
DRAWING_EACH = Share(running=1, waiting=8)
"""The same of long answers: a slow client holds one place, and not the others'."""
ALONE = Share(running=4, waiting=64)
"""The same of a machine without accounts: there are no others."""

_T = TypeVar("_T")
_OVER = object()
_NAME = "store query"  # of the threads


class ThreadPool:
    """Runs what waits, a few at a time."""

    def __init__(self, at_once: int = MAX_CONCURRENT, drawn: int = MAX_STREAMS) -> None:
        self._asking = FairQueue(at_once, lambda who: ALONE if who == LOCAL_ADMIN.name else ASKING_EACH)
        self._drawing = FairQueue(drawn, lambda who: ALONE if who == LOCAL_ADMIN.name else DRAWING_EACH)
        self._tidying: set[asyncio.Task[None]] = set()

    async def run(self, viewer: Principal, work: Callable[[], _T]) -> _T:
        """Run `work` in a thread for someone, and return what it returns.

        Raises Problem (429) when too many requests of theirs wait.
        """
        await self._asking.enter(viewer.name)
        try:
            job = in_thread(work, _NAME)
        except BaseException:  # there are no threads left
            self._asking.leave(viewer.name)
            raise
        # Whoever asked may leave; the thread goes on, and its place is taken as long as it does.
        job.add_done_callback(lambda _: self._asking.leave(viewer.name))
        return await asyncio.shield(job)

    async def stream(self, viewer: Principal, pieces: Callable[[], Iterator[bytes]]) -> AsyncGenerator[bytes]:
        """Yield what an iterator yields, drawn in a thread; it keeps its turn until it is over.

        Raises Problem (429) when too many requests of theirs wait.
        """
        drawn = pieces()
        await self._drawing.enter(viewer.name)
        job: asyncio.Future[Any] | None = None
        try:
            while True:
                job = in_thread(lambda: next(drawn, _OVER), _NAME)
                piece = await asyncio.shield(job)
                if piece is _OVER:
                    return
                yield piece
        finally:
            tidying = asyncio.create_task(self._tidy(viewer, job, drawn), name="tidying")
            self._tidying.add(tidying)
            tidying.add_done_callback(self._tidying.discard)
            await asyncio.shield(tidying)

    async def _tidy(self, viewer: Principal, job: asyncio.Future[Any] | None, drawn: Iterator[bytes]) -> None:
        """Close a source once its thread has let go of it, and give its place back."""
        try:
            if job is not None:
                await asyncio.wait({job})
            close = getattr(drawn, "close", None)
            if close is not None:
                await in_thread(close, _NAME)
        finally:
            self._drawing.leave(viewer.name)
