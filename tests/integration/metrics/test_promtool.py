"""`promtool check metrics` on the exposition."""

from __future__ import annotations

import subprocess

from tests.support.fleet import camera
from tests.support.monitor_fixture import ODD, PLAIN, City, Scraped, odd_city, registered
from tests.support.mosquitto import program


def both(city: City) -> tuple[Scraped, Scraped]:
    """Return the same moment in both formats."""
    return Scraped(city.text()), Scraped(city.text(openmetrics=True), openmetrics=True)


def test_promtool_has_no_complaint() -> None:
    answer = subprocess.run(
        [program("promtool"), "check", "metrics"],
        input=odd_city().text().encode(),
        capture_output=True,
        check=False,
    )
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, b"", b"")


def test_promtool_has_no_complaint_of_a_fleet_without_bit_rates() -> None:
    answer = subprocess.run(
        [program("promtool"), "check", "metrics"],
        input=City(registered([camera(name=ODD)])).beat("cam-1", firmware=PLAIN, ts=1.0).text().encode(),
        capture_output=True,
        check=False,
    )
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, b"", b"")
