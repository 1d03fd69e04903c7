"""Fetch the front-end files that camwatch ships from others: `make vendor`. They are committed as they are.

npm checks each package against the lock file's hash; what is taken from it is copied byte for byte, with its
licence, and noted in `manifest.json`. Nothing of npm is needed to build, install or run camwatch.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
VENDOR = HERE.parents[1] / "src" / "camwatch" / "web" / "static" / "vendor"
MANIFEST = VENDOR / "manifest.json"


class Wanted(NamedTuple):
    """One file of an npm package, and what it is called here."""

    package: str
    source: str
    name: str


WANTED = (
    Wanted("htmx.org", "dist/htmx.min.js", "htmx.js"),
    Wanted("htmx.org", "LICENSE", "htmx.LICENSE"),
    Wanted("leaflet", "dist/leaflet.js", "leaflet.js"),
    Wanted("leaflet", "dist/leaflet.css", "leaflet.css"),
    Wanted("leaflet", "LICENSE", "leaflet.LICENSE"),
    Wanted("uplot", "dist/uPlot.iife.min.js", "uplot.js"),
    Wanted("uplot", "dist/uPlot.min.css", "uplot.css"),
    Wanted("uplot", "LICENSE", "uplot.LICENSE"),
)


def entry(wanted: Wanted, version: str, content: bytes) -> dict[str, str | int]:
    """Return the entry of a file in the manifest."""
    return {
        "file": wanted.name,
        "package": wanted.package,
        "version": version,
        "source": wanted.source,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def versions() -> dict[str, str]:
    """Return the version of each package in the lock file."""
    lock = json.loads((HERE / "package-lock.json").read_text(encoding="utf-8"))
    return {
        name.removeprefix("node_modules/"): found["version"]
        for name, found in lock["packages"].items()
        if name
    }


def fetch(folder: Path) -> None:
    """Have npm put the packages of the lock file into a folder. Raises CalledProcessError."""
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, folder)
    npm = shutil.which("npm") or sys.exit("npm is not installed: it is needed to fetch, and for nothing else")
    command = [npm, "ci", "--ignore-scripts", "--no-fund", "--no-audit"]
    subprocess.run(command, cwd=folder, check=True)  # noqa: S603 - nothing of it comes from outside


def main() -> None:
    """Copy what is wanted, drop what no longer is, write the manifest."""
    found = versions()
    with tempfile.TemporaryDirectory() as name:
        fetch(Path(name))
        shutil.rmtree(VENDOR, ignore_errors=True)
        VENDOR.mkdir(parents=True)
        entries = []
        for wanted in WANTED:
            content = (Path(name) / "node_modules" / wanted.package / wanted.source).read_bytes()
            (VENDOR / wanted.name).write_bytes(content)
            entries.append(entry(wanted, found[wanted.package], content))
    MANIFEST.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
