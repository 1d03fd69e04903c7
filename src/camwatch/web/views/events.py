"""What goes over the event stream. The SSE `event` names the model; `id` resumes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from pydantic import Field

from camwatch.core.model import (
    BlindCause,
    Blindness,
    Cause,
    Happening,
    IncidentChange,
    IncidentKind,
    OutageChange,
    Reboot,
    Status,
    Transition,
)
from camwatch.web.house import Live
from camwatch.web.views.base import Moment, View, moment


class TransitionEvent(View):
    """`transition`: a camera changed its status."""

    camera: str
    name: str
    operator: str
    site: str
    old: Status
    new: Status
    at: Moment = Field(description="When it became true.")
    noticed: Moment = Field(description="When camwatch knew.")
    cause: Cause | None


class OutageEvent(View):
    """`outage`: an outage began or ended."""

    camera: str
    name: str
    operator: str
    site: str
    open: bool
    at: Moment
    noticed: Moment
    cause: Cause | None


class IncidentEvent(View):
    """`incident`: one began or ended, as the cameras give it that whoever listens may see."""

    kind: IncidentKind
    id: str
    open: bool
    since: Moment
    noticed: Moment
    cameras: int


class RebootEvent(View):
    """`reboot`: a camera started anew."""

    camera: str
    name: str
    operator: str
    at: Moment


class BlindEvent(View):
    """`blindness`: cameras were out of sight; told when it is over."""

    cause: BlindCause
    operators: tuple[str, ...] | None
    began: Moment
    ended: Moment


class SightEvent(View):
    """`blind`: camwatch lost or regained sight of cameras; the state now."""

    now: bool
    since: Moment | None
    operators: tuple[str, ...]


class LinkEvent(View):
    """`link`: a session with a broker was subscribed or lost."""

    name: str
    up: bool
    problem: str | None


class InventoryEvent(View):
    """`inventory`: it was read anew; lists may be different."""

    at: Moment


class StaleEvent(View):
    """`stale`: events were missed and cannot be given any more. Load everything anew."""

    why: str


Scope: TypeAlias = frozenset[str] | None
"""The operators that somebody sees; None: all."""


@dataclass(frozen=True, slots=True)
class Told:
    """An event before it is known who listens; `of` gives what a scope may know, None for nothing."""

    name: str
    of: Callable[[Scope], View | None]


Owned: TypeAlias = Transition | OutageChange | Reboot
"""What happens to one camera: who sees its operator is told, all the same."""


def owned(live: Live, event: Owned) -> tuple[str, View]:
    """Return the name of the event, and what is told."""
    if isinstance(event, Transition):
        return "transition", _transition(live, event)
    if isinstance(event, OutageChange):
        return "outage", _outage(live, event)
    return "reboot", RebootEvent(
        camera=event.camera,
        name=_name(live, event),
        operator=event.operator,
        at=moment(event.at.utc_ms),
    )


def told(event: Happening) -> Told | None:
    """Return what happened to many as an event; None for what only the ledger wants to know."""
    if isinstance(event, IncidentChange):
        return incident_told(event, None)
    if isinstance(event, Blindness) and event.ended.utc_ms > event.began.utc_ms:
        return Told("blindness", _blindness(event))
    return None


def link_told(live: Live, name: str) -> Told:
    """Return how a link is now, as an event."""
    link, problem = live.watch.links[name], live.link_reports[name].problem

    def of(scope: Scope) -> View | None:
        if scope is None:
            return LinkEvent(name=name, up=problem is None, problem=problem)
        if link.operators and scope.isdisjoint(link.operators):
            return None
        return LinkEvent(name=name, up=problem is None, problem=None)

    return Told("link", of)


def blind_told(live: Live, concerned: Iterable[str]) -> Told:
    """Return whose cameras are out of sight now, as an event for those concerned."""
    concerned = frozenset(concerned)
    dark = [
        (sight.blind_since.utc_ms, sight.operators)
        for sight in live.watch.dark
        if sight.blind_since is not None
    ]

    def of(scope: Scope) -> View | None:
        if scope is not None and scope.isdisjoint(concerned):
            return None
        mine = [(since, _seen(operators, scope)) for since, operators in dark]
        mine = [(since, operators) for since, operators in mine if operators]
        return SightEvent(
            now=bool(mine),
            since=moment(min(since for since, _ in mine)) if mine else None,
            operators=tuple(sorted({operator for _, operators in mine for operator in operators})),
        )

    return Told("blind", of)


def inventory_told(live: Live) -> Told:
    """Return that the inventory was read anew, as an event."""
    view = InventoryEvent(at=moment(live.last_reload.utc_ms))
    return Told("inventory", lambda _scope: view)


def _seen(operators: Iterable[str], scope: Scope) -> tuple[str, ...]:
    return tuple(operator for operator in operators if scope is None or operator in scope)


def _name(live: Live, event: Owned) -> str:
    row = live.inventory.cameras.get(event.camera)
    # A camera that has changed hands has the name that its new operator gave it.
    return row.name if row is not None and row.operator == event.operator else event.camera


def _transition(live: Live, event: Transition) -> TransitionEvent:
    return TransitionEvent(
        camera=event.camera,
        name=_name(live, event),
        operator=event.operator,
        site=event.site,
        old=event.old,
        new=event.new,
        at=moment(event.at.utc_ms),
        noticed=moment(event.noticed_at.utc_ms),
        cause=event.cause,
    )


def _outage(live: Live, event: OutageChange) -> OutageEvent:
    return OutageEvent(
        camera=event.camera,
        name=_name(live, event),
        operator=event.operator,
        site=event.site,
        open=event.open,
        at=moment(event.at.utc_ms),
        noticed=moment(event.noticed_at.utc_ms),
        cause=event.cause,
    )


def incident_told(event: IncidentChange, scope: Scope) -> Told:
    """Return an incident that began or ended, as an event for who sees exactly these operators."""
    view = IncidentEvent(
        kind=event.kind,
        id=event.id,
        open=event.open,
        since=moment(event.since.utc_ms),
        noticed=moment(event.noticed_at.utc_ms),
        cameras=event.cameras,
    )
    return Told("incident", lambda listens: view if listens == scope else None)


def _blindness(event: Blindness) -> Callable[[Scope], View | None]:
    everybody = not event.operators or event.cause is BlindCause.CLOCK

    def of(scope: Scope) -> View | None:
        mine = None if everybody else _seen(event.operators, scope)
        if mine == ():
            return None
        return BlindEvent(
            cause=event.cause,
            operators=mine,
            began=moment(event.began.utc_ms),
            ended=moment(event.ended.utc_ms),
        )

    return of
