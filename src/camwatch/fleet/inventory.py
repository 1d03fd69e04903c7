"""The inventory: operators, sites, cameras and announced maintenance.

It is read from a folder of four tables (`docs/reference/inventory.md`). A valid folder gives an `Inventory`;
otherwise one `ConfigError` reports every fault (rule V6).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Generic, TypeVar
from zoneinfo import ZoneInfo

from camwatch.core.model import Camera, Lifecycle, MaintenanceWindow, Purpose, Scope
from camwatch.dates import quoted
from camwatch.errors import ConfigError, ConfigProblem
from camwatch.file_watcher import Signature, signature
from camwatch.fleet import fields
from camwatch.fleet.csv_tables import CsvRow, CsvTable
from camwatch.fleet.fields import FieldError

OPERATOR_COLUMNS = ("operator_id", "name", "objective")
SITE_COLUMNS = ("site_id", "name", "zone", "latitude", "longitude")
CAMERA_COLUMNS = (
    "camera_id",
    "operator_id",
    "site_id",
    "name",
    "purpose",
    "lifecycle",
    "in_service_from",
    "commission_by",
    "interval_s",
    "latitude",
    "longitude",
    "model",
    "source",
)
MAINTENANCE_COLUMNS = ("scope", "scope_id", "starts_at", "ends_at", "reason")

MAY_LEAVE, SHARE_MAY_LEAVE = 5, 0.10
"""Count and share of the cameras in service that one reload may remove or retire unconfirmed."""

_FILES = ("operators.csv", "sites.csv", "cameras.csv", "maintenance.csv")
_FEW = 12  # maximum number of ids listed in a message

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Operator:
    """An organisation that runs cameras; `objective` is the availability it promises, in (0, 1]."""

    id: str
    name: str
    objective: float | None = None


@dataclass(frozen=True, slots=True)
class Site:
    """A place with cameras; `zone` is its district. Degrees, WGS 84."""

    id: str
    name: str
    zone: str
    latitude: float | None = None
    longitude: float | None = None


@dataclass(frozen=True, slots=True)
class Inventory:
    """Valid tables, by id and in file order; immutable.

    `fingerprint` is the signature of the files from just before they were read; () if there are none.
    """

    operators: Mapping[str, Operator]
    sites: Mapping[str, Site]
    cameras: Mapping[str, Camera]
    windows: tuple[MaintenanceWindow, ...] = ()
    fingerprint: Signature = ()
    _sites_of: dict[frozenset[str], frozenset[str]] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    def sites_of(self, operators: frozenset[str]) -> frozenset[str]:
        """Return the sites where these operators have cameras (cached)."""
        found = self._sites_of.get(operators)
        if found is None:
            cameras = self.cameras.values()
            found = frozenset(camera.site for camera in cameras if camera.operator in operators)
            self._sites_of[operators] = found
        return found


@dataclass(frozen=True, slots=True)
class HeldReload:
    """A reload that needs confirmation: it takes `leaving` of the `serving` cameras out of service."""

    signature: Signature
    leaving: int
    serving: int = field(compare=False)  # the count may change while it is held back


@dataclass(frozen=True, slots=True)
class InventoryDiff:
    """The ids of the cameras that differ between two inventories."""

    added: frozenset[str]
    removed: frozenset[str]
    changed: frozenset[str]


def load_inventory(folder: Path, timezone: ZoneInfo, now_ms: int | None = None) -> Inventory:
    """Read the tables of `folder`; dates and times without an offset are local to `timezone`.

    A maintenance window that ended before `now_ms` may refer to rows that no longer exist.

    Raises ConfigError with all problems.
    """
    if (problem := _folder_problem(folder)) is not None:
        raise ConfigError((ConfigProblem(str(folder), problem),))
    before = signature(table_files(folder))
    operators_csv, sites_csv, cameras_csv, maintenance_csv = table_files(folder)
    operators = _Table(CsvTable(operators_csv, OPERATOR_COLUMNS), "operator", _operator)
    sites = _Table(CsvTable(sites_csv, SITE_COLUMNS), "site", _site)
    camera = _camera_of(operators, sites, timezone)
    cameras = _Table(CsvTable(cameras_csv, CAMERA_COLUMNS), "camera", camera)
    maintenance = CsvTable(maintenance_csv, MAINTENANCE_COLUMNS, required=False)
    references = {
        Scope.CAMERA: cameras.resolve,
        Scope.SITE: sites.resolve,
        Scope.OPERATOR: operators.resolve,
    }
    windows = tuple(_windows(maintenance, references, timezone, now_ms))
    tables = (operators.table, sites.table, cameras.table, maintenance)
    if faults := tuple(chain.from_iterable(table.faults for table in tables)):
        raise ConfigError(faults)
    return Inventory(
        MappingProxyType(operators.records),
        MappingProxyType(sites.records),
        MappingProxyType(cameras.records),
        windows,
        before,
    )


def diff(old: Inventory, new: Inventory) -> InventoryDiff:
    """Return which cameras were added, removed or changed (row or zone)."""
    before, after = old.cameras, new.cameras
    kept = before.keys() & after.keys()
    return InventoryDiff(
        added=frozenset(after.keys() - before.keys()),
        removed=frozenset(before.keys() - after.keys()),
        changed=frozenset(camera for camera in kept if before[camera] != after[camera]),
    )


def held_back(serving: Collection[str], new: Inventory) -> HeldReload | None:
    """Return what must be confirmed before `new` is applied; None if nothing (rule V6).

    A reload that drops more than a tenth of the cameras in service, and more than five, may be a half-written
    table.
    """
    rows = map(new.cameras.get, serving)
    leaving = sum(row is None or row.lifecycle is Lifecycle.RETIRED for row in rows)
    if leaving <= max(MAY_LEAVE, SHARE_MAY_LEAVE * len(serving)):
        return None
    return HeldReload(new.fingerprint, leaving, len(serving))


def table_files(folder: Path) -> tuple[Path, ...]:
    """Return the paths of all tables, optional ones included."""
    return tuple(folder / name for name in _FILES)


def _folder_problem(folder: Path) -> str | None:
    try:
        if folder.is_dir():
            return None
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    return "is not a folder: set fleet.path to the folder that contains cameras.csv"


class _Table(Generic[_T]):
    """The records of one table by id, and the ids of invalid rows, so that references to them are valid."""

    def __init__(self, table: CsvTable, noun: str, build: Callable[[CsvRow], _T]) -> None:
        self.table = table
        self.records: dict[str, _T] = {}
        self._noun = noun
        self._lines: dict[str, int] = {}
        column = f"{noun}_id"
        for row in table.rows():
            first = self._lines.setdefault(row[column], row.line)
            if not row.is_complete:
                continue
            key = row.read(column, fields.identifier)
            if row.is_valid and first != row.line:
                row.add_error(column, f"{quoted(key)} is already on line {first}: use each id once")
            record = build(row)
            if row.is_valid:
                self.records[key] = record

    def resolve(self, cell: str) -> str:
        """Read the id of a record of this table."""
        if (cell and cell in self._lines) or not self.table.fully_read:
            return cell
        known = ", ".join(self._lines) if 0 < len(self._lines) <= _FEW else ""
        add = f"add it to {self.table.file.name}" + (f", or use one of: {known}" if known else "")
        raise FieldError(
            f"{quoted(cell)} is not a known {self._noun}: {add}"
            if cell
            else f"is empty: name the {self._noun}"
        )


_objective = fields.optional(fields.number(0, 1, "objective", above_low=True))
_latitude = fields.optional(fields.number(-90, 90, "latitude"))
_longitude = fields.optional(fields.number(-180, 180, "longitude"))
_interval = fields.optional(fields.number(0, 86_400, "interval in seconds", above_low=True))
_purpose = fields.enum_value(Purpose, "purpose")
_lifecycle = fields.enum_value(Lifecycle, "lifecycle")
_scope = fields.enum_value(Scope, "scope")


def _operator(row: CsvRow) -> Operator:
    return Operator(
        row["operator_id"], row.read("name", fields.required_text), row.read_number("objective", _objective)
    )


def _site(row: CsvRow) -> Site:
    name, zone = row.read("name", fields.required_text), row.read("zone", fields.required_text)
    return Site(row["site_id"], name, zone, *_place(row))


def _place(row: CsvRow) -> tuple[float | None, float | None]:
    latitude, longitude = row.read_number("latitude", _latitude), row.read_number("longitude", _longitude)
    if row.is_valid and (latitude is None) != (longitude is None):
        empty = "latitude" if latitude is None else "longitude"
        row.add_error(empty, "is empty, the other coordinate is not: give both or none")
    return latitude, longitude


def _camera_of(
    operators: _Table[Operator], sites: _Table[Site], timezone: ZoneInfo
) -> Callable[[CsvRow], Camera]:
    date = fields.optional(fields.datetime_ms(timezone, date_alone=True))

    def camera(row: CsvRow) -> Camera:
        operator = row.read("operator_id", operators.resolve)
        site = row.read("site_id", sites.resolve)
        record = sites.records.get(site)
        name = row.read("name", fields.required_text)
        purpose = row.read("purpose", _purpose)
        lifecycle = row.read("lifecycle", _lifecycle)
        in_service_from = row.read("in_service_from", date)
        commission_by = row.read("commission_by", date)
        interval = row.read_number("interval_s", _interval)
        latitude, longitude = _place(row)
        return Camera(
            id=row["camera_id"],
            operator=operator,
            site=site,
            zone=record.zone if record else "",
            name=name,
            purpose=purpose,
            lifecycle=lifecycle,
            in_service_from_ms=in_service_from,
            commission_by_ms=commission_by,
            interval_s=interval,
            latitude=latitude,
            longitude=longitude,
            model=row.read("model", fields.text),
            source=row.read("source", fields.text),
        )

    return camera


def _windows(
    table: CsvTable, references: Mapping[Scope, Callable[[str], str]], timezone: ZoneInfo, now_ms: int | None
) -> Iterator[MaintenanceWindow]:
    date_time = fields.datetime_ms(timezone, date_alone=False)
    for row in table.rows():
        if not row.is_complete:
            continue
        scope = row.read("scope", _scope)
        over = now_ms is not None and _instant(row["ends_at"], date_time, now_ms) < now_ms
        reference = fields.identifier if over else references.get(scope, fields.identifier)
        scope_id = row.read("scope_id", reference)
        starts, ends = row.read("starts_at", date_time), row.read("ends_at", date_time)
        reason = row.read("reason", fields.text)
        if row.is_valid and ends <= starts:
            row.add_error(
                "ends_at", f"{quoted(row['ends_at'])} is not after starts_at: a window ends after it starts"
            )
        if row.is_valid:
            yield MaintenanceWindow(scope, scope_id, starts, ends, reason)


def _instant(cell: str, read: Callable[[str], int], otherwise: int) -> int:
    try:
        return read(cell)
    except FieldError:
        return otherwise  # reported where the cell is read
