"""The one place where a clock is read; everything below is given what it says (rules T1, T2)."""

from __future__ import annotations

import time
from collections.abc import Callable

from camwatch.core.model import Instant

STEP_S = 2.0
"""A jump of the wall clock by more than this is a step, to be logged and counted."""
_SLEW = 0.5  # how fast our UTC gives way to a wall clock that was set back: it runs at half speed
# The monotonic clock that goes on while the machine sleeps, so that the sleep is seen as a stall.
_MONOTONIC = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock:
    """Gives the present moment on both clocks. Its UTC part never runs backwards.

    When the wall clock jumps ahead, UTC follows at once. When it is set back, UTC runs at half speed
    until the wall clock has caught up, so that what happens one after the other is recorded so.
    `stepped` is told the size of each step in seconds.
    """

    def __init__(
        self,
        stepped: Callable[[float], None] = lambda _seconds: None,
        monotonic: Callable[[], float] = lambda: time.clock_gettime(_MONOTONIC),
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._monotonic = monotonic
        self._wall = wall
        self._stepped = stepped
        self._last = monotonic()
        self._wall_ahead = self._ahead = wall() - self._last

    def __call__(self) -> Instant:
        """Return now."""
        mono = self._monotonic()
        ahead = self._wall() - mono
        if abs(ahead - self._wall_ahead) > STEP_S:
            self._stepped(ahead - self._wall_ahead)
        self._wall_ahead = ahead
        if ahead < self._ahead:
            ahead = max(ahead, self._ahead - _SLEW * (mono - self._last))
        self._ahead = ahead
        self._last = mono
        return Instant(mono, int((mono + ahead) * 1000))
