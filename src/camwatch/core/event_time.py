"""Event time: the instant up to which a link has delivered everything (rule S11).

Deadlines are compared with `now - lag`, so a broker, a link or a restart that lags declares nothing down.
Only late heartbeats are measured: a link whose messages are on time costs nothing. A few odd clocks do not
matter: a link lags while more of its cameras are late than on time, and at least three are (all, if it has
fewer). One late camera alone never delays decisions about others. Instants are monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import ceil
from statistics import median_low

from camwatch.core.model import NEVER, Instant
from camwatch.core.state import CameraState, LinkState
from camwatch.core.transitions import IN_SERVICE

RECENT = 1.5
"""Intervals for which a camera's last message counts."""
QUANTILE = 0.9
"""The share of the late cameras that the lag covers: a few odd clocks do not stretch it."""
LOOKS = 8
"""Measurements of the lag per interval while heartbeats are late."""
WITNESSES = 3
"""Cameras that must be late, or silent, to make it the link's lag.

If a link carries fewer, all of them must be: they delay only their own deadlines.
"""
SILENCE = 2.0
"""Multiple of the shortest `down_after` for which a lag lasts while no camera sends."""
BELIEVED = 32
"""Intervals of constant lag after which clocks, ours or all of theirs, are to blame."""

FOREVER = float("inf")


def record_late(link: LinkState, camera: CameraState, now: float, late_s: float) -> None:
    """Note that a camera's newest heartbeat over this link was late by `late_s`."""
    link.late[camera.index] = (now, late_s)
    link.newest_late = now
    link.sent_late = max(link.sent_late, now - late_s)
    if link.next_check_at == FOREVER:
        link.next_check_at = now


def record_canary(link: LinkState, now: float, sent: float, on_time_s: float) -> None:
    """Note the return of a canary: everything that the broker had at `sent` has arrived (rule S12)."""
    lag = now - sent
    link.canary_lag = lag if lag > on_time_s else 0.0
    if link.canary_lag or link.lag:
        link.next_check_at = min(link.next_check_at, now)


def update_lag(link: LinkState, now: float, look_again_s: float) -> bool:
    """Measure the lag of a link; return whether more cameras were on time than late.

    `look_again_s`: seconds until the next measurement.
    """
    in_time = _measure(link, now)
    link.lagging = link.seen_until > NEVER and link.lag > shortest_silence(link)
    link.next_check_at = now + look_again_s if link.late or link.lag else FOREVER
    return in_time


def _measure(link: LinkState, now: float) -> bool:
    late, on_time = _late(link, now), 0
    # A slow camera counts no longer than the late ones do: it cannot look late within its interval.
    window = max((camera.interval_s for camera in cameras(link) if camera.index in late), default=FOREVER)
    for camera in cameras(link):
        if camera.index in late or camera.clock_offset == FOREVER:
            continue  # without a clock, its messages may be late as well
        on_time += now - _on_time(link, camera) <= RECENT * min(camera.interval_s, window)
    # Enough cameras were late, and none was on time since.
    lagged = link.seen_until > NEVER and not on_time and not _is_alone(link)
    if len(late) > on_time and (lagged or is_shared(link)):
        link.lag = _quantile(late_s for _, late_s in late.values())
        enough = lagged or len(late) >= WITNESSES
        link.seen_until = (
            _quantile(arrived - late_s for arrived, late_s in late.values()) if enough else NEVER
        )
    elif late or on_time or now - link.newest_late > SILENCE * shortest_silence(link):
        link.lag, link.seen_until = 0.0, NEVER
    else:  # all are silent: messages under way were sent since
        link.lag = 0.0 if link.seen_until == NEVER else now - link.seen_until
    if link.canary_lag > link.lag:
        link.lag, link.seen_until = link.canary_lag, max(link.seen_until, now - link.canary_lag)
    return on_time > len(late)


def is_shared(link: LinkState) -> bool:
    """Return whether enough cameras are late to make it the link's lag."""
    return len(link.late) >= min(
        WITNESSES, sum(camera.underlying_status in IN_SERVICE for camera in cameras(link))
    )


def _is_alone(link: LinkState) -> bool:
    """Return whether one late camera is ahead of all others, which are silent: it delays nothing."""
    newest = max((camera.proof for camera in cameras(link) if camera.index in link.late), default=NEVER)
    near = sum(camera.proof >= newest - camera.down_s for camera in cameras(link))
    return near < min(2, sum(camera.underlying_status in IN_SERVICE for camera in cameras(link)))


def _on_time(link: LinkState, camera: CameraState) -> float:
    """Return when a message on time of a camera last came over this link."""
    came = camera.proof if camera.proof_link in (None, link) else NEVER
    return max(came, link.copies.get(camera.index, NEVER))


def is_even(link: LinkState, now: Instant) -> bool:
    """Return whether a lagging link's lag has been constant for so long that clocks are to blame.

    Measured on the monotonic clock: our UTC may run slow for hours after it was set back.
    """
    late = [camera for camera in cameras(link) if camera.index in link.late]
    if not late:
        return False
    interval = median_low(camera.interval_s for camera in late)
    offset = median_low(late_s for _, late_s in link.late.values()) + now.mono - now.utc_ms / 1000
    if abs(offset - link.clock_offset) > interval / 2:
        link.clock_offset, link.clock_offset_since = offset, now.mono
    return now.mono - link.clock_offset_since >= BELIEVED * interval


def shortest_silence(link: LinkState) -> float:
    """Return the shortest `down_after` of a link's cameras, in seconds; infinite without any."""
    return min((camera.down_s for camera in cameras(link)), default=FOREVER)


def _quantile(values: Iterable[float]) -> float:
    ordered = sorted(values)
    return ordered[ceil(QUANTILE * len(ordered)) - 1]


def _late(link: LinkState, now: float) -> dict[int, tuple[float, float]]:
    """Return the cameras whose newest message was late: (arrival, lateness); forget the others."""
    found = {camera.index: camera for camera in cameras(link) if camera.index in link.late}
    for index, (arrived, _) in list(link.late.items()):
        camera = found.get(index)
        if camera is None or _on_time(link, camera) >= arrived or now - arrived > RECENT * camera.interval_s:
            del link.late[index]
    return link.late


def cameras(link: LinkState) -> Iterator[CameraState]:
    """Yield the cameras that a link carries."""
    return (camera for group in link.groups for camera in group.cameras.values())
