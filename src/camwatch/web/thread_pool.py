"""Where requests wait for the store: few threads of their own, which accounts take in turn.

The daemon's writer has its own; whoever asks too much at once waits here, or is told to come again, and keeps
no other account from its turn. A thread that hangs with its store keeps its place, and ends with the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from functools import partial
from typing import Any, TypeVar

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
            job = _in_thread(work)
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
                job = _in_thread(lambda: next(drawn, _OVER))
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
                await _in_thread(close)
        finally:
            self._drawing.leave(viewer.name)


def _in_thread(work: Callable[[], _T]) -> asyncio.Future[_T]:
    """Run `work` in a thread that no stop of the process waits for."""
    loop = asyncio.get_running_loop()
    job: asyncio.Future[_T] = loop.create_future()
    job.add_done_callback(lambda done: done.cancelled() or done.exception())  # somebody may have left

    def run() -> None:
        try:
            settle = partial(_finish, job, work())
        except BaseException as error:  # noqa: BLE001 - it is raised where the work was asked for
            settle = partial(_fail, job, error)
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle)

    threading.Thread(target=run, name="window", daemon=True).start()
    return job


def _finish(job: asyncio.Future[Any], result: object) -> None:
    if not job.done():
        job.set_result(result)


def _fail(job: asyncio.Future[Any], error: BaseException) -> None:
    if not job.done():
        job.set_exception(error)
