"""The committed alertmanager.yml, by amtool: sound, and each operator is told of its own cameras alone."""

from __future__ import annotations

import csv
import re
import subprocess
from datetime import date, timedelta
from functools import cache
from typing import Any

import pytest
import yaml

from tests.support.alertmanager import COMMITTED, FOLDER, committed, milliseconds, walk
from tests.support.mosquitto import program
from tests.support.pace import PATIENCE_S
from tests.support.paths import FLEET, ROOT

OPERATORS = [row["operator_id"] for row in csv.DictReader((FLEET / "operators.csv").read_text().splitlines())]
CITY = "ville"
LANDLORDS = [operator for operator in OPERATORS if operator != CITY]
WORKING = ("heures-ouvrees",), ("jours-feries",)


def amtool(*arguments: str) -> str:
    done = subprocess.run(
        [program("amtool"), *arguments], capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def receivers(**labels: str) -> list[str]:
    """Return who is told of an alert with these labels."""
    pairs = [f"{name}={value}" for name, value in labels.items()]
    return amtool("config", "routes", "test", f"--config.file={COMMITTED}", *pairs).strip().split(",")


def routes(node: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a route and all below it."""
    return [node, *(found for child in node.get("routes", ()) for found in routes(child))]


def test_alertmanager_accepts_the_configuration_and_the_templates() -> None:
    told = amtool("check-config", str(COMMITTED))
    assert "SUCCESS" in told
    assert "1 templates" in told


@pytest.mark.parametrize("operator", LANDLORDS)
def test_a_landlord_and_the_city_are_told_of_a_landlords_camera(operator: str) -> None:
    where = {"operator": operator, "site": "some-site", "camera": "some-camera"}
    assert receivers(severity="critical", **where) == [operator, "ville-astreinte"]
    assert receivers(severity="warning", **where) == [operator, "ville-tickets"]


@pytest.mark.parametrize(
    "labels", [{"operator": CITY, "site": "la-duranne"}, {"link": "main"}, {"site": "x"}, {}]
)
def test_what_is_no_landlords_is_told_to_the_city_alone(labels: dict[str, str]) -> None:
    assert receivers(severity="critical", **labels) == ["ville-astreinte"]
    assert receivers(severity="warning", **labels) == ["ville-tickets"]


@pytest.mark.parametrize("operator", [*OPERATORS, ""])
def test_nobody_is_told_of_what_is_only_shown(operator: str) -> None:
    assert receivers(severity="info", operator=operator) == ["affichage"]
    (shown,) = (receiver for receiver in committed()["receivers"] if receiver["name"] == "affichage")
    assert shown == {"name": "affichage"}


def test_the_watchdog_goes_to_the_dead_mans_switch_alone() -> None:
    assert receivers(alertname="CamwatchWatchdog", severity="none") == ["veilleur"]


def test_an_alert_that_no_rule_foresaw_reaches_the_city_at_any_hour() -> None:
    assert receivers(alertname="Strange") == ["ville-tickets"]
    assert receivers(alertname="Strange", severity="catastrophic") == ["ville-tickets"]
    assert "active_time_intervals" not in committed()["route"]


def test_alerts_of_an_operator_without_a_receiver_go_to_the_city() -> None:
    assert receivers(severity="critical", operator="bailleur-9") == ["ville-astreinte"]


def test_each_operator_of_the_inventory_has_one_receiver() -> None:
    """Whoever adds a landlord to operators.csv is told here to add its receiver: docs/how-to/alerting.md."""
    tree = committed()
    named = {receiver["name"] for receiver in tree["receivers"]}
    assert named == {*LANDLORDS, "ville-astreinte", "ville-tickets", "veilleur", "affichage"}
    told = {
        route["receiver"]: route["matchers"] for route in tree["route"]["routes"] if route.get("continue")
    }
    assert told == {operator: [f"operator = {operator}"] for operator in LANDLORDS}


def test_tickets_wait_for_working_hours_and_pages_never_do() -> None:
    for route in routes(committed()["route"]):
        hours = tuple(route.get("active_time_intervals", ())), tuple(route.get("mute_time_intervals", ()))
        is_ticket = "severity = warning" in route.get("matchers", ())
        assert hours == (WORKING if is_ticket else ((), ())), route


def test_working_hours_are_those_of_an_office_in_aix() -> None:
    hours, holidays = committed()["time_intervals"]
    assert hours["time_intervals"] == [
        {
            "weekdays": ["monday:friday"],
            "times": [{"start_time": "08:00", "end_time": "18:00"}],
            "location": "Europe/Paris",
        }
    ]
    assert {interval["location"] for interval in holidays["time_intervals"]} == {"Europe/Paris"}


def test_public_holidays_that_move_with_easter_are_right() -> None:
    listed = [
        interval for interval in committed()["time_intervals"][1]["time_intervals"] if "years" in interval
    ]
    years = sorted({int(interval["years"][0]) for interval in listed})
    expected = [easter(year) + timedelta(days) for year in years for days in (1, 39, 50)]
    assert [(interval["years"], interval["months"], interval["days_of_month"]) for interval in listed] == [
        ([str(day.year)], [f"{day:%B}".lower()], [str(day.day)]) for day in expected
    ]


def easter(year: int) -> date:
    """Return Easter Sunday by the full moon of the church's tables (the first Sunday after it)."""
    golden, century = year % 19, year // 100
    moon = (15 + century - century // 4 - (8 * century + 13) // 25 + 19 * golden) % 30
    moon -= moon == 29 or (moon == 28 and golden > 10)
    full = date(year, 3, 21) + timedelta(moon)
    return full + timedelta(7 - (full.weekday() + 1) % 7)


def test_easter_is_right_in_years_that_are_known() -> None:
    known = [date(1961, 4, 2), date(2000, 4, 23), date(2008, 3, 23), date(2024, 3, 31), date(2038, 4, 25)]
    assert [easter(day.year) for day in known] == known


def test_each_alert_that_mutes_or_is_muted_is_one_of_the_rules() -> None:
    """A renamed alert would otherwise bring 13 notifications back."""
    matchers = [
        matcher.removeprefix("alertname ").lstrip("=~ ").strip('"')
        for rule in committed()["inhibit_rules"]
        for side in ("source_matchers", "target_matchers")
        for matcher in rule[side]
        if matcher.startswith("alertname ")
    ]
    for pattern in matchers:
        for branch in branches(pattern):
            assert any(re.fullmatch(branch, name) for name in alerts()), branch


def test_no_alert_of_one_operator_mutes_what_is_anothers_or_nobodys() -> None:
    """A source has no operator, or has it in common with what it mutes, or is of the daemon alone."""
    ours = {"Camwatch(HistoryBehind|RecordAhead|ClockWrong)"}
    for rule in committed()["inhibit_rules"]:
        source = " ".join(rule["source_matchers"])
        bound = 'operator = ""' in source or {"operator", "camera"} & set(rule.get("equal", ()))
        assert bound or any(each in source for each in ours), rule


def test_what_mutes_others_outlasts_them() -> None:
    """One cause ends them all at once, and Prometheus and Alertmanager take these ends in any order."""
    prometheus = yaml.safe_load((FOLDER.parent / "prometheus/prometheus.yml").read_text())
    evaluations = 2 * milliseconds(prometheus["global"]["evaluation_interval"])
    keeps = {name: milliseconds(rule.get("keep_firing_for", "0s")) for name, rule in alerts().items()}
    pairs = {pair for rule in committed()["inhibit_rules"] for pair in muted(rule)}
    assert len(pairs) > 50
    for source, target in sorted(pairs):
        if not any(re.fullmatch(one, source) and re.fullmatch(other, target) for one, other in END_APART):
            assert keeps[source] >= keeps[target] + evaluations, f"{source} ends no later than {target}"


END_APART = [
    # Without a scrape nothing else fires.
    ("CamwatchAbsent", ".*"),
    # A camera that camwatch cannot see is not down: its alerts begin to end when the blindness begins.
    ("Camwatch(Blind|LinkDown)", "Camwatch(.*Incident|ManyCamerasDown|Camera.+|VideoProtectionDown)"),
    # A budget burns over hours, and has a notification of its own if it burns on.
    (".*", "CamwatchErrorBudget.+"),
]
"""Sources and targets of inhibition that do not end together."""


def muted(rule: dict[str, Any]) -> list[tuple[str, str]]:
    """Return which alert mutes which by a rule."""
    sources, targets = (
        [
            name
            for name in alerts()
            for matcher in rule[side]
            if matcher.startswith("alertname ")
            and re.fullmatch(matcher.removeprefix("alertname ").lstrip("=~ ").strip('"'), name)
        ]
        for side in ("source_matchers", "target_matchers")
    )
    return [(source, target) for source in sources for target in targets if source != target]


def branches(pattern: str) -> list[str]:
    """Return the alternatives of a pattern, of which each must match an alert."""
    group = re.search(r"\(([^()]*)\)", pattern)
    if group is None:
        return pattern.split("|")
    before, after = pattern[: group.start()], pattern[group.end() :]
    return [one for each in group[1].split("|") for one in branches(f"{before}{each}{after}")]


@cache
def alerts() -> dict[str, dict[str, Any]]:
    """Return the alerts of the committed rules by name."""
    files = (ROOT / "deploy/prometheus/rules").glob("*.yaml")
    groups = [group for file in files for group in yaml.safe_load(file.read_text())["groups"]]
    return {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}


def test_no_secret_stands_in_the_configuration() -> None:
    """A token or password is a file of the secrets' folder, and no URL carries a user."""

    def look(node: dict[str, Any]) -> None:
        for name, value in node.items():
            assert not any(word in name for word in ("password", "token", "secret", "key")) or name.endswith(
                "_file"
            ), name
            if name.endswith("_file"):
                assert str(value).startswith("/etc/alertmanager/secrets/")
            assert "@" not in str(value) or not name.endswith("url")

    walk(committed(), look)


def test_each_template_is_there_in_french_and_in_english() -> None:
    text = (FOLDER / "templates" / "camwatch.tmpl").read_text()
    for name in ("subject", "text"):
        for language in ("fr", "en"):
            assert f'define "camwatch.{name}.{language}"' in text


def test_a_ticket_is_repeated_sooner_than_a_night_lasts() -> None:
    """Else a ticket of the evening, mended and back in the night, would not be told in the morning."""
    for route in routes(committed()["route"]):
        if "severity = warning" in route.get("matchers", ()):
            assert route.get("repeat_interval", committed()["route"]["repeat_interval"]) == "12h"
