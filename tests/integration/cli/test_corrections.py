"""What people type, and what they read: on a store that another process holds meanwhile."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result

from camwatch.cli import app
from camwatch.cli.terminal import WIDTH, format_duration
from camwatch.core.model import Status
from camwatch.history import schema
from camwatch.history.public_ids import PublicIds
from camwatch.history.store import Store
from camwatch.history.write_queue import InventorySnapshot
from camwatch.settings import HistorySettings
from tests.support.history.builders import batch, camera, entered, memory, ms, outage, went
from tests.support.numbers import ids_of
from tests.support.paths import ROOT

DOCS = ROOT / "docs/how-to/corrections.md"


class Desk:
    """A configuration with its store, held as the daemon holds it: 10:00 in Paris is second 0."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "camwatch.db"
        self.config = folder / "camwatch.toml"
        self.config.write_text(f'[history]\nurl = "sqlite:///{self.file}"\n')
        self.store = Store.open(HistorySettings(url=f"sqlite:///{self.file}"))
        self.store.acquire_lock()
        up = memory(
            underlying_status=Status.UP, status=Status.UP, accounted_until_ms=ms(9000), outage_open=False
        )
        up = up._replace(up=9_000_000 - 95_000, down=95_000, unknown=0, maintenance=0)
        long = memory(
            "a-camera-with-quite-a-long-name-of-its-own", underlying_status=Status.DOWN, status=Status.DOWN
        )
        long = long._replace(
            accounted_until_ms=ms(9000), up=1_475_000, down=7_525_000, unknown=0, maintenance=0
        )
        name = long.camera
        first = (
            batch(
                9000, entered(0, status=Status.UP), went(Status.DOWN, 5), outage(5), went(Status.UP, 100),
                outage(100, ended=True), entered(0, name, Status.UP), went(Status.DOWN, 1475, name),
                outage(1475, name),
                inventories=[InventorySnapshot((camera(name="Caméra 1"), camera(name)), (), ms(0))],
                checkpoints=[up, long],
            )
        )  # fmt: skip
        self.store.write(replace(first, number=1))

    def run(self, *words: str, code: int = 0) -> str:
        """Run a command, and return what it says, errors too."""
        named = [self._named(word) for word in words]
        done: Result = CliRunner().invoke(app, [*named, "--config", str(self.config)])
        assert done.exit_code == code, done.output
        assert max(map(len, done.stdout.splitlines()), default=0) <= WIDTH
        return done.output

    def _named(self, word: str) -> str:
        """Return a word; of `outage:1` and `window:1` what people call it."""
        kind, _, number = word.partition(":")
        if kind == "outage":
            return f"{self.ids.outage(int(number))}"
        return f"{self.ids.correction(int(number))}" if kind == "window" else word

    @property
    def ids(self) -> PublicIds:
        """What the store's numbers are called outside."""
        return ids_of(self.store.engine)

    def list(self, *words: str) -> str:
        """List the outages of the day."""
        return self.run("outages", "list", "--from", "2026-01-01", "--to", "2026-01-02", *words)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    opened = Desk(tmp_path)
    yield opened
    opened.store.close()


def test_outages_are_listed_in_a_table_of_80_columns(desk: Desk) -> None:
    first, head, *lines = desk.list().splitlines()
    assert first == "2 outages from 2026-01-01 00:00 to 2026-01-02 00:00:"
    assert head.split() == ["ID", "CAMERA", "FROM", "TO", "DOWN", "CAUSE"]
    assert [re.split("  +", line) for line in lines[:2]] == [
        [f"{desk.ids.outage(1)}", "cam-1", "2026-01-01 10:00", "10:01", "1 min 35 s", "(will)"],
        [f"{desk.ids.outage(2)}", lines[1].split()[1], "2026-01-01 10:24", "open", "2 h 05 min", "(will)"],
    ]
    camera = lines[1].split()[1] + "".join(line.strip() for line in lines[2:])
    assert camera == "a-camera-with-quite-a-long-name-of-its-own", "a name that does not fit goes on below"


def test_an_empty_list_says_so(desk: Desk) -> None:
    assert desk.list("--operator", "nobody") == "No outages from 2026-01-01 00:00 to 2026-01-02 00:00.\n"
    assert desk.run("maintenance", "list") == "No current or future maintenance windows.\n"
    assert desk.run("maintenance", "list", "--all") == "No maintenance windows.\n"


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        (["--camera", "cam-1"], [1]),
        (["--site", "mairie"], [1, 2]),
        (["--open"], [2]),
        (["--unattributed"], [2]),
    ],
)
def test_lists_take_every_filter(desk: Desk, words: list[str], ids: list[int]) -> None:
    desk.run("outages", "attribute", "outage:1", "--cause", "network", "--reason", "w", "--author", "zoé")
    assert re.findall(r"^(\d+)  ", desk.list(*words), re.MULTILINE) == [
        f"{desk.ids.outage(number)}" for number in ids
    ]


def test_an_attribution_is_shown_with_who_and_why_and_keeps_the_exclusion(desk: Desk) -> None:
    """A6: the newest holds, the older ones stay."""
    said = desk.run(
        "outages",
        "attribute",
        "outage:1",
        "--cause",
        "power",
        "--exclude",
        "--reason",
        "EDF",
        "--author",
        "zoé",
    )
    number, outage_id = desk.ids.correction(1), desk.ids.outage(1)
    told = f"outage {outage_id}: power, excluded from contractual availability.\n"
    assert said == f"Correction {number}:\n  {told}"
    assert "power, excl." in desk.list()
    said = desk.run(
        "outages", "attribute", "outage:1", "--cause", "works", "--reason", "no: a digger", "--author", "ali"
    )
    number, outage_id = desk.ids.correction(2), desk.ids.outage(1)
    told = f"outage {outage_id}: works, excluded from contractual availability.\n"
    assert said == f"Correction {number}:\n  {told}"
    desk.run(
        "outages",
        "attribute",
        "outage:1",
        "--cause",
        "works",
        "--include",
        "--reason",
        "ours",
        "--author",
        "ali",
    )
    shown = desk.run("outages", "show", "outage:1")
    assert shown.startswith(
        f"Outage {desk.ids.outage(1)}\n  camera       cam-1\n  name         Caméra 1\n  operator     ville\n"
    )
    assert "  from         2026-01-01 10:00:05 +0100\n  to           2026-01-01 10:01:40 +0100\n" in shown
    assert "  down         1 min 35 s\n" in shown
    assert re.findall(r"^    \S+ \S+  (.*)\n      (.*)$", shown, re.MULTILINE) == [
        ("power, excluded", "zoé: EDF"),
        ("works, excluded", "ali: no: a digger"),
        ("works", "ali: ours"),
    ]
    assert "attributed   not yet" in desk.run("outages", "show", "outage:2")


def test_who_is_the_login_name_also_behind_sudo(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ines")
    desk.run("outages", "attribute", "outage:1", "--cause", "other", "--reason", "first")
    monkeypatch.setenv("SUDO_USER", "karim")
    desk.run("outages", "attribute", "outage:1", "--cause", "other", "--reason", "second")
    shown = desk.run("outages", "show", "outage:1")
    assert "ines: first" in shown
    assert "karim: second" in shown


def test_a_past_window_covers_an_outage_until_it_is_cancelled(desk: Desk) -> None:
    """V3: what lies in it counts as maintenance."""
    words = ["--scope", "site", "--id", "mairie", "--from", "2026-01-01T10:00", "--to", "2026-01-01T10:01"]
    said = desk.run("maintenance", "add", *words, "--reason", "roof", "--author", "zoé")
    assert said.startswith(f"Maintenance window {desk.ids.correction(1)}: site mairie\n")
    assert "40 s" in desk.list("--camera", "cam-1")
    assert "zoé: roof" in desk.run("maintenance", "list", "--all")
    assert desk.run("maintenance", "list") == "No current or future maintenance windows.\n"
    said = desk.run("maintenance", "cancel", "window:1", "--reason", "wrong day", "--author", "zoé")
    number, window = desk.ids.correction(2), desk.ids.correction(1)
    assert said == f"Correction {number}:\n  maintenance window {window} is cancelled.\n"
    assert "1 min 35 s" in desk.list("--camera", "cam-1")
    assert "cancelled" in desk.run("maintenance", "list", "--all")


def test_a_window_under_way_ends_now(desk: Desk) -> None:
    today = datetime.now(UTC).date()
    around = f"{today - timedelta(days=2)}", f"{today + timedelta(days=2)}"
    words = ["--scope", "operator", "--id", "ville", "--from", around[0], "--to", around[1]]
    desk.run("maintenance", "add", *words, "--reason", "strike", "--author", "zoé")
    assert "operator ville" in desk.run("maintenance", "list")
    said = desk.run("maintenance", "cancel", "window:1", "--reason", "over", "--author", "zoé")
    number, window = desk.ids.correction(2), desk.ids.correction(1)
    assert said.startswith(f"Correction {number}:\n  maintenance window {window} ends at 2")
    assert desk.run("maintenance", "list") == "No current or future maintenance windows.\n"


ATTRIBUTE = ["outages", "attribute", "outage:1", "--cause", "power", "--author", "zoé"]
ADD = ["maintenance", "add", "--scope", "camera", "--id", "cam-1", "--reason", "w", "--author", "zoé"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["outages", "show", "77"], "outage 77 does not exist: see `camwatch outages list`"),
        ([*ATTRIBUTE, "--reason", " "], "reason is empty"),
        ([*ATTRIBUTE], "--reason"),
        (["outages", "attribute", "outage:1", "--cause", "mice", "--reason", "w"], "mice"),
        (["outages", "list", "--from", "yesterday"], "--from: 'yesterday' is not a date"),
        (["outages", "list", "--from", "2026-02-01", "--to", "2026-01-01"], "--to is not later than --from"),
        ([*ADD, "--from", "2026-01-02", "--to", "2026-01-01"], "ends before it starts"),
        ([*ADD, "--from", "2026-03-29T02:30", "--to", "2026-04-01"], "does not exist in Europe/Paris"),
        ([*ADD, "--from", "2026-01-02", "--to", "2026-01-03", "--id", "cam-9"], "there is no camera 'cam-9'"),
        (["maintenance", "cancel", "5", "--reason", "w"], "there is no maintenance window 5"),
    ],
    ids=lambda words: " ".join(words)[:40] if isinstance(words, list) else "",
)
def test_what_cannot_be_done_says_what_to_do_and_leaves_with_2(
    desk: Desk, words: list[str], told: str
) -> None:
    assert told in desk.run(*words, code=2)


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    config = tmp_path / "camwatch.toml"
    config.write_text(f'[history]\nurl = "sqlite:///{tmp_path}/none.db"\n')
    for words in (["outages", "list"], ["maintenance", "list"], ["audit"]):
        done = CliRunner().invoke(app, [*words, "--config", str(config)])
        assert done.exit_code == 2
        assert "`camwatch run` creates it" in done.output
    assert not (tmp_path / "none.db").exists()


def test_an_audit_that_passes_says_what_it_checked(desk: Desk) -> None:
    desk.run("outages", "attribute", "outage:1", "--cause", "power", "--reason", "EDF", "--author", "zoé")
    said = desk.run("audit")
    assert said.startswith(
        "Checked: 2 cameras, 5 transitions, 2 outages, 0 rolled-up days, 1 correction\n(head "
    )
    assert said.endswith("The record adds up.\n")


def test_an_audit_since_a_report_proves_that_the_record_goes_on_from_it(desk: Desk, tmp_path: Path) -> None:
    """H2: by the report in JSON, or by what was noted of a seal."""
    report = tmp_path / "report.json"
    desk.run("report", "--month", "2026-01", "--format", "json", "--output", str(report))
    desk.run("outages", "attribute", "outage:1", "--cause", "power", "--reason", "EDF", "--author", "zoé")
    said = desk.run("audit", "--since", str(report))
    assert "The record continues from there: 1 seal since.\n  correction 1, zoé: attribution (EDF)\n" in said
    sealed = json.loads(report.read_text())["sealed"]
    assert "The record continues from there" in desk.run("audit", "--since", sealed[:16])
    other = "0123456789abcdef"
    assert f"the record does not continue from seal {other}" in desk.run("audit", "--since", other, code=1)
    report.write_text("{}")
    assert "is not a JSON report with a seal" in desk.run("audit", "--since", str(report), code=2)
    assert "No such file" in desk.run("audit", "--since", str(tmp_path / "none.json"), code=2)


def test_a_scoped_report_reveals_no_others_and_the_record_continues_it(desk: Desk, tmp_path: Path) -> None:
    """H2: no two have the same mark, so nobody sees by it whether the record of others has changed."""
    asked = ("report", "--format", "json", "--operator", "ville")
    one, another = tmp_path / "one.json", tmp_path / "another.json"
    desk.run(*asked, "--month", "2026-01", "--output", str(one))
    desk.run(*asked, "--from", "2026-01-01", "--to", "2026-01-02", "--output", str(another))
    desk.run("outages", "attribute", "outage:1", "--cause", "power", "--reason", "EDF", "--author", "zoé")
    marks = [json.loads(report.read_text())["sealed"] for report in (one, another)]
    with desk.store.engine.connect() as connection:
        heads = {row.hash for row in connection.execute(select(schema.seals.c.hash))}
    assert len({*marks, *heads}) == 2 + len(heads)
    for since in (str(one), str(another), marks[0][:32]):
        said = desk.run("audit", "--since", since)
        assert "The record continues from there: 1 seal since.\n  correction 1, zoé" in said
    wrong = marks[0][:-1] + ("1" if marks[0].endswith("0") else "0")
    assert "does not continue from seal" in desk.run("audit", "--since", wrong, code=1)


def test_an_audit_that_finds_something_says_where_and_leaves_with_1(desk: Desk) -> None:
    with desk.store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE outages SET end_ms = end_ms + 1")
    said = desk.run("audit", code=1)
    assert (
        "  cam-1, 2026-01-01 10:00:05 +0100\n"
        "    outage 1 until 2026-01-01 10:01:40.001+01:00 does not match the time in down\n"
    ) in said
    assert said.endswith("camwatch: the record does not add up: 3 findings\n")


def test_the_chain_can_be_checked_as_the_page_says(desk: Desk, tmp_path: Path) -> None:
    (script,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    file = tmp_path / "check.py"
    file.write_text(script)
    for why in ("l’été", 'a "quote" \\ and a tab'):
        desk.run("outages", "attribute", "outage:1", "--cause", "power", "--reason", why, "--author", "zoé")
    words = [sys.executable, str(file), str(desk.file)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("2 corrections, the newest hash is ")
    with desk.store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE corrections SET reason = 'x' WHERE seq = 1")
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert "entry 1 was changed" in done.stderr


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "0 s"), (40, "0.0 s"), (250, "0.2 s"), (43_999, "43 s"), (65_000, "1 min 05 s"),
        (7_500_000, "2 h 05 min"), (86_400_000, "1 d 00 h"), (90_000_000_000, "1041 d 16 h"),
    ],
)  # fmt: skip
def test_durations_read_well(milliseconds: int, text: str) -> None:
    assert format_duration(milliseconds) == text


def test_a_rebase_is_refused_while_running_or_where_it_is_not_needed(desk: Desk) -> None:
    """T5: the daemon would write on beside it."""
    words = ("history", "rebase", "--author", "zoe", "--reason", "the clock was ahead")
    assert "no part of the record is in the future" in desk.run(*words, "--dry-run", code=2)
    assert "is in use by another camwatch" in desk.run(*words, code=1)
