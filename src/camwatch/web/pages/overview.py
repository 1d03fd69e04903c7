"""Snapshots of the fleet, shared by requests: when a camera goes down, all clients refresh at once."""

from __future__ import annotations

from dataclasses import dataclass

from camwatch.core.camera_view import CameraView
from camwatch.monitoring.service import MonitorService
from camwatch.web.auth.principal import Principal
from camwatch.web.context import AppContext
from camwatch.web.pages.request_cache import TtlCache
from camwatch.web.views import cameras, fleet
from camwatch.web.views.base import CooperativeTask, run_cooperatively
from camwatch.web.views.cameras import Filter
from camwatch.web.views.fleet import Counts, OperatorView, SiteView


@dataclass(frozen=True, slots=True)
class FleetSnapshot:
    """The cameras, operators and sites that a user can see, at an instant; cameras are sorted worst first."""

    counts: Counts
    cameras: list[CameraView]
    needing_attention: list[CameraView]
    operators: list[OperatorView]
    sites: list[SiteView]


class FleetSnapshotCache:
    """Builds and caches snapshots, by the operators that a user can see."""

    def __init__(self, ctx: AppContext) -> None:
        self._ctx = ctx
        self._snapshots: TtlCache[FleetSnapshot] = TtlCache()

    async def get(self, viewer: Principal) -> FleetSnapshot:
        """Return the snapshot for a user."""
        return await self._snapshots.get(viewer.operators, lambda: self._build(viewer))

    async def _build(self, viewer: Principal) -> FleetSnapshot:
        live = self._ctx.live
        everyone = await run_cooperatively(cameras.query(live, viewer, Filter()))
        attention = await run_cooperatively(_needing_attention(live, everyone))
        census = await run_cooperatively(fleet.count_cameras(live, viewer))
        operators = await run_cooperatively(fleet.operators(live, viewer, self._ctx.rolling(), census))
        sites = await run_cooperatively(fleet.sites(live, viewer, census))
        fields = Counts.model_fields
        counts = Counts(**{name: sum(getattr(each.counts, name) for each in operators) for name in fields})
        return FleetSnapshot(counts, everyone, attention, operators, sites)


def _needing_attention(live: MonitorService, everyone: list[CameraView]) -> CooperativeTask[list[CameraView]]:
    found: list[CameraView] = []
    for some in cameras.batches(everyone):
        now = live.now
        found += [state for state in some if cameras.needs_attention(state, now)]
        yield
    return found
