"""`python -m tests.simulation`: exit code 0 all seeds pass, 1 a seed fails, 2 wrong usage."""

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
from tests.simulation.plans.scenarios import SCENARIOS
from tests.simulation.runs.batch import SHRINKS, Progress, cores, explain, print_lines, run, silence_logs
from tests.simulation.runs.play import play

_COMMAND = "make simulate"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the simulation that the command line asks for; return the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.seed is not None:
        try:
            make = SCENARIOS[options.scenario] if options.scenario else draw
            plan = _chosen(make(options.seed), options)
        except ValueError as error:
            parser.error(str(error))
        return _one(plan)
    return _many(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation", description="Run camwatch on a virtual clock under random faults."
    )
    parser.add_argument("--seeds", type=int, default=200, help="number of seeds (200)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (0)")
    parser.add_argument("--step", type=int, default=1, help="distance between seeds (1)")
    parser.add_argument("--seconds", type=float, help="start no seed after this time; ignores --seeds")
    parser.add_argument("--jobs", type=int, default=cores(), help="processes (one per core)")
    parser.add_argument("--first-failure", action="store_true", help="stop at the first seed that fails")
    parser.add_argument("--no-shrink", action="store_true", help="only list the seeds that fail")
    parser.add_argument("--seed", type=int, help="run this seed alone, and print its plan")
    parser.add_argument("--scenario", choices=SCENARIOS, help="with --seed: this instead of a drawn plan")
    parser.add_argument("--keep", help="with --seed: only these faults, by number (3,7,12; none)")
    parser.add_argument("--cameras", help="with --seed: only these cameras (c1,c3)")
    parser.add_argument(
        "--fault", action="append", default=[], help="with --seed: an additional fault, as printed"
    )
    return parser


def _chosen(plan: Plan, options: argparse.Namespace) -> Plan:
    """Return the requested part of a plan. Raises ValueError for unknown faults or cameras."""
    added: list[Fault] = [parse(text, KINDS) for text in options.fault]
    keep = set(range(len(plan.faults)))
    if options.keep:
        keep = set() if options.keep == "none" else {int(number) for number in options.keep.split(",")}
    cameras = set(options.cameras.split(",")) if options.cameras else None
    if not keep <= set(range(len(plan.faults))):
        raise ValueError(f"seed {plan.seed} has the faults 0 to {len(plan.faults) - 1}")
    if cameras is not None and not cameras & {spec.id for spec in plan.cameras}:
        raise ValueError(f"seed {plan.seed} has the cameras {', '.join(each.id for each in plan.cameras)}")
    kept = plan.subset(keep, cameras)
    return replace(kept, faults=tuple(sorted((*kept.faults, *added), key=lambda fault: fault.at)))


def _one(plan: Plan) -> int:
    silence_logs()
    print_lines(*plan.describe())
    outcome = play(plan)
    counts = ", ".join(f"{number:,} {name}" for name, number in outcome.counts.items())
    print_lines(counts, f"digest {outcome.digest}", outcome.problem or "all checks passed")
    return 1 if outcome.problem else 0


def _many(options: argparse.Namespace) -> int:
    seeds: Iterator[int] = count(options.first, options.step)
    if options.seconds is None:
        seeds = iter(range(options.first, options.first + options.seeds * options.step, options.step))
    reporter = Progress(sys.stderr, None if options.seconds is not None else options.seeds)
    total, seconds = run(seeds, options.jobs, options.seconds, reporter, first_failure=options.first_failure)
    if sys.stderr.isatty():
        sys.stderr.write("\n")
    failed = sorted(total.failed, key=lambda outcome: outcome.seed)
    silence_logs()
    for number, outcome in enumerate(failed):
        if options.no_shrink or number >= SHRINKS:
            print_lines(
                f"seed {outcome.seed} fails: {outcome.problem}", f"replay: {_COMMAND} SEED={outcome.seed}"
            )
        else:
            print_lines(*explain(draw(outcome.seed), _COMMAND))
    print_lines(*total.lines(seconds))
    print_lines(f"{len(failed)} of {total.seeds:,} seeds FAILED" if failed else "all checks passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.path.insert(0, str(Path.cwd()))
    sys.exit(main())
