"""The events that the core emits, in order."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from camwatch.core.model import Cause, GapCause, IncidentKind, Instant, Status


class Transition(NamedTuple):
    """A camera changed its status."""

    camera: str
    operator: str
    site: str
    old: Status
    new: Status
    at: Instant  # when it became true
    detected_at: Instant  # when it was decided
    cause: Cause | None = None  # the evidence, if it is down
    deadline: float | None = None  # the deadline that it missed, monotonic seconds; None: none was involved
    earliest_ms: int | None = None  # the bounds of `at`, UTC; None: it is exact (rule E)
    latest_ms: int | None = None


class IncidentEvent(NamedTuple):
    """An incident began or ended."""

    kind: IncidentKind
    id: str
    opened: bool  # False: ended
    since: Instant  # the earliest `at` of its cameras
    detected_at: Instant
    cameras: int  # how many


class Reboot(NamedTuple):
    """A camera's uptime counter fell (rule L6)."""

    camera: str
    operator: str
    at: Instant


class OutageEvent(NamedTuple):
    """An outage began or ended (rules A6, S7).

    It ends with the last stay in `down`: if a monitoring gap hid its end, when the gap began.
    """

    camera: str
    operator: str
    site: str
    opened: bool  # False: ended
    at: Instant
    detected_at: Instant
    cause: Cause | None
    again: bool = False  # it had ended with the removal of its camera, which is back and still down (V6)


class ServicePeriodEvent(NamedTuple):
    """A camera entered or left service; `status` is its status then."""

    camera: str
    operator: str
    started: bool
    at: Instant
    status: Status


class Backfill(NamedTuple):
    """Late heartbeats prove that unknown or down time in [start_ms, end_ms), UTC, was up (E4).

    [certain_start_ms, certain_end_ms) is certain, from the first of them to the last; None: all of it is.
    """

    camera: str
    operator: str
    start_ms: int
    end_ms: int
    certain_start_ms: int | None = None
    certain_end_ms: int | None = None


class MonitoringGap(NamedTuple):
    """Cameras of these operators (empty: all) were not visible through these links.

    Emitted at its end; until then the checkpoint of the link group holds it.
    """

    links: tuple[str, ...]
    operators: tuple[str, ...]
    cause: GapCause
    began: Instant
    ended: Instant


Event: TypeAlias = (
    Transition | OutageEvent | ServicePeriodEvent | Backfill | MonitoringGap | IncidentEvent | Reboot
)
