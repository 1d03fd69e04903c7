"""`python -m tools.docs [--check]`: exit code 0 done, 1 outdated (with `--check`), 2 wrong usage."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from tools import generated_files
from tools.docs.documents import DOCUMENTS, FOLDER


def main(arguments: Sequence[str] | None = None, folder: Path = FOLDER) -> int:
    """Write the generated documents into `folder`, or check them; return the exit code."""
    texts = {name: text() for name, text in DOCUMENTS.items()}
    return generated_files.main("tools.docs", arguments, folder, texts)


if __name__ == "__main__":
    sys.exit(main())
