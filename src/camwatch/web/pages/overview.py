"""The whole fleet as somebody sees it, looked at once for all who ask within a moment.

When a camera goes down, everyone who watches asks for the same at once.
"""

from __future__ import annotations

from collections.abc import Iterable
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
    """A fleet at a moment: its cameras, the worst first; `unwell` are those of them that are not well."""

    counts: Counts
    cameras: list[CameraView]
    needing_attention: list[CameraView]
    operators: list[OperatorView]
    sites: list[SiteView]


class FleetSnapshotCache:
    """Looks at the fleet, a little at a time, and no more often than needed."""

    def __init__(self, ctx: AppContext) -> None:
        self._ctx = ctx
        self._looks: TtlCache[FleetSnapshot] = TtlCache()

    async def get(self, viewer: Principal) -> FleetSnapshot:
        """Return how the fleet is, as somebody sees it."""
        return await self._looks.get(viewer.operators, lambda: self._look(viewer))

    async def _look(self, viewer: Principal) -> FleetSnapshot:
        live = self._ctx.live
        everyone = await run_cooperatively(cameras.query(live, viewer, Filter()))
        unwell = await run_cooperatively(_unwell(live, everyone))
        census = await run_cooperatively(fleet.count_cameras(live, viewer))
        operators = await run_cooperatively(fleet.operators(live, viewer, self._ctx.rolling(), census))
        sites = await run_cooperatively(fleet.sites(live, viewer, census))
        counts = _sum(operator.counts for operator in operators)
        return FleetSnapshot(counts, everyone, unwell, operators, sites)


def _unwell(live: MonitorService, everyone: list[CameraView]) -> CooperativeTask[list[CameraView]]:
    found: list[CameraView] = []
    for some in cameras.batches(everyone):
        now = live.now
        found += [state for state in some if cameras.needs_attention(state, now)]
        yield
    return found


def _sum(all_counts: Iterable[Counts]) -> Counts:
    totals = dict.fromkeys(Counts.model_fields, 0)
    for counts in all_counts:
        for name in totals:
            totals[name] += getattr(counts, name)
    return Counts(**totals)
