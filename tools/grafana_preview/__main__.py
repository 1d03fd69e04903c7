"""`python -m tools.grafana_preview --prometheus URL [--out DIR]`: a picture of each dashboard."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from deploy.grafana.generate.documents import FOLDER
from tools.grafana_preview.panels import WIDTH, height, page
from tools.grafana_preview.prometheus_client import Asked, Json, Prometheus, panels

_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


def html(board: Json, prometheus: Prometheus, minutes: float, chosen: dict[str, str], end: float) -> str:
    """Return the page of a dashboard over minutes to `end`; a variable not chosen takes its first option."""
    asked = Asked(end, minutes * 60, max(1.0, minutes * 60 / 300))
    for variable in board["templating"]["list"]:
        options = [value for _, value in prometheus.options(variable, asked)]
        asked.variables[variable["name"]] = chosen.get(variable["name"], options[0])
    answers = {panel["id"]: prometheus.answers(panel, asked) for panel in panels(board)}
    return page(board, answers, asked)


def picture(text: str, high: int, target: Path) -> None:
    """Let Chromium draw a page into a PNG."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "page.html"
        source.write_text(text, encoding="utf-8")
        size = (
            f"--window-size={WIDTH},{high}",
            f"--screenshot={target}",
            f"--user-data-dir={folder}/profile",
        )
        subprocess.run(  # noqa: S603 - a program of the system, with our own page
            ["chromium", *_FLAGS, *size, str(source)],  # noqa: S607 - wherever it is installed
            check=True,
            capture_output=True,
            timeout=60,
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw the dashboards; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.grafana_preview", description=__doc__)
    parser.add_argument("--prometheus", required=True, metavar="URL", help="where Prometheus answers")
    parser.add_argument("--out", type=Path, default=Path("preview"), help="folder for the pictures")
    parser.add_argument("--language", choices=("fr", "en"), default="fr")
    parser.add_argument("--minutes", type=float, default=60.0, help="length of the period shown")
    parser.add_argument("--choose", action="append", default=[], metavar="VARIABLE=VALUE")
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    prometheus = Prometheus(given.prometheus)
    try:
        for path in sorted((FOLDER / given.language).glob("*.json")):
            board = json.loads(path.read_text(encoding="utf-8"))
            chosen = dict(choice.split("=", 1) for choice in given.choose)
            target = (given.out / f"{given.language}-{path.stem}.png").resolve()
            picture(html(board, prometheus, given.minutes, chosen, time.time()), height(board), target)
            sys.stdout.write(f"drew {target}\n")
    finally:
        prometheus.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
