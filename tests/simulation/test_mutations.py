"""Every mutation is detected by the plan that is recorded for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.simulation.mutations.catalogue import MUTATIONS
from tests.simulation.mutations.catalogue_time import Mutation
from tests.simulation.mutations.runner import PAGE, ROOT, detections, page, source_of


@pytest.fixture(scope="module")
def results() -> dict[str, str]:
    """Return the result of each mutation, from one process that imports the libraries once."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.simulation.mutations", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line.partition(": ") for line in done.stdout.splitlines()]
    assert len(lines) == len(MUTATIONS), done.stdout + done.stderr
    return {name: result for name, _, result in lines}


@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS)
def test_mutation_fits_in_exactly_one_place(mutation: Mutation) -> None:
    """Otherwise the code has changed: adapt the text that the mutation replaces."""
    assert source_of(mutation).count(mutation.old) == 1


@pytest.mark.parametrize("name", MUTATIONS)
def test_mutation_is_detected(name: str, results: dict[str, str]) -> None:
    """And the same plan passes without it."""
    assert results[name] == "detected"


def test_every_mutation_has_a_recorded_detection() -> None:
    assert list(detections()) == list(MUTATIONS)


def test_page_lists_every_mutation() -> None:
    """Otherwise: `python -m tests.simulation.mutations`, with the names of those that changed."""
    assert PAGE.read_text(encoding="utf-8") == page(detections())
