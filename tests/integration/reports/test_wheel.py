"""The wheel holds what reports are rendered with."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from tests.support.pace import PATIENCE_S
from tests.support.paths import ROOT


def test_the_templates_and_catalogues_are_in_the_wheel(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=PATIENCE_S)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    templates = {"camwatch/reports/templates/report.html", "camwatch/reports/templates/report.css"}
    assert templates | {"camwatch/locales/fr/LC_MESSAGES/camwatch.po"} <= set(names)
