"""The paths of the pages of the two-operator app."""

from __future__ import annotations

from tests.support.web.two_operator_app import Town

PAGES = [
    "/",
    "/?kiosk",
    "/?status=down&status=unknown&operator=ville&zone=centre&q=cam",
    "/?status=warning",
    "/?offset=99999&status=nonsense&purpose=none",
    "/partials/fleet",
    "/operators/ville",
    "/partials/operators/ville",
    "/operators/ville/days",
    "/operators/ville/outages",
    "/cameras/ville-1",
    "/cameras/ville-4",
    "/cameras/ville-plan",
    "/partials/cameras/ville-1",
    "/cameras/ville-1/history",
    "/cameras/ville-1/outages",
    "/outages/OURS",  # one of ville
    "/incidents",
    "/partials/incidents",
    "/incidents/blind",
    "/reports",
    "/reports?month=2026-01&operator=ville",
    "/maintenance",
    "/search?q=CAMERA",
    "/search",
]


def an_outage(town_: Town) -> int:
    """Return the number of the last outage of the town's own cameras."""
    _, (last,) = town_.parts.history.outage_page(["ville"], from_ms=0, to_ms=1 << 52, piece=slice(1))
    return last.outage.id


def named(town_: Town, path: str) -> str:
    """Return a path with the id of an outage of ours in it."""
    return path.replace("OURS", f"{an_outage(town_)}")
