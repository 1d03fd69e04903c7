"""The fleet as a whole: counts, places, operators, sites, links, blindness."""

from __future__ import annotations

from pydantic import Field

from camwatch.core.model import Status
from camwatch.web.house import Live
from camwatch.web.viewer import Viewer
from camwatch.web.views.base import Moment, View
from camwatch.web.views.past import AccountView


class Counts(View):
    """How many cameras are what. `suspect`, `flapping` and `degraded` are up."""

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


class Place(View):
    """A dot on the map: a site that has coordinates."""

    site: str
    name: str
    zone: str
    latitude: float
    longitude: float
    counts: Counts
    worst: Status | None


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


def counts(live: Live, viewer: Viewer, *, operator: str | None = None, site: str | None = None) -> Counts:
    """Return how many of the cameras that someone sees are what."""
    raise NotImplementedError


def fleet(live: Live, viewer: Viewer) -> FleetView:
    """Return all at a glance."""
    raise NotImplementedError


def places(live: Live, viewer: Viewer) -> list[Place]:
    """Return the dots of the map, in the order of the inventory."""
    raise NotImplementedError


def operators(live: Live, viewer: Viewer) -> list[OperatorView]:
    """Return the operators that someone sees, in the order of the inventory."""
    raise NotImplementedError


def operator(live: Live, viewer: Viewer, operator_id: str) -> OperatorView:
    """Return one operator. Raises Problem (404)."""
    raise NotImplementedError


def sites(live: Live, viewer: Viewer) -> list[SiteView]:
    """Return the sites where someone has cameras to see, in the order of the inventory."""
    raise NotImplementedError


def site(live: Live, viewer: Viewer, site_id: str) -> SiteView:
    """Return one site. Raises Problem (404)."""
    raise NotImplementedError


def links(live: Live, viewer: Viewer) -> list[LinkView]:
    """Return the links that carry cameras that someone sees."""
    raise NotImplementedError


def blind(live: Live, viewer: Viewer) -> Blind:
    """Tell whether cameras that someone sees are out of sight now."""
    raise NotImplementedError
