"""Event time: up to which instant a link has seen everything (rule S11).

A broker, a link or a restart that is merely behind accuses nobody: deadlines are compared with `now - lag`.
Only late heartbeats are looked at, so a link whose messages come on time pays nothing. What a few cameras
with odd clocks say does not count: the link lags while more of its cameras are late than on time, and at
least three are (all, where it has fewer). One alone never puts off what is judged of the others.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from camwatch.core.liveness import IN_SERVICE, NEVER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from camwatch.core.state import CameraState, LinkState

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

FOREVER = float("inf")


def note_late(link: LinkState, camera: CameraState, now: float, late_s: float) -> None:
    """Remember that a camera's newest heartbeat came late over this link."""
    link.late[camera.index] = (now, late_s)
    link.newest_late = now
    link.sent_late = max(link.sent_late, now - late_s)
    if link.look_at == FOREVER:
        link.look_at = now


def take_canary(link: LinkState, now: float, sent: float, on_time_s: float) -> None:
    """Take the return of a canary: all that the broker had when it was `sent` is here (rule S12)."""
    behind = now - sent
    link.canary_lag = behind if behind > on_time_s else 0.0
    if link.canary_lag or link.lag:
        link.look_at = min(link.look_at, now)


def reckon(link: LinkState, now: float, look_again_s: float) -> bool:
    """Reckon the lag of a link anew; return whether more cameras were on time than late."""
    late, on_time, in_service = _late(link, now), 0, 0
    for camera in _cameras(link):
        in_service += camera.life in IN_SERVICE
        if camera.index not in late and now - camera.proof <= RECENT * camera.interval_s:
            on_time += 1
    lagged = link.seen_upto > NEVER and not on_time  # as enough have shown, and nobody denied since
    if len(late) > on_time and (lagged or len(late) >= min(WITNESSES, in_service)):
        link.lag = _quantile(late_s for _, late_s in late.values())
        enough = lagged or len(late) >= WITNESSES
        link.seen_upto = _quantile(arrived - late_s for arrived, late_s in late.values()) if enough else NEVER
    elif late or on_time or now - link.newest_late > SILENCE * shortest_silence(link):
        link.lag, link.seen_upto = 0.0, NEVER
    else:  # nobody says anything: what is under way was sent since
        link.lag = 0.0 if link.seen_upto == NEVER else now - link.seen_upto
    if link.canary_lag > link.lag:
        link.lag, link.seen_upto = link.canary_lag, max(link.seen_upto, now - link.canary_lag)
    link.look_at = now + look_again_s if late or link.lag else FOREVER
    return on_time > len(late)


def shortest_silence(link: LinkState) -> float:
    """Return the shortest `down_after` of a link's cameras, in seconds; infinite without any."""
    return min((camera.down_s for camera in _cameras(link)), default=FOREVER)


def _quantile(values: Iterable[float]) -> float:
    ordered = sorted(values)
    return ordered[ceil(QUANTILE * len(ordered)) - 1]


def _late(link: LinkState, now: float) -> dict[int, tuple[float, float]]:
    """Return the cameras whose newest word was late: when it came, and by how much; forget the others."""
    cameras = {camera.index: camera for camera in _cameras(link) if camera.index in link.late}
    for index, (arrived, _) in list(link.late.items()):
        camera = cameras.get(index)
        if camera is None or camera.proof >= arrived or now - arrived > RECENT * camera.interval_s:
            del link.late[index]
    return link.late


def _cameras(link: LinkState) -> Iterator[CameraState]:
    return (camera for sight in link.sights for camera in sight.cameras.values())
