"""Recently rejected messages and dropped fields of a camera."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from camwatch.errors import RejectReason
from camwatch.monitoring.service import MonitorService
from camwatch.rejections import RejectionCount
from camwatch.web.views.base import Moment, View, to_datetime

_LATELY_MS = 3_600_000


class Refused(View):
    """Messages of a camera that were rejected for one reason."""

    reason: RejectReason
    messages: int = Field(description="Counted since it was first seen.")
    last: Moment


class Dropped(View):
    """A field of a camera's heartbeats that could not be used: not finite, out of range, of a wrong type."""

    field: str
    heartbeats: int = Field(description="Since camwatch started.")
    last: Moment


def refused(live: MonitorService, camera: str) -> tuple[Refused, ...]:
    """Return the messages rejected in the last hour, by reason, newest first."""
    return tuple(
        Refused(reason=RejectReason(reason), messages=tally.count, last=to_datetime(tally.last_ms))
        for reason, tally in _lately(live, live.rejections.refused.get(camera, {}))
    )


def dropped(live: MonitorService, camera: str) -> tuple[Dropped, ...]:
    """Return the fields dropped in the last hour, newest first."""
    return tuple(
        Dropped(field=field, heartbeats=tally.count, last=to_datetime(tally.last_ms))
        for field, tally in _lately(live, live.rejections.dropped.get(camera, {}))
    )


def _lately(live: MonitorService, tallies: Mapping[str, RejectionCount]) -> list[tuple[str, RejectionCount]]:
    """Return the counts of the last hour, newest first."""
    now = live.now
    recent = [each for each in tallies.items() if now.utc_ms - each[1].last_ms <= _LATELY_MS]
    return sorted(recent, key=lambda each: -each[1].last_ms)
