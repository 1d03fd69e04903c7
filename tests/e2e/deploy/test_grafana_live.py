"""Every query of every dashboard, asked of a real Prometheus that scraped the real daemon on a bad day.

The play takes most of the time, so all tests here are one group: they share it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from deploy.grafana.generate import queries
from deploy.grafana.generate.documents import FOLDER, PAGES
from deploy.grafana.generate.palette import CODES
from tests.support.deploy.grafana_scenario import DARK, FLAPS, HAMPERED, Scene, scene
from tests.support.deploy.panels import columns
from tools.grafana_preview.__main__ import html
from tools.grafana_preview.prometheus_client import Asked, panels, rows
from tools.grafana_preview.units import settings, show

BOARDS: dict[str, dict[str, Any]] = {
    page: json.loads((FOLDER / f"fr/{page}.json").read_text()) for page in PAGES
}

TABLES = ("table", "geomap")
"""Panels whose answers become rows and columns."""

CHOSEN = {"operator": "ville", "camera": HAMPERED}

pytestmark = pytest.mark.xdist_group("grafana")
each = pytest.mark.parametrize("page", PAGES)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory.mktemp("grafana")) as done:
        yield done


def asked(played: Scene, **variables: str) -> Asked:
    return Asked(played.end, 120, 2, {**CHOSEN, **variables})


@each
def test_every_query_of_every_panel_returns_data(played: Scene, page: str) -> None:
    silent = []
    for panel in panels(BOARDS[page]):
        for target, answer in zip(
            panel["targets"], played.prometheus.answers(panel, asked(played)), strict=True
        ):
            if not any(series.points for series in answer):
                silent.append((panel["title"], target["expr"]))
    assert silent == []


@each
def test_every_variable_offers_what_the_inventory_has(played: Scene, page: str) -> None:
    wanted = {"operator": {"ville", "sacogiva"}, "camera": {FLAPS, HAMPERED, "jas-1", "neuve"}}
    for variable in BOARDS[page]["templating"]["list"]:
        options = played.prometheus.options(variable, asked(played))
        assert wanted[variable["name"]] <= {value for _, value in options}
        if variable["name"] == "camera":
            assert ("Gare, quai n° 1", HAMPERED) in options


@each
def test_every_label_that_a_legend_an_override_or_a_column_names_exists(played: Scene, page: str) -> None:
    for panel in panels(BOARDS[page]):
        answers = played.prometheus.answers(panel, asked(played))
        for target, answer in zip(panel["targets"], answers, strict=True):
            for label in re.findall(r"\{\{\s*(\w+)\s*\}\}", target["legendFormat"]):
                assert all(series.labels.get(label) for series in answer), (panel["title"], label)
        names = {series.name for answer in answers for series in answer}
        if panel["type"] in TABLES:
            found = {name for answer in answers for series in answer for name in series.labels}
            found |= (
                {"Value"} if len(answers) == 1 else {f"Value #{chr(65 + i)}" for i in range(len(answers))}
            )
            renamed = columns(panel)["renameByName"]
            assert set(renamed) <= found, panel["title"]
            names = set(rows(panel, answers)[0])
        wanted = {one["matcher"]["options"] for one in panel["fieldConfig"]["overrides"]}
        assert wanted <= names, (panel["title"], wanted - names)


@each
def test_a_table_shows_its_columns_and_no_others(played: Scene, page: str) -> None:
    for panel in panels(BOARDS[page]):
        if panel["type"] in TABLES:
            heads, table = rows(panel, played.prometheus.answers(panel, asked(played)))
            options = columns(panel)
            order = sorted(options["indexByName"], key=options["indexByName"].__getitem__)
            assert heads == [options["renameByName"][name] for name in order], panel["title"]
            assert table, panel["title"]


@each
def test_no_panel_draws_a_series_for_each_camera(played: Scene, page: str) -> None:
    """A panel may have a row for each camera of a few; what limits them is in the query."""
    for panel in panels(BOARDS[page]):
        for target, answer in zip(
            panel["targets"], played.prometheus.answers(panel, asked(played)), strict=True
        ):
            if any("camera" in series.labels for series in answer):
                expr = target["expr"]
                assert "topk(" in expr or 'camera="$camera"' in expr, panel["title"]


def test_the_numeric_status_is_the_status(played: Scene) -> None:
    said = played.prometheus.instant("camwatch_camera_status == 1", played.end)
    codes = played.prometheus.instant(queries.CODE, played.end)
    by_camera = {series.labels["camera"]: series.points[0][1] for series in codes}
    statuses = {series.labels["camera"]: series.labels["status"] for series in said}
    assert set(statuses.values()) == {"up", "down", "maintenance", "planned"}
    recorded = {camera: code for camera, code in by_camera.items() if camera != FLAPS}
    assert recorded == {camera: CODES[status] for camera, status in statuses.items() if camera != FLAPS}, (
        "the one that flaps may have changed since the rule was reckoned"
    )


def shown(played: Scene, page: str, title: str, **variables: str) -> list[dict[str, str]]:
    """Return what a table or a stat shows."""
    (panel,) = [panel for panel in panels(BOARDS[page]) if panel["title"] == title]
    answers = played.prometheus.answers(panel, asked(played, **variables))
    if panel["type"] not in TABLES:
        return [
            {"": show(series.points[-1][1], settings(panel, series.name)).text}
            for answer in answers
            for series in answer
        ]
    heads, table = rows(panel, answers)
    return [{head: show(row[head], settings(panel, head)).text for head in heads} for row in table]


def test_the_fleet_says_what_happened(played: Scene) -> None:
    downs = shown(played, "fleet", "Caméras en panne")
    assert {"jas-1", "jas-2", "jas-3", "jas-4", "cam-3"} <= {row["Caméra"] for row in downs}
    assert downs == sorted(downs, key=lambda row: row["Depuis"], reverse=True), "the newest first"
    assert {row["Nom"] for row in downs} >= {"Résidence « Le Jas » 1"}
    assert shown(played, "fleet", "Incidents en cours") == [{"Cause commune": "Site", "Où": DARK}]
    assert shown(played, "fleet", "Supervision") == [{"": "Oui"}]
    zones = {row["Zone"]: row for row in shown(played, "fleet", "Par zone")}
    assert zones["Jas-de-Bouffan"]["En panne"] == "4"
    assert zones["Centre-ville"]["En maintenance"] == "1"
    (operator,) = [row for row in shown(played, "fleet", "Exploitants") if row["Exploitant"] == "sacogiva"]
    assert operator["En panne"] == "4"
    assert operator["Objectif"] == "95.0 %"


def test_the_map_shows_each_located_site_with_the_worst_on_top(played: Scene) -> None:
    rows = shown(played, "fleet", "Carte des sites\u202f: caméras en panne")
    dots = {row["Identifiant"]: row for row in rows}
    assert set(dots) == {"mairie", "parc", DARK, "chantier"}, "one is nowhere"
    assert list(dots)[-1] == DARK
    (row,) = [row for row in places(played) if row["Identifiant"] == DARK]
    assert (row["Latitude"], row["Longitude"]) == (43.525, 5.417)
    dark = dots[DARK]
    assert (dark["Site"], dark["Zone"]) == ("Résidence « Le Jas »", "Jas-de-Bouffan")
    assert (dark["En panne"], dark["Inconnues"], dark["En service"], dark["Repère"]) == ("4", "0", "4", "4")
    assert dots["mairie"]["En panne"] in ("1", "2"), "one flaps"
    assert (dots["mairie"]["En service"], dots["parc"]["En service"]) == ("7", "3")
    assert (dots["chantier"]["En service"], dots["chantier"]["Repère"]) == ("0", "–")
    (parc,) = [row for row in places(played) if row["Identifiant"] == "parc"]
    assert (parc["En panne"], parc["Repère"]) == (0, None), "all is well there"


def places(played: Scene) -> list[dict[str, Any]]:
    """Return the rows that the map draws."""
    (panel,) = [panel for panel in panels(BOARDS["fleet"]) if panel["type"] == "geomap"]
    return rows(panel, played.prometheus.answers(panel, asked(played)))[1]


def test_the_timeline_shows_what_is_down_now_and_nothing_else(played: Scene) -> None:
    (panel,) = [panel for panel in panels(BOARDS["fleet"]) if panel["type"] == "state-timeline"]
    (answer,) = played.prometheus.answers(panel, asked(played))
    assert {series.name for series in answer} - {FLAPS} == {"jas-1", "jas-2", "jas-3", "jas-4", "cam-3"}
    seen = {show(value, settings(panel)).text for series in answer for _, value in series.points}
    assert {"En marche", "En panne"} <= seen


def test_the_limit_of_the_timeline_holds_over_the_whole_range(played: Scene) -> None:
    """Who is shown is decided at the end of the range: a `topk` at each step would show more."""
    (panel,) = [panel for panel in panels(BOARDS["fleet"]) if panel["type"] == "state-timeline"]
    expr = panel["targets"][0]["expr"].replace("topk(30,", "topk(2,")
    assert len(played.prometheus.range(expr, asked(played))) == 2


def test_the_camera_says_what_hampers_it(played: Scene) -> None:
    assert shown(played, "camera", "État") == [{"": "En marche"}]
    (row,) = shown(played, "camera", "Inventaire")
    assert row["Nom"] == "Gare, quai n° 1"
    assert row["Usage"] == "Vidéoprotection"
    (panel,) = [panel for panel in panels(BOARDS["camera"]) if panel["title"] == "Anomalies"]
    *_, reasons = played.prometheus.answers(panel, asked(played))
    words = {settings(panel, series.name)["displayName"] for series in reasons}
    assert {"Perte vidéo", "Image figée", "Sabotage", "Stockage plein", "Horloge", "Température"} <= words


def test_a_flapping_camera_leads_the_list_of_outages(played: Scene) -> None:
    worst, *_ = shown(played, "operator", "Le plus de pannes sur la période")
    assert worst["Caméra"] == FLAPS
    assert int(worst["Pannes"]) >= 3


@each
def test_the_preview_draws_every_title_and_value(played: Scene, page: str) -> None:
    text = html(BOARDS[page], played.prometheus, 1, CHOSEN, played.end)
    for panel in BOARDS[page]["panels"]:
        assert panel["title"] in text
    assert "No data" not in text
