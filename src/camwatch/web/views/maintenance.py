"""Maintenance windows: whose they are, who may see them, who may cancel or add them (rule H3).

A window covers only cameras of its author's operators. Someone sees it if it covers a camera of theirs, may
plan it where they have one, and cancels it for their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from camwatch.accounting.records import OPEN_END, WindowRecord
from camwatch.core.model import Scope
from camwatch.fleet.inventory import Operator, Site
from camwatch.web.auth.principal import Role, Viewer
from camwatch.web.house import Known, Live
from camwatch.web.problems import missing
from camwatch.web.views.base import moment, moment_or_none
from camwatch.web.views.history import WindowView


class Reach:
    """Which cameras, sites and operators are there, and which are somebody's.

    `known` are the cameras of the record: one that left the inventory, or changed hands, counts as its old
    operator's, too, and one that was moved is at each site for the time in which it stood there (rule V7).
    What begins now or later touches no record of theirs (`over`).
    """

    def __init__(self, live: Live, viewer: Viewer, known: Sequence[Known] = ()) -> None:
        self._live = live
        self._viewer = viewer
        rows = live.inventory.cameras
        gone = [each for each in known if each.id not in rows or rows[each.id].operator != each.operator]
        now = {(row.id, row.operator, row.site) for row in rows.values()}
        now -= {each[:3] for each in known if each.until_ms == OPEN_END}
        theirs = [*known, *(Known(camera, operator, site, "") for camera, operator, site in now)]
        self._cameras: dict[str, set[str]] = {}
        self._sites: dict[str, list[Known]] = {}
        for each in theirs:
            self._cameras.setdefault(each.id, set()).add(each.operator)
            self._sites.setdefault(each.site, []).append(each)
        self._operators = {each.operator for each in theirs} | set(live.inventory.operators)
        self._names = {each.id: each.name for each in gone if viewer.sees(each.operator)}

    @classmethod
    def over(cls, live: Live, viewer: Viewer, known: Sequence[Known], from_ms: int, now_ms: int) -> Reach:
        """Return the reach of what begins at an instant: if that is past, over the record of then, too."""
        return cls(live, viewer, known if from_ms < now_ms else ())

    def sees(self, scope: Scope, scope_id: str) -> bool:
        """Tell whether something holds a camera (or is an operator) that they see."""
        if self._viewer.sees_all:
            known_site = scope is Scope.SITE and scope_id in self._live.inventory.sites
            return known_site or bool(self._whose(scope, scope_id))
        return any(map(self._viewer.sees, self._whose(scope, scope_id)))

    def covers(self, window: WindowRecord) -> bool:
        """Tell whether a window covers a camera that they see."""
        whose = self._whose(window.scope, window.scope_id, window.starts_ms, window.ends_ms)
        return self._viewer.sees_all or any(
            self._viewer.sees(operator) and window.whose.covers(operator) for operator in whose
        )

    def check(self, scope: Scope, scope_id: str) -> None:
        """Raise Problem (404) where they have nothing to plan maintenance for."""
        if not self.sees(scope, scope_id):
            raise missing(f"{scope} {scope_id!r}")

    def name(self, scope: Scope, scope_id: str) -> str:
        """Return what people call it; a camera that changed hands has for each the name that they gave it."""
        inventory = self._live.inventory
        if scope is Scope.CAMERA:
            row = inventory.cameras.get(scope_id)
            seen = row is not None and self._viewer.sees(row.operator)
            return row.name if row is not None and seen else self._names.get(scope_id, scope_id)
        table: Mapping[str, Site | Operator]
        table = inventory.sites if scope is Scope.SITE else inventory.operators
        return table[scope_id].name if scope_id in table else scope_id

    def _whose(
        self, scope: Scope, scope_id: str, from_ms: int = -OPEN_END, to_ms: int = OPEN_END
    ) -> Iterable[str]:
        """Return whose a camera or an operator is, or the cameras at a site in [from_ms, to_ms)."""
        if scope is Scope.CAMERA:
            return self._cameras.get(scope_id, ())
        if scope is Scope.SITE:
            stood = self._sites.get(scope_id, ())
            return {each.operator for each in stood if each.since_ms < to_ms and each.until_ms > from_ms}
        return (scope_id,) if scope_id in self._operators else ()


def windows(
    live: Live, viewer: Viewer, records: Iterable[WindowRecord], known: Sequence[Known], now_ms: int
) -> list[WindowView]:
    """Return the windows that someone sees, those that begin last first; any thread may ask."""
    reach = Reach(live, viewer, known)
    return [_view(viewer, reach, each, now_ms) for each in records if reach.covers(each)][::-1]


def _view(viewer: Viewer, reach: Reach, record: WindowRecord, now_ms: int) -> WindowView:
    only, but = record.whose
    return WindowView(
        number=record.id,
        scope=record.scope,
        id=record.scope_id,
        name=reach.name(record.scope, record.scope_id),
        start=moment(record.starts_ms),
        end=moment(record.ends_ms),
        reason=record.reason,
        who=record.who or None,
        made=moment_or_none(record.made_ms),
        withdrawn=record.withdrawn,
        operators=None if only is None else viewer.seen(sorted(only)),
        without=viewer.seen(sorted(but)),
        state=_state(record, now_ms),
        may_cancel=viewer.may(Role.EDITOR) and record.id is not None and not record.withdrawn,
    )


def _state(record: WindowRecord, now_ms: int) -> str:
    if record.withdrawn:
        return "withdrawn"
    if now_ms < record.starts_ms:
        return "planned"
    return "under_way" if now_ms < record.ends_ms else "over"
