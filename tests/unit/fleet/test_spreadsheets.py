"""Tables as spreadsheet programs leave them, and readings that must be confirmed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from camwatch.core.model import Lifecycle
from camwatch.errors import ConfigError
from camwatch.fleet.inventory import CAMERA_COLUMNS, HeldReload, held_back, load_inventory
from tests.support import fleet
from tests.support.monitor_fixture import registered
from tests.support.tables import camera, cameras, table_text, window, write_fleet

PARIS = ZoneInfo("Europe/Paris")
NOW_MS = round(datetime(2026, 11, 30, tzinfo=UTC).timestamp() * 1000)


def test_a_row_without_its_trailing_empty_cells_is_whole(tmp_path: Path) -> None:
    """Excel drops them; where a cell may not be empty, its column is named."""
    write_fleet(tmp_path, [camera()])
    text = (tmp_path / "cameras.csv").read_text()
    row = "cam-1,ville,mairie,Caméra,traffic,in_service"
    (tmp_path / "cameras.csv").write_text(f"{text.splitlines()[0]}\n{row}\n")
    found = load_inventory(tmp_path, PARIS).cameras["cam-1"]
    assert (found.interval_s, found.latitude, found.model, found.source) == (None, None, "", "")
    (tmp_path / "cameras.csv").write_text(f"{text.splitlines()[0]}\ncam-1,ville,mairie,Caméra\n")
    with pytest.raises(ConfigError) as caught:
        load_inventory(tmp_path, PARIS)
    places = [fault.place for fault in caught.value.problems]
    assert places == ["cameras.csv, line 2, column purpose", "cameras.csv, line 2, column lifecycle"]


def test_further_empty_cells_are_nothing(tmp_path: Path) -> None:
    write_fleet(tmp_path, [camera()])
    text = (tmp_path / "cameras.csv").read_text()
    (tmp_path / "cameras.csv").write_text(text.replace("assumption\n", "assumption,,,\n"))
    assert list(load_inventory(tmp_path, PARIS).cameras) == ["cam-1"]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("told", ["", "sep={}\n", '"sep={}"\r\n', "\nSEP={}\n"])
def test_any_of_three_separators_is_understood_with_or_without_excels_line(
    separator: str, told: str, tmp_path: Path
) -> None:
    write_fleet(tmp_path)
    rows = [camera(interval_s="2.5"), camera("cam-2", name="Rue, façade; nord")]
    text = told.format(separator) + table_text(CAMERA_COLUMNS, rows, separator=separator)
    (tmp_path / "cameras.csv").write_text(text)
    found = load_inventory(tmp_path, PARIS).cameras
    assert found["cam-1"].interval_s == 2.5
    assert found["cam-2"].name == "Rue, façade; nord"


def test_a_line_that_tells_the_separator_is_counted_as_a_line(tmp_path: Path) -> None:
    write_fleet(tmp_path)
    text = "sep=;\n" + table_text(CAMERA_COLUMNS, [camera(purpose="parking")], separator=";")
    (tmp_path / "cameras.csv").write_text(text)
    with pytest.raises(ConfigError, match=r"cameras\.csv, line 3, column purpose"):
        load_inventory(tmp_path, PARIS)


def test_past_maintenance_of_what_is_gone_blocks_nothing(tmp_path: Path) -> None:
    """The row is history; that of a window which is not over yet names something that must exist."""
    past = window("camera", "long-gone", "2026-01-01T08:00", "2026-01-01T12:00")
    write_fleet(tmp_path, [camera()], maintenance=[past])
    assert len(load_inventory(tmp_path, PARIS, NOW_MS).windows) == 1
    coming = window("camera", "long-gone", "2026-11-29T08:00", "2026-12-01T12:00")
    write_fleet(tmp_path, [camera()], maintenance=[past, coming])
    with pytest.raises(ConfigError) as caught:
        load_inventory(tmp_path, PARIS, NOW_MS)
    (fault,) = caught.value.problems
    assert fault.place == "maintenance.csv, line 3, column scope_id"


@pytest.mark.parametrize(
    ("serving", "leaving", "held"),
    [(6, 5, False), (6, 6, True), (50, 5, False), (100, 10, False), (100, 11, True)],
)
def test_more_than_a_tenth_and_more_than_five_wait_to_be_confirmed(
    serving: int, leaving: int, held: bool
) -> None:
    """V6."""
    ids = [f"cam-{number}" for number in range(serving)]
    new = registered([fleet.camera(name) for name in ids[leaving:]])
    assert held_back(ids, new) == (HeldReload((), leaving, serving) if held else None)


def test_a_camera_that_is_retired_leaves_as_well() -> None:
    """V6."""
    ids = [row["camera_id"] for row in cameras(10)]
    new = registered([fleet.camera(str(name), lifecycle=Lifecycle.RETIRED) for name in ids])
    assert held_back([str(name) for name in ids], new) == HeldReload((), 10, 10)


def test_a_reading_is_the_same_whoever_came_into_service_meanwhile() -> None:
    """V6: who confirms it need not do so twice; one that takes others is another."""
    assert HeldReload((), 10, 20) == HeldReload((), 10, 21)
    assert HeldReload((), 10, 20) != HeldReload((), 11, 20)
