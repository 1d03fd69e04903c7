"""`python -m deploy.grafana.generate [--check]`: 0 done, 1 out of date (with `--check`), 2 wrong usage."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.grafana.generate.documents import FOLDER, outdated, write


def main(arguments: Sequence[str] | None = None, folder: Path = FOLDER) -> int:
    """Write the dashboards into `folder`, or check them; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.grafana.generate", description="Write the dashboards of Grafana."
    )
    parser.add_argument("--check", action="store_true", help="write nothing; fail if one is out of date")
    if not parser.parse_args(arguments).check:
        for name in write(folder):
            sys.stdout.write(f"wrote deploy/grafana/dashboards/{name}\n")
        return 0
    stale = outdated(folder)
    for name in stale:
        sys.stderr.write(f"deploy/grafana/dashboards/{name} is not what the code says: run `make docs`\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
