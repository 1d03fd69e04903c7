"""Generates an inventory of any size, the same for the same seed."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from camsim.errors import UsageError
from camsim.seeded_random import uniform

_PER_SITE: Final = 8
_SITES_PER_ZONE: Final = 12
_PURPOSES: Final = (("video_protection", 0.6), ("traffic", 0.87), ("access_control", 1.0))
"""Cumulative shares."""
_MODELS: Final = ("Dôme 4K", "Bullet 5 MP", "PTZ 30×", "Panoramique 360°")
_CENTRE: Final = (43.5297, 5.4474)
_REACH_DEGREES: Final = 0.08
_PLANNED: Final = 0.03


def tables(cameras: int, operators: int, seed: int) -> dict[str, str]:
    """Return the text of each table by its file name."""
    sites = max(1, cameras // _PER_SITE)
    zones = max(1, sites // _SITES_PER_ZONE)
    return {
        "operators.csv": _csv(_OPERATOR, (_operator(n) for n in range(1, operators + 1))),
        "sites.csv": _csv(_SITE, (_site(n, zones, seed) for n in range(sites))),
        "cameras.csv": _csv(_CAMERA, (_camera(n, sites, operators, seed) for n in range(cameras))),
    }


def write(folder: Path, cameras: int, operators: int, seed: int) -> None:
    """Write the tables into a folder without tables. Raises UsageError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in tables(cameras, operators, seed).items():
            with (folder / name).open("x", encoding="utf-8", newline="") as file:
                file.write(text)
    except FileExistsError as error:
        raise UsageError(f"{error.filename} exists already: choose another folder") from None
    except OSError as error:
        raise UsageError(f"{error.filename}: cannot be written: {error.strerror}") from None


_OPERATOR = "operator_id,name,objective"
_SITE = "site_id,name,zone,latitude,longitude"
_CAMERA = (
    "camera_id,operator_id,site_id,name,purpose,lifecycle,in_service_from,commission_by,interval_s,"
    "latitude,longitude,model,source"
)


def _operator(number: int) -> Sequence[str]:
    return f"operator-{number}", f"Exploitant n° {number}", "0.98" if number % 2 else ""


def _site(number: int, zones: int, seed: int) -> Sequence[str]:
    latitude, longitude = (
        centre + _REACH_DEGREES * (2 * uniform(seed, f"site-{number}", axis) - 1)
        for centre, axis in zip(_CENTRE, "yx", strict=True)
    )
    zone = f"Secteur {number % zones + 1}"
    return f"site-{number}", f"Résidence n° {number}", zone, f"{latitude:.5f}", f"{longitude:.5f}"


def _camera(number: int, sites: int, operators: int, seed: int) -> Sequence[str]:
    site = min(number // _PER_SITE, sites - 1)
    operator = 1 + int(uniform(seed, f"site-{site}", "operator") * operators)
    chance = uniform(seed, f"cam-{number}", "purpose")
    purpose = next(purpose for purpose, below in _PURPOSES if chance < below)
    planned = uniform(seed, f"cam-{number}", "planned") < _PLANNED
    model = _MODELS[int(uniform(seed, f"cam-{number}", "model") * len(_MODELS))]
    return (
        *(f"cam-{number}", f"operator-{operator}", f"site-{site}"),
        *(f"Résidence n° {site} – caméra {number % _PER_SITE + 1}", purpose),
        "planned" if planned else "in_service",
        *("", "", "", "", "", model, "assumption"),
    )


def _csv(columns: str, rows: Iterator[Sequence[str]]) -> str:
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(columns.split(","))
    table.writerows(rows)
    return out.getvalue()
