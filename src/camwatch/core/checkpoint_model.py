"""The values of a checkpoint: what the store keeps of each camera and link group, UTC milliseconds."""

from __future__ import annotations

from typing import NamedTuple

from camwatch.core.model import Cause, Status


class CameraCheckpoint(NamedTuple):
    """One camera at one instant: its judgement, its counters, and what tells late from new (L6-L9).

    `accounted_until_ms` is up to when its account is kept, None out of service. `due_ms` and `deadline_ms`
    are set where blindness moved them. `down_until_ms` is when an open outage was last seen to be one (S7),
    or when one ended as the camera left the inventory: it goes on if that returns, down as before (V6).
    """

    camera: str
    operator: str
    underlying_status: Status
    status: Status
    since_ms: int
    cause: Cause | None
    accounted_until_ms: int | None
    last_heartbeat_ms: int | None
    due_ms: int | None
    deadline_ms: int | None
    outage_open: bool
    down_until_ms: int | None
    up: int
    down: int
    unknown: int
    maintenance: int
    degraded: int
    heartbeats: int
    outages: int
    reboots: int
    first_seq: int
    next_seq: int | None
    uptime_s: float | None
    ts: float | None
    clock_offset_s: float | None
    flaps: str  # when it last went up or down, UTC milliseconds, with blanks between (rule C2)


EMPTY = CameraCheckpoint(
    camera="",
    operator="",
    underlying_status=Status.UNKNOWN,
    status=Status.UNKNOWN,
    since_ms=0,
    cause=None,
    accounted_until_ms=None,
    last_heartbeat_ms=None,
    due_ms=None,
    deadline_ms=None,
    outage_open=False,
    down_until_ms=None,
    up=0,
    down=0,
    unknown=0,
    maintenance=0,
    degraded=0,
    heartbeats=0,
    outages=0,
    reboots=0,
    first_seq=0,
    next_seq=None,
    uptime_s=None,
    ts=None,
    clock_offset_s=None,
    flaps="",
)
"""What is remembered of a camera before anything is."""


class LinkGroupCheckpoint(NamedTuple):
    """What the links that carry the same cameras last saw: `seen_ms` is when a packet came, UTC.

    `blind`: there was no sight when this was noted, so `seen_ms` is since when.
    """

    links: tuple[str, ...]
    operators: tuple[str, ...]
    last_packet_ms: int
    blind: bool
