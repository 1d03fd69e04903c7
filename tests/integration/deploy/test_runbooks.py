"""The runbooks: a page for each alert, with all its sections, and nothing in them that fails at night.

Names and severities are held against the rules, metrics and labels against the catalogue and the recording
rules, PromQL against promtool, commands against camwatch's own parser, topics against the one who reads
them, ids against the fleet.
"""

from __future__ import annotations

import csv
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from camwatch.cli import app
from camwatch.metrics.collector import FAMILIES
from camwatch.wire.topics import DEFAULT_PREFIX, parse_topic
from tests.integration.deploy.test_prometheus import ALERTS, promtool, rules
from tests.support.paths import ROOT, blocks

RUNBOOKS = ROOT / "docs/runbooks"
FLEET = ROOT / "config/fleet"
UNIT = ROOT / "deploy/systemd/camwatch.service"
INDEX = (RUNBOOKS / "README.md").read_text()
TEXTS = {path.stem: path.read_text() for path in sorted(RUNBOOKS.glob("*.md"))}
PAGES = {name: text for name, text in TEXTS.items() if name != "README"}
SECTIONS = [
    "Symptom",
    "Impact",
    "First checks",
    "Causes and remedies",
    "When to escalate",
    "When to silence",
    "Automatic recovery",
]
OF_OTHERS = {
    "up",
    "ALERTS",
    "process_start_time_seconds",
    "process_resident_memory_bytes",
    "prometheus_rule_evaluation_failures_total",
    "prometheus_notifications_errors_total",
    "alertmanager_notifications_failed_total",
}
"""Metrics of Prometheus, Alertmanager and prometheus-client, which have no catalogue here."""
RECORDS = {rule["record"] for rule in rules("record")}
METRICS = {metric.name: metric for metric in FAMILIES}
METRIC = r"(?<![\w:/.-])(?:[a-z]+:)?camwatch[_:]\w+(?::\w+)?"
ENGLISH = {"is ready", "runs"}
"""What camwatch answers, and no commands of it."""
SCREENS = 2 * 60
"""Lines of two screens."""


@cache
def ids(table: str, column: str) -> frozenset[str]:
    """Return the ids of a table of the reference fleet."""
    with (FLEET / table).open(encoding="utf-8-sig") as lines:
        return frozenset(row[column] for row in csv.DictReader(lines))


def queries() -> Iterator[tuple[str, str]]:
    """Yield each query of each page: each line of a block is one."""
    for name, text in TEXTS.items():
        for block in blocks(text, "promql"):
            yield from ((name, line) for line in block.splitlines() if line)


def commands() -> Iterator[tuple[str, list[str]]]:
    """Yield each command line of each page, split as the shell does; pipes end one."""
    for name, text in TEXTS.items():
        for block in blocks(text, "sh"):
            for line in block.splitlines():
                if not re.match(r"\w+\(\) ", line):
                    words = shlex.split(line)
                    yield name, words[1:] if words[0] == "sudo" else words


def started(program: str) -> list[tuple[str, list[str]]]:
    """Return the pages and arguments of all commands that start a program."""
    return [(name, words[1:]) for name, words in commands() if words[0] == program]


# The pages


def test_every_alert_has_a_page_and_nothing_else_has() -> None:
    assert set(PAGES) == set(ALERTS)
    assert {path.name for path in RUNBOOKS.iterdir()} == {f"{name}.md" for name in TEXTS}


@pytest.mark.parametrize("name", PAGES)
def test_a_runbook_has_all_sections_in_order_on_two_screens(name: str) -> None:
    lines = PAGES[name].splitlines()
    assert lines[0] == f"# {name}"
    assert [line[3:] for line in lines if line.startswith("## ")] == SECTIONS
    for section in SECTIONS:
        assert len(PAGES[name].partition(f"## {section}\n")[2].partition("\n## ")[0].strip()) > 30, section
    assert len(lines) <= SCREENS
    assert max(map(len, lines)) <= 200


@pytest.mark.parametrize("name", PAGES)
def test_a_runbook_begins_with_severity_summary_and_wait_of_its_rule(name: str) -> None:
    """Who comes from a notification sees the words that stood there."""
    severity, summary, wait = PAGES[name].splitlines()[2].split(" · ")[:3]
    assert severity == f"**{ALERTS[name]['labels']['severity']}**"
    assert summary == f"« {ALERTS[name]['annotations']['summary']} »"
    assert wait == f"`for: {ALERTS[name].get('for', 0)}`"


@pytest.mark.parametrize("name", PAGES)
def test_the_link_of_a_notification_leads_to_the_page(name: str) -> None:
    assert ALERTS[name]["annotations"]["runbook_url"].endswith(f"/{name}.md")


def test_the_index_lists_every_alert_under_its_severity_with_its_summary() -> None:
    listed = {}
    for part in INDEX.split("\n## ")[1:]:
        severity = re.search(r"severity `(\w+)`", part.splitlines()[0])
        for name, link, summary in re.findall(r"^\| \[(\w+)\]\(([^)]+)\) \| ([^|]+) \|", part, re.MULTILINE):
            assert severity
            assert link == f"{name}.md"
            assert summary == ALERTS[name]["annotations"]["summary"]
            listed[name] = severity[1]
    assert listed == {name: rule["labels"]["severity"] for name, rule in ALERTS.items()}


def test_every_threshold_that_a_page_names_has_the_value_of_the_rules() -> None:
    values = {rule["record"]: rule["expr"] for rule in rules("record") if "threshold" in rule["record"]}
    told = [
        pair for text in PAGES.values() for pair in re.findall(r"`(\w+:\w+:threshold)`\s+\(([\d.]+)\)", text)
    ]
    assert [(name, value) for name, value in told if float(value) != float(values[name])] == []
    scalars = {name for name in values if "durations" not in name}
    assert {name for name, _ in told} == scalars


def test_every_alert_that_a_page_names_exists() -> None:
    for page, text in TEXTS.items():
        assert set(re.findall(r"\bCamwatch[A-Z]\w+", text)) <= ALERTS.keys(), page


# What they have people type


def test_every_query_is_promql(tmp_path: Path) -> None:
    """As rules of a file that promtool checks."""
    asked = [query for _, query in queries()]
    assert len(asked) > 60
    found = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(asked)]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "runbooks", "rules": found}]}, allow_unicode=True))
    assert f"SUCCESS: {len(asked)} rules found" in promtool("check", "rules", file)


def test_every_metric_that_a_page_names_exists() -> None:
    for page, text in TEXTS.items():
        found = set(re.findall(METRIC, text))
        assert found - METRICS.keys() - RECORDS == set(), page


def test_every_word_of_a_query_that_is_no_metric_of_ours_is_known() -> None:
    """A metric is what stands before a brace, a range or an end, and is no function."""
    for page, query in queries():
        bare = re.sub(r"\{[^}]*\}|\b(?:by|without|on)\s*\([^)]*\)|\[[^\]]*\]", " ", query)
        names = set(re.findall(r"[a-zA-Z_][\w:]*(?!\w*\s*\()", bare))
        names -= {"and", "offset", "h"}
        names = {name for name in names if not re.search(rf"\b{name}\s*\(", bare)}
        assert names - METRICS.keys() - RECORDS - OF_OTHERS == set(), (page, query)


def test_every_label_that_a_query_selects_by_exists_with_that_value() -> None:
    known = {
        "camera": ids("cameras.csv", "camera_id"),
        "operator": ids("operators.csv", "operator_id"),
        "site": ids("sites.csv", "site_id"),
    }
    for page, query in queries():
        for metric, matchers in re.findall(r"([\w:]+)\{([^}]*)\}", query):
            for label, value in re.findall(r'(\w+)(?:=~|!=|=)"([^"]*)"', matchers):
                if metric in METRICS:
                    assert label in {*METRICS[metric].labels, "job", "instance"}, (page, query)
                assert value in known.get(label, {value}), (page, query)


def parse(arguments: list[str]) -> None:
    """Let camwatch's own parser read a command line, without running it."""
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        name, *arguments = arguments
        assert name in command.commands, f"there is no {name} in {command.name}"
        command = command.commands[name]
    command.make_context("camwatch", arguments)


def test_camwatch_takes_every_command_that_a_page_has_people_type() -> None:
    """Subcommand, flags, values; the settings are those of the checkout."""
    config = str(ROOT / "config/camwatch.toml")
    found = started("camwatch")
    assert len(found) > 15
    for page, words in found:
        assert "--config" in words, (page, words)
        place = words.index("--config") + 1
        assert words[place] == "/etc/camwatch/camwatch.toml"
        parse([*words[:place], config, *words[place + 1 :]])


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("outages lst", "there is no lst"),
        ("outages list --opened", "No such option"),
        ("outages attribute 1 --cause fate --reason x", "fate"),
        ("outages show x", "integer"),
    ],
)
def test_a_command_that_camwatch_does_not_take_would_be_found(wrong: str, told: str) -> None:
    with pytest.raises(Exception, match=told):
        parse(wrong.split())


def test_the_index_starts_the_program_that_the_unit_starts() -> None:
    (started_by_unit,) = re.findall(r"^ExecStart=(\S+) run", UNIT.read_text(), re.MULTILINE)
    assert f'sudo -u camwatch {started_by_unit} "$@"' in INDEX


def test_the_commands_of_camwatch_in_the_text_exist() -> None:
    for page, text in TEXTS.items():
        for words in re.findall(r"`camwatch ([a-z][\w -]*)`", text):
            if words not in ENGLISH:
                command: Any = typer.main.get_command(app)
                for name in words.partition(" --")[0].split():
                    assert name in command.commands, (page, words)
                    command = command.commands[name]


def test_every_topic_that_a_page_listens_to_is_one_that_camwatch_reads() -> None:
    """With ids of the fleet; a plus stands for any."""
    heard = started("mosquitto_sub")
    assert len(heard) > 8
    for page, words in heard:
        assert "-W" in words, f"{page}: would listen for ever"
        for topic in (words[number + 1] for number, word in enumerate(words) if word == "-t"):
            address = parse_topic(DEFAULT_PREFIX, topic.replace("+", "any"))
            assert address is not None, (page, topic)
            assert address.operator in {*ids("operators.csv", "operator_id"), "any"}, (page, topic)
            assert address.camera in {*ids("cameras.csv", "camera_id"), "any"}, (page, topic)


def test_every_address_asked_is_one_that_answers() -> None:
    """Camwatch's pages at its default address, Prometheus's and Alertmanager's sign of life."""
    allowed = {
        "http://127.0.0.1:10458/-/ready",
        "http://127.0.0.1:10458/-/healthy",
        "http://127.0.0.1:9090/-/healthy",
        "http://127.0.0.1:9093/-/healthy",
    }
    asked = {word for _, words in started("curl") for word in words if word.startswith("http")}
    assert asked == allowed


def test_every_unit_exists_in_deploy_or_in_debian() -> None:
    own = {path.stem for path in (ROOT / "deploy/systemd").glob("*.service")}
    others = {
        "mosquitto",
        "postgresql",
        "prometheus",
        "prometheus-alertmanager",
        "systemd-timesyncd",
        "chrony",
    }
    for page, words in commands():
        if words[0] == "systemctl":
            assert set(words[2:]) <= own | others, page
        if words[0] == "journalctl":
            units = {words[number + 1] for number, word in enumerate(words) if word == "-u"}
            assert units <= own | others, page


def test_what_is_searched_in_camwatchs_log_is_what_it_writes() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "src/camwatch").rglob("*.py"))
    for page, words in started("journalctl"):
        if "camwatch" in words and "-g" in words:
            pattern = words[words.index("-g") + 1]
            prefix, _, choice = pattern.partition("(")
            for part in (
                [prefix + each for each in choice.rstrip(")").split("|")] if choice else pattern.split("|")
            ):
                text = part.partition(".*")[0]
                if text.startswith('"'):
                    assert text == '"reason":"unregistered"', page
                elif text != "site incident":  # put together there of a kind and two words
                    assert text in sources, (page, text)
