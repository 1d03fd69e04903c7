"""The simulator's own reading of `cameras.csv`."""

from __future__ import annotations

from pathlib import Path

import pytest

from camsim.errors import FleetError
from camsim.fleet import PlayedCamera, read_fleet
from tests.support.simulator.builders import HEADER, row, table


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_commas_and_semicolons_with_or_without_a_mark_are_read(
    tmp_path: Path, encoding: str, delimiter: str
) -> None:
    rows = [
        row("cam-1", interval="2.5"),
        row("cam-2", lifecycle="planned"),
        row("cam-3", lifecycle="retired"),
    ]
    lines = [line.replace(",", delimiter) for line in (HEADER, *rows)]
    fleet = read_fleet(table(tmp_path / "fleet", *lines[1:], header=lines[0], encoding=encoding))
    assert fleet.in_service == (
        PlayedCamera("cam-1", "ville", "site-1", interval_s=2.5, longitude=5.4, purpose="traffic"),
    )
    assert fleet.planned == (
        PlayedCamera("cam-2", "ville", "site-1", planned=True, longitude=5.4, purpose="traffic"),
    )


def test_a_decimal_comma_is_a_point(tmp_path: Path) -> None:
    line = row().replace(",", ";").replace("5.4", "5,4")
    fleet = read_fleet(table(tmp_path, line, header=HEADER.replace(",", ";")))
    assert fleet.cameras[0].longitude == 5.4


def test_columns_may_come_in_any_order_and_number(tmp_path: Path) -> None:
    folder = table(
        tmp_path, "s,in_service,o,c,hello", header="site_id,lifecycle,operator_id,camera_id,colour"
    )
    assert read_fleet(folder).cameras == (PlayedCamera("c", "o", "s"),)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([row(), row("Cam 2")], ":3: camera_id 'Cam 2': use 1 to 63 of a-z"),
        ([row("x/y")], ":2: camera_id 'x/y'"),
        ([row(), row("cam-2"), row()], ":4: camera 'cam-1' is already on line 2"),
        ([row(lifecycle="broken")], ":2: lifecycle 'broken': use one of planned, in_service, retired"),
        ([row(interval="0")], ":2: interval_s: give seconds above 0"),
        ([row(interval="fast")], ":2: interval_s 'fast' is not a number"),
        ([row(interval="nan")], ":2: interval_s 'nan' is not a number"),
        ([row(), "cam-2,ville"], ":3: has another number of columns than the header"),
        ([row() + ",more"], ":2: has another number of columns than the header"),
        ([row(), '"cam'], ":3: is not CSV"),
        ([row(lifecycle="retired")], "has no camera that could be played"),
    ],
)
def test_a_wrong_row_is_named_with_its_line(tmp_path: Path, rows: list[str], says: str) -> None:
    with pytest.raises(FleetError) as caught:
        read_fleet(table(tmp_path, *rows))
    assert f"{tmp_path}/cameras.csv" in str(caught.value)
    assert says in str(caught.value)


def test_a_missing_file_column_or_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(FleetError, match=r"cameras\.csv: does not exist: give the folder"):
        read_fleet(tmp_path)
    with pytest.raises(FleetError, match=r":1: the header lacks site_id, lifecycle"):
        read_fleet(table(tmp_path, header="camera_id,operator_id"))
    with pytest.raises(FleetError, match=r":1: the header lacks camera_id"):
        read_fleet(table(tmp_path, header=""))
    with pytest.raises(FleetError, match=r":2: is not UTF-8 text"):
        read_fleet(table(tmp_path, row().replace("’", "é"), encoding="latin-1"))
