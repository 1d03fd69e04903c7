"""Maintenance windows, and who may see, add and cancel them (rule H3).

A window covers only cameras of its author's operators. A principal can see a window that covers one of its
cameras, plan one for a scope with one of its cameras, and cancel it for its own cameras.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from camwatch.accounting.records import OPEN_ENDED, MaintenanceRecord
from camwatch.core.model import Scope
from camwatch.fleet.inventory import Operator, Site
from camwatch.monitoring.service import MonitorService
from camwatch.services.history import KnownCamera
from camwatch.web.auth.principal import Principal, Role
from camwatch.web.problems import not_found
from camwatch.web.views.base import to_datetime, to_datetime_or_none
from camwatch.web.views.history import MaintenanceView


class MaintenanceScope:
    """The cameras, sites and operators that a principal can plan maintenance for.

    `known` are the cameras of the record: one that left the inventory or changed its operator also counts for
    the old operator, and one that was moved for each site while it stood there (rule V7).
    """

    def __init__(self, live: MonitorService, viewer: Principal, known: Sequence[KnownCamera] = ()) -> None:
        self._live = live
        self._viewer = viewer
        rows = live.inventory.cameras
        gone = [each for each in known if each.id not in rows or rows[each.id].operator != each.operator]
        now = {(row.id, row.operator, row.site) for row in rows.values()}
        now -= {each[:3] for each in known if each.until_ms == OPEN_ENDED}
        theirs = [*known, *(KnownCamera(camera, operator, site, "") for camera, operator, site in now)]
        self._cameras: dict[str, set[str]] = {}
        self._sites: dict[str, list[KnownCamera]] = {}
        for each in theirs:
            self._cameras.setdefault(each.id, set()).add(each.operator)
            self._sites.setdefault(each.site, []).append(each)
        self._operators = {each.operator for each in theirs} | set(live.inventory.operators)
        self._names = {each.id: each.name for each in gone if viewer.can_see(each.operator)}

    @classmethod
    def for_interval(
        cls, live: MonitorService, viewer: Principal, known: Sequence[KnownCamera], from_ms: int, now_ms: int
    ) -> MaintenanceScope:
        """Return the scope of a window that starts at `from_ms`: if past, with the cameras of the record."""
        return cls(live, viewer, known if from_ms < now_ms else ())

    def is_visible(self, scope: Scope, scope_id: str) -> bool:
        """Return whether a scope is a visible operator or has a visible camera."""
        if self._viewer.can_see_all:
            known_site = scope is Scope.SITE and scope_id in self._live.inventory.sites
            return known_site or bool(self._whose(scope, scope_id))
        return any(map(self._viewer.can_see, self._whose(scope, scope_id)))

    def covers(self, window: MaintenanceRecord) -> bool:
        """Return whether a window covers a visible camera."""
        whose = self._whose(window.scope, window.scope_id, window.start_ms, window.end_ms)
        return self._viewer.can_see_all or any(
            self._viewer.can_see(operator) and window.operators.covers(operator) for operator in whose
        )

    def authorize(self, scope: Scope, scope_id: str) -> None:
        """Raise ProblemError (404) if a scope is not visible."""
        if not self.is_visible(scope, scope_id):
            raise not_found(f"{scope} {scope_id!r}")

    def name(self, scope: Scope, scope_id: str) -> str:
        """Return the display name of a scope; for a camera, the name that the visible operator gave it."""
        inventory = self._live.inventory
        if scope is Scope.CAMERA:
            row = inventory.cameras.get(scope_id)
            seen = row is not None and self._viewer.can_see(row.operator)
            return row.name if row is not None and seen else self._names.get(scope_id, scope_id)
        table: Mapping[str, Site | Operator]
        table = inventory.sites if scope is Scope.SITE else inventory.operators
        return table[scope_id].name if scope_id in table else scope_id

    def _whose(
        self, scope: Scope, scope_id: str, from_ms: int = -OPEN_ENDED, to_ms: int = OPEN_ENDED
    ) -> Iterable[str]:
        """Return the operators of a scope; for a site, those with cameras there in [from_ms, to_ms)."""
        if scope is Scope.CAMERA:
            return self._cameras.get(scope_id, ())
        if scope is Scope.SITE:
            stood = self._sites.get(scope_id, ())
            return {each.operator for each in stood if each.since_ms < to_ms and each.until_ms > from_ms}
        return (scope_id,) if scope_id in self._operators else ()


def windows(
    live: MonitorService,
    viewer: Principal,
    records: Iterable[MaintenanceRecord],
    known: Sequence[KnownCamera],
    now_ms: int,
) -> list[MaintenanceView]:
    """Return the visible windows, latest start first. Thread-safe."""
    reach = MaintenanceScope(live, viewer, known)
    return [_view(viewer, reach, each, now_ms) for each in records if reach.covers(each)][::-1]


def _view(
    viewer: Principal, reach: MaintenanceScope, record: MaintenanceRecord, now_ms: int
) -> MaintenanceView:
    only, but = record.operators
    return MaintenanceView(
        number=record.id,
        scope=record.scope,
        id=record.scope_id,
        name=reach.name(record.scope, record.scope_id),
        start=to_datetime(record.start_ms),
        end=to_datetime(record.end_ms),
        reason=record.reason,
        author=record.author or None,
        created_at=to_datetime_or_none(record.created_ms),
        cancelled=record.cancelled,
        operators=None if only is None else viewer.visible(sorted(only)),
        without=viewer.visible(sorted(but)),
        state=_state(record, now_ms),
        can_cancel=viewer.has_role(Role.EDITOR) and record.id is not None and not record.cancelled,
    )


def _state(record: MaintenanceRecord, now_ms: int) -> str:
    if record.cancelled:
        return "cancelled"
    if now_ms < record.start_ms:
        return "planned"
    return "under_way" if now_ms < record.end_ms else "over"
