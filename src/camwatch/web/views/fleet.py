"""The fleet as a whole: counts, operators, sites, links, visibility."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pydantic import Field

from camwatch.accounting.rolling import RollingAccounts
from camwatch.core.camera_view import CameraView, is_suspect
from camwatch.core.model import Instant, Status
from camwatch.core.state import LinkState
from camwatch.fleet.inventory import Operator, Site
from camwatch.monitoring.service import MonitorService
from camwatch.web.auth.principal import Principal
from camwatch.web.problems import not_found
from camwatch.web.views import incidents
from camwatch.web.views.base import CooperativeTask, Moment, View, to_datetime
from camwatch.web.views.cameras import batches, flapping, visible
from camwatch.web.views.history import StatusTimeView


class Counts(View):
    """Numbers of cameras. `suspect` and `degraded` ones are up, `flapping` ones may be down."""

    planned: int = 0
    retired: int = 0
    maintenance: int = 0
    unknown: int = 0
    down: int = 0
    up: int = 0
    in_service: int = Field(0, description="All but planned and retired.")
    suspect: int = 0
    flapping: int = 0
    degraded: int = 0

    @property
    def total(self) -> int:
        """All cameras."""
        return self.in_service + self.planned + self.retired

    @property
    def ill(self) -> int:
        """Cameras that are down or unknown."""
        return self.down + self.unknown

    @property
    def worst(self) -> Status | None:
        """The worst status of any camera; None without cameras."""
        order = (
            Status.DOWN,
            Status.UNKNOWN,
            Status.MAINTENANCE,
            Status.UP,
            Status.PLANNED,
            Status.RETIRED,
        )
        return next((status for status in order if getattr(self, status.value)), None)


class OperatorView(View):
    """An operator and its cameras."""

    id: str
    name: str
    objective: float | None = Field(description="The availability it promises, in (0, 1].")
    counts: Counts
    windows: dict[str, StatusTimeView] = Field(
        description="By window: 1h, 24h, 7d, 30d, 365d (rolling), day, week, month, year (so far)."
        " Empty until the record has been read."
    )


class SiteView(View):
    """A site and its visible cameras."""

    id: str
    name: str
    zone: str
    latitude: float | None
    longitude: float | None
    operators: tuple[str, ...]
    counts: Counts
    worst: Status | None


class LinkView(View):
    """A session with a broker. Some fields are null unless all operators are visible."""

    name: str
    up: bool
    operators: tuple[str, ...] | None = Field(description="Whose cameras it carries; null: everybody's.")
    problem: str | None
    received: int | None = Field(description="Messages since the start.")


class GapStatus(View):
    """Whether some cameras are not visible now, and of which operators."""

    now: bool
    since: Moment | None
    operators: tuple[str, ...] = Field(description="The operators whose cameras are not visible.")


class FleetView(View):
    """Summary of the fleet."""

    at: Moment
    counts: Counts
    blind: GapStatus
    incidents: int
    ready: bool
    unready: tuple[str, ...] = Field(description="Why not; only for those who see all.")


class CameraCounts(NamedTuple):
    """Visible-camera counts per operator and per site, and the operators present at each site."""

    operators: dict[str, Counter[str]]
    sites: dict[str, Counter[str]]
    operators_by_site: dict[str, set[str]]


def count_cameras(live: MonitorService, viewer: Principal) -> CooperativeTask[CameraCounts]:
    """Count visible cameras per operator and per site (cooperative generator)."""
    now = live.now
    found = CameraCounts(defaultdict(Counter), defaultdict(Counter), defaultdict(set))
    for some in batches(visible(live, viewer)):
        for state in some:
            camera = state.camera
            operators, sites = found.operators[camera.operator], found.sites[camera.site]
            for name in _counted_as(state, now):
                operators[name] += 1
                sites[name] += 1
            found.operators_by_site[camera.site].add(camera.operator)
        yield
    return found


def counts(
    live: MonitorService, viewer: Principal, *, operator: str | None = None
) -> CooperativeTask[Counts]:
    """Count visible cameras by status (cooperative generator)."""
    states = (state for state in visible(live, viewer) if operator in (None, state.camera.operator))
    found = Counter[str]()
    for some in batches(states):
        found += _count(some, live.now)
        yield
    return _counts(found)


def fleet(live: MonitorService, viewer: Principal) -> CooperativeTask[FleetView]:
    """Return the summary (cooperative generator)."""
    found = yield from counts(live, viewer)
    reasons = live.not_ready_reasons
    return FleetView(
        at=to_datetime(live.now.utc_ms),
        counts=found,
        blind=blind(live, viewer),
        incidents=len(incidents.open_incidents(live, viewer)),
        ready=not reasons,
        unready=tuple(reasons) if viewer.can_see_all else (),
    )


def operators(
    live: MonitorService,
    viewer: Principal,
    rolling: RollingAccounts | None,
    counted: CameraCounts | None = None,
) -> CooperativeTask[list[OperatorView]]:
    """Return the visible operators in the order of the inventory (cooperative generator)."""
    counted = counted or (yield from count_cameras(live, viewer))
    found = []
    for row in live.inventory.operators.values():
        if viewer.can_see(row.id):
            found.append(_operator(row, _counts(counted.operators.get(row.id, Counter())), rolling, live.now))
            yield
    return found


def operator(
    live: MonitorService, viewer: Principal, operator_id: str, rolling: RollingAccounts | None
) -> CooperativeTask[OperatorView]:
    """Return one operator (cooperative generator). Raises ProblemError (404)."""
    check_operator(live, viewer, operator_id)
    row = live.inventory.operators[operator_id]
    found = yield from counts(live, viewer, operator=operator_id)
    return _operator(row, found, rolling, live.now)


def check_operator(live: MonitorService, viewer: Principal, operator_id: str) -> None:
    """Raise ProblemError (404) if the operator is not visible."""
    if operator_id not in live.inventory.operators or not viewer.can_see(operator_id):
        raise not_found(f"operator {operator_id!r}")


def check_site(live: MonitorService, viewer: Principal, site_id: str) -> None:
    """Raise ProblemError (404) if the site is not visible.

    It takes one look-up in any case, so that its time does not reveal other operators' sites.
    """
    inventory = live.inventory
    theirs = inventory.sites if viewer.operators is None else inventory.sites_of(viewer.operators)
    if site_id not in theirs:
        raise not_found(f"site {site_id!r}")


def requested_operators(
    live: MonitorService, viewer: Principal, operator_id: str | None
) -> tuple[str, ...] | None:
    """Return the operators of a query (None: all). Raises ProblemError (404) if one is not visible."""
    if operator_id is not None:
        check_operator(live, viewer, operator_id)
        return (operator_id,)
    return None if viewer.operators is None else viewer.visible(live.inventory.operators)


def sites(
    live: MonitorService, viewer: Principal, counted: CameraCounts | None = None
) -> CooperativeTask[list[SiteView]]:
    """Return the sites with visible cameras, in the order of the inventory (cooperative generator).

    If all operators are visible, it includes sites without cameras.
    """
    _, found = yield from site_page(live, viewer, slice(None), counted)
    return found


def site_page(
    live: MonitorService, viewer: Principal, piece: slice, counted: CameraCounts | None = None
) -> CooperativeTask[tuple[int, list[SiteView]]]:
    """Return the number of visible sites, and a slice of them (cooperative generator)."""
    counted = counted or (yield from count_cameras(live, viewer))
    rows = [row for row in live.inventory.sites.values() if viewer.can_see_all or row.id in counted.sites]
    found = []
    for number, row in enumerate(rows[piece], 1):
        found.append(
            _site(row, counted.sites.get(row.id, Counter()), counted.operators_by_site.get(row.id, ()))
        )
        if number % _SITES == 0:
            yield
    return len(rows), found


def site(live: MonitorService, viewer: Principal, site_id: str) -> SiteView:
    """Return one site. Raises ProblemError (404)."""
    check_site(live, viewer, site_id)
    states = [state for state in visible(live, viewer) if state.camera.site == site_id]
    whose = {state.camera.operator for state in states}
    return _site(live.inventory.sites[site_id], _count(states, live.now), whose)


def links(live: MonitorService, viewer: Principal) -> list[LinkView]:
    """Return the links that carry visible cameras."""
    return [
        _link(live, viewer, link)
        for link in live.fleet.links.values()
        if serves_visible_cameras(viewer, link)
    ]


def serves_visible_cameras(viewer: Principal, link: LinkState) -> bool:
    """Return whether a link carries visible cameras."""
    return viewer.operators is None or not link.operators or not viewer.operators.isdisjoint(link.operators)


def blind(live: MonitorService, viewer: Principal) -> GapStatus:
    """Return which of the principal's cameras camwatch cannot see now."""
    dark = [(sight, seen) for sight in live.fleet.blind_groups if (seen := viewer.visible(sight.operators))]
    since = [sight.blind_since.utc_ms for sight, _ in dark if sight.blind_since is not None]
    return GapStatus(
        now=bool(dark),
        since=to_datetime(min(since)) if since else None,
        operators=tuple(sorted({operator for _, seen in dark for operator in seen})),
    )


def _counted_as(state: CameraView, now: Instant) -> Iterator[str]:
    """Yield the fields of `Counts` that a camera counts for."""
    status = state.status_at(now)
    yield _NAMES[status]
    if status not in _IDLE:
        yield "in_service"
    if state.flapping is not None and flapping(state, now):
        yield "flapping"
    if status is Status.UP:
        if is_suspect(state, now.mono):
            yield "suspect"
        if state.reasons:
            yield "degraded"


def _count(states: Iterable[CameraView], now: Instant) -> Counter[str]:
    return Counter(name for state in states for name in _counted_as(state, now))


def _counts(found: Counter[str]) -> Counts:
    return Counts(**found)


_NAMES = {status: status.value for status in Status}
_IDLE = (Status.PLANNED, Status.RETIRED)
_SITES = 50  # sites per step


def _operator(row: Operator, found: Counts, rolling: RollingAccounts | None, now: Instant) -> OperatorView:
    accounts = rolling.status_times(row.id, now.utc_ms) if rolling is not None else {}
    return OperatorView(
        id=row.id,
        name=row.name,
        objective=row.objective,
        counts=found,
        windows={name: StatusTimeView.of(account) for name, account in accounts.items()},
    )


def _site(row: Site, counted: Counter[str], whose: Iterable[str]) -> SiteView:
    found = _counts(counted)
    return SiteView(
        id=row.id,
        name=row.name,
        zone=row.zone,
        latitude=row.latitude,
        longitude=row.longitude,
        operators=tuple(sorted(whose)),
        counts=found,
        worst=found.worst,
    )


def _link(live: MonitorService, viewer: Principal, link: LinkState) -> LinkView:
    report = live.link_reports[link.name]
    return LinkView(
        name=link.name,
        up=report.problem is None,
        operators=viewer.visible(sorted(link.operators)) if link.operators else None,
        problem=report.problem if viewer.can_see_all else None,
        received=report.received if viewer.can_see_all else None,
    )
