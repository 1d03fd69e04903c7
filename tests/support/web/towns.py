"""Towns of any size before a real browser: real Watchers whose time stands still."""

from __future__ import annotations

from collections.abc import Iterator

from camwatch.core.model import Camera, Lifecycle
from camwatch.fleet.inventory import Operator, Site
from tests.support.fleet import camera
from tests.support.monitor_fixture import City, registered

DOWN = 13

_NAMES = (
    "Ville d’Aix-en-Provence",
    "Pays d’Aix Habitat Métropole",
    "Sacogiva",
    "Famille et Provence",
    "13 Habitat",
)


def town_of(operators: int, cameras: int, *, blind_s: float = 0) -> City:
    """Return a town in which 13 cameras are down, some are planned and one has a warning.

    `blind_s`: for so long camwatch has lost the broker since; after a minute it knows of no camera any more.
    """
    rows = list(_cameras(operators, cameras))
    owners = [Operator(f"operator-{number}", _name(number), 0.98) for number in range(operators)]
    places = [
        Site(f"site-{number}", f"Résidence de la Duranne {number}", f"Quartier {number % 9}", *_at(number))
        for number in range(60)
    ]
    city = City(registered(rows, owners, sites=places))
    serving = [row.id for row in rows if row.lifecycle is Lifecycle.IN_SERVICE]
    for seq in range(1, 7):
        city.beat(*(serving if seq == 1 else serving[DOWN:]), seq=seq, fps=25.0)
        city.pass_s(10)
    city.beat(serving[-1], seq=7, fps=2.0, video_loss=True)
    if blind_s:
        city.lose_sight()
        city.pass_s(blind_s)
    return city


def _cameras(operators: int, cameras: int) -> Iterator[Camera]:
    for number in range(cameras):
        planned = number % 50 == 49
        yield camera(
            f"cam-{number}",
            operator=f"operator-{number % operators}",
            site=f"site-{number % 60}",
            zone=f"Quartier {number % 60 % 9}",
            name=f"Parking du Palais des Congrès, entrée {number}",
            lifecycle=Lifecycle.PLANNED if planned else Lifecycle.IN_SERVICE,
        )


def _name(number: int) -> str:
    name = _NAMES[number % len(_NAMES)]
    return name if number < len(_NAMES) else f"{name} {number}"


def _at(number: int) -> tuple[float, float]:
    return 43.49 + 0.07 * (number % 8) / 8, 5.34 + 0.14 * (number // 8) / 8
