"""What an account may not see does not exist for it, on any route.

All that is the other operator's alone has `zulu` in its name: no byte of it may come.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from sys import setprofile
from typing import Any, NamedTuple

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from camwatch.core.model import Status
from camwatch.history.recording_store import RecordingStore
from camwatch.web import api
from camwatch.web.api.openapi import document_of
from camwatch.web.auth.principal import LOCAL_ADMIN
from camwatch.web.problems import ProblemError
from camwatch.web.views import fleet
from camwatch.web.views.base import to_datetime
from tests.support.web.two_operator_app import LANDLORD, MAYOR, OURS, READER, THEIRS, Town

THEIR_IDS = [
    "zulu-1",
    "zulu-tower-1",
    "zulu-old",
    THEIRS,
    "zulu-tower",
    "zulu-zone",
    "zulu-net",
    "zulu-stranger",
]
WORDS = ["ville-1", "ville-park", "ville-plan", OURS, "mairie", "park", "centre", "nobody", "", *THEIR_IDS]
PLAIN: dict[str, list[str]] = {
    "q": ["", "camera", "haut", "tour zulu", "habitat", "zulu", "caméra"],
    "status": ["up", "down", "planned", "retired"],
    "condition": ["suspect", "degraded", "video_loss", "overdue"],
    "sort": ["severity", "-name", "site", "operator"],
    "limit": ["1", "3", "500"],
    "offset": ["0", "2", "50"],
    "from": ["2026-01-01T00:00:00Z", "0"],
    "to": ["2026-01-03T00:00:00Z", "1800000000000"],
    "days": ["1", "3"],
    "month": ["2026-01"],
    "format": ["table", "csv", "json", "html"],
    "lang": ["fr", "en"],
    "purpose": ["traffic", "video_protection"],
    "open": ["true", "false"],
    "unattributed": ["true", "false"],
    "past": ["true", "false"],
    "hours": ["6"],
    "download": ["true"],
}


class Asked(NamedTuple):
    """One request."""

    path: str
    query: Mapping[str, str]

    @property
    def names_them(self) -> bool:
        """Whether the request itself has a word of theirs."""
        return "zulu" in (self.path + "".join(self.query.values())).lower()

    def of_nobody(self) -> Asked:
        """Return the same request, of something that is nowhere."""
        return Asked(
            self.path.replace("zulu", "zuly"), {k: v.replace("zulu", "zuly") for k, v in self.query.items()}
        )


def _paths() -> dict[str, list[str]]:
    """Return every path that is read, but the endless one, and the parameters of each."""
    document = document_of(api.router.routes)
    return {
        path: [each["name"] for each in operations["get"].get("parameters", ()) if each["in"] == "query"]
        for path, operations in document["paths"].items()
        if "get" in operations and not path.endswith("/events")
    }


PATHS = _paths()


@st.composite
def requests(draw: st.DrawFn) -> Asked:
    """Return a request: any path, with any of its parameters."""
    path = draw(st.sampled_from(sorted(PATHS)))
    query = {}
    for name in PATHS[path]:
        if name in ("from", "to") and path.endswith("/export"):
            query[name] = {"from": "0", "to": "1800000000000"}[name]
        elif draw(st.booleans()):
            query[name] = draw(st.sampled_from(PLAIN.get(name, WORDS)))
    for place in ("camera", "operator", "site"):
        path = path.replace(f"{{{place}}}", draw(st.sampled_from([word for word in WORDS if word])))
    for place in ("outage", "number"):
        path = path.replace(f"{{{place}}}", str(draw(st.integers(1, 18))))
    return Asked(path, query)


async def ask(client: httpx.AsyncClient, asked: Asked) -> httpx.Response:
    return await client.get(asked.path, params=asked.query)


async def test_every_route_that_is_read_is_asked() -> None:
    """A new route is in the property below by itself; this says which there are at least."""
    assert len(PATHS) >= 25
    assert "/api/v1/cameras/{camera}/availability" in PATHS


@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(asked=requests())
async def test_no_byte_of_another_operator_comes_on_any_route(old_town: Town, asked: Asked) -> None:
    """Nor can it be told whether there is what is asked for by name, or nothing."""
    async with old_town.client(READER) as client:
        answer = await ask(client, asked)
        assert answer.status_code < 500
        if not asked.names_them:
            assert "zulu" not in answer.text.lower()
            return
        nothing = await ask(client, asked.of_nobody())
    assert nothing.status_code == answer.status_code
    said, of_nobody = (each.text.lower().replace("zuly", "zulu") for each in (answer, nothing))
    if asked.path.endswith(("/reports", "/export")):
        said, of_nobody = said[:200], of_nobody[:200]  # in the rest is when it was made
    assert said == of_nobody


@pytest.mark.parametrize("path", sorted(path for path in PATHS if "{" not in path))
async def test_every_list_has_them_for_who_sees_all_and_for_nobody_else(old_town: Town, path: str) -> None:
    """So the property above compares something."""
    silent = ("/me", "/fleet", "/incidents")  # no name of theirs is in these here
    query = {"from": "0", "to": "1800000000000"} if path.endswith("/export") else {}
    if path.endswith("/reports"):
        query = {"month": "2026-01"}
    for viewer in (LOCAL_ADMIN, READER):
        async with old_town.client(viewer) as client:
            answer = await client.get(path, params=query)
        told = "zulu" in answer.text.lower()
        if viewer is LOCAL_ADMIN:
            assert answer.status_code == 200
            assert told or path.endswith(silent)
        else:
            assert not told


async def test_totals_count_only_what_is_seen(old_town: Town) -> None:
    async with old_town.client(READER) as client:
        fleet = (await client.get("/api/v1/fleet")).json()
        cameras = (await client.get("/api/v1/cameras?limit=1")).json()
        sites = (await client.get("/api/v1/sites")).json()
        mairie = (await client.get("/api/v1/sites/mairie")).json()
        levels = (await client.get("/api/v1/service-levels")).json()
    assert fleet["counts"]["in_service"] == 6
    assert fleet["incidents"] == 1
    assert cameras["total"] == 7
    assert [site["id"] for site in sites["items"]] == ["mairie", "park"]
    assert mairie["counts"]["in_service"] == 5
    assert mairie["operators"] == [OURS]
    assert sum(line["cameras"] for line in levels["operators"]) == 6


async def test_a_shared_sites_incident_is_seen_by_ones_own_cameras_in_it(old_town: Town) -> None:
    async with old_town.client(READER) as client:
        (incident,) = (await client.get("/api/v1/incidents")).json()["items"]
    assert (incident["kind"], incident["id"], incident["down"]) == ("site", "mairie", 3)
    assert incident["cameras"] == ["ville-1", "ville-2", "ville-3"]


async def test_camwatchs_own_troubles_are_for_those_who_see_all(old_town: Town) -> None:
    async with old_town.client(READER) as client:
        nothing = await client.get("/api/v1/there-is-none")
        for path in ("/api/v1/inventory", "/api/v1/inventory/unregistered"):
            answer = await client.get(path)
            assert (answer.status_code, answer.json()) == (404, nothing.json())
        (link,) = (await client.get("/api/v1/links")).json()["items"]
    assert link == {"name": "main", "up": True, "operators": [OURS], "problem": None, "received": None}


WINDOWS = [("site", "mairie", 201), ("camera", "zulu-1", 404), ("operator", THEIRS, 404)]
WINDOWS += [("site", "zulu-tower", 404), ("site", "park", 201), ("camera", "ville-1", 201)]


@pytest.mark.parametrize(("scope", "scope_id", "status"), WINDOWS)
async def test_maintenance_is_planned_only_where_one_has_cameras(
    new_town: Town, scope: str, scope_id: str, status: int
) -> None:
    window = _window(scope, scope_id)
    async with new_town.client(MAYOR) as client:
        answer = await client.post("/api/v1/maintenance", json=window)
        assert answer.status_code == status, answer.text
        if status == 201:
            assert (answer.json()["author"], answer.json()["operators"]) == ("Hélène", [OURS])


async def test_a_window_at_a_shared_site_covers_its_authors_cameras_only(
    new_town: Town,
) -> None:
    """Now, and of the cameras that come there later or change hands."""
    now = new_town.watcher.now
    start, end = to_datetime(now.utc_ms - 60_000), to_datetime(now.utc_ms + 86_400_000)
    window = _window("site", "mairie") | {"from": start.isoformat(), "to": end.isoformat()}
    async with new_town.client(MAYOR) as client:
        number = (await client.post("/api/v1/maintenance", json=window)).json()["number"]
        ages = _window("site", "mairie") | {"to": "2199-01-01T00:00:00Z"}
        refused = await client.post("/api/v1/maintenance", json=ages)
    assert refused.status_code == 409
    assert "at most 31" in refused.json()["detail"]
    async with new_town.client(LANDLORD) as client:
        assert (await client.get(f"/api/v1/maintenance/{number}")).status_code == 404
        path = f"/api/v1/maintenance/{number}/cancel"
        assert (await client.post(path, json={"reason": "mine"})).status_code == 404
    keeper = RecordingStore(new_town.store, new_town.watcher.timezone, 400)
    watcher = new_town.watcher
    watcher.set_maintenance(keeper.windows(now.utc_ms))
    rows = watcher.inventory.cameras
    moved = {
        "ville-1": replace(rows["ville-1"], operator=THEIRS),
        "zulu-tower-1": replace(rows["zulu-tower-1"], site="mairie"),
    }
    watcher.load_inventory(replace(watcher.inventory, cameras={**rows, **moved}))
    covered = new_town.ids(Status.MAINTENANCE)
    assert covered == ["ville-2", "ville-3", "ville-4", "ville-5"]


async def test_a_window_of_the_city_is_cancelled_for_ones_own_cameras(new_town: Town) -> None:
    """It stays for the others, and each sees what concerns them."""
    async with new_town.client(LOCAL_ADMIN) as client:
        windows = (await client.get("/api/v1/maintenance")).json()["items"]
    number = next(window["number"] for window in windows if window["id"] == "mairie")
    path = f"/api/v1/maintenance/{number}"
    async with new_town.client(MAYOR) as client:
        cancelled = (await client.post(f"{path}/cancel", json={"reason": "not ours"})).json()
        assert (cancelled["state"], cancelled["operators"], cancelled["without"]) == ("cancelled", [OURS], [])
        again = await client.post(f"{path}/cancel", json={"reason": "not ours"})
        assert again.status_code == 409
    async with new_town.client(LANDLORD) as client:
        left = (await client.get(path)).json()
        assert (left["state"], left["operators"], left["without"]) == ("planned", None, [])
    async with new_town.client(LOCAL_ADMIN) as client:
        left = (await client.get(path)).json()
        assert (left["state"], left["without"], left["can_cancel"]) == ("planned", [OURS], True)


async def test_a_window_of_others_is_cancelled_by_nobody_else(new_town: Town) -> None:
    """12 to 16 are on zulu-4, zulu-tower, all of zulu, the shared site, and a camera of ours."""
    async with new_town.client(LOCAL_ADMIN) as client:
        windows = (await client.get("/api/v1/maintenance")).json()["items"]
    by_id = {window["id"]: window["number"] for window in windows}
    wanted = {"zulu-4": 404, "zulu-tower": 404, THEIRS: 404, "mairie": 200, "ville-4": 200}
    async with new_town.client(MAYOR) as client:
        for window, status in wanted.items():
            path = f"/api/v1/maintenance/{by_id[window]}/cancel"
            answer = await client.post(path, json={"reason": "not needed"})
            assert answer.status_code == status, (window, answer.text)
        seen = (await client.get("/api/v1/maintenance")).json()["items"]
    assert seen == []


async def test_another_operators_outage_cannot_be_attributed(new_town: Town) -> None:
    now = new_town.watcher.now.utc_ms
    _, (latest,) = new_town.parts.history.outage_page([THEIRS], from_ms=0, to_ms=now, piece=slice(1))
    theirs = latest.outage.id
    said = {"cause": "works", "reason": "mine"}
    async with new_town.client(MAYOR) as client:
        answer = await client.post(f"/api/v1/outages/{theirs}/attributions", json=said)
        nothing = await client.post("/api/v1/outages/999/attributions", json=said)
    assert answer.status_code == nothing.status_code == 404
    assert answer.json()["detail"] == f"there is no outage {theirs}"
    still = new_town.parts.history.outage(None, theirs)
    assert still is not None
    assert [each.author for each in still.outage.attributions] == ["Zulu Martin"]


def _window(scope: str, scope_id: str) -> dict[str, Any]:
    return {
        "scope": scope,
        "id": scope_id,
        "from": "2026-02-01T08:00:00+01:00",
        "to": "2026-02-01T10:00:00+01:00",
        "reason": "mast",
    }


def test_that_a_site_is_there_is_not_told_by_the_steps_it_takes_to_say_no(old_town: Town) -> None:
    """Every camera was walked for a site of others, and none for a site of nobody."""

    def steps(site: str) -> int:
        count = 0

        def note(_frame: object, event: str, _what: object) -> None:
            nonlocal count
            count += event in ("call", "c_call")

        with pytest.raises(ProblemError):
            fleet.check_site(old_town.parts.live, READER, "the first question of a scope")
        setprofile(note)
        try:
            with pytest.raises(ProblemError):
                fleet.check_site(old_town.parts.live, READER, site)
        finally:
            setprofile(None)
        return count

    assert steps("zulu-tower") == steps("nobodys-one")
    fleet.check_site(old_town.parts.live, READER, "park")
    fleet.check_site(old_town.parts.live, READER, "mairie")
    fleet.check_site(old_town.parts.live, LOCAL_ADMIN, "zulu-tower")


async def test_when_the_whole_record_begins_is_told_to_who_sees_all_of_it(old_town: Town) -> None:
    for viewer, told in ((READER, False), (LOCAL_ADMIN, True)):
        async with old_town.client(viewer) as client:
            answer = await client.get("/api/v1/reports?month=2020-01")
        assert answer.status_code == 404
        assert ("it begins on" in answer.text) == told
