"""Reads the cameras to play from `cameras.csv`; columns that camsim does not need may be missing.

The simulator does not share the daemon's reader, so that a bug in it shows.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from camsim.errors import FleetError

_NEEDED = ("camera_id", "operator_id", "site_id", "lifecycle")
_LIFECYCLES = ("planned", "in_service", "retired")
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


@dataclass(frozen=True, slots=True)
class PlayedCamera:
    """One camera. `interval_s` is the heartbeat interval of its row, None if the row has none."""

    id: str
    operator: str
    site: str
    planned: bool = False
    interval_s: float | None = None
    longitude: float = 0.0
    zone: str = ""
    purpose: str = ""


@dataclass(frozen=True, slots=True)
class Fleet:
    """The cameras of a table in its order, without retired ones."""

    cameras: tuple[PlayedCamera, ...]

    @property
    def in_service(self) -> tuple[PlayedCamera, ...]:
        """The cameras that run from the start."""
        return tuple(camera for camera in self.cameras if not camera.planned)

    @property
    def planned(self) -> tuple[PlayedCamera, ...]:
        """The cameras that are not commissioned yet."""
        return tuple(camera for camera in self.cameras if camera.planned)


def read_fleet(folder: Path) -> Fleet:
    """Read `cameras.csv` in `folder`, and zones from `sites.csv` if it exists.

    UTF-8 with or without BOM, comma or semicolon. Raises FleetError with the file and the line.
    """
    sites = folder / "sites.csv"
    zones = {}
    if sites.exists():
        zones = {row["site_id"]: row["zone"] for _, row in _rows(sites, ("site_id", "zone"))}
    file = folder / "cameras.csv"
    cameras = tuple(_cameras(file, zones))
    if not cameras:
        raise FleetError(file, 0, "has no camera that could be played")
    return Fleet(cameras)


def _cameras(file: Path, zones: Mapping[str, str]) -> Iterator[PlayedCamera]:
    seen: dict[str, int] = {}
    for line, row in _rows(file, _NEEDED):
        camera = _camera(file, line, row, zones)
        first = seen.setdefault(camera.id, line)
        if first != line:
            raise FleetError(file, line, f"camera {camera.id!r} is already on line {first}")
        if row["lifecycle"] != "retired":
            yield camera


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8-sig")
    except FileNotFoundError:
        raise FleetError(file, 0, "does not exist: give the folder of the tables with --fleet") from None
    except UnicodeDecodeError as error:
        raise FleetError(file, error.object.count(b"\n", 0, error.start) + 1, "is not UTF-8 text") from None
    except OSError as error:
        raise FleetError(file, 0, f"cannot be read: {error.strerror}") from None


def _rows(file: Path, needed: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Return each row, stripped, with its line number; it has every needed column."""
    text = _text(file)
    header, *_ = text.split("\n", 1)
    delimiter = ";" if header.count(";") > header.count(",") else ","
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        missing = [column for column in needed if column not in (rows.fieldnames or ())]
        if missing:
            raise FleetError(file, 1, f"the header lacks {', '.join(missing)}")
        for row in rows:
            if None in row.values() or None in row:
                raise FleetError(file, rows.line_num, "has another number of columns than the header")
            yield rows.line_num, {column: value.strip() for column, value in row.items()}
    except csv.Error as error:
        raise FleetError(file, rows.reader.line_num, f"is not CSV: {error}") from None


def _camera(file: Path, line: int, row: dict[str, str], zones: Mapping[str, str]) -> PlayedCamera:
    for column in ("camera_id", "operator_id", "site_id"):
        if not _ID.fullmatch(row[column]):
            raise FleetError(
                file, line, f"{column} {row[column]!r}: use 1 to 63 of a-z, 0-9 and -, not - first"
            )
    if row["lifecycle"] not in _LIFECYCLES:
        raise FleetError(file, line, f"lifecycle {row['lifecycle']!r}: use one of {', '.join(_LIFECYCLES)}")
    interval = _number(file, line, "interval_s", row)
    if interval is not None and interval <= 0:
        raise FleetError(file, line, "interval_s: give seconds above 0, or leave it empty")
    return PlayedCamera(
        id=row["camera_id"],
        operator=row["operator_id"],
        site=row["site_id"],
        planned=row["lifecycle"] == "planned",
        interval_s=interval,
        longitude=_number(file, line, "longitude", row) or 0.0,
        zone=zones.get(row["site_id"], ""),
        purpose=row.get("purpose", ""),
    )


def _number(file: Path, line: int, column: str, row: dict[str, str]) -> float | None:
    """Return the number in an optional column, or None; a decimal comma counts as a point."""
    text = row.get(column, "")
    if not text:
        return None
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise FleetError(file, line, f"{column} {text!r} is not a number")
    return number
