"""A short-lived cache that shares work between concurrent requests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Final, Generic, TypeVar

FRESH_S: Final = 0.25
"""Lifetime of a result, seconds. Two caches are stacked; after an event, clients refresh only when both have
expired (`live-page.js`)."""
_MAX_CACHED: Final = 64

T = TypeVar("T")


class TtlCache(Generic[T]):
    """Caches results by key for `FRESH_S` seconds."""

    def __init__(self) -> None:
        self._made: dict[Hashable, tuple[float, asyncio.Task[T]]] = {}

    async def get(self, key: Hashable, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return the cached result of `make`, or a new one."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        began, task = self._made.get(key, (0.0, None))
        if task is None or now - began > FRESH_S:
            self._made = {name: each for name, each in self._made.items() if now - each[0] <= FRESH_S}
            task = loop.create_task(make())
            if len(self._made) < _MAX_CACHED:
                self._made[key] = (now, task)
        return await asyncio.shield(task)
