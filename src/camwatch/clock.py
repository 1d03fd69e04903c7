"""The time for the core and the record: one reading of the monotonic and the wall clock (T1, T2, T5, T7).

Deadlines of connections and threads use their event loop's clock instead.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from camwatch.core.model import Instant

STEP_S = 2.0
"""A jump of the wall clock by more than this is a step, which is logged and counted."""
AHEAD_MAX_S = 300.0
"""Our UTC runs at half speed to let a wall clock that is behind by at most this catch up."""
DOUBT_S = 600.0
"""A forward step of more than an hour is followed once it has lasted this long (rule T7)."""
EPOCH_MS = 1_767_225_600_000
"""2026-01-01: camwatch did not exist before, so an earlier date is a clock that was never set."""
_FOLLOWED_S = 3600.0 + STEP_S  # a forward step of at most this is followed at once
_SLEW = 0.5  # the speed of our UTC while the wall clock catches up
# The two clocks are read one after the other, so their distance is never known better than that took. Smaller
# differences than this are ignored: or one moment would differ by a millisecond between two records.
_HOLD_S = 0.005
_READINGS = 5  # at a jump and at the start, the quickest of this many counts
# This clock also counts while the machine is suspended, so that a suspension is seen as a stall.
_MONOTONIC = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def wall_ms() -> int:
    """Return the wall clock, UTC milliseconds, for corrections.

    Any thread may call it; a `Clock` belongs to the event loop.
    """
    return time.time_ns() // 1_000_000


def steady(now: Instant) -> str:
    """Return the boot id and the monotonic milliseconds since that boot, for the next process."""
    return f"{_boot()} {round(now.mono * 1000)}"


@cache
def _boot() -> str:
    """Return the id of this boot of the machine."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "unknown"


class ClockStep(NamedTuple):
    """The wall clock was set by `seconds`: our UTC was at `began`, the wall clock at `ended`.

    Forward and `followed`: our UTC jumped, the interval in between did not exist. Forward and not followed:
    our UTC continues until the step has lasted; then another step of 0 seconds is followed.
    Backward: `ended` is before `began`, and our UTC slows down or keeps its lead (see `Clock`).
    """

    seconds: float
    began: Instant
    ended: Instant
    followed: bool = True

    @property
    def is_step(self) -> bool:
        """Whether it is logged and counted (rule T2)."""
        return abs(self.seconds) > STEP_S

    @property
    def recorded(self) -> bool:
        """Whether it changes our UTC and therefore is recorded."""
        return self.followed and self.began != self.ended


class Clock:
    """Returns the time on both clocks. UTC never runs backwards.

    Args:
        jumped: called with each jump of the wall clock; None: jumps are ignored until `listen` is called.
        monotonic: the monotonic clock, seconds.
        wall: the wall clock, Unix seconds.
        not_before_ms: the earliest UTC, where an earlier process ended its record.
        steady_then: what `steady` returned at that moment; within one boot it shows whether the wall clock
            was set since.

    The wall clock is set

    - forward by up to an hour: UTC follows at once.
    - forward by more: UTC follows once the step has lasted `DOUBT_S` or `confirm` confirms it. A step that is
      reverted before that does not affect UTC (rule T7). A restart begins the wait again.
    - back by up to `AHEAD_MAX_S`: UTC runs at half speed until the wall clock has caught up.
    - back by more: UTC keeps its lead and its speed, so that durations stay right, until the record is
      rebased (rule T5) or the wall clock is set again.

    """

    def __init__(
        self,
        jumped: Callable[[ClockStep], None] | None = lambda _jump: None,
        monotonic: Callable[[], float] = lambda: time.clock_gettime(_MONOTONIC),
        wall: Callable[[], float] = time.time,
        not_before_ms: int = 0,
        steady_then: str = "",
    ) -> None:
        self._monotonic = monotonic
        self._wall = wall
        self._jumped = jumped
        first = self._most_precise_reading()
        self._last, self._wall_ahead = first.mono, first.least
        self._ahead = max(self._wall_ahead, not_before_ms / 1000 - self._last)
        self._doubted: float | None = None  # monotonic: since when a step is in doubt
        boot, _, then_ms = steady_then.partition(" ")
        if boot == _boot() != "unknown" and int(then_ms) <= round(self._last * 1000):
            went_on = (not_before_ms - int(then_ms)) / 1000
            if went_on + _FOLLOWED_S < self._wall_ahead:
                self._ahead, self._doubted = went_on, self._last
        self._utc_ms = _utc_ms(self._last, self._ahead)

    def __call__(self) -> Instant:
        """Return the present time."""
        read = self._read()
        if self._jumped is not None and read.offset_from(self._wall_ahead):
            read = self._most_precise_reading()
            seconds = read.offset_from(self._wall_ahead)
            if seconds:
                self._wall_ahead += seconds
                self._set(seconds, read.mono)
        mono = read.mono
        if self._ahead != self._wall_ahead:
            self._approach(mono)
        self._last = mono
        self._utc_ms = max(self._utc_ms, _utc_ms(mono, self._ahead))
        return Instant(mono, self._utc_ms)

    def listen(self, jumped: Callable[[ClockStep], None]) -> None:
        """Call `jumped` with each jump from now on, and at once with a step that is in doubt."""
        self._jumped = jumped
        if self._doubted is not None:
            jumped(self._step(-self.lead_s, followed=False))

    @property
    def lag(self) -> ClockStep | None:
        """The step by which the wall clock is behind our UTC; None if it is not behind."""
        return self._step(self._wall_ahead - self._ahead) if self._wall_ahead < self._ahead else None

    @property
    def lead_s(self) -> float:
        """Seconds by which our UTC is ahead of the wall clock; negative while a forward step is in doubt."""
        return self._ahead - self._wall_ahead

    @property
    def in_doubt(self) -> bool:
        """Whether our UTC has not yet followed a forward step (rule T7)."""
        return self._doubted is not None

    def confirm(self, fleet_offset_s: float, within_s: float) -> None:
        """Decide on a step in doubt by the cameras' clocks, which our UTC is ahead of by `fleet_offset_s`.

        Clocks within `within_s` of the wall clock confirm the step. Clocks within `within_s` of our UTC
        contradict it, and the wait begins again.
        """
        if self._doubted is None:
            return
        if abs(fleet_offset_s - self.lead_s) <= within_s:
            self._follow()
        elif abs(fleet_offset_s) <= within_s:
            self._doubted = self._last

    def _set(self, seconds: float, mono: float) -> None:
        """Decide whether to follow a jump of the wall clock by `seconds`, and report it."""
        doubted = self._ahead + _FOLLOWED_S < self._wall_ahead
        if not doubted:
            self._doubted = None
        elif self._doubted is None or abs(seconds) > STEP_S:
            self._doubted = mono  # set once more: the wait begins again
        self._report(self._step(seconds, followed=not doubted))

    def _approach(self, mono: float) -> None:
        """Move our UTC towards the wall clock."""
        if self._doubted is not None:
            if mono - self._doubted >= DOUBT_S:
                self._follow()
        elif self.lead_s <= AHEAD_MAX_S:
            self._ahead = max(self._wall_ahead, self._ahead - _SLEW * (mono - self._last))

    def _follow(self) -> None:
        """Follow a step that has lasted or was confirmed."""
        self._doubted = None
        self._report(self._step(0.0))
        self._ahead = self._wall_ahead

    def _report(self, jump: ClockStep) -> None:
        if self._jumped is not None:
            self._jumped(jump)

    def _step(self, seconds: float, *, followed: bool = True) -> ClockStep:
        began, ended = (_utc_ms(self._last, ahead) for ahead in (self._ahead, self._wall_ahead))
        return ClockStep(seconds, Instant(self._last, began), Instant(self._last, ended), followed)

    def _most_precise_reading(self) -> _Reading:
        return min((self._read() for _ in range(_READINGS)), key=lambda read: read.most - read.least)

    def _read(self) -> _Reading:
        before = self._monotonic()
        wall = self._wall()
        after = self._monotonic()
        return _Reading(after, wall - after, wall - before)


class _Reading(NamedTuple):
    """A reading: monotonic seconds, and the least and most by which the wall clock is ahead of them."""

    mono: float
    least: float
    most: float

    def offset_from(self, ahead: float) -> float:
        """Return the seconds by which the wall clock was certainly set since it was `ahead`, or 0."""
        if self.least > ahead + _HOLD_S:
            return self.least - ahead
        if self.most < ahead - _HOLD_S:
            return self.most - ahead
        return 0.0


def _utc_ms(mono: float, ahead: float) -> int:
    # Both parts are rounded to milliseconds, so that a duration is the same on either clock.
    return round(mono * 1000) + round(ahead * 1000)
