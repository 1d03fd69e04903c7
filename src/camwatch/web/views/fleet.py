"""The fleet as a whole: counts, places, operators, sites, links, blindness."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from pydantic import Field

from camwatch.core.liveness import is_suspect
from camwatch.core.model import Instant, Status
from camwatch.core.state import CameraState, LinkState
from camwatch.fleet.inventory import Operator, Site
from camwatch.web.house import Live
from camwatch.web.problems import missing
from camwatch.web.viewer import Viewer
from camwatch.web.views import incidents
from camwatch.web.views.base import Moment, Steps, View, moment
from camwatch.web.views.cameras import flapping, slices, visible
from camwatch.web.views.past import AccountView


class Counts(View):
    """How many cameras are what. `suspect` and `degraded` are up, `flapping` may be down just now."""

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
    def worst(self) -> Status | None:
        """The worst status that some camera has; None without a camera."""
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
    windows: dict[str, AccountView] = Field(
        description="By window: 1h, 24h, 7d, 30d, 365d (rolling), day, week, month, year (so far)."
        " Empty until the record has been read."
    )


class SiteView(View):
    """A site and the cameras there that whoever asks may see."""

    id: str
    name: str
    zone: str
    latitude: float | None
    longitude: float | None
    operators: tuple[str, ...]
    counts: Counts
    worst: Status | None


class LinkView(View):
    """A session with a broker. What concerns others, too, only those see who see all."""

    name: str
    up: bool
    operators: tuple[str, ...] | None = Field(description="Whose cameras it carries; null: everybody's.")
    problem: str | None
    received: int | None = Field(description="Messages since the start.")


class Blind(View):
    """Whether camwatch could not see some cameras now, and whose."""

    now: bool
    since: Moment | None
    operators: tuple[str, ...] = Field(description="Whose cameras are out of sight.")


class FleetView(View):
    """All at a glance."""

    at: Moment
    counts: Counts
    blind: Blind
    incidents: int
    ready: bool
    unready: tuple[str, ...] = Field(description="Why not; only for those who see all.")


def counts(live: Live, viewer: Viewer, *, operator: str | None = None) -> Steps[Counts]:
    """Return, step by step, how many of the cameras that someone sees are what."""
    now, found = live.now, Counter[str]()
    states = (state for state in visible(live, viewer) if operator in (None, state.camera.operator))
    for some in slices(states):
        _add(found, some, now)
        yield
    return _counts(found)


def fleet(live: Live, viewer: Viewer) -> Steps[FleetView]:
    """Return, step by step, all at a glance."""
    found = yield from counts(live, viewer)
    reasons = live.unready
    return FleetView(
        at=moment(live.now.utc_ms),
        counts=found,
        blind=blind(live, viewer),
        incidents=len(incidents.opened(live, viewer)),
        ready=not reasons,
        unready=tuple(reasons) if viewer.sees_all else (),
    )


def operators(live: Live, viewer: Viewer) -> Steps[list[OperatorView]]:
    """Return, step by step, the operators that someone sees, in the order of the inventory."""
    now = live.now
    counted: dict[str, Counter[str]] = {}
    for some in slices(visible(live, viewer)):
        for operator_id, states in _grouped(some, lambda state: state.camera.operator).items():
            _add(counted.setdefault(operator_id, Counter()), states, now)
        yield
    found = []
    for row in live.inventory.operators.values():
        if viewer.sees(row.id):
            found.append(_operator(live, row, _counts(counted.get(row.id, Counter())), now))
            yield
    return found


def operator(live: Live, viewer: Viewer, operator_id: str) -> Steps[OperatorView]:
    """Return one operator, step by step. Raises Problem (404)."""
    check_operator(live, viewer, operator_id)
    row = live.inventory.operators[operator_id]
    found = yield from counts(live, viewer, operator=operator_id)
    return _operator(live, row, found, live.now)


def check_operator(live: Live, viewer: Viewer, operator_id: str) -> None:
    """Raise Problem (404) if there is no such operator for this viewer."""
    if operator_id not in live.inventory.operators or not viewer.sees(operator_id):
        raise missing(f"operator {operator_id!r}")


def check_site(live: Live, viewer: Viewer, site_id: str) -> None:
    """Raise Problem (404) if there is no such site for this viewer."""
    if site_id not in live.inventory.sites or not (
        viewer.sees_all or any(state.camera.site == site_id for state in visible(live, viewer))
    ):
        raise missing(f"site {site_id!r}")


def chosen(live: Live, viewer: Viewer, operator_id: str | None) -> tuple[str, ...] | None:
    """Return whose record is asked for (None: everybody's). Raises Problem (404) for what is not theirs."""
    if operator_id is not None:
        check_operator(live, viewer, operator_id)
        return (operator_id,)
    return None if viewer.operators is None else viewer.seen(live.inventory.operators)


def sites(live: Live, viewer: Viewer) -> Steps[list[SiteView]]:
    """Return, step by step, the sites where someone has cameras to see, in the order of the inventory.

    Who sees all also sees the sites without a camera.
    """
    _, found = yield from site_page(live, viewer, slice(None))
    return found


def site_page(live: Live, viewer: Viewer, piece: slice) -> Steps[tuple[int, list[SiteView]]]:
    """Return, step by step, how many sites there are to see, and a piece of them."""
    grouped = _grouped(visible(live, viewer), lambda state: state.camera.site)
    rows = [row for row in live.inventory.sites.values() if viewer.sees_all or row.id in grouped]
    yield
    found = []
    for number, row in enumerate(rows[piece], 1):
        found.append(_site(row, grouped.get(row.id, []), live.now))
        if number % _SITES == 0:
            yield
    return len(rows), found


def site(live: Live, viewer: Viewer, site_id: str) -> SiteView:
    """Return one site. Raises Problem (404)."""
    check_site(live, viewer, site_id)
    states = [state for state in visible(live, viewer) if state.camera.site == site_id]
    return _site(live.inventory.sites[site_id], states, live.now)


def links(live: Live, viewer: Viewer) -> list[LinkView]:
    """Return the links that carry cameras that someone sees."""
    return [_link(live, viewer, link) for link in live.watch.links.values() if carries(viewer, link)]


def carries(viewer: Viewer, link: LinkState) -> bool:
    """Tell whether a link carries cameras that someone sees."""
    return viewer.operators is None or not link.operators or not viewer.operators.isdisjoint(link.operators)


def blind(live: Live, viewer: Viewer) -> Blind:
    """Tell whether cameras that someone sees are out of sight now."""
    dark = [(sight, seen) for sight in live.watch.dark if (seen := viewer.seen(sight.operators))]
    since = [sight.blind_since.utc_ms for sight, _ in dark if sight.blind_since is not None]
    return Blind(
        now=bool(dark),
        since=moment(min(since)) if since else None,
        operators=tuple(sorted({operator for _, seen in dark for operator in seen})),
    )


def _grouped(
    states: Iterable[CameraState], key: Callable[[CameraState], str]
) -> dict[str, list[CameraState]]:
    found: dict[str, list[CameraState]] = {}
    for state in states:
        found.setdefault(key(state), []).append(state)
    return found


def _add(found: Counter[str], states: Iterable[CameraState], now: Instant) -> None:
    """Count cameras by what they are, and by what is remarked on them."""
    for state in states:
        status = state.status_at(now)
        found[status] += 1
        found["in_service"] += status not in _IDLE
        found["flapping"] += state.flapping is not None and flapping(state, now)
        if status is Status.UP:
            found["suspect"] += is_suspect(state, now.mono)
            found["degraded"] += bool(state.reasons)


def _counts(found: Counter[str]) -> Counts:
    return Counts(**{str(name): count for name, count in found.items()})


_IDLE = (Status.PLANNED, Status.RETIRED)
_SITES = 50  # sites described before others get their turn


def _operator(live: Live, row: Operator, found: Counts, now: Instant) -> OperatorView:
    accounts = live.standing.accounts(row.id, now.utc_ms) if live.standing is not None else {}
    return OperatorView(
        id=row.id,
        name=row.name,
        objective=row.objective,
        counts=found,
        windows={name: AccountView.of(account) for name, account in accounts.items()},
    )


def _site(row: Site, states: list[CameraState], now: Instant) -> SiteView:
    counted: Counter[str] = Counter()
    _add(counted, states, now)
    found = _counts(counted)
    return SiteView(
        id=row.id,
        name=row.name,
        zone=row.zone,
        latitude=row.latitude,
        longitude=row.longitude,
        operators=tuple(sorted({state.camera.operator for state in states})),
        counts=found,
        worst=found.worst,
    )


def _link(live: Live, viewer: Viewer, link: LinkState) -> LinkView:
    report = live.link_reports[link.name]
    return LinkView(
        name=link.name,
        up=report.problem is None,
        operators=viewer.seen(sorted(link.operators)) if link.operators else None,
        problem=report.problem if viewer.sees_all else None,
        received=report.received if viewer.sees_all else None,
    )
