"""The incidents that some operators' cameras alone would give, for who sees no others (rule I1).

Whether an incident opens, ends and who is in it follows from what happened to these cameras, as if there
were no others: so it tells nothing of others. It is fed with everything that happens, in order.
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
    """The incidents of one fleet, for each set of operators that somebody asks for."""

    def __init__(self, watch: FleetMonitor) -> None:
        self._watch = watch
        self._scopes: dict[frozenset[str], _Scope] = {}  # the one asked for last comes last

    def of(self, operators: frozenset[str]) -> list[IncidentGroup]:
        """Return the groups of these operators' cameras, with an open incident or without."""
        scope = self._scopes.pop(operators, None) or _Scope(self._watch, operators)
        self._scopes[operators] = scope
        if len(self._scopes) > _SCOPES_MAX:
            del self._scopes[next(iter(self._scopes))]
        return list(scope.groups.values())

    def apply(self, event: Event) -> Iterator[tuple[frozenset[str], IncidentEvent]]:
        """Take what happened; yield the incidents that began or ended with it, and for whom."""
        if isinstance(event, (Transition, OutageEvent, ServicePeriodEvent)):
            for operators, scope in self._scopes.items():
                if event.operator in operators:
                    for change in scope.happened(event):
                        yield operators, change


class _Scope:
    """The incidents that the cameras of some operators give."""

    def __init__(self, watch: FleetMonitor, operators: frozenset[str]) -> None:
        self.groups: dict[_Key, IncidentGroup] = {}
        self._watch = watch
        self._operators = operators
        self._cameras: dict[str, CameraState] | None = None  # of the inventory that was looked at last
        self._keys: dict[str, tuple[_Key, ...]] = {}  # by camera, the groups that it is in
        self._serving: dict[_Key, set[str]] = {}
        self._status: dict[str, Status] = {}
        self._index: dict[str, int] = {}
        for _ in self._look(None):
            pass  # nobody is there yet to be told
        down = [watch.cameras[name] for name in self._keys if watch.cameras[name].outage_open]
        for state in sorted(down, key=lambda state: state.since.mono):
            for _ in self._went_down(state.camera.id, state.since, state.since):
                pass

    def happened(self, event: Transition | OutageEvent | ServicePeriodEvent) -> Iterator[IncidentEvent]:
        """Take what happened to one of the cameras."""
        if self._cameras is not self._watch.cameras:
            yield from self._look(_noticed(event))
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

    def _look(self, now: Instant | None) -> Iterator[IncidentEvent]:
        """Take note of an inventory: who is in which group. Who left a group is no longer in its incident."""
        self._cameras = self._watch.cameras
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


def _noticed(event: Transition | OutageEvent | ServicePeriodEvent) -> Instant:
    return event.at if isinstance(event, ServicePeriodEvent) else event.detected_at
