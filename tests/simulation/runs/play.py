"""Plays one plan with everything that is checked, and says what was wrong."""

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
from tests.simulation.world.simulator import World

_ROOM = Path("/dev/shm")  # noqa: S108 - stores made and thrown away by the thousand spare the disk


_TRACED = 9  # lines of a traceback that say where it was


@dataclass
class Outcome:
    """What came of a plan: `problem` is empty where all was as it should be."""

    seed: int
    problem: str = ""
    simulated: int = 0  # milliseconds
    digest: str = ""  # of all that was told: the same for the same plan
    counts: dict[str, int] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)


def play(plan: Plan, template: Path | None = None) -> Outcome:
    """Play a plan. `template`: an empty store to begin with, which saves making one."""
    outcome = Outcome(plan.seed)
    with tempfile.TemporaryDirectory(prefix="camwatch-simulation-", dir=room()) as folder:
        file = Path(folder) / "camwatch.db"
        if template is not None:
            shutil.copy(template, file)
        url = f"sqlite:///{file}"
        world = World(plan, url)
        try:
            asyncio.run(_played(world))
            with Store.open(HistorySettings(url=url)) as store:
                outcome.problem = next(problems(world.machine, store), "")
        except ViolationError as violation:
            outcome.problem = str(violation)
        except Exception:  # noqa: BLE001 - whatever the daemon raises is a failure of this seed
            outcome.problem = "".join(traceback.format_exc().splitlines(keepends=True)[-_TRACED:]).rstrip()
    witness = world.machine.witness
    outcome.simulated = world.machine.now - plan.begins
    outcome.counts = asdict(witness.tally)
    outcome.digest = witness.digest.hexdigest()[:16]
    outcome.faults = Counter(name_of(fault) for fault in plan.faults)
    return outcome


def room() -> str | None:
    """Return where stores are made: in memory, if there is such a place."""
    return str(_ROOM) if _ROOM.is_dir() else None


def empty_store(folder: Path) -> Path:
    """Make an empty store, to be copied."""
    file = folder / "empty.db"
    with Store.open(HistorySettings(url=f"sqlite:///{file}")):
        pass
    return file


async def _played(world: World) -> None:
    try:
        await world.run()
    finally:
        await world.close()
