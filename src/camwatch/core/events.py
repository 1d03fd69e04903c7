"""What happened: the events that the core hands out, in order."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from camwatch.core.model import Cause, GapCause, IncidentKind, Instant, Status


class Transition(NamedTuple):
    """A camera changed its status: `at` when it became true, `detected_at` when we knew.

    `cause` tells the evidence behind a conviction, None otherwise. `deadline` is the monotonic second at
    which the conviction fell due, None where no deadline was involved. `earliest_ms` and `latest_ms` (UTC)
    are the instants between which it became true, where that is not known exactly (rule E).
    """

    camera: str
    operator: str
    site: str
    old: Status
    new: Status
    at: Instant
    detected_at: Instant
    cause: Cause | None = None
    deadline: float | None = None
    earliest_ms: int | None = None
    latest_ms: int | None = None


class IncidentEvent(NamedTuple):
    """An incident began (`open`) or ended; `since` is the earliest `at` of its cameras."""

    kind: IncidentKind
    id: str
    opened: bool
    since: Instant
    detected_at: Instant
    cameras: int


class Reboot(NamedTuple):
    """A camera's uptime counter fell (rule L6)."""

    camera: str
    operator: str
    at: Instant


class OutageEvent(NamedTuple):
    """An outage began (`open`) or ended `at` that instant (rules A6, S7).

    It ends with the last stay in `down`: where blindness hid the end, when the blindness began. `again`: it
    ended as its camera left the inventory, which is back and down as before: it is the same one (rule V6).
    """

    camera: str
    operator: str
    site: str
    opened: bool
    at: Instant
    detected_at: Instant
    cause: Cause | None
    again: bool = False


class ServicePeriodEvent(NamedTuple):
    """A camera's ledger began (`entered`) or ended `at` that instant; `status` is what it was then."""

    camera: str
    operator: str
    started: bool
    at: Instant
    status: Status


class Backfill(NamedTuple):
    """Late heartbeats prove life: what was unknown or down in [start_ms, end_ms), UTC, was up time (E4).

    For certain it was from the first of them to the last, in [sure_start_ms, sure_end_ms); None: all of it.
    """

    camera: str
    operator: str
    start_ms: int
    end_ms: int
    sure_start_ms: int | None = None
    sure_end_ms: int | None = None


class MonitoringGap(NamedTuple):
    """The cameras of some operators (none named: of all) were out of sight of these links.

    Told when it ends; until then it is in what the store is given to remember of each sight.
    """

    links: tuple[str, ...]
    operators: tuple[str, ...]
    cause: GapCause
    began: Instant
    ended: Instant


Event: TypeAlias = (
    Transition | OutageEvent | ServicePeriodEvent | Backfill | MonitoringGap | IncidentEvent | Reboot
)
