"""The simulation passes on as many seeds as fit; it is deterministic, and its failures can be replayed.

It runs in its own processes, because it configures logging, and must not depend on the hash seed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.__main__ import main
from tests.simulation.mutations.catalogue import MUTATIONS
from tests.simulation.mutations.runner import ROOT, detections, plant, replayed, simulate
from tests.simulation.plans.codec import format_value, parse
from tests.simulation.plans.faults import KINDS
from tests.simulation.plans.generator import draw
from tests.simulation.plans.scenarios import SCENARIOS
from tests.simulation.runs.shrink import shrink

_SECONDS = 45
"""No seed starts later."""


def test_seeds_pass() -> None:
    """A1, L, S, V, T: after every step. The output of a failure has the command that replays it."""
    done = _simulation("--seconds", str(_SECONDS), "--jobs", "1", "--first-failure")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all checks passed" in done.stdout


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_month_of_a_fleet_passes(scenario: str) -> None:
    """A1, A5, E4, S9: October 2026, with maintenance, or with a step of the wall clock."""
    done = _simulation("--seed", "6", "--scenario", scenario)
    assert done.returncode == 0, done.stdout


def test_same_seed_is_the_same_simulation() -> None:
    """The digest of all emitted events does not depend on the hash seed."""
    one, another = (_simulation("--seed", "11", hash_seed=hash_seed) for hash_seed in "12")
    assert "digest" in one.stdout
    assert one.stdout == another.stdout


def test_subset_of_a_plan_leaves_the_rest_unchanged() -> None:
    plan = draw(17)
    assert plan == draw(17)
    kept = plan.subset({0, 2})
    assert kept.faults == (plan.faults[0], plan.faults[2])
    assert kept.cameras == plan.cameras


def test_every_kind_of_fault_is_drawn_and_parsed_from_its_text() -> None:
    faults = [fault for seed in range(100) for fault in draw(seed).faults]
    assert {type(fault) for fault in faults} == set(KINDS.values())
    for fault in faults:
        assert parse(format_value(fault), KINDS) == fault


def test_failure_shrinks_to_the_fewest_faults_and_cameras() -> None:
    """Two faults and one camera of many."""

    def fails(faults: tuple[int, ...], cameras: tuple[str, ...]) -> bool:
        return {3, 17} <= set(faults) and "c2" in cameras

    shrunk = shrink(range(30), ("c1", "c2", "c3"), fails)
    assert shrunk.faults == (3, 17)
    assert shrunk.cameras == ("c2",)
    assert shrunk.plays < 60


def test_failure_without_faults_shrinks_to_none() -> None:
    shrunk = shrink(range(30), ("c1",), lambda _faults, _cameras: True)
    assert (shrunk.faults, shrunk.cameras) == ((), ("c1",))


def test_failing_seed_prints_the_command_that_replays_it(tmp_path: Path) -> None:
    """A mutation is found, shrunk, and found again with the printed arguments."""
    detection = detections()["no-gap-shift"]
    path = plant(MUTATIONS["no-gap-shift"], tmp_path)
    done = simulate(path, "--first", str(detection.seed), "--seeds", "1", "--jobs", "1")
    assert done.returncode == 1
    assert replayed(done.stdout) == detection
    again = simulate(path, *detection.arguments)
    assert again.returncode == 1
    assert again.stdout.splitlines()[-1] in done.stdout


def test_unknown_fault_number_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--seed", "17", "--keep", "999"])
    assert ended.value.code == 2
    assert "seed 17 has the faults 0 to" in capsys.readouterr().err


def _simulation(*arguments: str, hash_seed: str = "0") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.simulation", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=False,
    )
