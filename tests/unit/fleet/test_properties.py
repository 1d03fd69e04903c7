"""Whatever people write is read back as it is; whatever bytes lie there give faults and nothing else."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camwatch.errors import ConfigError
from camwatch.fleet.inventory import CAMERA_COLUMNS, load_inventory
from tests.support.tables import COLUMNS, camera, window, write_fleet

PARIS = ZoneInfo("Europe/Paris")

names = st.text(
    st.one_of(st.sampled_from("éÀœ’'\"«»,;\n\r\t –n°1"), st.characters(exclude_categories=("Cs", "Cc"))),
    min_size=1,
    max_size=200,
).filter(lambda name: name == name.strip() and name != "")
ids = st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True)


@given(
    rows=st.dictionaries(ids, st.tuples(names, names), max_size=8),
    separator=st.sampled_from(",;"),
    newline=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig"]),
)
def test_any_name_comes_back_as_it_was_written(
    rows: dict[str, tuple[str, str]], separator: str, newline: str, encoding: str
) -> None:
    table = [camera(key, name=name, model=model) for key, (name, model) in rows.items()]
    with tempfile.TemporaryDirectory() as folder:
        write_fleet(Path(folder), table, separator=separator, newline=newline, encoding=encoding)
        read = load_inventory(Path(folder), PARIS)
    assert {key: (row.name, row.model) for key, row in read.cameras.items()} == rows


rubbish = st.one_of(
    st.binary(max_size=400),
    st.lists(
        st.sampled_from([b",", b";", b'"', b"\n", b"\r", b"\x00", b"\xe9", b"a", b"1", b" "]), max_size=80
    ).map(b"".join),
)


@pytest.mark.parametrize("name", sorted(COLUMNS))
@given(content=rubbish, with_header=st.booleans())
def test_any_bytes_as_a_table_give_faults_or_an_inventory(
    name: str, content: bytes, with_header: bool
) -> None:
    top = ",".join(COLUMNS[name]).encode() + b"\n"
    with tempfile.TemporaryDirectory() as folder:
        write_fleet(Path(folder))
        (Path(folder) / name).write_bytes(top * with_header + content)
        with contextlib.suppress(ConfigError):
            load_inventory(Path(folder), PARIS)


@given(cells=st.lists(st.text(max_size=12), min_size=len(CAMERA_COLUMNS), max_size=len(CAMERA_COLUMNS)))
def test_any_text_in_the_cells_gives_faults_or_a_camera(cells: list[str]) -> None:
    row = dict(zip(CAMERA_COLUMNS, (cell.encode(errors="replace").decode() for cell in cells), strict=True))
    with tempfile.TemporaryDirectory() as folder:
        write_fleet(Path(folder), [{**camera(), **row}])
        with contextlib.suppress(ConfigError):
            load_inventory(Path(folder), PARIS)


@given(starts=st.datetimes(), ends=st.datetimes(), offset=st.sampled_from(["", "Z", "+14:00", "-12:00"]))
def test_any_two_times_give_a_fault_or_a_window_in_order(starts: object, ends: object, offset: str) -> None:
    rows = [window("site", "mairie", f"{starts}{offset}", f"{ends}{offset}")]
    with tempfile.TemporaryDirectory() as folder:
        write_fleet(Path(folder), maintenance=rows)
        with contextlib.suppress(ConfigError):
            (only,) = load_inventory(Path(folder), PARIS).windows
            assert only.start_ms < only.end_ms
