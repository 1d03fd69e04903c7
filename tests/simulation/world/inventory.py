"""What people wrote down: the inventory at each instant, as the faults of a plan make it."""

from __future__ import annotations

from typing import TypeAlias

from camwatch.core.model import Camera, Lifecycle, MaintenanceWindow, Purpose, Scope
from tests.simulation.plans.faults import Announces, Leaves, Moves, Paces, Plans, Retires
from tests.simulation.plans.plan import Device, Plan

_Noted: TypeAlias = Leaves | Retires | Plans | Paces | Moves | Announces


class Office:
    """The inventory of a plan, as of any instant. Times are true UTC milliseconds."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._faults: list[_Noted] = [fault for fault in plan.faults if isinstance(fault, _Noted)]

    def changes(self) -> list[int]:
        """Return when the inventory changes."""
        edges = set()
        for fault in self._faults:
            at = self._plan.begins + fault.at
            if isinstance(fault, Plans):
                continue
            edges.add(at)
            if isinstance(fault, Announces):
                edges.update([at + fault.taken] if fault.taken else ())
            elif not isinstance(fault, Moves):
                edges.add(at + fault.lasts)
        return sorted(edge for edge in edges if edge < self._plan.ends)

    def rows(self, at: int) -> list[Camera]:
        """Return the rows of the cameras in the inventory at an instant."""
        found = []
        for device in self._plan.devices:
            mine = [fault for fault in self._faults if getattr(fault, "camera", "") == device.id]
            if not any(isinstance(fault, Leaves) and self._holds(fault, at) for fault in mine):
                found.append(self._row(device, mine, at))
        return found

    def windows(self, at: int) -> list[MaintenanceWindow]:
        """Return the windows that the inventory names at an instant."""
        found = []
        for fault in self._faults:
            if isinstance(fault, Announces):
                said = self._plan.begins + fault.at
                if said <= at and not (fault.taken and said + fault.taken <= at):
                    scope = Scope(fault.scope)
                    found.append(
                        MaintenanceWindow(scope, fault.where, said + fault.starts, said + fault.ends, "works")
                    )
        return list(dict.fromkeys(found))

    def _holds(self, fault: Leaves | Retires | Paces, at: int) -> bool:
        return 0 <= at - self._plan.begins - fault.at < fault.lasts

    def _row(self, device: Device, faults: list[_Noted], at: int) -> Camera:
        lifecycle, date, interval, site = Lifecycle.IN_SERVICE, None, device.interval, device.site
        for fault in faults:
            if isinstance(fault, Plans):
                lifecycle = Lifecycle.PLANNED
                date = self._plan.begins + fault.at if fault.dated else None
            elif isinstance(fault, Retires) and self._holds(fault, at):
                lifecycle = Lifecycle.RETIRED
            elif isinstance(fault, Paces) and self._holds(fault, at):
                interval = fault.interval
            elif isinstance(fault, Moves) and self._plan.begins + fault.at <= at:
                site = fault.site
        return Camera(
            device.id,
            device.operator,
            site,
            "centre",
            device.id,
            Purpose.TRAFFIC,
            lifecycle,
            in_service_from_ms=date,
            interval_s=interval / 1000,
        )
