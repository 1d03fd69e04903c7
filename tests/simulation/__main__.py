"""`python -m tests.simulation`: exit code 0 all is well, 1 a seed fails, 2 wrong usage."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

from tests.simulation.plans.codec import parse
from tests.simulation.plans.faults import KINDS, Fault
from tests.simulation.plans.generator import draw
from tests.simulation.plans.plan import Plan
from tests.simulation.runs.batch import SHRINKS, Reporter, cores, explain, quiet, run, say
from tests.simulation.runs.play import play

_COMMAND = "make simulate"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for, and return the exit code."""
    parser = _parser()
    said = parser.parse_args(arguments)
    if said.seed is not None:
        try:
            plan = _chosen(draw(said.seed), said)
        except ValueError as error:
            parser.error(str(error))
        return _one(plan)
    return _many(said)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation", description="Play the daemon's life under seeded faults."
    )
    parser.add_argument("--seeds", type=int, default=200, help="how many seeds (200)")
    parser.add_argument("--first", type=int, default=0, help="the first of them (0)")
    parser.add_argument("--step", type=int, default=1, help="from one to the next (1)")
    parser.add_argument(
        "--seconds", type=float, help="begin no seed after so long; then --seeds is not looked at"
    )
    parser.add_argument("--jobs", type=int, default=cores(), help="processes (one for each core)")
    parser.add_argument("--first-failure", action="store_true", help="end with the first seed that fails")
    parser.add_argument("--no-shrink", action="store_true", help="only tell which seeds fail")
    parser.add_argument("--seed", type=int, help="play this one alone, and print its plan")
    parser.add_argument("--keep", help="with --seed: only these faults, by number (3,7,12; none)")
    parser.add_argument("--cameras", help="with --seed: only these cameras (c1,c3)")
    parser.add_argument(
        "--fault", action="append", default=[], help="with --seed: one more fault, as it is printed"
    )
    return parser


def _chosen(plan: Plan, said: argparse.Namespace) -> Plan:
    """Return the part of a plan that is asked for. Raises ValueError."""
    added: list[Fault] = [parse(text, KINDS) for text in said.fault]
    keep = set(range(len(plan.faults)))
    if said.keep:
        keep = set() if said.keep == "none" else {int(number) for number in said.keep.split(",")}
    cameras = set(said.cameras.split(",")) if said.cameras else None
    if not keep <= set(range(len(plan.faults))):
        raise ValueError(f"seed {plan.seed} has the faults 0 to {len(plan.faults) - 1}")
    if cameras is not None and not cameras & {device.id for device in plan.devices}:
        raise ValueError(f"seed {plan.seed} has the cameras {', '.join(each.id for each in plan.devices)}")
    kept = plan.keeping(keep, cameras)
    return replace(kept, faults=tuple(sorted((*kept.faults, *added), key=lambda fault: fault.at)))


def _one(plan: Plan) -> int:
    quiet()
    say(*plan.lines_of_text())
    outcome = play(plan)
    counts = ", ".join(f"{number:,} {name}" for name, number in outcome.counts.items())
    say(counts, f"digest {outcome.digest}", outcome.problem or "all is as it should be")
    return 1 if outcome.problem else 0


def _many(said: argparse.Namespace) -> int:
    seeds: Iterator[int] = count(said.first, said.step)
    if said.seconds is None:
        seeds = iter(range(said.first, said.first + said.seeds * said.step, said.step))
    reporter = Reporter(sys.stderr, None if said.seconds is not None else said.seeds)
    total, seconds = run(seeds, said.jobs, said.seconds, reporter, first_failure=said.first_failure)
    if sys.stderr.isatty():
        sys.stderr.write("\n")
    failed = sorted(total.failed, key=lambda outcome: outcome.seed)
    quiet()
    for number, outcome in enumerate(failed):
        if said.no_shrink or number >= SHRINKS:
            say(f"seed {outcome.seed} fails: {outcome.problem}", f"replay: {_COMMAND} SEED={outcome.seed}")
        else:
            say(*explain(draw(outcome.seed), _COMMAND))
    say(*total.lines(seconds))
    say(f"{len(failed)} of {total.seeds:,} seeds FAILED" if failed else "all is as it should be")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.path.insert(0, str(Path.cwd()))
    sys.exit(main())
