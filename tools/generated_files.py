"""The command behind every generator: write the generated files, or with `--check` report outdated ones."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]


def main(
    module: str,
    arguments: Sequence[str] | None,
    folder: Path,
    texts: Mapping[str, str],
    owned: str | None = None,
) -> int:
    """Run `python -m MODULE [--check]`; return the exit code: 1 if `--check` finds outdated files.

    `texts` has the content of each file in `folder`. Other files that match the pattern `owned` are
    outdated, and removed.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description="Write the generated files.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is outdated")
    check = parser.parse_args(arguments).check
    stale = outdated(folder, texts, owned)
    for name in stale:
        path = folder / name
        shown = path.relative_to(_ROOT) if path.is_relative_to(_ROOT) else path
        if check:
            sys.stderr.write(f"{shown} is outdated: run `make docs` and commit the result\n")
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if name in texts:
            path.write_text(texts[name], encoding="utf-8")
        else:
            path.unlink()
        sys.stdout.write(f"{'wrote' if name in texts else 'removed'} {shown}\n")
    return 1 if check and stale else 0


def outdated(folder: Path, texts: Mapping[str, str], owned: str | None = None) -> list[str]:
    """Return the names of files that are missing, differ from `texts`, or are owned and not in it."""
    strays = {str(path.relative_to(folder)) for path in folder.glob(owned)} if owned else set[str]()
    return sorted(name for name in texts.keys() | strays if _read(folder / name) != texts.get(name))


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return None
