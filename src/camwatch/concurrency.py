"""One thread whose work the event loop awaits, and which no end of the process waits for.

The threads of `concurrent.futures` are joined when the interpreter ends: a server that hangs would then
keep a stopped daemon for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

_T = TypeVar("_T")
_Job = tuple[Callable[[], Any], "asyncio.Future[Any]", asyncio.AbstractEventLoop]


class Worker:
    """Does one piece of work after the other, in a thread named `name` that begins with the first."""

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._done = threading.Event()
        self._done.set()

    @property
    def is_idle(self) -> bool:
        """Whether the thread has nothing to do, and uses nothing that belongs to others."""
        return self._done.is_set()

    async def run(self, work: Callable[[], _T]) -> _T:
        """Return what the work returns, or raise what it raises. One at a time."""
        if self._thread.ident is None:
            self._thread.start()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_T] = loop.create_future()
        self._done.clear()
        self._jobs.put((work, future, loop))
        return await future

    def close(self) -> None:
        """Let the thread end after what it does now."""
        self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            work, future, loop = job
            try:
                result = work()
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is for whoever waits
                self._tell(loop, future, None, error)
            else:
                self._tell(loop, future, result, None)

    def _tell(
        self,
        loop: asyncio.AbstractEventLoop,
        future: asyncio.Future[Any],
        result: object,
        error: BaseException | None,
    ) -> None:
        def tell() -> None:
            if future.cancelled():
                return  # a stop did not wait
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        self._done.set()
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(tell)
