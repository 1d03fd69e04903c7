"""Whether our own clock can be believed: what the kernel says of it, and the cameras' clocks (T4, T7)."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable, Iterable, Iterator
from statistics import median

import structlog

from camwatch.clock import AHEAD_MAX_S, Clock
from camwatch.core.model import Status
from camwatch.core.state import CameraState

FLEET_OFFSET_MAX_S = 60.0
"""Cameras whose median differs from the machine's clock by more than this say that it is wrong."""
FLEET_LASTS_S = 300.0
"""For how long they must say so."""
_WITNESSES = 3  # fewer cameras are no fleet: one of them may be wrong
_LOOK_EVERY_S = 60.0
_LOOK_IN_DOUBT_S = 1.0

_TIME_ERROR = 5  # what adjtimex(2) returns of a clock that is not synchronised
_TIMEX_BYTES = 512  # more than any struct timex has
_ASK_EVERY_S = 0.5

_ADVICE = "see timedatectl, or set clock.require_sync = false where nothing synchronises it"

_log = structlog.get_logger("clock")


def synchronised() -> bool | None:
    """Return whether the kernel takes its clock for synchronised; None where it does not say.

    Reading needs no privilege, but a sandbox may refuse the call, as `ProtectClock=` of systemd does.
    """
    import ctypes  # noqa: PLC0415 - for one question at the start

    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))  # modes = 0: only reads
    except (OSError, AttributeError):
        return None
    return None if state < 0 else bool(state != _TIME_ERROR)


async def wait_for_sync(
    timeout_s: float,
    stop: asyncio.Event,
    report: Callable[[str], None],
    ask: Callable[[], bool | None] = synchronised,
) -> None:
    """Wait until the clock is synchronised, `timeout_s` at most, or until `stop` (rule T4).

    `report` is called with a line for the service manager if it has to wait. Where the kernel does not say,
    there is nothing to wait for: that is logged, and so is a wait in vain.
    """
    known = ask()
    if known is None:
        _log.warning("the kernel does not say whether the clock is synchronised: it is believed")
    if known is not False:
        return
    _log.warning("waits for a synchronised clock", at_most_s=timeout_s, advice=_ADVICE)
    report("waits for a synchronised clock")
    deadline = asyncio.get_running_loop().time() + timeout_s
    while ask() is False:
        left_s = deadline - asyncio.get_running_loop().time()
        if left_s <= 0:
            _log.error("the clock is not synchronised: dates may be wrong from here on", advice=_ADVICE)
            return
        if await _sleeps(min(_ASK_EVERY_S, left_s), stop):
            return
    _log.info("the clock is synchronised")


async def _sleeps(seconds: float, stop: asyncio.Event) -> bool:
    """Sleep; return whether it is time to stop."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
    return stop.is_set()


class ClockTrust:
    """Compares the machine's clock with the cameras' once a minute; call `look` whenever time passes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._next_look = -math.inf
        self._wrong_since: float | None = None  # monotonic: since when the cameras say so
        self.fleet_offset_s: float | None = None

    def check(self, mono: float, cameras: Iterable[CameraState]) -> None:
        """Ask the cameras, if it is time to.

        `fleet_offset_s` is then how far the machine's clock is ahead of the median of theirs, seconds; None
        where too few tell. A step that is in doubt is confirmed or contradicted by it.
        """
        if mono < self._next_look:
            return
        ours = _median_offset(cameras)
        self.fleet_offset_s = None if ours is None else ours - self._clock.lead_s
        if ours is not None:
            self._clock.confirm(ours, FLEET_OFFSET_MAX_S)  # which may change our UTC, and so both
        if self.fleet_offset_s is None or abs(self.fleet_offset_s) <= FLEET_OFFSET_MAX_S:
            self._wrong_since = None
        elif self._wrong_since is None:
            self._wrong_since = mono
        self._next_look = mono + (_LOOK_IN_DOUBT_S if self._clock.in_doubt else _LOOK_EVERY_S)

    def doubted(self) -> None:
        """Take it that the wall clock was just set: the cameras are asked at once."""
        self._next_look = -math.inf

    def faults(self, mono: float) -> Iterator[str]:
        """Yield what is wrong with our own time: one line a reason, with what to do."""
        lead = self._clock.lead_s
        if self._clock.in_doubt:
            yield (
                f"clock: the machine's clock was set ahead by {_spoken(-lead)}: it is not followed until the "
                "cameras' clocks confirm it or ten minutes have passed; set it right if it is wrong"
            )
        elif lead > AHEAD_MAX_S:
            yield (
                f"clock: the record is {_spoken(lead)} ahead of the machine's clock: set the clock right, or "
                "if it is, stop camwatch and run `camwatch history rebase`"
            )
        offset = self.fleet_offset_s
        if offset is not None and self._wrong_since is not None and mono - self._wrong_since >= FLEET_LASTS_S:
            way = "ahead of" if offset > 0 else "behind"
            yield (
                f"clock: the machine's clock is {_spoken(abs(offset))} {way} the median of the cameras' "
                "clocks: look at its time synchronisation (timedatectl), and at theirs"
            )


def _median_offset(cameras: Iterable[CameraState]) -> float | None:
    """Return how far our UTC is ahead of the cameras' clocks: the median of those that are up (rule L7)."""
    found = [
        camera.clock_offset
        for camera in cameras
        if camera.underlying_status is Status.UP and math.isfinite(camera.clock_offset)
    ]
    return median(found) if len(found) >= _WITNESSES else None


def _spoken(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
