"""Runs one plan with all checks, and returns the first problem."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import traceback
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

from camwatch.history.store import Store
from camwatch.settings import HistorySettings
from tests.simulation.checks.final_checks import problems
from tests.simulation.checks.state_checker import ViolationError
from tests.simulation.plans.codec import name_of
from tests.simulation.plans.plan import Plan
from tests.simulation.world.simulator import Simulator

_ROOM = Path("/dev/shm")  # noqa: S108 - stores made and thrown away by the thousand spare the disk


_TRACED = 9  # lines of a traceback to show


@dataclass
class Outcome:
    """The result of a plan; `problem` is empty if all checks passed."""

    seed: int
    problem: str = ""
    simulated: int = 0  # milliseconds
    digest: str = ""  # of all emitted events: the same for the same plan
    counts: dict[str, int] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)


def play(plan: Plan, template: Path | None = None) -> Outcome:
    """Run a plan. `template`: an empty store to copy, which is faster than creating one."""
    outcome = Outcome(plan.seed)
    with tempfile.TemporaryDirectory(prefix="camwatch-simulation-", dir=store_folder()) as folder:
        file = Path(folder) / "camwatch.db"
        if template is not None:
            shutil.copy(template, file)
        url = f"sqlite:///{file}"
        world = Simulator(plan, url)
        try:
            asyncio.run(_played(world))
            with Store.open(HistorySettings(url=url)) as store:
                outcome.problem = next(problems(world.host, store), "")
        except ViolationError as violation:
            outcome.problem = str(violation)
        except Exception:  # noqa: BLE001 - whatever the daemon raises is a failure of this seed
            outcome.problem = "".join(traceback.format_exc().splitlines(keepends=True)[-_TRACED:]).rstrip()
    checker = world.host.checker
    outcome.simulated = world.host.now - plan.begins
    outcome.counts = asdict(checker.tally)
    outcome.digest = checker.digest.hexdigest()[:16]
    outcome.faults = Counter(name_of(fault) for fault in plan.faults)
    return outcome


def store_folder() -> str | None:
    """Return the folder for stores: in memory where possible."""
    return str(_ROOM) if _ROOM.is_dir() else None


def empty_store(folder: Path) -> Path:
    """Create an empty store to copy."""
    file = folder / "empty.db"
    with Store.open(HistorySettings(url=f"sqlite:///{file}")):
        pass
    return file


async def _played(world: Simulator) -> None:
    try:
        await world.run()
    finally:
        await world.close()
