"""The inventory as a whole: what is read, and every fault at once."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from camwatch.core.model import Camera, Lifecycle, MaintenanceWindow, Purpose, Scope
from camwatch.errors import ConfigError, ConfigProblem
from camwatch.file_watcher import signature
from camwatch.fleet.inventory import CAMERA_COLUMNS, Inventory, diff, load_inventory, table_files
from tests.support.tables import (
    Cells,
    camera,
    cameras,
    operator,
    site,
    table_text,
    window,
    write_fleet,
    write_table,
)

PARIS = ZoneInfo("Europe/Paris")

EVERY_FAULT = (
    (
        "operators.csv, line 2, column objective",
        "'99' is not a valid objective: it must be above 0 and up to 1",
    ),
    ("sites.csv, line 2, column latitude", "'91' is not a valid latitude: it must be from -90 to 90"),
    (
        "cameras.csv, line 2, column camera_id",
        "'Cam_1' is not a valid id: use 1 to 63 letters a-z, digits and hyphens, no hyphen first",
    ),
    (
        "cameras.csv, line 2, column operator_id",
        "'viile' is not a known operator: add it to operators.csv, or use one of: ville",
    ),
    (
        "cameras.csv, line 2, column purpose",
        "'vidéo' is not a valid purpose: use video_protection, access_control or traffic",
    ),
    (
        "cameras.csv, line 3, column site_id",
        "'gare' is not a known site: add it to sites.csv, or use one of: mairie",
    ),
    ("cameras.csv, line 3, column lifecycle", "is empty: use planned, in_service or retired"),
    ("maintenance.csv, line 2, column scope", "'zone' is not a valid scope: use camera, site or operator"),
    (
        "maintenance.csv, line 2, column starts_at",
        "'2026-01-01' is not a date-time: write a date-time like 2026-11-22T08:00",
    ),
)


def load(folder: Path) -> Inventory:
    return load_inventory(folder, PARIS)


def faults(folder: Path) -> tuple[ConfigProblem, ...]:
    with pytest.raises(ConfigError) as caught:
        load(folder)
    return caught.value.problems


def fault(folder: Path) -> str:
    (only,) = faults(folder)
    return str(only)


def utc_ms(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp() * 1000)  # type: ignore[misc,arg-type]  # year, month, …


def test_a_row_becomes_a_camera_with_the_zone_of_its_site(tmp_path: Path) -> None:
    row = camera(
        "cam-1",
        site_id="etoile",
        name="Résidence L’Étoile",
        purpose="traffic",
        lifecycle="planned",
        in_service_from="2026-07-01",
        commission_by="2026-12-31T12:00:00Z",
        interval_s="0.2",
        latitude="43.58",
        longitude="-5.4",
        model="Dôme",
        source="article",
    )
    inventory = load(write_fleet(tmp_path, [row], sites=[site("etoile", zone="Puyricard")]))
    assert inventory.cameras == {
        "cam-1": Camera(
            id="cam-1",
            operator="ville",
            site="etoile",
            zone="Puyricard",
            name="Résidence L’Étoile",
            purpose=Purpose.TRAFFIC,
            lifecycle=Lifecycle.PLANNED,
            in_service_from_ms=utc_ms(2026, 6, 30, 22),
            commission_by_ms=utc_ms(2026, 12, 31, 12),
            interval_s=0.2,
            latitude=43.58,
            longitude=-5.4,
            model="Dôme",
            source="article",
        )
    }


def test_operators_and_sites_are_read_and_an_operator_may_have_no_camera(tmp_path: Path) -> None:
    rows = [operator("ville", name="Ville", objective="0.99"), operator("bailleur-4", objective="1")]
    place = site("mairie", name="Hôtel de Ville", latitude="43.5297", longitude="5.4474")
    inventory = load(write_fleet(tmp_path, operators=rows, sites=[place]))
    assert [(o.id, o.name, o.objective) for o in inventory.operators.values()] == [
        ("ville", "Ville", 0.99),
        ("bailleur-4", "Operator bailleur-4", 1.0),
    ]
    mairie = inventory.sites["mairie"]
    assert (mairie.name, mairie.zone, mairie.latitude, mairie.longitude) == (
        "Hôtel de Ville",
        "Centre-ville",
        43.5297,
        5.4474,
    )


def test_an_inventory_cannot_be_changed_by_those_who_read_it(tmp_path: Path) -> None:
    inventory = load(write_fleet(tmp_path))
    with pytest.raises(TypeError):
        inventory.cameras["x"] = inventory.cameras["cam-1"]  # type: ignore[index]  # what the test is about


def test_a_fleet_without_cameras_is_a_fleet(tmp_path: Path) -> None:
    assert load(write_fleet(tmp_path, [], sites=[], operators=[])).cameras == {}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("separator", [",", ";"])
def test_tables_may_be_written_in_any_spreadsheet_s_way(
    tmp_path: Path, separator: str, newline: str, encoding: str
) -> None:
    row = camera(name='Rue « d’Italie »; "Est", nº 2', model="première\nseconde ligne")
    read = load(write_fleet(tmp_path, [row], separator=separator, newline=newline, encoding=encoding))
    assert (read.cameras["cam-1"].name, read.cameras["cam-1"].model) == (row["name"], row["model"])


def test_a_decimal_comma_is_understood_where_the_semicolon_separates(tmp_path: Path) -> None:
    row = camera(latitude="43,5297", longitude="5,4474", interval_s="2,5")
    read = load(write_fleet(tmp_path, [row], separator=";")).cameras["cam-1"]
    assert (read.latitude, read.longitude, read.interval_s) == (43.5297, 5.4474, 2.5)


def test_a_decimal_comma_in_a_comma_table_is_a_fault(tmp_path: Path) -> None:
    said = fault(write_fleet(tmp_path, [camera(latitude="43,5297", longitude="5.4")]))
    place, _, problem = said.partition(": ")
    assert place == "cameras.csv, line 2, column latitude"
    assert problem == "'43,5297' is not a valid latitude: write a number from -90 to 90, like 45"


def test_blank_lines_extra_columns_and_any_order_are_accepted(tmp_path: Path) -> None:
    columns = ("remarque", *reversed(CAMERA_COLUMNS))
    header, row, _ = table_text(columns, [camera("cam-1", remarque="à revoir")], separator=";").split("\n")
    blank = ";" * (len(columns) - 1)
    write_fleet(tmp_path)
    (tmp_path / "cameras.csv").write_text(f"\n  \n{header}\n\n{blank}\n{row}\n\n", encoding="utf-8")
    assert list(load(tmp_path).cameras) == ["cam-1"]


def test_cells_are_read_without_the_blanks_around_them(tmp_path: Path) -> None:
    read = load(
        write_fleet(tmp_path, [camera(name="  Cours Mirabeau ", purpose=" traffic", interval_s=" 5 ")])
    )
    assert read.cameras["cam-1"].name == "Cours Mirabeau"


def test_every_fault_of_every_table_is_told_at_once(tmp_path: Path) -> None:
    """Rule V6: a bad file says why, with file, line and column."""
    write_fleet(
        tmp_path,
        [
            camera("Cam_1", purpose="vidéo", operator_id="viile"),
            camera("cam-2", lifecycle="", site_id="gare"),
        ],
        operators=[operator(objective="99")],
        sites=[site(latitude="91", longitude="5")],
        maintenance=[window("zone", "x", "2026-01-01", "2026-01-01T10:00")],
    )
    told = "\n".join(f"{place}: {problem}" for place, problem in EVERY_FAULT)
    with pytest.raises(ConfigError) as caught:
        load(tmp_path)
    assert str(caught.value) == told


@pytest.mark.parametrize(
    ("cells", "column", "problem"),
    [
        ({"camera_id": ""}, "camera_id", "is empty"),
        ({"camera_id": "-a"}, "camera_id", "is not a valid id"),
        ({"camera_id": "a" * 64}, "camera_id", "is not a valid id"),
        ({"camera_id": "caméra"}, "camera_id", "is not a valid id"),
        ({"name": ""}, "name", "is empty"),
        ({"name": "é" * 201}, "name", "is too long: 201 characters, at most 200"),
        ({"name": "a\x00b"}, "name", "control character '\\x00'"),
        ({"operator_id": ""}, "operator_id", "is empty: name the operator"),
        ({"in_service_from": "22/11/2026"}, "in_service_from", "write a date like 2026-11-22"),
        ({"in_service_from": "2026-02-30"}, "in_service_from", "is not in the calendar"),
        ({"in_service_from": "2026-03-29T02:30"}, "in_service_from", "does not exist in Europe/Paris"),
        ({"in_service_from": "0001-01-01"}, "in_service_from", "a year from 1971 to 2199"),
        ({"commission_by": "2026-W10-1"}, "commission_by", "is not a date"),
        ({"commission_by": "٢٠٢٦-01-01"}, "commission_by", "is not a date"),
        ({"interval_s": "0"}, "interval_s", "above 0"),
        ({"interval_s": "-1"}, "interval_s", "above 0"),
        ({"interval_s": "nan"}, "interval_s", "is not a valid interval in seconds"),
        ({"interval_s": "1e999"}, "interval_s", "above 0 and up to 86400"),
        ({"interval_s": "1_0"}, "interval_s", "is not a valid interval"),
        ({"latitude": "43.5"}, "longitude", "give both or none"),
        ({"latitude": "0", "longitude": "180.1"}, "longitude", "from -180 to 180"),
    ],
)
def test_a_cell_out_of_bounds_is_named_with_what_is_allowed(
    tmp_path: Path, cells: Cells, column: str, problem: str
) -> None:
    (only,) = faults(write_fleet(tmp_path, [{**camera(), **cells}], sites=[site()], operators=[operator()]))
    assert only.place == f"cameras.csv, line 2, column {column}"
    assert problem in only.problem


@pytest.mark.parametrize("objective", ["0", "1.01", "99 %", "-0.5"])
def test_an_objective_is_above_nothing_and_at_most_everything(tmp_path: Path, objective: str) -> None:
    assert "operators.csv, line 2, column objective" in fault(
        write_fleet(tmp_path, operators=[operator(objective=objective)])
    )


def test_a_duplicate_names_the_line_of_the_first(tmp_path: Path) -> None:
    said = fault(write_fleet(tmp_path, [camera("a", name="sur\ndeux lignes"), camera("b"), camera("a")]))
    assert said == ("cameras.csv, line 5, column camera_id: 'a' is already on line 2: use each id once")


def test_a_reference_to_a_faulty_row_is_no_second_fault(tmp_path: Path) -> None:
    assert fault(write_fleet(tmp_path, cameras(20), sites=[site(zone="")])).startswith("sites.csv, line 2")


def test_an_empty_reference_is_a_fault_even_where_an_id_is_empty_too(tmp_path: Path) -> None:
    write_fleet(tmp_path, [camera(site_id="")], sites=[site("")])
    assert [f.place for f in faults(tmp_path)] == [
        "sites.csv, line 2, column site_id",
        "cameras.csv, line 2, column site_id",
    ]


def test_rows_with_too_many_or_too_few_cells_are_faults(
    tmp_path: Path,
) -> None:
    write_fleet(tmp_path, [camera(site_id="gare")])
    (tmp_path / "sites.csv").write_text(
        "site_id,name,zone,latitude,longitude\ngare,Gare,Centre,43,5,5.4\nx,y\n"
    )
    many, few = faults(tmp_path)[:2]
    assert str(many).startswith("sites.csv, line 2: has 6 cells, the header 5: quote texts that contain ','")
    assert str(few).startswith("sites.csv, line 3, column zone: is empty")


def test_missing_columns_are_named_each_with_the_one_that_was_meant(tmp_path: Path) -> None:
    write_fleet(tmp_path)
    (tmp_path / "sites.csv").write_text("site_id,name,Zone,latitude\nmairie,Mairie,Centre,43\n")
    assert [str(f) for f in faults(tmp_path)] == [
        "sites.csv, line 1: the column zone is missing: is 'Zone' meant?",
        "sites.csv, line 1: the column longitude is missing: add it to the header; its cells may be empty",
    ]


def test_a_column_named_twice_is_a_fault(tmp_path: Path) -> None:
    write_fleet(tmp_path)
    (tmp_path / "operators.csv").write_text("operator_id,name,objective,name\nville,Ville,,Mairie\n")
    assert fault(tmp_path) == "operators.csv, line 1: names the column 'name' twice: keep one"


def test_bad_utf_8_is_a_fault_of_each_such_line_beside_the_others(tmp_path: Path) -> None:
    text = table_text(
        CAMERA_COLUMNS, [camera(name="Étoile"), camera("b", purpose="x"), camera("c", name="é")]
    )
    write_fleet(tmp_path)
    (tmp_path / "cameras.csv").write_bytes(text.encode("cp1252"))
    assert [f.place for f in faults(tmp_path)] == [
        "cameras.csv, line 2",
        "cameras.csv, line 4",
        "cameras.csv, line 3, column purpose",
    ]
    assert "save the table as “CSV UTF-8”" in faults(tmp_path)[0].problem


def test_a_table_in_utf_16_is_one_fault_not_hundreds(tmp_path: Path) -> None:
    write_fleet(tmp_path)
    write_table(tmp_path, "cameras.csv", cameras(50), encoding="utf-16")
    assert "is UTF-16" in str(faults(tmp_path)[0])
    assert len(faults(tmp_path)) <= 2


def test_an_unclosed_quote_is_told_with_the_line_that_opens_it(tmp_path: Path) -> None:
    write_fleet(tmp_path)
    with (tmp_path / "sites.csv").open("a") as table:
        table.write('gare,"Gare,Centre,,\nautre,Autre,Centre,,\n')
    assert fault(tmp_path).startswith("sites.csv, line 3: opens a quote that is never closed")


def test_a_missing_folder_or_table_is_a_fault(tmp_path: Path) -> None:
    assert "is not a folder: set fleet.path" in fault(tmp_path / "nowhere")
    write_fleet(tmp_path)
    (tmp_path / "sites.csv").unlink()
    assert fault(tmp_path).startswith("sites.csv: is missing: ")


def test_a_file_in_the_place_of_the_folder_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "fleet").write_text("")
    assert "is not a folder" in fault(tmp_path / "fleet")


def test_an_empty_table_is_a_fault_that_names_the_columns(tmp_path: Path) -> None:
    write_fleet(tmp_path)
    (tmp_path / "operators.csv").write_bytes(b"\xef\xbb\xbf\r\n\r\n")
    assert fault(tmp_path) == (
        "operators.csv: is empty: its first line must name the columns operator_id,name,objective"
    )


def test_what_cannot_be_read_is_a_fault_and_does_not_hold_the_daemon(tmp_path: Path) -> None:
    write_fleet(tmp_path)
    for name in ("operators.csv", "sites.csv", "cameras.csv"):
        (tmp_path / name).unlink()
    (tmp_path / "operators.csv").mkdir()
    os.mkfifo(tmp_path / "sites.csv")
    (tmp_path / "cameras.csv").symlink_to(tmp_path / "cameras.csv")
    first, second, third = faults(tmp_path)
    assert str(first) == "operators.csv: is not a regular file: put a CSV table there"
    assert str(second) == "sites.csv: is not a regular file: put a CSV table there"
    assert str(third).startswith("cameras.csv: ")


def test_a_huge_table_is_a_fault(tmp_path: Path) -> None:
    write_fleet(tmp_path)
    with (tmp_path / "cameras.csv").open("r+b") as table:
        table.truncate(1 << 30)  # sparse: it takes no room
    assert fault(tmp_path).startswith("cameras.csv: is larger than 16 MiB")


def test_a_table_of_rubbish_is_given_up_after_a_thousand_faults(tmp_path: Path) -> None:
    write_fleet(tmp_path)
    with (tmp_path / "sites.csv").open("a") as table:
        table.write("x,x,x,x,x,x\n" * 50_000)
    found = faults(tmp_path)
    assert len(found) == 1_001
    assert str(found[-1]) == "sites.csv: has 1000 faults or more: the lines after 1002 were not read"


def test_a_huge_cell_is_a_fault(tmp_path: Path) -> None:
    assert "more than 131072 characters" in fault(write_fleet(tmp_path, [camera(name="x" * 200_000)]))


def test_maintenance_windows_are_read_in_the_fleet_s_time(tmp_path: Path) -> None:
    rows = [
        window("site", "mairie", "2026-11-22T08:00", "2026-11-22 12:30:00", "Élagage"),
        window("camera", "cam-1", "2026-07-01T08:00:00+02:00", "2026-07-01T07:00Z"),
        window("operator", "ville", "2026-10-25T02:30", "2026-10-25T02:30+01:00"),
    ]
    assert load(write_fleet(tmp_path, maintenance=rows)).windows == (
        MaintenanceWindow(
            Scope.SITE, "mairie", utc_ms(2026, 11, 22, 7), utc_ms(2026, 11, 22, 11, 30), "Élagage"
        ),
        MaintenanceWindow(Scope.CAMERA, "cam-1", utc_ms(2026, 7, 1, 6), utc_ms(2026, 7, 1, 7), "works"),
        MaintenanceWindow(
            Scope.OPERATOR, "ville", utc_ms(2026, 10, 25, 0, 30), utc_ms(2026, 10, 25, 1, 30), "works"
        ),
    )


@pytest.mark.parametrize(
    ("row", "column", "problem"),
    [
        (
            window("camera", "mairie", "2026-01-01T00:00", "2026-01-02T00:00"),
            "scope_id",
            "is not a known camera",
        ),
        (window("site", "", "2026-01-01T00:00", "2026-01-02T00:00"), "scope_id", "name the site"),
        (
            window("operator", "ville", "2026-01-02T00:00", "2026-01-02T00:00"),
            "ends_at",
            "ends after it starts",
        ),
        (window("operator", "ville", "2027-03-28T02:30", "2027-03-29T00:00"), "starts_at", "does not exist"),
        (window("operator", "ville", "2027-03-28T02:30", ""), "ends_at", "is empty: write a date-time"),
    ],
)
def test_a_window_that_cannot_be_meant_is_a_fault(
    tmp_path: Path, row: Cells, column: str, problem: str
) -> None:
    found = faults(write_fleet(tmp_path, maintenance=[row]))
    assert found[-1].place == f"maintenance.csv, line 2, column {column}"
    assert problem in found[-1].problem


def test_a_day_whose_midnight_the_clocks_skip_begins_when_they_do(tmp_path: Path) -> None:
    write_fleet(tmp_path, [camera(in_service_from="2024-04-26")])
    cairo = load_inventory(tmp_path, ZoneInfo("Africa/Cairo"))  # there, 00:00 became 01:00 that night
    assert cairo.cameras["cam-1"].in_service_from_ms == utc_ms(2024, 4, 25, 22)


def test_changes_are_cameras_added_removed_and_different(tmp_path: Path) -> None:
    """Rule V6: a camera whose row did not change keeps its state."""
    old = load(
        write_fleet(tmp_path / "old", [camera("a"), camera("b"), camera("c"), camera("d", site_id="s")])
    )
    new = load(
        write_fleet(
            tmp_path / "new",
            [camera("e"), camera("d", site_id="s"), camera("c", interval_s="5"), camera("a")],
            sites=[site("mairie"), site("s", zone="Ailleurs")],
        )
    )
    found = diff(old, new)
    assert (found.added, found.removed, found.changed) == (frozenset("e"), frozenset("b"), frozenset("cd"))
    assert diff(new, new).changed == frozenset()


def test_the_signature_differs_after_an_edit_and_not_otherwise(tmp_path: Path) -> None:
    write_fleet(tmp_path)
    before = signature(table_files(tmp_path))
    assert [name for name, *_ in before] == ["operators.csv", "sites.csv", "cameras.csv"]
    (tmp_path / "notes.txt").write_text("not a table")
    assert signature(table_files(tmp_path)) == before
    os.utime(tmp_path / "cameras.csv", ns=(1, 1))
    touched = signature(table_files(tmp_path))
    assert touched != before
    write_table(tmp_path, "maintenance.csv", [])
    assert len(signature(table_files(tmp_path))) == len(touched) + 1
    assert signature(table_files(tmp_path / "nowhere")) == ()
