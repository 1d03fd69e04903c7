"""`camwatch report` on a real store: what it reads, writes, and says when it cannot."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from camwatch.cli import app
from camwatch.core.events import Event, OutageEvent, ServicePeriodEvent, Transition
from camwatch.core.model import Camera, Cause, Instant, Lifecycle, Purpose, Status
from camwatch.history.store import Store
from camwatch.history.write_queue import Batch, InventorySnapshot
from camwatch.settings import HistorySettings
from tests.support.reports.parsing import Page, rows_of_csv
from tests.support.reports.record_builders import DAY, MIN, H, utc
from tests.support.tables import camera, operator, write_fleet

SINCE = utc("2025-09-15T00:00")
NOON = utc("2025-10-10T12:00")
VOUCHED = utc("2025-12-01T00:00")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CAMWATCH_")]:
        monkeypatch.delenv(name)


def at(utc_ms: int) -> Instant:
    return Instant(0.0, utc_ms)


def history(row: Camera, down: Iterable[tuple[int, int]]) -> Iterable[Event]:
    """Return what happened to a camera that was up but for some time, as the core tells it."""
    who = (row.id, row.operator)
    yield ServicePeriodEvent(*who, True, at(SINCE), Status.UNKNOWN)
    yield Transition(*who, row.site, Status.UNKNOWN, Status.UP, at(SINCE), at(SINCE))
    for start, end in down:
        noticed = at(start + 45_000)
        yield Transition(*who, row.site, Status.UP, Status.DOWN, at(start), noticed, Cause.TIMEOUT)
        yield OutageEvent(*who, row.site, True, at(start), noticed, Cause.TIMEOUT)
        yield Transition(*who, row.site, Status.DOWN, Status.UP, at(end), at(end))
        yield OutageEvent(*who, row.site, False, at(end), at(end), None)


@pytest.fixture(scope="module")
def autumn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store that knows the autumn of 2025 of two operators."""
    file = tmp_path_factory.mktemp("autumn") / "store.db"
    cameras = tuple(
        Camera(name, owner, "mairie", "Centre-ville", f"Camera {name}", purpose, Lifecycle.IN_SERVICE)
        for name, owner, purpose in (
            ("cam-1", "ville", Purpose.VIDEO_PROTECTION),
            ("cam-2", "ville", Purpose.TRAFFIC),
            ("cam-3", "sacogiva", Purpose.VIDEO_PROTECTION),
        )
    )
    october = utc("2025-10-01T00:00")
    events = [
        *history(cameras[0], [(NOON, NOON + 90 * MIN)]),
        *history(cameras[1], [(october - 3 * H, october + H)]),
        *history(cameras[2], [(NOON, NOON + DAY)]),
    ]
    with Store.open(HistorySettings(url=f"sqlite:///{file}")) as store:
        store.acquire_lock()
        store.write(Batch(1, VOUCHED, [InventorySnapshot(cameras, (), SINCE)], events))
    return file


@pytest.fixture
def config(tmp_path: Path, autumn: Path) -> Path:
    """Return settings with three operators, of which one has no camera, and a copy of the store."""
    operators = [operator("ville", objective="0.99"), operator("sacogiva"), operator("bailleur")]
    rows = [camera("cam-1"), camera("cam-2", purpose="traffic"), camera("cam-3", operator_id="sacogiva")]
    write_fleet(tmp_path / "fleet", rows, operators=operators)
    shutil.copy(autumn, tmp_path / "store.db")
    file = tmp_path / "camwatch.toml"
    file.write_text(
        f'fleet.path = "{tmp_path / "fleet"}"\nhistory.url = "sqlite:///{tmp_path / "store.db"}"\n'
    )
    return file


def run(config: Path, *arguments: object) -> Result:
    """Run the command in this process."""
    words = ["report", "--config", str(config), *map(str, arguments)]
    return CliRunner().invoke(app, words, catch_exceptions=False)


def document(config: Path, *arguments: object) -> dict[str, Any]:
    answer = run(config, "--format", "json", *arguments)
    assert (answer.exit_code, answer.stderr) == (0, "")
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def test_a_month_of_an_operator_is_read_from_the_store(config: Path) -> None:
    found = document(config, "--operator", "ville", "--month", "2025-10")
    assert found["total"] is None
    (section,) = found["operators"]
    figures = section["figures"]["exact"]
    month = 31 * DAY + H
    assert figures["in_service"] == 2 * month
    assert figures["down"] == 90 * MIN + H
    assert [outage["camera"] for outage in section["outages"]] == ["cam-2", "cam-1"]
    lasted = [(outage["duration_ms"], outage["in_period_ms"]) for outage in section["outages"]]
    assert lasted == [(4 * H, H), (90 * MIN, 90 * MIN)], "the record reaches back to where an outage began"
    assert "sacogiva" not in json.dumps(found)


def test_without_an_operator_there_are_all_and_a_total(config: Path) -> None:
    found = document(config, "--month", "2025-10")
    assert found == document(config, "--month", "2025-10", "--all") | {"created_at": found["created_at"]}
    assert [section["id"] for section in found["operators"]] == ["ville", "sacogiva", "bailleur"]
    assert found["total"]["figures"]["exact"]["cameras"] == 3


def test_days_from_and_to_are_both_included(config: Path) -> None:
    found = document(config, "--from", "2025-10-25", "--to", "2025-10-26", "--camera", "cam-3")
    (section,) = found["operators"]
    assert section["figures"]["exact"]["in_service"] == 49 * H


@pytest.mark.parametrize(
    ("narrow", "cameras"),
    [
        (("--purpose", "traffic"), ["cam-2"]),
        (("--site", "mairie", "--operator", "ville"), ["cam-1", "cam-2"]),
        (("--camera", "cam-3"), ["cam-3"]),
    ],
)
def test_a_report_is_narrowed_by_purpose_site_and_camera(
    config: Path, narrow: tuple[str, ...], cameras: list[str]
) -> None:
    found = document(config, "--month", "2025-10", *narrow)
    sections = found["operators"]
    assert [line["id"] for section in sections for line in section["cameras"]] == cameras


def test_without_a_period_it_is_the_last_month_that_is_over(config: Path) -> None:
    """The store ends in 2025: of a later month nothing is known, and the report says so."""
    found = document(config, "--operator", "ville")
    period = found["period"]
    assert period["first_day"].endswith("-01")
    assert period["completeness"] == "stale"
    (section,) = found["operators"]
    assert section["figures"]["shown"]["availability"] is None
    assert section["figures"]["shown"]["coverage"] == "0.000"


@pytest.mark.parametrize("form", ["table", "csv", "json", "html"])
def test_a_file_holds_what_the_output_would(config: Path, tmp_path: Path, form: str) -> None:
    file = tmp_path / f"report.{form}"
    asked = ("--month", "2025-10", "--format", form, "--operator", "ville")
    answer = run(config, *asked, "--output", file)
    assert (answer.exit_code, answer.output) == (0, "")
    text = file.read_bytes().decode()
    shown = run(config, *asked).stdout_bytes.decode()
    assert text[:40] == shown[:40]
    assert len(text.splitlines()) == len(shown.splitlines())
    assert ("\r\n" in text) == (form == "csv")


def test_each_format_reads_back(config: Path) -> None:
    asked = ("--month", "2025-10", "--lang", "en", "--format")
    assert "Availability report" in Page(run(config, *asked, "html").stdout).text
    rows = rows_of_csv(run(config, *asked, "csv").stdout_bytes.decode(), ",")
    assert [row["id"] for row in rows if row["row"] == "camera"] == ["cam-1", "cam-2", "cam-3"]
    table = run(config, *asked, "table").stdout
    assert "Availability report – All operators\n" in table
    assert max(map(len, table.splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--operator", "vile"), "'vile' is not a known operator: there is bailleur, sacogiva, ville"),
        (("--site", "marie"), "'marie' is not a known site: there is mairie"),
        (("--camera", "cam-9"), "'cam-9' is not a known camera: there is cam-1, cam-2, cam-3"),
        (
            ("--camera", "cam-3", "--operator", "ville"),
            "'cam-3' is not a known camera of ville: there is cam-1, cam-2",
        ),
        (("--month", "2025-13"), "--month: '2025-13' is not a month: write a month like 2026-11"),
        (("--month", "2025-1"), "--month: '2025-1' is not a month"),
        (("--month", "octobre"), "--month: 'octobre' is not a month"),
        (("--from", "20251001"), "--from: '20251001' is not a date: write a date like 2026-11-22"),
        (("--from", "2025-10-02", "--to", "2025-10-01"), "--to 2025-10-01 is before --from 2025-10-02"),
        (("--to", "2025-10-01"), "--to needs --from"),
        (("--month", "2025-10", "--from", "2025-10-01"), "--month contradicts --from and --to"),
        (("--month", "2024-12"), "there is no record of 2024-12: it begins on 2025-09-15"),
        (("--month", "2199-01"), "2199-01 has not begun: the record goes up to "),
        (("--all", "--operator", "ville"), "--all and --operator contradict each other"),
    ],
)
def test_what_is_not_there_is_exit_code_2_and_what_there_is_is_said(
    config: Path, arguments: tuple[str, ...], said: str
) -> None:
    answer = run(config, *arguments)
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert answer.stderr.startswith(f"camwatch: {said}")


def test_an_operator_that_left_the_inventory_keeps_its_report(config: Path, tmp_path: Path) -> None:
    write_fleet(tmp_path / "fleet", [camera("cam-1")], operators=[operator("ville")])
    found = document(config, "--operator", "sacogiva", "--month", "2025-10")
    (section,) = found["operators"]
    assert (section["name"], len(section["cameras"])) == ("sacogiva", 1)


def test_purposes_are_measured_by_the_settings_objectives(config: Path) -> None:
    """A7."""
    config.write_text(config.read_text() + "[objectives.purpose]\ntraffic = 0.95\n")
    found = document(config, "--operator", "ville", "--month", "2025-10")
    lines = {line["id"]: line["figures"]["exact"] for line in found["operators"][0]["purposes"]}
    month = 31 * DAY + H
    assert lines["traffic"]["budget"] == month // 20
    assert lines["traffic"]["budget_left"] == month // 20 - H
    assert "budget" not in lines["video_protection"]


def test_who_reads_the_old_file_meanwhile_reads_it_to_its_end(config: Path, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text("the report of yesterday")
    with file.open() as reader:
        assert run(config, "--month", "2025-10", "--output", file).exit_code == 0
        assert reader.read() == "the report of yesterday"
    assert "Rapport de disponibilité" in file.read_text()


def test_a_file_that_cannot_be_written_is_told(config: Path, tmp_path: Path) -> None:
    answer = run(config, "--month", "2025-10", "--output", tmp_path / "no" / "report.html")
    assert answer.exit_code == 1
    assert answer.stderr == (
        f"camwatch: --output {tmp_path / 'no' / 'report.html'} cannot be written: No such file or directory\n"
    )


def test_without_a_store_none_is_made(config: Path, tmp_path: Path) -> None:
    (tmp_path / "store.db").rename(tmp_path / "gone.db")
    answer = run(config, "--month", "2025-10")
    assert answer.exit_code == 2
    assert "history.url" in answer.stderr
    assert not (tmp_path / "store.db").exists()


def test_an_empty_store_is_told_from_a_wrong_month(config: Path, tmp_path: Path) -> None:
    (tmp_path / "store.db").unlink()
    with Store.open(HistorySettings(url=f"sqlite:///{tmp_path / 'store.db'}")):
        pass
    answer = run(config, "--month", "2025-10")
    assert answer.exit_code == 2
    assert "the store holds no record yet" in answer.stderr


def test_a_report_changes_nothing_in_the_store(config: Path, tmp_path: Path) -> None:
    def content() -> list[str]:
        with closing(sqlite3.connect(tmp_path / "store.db")) as connection:
            return list(connection.iterdump())

    before = content()
    assert run(config, "--month", "2025-10", "--format", "html").exit_code == 0
    assert content() == before
