"""Bounded threads for store queries made by HTTP handlers, fair between accounts.

The recorder has its own thread. A thread that hangs with its store keeps its place until the process ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any, TypeVar

from camwatch.concurrency import in_thread
from camwatch.web.auth.principal import LOCAL_ADMIN, Principal
from camwatch.web.fair_queue import FairQueue, Share

MAX_CONCURRENT = 4
"""Concurrent queries; each holds a database connection."""

MAX_STREAMS = 2
"""Concurrent streamed responses beside them."""

ASKING_EACH = Share(running=2, waiting=8)
"""Queries of one account."""
DRAWING_EACH = Share(running=1, waiting=8)
"""Streamed responses of one account, so that a slow client holds one place only."""
ALONE = Share(running=4, waiting=64)
"""Both, without accounts."""

_T = TypeVar("_T")
_OVER = object()
_NAME = "store query"  # of the threads


class ThreadPool:
    """Runs blocking work, a few pieces at a time."""

    def __init__(self, at_once: int = MAX_CONCURRENT, drawn: int = MAX_STREAMS) -> None:
        self._asking = FairQueue(at_once, lambda who: ALONE if who == LOCAL_ADMIN.name else ASKING_EACH)
        self._drawing = FairQueue(drawn, lambda who: ALONE if who == LOCAL_ADMIN.name else DRAWING_EACH)
        self._tidying: set[asyncio.Task[None]] = set()

    async def run(self, viewer: Principal, work: Callable[[], _T]) -> _T:
        """Return what `work` returns, run in a thread.

        Raises ProblemError (429) if too many requests of the account wait.
        """
        await self._asking.enter(viewer.name)
        try:
            job = in_thread(work, _NAME)
        except BaseException:  # no thread could be started
            self._asking.leave(viewer.name)
            raise
        # The client may disconnect; the thread continues and keeps its place until it is done.
        job.add_done_callback(lambda _: self._asking.leave(viewer.name))
        return await asyncio.shield(job)

    async def stream(self, viewer: Principal, pieces: Callable[[], Iterator[bytes]]) -> AsyncGenerator[bytes]:
        """Yield the items of an iterator that runs in a thread.

        Raises ProblemError (429) if too many requests of the account wait.
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
        """Close an iterator after its thread is done with it, and return its turn."""
        try:
            if job is not None:
                await asyncio.wait({job})
            close = getattr(drawn, "close", None)
            if close is not None:
                await in_thread(close, _NAME)
        finally:
            self._drawing.leave(viewer.name)
