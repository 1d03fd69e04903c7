"""Plants each mutation and searches for the first seed that detects it.

Results are kept in `seeds.toml` and shown in the documentation, shrunk to the fewest faults of the plan,
so that a replay is quick and shows why. With names as arguments, only those are searched for. Exit code 1: a
mutation was not detected.
"""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple

from tests.simulation.mutations.catalogue import MUTATIONS
from tests.simulation.mutations.catalogue_time import Mutation
from tests.simulation.plans.generator import draw
from tests.simulation.plans.plan import Plan
from tests.simulation.runs.batch import cores, print_lines, silence_logs
from tests.simulation.runs.play import play

ROOT: Final = Path(__file__).resolve().parents[3]
PAGE: Final = ROOT / "docs" / "explanation" / "simulation.md"
SEEDS: Final = 400
"""How many seeds are searched."""
_SOURCE: Final = ROOT / "src" / "camwatch"
_DETECTIONS: Final = Path(__file__).with_name("seeds.toml")
_MARKS: Final = ("<!-- mutations: python -m tests.simulation.mutations -->", "<!-- end -->")
_REPLAY: Final = re.compile(r"SEED=(\d+) KEEP=(\S+) CAMERAS=(\S+)")
_FAULT: Final = re.compile(r"^ +\d+ (\S+) ", re.MULTILINE)


class Detection(NamedTuple):
    """The part of a seed's plan that detects a mutation; `faults`: the kinds of faults in it."""

    seed: int
    keep: str
    cameras: str
    faults: str

    @property
    def arguments(self) -> tuple[str, ...]:
        """The arguments that replay it."""
        return ("--seed", str(self.seed), "--keep", self.keep, "--cameras", self.cameras)

    @property
    def plan(self) -> Plan:
        """Its plan."""
        keep = () if self.keep == "none" else tuple(map(int, self.keep.split(",")))
        return draw(self.seed).subset(keep, self.cameras.split(","))


def plant(mutation: Mutation, folder: Path) -> Path:
    """Copy camwatch into a folder with the mutation in it; return the folder, for the import path."""
    shutil.copytree(_SOURCE, folder / "camwatch")  # with bytecode, which saves compiling it
    text = source_of(mutation).replace(mutation.old, mutation.new)
    (folder / "camwatch" / mutation.file).write_text(text, encoding="utf-8")
    return folder


def source_of(mutation: Mutation) -> str:
    """Return the text of the file that a mutation changes."""
    return (_SOURCE / mutation.file).read_text(encoding="utf-8")


def simulate(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the simulation with the camwatch in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "tests.simulation", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def check(name: str) -> str:
    """Return why a mutation is not detected as recorded, and by nothing else; empty: it is."""
    if problem := play(detections()[name].plan).problem:
        return f"the plan fails without the mutation: {problem}"
    with tempfile.TemporaryDirectory(prefix="camwatch-mutant-") as folder:
        path = plant(MUTATIONS[name], Path(folder))
        child = os.fork()  # far faster than a new interpreter, which imports all libraries again
        if child == 0:
            os._exit(_run_mutated(path, name))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return {1: "", 0: "not detected"}.get(status, f"the simulation ended with status {status}")


def _run_mutated(path: Path, name: str) -> int:
    """Run its plan with the camwatch in a folder; return 0 without a problem, 1 with one, 2 on an error."""
    for module in [each for each in sys.modules if each.startswith(("camwatch", "tests.simulation"))]:
        del sys.modules[module]
    sys.path.insert(0, str(path))
    try:
        again = importlib.import_module("tests.simulation.mutations.runner")
        return 1 if again.play(again.detections()[name].plan).problem else 0
    except Exception:  # noqa: BLE001 - the parent reports it
        traceback.print_exc()
        return 2


def search(mutation: Mutation) -> Detection | None:
    """Return what detects a mutation; None if no seed does."""
    with tempfile.TemporaryDirectory(prefix="camwatch-mutant-") as folder:
        path = plant(mutation, Path(folder))
        done = simulate(path, "--seeds", str(SEEDS), "--first-failure", "--jobs", "1")
    assert "simulated years" in done.stdout, done.stderr
    return replayed(done.stdout)


def replayed(output: str) -> Detection | None:
    """Return the replay of the first failure in the output of a simulation; None without failure."""
    found = _REPLAY.search(output)
    if found is None:
        return None
    kinds = sorted(set(_FAULT.findall(output)))
    return Detection(int(found[1]), found[2], found[3], ", ".join(kinds))


def detections() -> dict[str, Detection]:
    """Return what is known to detect each mutation, by its name."""
    return {
        name: Detection(**row) for name, row in tomllib.loads(_DETECTIONS.read_text(encoding="utf-8")).items()
    }


def table(known: dict[str, Detection]) -> str:
    """Return the table of the documentation page."""
    lines = ["| rule | mutation | detected by | faults |", "|---|---|---|---|"]
    for name, mutation in MUTATIONS.items():
        row = f"| {mutation.rule} | {mutation.what} | "
        if found := known.get(name):
            row += f"`SEED={found.seed} KEEP={found.keep} CAMERAS={found.cameras}` | {found.faults} |"
        lines.append(row if found else f"{row}nothing | |")
    return "\n".join(lines) + "\n"


def page(known: dict[str, Detection]) -> str:
    """Return the documentation page with this table in it."""
    text = PAGE.read_text(encoding="utf-8")
    before, after = text.split(_MARKS[0])[0], text.split(_MARKS[1])[1]
    return f"{before}{_MARKS[0]}\n\n{table(known)}\n{_MARKS[1]}{after}"


def _write(known: dict[str, Detection]) -> None:
    rows = [
        f'[{name}]\nseed = {detection.seed}\nkeep = "{detection.keep}"\ncameras = "{detection.cameras}"\n'
        f'faults = "{detection.faults}"\n'
        for name in MUTATIONS
        if (detection := known.get(name))
    ]
    _DETECTIONS.write_text("\n".join(rows), encoding="utf-8")
    PAGE.write_text(page(known), encoding="utf-8")


def main(arguments: Sequence[str]) -> int:
    """Search for what detects these mutations (none: all), and write it down; with --check, only check it."""
    known, wanted = detections(), [each for each in arguments if each != "--check"] or list(MUTATIONS)
    if "--check" in arguments:
        silence_logs()
        problems = {name: check(name) for name in wanted}
        print_lines(*(f"{name}: {problem or 'detected'}" for name, problem in problems.items()))
        return int(any(problems.values()))
    with ThreadPoolExecutor(cores()) as pool:
        for name, detection in zip(wanted, pool.map(search, map(MUTATIONS.__getitem__, wanted)), strict=True):
            print_lines(f"{name}: {detection or 'NOT detected'}")
            known.pop(name, None)
            known |= {name: detection} if detection else {}
            _write(known)
    return 0 if known.keys() == MUTATIONS.keys() else 1
