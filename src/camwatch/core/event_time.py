"""Event time: up to which instant a link has seen everything (rule S11).

A broker, a link or a restart that is merely behind accuses nobody: deadlines are compared with `now - lag`.
Only late heartbeats are looked at, so a link whose messages come on time pays nothing. What a few cameras
with odd clocks say does not count: the link lags while more of its cameras are late than on time, and at
least three are (all, where it has fewer). One alone never puts off what is judged of the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import ceil
from statistics import median_low

from camwatch.core.model import NEVER, Instant
from camwatch.core.state import CameraState, LinkState
from camwatch.core.transitions import IN_SERVICE

RECENT = 1.5
"""For how many of its intervals what a camera said last counts."""
QUANTILE = 0.9
"""The share of the late cameras that the lag covers: a few odd clocks do not stretch it."""
LOOKS = 8
"""How often per interval the lag is reckoned while heartbeats are late."""
WITNESSES = 3
"""How many cameras must be late for it to be the link's doing, and their silence, too.

Where a link carries fewer, all of them must: they put off their own deadlines, and prove no more.
"""
SILENCE = 2.0
"""For how many times the shortest `down_after` a lag lasts over which nobody says anything any more."""
BELIEVED = 32
"""For how many intervals a link must lag evenly to be believed: it is the clocks, ours or all of theirs."""

FOREVER = float("inf")


def record_late(link: LinkState, camera: CameraState, now: float, late_s: float) -> None:
    """Remember that a camera's newest heartbeat came late over this link."""
    link.late[camera.index] = (now, late_s)
    link.newest_late = now
    link.sent_late = max(link.sent_late, now - late_s)
    if link.next_check_at == FOREVER:
        link.next_check_at = now


def record_canary(link: LinkState, now: float, sent: float, on_time_s: float) -> None:
    """Take the return of a canary: all that the broker had when it was `sent` is here (rule S12)."""
    lag = now - sent
    link.canary_lag = lag if lag > on_time_s else 0.0
    if link.canary_lag or link.lag:
        link.next_check_at = min(link.next_check_at, now)


def update_lag(link: LinkState, now: float, look_again_s: float) -> bool:
    """Reckon the lag of a link anew; return whether more cameras were on time than late."""
    in_time = _measure(link, now)
    link.lagging = link.seen_until > NEVER and link.lag > shortest_silence(link)
    link.next_check_at = now + look_again_s if link.late or link.lag else FOREVER
    return in_time


def _measure(link: LinkState, now: float) -> bool:
    late, on_time = _late(link, now), 0
    # A slow camera is no witness for longer than the late ones: it does not look late before its interval.
    window = max((camera.interval_s for camera in cameras(link) if camera.index in late), default=FOREVER)
    for camera in cameras(link):
        if camera.index in late or camera.clock_offset == FOREVER:
            continue  # what does not tell when it was sent may have come late as well: no witness
        on_time += now - _on_time(link, camera) <= RECENT * min(camera.interval_s, window)
    # As enough have shown, and nobody denied since.
    lagged = link.seen_until > NEVER and not on_time and not _is_alone(link)
    if len(late) > on_time and (lagged or is_shared(link)):
        link.lag = _quantile(late_s for _, late_s in late.values())
        enough = lagged or len(late) >= WITNESSES
        link.seen_until = (
            _quantile(arrived - late_s for arrived, late_s in late.values()) if enough else NEVER
        )
    elif late or on_time or now - link.newest_late > SILENCE * shortest_silence(link):
        link.lag, link.seen_until = 0.0, NEVER
    else:  # nobody says anything: what is under way was sent since
        link.lag = 0.0 if link.seen_until == NEVER else now - link.seen_until
    if link.canary_lag > link.lag:
        link.lag, link.seen_until = link.canary_lag, max(link.seen_until, now - link.canary_lag)
    return on_time > len(late)


def is_shared(link: LinkState) -> bool:
    """Tell whether so many cameras are late that it is the link's doing."""
    return len(link.late) >= min(
        WITNESSES, sum(camera.underlying_status in IN_SERVICE for camera in cameras(link))
    )


def _is_alone(link: LinkState) -> bool:
    """Tell whether one late camera has left all others behind: they are silent, and it puts off nothing."""
    newest = max((camera.proof for camera in cameras(link) if camera.index in link.late), default=NEVER)
    near = sum(camera.proof >= newest - camera.down_s for camera in cameras(link))
    return near < min(2, sum(camera.underlying_status in IN_SERVICE for camera in cameras(link)))


def _on_time(link: LinkState, camera: CameraState) -> float:
    """Return when something of a camera came over this link that was not late."""
    came = camera.proof if camera.proof_link in (None, link) else NEVER
    return max(came, link.copies.get(camera.index, NEVER))


def is_even(link: LinkState, now: Instant) -> bool:
    """Tell whether a link that is behind has been so by the same for so long that it is the clocks.

    `apart` is by the steady clock: ours may run slow for hours after it was set back.
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
    """Return the cameras whose newest word was late: when it came, and by how much; forget the others."""
    found = {camera.index: camera for camera in cameras(link) if camera.index in link.late}
    for index, (arrived, _) in list(link.late.items()):
        camera = found.get(index)
        if camera is None or _on_time(link, camera) >= arrived or now - arrived > RECENT * camera.interval_s:
            del link.late[index]
    return link.late


def cameras(link: LinkState) -> Iterator[CameraState]:
    """Yield the cameras that a link carries."""
    return (camera for group in link.groups for camera in group.cameras.values())
