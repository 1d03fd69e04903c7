"""The generated files of the dashboards."""

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
"""`deploy/grafana/dashboards/`, with a folder for each language."""

PAGES: Mapping[str, Page] = {
    "fleet": fleet,
    "operator": operator,
    "camera": camera,
    "levels": service_levels,
    "daemon": daemon,
}


def documents() -> dict[str, str]:
    """Return the text of every file by its name, relative to `FOLDER`."""
    return {
        f"{lang}/{name}.json": text(page(Translator(lang)))
        for lang in LANGUAGES
        for name, page in PAGES.items()
    }
