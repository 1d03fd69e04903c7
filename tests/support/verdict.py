"""What the record says of a herd, held against what each camera did: by the API, as everybody reads it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from camsim.score.observations import Observations, ObservedCamera, Outage, from_api
from tests.support.daemon import Daemon
from tests.support.herd import Camera, Herd, utc_ms

_NONE = ObservedCamera()


async def record(daemon: Daemon, herd: Herd) -> Observations:
    """Return the record of the herd's life so far, once all of it is stored."""
    await daemon.until(lambda now: now.value("camwatch_history_pending_events") == 0, "camwatch_history")
    began = min(camera.began_ms for camera in herd.cameras)
    return await asyncio.to_thread(from_api, daemon.url, began - 60_000, utc_ms() + 60_000)


def false_outages(said: Observations, herd: Herd) -> list[str]:
    """Return the outages that stand in the record, and in which the camera spoke.

    What a late heartbeat proved to be up time since does not stand. One heartbeat may lie within the rest:
    a start lies between two of them, and an end on the way of one.
    """
    found = []
    for camera in herd.cameras:
        one = said.cameras.get(camera.id, _NONE)
        for outage in one.outages:
            end = outage.end_ms or said.watermark_ms
            within = [
                at - outage.at_ms
                for at in camera.sent_ms
                if outage.at_ms < at < end - camera.interval_s * 1000
                and not any(start <= at <= stop for start, stop in one.fills)
            ]
            if len(within) > 1:
                found.append(f"{camera.id}: {end - outage.at_ms} ms down, spoke after {within}; {one}")
    return found


def undetected(said: Observations, herd: Herd, down_after: float = 4.5) -> list[str]:
    """Return the cameras that were away for two intervals longer than convicts, and have no outage then."""
    return [
        f"{camera.id} {camera.kind.value}: away for {absence_ms} ms"
        for camera in herd.cameras
        for start, end, absence_ms in _absences(camera)
        if absence_ms > (down_after + 2) * camera.interval_s * 1000
        and not any(
            outage.at_ms < end and (outage.end_ms or utc_ms()) > start for outage in _outages(said, camera)
        )
    ]


def _absences(camera: Camera) -> Iterator[tuple[int, int, int]]:
    for absence in camera.absences:
        end = absence.until_ms or utc_ms()
        yield absence.from_ms, end, end - absence.heard_ms


def _outages(said: Observations, camera: Camera) -> list[Outage]:
    return said.cameras.get(camera.id, _NONE).outages
