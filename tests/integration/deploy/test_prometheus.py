"""The rules and the scrape configuration: what `promtool` says of them, and what it cannot know."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from camwatch.core.conditions import REASON_NAMES
from camwatch.errors import RejectReason
from camwatch.metrics.collector import FAMILIES
from tests.support.alertmanager import milliseconds
from tests.support.mosquitto import program
from tests.support.pace import PATIENCE_S
from tests.support.paths import ROOT

PROMETHEUS = ROOT / "deploy/prometheus"
RULE_FILES = sorted((PROMETHEUS / "rules").glob("*.yaml"))
UNIT_TESTS = sorted((PROMETHEUS / "tests").glob("*.yaml"))
SEVERITIES = {"critical", "warning", "info", "none"}
PUBLIC = {
    "CamwatchAbsent": "critical",
    "CamwatchBlind": "critical",
    "CamwatchCameraClock": "info",
    "CamwatchCameraDegraded": "warning",
    "CamwatchCameraDown": "warning",
    "CamwatchCameraFlapping": "warning",
    "CamwatchCameraMessagesRejected": "warning",
    "CamwatchCameraRebootLoop": "warning",
    "CamwatchCameraStorage": "warning",
    "CamwatchCameraUnknown": "warning",
    "CamwatchClockStepped": "warning",
    "CamwatchClockWrong": "warning",
    "CamwatchCommissioningOverdue": "info",
    "CamwatchErrorBudgetBurnFast": "critical",
    "CamwatchErrorBudgetBurnSlow": "warning",
    "CamwatchHistoryBehind": "critical",
    "CamwatchInventoryReloadFailed": "warning",
    "CamwatchInventoryReloadHeld": "warning",
    "CamwatchLinkDown": "critical",
    "CamwatchLinkIncident": "critical",
    "CamwatchLinkLags": "warning",
    "CamwatchManyCamerasDown": "critical",
    "CamwatchMessagesRejected": "warning",
    "CamwatchNotReady": "warning",
    "CamwatchPairIncomplete": "warning",
    "CamwatchOperatorIncident": "critical",
    "CamwatchRecordAhead": "warning",
    "CamwatchRecordReplaced": "warning",
    "CamwatchSiteIncident": "critical",
    "CamwatchUnregisteredCamera": "info",
    "CamwatchVideoProtectionDown": "critical",
    "CamwatchWatchdog": "none",
}
"""Every alert and its severity: public names, on which routes and runbooks are built."""


@cache
def load(file: Path) -> Any:
    """Return what a YAML file says."""
    return yaml.safe_load(file.read_text())


def groups() -> list[dict[str, Any]]:
    """Return all groups of rules, of all files."""
    return [group for file in RULE_FILES for group in load(file)["groups"]]


def rules(kind: str) -> list[dict[str, Any]]:
    """Return the rules of a kind: `alert` or `record`."""
    return [rule for group in groups() for rule in group["rules"] if kind in rule]


ALERTS = {rule["alert"]: rule for rule in rules("alert")}


def texts(rule: dict[str, Any]) -> str:
    """Return all of a rule in which PromQL may stand: its expression, and the queries of its annotations."""
    return "\n".join([str(rule["expr"]), *rule.get("annotations", {}).values()])


def expected() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield each expectation of each unit test: the alert, and what must be of it."""
    for file in UNIT_TESTS:
        for test in load(file)["tests"]:
            for check in test.get("alert_rule_test", []):
                yield check["alertname"], check["exp_alerts"]


def promtool(*arguments: str | Path) -> str:
    """Run promtool, and return what it says; it must be content."""
    command = [program("promtool"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_promtool_accepts_the_rules() -> None:
    assert promtool("check", "rules", *RULE_FILES).count("SUCCESS") == len(RULE_FILES)


def test_promtool_accepts_the_configuration(tmp_path: Path) -> None:
    shutil.copytree(PROMETHEUS, tmp_path / "prometheus")
    (tmp_path / "prometheus/secrets").mkdir()
    (tmp_path / "prometheus/secrets/camwatch-metrics-token").write_text("as deploy/bootstrap.sh makes it")
    told = promtool("check", "config", tmp_path / "prometheus/prometheus.yml")
    assert f"{len(RULE_FILES)} rule files found" in told


@pytest.mark.parametrize("file", UNIT_TESTS, ids=lambda file: file.stem)
def test_the_rules_do_what_their_unit_tests_say(file: Path) -> None:
    promtool("test", "rules", file)


def test_the_alerts_are_those_that_were_promised() -> None:
    assert {name: rule["labels"]["severity"] for name, rule in ALERTS.items()} == PUBLIC
    assert set(PUBLIC.values()) <= SEVERITIES
    assert len(rules("alert")) == len(ALERTS), "two alerts of one name"


@pytest.mark.parametrize("name", PUBLIC)
def test_a_unit_test_sees_each_alert_fire_with_its_whole_text(name: str) -> None:
    fired = [alert for found, alerts in expected() if found == name for alert in alerts]
    assert fired
    for alert in fired:
        assert alert["exp_labels"]["severity"] == PUBLIC[name]
        assert set(alert["exp_annotations"]) == {"summary", "description", "runbook_url"}
        description = alert["exp_annotations"]["description"]
        assert not re.search(r"error|no value|<|\{", description), description


@pytest.mark.parametrize("name", sorted(set(PUBLIC) - {"CamwatchWatchdog"}))
def test_a_unit_test_sees_each_alert_not_fire(name: str) -> None:
    assert any(not alerts for found, alerts in expected() if found == name)


@pytest.mark.parametrize("name", PUBLIC)
def test_an_alert_says_what_it_is_and_where_its_runbook_is(name: str) -> None:
    annotations = ALERTS[name]["annotations"]
    assert set(annotations) == {"summary", "description", "runbook_url"}
    assert "{{" not in annotations["summary"], "a summary is constant"
    assert annotations["runbook_url"] == f"{{{{ $externalLabels.runbooks }}}}/{name}.md"
    assert "humanizeTimestamp" not in annotations["description"], "not a text for people"
    shown = annotations["description"]
    local = len(re.findall(r"camwatch_timezone_offset_seconds @ .*? toTime\)[^}]*}}{{ else", shown))
    utc = len(re.findall(r"toTime\)[^}]*}} UTC", shown))
    assert shown.count("toTime") == local + utc, "a time is local, or says its zone"
    assert local == utc, "where camwatch's offset is not known, the zone is UTC"


def test_each_degraded_reason_of_an_alert_is_told_in_words() -> None:
    """C3: the two reasons with alerts of their own are told there."""
    description = ALERTS["CamwatchCameraDegraded"]["annotations"]["description"]
    told = set(re.findall(r'eq \$labels\.reason "(\w+)"', description))
    assert told == set(REASON_NAMES.values()) - {"clock", "storage"}


def test_reasons_that_are_no_alert_are_reasons() -> None:
    (left_out,) = re.findall(r'reason!~"([^"]+)"', ALERTS["CamwatchMessagesRejected"]["expr"])
    assert set(left_out.split("|")) < {reason.value for reason in RejectReason}


def test_every_metric_of_a_rule_is_exported() -> None:
    exported = {metric.name for metric in FAMILIES}
    used = {
        name
        for kind in ("alert", "record")
        for rule in rules(kind)
        for name in re.findall(r"(?<![\w:])camwatch_\w+(?![\w:])", texts(rule))
    }
    assert used
    assert used <= exported


def test_every_recorded_series_that_is_read_is_recorded() -> None:
    recorded = {rule["record"] for rule in rules("record")}
    read = {
        name
        for kind in ("alert", "record")
        for rule in rules(kind)
        for name in re.findall(r"\b[a-z]\w+:\w+:\w+", texts(rule))
    }
    assert read <= recorded


def test_names_of_recorded_series_say_level_metric_and_operations() -> None:
    levels = {"camera", "site", "operator", "fleet", "camwatch"}
    for rule in rules("record"):
        level, _, operations = rule["record"].split(":")
        assert level in levels
        assert operations
        assert (operations == "threshold") == (level == "camwatch")


def test_thresholds_stand_in_one_place() -> None:
    """An alert compares with a recorded threshold, with 0 or 1, or with a status; its durations are there."""
    text = (PROMETHEUS / "rules/alerts.yaml").read_text()
    _, after = text.split("  # ------------------------------------------------------------------ one camera")
    assert not re.findall(r"(?:for|keep_firing_for): *[^*\s]", after)
    for name, rule in ALERTS.items():
        compared = re.findall(r"[<>=]=?\s*([\d.]+)", re.sub(r'"[^"]*"', "", rule["expr"]))
        status = "camera_status:code" in rule["expr"]
        assert {float(number) for number in compared} <= ({0, 1, 3, 4} if status else {0, 1}), name
    recorded = {rule["record"] for rule in rules("record") if rule["record"].endswith(":threshold")}
    read = set(re.findall(r"scalar\((\S+?)\)", after))
    assert recorded - {"camwatch:alert_durations:threshold"} == read


def test_blindness_is_told_before_alerts_of_cameras_end_unseen() -> None:
    durations = ALERTS["CamwatchBlind"]["for"], ALERTS["CamwatchCameraDown"]["keep_firing_for"]
    blind, camera_keep_firing = (milliseconds(each) for each in durations)
    assert blind < camera_keep_firing


def test_a_pair_of_daemons_is_taken_as_one() -> None:
    """No alert carries the label instance, so that two daemons never tell twice."""
    for name, rule in ALERTS.items():
        raw = re.search(r"(?<![\w:])(camwatch_\w+|up)(?![\w:])", rule["expr"])
        assert raw is None or re.search(r"(max|min) without \(instance\)|absent", rule["expr"]), name


def test_no_rule_reads_a_long_past_of_every_camera() -> None:
    """Read of 10,000 cameras is a moment, or 5 minutes once a minute; long windows are of operators."""
    for group in groups():
        for rule in group["rules"]:
            for series, window in re.findall(
                r"([\w:]+)(?:\{[^}]*\})?\[(\w+)]", re.sub(r'"[^"]*"', "", str(rule["expr"]))
            ):
                if series.startswith(("camwatch_camera_", "camera:")):
                    assert (window, group.get("interval")) == ("5m", "1m"), rule


@pytest.mark.parametrize("name", PUBLIC)
def test_an_alert_has_a_runbook(name: str) -> None:
    assert (ROOT / f"docs/runbooks/{name}.md").read_text().startswith(f"# {name}")
