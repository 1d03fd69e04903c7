"""What goes over the event stream. The SSE `event` names the model; `id` resumes."""

from __future__ import annotations

from pydantic import Field

from camwatch.core.model import BlindCause, Cause, IncidentKind, Status
from camwatch.web.views.base import Moment, View


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
    """`incident`: one began or ended; `cameras` counts those that whoever listens may see."""

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
