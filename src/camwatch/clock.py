"""The one place where a clock is read; everything below is given what it says (rules T1, T2)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from camwatch.core.model import Instant

STEP_S = 2.0
"""A jump of the wall clock by more than this is a step, to be logged and counted."""
_SLEW = 0.5  # how fast our UTC gives way to a wall clock that was set back: it runs at half speed
# The two hands are read one after the other, so how far they are apart is never known better than that took.
# Within this, and within that, they are held together: or the same moment would be a millisecond earlier in
# one record than in another.
_HOLD_S = 0.005
_READINGS = 5  # of a jump, or of the beginning, the quickest of so many counts
# The monotonic clock that goes on while the machine sleeps, so that the sleep is seen as a stall.
_MONOTONIC = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def wall_ms() -> int:
    """Return what the wall clock shows, UTC milliseconds: for corrections, as their commands date them.

    Any thread may ask; a `Clock` is the event loop's alone.
    """
    return time.time_ns() // 1_000_000


class Jump(NamedTuple):
    """The wall clock was set by `seconds`: our UTC was at `began`, and the wall clock at `ended`.

    Set ahead: the time between never was. Left behind: `ended` is before `began`, and our UTC runs at half
    speed until it shows as much after `began`.
    """

    seconds: float
    began: Instant
    ended: Instant

    @property
    def is_step(self) -> bool:
        """Whether it is to be logged and counted (rule T2)."""
        return abs(self.seconds) > STEP_S


class Clock:
    """Gives the present moment on both clocks. Its UTC part never runs backwards.

    When the wall clock jumps ahead, UTC follows at once. When it is set back, UTC runs at half speed
    until the wall clock has caught up, so that what happens one after the other is recorded so. Between
    jumps a moment has one UTC, whenever it is asked for. `jumped` is told of each. `not_before_ms`: UTC
    does not begin earlier, for what an earlier process recorded.
    """

    def __init__(
        self,
        jumped: Callable[[Jump], None] = lambda _jump: None,
        monotonic: Callable[[], float] = lambda: time.clock_gettime(_MONOTONIC),
        wall: Callable[[], float] = time.time,
        not_before_ms: int = 0,
    ) -> None:
        self._monotonic = monotonic
        self._wall = wall
        self._jumped = jumped
        first = self._quickest()
        self._last, self._wall_ahead = first.mono, first.least
        self._ahead = max(self._wall_ahead, not_before_ms / 1000 - self._last)
        self._utc_ms = _utc_ms(self._last, self._ahead)

    def __call__(self) -> Instant:
        """Return now."""
        read = self._read()
        if read.apart_from(self._wall_ahead):
            read = self._quickest()
            seconds = read.apart_from(self._wall_ahead)
            if seconds:
                self._wall_ahead += seconds
                self._jumped(self._jump(seconds))
        mono = read.mono
        self._ahead = max(self._wall_ahead, self._ahead - _SLEW * (mono - self._last))
        self._last = mono
        self._utc_ms = max(self._utc_ms, _utc_ms(mono, self._ahead))
        return Instant(mono, self._utc_ms)

    @property
    def behind(self) -> Jump | None:
        """How far the wall clock is behind our UTC, as after a jump back; None if it is not."""
        return self._jump(self._wall_ahead - self._ahead) if self._wall_ahead < self._ahead else None

    def _jump(self, seconds: float) -> Jump:
        began, ended = (_utc_ms(self._last, ahead) for ahead in (self._ahead, self._wall_ahead))
        return Jump(seconds, Instant(self._last, began), Instant(self._last, ended))

    def _quickest(self) -> _Reading:
        return min((self._read() for _ in range(_READINGS)), key=lambda read: read.most - read.least)

    def _read(self) -> _Reading:
        before = self._monotonic()
        wall = self._wall()
        after = self._monotonic()
        return _Reading(after, wall - after, wall - before)


class _Reading(NamedTuple):
    """The monotonic seconds, and how far the wall clock is ahead of them, at least and at most."""

    mono: float
    least: float
    most: float

    def apart_from(self, ahead: float) -> float:
        """Return by how much the wall clock was certainly set since it was so far ahead."""
        if self.least > ahead + _HOLD_S:
            return self.least - ahead
        if self.most < ahead - _HOLD_S:
            return self.most - ahead
        return 0.0


def _utc_ms(mono: float, ahead: float) -> int:
    # Whole milliseconds on both sides, as in the ledger: what lies a millisecond apart by one hand does so
    # by the other.
    return round(mono * 1000) + round(ahead * 1000)
