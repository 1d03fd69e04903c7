"""Daemon threads for blocking work: the process exits without waiting for one that hangs."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeAlias, TypeVar

_T = TypeVar("_T")
_Job: TypeAlias = tuple[Callable[[], Any], asyncio.Future[Any], asyncio.AbstractEventLoop]


def in_thread(work: Callable[[], _T], name: str) -> asyncio.Future[_T]:
    """Run `work` in a new daemon thread named `name`; return the future of its result."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[_T] = loop.create_future()
    future.add_done_callback(
        lambda done: done.cancelled() or done.exception()
    )  # the result may not be awaited
    threading.Thread(target=_run, args=(work, future, loop), name=name, daemon=True).start()
    return future


class Worker:
    """Runs jobs one after the other in one daemon thread, which the first job starts."""

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._done = threading.Event()
        self._done.set()

    @property
    def is_idle(self) -> bool:
        """Whether no job runs or waits."""
        return self._done.is_set()

    async def run(self, work: Callable[[], _T]) -> _T:
        """Return what `work` returns, or raise what it raises. One call at a time."""
        if self._thread.ident is None:
            self._thread.start()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_T] = loop.create_future()
        self._done.clear()
        self._jobs.put((work, future, loop))
        return await future

    def close(self) -> None:
        """End the thread after its present job."""
        self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            _run(*job, before_delivery=self._done.set)


def _run(
    work: Callable[[], Any],
    future: asyncio.Future[Any],
    loop: asyncio.AbstractEventLoop,
    before_delivery: Callable[[], object] = bool,
) -> None:
    result, error = None, None
    try:
        result = work()
    except BaseException as raised:  # noqa: BLE001 - raised where the result is awaited
        error = raised
    before_delivery()
    with contextlib.suppress(RuntimeError):  # the loop has ended
        loop.call_soon_threadsafe(_deliver, future, result, error)


def _deliver(future: asyncio.Future[Any], result: object, error: BaseException | None) -> None:
    if future.done():
        return  # cancelled: a stop did not wait
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
