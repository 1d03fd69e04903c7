"""What is wrong with the inventory, and who sends without being in it. For those who see all."""

from __future__ import annotations

from pydantic import Field

from camwatch.monitoring.service import MonitorService
from camwatch.web.auth.principal import Principal
from camwatch.web.problems import not_found
from camwatch.web.views.base import Moment, View, to_datetime
from camwatch.web.views.cameras import is_overdue


class UnregisteredView(View):
    """An id that sends, and that the inventory does not know."""

    id: str
    messages: int


class OverdueView(View):
    """A planned camera whose commissioning date has passed."""

    camera: str
    operator: str
    name: str
    commission_by: Moment


class HeldView(View):
    """A reading of the tables that takes so many cameras out of service that it must be confirmed."""

    leaving: int
    in_service: int


class InventoryView(View):
    """How the inventory is."""

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
    """Return how the inventory is. Raises Problem (404) for who does not see all."""
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
    """Return the ids that nobody knows, the latest first. Raises Problem (404) for who does not see all."""
    _for_all(viewer)
    found = reversed(list(live.rejections.unregistered.items()))
    return [UnregisteredView(id=name, messages=count) for name, count in found]


def _for_all(viewer: Principal) -> None:
    if not viewer.can_see_all:
        raise not_found("such page")
