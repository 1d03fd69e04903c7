"""The map of *Fleet*: what marks a site, and that a dot stands where its site is."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from deploy.grafana.generate import queries
from deploy.grafana.generate.documents import FOLDER
from deploy.grafana.generate.i18n import LANGUAGES
from deploy.grafana.generate.palette import CODES, STATUS
from tests.support.deploy.panels import columns
from tests.support.mosquitto import program
from tools.grafana_preview.panels import page
from tools.grafana_preview.prometheus_client import Asked, Series, panels, rows
from tools.grafana_preview.units import settings

BOARDS: dict[str, dict[str, Any]] = {
    language: json.loads((FOLDER / language / "fleet.json").read_text()) for language in LANGUAGES
}
each = pytest.mark.parametrize("language", LANGUAGES)


def the_map(language: str = "fr") -> dict[str, Any]:
    """Return the panel."""
    (panel,) = [panel for panel in panels(BOARDS[language]) if panel["type"] == "geomap"]
    return panel


# What Grafana is told


@each
def test_the_map_draws_columns_that_it_has_from_coordinates_made_numbers(language: str) -> None:
    panel = the_map(language)
    (layer,) = panel["options"]["layers"]
    style, where = layer["config"]["style"], layer["location"]
    named = columns(panel)["renameByName"]
    assert where["mode"] == "coords"
    assert [where["latitude"], where["longitude"]] == [named["latitude"], named["longitude"]]
    assert style["color"]["field"] == style["text"]["field"]
    assert {style["color"]["field"], style["size"]["field"]} <= set(named.values())
    kinds = [step["id"] for step in panel["transformations"]]
    assert kinds == ["merge", "convertFieldType", "organize", "sortBy"], "numbers before they are renamed"
    assert panel["transformations"][1]["options"]["conversions"] == [
        {"targetField": axis, "destinationType": "number"} for axis in ("latitude", "longitude")
    ]
    (order,) = panel["transformations"][3]["options"]["sort"]
    assert (order["field"], order["desc"]) == (style["size"]["field"], False), "the worst are drawn last"


@each
def test_a_dot_has_the_colour_of_a_status(language: str) -> None:
    """A dot without a mark is green, also when no dot has one and the column is not there."""
    colour = the_map(language)["options"]["layers"][0]["config"]["style"]["color"]
    how = settings(the_map(language), colour["field"])
    assert colour["fixed"] == how["thresholds"]["steps"][0]["color"] == STATUS["up"]
    assert how["thresholds"]["steps"][1:] == [{"value": 1, "color": STATUS["down"]}]
    assert "noValue" not in how, "it would stand beside each green dot"
    (mapped,) = how["mappings"]
    assert {code: one["color"] for code, one in mapped["options"].items()} == {
        str(-CODES[status]): STATUS[status] for status in ("unknown", "maintenance", "planned")
    }


@each
def test_a_tooltip_names_the_site_and_counts_its_cameras_and_no_more(language: str) -> None:
    hidden = {
        one["matcher"]["options"]
        for one in the_map(language)["fieldConfig"]["overrides"]
        for given in one["properties"]
        if given["id"] == "custom.hideFrom" and given["value"]["tooltip"]
    }
    options = columns(the_map(language))
    order = sorted(options["indexByName"], key=options["indexByName"].__getitem__)
    shown = [head for field in order if (head := options["renameByName"][field]) not in hidden]
    words = {
        "fr": ["Site", "Zone", "En panne", "Inconnues", "En service", "Identifiant"],
        "en": ["Site", "District", "Down", "Unknown", "In service", "Id"],
    }
    assert shown == words[language]


def test_the_view_fits_the_sites_and_does_not_show_the_world() -> None:
    """`zoom` is how near a fitted view may come; the SDK's default of 1 would be the whole world."""
    view = the_map()["options"]["view"]
    assert (view["id"], view["allLayers"]) == ("fit", True)
    assert view["zoom"] >= 12


# What marks a site


class Told(NamedTuple):
    """A site by its cameras in each status, and what the map says of it."""

    cameras: dict[str, int]
    mark: int | None
    in_service: int | None


SITES = {
    "well": Told({"up": 5}, None, 5),
    "down": Told({"up": 4, "down": 2, "unknown": 1, "planned": 1}, 2, 7),
    "unseen": Told({"up": 4, "unknown": 1}, -CODES["unknown"], 5),
    "works": Told({"maintenance": 2, "planned": 1}, -CODES["maintenance"], 2),
    "some-works": Told({"maintenance": 2, "up": 1}, None, 3),
    "to-come": Told({"planned": 3}, -CODES["planned"], 0),
    "growing": Told({"planned": 3, "up": 1}, None, 1),
    "gone": Told({"retired": 3}, None, None),
}


def test_a_site_is_marked_by_its_worst_and_counted_by_what_is_in_service(tmp_path: Path) -> None:
    """Nobody says of a site that no camera is down while some cannot be seen."""
    marked = {site: told.mark for site, told in SITES.items() if told.mark is not None}
    counted = {site: told.in_service for site, told in SITES.items() if told.in_service is not None}
    down = {site: SITES[site].cameras.get("down", 0) for site in counted}
    expected = [
        (queries.marks_of_sites(), marked),
        (queries.counted_at_sites(*queries.IN_SERVICE), counted),
        (queries.counted_at_sites("down"), down),
    ]
    unit = {
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": list(_recorded()), "promql_expr_test": _asks(expected)}],
    }
    file = tmp_path / "map.yaml"
    file.write_text(json.dumps(unit))
    done = subprocess.run(
        [program("promtool"), "test", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _recorded() -> Iterable[dict[str, str]]:
    counts = "site:camwatch_camera_status:count_values"
    places = queries.PLACES
    for site, told in SITES.items():
        for status, count in told.cameras.items():
            labels = f'job="camwatch", site="{site}", code="{CODES[status]}"'
            yield {"series": f"{counts}{{{labels}}}", "values": f"{count}x5"}
        labels = f'job="camwatch", site="{site}", name="{site}", zone="Z", latitude="43", longitude="5"'
        yield {"series": f"{places}{{{labels}}}", "values": "1x5"}
    yield {"series": f'{counts}{{job="camwatch", site="nowhere", code="4"}}', "values": "1x5"}


def _asks(expected: Iterable[tuple[str, dict[str, int]]]) -> list[dict[str, Any]]:
    labels = '{{site="{0}", name="{0}", zone="Z", latitude="43", longitude="5"}}'
    return [
        {
            "expr": queries.placed(sites),
            "eval_time": "5m",
            "exp_samples": [{"labels": labels.format(site), "value": value} for site, value in told.items()],
        }
        for sites, told in expected
    ]


# What the preview draws

CENTRE, NORTH, WEST = ("43.53", "5.45"), ("43.57", "5.42"), ("43.5", "5.35")


def answers(*sites: tuple[str, tuple[str, str], int | None, int]) -> list[list[Series]]:
    """Return what Prometheus would say of sites: their names, places, marks and numbers of cameras down."""
    found: list[list[Series]] = [[], [], [], []]
    for name, (latitude, longitude), mark, down in sites:
        labels = {"site": name, "name": name, "zone": "Z", "latitude": latitude, "longitude": longitude}
        for index, value in enumerate((mark, down, 0, 9)):
            if value is not None:
                found[index].append(Series(labels, [(0.0, float(value))]))
    return found


class Dot(NamedTuple):
    """A circle of the picture."""

    name: str
    x: float
    y: float
    radius: float
    colour: str


def dots(text: str) -> Sequence[Dot]:
    """Return the circles in the order of drawing."""
    circle = r'<circle cx="([\d.]+)" cy="([\d.]+)" r="([\d.]+)" stroke="(#\w+)".*?<title>Site: (.*)\n'
    found = re.findall(circle, text)
    return [Dot(name, float(x), float(y), float(r), colour) for x, y, r, colour, name in found]


def drawn(given: list[list[Series]]) -> str:
    """Return the page of the map alone."""
    panel = the_map()
    board = {**BOARDS["fr"], "panels": [panel]}
    return page(board, {panel["id"]: given}, Asked(0, 60, 2))


def test_dots_are_placed_inside_the_panel_and_the_worst_is_drawn_last() -> None:
    given = answers(
        ("L’Étoile <1>", NORTH, 7, 7), ("centre", CENTRE, None, 0), ("ouest", WEST, -CODES["unknown"], 0)
    )
    text = drawn(given)
    west, centre, north = dots(text)
    assert (west.name, centre.name, north.name) == ("ouest", "centre", "L’Étoile &lt;1&gt;")
    assert north.y < centre.y < west.y
    assert west.x < north.x < centre.x
    place = the_map()["gridPos"]
    for dot in (centre, west, north):
        assert dot.radius < dot.x < place["w"] * 1600 / 24 - dot.radius
        assert dot.radius < dot.y < place["h"] * 38 - 38 - dot.radius
    assert [dot.colour for dot in (centre, west, north)] == [
        STATUS["up"],
        STATUS["unknown"],
        STATUS["down"],
    ]
    assert centre.radius == west.radius < north.radius
    assert re.findall(r"<text .*?>(.*?)</text>", text) == ["?", "7"]
    assert "En panne: 7<br>Inconnues: 0<br>En service: 9" in text


def test_more_cameras_down_make_a_bigger_dot_up_to_a_size() -> None:
    sizes = [dots(drawn(answers(("site", CENTRE, down, down))))[0].radius for down in (1, 2, 5, 500)]
    assert all(a < b for a, b in pairwise(sizes[:3]))
    assert sizes[2] == sizes[3]


def test_the_map_is_green_without_marks_and_empty_without_sites() -> None:
    """With no mark at all its column is not there."""
    well = answers(("centre", CENTRE, None, 0), ("nord", NORTH, None, 0))
    heads, _ = rows(the_map(), well)
    assert "Repère" not in heads
    assert {dot.colour for dot in dots(drawn(well))} == {STATUS["up"]}
    assert dots(drawn(answers())) == []


def test_a_single_site_is_in_the_middle() -> None:
    (dot,) = dots(drawn(answers(("centre", CENTRE, None, 0))))
    assert dot.x == pytest.approx((the_map()["gridPos"]["w"] * 1600 / 24 - 8) / 2, abs=1)


def test_a_transformation_that_the_preview_does_not_know_is_an_error() -> None:
    panel = the_map() | {"transformations": [{"id": "merge", "options": {}}, {"id": "limit", "options": {}}]}
    with pytest.raises(ValueError, match="limit"):
        rows(panel, answers())
