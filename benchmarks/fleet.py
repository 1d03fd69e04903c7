"""A synthetic inventory of any size, in the tables that camwatch reads.

All ids have one width, so that every prepared message of the flood has one length.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

OPERATORS = 9
CAMERAS_PER_SITE = 10
ZONES = 12
PURPOSES = ("video_protection", "access_control", "traffic")


def operator_of(number: int) -> str:
    """Return the operator of camera `number`; a site belongs to one operator."""
    return f"op-{number // CAMERAS_PER_SITE % OPERATORS:02}"


def camera_id(number: int) -> str:
    """Return the id of camera `number`, counted from 0."""
    return f"cam-{number:05}"


def heartbeat_topic(number: int) -> str:
    """Return the topic on which camera `number` sends its heartbeats."""
    return f"camwatch/v1/{operator_of(number)}/{camera_id(number)}/heartbeat"


def write_fleet(folder: Path, cameras: int) -> None:
    """Write operators, sites and `cameras` cameras in service as CSV tables into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(
        folder / "operators.csv",
        "operator_id,name,objective",
        ((f"op-{n:02}", f"Operator {n}", "0.99") for n in range(OPERATORS)),
    )
    sites = range((cameras + CAMERAS_PER_SITE - 1) // CAMERAS_PER_SITE)
    _write(
        folder / "sites.csv",
        "site_id,name,zone,latitude,longitude",
        ((f"site-{n:04}", f"Site {n}", f"zone-{n % ZONES:02}", "43.53", "5.45") for n in sites),
    )
    _write(
        folder / "cameras.csv",
        "camera_id,operator_id,site_id,name,purpose,lifecycle,in_service_from,commission_by,"
        "interval_s,latitude,longitude,model,source",
        (_camera(number) for number in range(cameras)),
    )


def _camera(number: int) -> tuple[str, ...]:
    return (
        camera_id(number),
        operator_of(number),
        f"site-{number // CAMERAS_PER_SITE:04}",
        f"Camera {number}",
        PURPOSES[number % len(PURPOSES)],
        "in_service",
        "2024-01-01",
        "",
        "",
        "43.53",
        "5.45",
        "DOME-4K",
        "assumption",
    )


def _write(path: Path, header: str, rows: Iterable[tuple[str, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(header.split(","))
        table.writerows(rows)
