"""Work that is done once for all who ask for the same within a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Final, Generic, TypeVar

FRESH_S: Final = 0.25
"""How old what is given may be, seconds. Two of these lie one on the other, and who was told of an event asks
only after longer than both (`live-page.js`)."""
_KEPT_MOST: Final = 64

T = TypeVar("T")


class TtlCache(Generic[T]):
    """Keeps what was made, by key, while it is fresh."""

    def __init__(self) -> None:
        self._made: dict[Hashable, tuple[float, asyncio.Task[T]]] = {}

    async def get(self, key: Hashable, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return what `make` makes, or made for somebody else just now."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        began, task = self._made.get(key, (0.0, None))
        if task is None or now - began > FRESH_S:
            self._made = {name: each for name, each in self._made.items() if now - each[0] <= FRESH_S}
            task = loop.create_task(make())
            if len(self._made) < _KEPT_MOST:
                self._made[key] = (now, task)
        return await asyncio.shield(task)
