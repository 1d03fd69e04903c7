"""What time it is for the core and the record: one reading of both clocks (rules T1, T2, T5, T7).

Everything below is given what it says. Deadlines of connections and threads are their event loop's.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from camwatch.core.model import Instant

STEP_S = 2.0
"""A jump of the wall clock by more than this is a step, to be logged and counted."""
AHEAD_MAX_S = 300.0
"""Our UTC gives way to a wall clock that is behind it by at most this, at half speed."""
DOUBT_S = 600.0
"""A step ahead of more than an hour is followed once it has lasted so long (rule T7)."""
EPOCH_MS = 1_767_225_600_000
"""2026-01-01: there was no camwatch before, so a clock that shows an earlier date was never set."""
_FOLLOWED_S = 3600.0 + STEP_S  # a step ahead of at most this is followed at once
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


def steady(now: Instant) -> str:
    """Return what the steady clock shows, after the boot from which it counts: for a process that follows."""
    return f"{_boot()} {round(now.mono * 1000)}"


@cache
def _boot() -> str:
    """Return what tells this boot of the machine from others."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "unknown"


class ClockStep(NamedTuple):
    """The wall clock was set by `seconds`: our UTC was at `began`, and the wall clock at `ended`.

    Ahead, and `followed`: our UTC leapt, the time between never was. Ahead, and not followed: our UTC runs
    on as before, until the step has lasted; then comes another jump, of 0 seconds, that is followed.
    Left behind: `ended` is before `began`, and our UTC gives way, or keeps its lead (see `Clock`).
    """

    seconds: float
    began: Instant
    ended: Instant
    followed: bool = True

    @property
    def is_step(self) -> bool:
        """Whether it is to be logged and counted (rule T2)."""
        return abs(self.seconds) > STEP_S

    @property
    def recorded(self) -> bool:
        """Whether it changed our UTC, or will: the record then says so."""
        return self.followed and self.began != self.ended


class Clock:
    """Gives the present moment on both clocks. Its UTC part never runs backwards.

    Between jumps a moment has one UTC, whenever it is asked for. `jumped` is called with each jump; until
    there is one (`listen`), none is looked for.
    `not_before_ms`: UTC does not begin earlier, for what an earlier process recorded. `steady_then` is what
    `steady` said at that moment: within one boot it tells whether the wall clock was set since.

    - The wall clock jumps ahead by up to an hour: UTC follows at once.
    - By more: UTC follows when the step has lasted `DOUBT_S`, or `confirm` says that it is right. One that
      is taken back before leaves no trace in UTC (rule T7). A restart meanwhile lets it last anew.
    - It is set back by up to `AHEAD_MAX_S`: UTC runs at half speed until the wall clock has caught up.
    - By more: UTC keeps its lead and its pace, so that durations stay true, until the record is put right
      (rule T5) or the wall clock is set again.
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
        self._doubted: float | None = None  # since when a step is not followed, monotonic
        boot, _, then_ms = steady_then.partition(" ")
        if boot == _boot() != "unknown" and int(then_ms) <= round(self._last * 1000):
            went_on = (not_before_ms - int(then_ms)) / 1000
            if went_on + _FOLLOWED_S < self._wall_ahead:
                self._ahead, self._doubted = went_on, self._last
        self._utc_ms = _utc_ms(self._last, self._ahead)

    def __call__(self) -> Instant:
        """Return now."""
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
        """Call `jumped` with each jump from now on, also with one that came before, if it still matters."""
        self._jumped = jumped
        if self._doubted is not None:
            jumped(self._step(-self.lead_s, followed=False))

    @property
    def lag(self) -> ClockStep | None:
        """How far the wall clock is behind our UTC, as after a jump back; None if it is not."""
        return self._step(self._wall_ahead - self._ahead) if self._wall_ahead < self._ahead else None

    @property
    def lead_s(self) -> float:
        """By how many seconds our UTC is ahead of the wall clock; negative while a step is not followed."""
        return self._ahead - self._wall_ahead

    @property
    def in_doubt(self) -> bool:
        """Whether the wall clock was set ahead, and our UTC has not followed yet (rule T7)."""
        return self._doubted is not None

    def confirm(self, fleet_offset_s: float, within_s: float) -> None:
        """Take what the cameras' clocks say of a step in doubt: how far our UTC is ahead of them, seconds.

        Within `within_s` of the wall clock, they confirm the step; of our UTC, they contradict it, and it
        has to last anew.
        """
        if self._doubted is None:
            return
        if abs(fleet_offset_s - self.lead_s) <= within_s:
            self._follow()
        elif abs(fleet_offset_s) <= within_s:
            self._doubted = self._last

    def _set(self, seconds: float, mono: float) -> None:
        """Take it that the wall clock was set."""
        doubted = self._ahead + _FOLLOWED_S < self._wall_ahead
        if not doubted:
            self._doubted = None
        elif self._doubted is None or abs(seconds) > STEP_S:
            self._doubted = mono  # set once more, it has to last anew
        self._report(self._step(seconds, followed=not doubted))

    def _approach(self, mono: float) -> None:
        """Let our UTC follow the wall clock, as far as it is to."""
        if self._doubted is not None:
            if mono - self._doubted >= DOUBT_S:
                self._follow()
        elif self.lead_s <= AHEAD_MAX_S:
            self._ahead = max(self._wall_ahead, self._ahead - _SLEW * (mono - self._last))

    def _follow(self) -> None:
        """Let our UTC leap to where the wall clock has been for a while."""
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
    """The monotonic seconds, and how far the wall clock is ahead of them, at least and at most."""

    mono: float
    least: float
    most: float

    def offset_from(self, ahead: float) -> float:
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
