"""Checkpoints: what the store keeps of each camera and link group. UTC milliseconds."""

from __future__ import annotations

from typing import NamedTuple

from camwatch.core.model import Cause, Status


class CameraCheckpoint(NamedTuple):
    """One camera at one instant: its status, its counters, and its message order (L6-L9).

    The store's table has the same columns, under the same names (`history.schema`).
    """

    camera: str
    operator: str
    underlying_status: Status = Status.UNKNOWN
    status: Status = Status.UNKNOWN
    since_ms: int = 0
    cause: Cause | None = None
    accounted_until_ms: int | None = None  # status time is final before it; None: out of service
    last_heartbeat_ms: int | None = None
    due_ms: int | None = None  # set, with the deadline, if a monitoring gap moved them
    deadline_ms: int | None = None
    outage_open: bool = False
    down_until_ms: int | None = None  # when an open outage was last seen (S7), or its camera removed (V6)
    up: int = 0  # milliseconds, as are the next four
    down: int = 0
    unknown: int = 0
    maintenance: int = 0
    degraded: int = 0
    heartbeats: int = 0
    outages: int = 0
    reboots: int = 0
    first_seq: int = 0
    next_seq: int | None = None
    uptime_s: float | None = None
    ts: float | None = None
    clock_offset_s: float | None = None
    flaps: str = ""  # its last changes between up and down, separated by blanks (rule C2)


EMPTY = CameraCheckpoint("", "")
"""What the store has of a camera before the first checkpoint."""


class LinkGroupCheckpoint(NamedTuple):
    """What the links that carry the same cameras last delivered (rule S6)."""

    links: tuple[str, ...]
    operators: tuple[str, ...]
    last_packet_ms: int  # when the last packet came; if `blind`, when the monitoring gap began
    blind: bool
