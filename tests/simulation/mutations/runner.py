"""Plants each fault, looks for the first seed that catches it, and writes that down.

`seeds.toml` records what catches a fault, and `docs/explanation/simulation.md` shows it: shrunk to the
fewest faults of the plan, so that it is quick to play and shows why. With names on the command line, only
these are looked for. Exit code 1: some fault was not caught.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple

from tests.simulation.mutations.catalogue import MUTANTS
from tests.simulation.mutations.catalogue_time import Mutant
from tests.simulation.plans.generator import draw
from tests.simulation.plans.plan import Plan
from tests.simulation.runs.batch import cores, say

ROOT: Final = Path(__file__).resolve().parents[3]
PAGE: Final = ROOT / "docs" / "explanation" / "simulation.md"
SEEDS: Final = 400
"""So many seeds are tried."""
_SOURCE: Final = ROOT / "src" / "camwatch"
_CAUGHT: Final = Path(__file__).with_name("seeds.toml")
_MARKS: Final = ("<!-- planted faults: python -m tests.simulation.mutations.runner -->", "<!-- end -->")
_REPLAY: Final = re.compile(r"SEED=(\d+) KEEP=(\S+) CAMERAS=(\S+)")
_FAULT: Final = re.compile(r"^ +\d+ (\S+) ", re.MULTILINE)


class Catch(NamedTuple):
    """What catches a planted fault; `faults`: the kinds of what goes wrong in that plan."""

    seed: int
    keep: str
    cameras: str
    faults: str

    @property
    def arguments(self) -> tuple[str, ...]:
        """How to play it."""
        return ("--seed", str(self.seed), "--keep", self.keep, "--cameras", self.cameras)

    @property
    def plan(self) -> Plan:
        """The same as a plan."""
        keep = () if self.keep == "none" else tuple(map(int, self.keep.split(",")))
        return draw(self.seed).keeping(keep, self.cameras.split(","))


def plant(mutant: Mutant, folder: Path) -> Path:
    """Copy camwatch into a folder, with the fault in it; return what to put on the path."""
    shutil.copytree(_SOURCE, folder / "camwatch")  # what is compiled too, which saves doing it again
    file = folder / "camwatch" / mutant.file
    text = file.read_text(encoding="utf-8")
    assert text.count(mutant.old) == 1, f"{mutant.file} holds {text.count(mutant.old)} times: {mutant.old}"
    file.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
    return folder


def simulate(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the simulation with the camwatch that lies in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "tests.simulation", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def search(mutant: Mutant) -> Catch | None:
    """Return what catches a fault, if anything does."""
    with tempfile.TemporaryDirectory(prefix="camwatch-mutant-") as folder:
        path = plant(mutant, Path(folder))
        done = simulate(path, "--seeds", str(SEEDS), "--first-failure", "--jobs", "1")
    assert "simulated years" in done.stdout, done.stderr
    return replayed(done.stdout)


def replayed(told: str) -> Catch | None:
    """Return how to replay the first failure that a simulation tells of; None if it tells of none."""
    found = _REPLAY.search(told)
    if found is None:
        return None
    kinds = sorted(set(_FAULT.findall(told)))
    return Catch(int(found[1]), found[2], found[3], ", ".join(kinds))


def caught() -> dict[str, Catch]:
    """Return what is known to catch each fault, by its name."""
    return {name: Catch(**row) for name, row in tomllib.loads(_CAUGHT.read_text(encoding="utf-8")).items()}


def table(known: dict[str, Catch]) -> str:
    """Return the table of `docs/explanation/simulation.md`."""
    lines = ["| rule | planted fault | caught by | with |", "|---|---|---|---|"]
    for name, mutant in MUTANTS.items():
        catch = known.get(name)
        replay = f"`SEED={catch.seed} KEEP={catch.keep} CAMERAS={catch.cameras}`" if catch else "nothing"
        lines.append(f"| {mutant.rule} | {mutant.what} | {replay} | {catch.faults if catch else ''} |")
    return "\n".join(lines) + "\n"


def page(known: dict[str, Catch]) -> str:
    """Return `docs/explanation/simulation.md` with this table in it."""
    text = PAGE.read_text(encoding="utf-8")
    before, after = text.split(_MARKS[0])[0], text.split(_MARKS[1])[1]
    return f"{before}{_MARKS[0]}\n\n{table(known)}\n{_MARKS[1]}{after}"


def _write(known: dict[str, Catch]) -> None:
    rows = [
        f'[{name}]\nseed = {catch.seed}\nkeep = "{catch.keep}"\ncameras = "{catch.cameras}"\n'
        f'faults = "{catch.faults}"\n'
        for name in MUTANTS
        if (catch := known.get(name))
    ]
    _CAUGHT.write_text("\n".join(rows), encoding="utf-8")
    PAGE.write_text(page(known), encoding="utf-8")


def main(names: Sequence[str]) -> int:
    """Look for what catches the faults of these names (none: all), and write it down."""
    known, wanted = caught(), list(names) or list(MUTANTS)
    with ThreadPoolExecutor(cores()) as pool:
        for name, catch in zip(wanted, pool.map(search, map(MUTANTS.__getitem__, wanted)), strict=True):
            say(f"{name}: {catch or 'NOT caught'}")
            known.pop(name, None)
            known |= {name: catch} if catch else {}
            _write(known)
    return 0 if known.keys() == MUTANTS.keys() else 1
