"""Cameras as they are now."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import islice
from math import isfinite
from operator import itemgetter
from typing import Any, TypeAlias

from pydantic import Field

from camwatch.core.camera_view import CameraView, is_suspect
from camwatch.core.conditions import REASON_NAMES
from camwatch.core.model import Camera, Cause, IncidentKind, Instant, Lifecycle, Purpose, Status
from camwatch.monitoring.service import MonitorService
from camwatch.web.auth.principal import Principal
from camwatch.web.problems import not_found
from camwatch.web.views.base import CooperativeTask, Moment, View, to_datetime, to_datetime_or_none
from camwatch.web.views.incidents import open_incidents
from camwatch.web.views.refusals import Dropped, Refused, dropped, refused

_SLICE = 500


class Condition(StrEnum):
    """A warning on a camera: `degraded` is any of the reasons that follow it here.

    `overdue`: planned, and its commissioning date has passed.
    """

    SUSPECT = "suspect"
    FLAPPING = "flapping"
    OVERDUE = "overdue"
    DEGRADED = "degraded"
    VIDEO_LOSS = "video_loss"
    FROZEN = "frozen"
    FPS_LOW = "fps_low"
    NOT_RECORDING = "not_recording"
    TAMPER = "tamper"
    STORAGE = "storage"
    TEMPERATURE = "temperature"
    CLOCK = "clock"


class Sort(StrEnum):
    """Sort order; a `-` before it reverses it."""

    SEVERITY = "severity"  # down, unknown, up with a condition, the rest; within each the newest first
    ID = "id"
    NAME = "name"
    OPERATOR = "operator"
    SITE = "site"
    ZONE = "zone"
    SINCE = "since"
    LAST_HEARTBEAT = "last_heartbeat"


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter of cameras; None or empty fields match all.

    The words of `q` are searched in id, name, site, zone and operator, regardless of case and accents.
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
    """Last reported values of a camera; null if not reported."""

    fps: float | None
    bitrate_bps: float | None
    temperature_celsius: float | None
    storage_used_ratio: float | None
    clock_offset_s: float | None = Field(description="Our clock less the camera's, seconds.")
    firmware: str | None


class IncidentRef(View):
    """An open incident that includes the camera."""

    kind: IncidentKind
    id: str
    since: Moment


class CameraDetail(CameraRow):
    """The present state of one camera."""

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
    refused: tuple[Refused, ...] = Field(
        description="Messages refused lately: in the last hour, the newest first."
    )
    dropped: tuple[Dropped, ...] = Field(
        description="Fields dropped lately: in the last hour, the newest first."
    )


def query(
    live: MonitorService, viewer: Principal, wanted: Filter, sort: str = Sort.SEVERITY
) -> CooperativeTask[list[CameraView]]:
    """Return the visible cameras that match a filter, sorted (cooperative generator).

    `sort` is one of `Sort`, with a `-` before it to reverse the order.
    """
    now = live.now
    words = tuple(normalize(word) for word in wanted.q.split())
    checks = _checks(wanted, now)
    key = _key(Sort(sort.removeprefix("-")), now)
    found: list[tuple[Any, CameraView]] = []
    for some in batches(visible(live, viewer)):
        found += [
            (key(state), state)
            for state in some
            if all(check(state) for check in checks) and (not words or _says(live, state.camera, words))
        ]
        yield
    found.sort(key=itemgetter(0), reverse=sort.startswith("-"))
    return [state for _, state in found]


def _key(by: Sort, now: Instant) -> Callable[[CameraView], Any]:
    keys: dict[Sort, Callable[[CameraView], Any]] = {
        Sort.SEVERITY: lambda state: (_severity(state, now), -state.since.utc_ms, state.camera.id),
        Sort.ID: lambda state: state.camera.id,
        Sort.NAME: lambda state: (normalize(state.camera.name), state.camera.id),
        Sort.OPERATOR: lambda state: (state.camera.operator, state.camera.id),
        Sort.SITE: lambda state: (state.camera.site, state.camera.id),
        Sort.ZONE: lambda state: (normalize(state.camera.zone), state.camera.id),
        Sort.SINCE: lambda state: (state.since.utc_ms, state.camera.id),
        Sort.LAST_HEARTBEAT: lambda state: (state.proof_ms or 0, state.camera.id),
    }
    return keys[by]


def batches(states: Iterable[CameraView]) -> Iterator[list[CameraView]]:
    """Yield slices of cameras that take a millisecond or two each."""
    remaining = iter(list(states))
    while some := list(islice(remaining, _SLICE)):
        yield some


def visible(live: MonitorService, viewer: Principal) -> Iterable[CameraView]:
    """Return the visible cameras."""
    cameras = live.cameras.values()
    return (
        cameras if viewer.can_see_all else (each for each in cameras if viewer.can_see(each.camera.operator))
    )


def get(live: MonitorService, viewer: Principal, camera: str) -> CameraView:
    """Return a visible camera. Raises ProblemError (404)."""
    state = live.cameras.get(camera)
    if state is None or not viewer.can_see(state.camera.operator):
        raise not_found(f"camera {camera!r}")
    return state


def to_row(live: MonitorService, state: CameraView) -> CameraRow:
    """Return a camera's row."""
    return CameraRow(**_row(live, state, live.now))


def to_rows(live: MonitorService, states: Iterable[CameraView]) -> list[CameraRow]:
    """Return the rows of a list."""
    now = live.now
    return [CameraRow(**_row(live, state, now)) for state in states]


def detail(live: MonitorService, viewer: Principal, camera: str) -> CameraDetail:
    """Return a visible camera in detail. Raises ProblemError (404)."""
    state, now = get(live, viewer, camera), live.now
    deadlines = live.settings.liveness.for_camera(state.camera)
    return CameraDetail(
        **_row(live, state, now),
        model=state.camera.model,
        in_service_from=to_datetime_or_none(state.camera.in_service_from_ms),
        commission_by=to_datetime_or_none(state.camera.commission_by_ms),
        interval_s=deadlines.interval_s,
        suspect_after_s=deadlines.suspect_s,
        down_after_s=deadlines.down_s,
        values=values(state),
        heartbeats=state.heartbeats,
        outages=state.outages,
        reboots=state.reboots,
        incidents=tuple(
            IncidentRef(kind=each.group.kind, id=each.group.id, since=to_datetime(each.since_ms))
            for each in open_incidents(live, viewer)
            if state.index in each.group.members
        ),
        refused=refused(live, camera),
        dropped=dropped(live, camera),
    )


def values(state: CameraView) -> Values:
    """Return a camera's last reported values."""
    return Values(
        fps=state.fps,
        bitrate_bps=state.bitrate_bps,
        temperature_celsius=state.temperature_celsius,
        storage_used_ratio=state.storage_used_ratio,
        clock_offset_s=state.clock_offset if isfinite(state.clock_offset) else None,
        firmware=state.firmware,
    )


def suspect(state: CameraView, now: Instant) -> bool:
    """Return whether a camera is suspect (rule C1)."""
    return state.underlying_status is Status.UP and _up(state, now) and is_suspect(state, now.mono)


def flapping(state: CameraView, now: Instant) -> bool:
    """Return whether a camera flaps, whether up or down now (rule C2)."""
    return state.flapping is not None and state.flapping.is_active(now.mono)


def degraded(state: CameraView, now: Instant) -> tuple[str, ...]:
    """Return why a camera is degraded (rule C3)."""
    if not state.reasons or not _up(state, now):
        return ()
    return tuple(name for reason, name in REASON_NAMES.items() if state.reasons & reason)


def is_overdue(state: CameraView, now: Instant) -> bool:
    """Return whether the commissioning date of a planned camera has passed (rule V1)."""
    by = state.camera.commission_by_ms
    return by is not None and state.underlying_status is Status.PLANNED and by < now.utc_ms


@lru_cache(maxsize=65_536)
def normalize(text: str) -> str:
    """Return a text without case and accents, for search and sorting."""
    parted = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in parted if not unicodedata.combining(letter))


def _row(live: MonitorService, state: CameraView, now: Instant) -> dict[str, Any]:
    camera, status = state.camera, state.status_at(now)
    inventory = live.inventory
    operator, site = inventory.operators.get(camera.operator), inventory.sites.get(camera.site)
    latitude, longitude = camera.latitude, camera.longitude
    if (latitude is None or longitude is None) and site is not None:
        latitude, longitude = site.latitude, site.longitude
    return {
        "id": camera.id,
        "operator": camera.operator,
        "operator_name": operator.name if operator else camera.operator,
        "site": camera.site,
        "site_name": site.name if site else camera.site,
        "zone": camera.zone,
        "name": camera.name,
        "purpose": camera.purpose,
        "lifecycle": camera.lifecycle,
        "status": status,
        "since": to_datetime(state.since.utc_ms),
        "cause": state.cause if status is Status.DOWN else None,
        "suspect": suspect(state, now),
        "flapping": flapping(state, now),
        "degraded": degraded(state, now),
        "overdue": is_overdue(state, now),
        "last_heartbeat": to_datetime_or_none(state.proof_ms),
        "latitude": latitude,
        "longitude": longitude,
    }


def _up(state: CameraView, now: Instant) -> bool:
    return state.status_at(now) is Status.UP


def _says(live: MonitorService, camera: Camera, words: tuple[str, ...]) -> bool:
    """Return whether a camera's names contain all words."""
    site, operator = live.inventory.sites.get(camera.site), live.inventory.operators.get(camera.operator)
    names = (camera.name, camera.zone, site.name if site else "", operator.name if operator else "")
    text = "\n".join((camera.id, camera.site, camera.operator, *map(normalize, names)))
    return all(word in text for word in words)


_Check: TypeAlias = Callable[[CameraView], bool]


def _checks(wanted: Filter, now: Instant) -> list[_Check]:
    """Return the conditions of a filter, the cheapest first."""
    checks: list[_Check] = []
    if wanted.operator is not None:
        checks.append(lambda state: state.camera.operator == wanted.operator)
    if wanted.site is not None:
        checks.append(lambda state: state.camera.site == wanted.site)
    if wanted.zone is not None:
        checks.append(lambda state: state.camera.zone == wanted.zone)
    if wanted.purpose is not None:
        checks.append(lambda state: state.camera.purpose is wanted.purpose)
    if wanted.status:
        checks.append(lambda state: state.status_at(now) in wanted.status)
    if wanted.condition:
        checks.append(lambda state: any(_holds(condition, state, now) for condition in wanted.condition))
    return checks


def _holds(condition: str, state: CameraView, now: Instant) -> bool:
    if condition == "suspect":
        return suspect(state, now)
    if condition == "flapping":
        return flapping(state, now)
    if condition == "overdue":
        return is_overdue(state, now)
    reasons = degraded(state, now)
    return bool(reasons) if condition == "degraded" else condition in reasons


_SEVERITY = {
    Status.DOWN: 0,
    Status.UNKNOWN: 1,
    Status.UP: 6,
    Status.MAINTENANCE: 5,
    Status.PLANNED: 7,
    Status.RETIRED: 8,
}


_UNWELL = 4  # and what is worse


def needs_attention(state: CameraView, now: Instant) -> bool:
    """Return whether a camera is down, unknown, overdue or has a condition."""
    return _severity(state, now) <= _UNWELL


def _severity(state: CameraView, now: Instant) -> int:
    status = state.status_at(now)
    if status is Status.UP:
        if is_suspect(state, now.mono):
            return 2
        if state.reasons or flapping(state, now):
            return 3
    elif status is Status.PLANNED and is_overdue(state, now):
        return 4
    return _SEVERITY[status]
