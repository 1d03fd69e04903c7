"""A fair queue for a scarce resource: accounts take turns."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from typing import NamedTuple

from camwatch.web.problems import ProblemError


class Share(NamedTuple):
    """Limits of one account: concurrent turns, and waiting requests."""

    running: int
    waiting: int


class FairQueue:
    """Grants `at_once` turns at a time, round robin between accounts."""

    def __init__(self, at_once: int, share: Callable[[str], Share]) -> None:
        self._free = at_once
        self._share = share
        self._running: Counter[str] = Counter()
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    async def enter(self, who: str) -> None:
        """Wait for a turn; `leave` returns it. Raises ProblemError (429) if too many requests wait."""
        if len(self._waiting.get(who, ())) >= self._share(who).waiting and not self._may_start(who):
            raise ProblemError(
                429,
                "too many requests of this account wait for the store: try again",
                headers={"retry-after": "2"},
            )
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(who, deque()).append(turn)
        self._give()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self.leave(who)
            elif turn in (waiting := self._waiting.get(who, deque())):
                waiting.remove(turn)
                if not waiting:
                    del self._waiting[who]
            raise

    def leave(self, who: str) -> None:
        """Return a turn."""
        self._free += 1
        self._running[who] -= 1
        if not self._running[who]:
            del self._running[who]
        self._give()

    def _may_start(self, who: str) -> bool:
        return self._free > 0 and self._running[who] < self._share(who).running

    def _give(self) -> None:
        """Grant free turns, one account after another."""
        for who in list(self._waiting):
            waiting = self._waiting[who]
            while waiting and waiting[0].cancelled():
                waiting.popleft()
            if waiting and self._may_start(who):
                self._free -= 1
                self._running[who] += 1
                waiting.popleft().set_result(None)
                self._waiting.move_to_end(who)
            if not waiting:
                del self._waiting[who]
