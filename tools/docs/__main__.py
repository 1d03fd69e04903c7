"""`python -m tools.docs [--check]`: exit code 0 done, 1 out of date (with `--check`), 2 wrong usage."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from tools.docs.documents import FOLDER, outdated, write

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def main(arguments: Sequence[str] | None = None, folder: Path = FOLDER) -> int:
    """Write the generated documents into `folder`, or check them; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.docs", description="Write the generated documents."
    )
    parser.add_argument("--check", action="store_true", help="write nothing; fail if one is out of date")
    if not parser.parse_args(arguments).check:
        for name in write(folder):
            sys.stdout.write(f"wrote docs/{name}\n")
        return 0
    stale = outdated(folder)
    for name in stale:
        sys.stderr.write(f"docs/{name} is not what the code says: run `make docs` and commit the result\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
