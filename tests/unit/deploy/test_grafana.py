"""The committed dashboards: sound JSON, a tidy grid, links that lead somewhere, two languages, colours."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models import dashboard

from camwatch.core.model import Status
from deploy.grafana.generate import __main__ as command
from deploy.grafana.generate.dashboard import Band, lay_out
from deploy.grafana.generate.documents import FOLDER, PAGES, documents
from deploy.grafana.generate.i18n import LANGUAGES, REASONS, STATUSES
from deploy.grafana.generate.palette import CODES, ORANGE, STATUS
from deploy.grafana.generate.panels import Query, stat
from tests.support.deploy.panels import columns
from tests.support.paths import ROOT
from tools.generated_files import outdated
from tools.grafana_preview.prometheus_client import panels

FILES = sorted(FOLDER.glob("*/*.json"))
BOARDS: dict[str, dict[str, Any]] = {f"{p.parent.name}/{p.stem}": json.loads(p.read_text()) for p in FILES}
each = pytest.mark.parametrize("name", BOARDS)


# The files


def test_every_dashboard_exists_in_both_languages_as_generated() -> None:
    assert {f"{lang}/{page}" for lang in LANGUAGES for page in PAGES} == set(BOARDS)
    assert outdated(FOLDER, documents(), "*/*.json") == []


def test_the_command_writes_checks_and_removes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--check"], tmp_path) == 1
    assert capsys.readouterr().err.count("run `make docs`") == len(BOARDS)
    assert command.main([], tmp_path) == 0
    assert command.main(["--check"], tmp_path) == 0
    (tmp_path / "fr/of-old.json").write_text("{}")
    assert command.main(["--check"], tmp_path) == 1
    assert command.main([], tmp_path) == 0
    assert {str(p.relative_to(tmp_path)) for p in tmp_path.glob("*/*")} == set(documents())


@each
def test_a_round_trip_through_the_sdk_is_the_identity(name: str) -> None:
    register_default_plugins()
    again = dashboard.Dashboard.from_json(BOARDS[name])
    assert json.loads(json.dumps(again, cls=JSONEncoder)) == BOARDS[name]


# The grid


@each
def test_no_panel_overlaps_another_or_runs_over_the_edge(name: str) -> None:
    places = [panel["gridPos"] for panel in BOARDS[name]["panels"]]
    for place in places:
        assert place["x"] >= 0
        assert place["x"] + place["w"] <= 24
        assert min(place["w"], place["h"]) >= 1
    for one, other in combinations(places, 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)


@each
def test_every_line_of_the_grid_is_full(name: str) -> None:
    panels_ = BOARDS[name]["panels"]
    for y in {panel["gridPos"]["y"] for panel in panels_}:
        assert sum(panel["gridPos"]["w"] for panel in panels_ if panel["gridPos"]["y"] == y) == 24, y


@each
def test_ids_are_unique(name: str) -> None:
    ids = [panel["id"] for panel in BOARDS[name]["panels"]]
    assert len(set(ids)) == len(ids)
    assert min(ids) > 0


def test_uids_and_titles_are_unique() -> None:
    for key in ("uid", "title"):
        found = [board[key] for board in BOARDS.values()]
        assert len(set(found)) == len(found) == 10


def test_a_band_that_is_too_wide_is_a_bug() -> None:
    panel = stat("title", "tells", Query("up"), unit="short")
    with pytest.raises(ValueError, match="25 columns"):
        lay_out([Band(1, [(25, panel)])])


# What a panel must have


@each
def test_every_panel_has_a_title_a_description_a_unit_and_a_query(name: str) -> None:
    for panel in panels(BOARDS[name]):
        assert panel["title"]
        assert panel["description"].endswith((".", "…")), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["targets"]
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs)
        if panel["type"] in ("table", "geomap"):
            overrides = panel["fieldConfig"]["overrides"]
            heads = columns(panel)["renameByName"].values()
            assert {one["matcher"]["options"] for one in overrides} == set(heads), panel["title"]
            for one in overrides:
                assert "unit" in {given["id"] for given in one["properties"]}


def test_titles_of_a_dashboard_differ() -> None:
    for board in BOARDS.values():
        titles = [panel["title"] for panel in board["panels"]]
        assert len(set(titles)) == len(titles), board["title"]


# Links


def addresses(value: object) -> Iterator[str]:
    """Return every `url` in a document."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "url" and isinstance(inner, str):
                yield inner
            yield from addresses(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from addresses(inner)


@each
def test_every_link_leads_to_a_dashboard_of_its_language(name: str) -> None:
    board = BOARDS[name]
    by_uid = {other["uid"]: other for other in BOARDS.values()}
    language, *_ = name.split("/")
    across = 0
    for url in addresses(board):
        match = re.fullmatch(r"/d/([\w-]+)(?:\?(.*))?", url)
        assert match, url
        target = by_uid[match[1]]
        across += language not in target["tags"]
        names = {variable["name"] for variable in target["templating"]["list"]}
        assert set(re.findall(r"var-(\w+)=", match[2] or "")) <= names
    assert across == 1, "one link leads to the other language"
    assert len(board["links"]) == len(PAGES)


def test_the_datasource_of_every_query_is_the_one_that_is_provisioned() -> None:
    provisioned = yaml.safe_load((ROOT / "deploy/grafana/provisioning/datasources/camwatch.yaml").read_text())
    (source,) = provisioned["datasources"]
    for board in BOARDS.values():
        wanted = {"type": source["type"], "uid": source["uid"]}
        assert all(variable["datasource"] == wanted for variable in board["templating"]["list"])
        for panel in panels(board):
            assert panel["datasource"] == wanted
            assert all(target["datasource"] == wanted for target in panel["targets"])


def test_each_language_has_a_folder_that_is_provisioned() -> None:
    file = ROOT / "deploy/grafana/provisioning/dashboards/camwatch.yaml"
    providers = yaml.safe_load(file.read_text())["providers"]
    assert [Path(one["options"]["path"]).name for one in providers] == list(LANGUAGES)
    assert len({one["folderUid"] for one in providers}) == 2


def test_rates_know_the_interval_of_the_scrapes() -> None:
    """A rate needs four scrapes: Grafana reckons them from the datasource's interval."""
    provisioned = yaml.safe_load((ROOT / "deploy/grafana/provisioning/datasources/camwatch.yaml").read_text())
    scraped = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    interval = scraped["global"]["scrape_interval"]
    assert provisioned["datasources"][0]["jsonData"]["timeInterval"] == interval


# Languages

SAME = {
    *("Maintenance", "Incidents", "Instances", "Zone", "Site", "Python", "99 %", "1 h", "24 h", "Silence"),
    *("string", "Messages", "Latitude", "Longitude", "?"),
}
"""What is the same in both languages, and right so."""

SPOKEN = ("title", "description", "text", "displayName", "label", "noValue")


def spoken(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Return every text that people read, with where it stands."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in SPOKEN and isinstance(inner, str):
                yield f"{path}/{key}", inner
            elif key == "renameByName":
                yield from ((f"{path}/{field}", head) for field, head in inner.items())
            elif key == "legendFormat" and "{{" not in inner and inner != "__auto":
                yield f"{path}/{key}", inner
            yield from spoken(inner, f"{path}/{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from spoken(inner, f"{path}/{index}")


@pytest.mark.parametrize("page", PAGES)
def test_what_people_read_differs_between_french_and_english(page: str) -> None:
    french, english = dict(spoken(BOARDS[f"fr/{page}"])), dict(spoken(BOARDS[f"en/{page}"]))
    assert set(french) == set(english)
    same = {text for path, text in french.items() if text == english[path] and text not in ("–", "")}
    assert same <= SAME


@pytest.mark.parametrize("page", PAGES)
def test_both_languages_ask_the_same(page: str) -> None:
    french, english = (
        [target["expr"] for panel in panels(BOARDS[f"{lang}/{page}"]) for target in panel["targets"]]
        for lang in LANGUAGES
    )
    assert french == english


def test_every_status_has_a_text_colour_and_code_every_reason_a_text() -> None:
    statuses = {status.value for status in Status}
    assert set(STATUSES) == set(STATUS) == set(CODES) == statuses
    catalogue = (ROOT / "docs/reference/semantics.md").read_text()
    for reason in REASONS:
        assert f"`{reason}`" in catalogue


def test_the_codes_are_those_that_prometheus_says_it_records() -> None:
    """What it really records of each status is held against the daemon's word in the live tests."""
    rules = (ROOT / "deploy/prometheus/rules/recording.yaml").read_text()
    (told,) = re.findall(r"The status as a number, for timelines: (.*)\.", rules)
    assert {status: int(code) for code, status in re.findall(r"(\d) (\w+)", told)} == CODES


# Colours

_VISIONS = {
    "usual": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
"""What linear red, green and blue become (Machado, Oliveira, Fernandes 2009, severity 1)."""


def lab(colour: str, vision: str) -> tuple[float, float, float]:
    """Return a colour as such eyes see it, in CIELAB."""
    raw = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in raw]
    seen = [
        min(1.0, max(0.0, sum(a * b for a, b in zip(row, linear, strict=True)))) for row in _VISIONS[vision]
    ]
    rows = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
    white = (0.9505, 1.0, 1.089)
    xyz = [sum(a * b for a, b in zip(row, seen, strict=True)) / w for row, w in zip(rows, white, strict=True)]
    x, y, z = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@pytest.mark.parametrize("vision", _VISIONS)
def test_colour_blind_people_can_tell_the_statuses_apart(vision: str) -> None:
    """Distances in CIELAB; 2.3 is just noticeable, 10 is plain at a glance."""
    seen = {name: lab(colour, vision) for name, colour in {**STATUS, "degraded": ORANGE}.items()}
    for one, other in combinations(seen, 2):
        distance = sum((a - b) ** 2 for a, b in zip(seen[one], seen[other], strict=True)) ** 0.5
        assert distance > 10, (one, other, round(distance, 1))


@each
def test_no_colour_stands_without_a_text(name: str) -> None:
    def mappings(value: object) -> Iterator[dict[str, Any]]:
        if isinstance(value, dict):
            if value.get("type") == "value" and "options" in value:
                yield from value["options"].values()
            for inner in value.values():
                yield from mappings(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from mappings(inner)

    found = list(mappings(BOARDS[name]["panels"]))
    assert all(one["text"] for one in found)


def test_thresholds_rise() -> None:
    for board in BOARDS.values():
        for panel in panels(board):
            steps = (panel["fieldConfig"]["defaults"].get("thresholds") or {}).get("steps", [])
            values = [step["value"] for step in steps[1:]]
            assert all(a < b for a, b in pairwise(values)), panel["title"]
