"""Faults of the inventory, and unregistered ids. Only for principals that see all operators."""

from __future__ import annotations

from pydantic import Field

from camwatch.monitoring.service import MonitorService
from camwatch.web.auth.principal import Principal
from camwatch.web.problems import not_found
from camwatch.web.views.base import Moment, View, to_datetime
from camwatch.web.views.cameras import is_overdue


class UnregisteredView(View):
    """An id that sends messages but is not in the inventory."""

    id: str
    messages: int


class OverdueView(View):
    """A planned camera whose commissioning date has passed."""

    camera: str
    operator: str
    name: str
    commission_by: Moment


class HeldView(View):
    """A reload that must be confirmed, because it takes too many cameras out of service."""

    leaving: int
    in_service: int


class InventoryView(View):
    """State of the inventory."""

    loaded: Moment = Field(description="When the one in force was read.")
    operators: int
    sites: int
    cameras: int
    failed_reloads: int = Field(description="Since the start.")
    faults: tuple[str, ...] = Field(
        description="Why the tables as they lie there now were not taken; empty if they were."
    )
    held: HeldView | None = Field(
        description="What waits to be confirmed by `camwatch reload --confirm`; null if nothing does."
    )
    unregistered: int
    rejected: dict[str, int] = Field(description="Messages refused since the start, by reason.")
    overdue: tuple[OverdueView, ...]


def inventory(live: MonitorService, viewer: Principal) -> InventoryView:
    """Return the state of the inventory. Raises ProblemError (404)."""
    _for_all(viewer)
    now, known, held = live.now, live.inventory, live.held
    late = [state.camera for state in live.cameras.values() if is_overdue(state, now)]
    return InventoryView(
        loaded=to_datetime(live.last_reload.utc_ms),
        operators=len(known.operators),
        sites=len(known.sites),
        cameras=len(known.cameras),
        failed_reloads=live.reload_errors,
        faults=live.inventory_faults,
        held=HeldView(leaving=held.leaving, in_service=held.serving) if held else None,
        unregistered=len(live.rejections.unregistered),
        rejected={str(reason): count for reason, count in live.rejections.counts.items()},
        overdue=tuple(
            OverdueView(
                camera=row.id,
                operator=row.operator,
                name=row.name,
                commission_by=to_datetime(row.commission_by_ms or 0),
            )
            for row in late
        ),
    )


def unregistered(live: MonitorService, viewer: Principal) -> list[UnregisteredView]:
    """Return the unregistered ids, latest first. Raises ProblemError (404)."""
    _for_all(viewer)
    found = reversed(list(live.rejections.unregistered.items()))
    return [UnregisteredView(id=name, messages=count) for name, count in found]


def _for_all(viewer: Principal) -> None:
    if not viewer.can_see_all:
        raise not_found("page at this address")
