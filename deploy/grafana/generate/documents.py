"""Which files the dashboards are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.generate.camera import camera
from deploy.grafana.generate.daemon import daemon
from deploy.grafana.generate.dashboard import text
from deploy.grafana.generate.fleet import fleet
from deploy.grafana.generate.i18n import LANGUAGES, Translator
from deploy.grafana.generate.operator import operator
from deploy.grafana.generate.service_levels import service_levels

Page: TypeAlias = Callable[[Translator], Dashboard]

FOLDER = Path(__file__).resolve().parents[1] / "dashboards"
"""Where the files stand, in a folder for each language."""

PAGES: Mapping[str, Page] = {
    "fleet": fleet,
    "operator": operator,
    "camera": camera,
    "levels": service_levels,
    "daemon": daemon,
}


def documents() -> dict[str, str]:
    """Return every file, relative to `FOLDER`, and its text."""
    return {
        f"{lang}/{name}.json": text(page(Translator(lang)))
        for lang in LANGUAGES
        for name, page in PAGES.items()
    }


def outdated(folder: Path = FOLDER) -> tuple[str, ...]:
    """Return the files that are missing, do not say what the code says, or that no code writes."""
    wanted = documents()
    found = {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in folder.glob("*/*.json")
    }
    return tuple(sorted(name for name in {*wanted, *found} if wanted.get(name) != found.get(name)))


def write(folder: Path = FOLDER) -> tuple[str, ...]:
    """Write the files that are out of date, remove those that no code writes; return their names."""
    wanted, stale = documents(), outdated(folder)
    for name in stale:
        path = folder / name
        if name not in wanted:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[name], encoding="utf-8")
    return stale
