"""The one place where a clock is read; everything below is given what it says (rules T1, T2)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from camwatch.core.model import Instant

STEP_S = 2.0
"""A jump of the wall clock by more than this is a step, to be logged and counted."""
_SLEW = 0.5  # how fast our UTC gives way to a wall clock that was set back: it runs at half speed
# The two hands are read one after the other, and differ by what came between. Unless the wall clock was
# really set they are held together, or the same moment would be a millisecond earlier in one record.
_HOLD_S = 0.005
_READ_S = 0.001  # a reading that took longer is made again
# The monotonic clock that goes on while the machine sleeps, so that the sleep is seen as a stall.
_MONOTONIC = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Step(NamedTuple):
    """The wall clock was set by `seconds`, from `began` to `ended`; `began` is what our UTC showed.

    Set ahead: the time between never was. Left behind: `ended` is before `began`, and our UTC runs at half
    speed until it shows as much after `began`.
    """

    seconds: float
    began: Instant
    ended: Instant


class Clock:
    """Gives the present moment on both clocks. Its UTC part never runs backwards.

    When the wall clock jumps ahead, UTC follows at once. When it is set back, UTC runs at half speed
    until the wall clock has caught up, so that what happens one after the other is recorded so.
    `stepped` is told of each step. `not_before_ms`: UTC does not begin earlier, for what an earlier
    process recorded.
    """

    def __init__(
        self,
        stepped: Callable[[Step], None] = lambda _step: None,
        monotonic: Callable[[], float] = lambda: time.clock_gettime(_MONOTONIC),
        wall: Callable[[], float] = time.time,
        not_before_ms: int = 0,
    ) -> None:
        self._monotonic = monotonic
        self._wall = wall
        self._stepped = stepped
        self._last, self._wall_ahead = self._read()
        self._ahead = max(self._wall_ahead, not_before_ms / 1000 - self._last)
        self._utc_ms = _utc_ms(self._last, self._ahead)

    def __call__(self) -> Instant:
        """Return now."""
        mono, ahead = self._read()
        step, self._wall_ahead = ahead - self._wall_ahead, ahead
        if abs(ahead - self._ahead) <= _HOLD_S:
            ahead = self._ahead
        elif ahead < self._ahead:
            ahead = max(ahead, self._ahead - _SLEW * (mono - self._last))
        if abs(step) > STEP_S:
            began, ended = (
                Instant(self._last, _utc_ms(self._last, each)) for each in (self._ahead, self._wall_ahead)
            )
            self._stepped(Step(step, began, ended))
        self._ahead = ahead
        self._last = mono
        self._utc_ms = max(self._utc_ms, _utc_ms(mono, ahead))
        return Instant(mono, self._utc_ms)

    def _read(self) -> tuple[float, float]:
        """Return the monotonic seconds, and how far the wall clock is ahead of them."""
        for _ in range(3):  # a process that was put aside between the two hands reads nonsense
            mono = self._monotonic()
            wall = self._wall()
            if self._monotonic() - mono <= _READ_S:
                break
        return mono, wall - mono


def _utc_ms(mono: float, ahead: float) -> int:
    # Whole milliseconds on both sides, as in the ledger: what lies a millisecond apart by one hand does so
    # by the other.
    return round(mono * 1000) + round(ahead * 1000)
