"""The documentation says what the code does: generated files are fresh, written ones miss nothing."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiomqtt
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from camwatch.cli import check_config
from camwatch.core.telemetry import SessionStatus
from camwatch.errors import RejectReason, WireError
from camwatch.fleet.inventory import load_inventory
from camwatch.settings import Settings, load_settings
from camwatch.wire.heartbeat import Heartbeat, PartialHeartbeatError, decode_heartbeat, decode_status
from camwatch.wire.topics import DEFAULT_PREFIX, MessageKind, parse_topic
from tests.support.mosquitto import Mosquitto
from tests.support.pace import PATIENCE_S
from tests.support.paths import ROOT, blocks
from tests.support.wire import strategies
from tools.docs.__main__ import main
from tools.docs.documents import DOCUMENTS
from tools.generated_files import main as write_files

SCHEMA: dict[str, Any] = json.loads((ROOT / "docs/reference/heartbeat.schema.json").read_text())
ASYNCAPI: dict[str, Any] = json.loads((ROOT / "docs/reference/asyncapi.json").read_text())
MESSAGES = (ROOT / "docs/reference/messages.md").read_text()
WRITTEN = sorted(
    path
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))
    if path not in {ROOT / "docs" / name for name in DOCUMENTS}
)
RULE = r"[TLSVCIA]\d{1,2}"


def table(text: str, heading: str) -> list[list[str]]:
    """Return the cells of the first table under a heading, without its header."""
    section = text.partition(f"## {heading}\n")[2]
    rows = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE)
    assert rows, f"no table under {heading}"
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[0].splitlines()[2:]]


# Generated documents


def test_the_committed_documents_say_what_the_code_says() -> None:
    assert main(["--check"]) == 0, "run `make docs`"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_generation_is_the_same_every_time(name: str) -> None:
    """In another process too, so that no order of a set shows."""
    program = f"from tools.docs.documents import DOCUMENTS; print(DOCUMENTS[{name!r}](), end='')"
    other = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=True)
    assert other.stdout.decode() == DOCUMENTS[name]()


def test_the_check_names_what_drifted_and_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([], tmp_path) == 0
    capsys.readouterr()
    assert main(["--check"], tmp_path) == 0
    assert capsys.readouterr() == ("", "")
    (tmp_path / "reference/asyncapi.json").write_text("{}")
    (tmp_path / "reference/heartbeat.schema.json").unlink()
    assert main(["--check"], tmp_path) == 1
    told = capsys.readouterr().err.splitlines()
    names = [Path(line.split()[0]).name for line in told]
    assert names == ["asyncapi.json", "heartbeat.schema.json"]
    assert all("make docs" in line for line in told)
    assert (tmp_path / "reference/asyncapi.json").read_text() == "{}", "a check writes nothing"
    assert main([], tmp_path) == 0
    assert main(["--check"], tmp_path) == 0


def test_a_document_of_other_bytes_is_out_of_date_not_an_error(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_bytes(b"\xff\xfe")
    assert write_files("tools.docs", ["--check"], tmp_path, {"page.md": "text\n"}) == 1
    assert write_files("tools.docs", [], tmp_path, {"page.md": "text\n"}) == 0
    assert (tmp_path / "page.md").read_bytes() == b"text\n"


def test_the_module_runs_as_a_command() -> None:
    done = subprocess.run([sys.executable, "-m", "tools.docs", "--check"], cwd=ROOT, check=False)
    assert done.returncode == 0
    wrong = subprocess.run(
        [sys.executable, "-m", "tools.docs", "--chekc"], cwd=ROOT, capture_output=True, check=False
    )
    assert wrong.returncode == 2


# The schema of a heartbeat


def test_the_schema_is_sound_and_carries_its_name() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMA["$id"].startswith("urn:")
    assert SCHEMA["additionalProperties"] is True
    assert tuple(SCHEMA["properties"]) == Heartbeat.__struct_fields__
    for name, field in SCHEMA["properties"].items():
        assert field["description"], name
        assert "default" not in field, "a field that is not told has no value"


def test_the_examples_of_the_schema_are_valid_and_decode() -> None:
    for example in SCHEMA["examples"]:
        Draft202012Validator(SCHEMA).validate(example)
        decode_heartbeat(json.dumps(example).encode())


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(strategies.objects(*strategies.FIELDS), strategies.values))
def test_the_schema_takes_what_the_decoder_takes(content: object) -> None:
    """They differ in one thing, which the page says: JSON Schema calls 1.0 an integer."""
    if isinstance(content, dict):
        assume(not isinstance(content.get("seq"), float))
    try:
        decode_heartbeat(json.dumps(content).encode())
        taken = True
    except (WireError, PartialHeartbeatError):
        taken = False
    assert Draft202012Validator(SCHEMA).is_valid(content) == taken


# The AsyncAPI document


def _references(node: object) -> list[str]:
    if isinstance(node, dict):
        here = [node["$ref"]] if "$ref" in node else []
        return here + [found for value in node.values() for found in _references(value)]
    if isinstance(node, list):
        return [found for value in node for found in _references(value)]
    return []


def _resolved(reference: str) -> Any:
    node: Any = ASYNCAPI
    for key in reference.removeprefix("#/").split("/"):
        node = node[key]
    return node


def test_every_reference_in_the_asyncapi_document_resolves() -> None:
    found = _references(ASYNCAPI)
    assert found
    for reference in found:
        assert reference.startswith("#/"), "all of it is in this file"
        assert isinstance(_resolved(reference), dict)


def test_the_asyncapi_document_has_the_parts_that_version_3_requires() -> None:
    assert ASYNCAPI["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= set(ASYNCAPI["info"])
    for channel in ASYNCAPI["channels"].values():
        assert set(re.findall(r"{(\w+)}", channel["address"])) == set(channel["parameters"])
    for operation in ASYNCAPI["operations"].values():
        assert operation["action"] == "send"
        channel = _resolved(operation["channel"]["$ref"])
        for message in operation["messages"]:
            assert message["$ref"].startswith(operation["channel"]["$ref"] + "/messages/")
            assert _resolved(message["$ref"]) in channel["messages"].values()


def test_the_asyncapi_document_states_the_topics_and_how_they_are_sent() -> None:
    """From the camera's point of view: a heartbeat is not retained, a status is."""
    for kind, operation in ((MessageKind.HEARTBEAT, "sendHeartbeat"), (MessageKind.STATUS, "sendStatus")):
        topic = ASYNCAPI["channels"][kind.value]["address"]
        address = parse_topic(DEFAULT_PREFIX, topic)
        assert address is not None
        assert address.kind is kind
        binding = ASYNCAPI["operations"][operation]["bindings"]["mqtt"]
        assert binding["retain"] is (kind is MessageKind.STATUS)
        assert binding["qos"] == 1
    will = ASYNCAPI["servers"]["broker"]["bindings"]["mqtt"]["lastWill"]
    assert will["topic"] == ASYNCAPI["channels"]["status"]["address"]
    assert (will["qos"], will["retain"]) == (1, True)
    assert decode_status(will["message"].encode()) is SessionStatus.OFFLINE


@pytest.mark.parametrize("name", ["heartbeat", "status"])
def test_the_examples_of_the_asyncapi_document_are_valid_and_decode(name: str) -> None:
    decode = decode_heartbeat if name == "heartbeat" else decode_status
    message = ASYNCAPI["components"]["messages"][name]
    schema = _resolved(message["payload"]["$ref"])
    Draft202012Validator.check_schema(schema)
    assert len(message["examples"]) == 3
    for example in message["examples"]:
        Draft202012Validator(schema).validate(example["payload"])
        decode(json.dumps(example["payload"]).encode())


# The page for integrators


def test_the_page_on_messages_tells_every_field_with_its_range() -> None:
    rows = {cells[0].strip("`"): cells for cells in table(MESSAGES, "Heartbeat")}
    assert tuple(rows) == Heartbeat.__struct_fields__
    for name, schema in SCHEMA["properties"].items():
        _, kind, limits, meaning = rows[name]
        assert kind == schema["type"]
        told = {float(number.replace("−", "-")) for number in re.findall(r"−?\d+", limits)}
        bounds = {float(schema[key]) for key in ("minimum", "maximum", "maxLength") if key in schema}
        assert told == bounds, name
        assert meaning


def test_the_page_on_messages_explains_every_reason_for_a_rejection() -> None:
    rows = {cells[0].strip("`"): cells for cells in table(MESSAGES, "Rejection reasons")}
    assert set(rows) == {reason.value for reason in RejectReason}
    assert all(meaning and remedy for _, meaning, remedy in rows.values())


def test_the_page_on_messages_explains_every_word_of_a_status() -> None:
    payloads = [cells[0].strip("`").encode() for cells in table(MESSAGES, "Status")]
    assert [decode_status(payload) for payload in payloads] == list(SessionStatus)


async def test_the_examples_for_the_shell_work(tmp_path: Path) -> None:
    """Against a real broker: what they publish is ours, decodes, and is retained only where it should be."""
    with Mosquitto(tmp_path) as broker:
        variables = f"BROKER=127.0.0.1 PORT={broker.port} INTERVAL=0\n"
        async with aiomqtt.Client("127.0.0.1", broker.port) as client:
            await client.subscribe("#", qos=1)
            for block in blocks(MESSAGES, "sh"):
                shell = await asyncio.create_subprocess_exec("sh", "-euc", variables + block)
                assert await shell.wait() == 0
            await client.publish("end", qos=1)
            told = [_told(message) for message in await _until_end(client)]
        async with aiomqtt.Client("127.0.0.1", broker.port) as client:
            await client.subscribe("#", qos=1)
            await client.publish("end", qos=1)
            kept = [_told(message) for message in await _until_end(client)]
    beats = [said for said in told if isinstance(said, Heartbeat)]
    assert [beat.seq for beat in beats] == [0, 1, None, 2, 3, 4]
    assert Heartbeat() in beats
    assert None not in [getattr(beats[1], name) for name in Heartbeat.__struct_fields__]
    assert [said for said in told if isinstance(said, SessionStatus)] == [
        SessionStatus.ONLINE,
        SessionStatus.GOODBYE,
    ]
    assert kept == [SessionStatus.GOODBYE], "no heartbeat is retained"


async def _until_end(client: aiomqtt.Client) -> list[aiomqtt.Message]:
    messages = []
    async with asyncio.timeout(PATIENCE_S):
        async for message in client.messages:
            if message.topic.value == "end":
                break
            messages.append(message)
    return messages


def _told(message: aiomqtt.Message) -> Heartbeat | SessionStatus:
    address = parse_topic(DEFAULT_PREFIX, message.topic.value)
    assert address is not None
    assert isinstance(message.payload, bytes)
    decode = decode_heartbeat if address.kind is MessageKind.HEARTBEAT else decode_status
    return decode(message.payload)


# Pages written by hand


def test_every_rule_that_the_code_quotes_is_explained() -> None:
    explained = set(re.findall(rf"\*\*({RULE})\b", (ROOT / "docs/reference/semantics.md").read_text()))
    quoted: dict[str, Path] = {}
    for path in (*ROOT.glob("src/**/*.py"), *ROOT.glob("tests/**/*.py"), *ROOT.glob("docs/adr/*.md")):
        for run in re.findall(
            rf"\b[Rr]ules? ({RULE}(?:(?:, | and |, and | to |-|/){RULE})*)", path.read_text()
        ):
            quoted |= dict.fromkeys(re.findall(RULE, run), path)
    assert len(quoted) > 10
    assert {rule: str(path) for rule, path in quoted.items() if rule not in explained} == {}


def test_rules_stand_in_the_order_of_their_numbers_and_none_twice() -> None:
    rules = re.findall(rf"\*\*({RULE})\b", (ROOT / "docs/reference/semantics.md").read_text())
    for letter in "TLSVCIA":
        numbers = [int(rule[1:]) for rule in rules if rule[0] == letter]
        assert numbers == sorted(set(numbers)), letter


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file(path: Path) -> None:
    links = re.findall(r"\]\((?!https?:|mailto:|#)([^)#]+)(?:#[^)]*)?\)", path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs/adr"
    pages = sorted(path.name for path in folder.glob("0*.md"))
    assert re.findall(r"\]\((0[^)]+)\)", (folder / "README.md").read_text()) == pages
    assert len({name[:4] for name in pages}) == len(pages), "two decisions of one number"
    for name in pages:
        lines = (folder / name).read_text().splitlines()
        assert lines[0].startswith(f"# {name[:4]} ")
        assert [line for line in lines if line.startswith("## ")] == [
            "## Context",
            "## Decision",
            "## Alternatives",
            "## Consequences",
        ]


def test_the_first_inventory_of_the_readme_can_be_read(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text()
    tables = re.findall(r"`(\w+\.csv)`:\n\n```csv\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    assert [name for name, _ in tables] == ["operators.csv", "sites.csv", "cameras.csv"]
    for name, rows in tables:
        (tmp_path / name).write_text(rows)
    (config,) = [tomllib.loads(block) for block in blocks(readme, "toml")]
    inventory = load_inventory(tmp_path, ZoneInfo(config["fleet"]["timezone"]))
    assert set(inventory.cameras) == {"cam-0001", "les-mees-1"}


def test_the_readme_says_why_a_first_start_may_not_answer_for_a_minute() -> None:
    start = (ROOT / "README.md").read_text().partition("camwatch run --config camwatch.toml")[2]
    said = start.partition("curl -s")[0]
    assert "clock is not synchronised" in said
    assert "`require_sync = false` under `[clock]`" in said


def test_the_settings_of_the_scenario_tutorial_fit_ten_times_the_speed(tmp_path: Path) -> None:
    text = (ROOT / "docs/tutorials/first-scenario.md").read_text()
    assert "/-/ready" in text
    file = tmp_path / "camwatch.toml"
    file.write_text(*blocks(text, "toml"))
    told, usual = load_settings(file, {}), Settings()
    assert told.liveness.interval_s == usual.liveness.interval_s / 10
    assert told.liveness.will_grace_s == told.liveness.interval_s
    assert not told.clock.require_sync
    command = text.partition("--broker ")[2].partition("\n")[0].split()
    assert [told.brokers[0].url, str(told.fleet.path)] == [command[0], command[2]]


def test_what_check_config_cannot_say_at_once_is_said() -> None:
    assert (
        "is reported once those are" in (ROOT / "docs/reference/settings.md").read_text().partition("```")[0]
    )
    assert "once those are" in " ".join((check_config.__doc__ or "").split())
