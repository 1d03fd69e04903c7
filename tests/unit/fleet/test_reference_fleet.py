"""The reference fleet, `config/fleet/`: what the city has stated, row by row."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from camwatch.core.model import Camera, Lifecycle, Purpose
from camwatch.fleet.inventory import Inventory, load_inventory
from tests.support.paths import ROOT

FOLDER = ROOT / "config" / "fleet"
LANDLORDS = ("familles-et-provence", "sacogiva", "bailleur-saint-eutrope")
SIGNATORIES = ("bailleur-4", "bailleur-5", "bailleur-6", "bailleur-7", "bailleur-8")


@pytest.fixture(scope="module")
def fleet() -> Inventory:
    return load_inventory(FOLDER, ZoneInfo("Europe/Paris"))


@pytest.fixture(scope="module")
def in_service(fleet: Inventory) -> list[Camera]:
    return [camera for camera in fleet.cameras.values() if camera.lifecycle is Lifecycle.IN_SERVICE]


@pytest.fixture(scope="module")
def planned(fleet: Inventory) -> list[Camera]:
    return [camera for camera in fleet.cameras.values() if camera.lifecycle is Lifecycle.PLANNED]


def test_458_cameras_are_in_service_and_14_are_planned(
    fleet: Inventory, in_service: list[Camera], planned: list[Camera]
) -> None:
    assert (len(fleet.cameras), len(in_service), len(planned)) == (472, 458, 14)


def test_the_operators_are_the_city_and_eight_landlords(fleet: Inventory) -> None:
    assert tuple(fleet.operators) == ("ville", *LANDLORDS, *SIGNATORIES)
    assert all(fleet.operators[name].objective is None for name in SIGNATORIES)
    assert fleet.operators["bailleur-4"].name == "Bailleur signataire n° 4"


def test_those_in_service_stand_where_the_city_says(in_service: list[Camera]) -> None:
    places = Counter(
        camera.site if camera.site in ("saint-eutrope", "la-duranne") else "elsewhere"
        for camera in in_service
    )
    assert places == {"saint-eutrope": 1, "la-duranne": 13, "elsewhere": 444}
    assert Counter(camera.operator for camera in in_service) == {"bailleur-saint-eutrope": 1, "ville": 457}


def test_those_planned_are_the_landlords_and_the_grand_vallat_s(planned: list[Camera]) -> None:
    assert Counter((camera.operator, camera.site) for camera in planned) == {
        ("bailleur-saint-eutrope", "saint-eutrope"): 3,
        ("familles-et-provence", "jas-les-marsouins"): 2,
        ("sacogiva", "centre-fontaines-de-sextius"): 1,
        ("sacogiva", "jas-les-mees"): 1,
        ("sacogiva", "puyricard-l-etoile"): 1,
        ("ville", "la-duranne-grand-vallat"): 6,
    }


def test_every_planned_camera_has_a_future_date(planned: list[Camera]) -> None:
    """Rule V1: a fleet that is overdue on sight teaches people to ignore the alert."""
    written = datetime(2026, 11, 22, tzinfo=UTC).timestamp() * 1000
    assert all(camera.commission_by_ms and camera.commission_by_ms > written for camera in planned)


def test_the_zones_are_the_districts_named_and_the_centre_and_the_entries(fleet: Inventory) -> None:
    assert {site.zone for site in fleet.sites.values()} == {
        "Centre-ville",
        "Entrées de ville",
        "Saint-Eutrope",
        "Jas de Bouffan",
        "Puyricard",
        "La Duranne",
    }


def test_the_444_are_spread_over_sites_of_3_to_14_and_over_all_purposes(in_service: list[Camera]) -> None:
    rest = [camera for camera in in_service if camera.source == "assumption"]
    sizes = Counter(camera.site for camera in rest)
    assert (len(rest), len(sizes), min(sizes.values()), max(sizes.values())) == (444, 60, 3, 14)
    assert Counter(camera.purpose for camera in rest).keys() == set(Purpose)


def test_every_row_says_where_it_comes_from(fleet: Inventory) -> None:
    sources = Counter(camera.source for camera in fleet.cameras.values())
    assert sources == {"article": 28, "assumption": 444}


def test_every_camera_has_a_name_of_its_own_and_a_place_in_the_town(fleet: Inventory) -> None:
    cameras = fleet.cameras.values()
    assert len({camera.name for camera in cameras}) == len(cameras)
    assert all(
        43.4 < (camera.latitude or 0) < 43.7 and 5.2 < (camera.longitude or 0) < 5.6 for camera in cameras
    )
    assert {camera.site for camera in cameras} == set(fleet.sites)


def test_names_are_written_as_french_is(fleet: Inventory) -> None:
    names = [
        *(site.name for site in fleet.sites.values()),
        *(camera.name for camera in fleet.cameras.values()),
    ]
    assert not [name for name in names if "'" in name]  # the apostrophe is ’
    assert fleet.sites["centre-hotel-de-ville"].name == "Place de l’Hôtel-de-Ville"
    assert fleet.cameras["centre-cours-mirabeau-03"].name == "Cours Mirabeau – caméra 3, façade nord"
