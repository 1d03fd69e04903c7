"""Checks our own clock against the kernel's synchronisation state and the cameras' clocks (T4, T7)."""

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
"""The machine's clock counts as wrong if it differs from the median of the cameras' by more than this."""
FLEET_LASTS_S = 300.0
"""Seconds for which it must differ."""
_WITNESSES = 3  # with fewer cameras, a single wrong clock would decide
_LOOK_EVERY_S = 60.0
_LOOK_IN_DOUBT_S = 1.0

_TIME_ERROR = 5  # what adjtimex(2) returns for an unsynchronised clock
_TIMEX_BYTES = 512  # larger than any struct timex
_ASK_EVERY_S = 0.5

_ADVICE = "see timedatectl, or set clock.require_sync = false where nothing synchronises it"

_log = structlog.get_logger("clock")


def synchronised() -> bool | None:
    """Return whether the kernel's clock is synchronised; None if the kernel does not say.

    Reading needs no privilege, but a sandbox may refuse the call, as systemd's `ProtectClock=` does.
    """
    import ctypes  # noqa: PLC0415 - needed once, at the start

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

    `report` gets a status line for the service manager if there is a wait. It does not wait if the kernel
    does not say. Both that and a timeout are logged.
    """
    known = ask()
    if known is None:
        _log.warning("clock synchronisation unknown, trusting the clock")
    if known is not False:
        return
    _log.warning("waiting for clock synchronisation", at_most_s=timeout_s, advice=_ADVICE)
    report("waiting for clock synchronisation")
    deadline = asyncio.get_running_loop().time() + timeout_s
    while ask() is False:
        left_s = deadline - asyncio.get_running_loop().time()
        if left_s <= 0:
            _log.error("clock not synchronised, dates may be wrong", advice=_ADVICE)
            return
        if await _sleeps(min(_ASK_EVERY_S, left_s), stop):
            return
    _log.info("clock synchronised")


async def _sleeps(seconds: float, stop: asyncio.Event) -> bool:
    """Sleep until `stop` is set, `seconds` at most; return whether it is set."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
    return stop.is_set()


class ClockTrust:
    """Compares the machine's clock with the cameras' once a minute."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._next_look = -math.inf
        self._wrong_since: float | None = None  # monotonic: since when the cameras' clocks differ
        self.fleet_offset_s: float | None = None

    def check(self, mono: float, cameras: Iterable[CameraState]) -> None:
        """Compare the clocks if a comparison is due; call it often.

        Sets `fleet_offset_s`, the seconds by which the machine's clock is ahead of the cameras' median; None
        if too few cameras have a clock. It confirms or contradicts a clock step in doubt.
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
        """Make the next `check` compare at once: the wall clock was just set."""
        self._next_look = -math.inf

    def faults(self, mono: float) -> Iterator[str]:
        """Yield the faults of our own clock, each with what to do."""
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
    """Return the seconds by which our UTC is ahead of the median clock of cameras that are up (rule L7)."""
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
