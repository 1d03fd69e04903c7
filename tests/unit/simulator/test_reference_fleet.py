"""The fleet and the scenarios that ship with camwatch, and `docs/reference/simulator.md` about them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
import typer
import yaml

from camsim.cli import app
from camsim.faults import Moment, SpoofedMessage
from camsim.fleet import Fleet, read_fleet
from camsim.scenario.actions import ACTIONS
from camsim.scenario.parser import ENTRY, SELECTOR, read_inline, read_scenario, shipped
from camsim.schedule import plan
from tests.support.paths import ROOT
from tests.support.simulator.builders import scenario_of

DOCUMENT = (ROOT / "docs" / "reference" / "simulator.md").read_text("utf-8")
TUTORIAL = (ROOT / "docs" / "tutorials" / "first-scenario.md").read_text("utf-8")
SCHEMA = json.loads((ROOT / "docs" / "reference" / "scenario.schema.json").read_text("utf-8"))
SCENARIOS = shipped()


def reference() -> Fleet:
    return read_fleet(ROOT / "config" / "fleet")


def test_the_reference_fleet_has_458_cameras_in_service_and_14_planned() -> None:
    fleet = reference()
    assert (len(fleet.in_service), len(fleet.planned)) == (458, 14)
    assert {camera.purpose for camera in fleet.cameras} == {"video_protection", "access_control", "traffic"}
    assert all(camera.zone for camera in fleet.cameras)


def test_at_least_ten_scenarios_ship_and_the_document_names_each() -> None:
    assert len(SCENARIOS) >= 10
    for name in SCENARIOS:
        assert f"`{name}`" in DOCUMENT, name


@pytest.mark.parametrize("name", SCENARIOS)
def test_each_shipped_scenario_fits_the_reference_fleet_and_the_schema(name: str) -> None:
    scenario = read_scenario(Path(name))
    steps = plan(scenario, reference(), 0)
    assert steps
    assert scenario.duration_s is not None
    assert steps[-1].at_s <= scenario.duration_s
    jsonschema.validate(yaml.safe_load(_as_json(SCENARIOS[name])), SCHEMA)


def test_the_scenarios_together_play_every_action() -> None:
    played = {entry.action for name in SCENARIOS for entry in read_scenario(Path(name)).timeline}
    assert set(ACTIONS) - played <= {"video_loss", "tamper"}


def test_the_roll_out_is_that_of_the_14_planned_cameras() -> None:
    steps = plan(read_scenario(Path("landlords-roll-out")), reference(), 0)
    live = {camera.id for step in steps if step.why == "commission" for camera in step.cameras}
    assert live == {camera.id for camera in reference().planned}


def test_the_camera_that_lies_is_dead_while_others_speak_for_it() -> None:
    steps = plan(read_scenario(Path("spoofed-heartbeats")), reference(), 0)
    liars = {
        camera.id for step in steps if isinstance(step.change, SpoofedMessage) for camera in step.cameras
    }
    dead = {camera.id for step in steps if step.why == "power_cut" for camera in step.cameras}
    assert liars == dead
    assert {step.change.kind for step in steps if isinstance(step.change, SpoofedMessage)} == {
        "spoof",
        "replay",
        "retained",
    }


def test_the_broker_restart_restarts_the_broker() -> None:
    steps = plan(read_scenario(Path("broker-restart-at-rush-hour")), reference(), 0)
    assert sum(step.change is Moment.STOP_BROKER for step in steps) == 2


def test_every_entry_in_the_document_fits_the_reference_fleet() -> None:
    entries = re.findall(r"--action '({.*?})'", DOCUMENT)
    listed = re.findall(r"^  - ({.*})$", TUTORIAL, re.MULTILINE)
    assert len(entries) >= 2
    assert len(listed) >= 3
    for entry in entries + listed:
        read_inline(entry)
        assert plan(scenario_of(entry, duration_s=600), reference(), 0)


def test_the_document_names_every_option_action_and_selector() -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    options = [name for option in group.commands["run"].params for name in option.opts]
    assert "--broker" in options
    for option in options:
        assert f"`{option} " in DOCUMENT, option
    for action, kind in ACTIONS.items():
        assert f"| `{action}` |" in DOCUMENT, action
        for parameter in kind.parameters:
            assert f"`{parameter}`" in DOCUMENT, parameter
    for name in (*SELECTOR, *ENTRY):
        assert f"`{name}`" in DOCUMENT, name


def _as_json(file: Path) -> str:
    """Return the text with `on` as a text, which YAML 1.1 takes for a truth."""
    return re.sub(r"\bon:", '"on":', file.read_text("utf-8"))
