"""Every planted fault is caught by what is known to catch it: else the simulation would be worth nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulation.mutations.catalogue import MUTANTS
from tests.simulation.mutations.catalogue_time import Mutant
from tests.simulation.mutations.runner import PAGE, Catch, caught, page, plant, simulate
from tests.simulation.plans.generator import draw
from tests.simulation.runs.play import play

_CAUGHT = caught()


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_a_planted_fault_fits_in_one_place(mutant: Mutant, tmp_path: Path) -> None:
    """Else the code has changed: plant it elsewhere."""
    plant(mutant, tmp_path)


@pytest.mark.parametrize(("name", "catch"), _CAUGHT.items(), ids=_CAUGHT)
def test_a_planted_fault_is_caught(name: str, catch: Catch, tmp_path: Path) -> None:
    """And nothing else fails: without it, the same plan is as it should be."""
    done = simulate(plant(MUTANTS[name], tmp_path), *catch.arguments)
    assert done.returncode == 1, done.stdout
    assert "digest" in done.stdout, done.stderr
    assert play(catch.plan).problem == ""


def test_of_every_planted_fault_it_is_known_what_catches_it() -> None:
    assert list(_CAUGHT) == list(MUTANTS)
    assert all(catch.plan.seed == draw(catch.seed).seed for catch in _CAUGHT.values())


def test_the_page_shows_every_planted_fault() -> None:
    """Else: `python -m tests.simulation.mutations.runner`, with the names of those that changed."""
    assert PAGE.read_text(encoding="utf-8") == page(_CAUGHT)
