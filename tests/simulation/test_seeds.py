"""Seeds of the simulation, for a minute at most; the same seed is the same; what fails can be replayed.

The simulation runs in processes of its own: it configures logs, and another hash seed must change nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.__main__ import main
from tests.simulation.mutations.catalogue import MUTANTS
from tests.simulation.mutations.runner import ROOT, caught, plant, replayed, simulate
from tests.simulation.plans.codec import parse, spell
from tests.simulation.plans.faults import KINDS
from tests.simulation.plans.generator import draw
from tests.simulation.runs.shrink import shrink

_SECONDS = 45
"""No seed begins later; the last one, and to begin with, takes some seconds more."""


def test_as_many_seeds_as_fit_in_a_minute_are_as_they_should_be() -> None:
    """A1, L, S, V, T: after every step. A failure says how to replay it."""
    done = _simulation("--seconds", str(_SECONDS), "--jobs", "1", "--first-failure")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all is as it should be" in done.stdout


def test_the_same_seed_is_the_same_simulation() -> None:
    """The digest is of all that was told, whatever the process hashes things to."""
    one, another = (_simulation("--seed", "11", hash_seed=hash_seed) for hash_seed in "12")
    assert "digest" in one.stdout
    assert one.stdout == another.stdout


def test_a_plan_leaves_nothing_else_to_chance() -> None:
    """What is left out of a plan changes nothing in the rest of it."""
    plan = draw(17)
    assert plan == draw(17)
    kept = plan.keeping({0, 2})
    assert kept.faults == (plan.faults[0], plan.faults[2])
    assert kept.devices == plan.devices


@pytest.mark.parametrize("seed", range(20))
def test_every_fault_is_read_as_it_is_written(seed: int) -> None:
    for fault in draw(seed).faults:
        assert parse(spell(fault), KINDS) == fault


def test_every_kind_of_fault_is_drawn() -> None:
    drawn = {type(fault) for seed in range(100) for fault in draw(seed).faults}
    assert drawn == set(KINDS.values())


def test_a_failure_is_shrunk_to_the_fewest_faults_and_cameras() -> None:
    """Two faults and one camera of many, wherever they stand."""

    def fails(faults: tuple[int, ...], cameras: tuple[str, ...]) -> bool:
        return {3, 17} <= set(faults) and "c2" in cameras

    shrunk = shrink(range(30), ("c1", "c2", "c3"), fails)
    assert shrunk.faults == (3, 17)
    assert shrunk.cameras == ("c2",)
    assert shrunk.plays < 60


def test_a_failure_that_needs_no_fault_is_shrunk_to_none() -> None:
    shrunk = shrink(range(30), ("c1",), lambda _faults, _cameras: True)
    assert (shrunk.faults, shrunk.cameras) == ((), ("c1",))


def test_a_seed_that_fails_names_the_one_command_that_replays_it(tmp_path: Path) -> None:
    """A planted fault is found, shrunk, and found again by what is printed."""
    catch = caught()["no-blind-shift"]
    path = plant(MUTANTS["no-blind-shift"], tmp_path)
    done = simulate(path, "--first", str(catch.seed), "--seeds", "1", "--jobs", "1")
    assert done.returncode == 1
    assert replayed(done.stdout) == catch
    again = simulate(path, *catch.arguments)
    assert again.returncode == 1
    assert again.stdout.splitlines()[-1] in done.stdout


def test_a_wrong_command_line_says_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
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
