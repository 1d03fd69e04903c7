"""What really was: worked out from the plan, the same for a seed, and what playing shows."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camsim.fleet import Fleet, PlayedCamera, read_fleet
from camsim.ground_truth import GroundTruthFile, Run, header, lines
from camsim.scenario.parser import read_scenario
from camsim.schedule import plan
from tests.support.paths import FLEET
from tests.support.simulator.builders import fleet_of, scenario_of


def run_of(*entries: str, fleet: Fleet | None = None, seed: int = 0, duration_s: float = 600) -> Run:
    fleet = fleet or fleet_of(3)
    steps = plan(scenario_of(*entries, duration_s=duration_s), fleet, seed)
    return Run("made up", fleet, tuple(steps), seed, 10.0)


def told(run: Run, kind: str, ended_s: float = 600, **fields: object) -> list[dict[str, Any]]:
    return [line for line in lines(run, ended_s) if line["kind"] == kind and fields.items() <= line.items()]


def test_a_camera_that_nothing_befalls_is_alive_from_beginning_to_end() -> None:
    (alive,) = told(run_of(), "alive", camera="cam-0")
    assert (alive["from_s"], alive["until_s"], alive["why"]) == (0, 600, "end")
    assert 590 - 1 <= alive["heard_s"] <= 600


def test_a_cut_ends_a_life_and_the_next_begins_with_its_return() -> None:
    run = run_of("{action: power_cut, at: 100, for: 200, on: {camera: cam-1}}")
    before, after = told(run, "alive", camera="cam-1")
    assert (before["until_s"], before["why"]) == (100, "power_cut")
    assert 89 <= before["heard_s"] <= 100
    assert 300 <= after["from_s"] <= 305
    assert len(told(run, "alive", camera="cam-0")) == 1


def test_overlapping_cuts_are_one_absence_that_the_first_began() -> None:
    run = run_of("{action: power_cut, at: 100, for: 200}", "{action: network_cut, at: 150, for: 300}")
    before, after = told(run, "alive", camera="cam-1")
    assert (before["until_s"], before["why"]) == (100, "power_cut")
    assert after["from_s"] >= 450


def test_a_camera_that_is_cut_before_it_can_speak_was_not_alive() -> None:
    run = run_of("{action: flap, at: 100, off_for: 50, on_for: 0.001, for: 140}")
    assert [line["why"] for line in told(run, "alive", camera="cam-0")] == ["flap", "end"]


def test_a_planned_camera_is_alive_once_it_is_commissioned() -> None:
    run = run_of("{action: commission, at: 60}", fleet=fleet_of(0, planned=1))
    (alive,) = told(run, "alive")
    assert alive["from_s"] == 60


def test_conditions_links_and_lies_are_told() -> None:
    run = run_of(
        "{action: frozen, at: 10, for: 20, on: {camera: cam-0}}",
        "{action: tamper, at: 500, on: {camera: cam-0}}",
        "{action: broker_restart, at: 30, for: 5}",
        "{action: replay, at: 50, for: 9, pace: 5, on: {camera: cam-2}}",
    )
    times = [(line["what"], line["from_s"], line["until_s"]) for line in told(run, "condition")]
    assert times == [("frozen", 10, 30), ("tamper", 500, 600)]
    assert [(line["from_s"], line["until_s"]) for line in told(run, "link")] == [(30, 35)]
    assert [(line["camera"], line["from_s"]) for line in told(run, "lie")] == [("cam-2", 50), ("cam-2", 55)]


def test_what_was_to_come_after_the_end_did_not_happen() -> None:
    run = run_of("{action: power_cut, at: 100}", "{action: broker_restart, at: 20, for: 60}")
    assert {line["until_s"] for line in told(run, "alive", 50)} == {50}
    assert [(line["from_s"], line["until_s"]) for line in told(run, "link", 50)] == [(20, 50)]


def test_rows_with_an_interval_of_their_own_keep_it_and_speed_divides_both() -> None:
    fleet = Fleet((PlayedCamera("a", "o", "s"), PlayedCamera("b", "o", "s", interval_s=60.0)))
    run = Run("", fleet, (), 0, 2.0, speed=5.0)
    assert [line["interval_s"] for line in told(run, "camera")] == [2, 12]


@pytest.mark.parametrize("name", ["all-outage-types", "thunderstorm", "landlords-roll-out"])
def test_the_same_seed_is_the_same_truth_and_another_is_not(name: str) -> None:
    scenario, fleet = read_scenario(Path(name)), read_fleet(FLEET)

    def truth(seed: int) -> str:
        steps = tuple(plan(scenario, fleet, seed))
        return json.dumps(list(lines(Run(name, fleet, steps, seed, 10.0), 3600)))

    assert truth(1) == truth(1)
    assert truth(1) != truth(2)


@given(st.integers(0, 200))
def test_lives_are_disjoint_in_order_and_each_was_heard(seed: int) -> None:
    run = run_of(
        "{action: power_cut, at: 20, for: 60, every: 90, times: 5, spread: 30, on: {share: 0.7}}",
        "{action: network_cut, at: 40, for: 100, every: 120, times: 4, spread: 50,"
        " on: {share: 0.5, seed: 2}}",
        "{action: loss, share: 30 %}",
        seed=seed,
    )
    for camera in run.fleet.cameras:
        mine = told(run, "alive", camera=camera.id)
        for line in mine:
            assert line["from_s"] <= line["heard_s"] <= line["until_s"]
        for one, other in pairwise(mine):
            assert one["until_s"] < other["from_s"]


def test_the_file_is_json_lines_that_begin_with_the_date(tmp_path: Path) -> None:
    run, file = run_of("{action: power_cut, at: 1}"), tmp_path / "truth.jsonl"
    with GroundTruthFile(file) as out:
        out.begin(run, 1_767_258_000_000)
        out.end(run, 10.0)
    read = [json.loads(line) for line in file.read_text().splitlines()]
    assert read[0] == header(run, 1_767_258_000_000)
    assert read[1:] == list(lines(run, 10.0))
    assert read[-1] == {"kind": "end", "at_s": 10}


def test_a_run_that_never_began_leaves_an_empty_file(tmp_path: Path) -> None:
    file = tmp_path / "truth.jsonl"
    with GroundTruthFile(file) as out:
        out.end(run_of(), 10.0)
    assert file.read_text() == ""
