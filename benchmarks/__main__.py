"""`python -m benchmarks`: run the comparison, print it, write docs/reference/benchmarks.md."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import report
from benchmarks.errors import BenchmarkError
from benchmarks.peers import Camwatch
from benchmarks.suite import NAMES, Suite

_STOPS = (signal.SIGINT, signal.SIGTERM)


def main() -> int:
    """Run what was asked for; return 0 if every target was reached, 1 if not, 2 if nothing was measured."""
    options = _options()
    for number in _STOPS:
        signal.signal(number, _stop)
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="camwatch-bench-") as folder:
            suite = Suite(Path(folder), quick=options.quick, only=options.only)
            suite.run()
    except KeyboardInterrupt:
        print("\nstopped; every process that was started is ended", file=sys.stderr)
        return 130
    except BenchmarkError as error:
        print(f"\nno result: {error}", file=sys.stderr)
        return 2
    print(f"\n{report.table(suite.rows)}\n")
    print(f"{time.monotonic() - began:.0f} s, camwatch {Camwatch.version()}, {report.machine()[0]}")
    if options.quick or options.only:
        print(f"{report.DOCUMENT} is left as it is: only a full run writes it")
    else:
        text = report.document(suite.rows, suite.notes, "make bench")
        report.DOCUMENT.write_text(text, encoding="utf-8")
        print(f"written: {report.DOCUMENT}")
    return 1 if any(row.reached is False for row in suite.rows) else 0


def _stop(*_: object) -> None:
    for number in _STOPS:  # a second signal must not interrupt the end of the processes
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer messages and rounds, for a first look")
    parser.add_argument("--only", choices=NAMES, action="append", help="measure this alone; may be repeated")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
