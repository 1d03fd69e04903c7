"""`python -m deploy.grafana.generate [--check]`: 0 done, 1 outdated (with `--check`), 2 wrong usage."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.grafana.generate.documents import FOLDER, documents
from tools import generated_files


def main(arguments: Sequence[str] | None = None, folder: Path = FOLDER) -> int:
    """Write the dashboards into `folder`, or check them; return the exit code."""
    return generated_files.main("deploy.grafana.generate", arguments, folder, documents(), "*/*.json")


if __name__ == "__main__":
    sys.exit(main())
