"""Models of the event stream; the SSE `event` names the model."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from pydantic import Field

from camwatch.core.events import Event, IncidentEvent, MonitoringGap, OutageEvent, Reboot, Transition
from camwatch.core.model import Cause, GapCause, IncidentKind, Status
from camwatch.monitoring.service import MonitorService
from camwatch.web.views.base import Moment, View, to_datetime


class TransitionUpdate(View):
    """`transition`: a camera changed its status."""

    camera: str
    name: str
    operator: str
    site: str
    old: Status
    new: Status
    at: Moment = Field(description="When it became true.")
    detected_at: Moment = Field(description="When camwatch knew.")
    cause: Cause | None


class OutageUpdate(View):
    """`outage`: an outage began or ended."""

    camera: str
    name: str
    operator: str
    site: str
    open: bool
    at: Moment
    detected_at: Moment
    cause: Cause | None


class IncidentUpdate(View):
    """`incident`: one began or ended, derived from the visible cameras."""

    kind: IncidentKind
    id: str
    open: bool
    since: Moment
    detected_at: Moment
    cameras: int


class RebootUpdate(View):
    """`reboot`: a camera restarted."""

    camera: str
    name: str
    operator: str
    at: Moment


class MonitoringGapUpdate(View):
    """`monitoring_gap`: cameras were not visible; sent when the gap is over."""

    cause: GapCause
    operators: tuple[str, ...] | None
    began: Moment
    ended: Moment


class VisibilityUpdate(View):
    """`visibility`: the visibility of cameras changed; the state now."""

    now: bool
    since: Moment | None
    operators: tuple[str, ...]


class LinkUpdate(View):
    """`link`: a session with a broker was subscribed or lost."""

    name: str
    up: bool
    problem: str | None


class InventoryUpdate(View):
    """`inventory_reloaded`: lists may be different."""

    at: Moment


class ResyncUpdate(View):
    """`resync`: events were missed and are no longer kept. Load everything again."""

    reason: str


Scope: TypeAlias = frozenset[str] | None
"""Visible operators; None: all."""


@dataclass(frozen=True, slots=True)
class ScopedEvent:
    """An event whose content depends on the scope; `of` returns None if it is not visible."""

    name: str
    of: Callable[[Scope], View | None]


CameraEvent: TypeAlias = Transition | OutageEvent | Reboot
"""An event of one camera: the same for all who can see its operator."""


def camera_event(live: MonitorService, event: CameraEvent) -> tuple[str, View]:
    """Return the name and the model of an event."""
    if isinstance(event, Transition):
        return "transition", _transition(live, event)
    if isinstance(event, OutageEvent):
        return "outage", _outage(live, event)
    return "reboot", RebootUpdate(
        camera=event.camera,
        name=_name(live, event),
        operator=event.operator,
        at=to_datetime(event.at.utc_ms),
    )


def fleet_event(event: Event) -> ScopedEvent | None:
    """Return an event that concerns several cameras; None for internal events."""
    if isinstance(event, IncidentEvent):
        return incident_event(event, None)
    if isinstance(event, MonitoringGap) and event.ended.utc_ms > event.began.utc_ms:
        return ScopedEvent("monitoring_gap", _blindness(event))
    return None


def link_event(live: MonitorService, name: str) -> ScopedEvent:
    """Return the state of a link as an event."""
    link, problem = live.fleet.links[name], live.link_reports[name].problem

    def of(scope: Scope) -> View | None:
        if scope is None:
            return LinkUpdate(name=name, up=problem is None, problem=problem)
        if link.operators and scope.isdisjoint(link.operators):
            return None
        return LinkUpdate(name=name, up=problem is None, problem=None)

    return ScopedEvent("link", of)


def visibility_event(live: MonitorService, concerned: Iterable[str]) -> ScopedEvent:
    """Return which operators' cameras are not visible, as an event for the operators concerned."""
    concerned = frozenset(concerned)
    dark = [
        (sight.blind_since.utc_ms, sight.operators)
        for sight in live.fleet.blind_groups
        if sight.blind_since is not None
    ]

    def of(scope: Scope) -> View | None:
        if scope is not None and scope.isdisjoint(concerned):
            return None
        mine = [(since, _seen(operators, scope)) for since, operators in dark]
        mine = [(since, operators) for since, operators in mine if operators]
        return VisibilityUpdate(
            now=bool(mine),
            since=to_datetime(min(since for since, _ in mine)) if mine else None,
            operators=tuple(sorted({operator for _, operators in mine for operator in operators})),
        )

    return ScopedEvent("visibility", of)


def inventory_event(live: MonitorService) -> ScopedEvent:
    """Return the reload of the inventory as an event."""
    view = InventoryUpdate(at=to_datetime(live.last_reload.utc_ms))
    return ScopedEvent("inventory_reloaded", lambda _scope: view)


def _seen(operators: Iterable[str], scope: Scope) -> tuple[str, ...]:
    return tuple(operator for operator in operators if scope is None or operator in scope)


def _name(live: MonitorService, event: CameraEvent) -> str:
    row = live.inventory.cameras.get(event.camera)
    # After a change of operator, the inventory has the name that the new operator gave.
    return row.name if row is not None and row.operator == event.operator else event.camera


def _transition(live: MonitorService, event: Transition) -> TransitionUpdate:
    return TransitionUpdate(
        camera=event.camera,
        name=_name(live, event),
        operator=event.operator,
        site=event.site,
        old=event.old,
        new=event.new,
        at=to_datetime(event.at.utc_ms),
        detected_at=to_datetime(event.detected_at.utc_ms),
        cause=event.cause,
    )


def _outage(live: MonitorService, event: OutageEvent) -> OutageUpdate:
    return OutageUpdate(
        camera=event.camera,
        name=_name(live, event),
        operator=event.operator,
        site=event.site,
        open=event.opened,
        at=to_datetime(event.at.utc_ms),
        detected_at=to_datetime(event.detected_at.utc_ms),
        cause=event.cause,
    )


def incident_event(event: IncidentEvent, scope: Scope) -> ScopedEvent:
    """Return the start or end of an incident, as an event for exactly this scope."""
    view = IncidentUpdate(
        kind=event.kind,
        id=event.id,
        open=event.opened,
        since=to_datetime(event.since.utc_ms),
        detected_at=to_datetime(event.detected_at.utc_ms),
        cameras=event.cameras,
    )
    return ScopedEvent("incident", lambda listens: view if listens == scope else None)


def _blindness(event: MonitoringGap) -> Callable[[Scope], View | None]:
    of_all = not event.operators or event.cause is GapCause.CLOCK_STEP

    def of(scope: Scope) -> View | None:
        mine = None if of_all else _seen(event.operators, scope)
        if mine == ():
            return None
        return MonitoringGapUpdate(
            cause=event.cause,
            operators=mine,
            began=to_datetime(event.began.utc_ms),
            ended=to_datetime(event.ended.utc_ms),
        )

    return of
