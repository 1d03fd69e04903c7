"""Cameras as they are now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from math import isfinite
from typing import Any

from pydantic import Field

from camwatch.core import liveness
from camwatch.core.conditions import REASON_NAMES, Reason
from camwatch.core.model import Cause, IncidentKind, Instant, Lifecycle, Purpose, Status
from camwatch.core.state import CameraState
from camwatch.web.house import Live
from camwatch.web.problems import missing
from camwatch.web.viewer import Viewer
from camwatch.web.views.base import Moment, View, moment, moment_or_none

Condition = StrEnum(  # type: ignore[misc] - mypy wants literals; the reasons are named in the core
    "Condition",
    {name.upper(): name for name in ("suspect", "flapping", "degraded", "overdue", *REASON_NAMES.values())},
)
"""`suspect`, `flapping`, `degraded` or any of its reasons; `overdue`: planned, and its date has passed."""


class Sort(StrEnum):
    """In which order cameras come; a `-` before it turns it around."""

    WORST = "worst"  # down, unknown, up with a condition, the rest; within each the newest first
    ID = "id"
    NAME = "name"
    OPERATOR = "operator"
    SITE = "site"
    ZONE = "zone"
    SINCE = "since"
    LAST_HEARTBEAT = "last_heartbeat"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which cameras are wanted; what is None or empty excludes nobody.

    `q` is searched for in id, name, site, zone and operator, without regard to case and accents.
    """

    operator: str | None = None
    site: str | None = None
    zone: str | None = None
    purpose: Purpose | None = None
    status: tuple[Status, ...] = ()
    condition: tuple[str, ...] = ()
    q: str = ""


class CameraRow(View):
    """One camera in a list."""

    id: str
    operator: str
    operator_name: str
    site: str
    site_name: str
    zone: str
    name: str
    purpose: Purpose
    lifecycle: Lifecycle
    status: Status
    since: Moment | None = Field(description="Since when it has this status.")
    cause: Cause | None = Field(description="What was seen when it went down; null unless it is down.")
    suspect: bool = Field(description="Up, but silent for longer than usual.")
    flapping: bool = Field(description="Up and down too often in the last half hour.")
    degraded: tuple[str, ...] = Field(description="Why it is of less use though up.")
    overdue: bool = Field(description="Planned, and its commissioning date has passed.")
    last_heartbeat: Moment | None
    latitude: float | None
    longitude: float | None


class Values(View):
    """What a camera last said; null where it said nothing."""

    fps: float | None
    bitrate_bps: float | None
    temperature_celsius: float | None
    storage_used_ratio: float | None
    clock_offset_s: float | None = Field(description="Our clock less the camera's, seconds.")
    firmware: str | None


class IncidentRef(View):
    """An open incident that a camera is part of."""

    kind: IncidentKind
    id: str
    since: Moment


class CameraDetail(CameraRow):
    """All that is known of one camera now."""

    model: str
    in_service_from: Moment | None
    commission_by: Moment | None
    interval_s: float = Field(description="Between two heartbeats, seconds.")
    suspect_after_s: float = Field(description="Silence after which it is suspect, seconds.")
    down_after_s: float = Field(description="Silence after which it is down, seconds.")
    values: Values
    heartbeats: int = Field(description="Counted since it was first seen.")
    outages: int
    reboots: int
    incidents: tuple[IncidentRef, ...]


def rows(live: Live, viewer: Viewer, wanted: Filter, sort: str = Sort.WORST) -> list[CameraState]:
    """Return the cameras that someone may see and wants, in order."""
    raise NotImplementedError


def row(live: Live, state: CameraState) -> CameraRow:
    """Return a camera's line in a list."""
    raise NotImplementedError


def detail(live: Live, viewer: Viewer, camera: str) -> CameraDetail:
    """Return all about a camera. Raises Problem (404) if there is none for this viewer."""
    raise NotImplementedError
