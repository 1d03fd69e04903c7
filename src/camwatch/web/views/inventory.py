"""What is wrong with the inventory, and who sends without being in it. For those who see all."""

from __future__ import annotations

from pydantic import Field

from camwatch.web.views.base import Moment, View


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
    unregistered: int
    rejected: dict[str, int] = Field(description="Messages refused since the start, by reason.")
    overdue: tuple[OverdueView, ...]
