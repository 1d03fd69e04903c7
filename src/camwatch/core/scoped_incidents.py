"""Incidents as the cameras of some operators alone would give them (rule I1).

For accounts that see only these operators: whether an incident opens or ends, and its cameras, follow from
the events of these cameras alone, and reveal nothing of others. All events must be applied, in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from camwatch.core.events import Event, IncidentEvent, OutageEvent, ServicePeriodEvent, Transition
from camwatch.core.incidents import IncidentGroup
from camwatch.core.model import IncidentKind, Instant, Status
from camwatch.core.monitor import FleetMonitor
from camwatch.core.state import CameraState
from camwatch.core.transitions import IN_SERVICE

_SCOPES_MAX = 64
_Key = tuple[IncidentKind, str]


class ScopedIncidents:
    """The incidents of one fleet, for each set of operators that is asked for."""

    def __init__(self, fleet: FleetMonitor) -> None:
        self._fleet = fleet
        self._scopes: dict[frozenset[str], _Scope] = {}  # least recently used first

    def of(self, operators: frozenset[str]) -> list[IncidentGroup]:
        """Return the groups of these operators' cameras, with or without an open incident."""
        scope = self._scopes.pop(operators, None) or _Scope(self._fleet, operators)
        self._scopes[operators] = scope
        if len(self._scopes) > _SCOPES_MAX:
            del self._scopes[next(iter(self._scopes))]
        return list(scope.groups.values())

    def apply(self, event: Event) -> Iterator[tuple[frozenset[str], IncidentEvent]]:
        """Apply an event; yield the incidents that began or ended with it, each with its operators."""
        if isinstance(event, (Transition, OutageEvent, ServicePeriodEvent)):
            for operators, scope in self._scopes.items():
                if event.operator in operators:
                    for change in scope.apply(event):
                        yield operators, change


class _Scope:
    """The incidents of the cameras of some operators."""

    def __init__(self, fleet: FleetMonitor, operators: frozenset[str]) -> None:
        self.groups: dict[_Key, IncidentGroup] = {}
        self._fleet = fleet
        self._operators = operators
        self._cameras: dict[str, CameraState] | None = None  # as of the last inventory
        self._keys: dict[str, tuple[_Key, ...]] = {}  # by camera, its groups
        self._serving: dict[_Key, set[str]] = {}  # by group, its cameras in service
        self._status: dict[str, Status] = {}
        self._index: dict[str, int] = {}
        list(self._update_groups(None))
        down = [fleet.cameras[name] for name in self._keys if fleet.cameras[name].outage_open]
        for state in sorted(down, key=lambda state: state.since.mono):
            list(self._went_down(state.camera.id, state.since, state.since))

    def apply(self, event: Transition | OutageEvent | ServicePeriodEvent) -> Iterator[IncidentEvent]:
        """Apply an event of one of the cameras."""
        if self._cameras is not self._fleet.cameras:
            yield from self._update_groups(_detected_at(event))
        name = event.camera
        if isinstance(event, Transition):
            self._status[name] = event.new
        elif isinstance(event, ServicePeriodEvent):
            for key in self._keys.get(name, ()):
                serving = self._serving[key]
                serving.add(name) if event.started else serving.discard(name)
        elif event.opened:
            yield from self._went_down(name, event.at, event.detected_at)
        else:
            back = self._status.get(name) is Status.UP
            yield from self._left_down(name, self._keys.get(name, ()), event.detected_at, back=back)

    def _update_groups(self, now: Instant | None) -> Iterator[IncidentEvent]:
        """Group the cameras of a new inventory; one that left a group leaves its incident."""
        self._cameras = self._fleet.cameras
        before, self._keys = self._keys, {}
        self._serving = {}
        for name, state in self._cameras.items():
            if state.camera.operator in self._operators:
                keys = self._keys[name] = _keys_of(state)
                self._index[name] = state.index
                for key in keys:
                    self.groups.setdefault(key, IncidentGroup(*key))
                    serving = self._serving.setdefault(key, set())
                    if state.underlying_status in IN_SERVICE:
                        serving.add(name)
        for name, keys in before.items():
            left = set(keys) - set(self._keys.get(name, ()))
            if now is not None and left:
                yield from self._left_down(name, left, now, back=False)

    def _went_down(self, name: str, at: Instant, now: Instant) -> Iterator[IncidentEvent]:
        for key in self._keys.get(name, ()):
            group = self.groups[key]
            group.in_service = len(self._serving[key])
            change = group.camera_down(self._index[name], at, now)
            if change is not None:
                yield change

    def _left_down(
        self, name: str, keys: Iterable[_Key], now: Instant, *, back: bool
    ) -> Iterator[IncidentEvent]:
        for key in keys:
            change = self.groups[key].camera_recovered(self._index[name], now, up=back)
            if change is not None:
                yield change


def _keys_of(state: CameraState) -> tuple[_Key, ...]:
    row = state.camera
    links = ((IncidentKind.LINK, link.name) for link in state.link_group.links)
    return ((IncidentKind.SITE, row.site), (IncidentKind.OPERATOR, row.operator), *links)


def _detected_at(event: Transition | OutageEvent | ServicePeriodEvent) -> Instant:
    return event.at if isinstance(event, ServicePeriodEvent) else event.detected_at
