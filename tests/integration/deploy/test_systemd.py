"""The units: sound by systemd's own word, confined, and told by the daemon what they wait for."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.deploy.broker import DEPLOY
from tests.support.mosquitto import program
from tests.support.paths import ROOT

UNITS = DEPLOY / "systemd"
SERVICES = sorted(path.name for path in UNITS.glob("*.service"))
BACKUP = UNITS / "camwatch-backup.sh"


def unit(path: Path) -> configparser.ConfigParser:
    """Read a unit; a setting that stands twice has the last value here."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign] # as the documentation has it
    parser.read(path)
    return parser


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, str]:
    """Install the units in a folder of their own, their programs where these are here."""
    folder = tmp_path / "units"
    shutil.copytree(UNITS, folder)
    shutil.copy("/lib/systemd/system/mosquitto.service", folder)
    for file in folder.glob("*.service"):
        text = file.read_text().replace("/opt/camwatch/deploy/systemd/", f"{UNITS}/")
        file.write_text(text.replace("/opt/camwatch/.venv/bin/camwatch ", "/bin/true "))
    return {**os.environ, "SYSTEMD_UNIT_PATH": f"{folder}:"}


@pytest.mark.parametrize("name", [*SERVICES, "camwatch-backup.timer", "mosquitto.service"])
def test_systemd_has_nothing_to_say_about_a_unit(
    name: str, installed: dict[str, str], tmp_path: Path
) -> None:
    """The drop-in is read with Debian's own unit."""
    command = [program("systemd-analyze"), "verify", "--man=no", str(tmp_path / "units" / name)]
    done = subprocess.run(command, env=installed, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_mistake_in_a_unit_would_be_told(installed: dict[str, str], tmp_path: Path) -> None:
    wrong = tmp_path / "units/camwatch.service"
    wrong.write_text(wrong.read_text().replace("WatchdogSec=", "WatchdogSeconds="))
    command = [program("systemd-analyze"), "verify", "--man=no", str(wrong)]
    done = subprocess.run(command, env=installed, capture_output=True, text=True, check=False)
    assert "WatchdogSeconds" in done.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_confined(name: str) -> None:
    """Its exposure, by systemd's own measure from 0 to 10, is 1.5 at most."""
    command = [program("systemd-analyze"), "security", "--offline=true", "--threshold=15", str(UNITS / name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    (level,) = re.findall(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert done.returncode == 0
    assert float(level) <= 1.5


def test_the_unit_has_a_watchdog_and_no_restart_on_a_faulty_configuration() -> None:
    service = unit(UNITS / "camwatch.service")["Service"]
    assert service["Type"] == "notify"
    assert service["NotifyAccess"] == "main"
    assert service["WatchdogSec"] == "30s"
    assert service["Restart"] == "on-failure"
    assert service["RestartPreventExitStatus"] == "2"
    assert service["ExecReload"] == "/bin/kill -HUP $MAINPID"


def test_the_unit_starts_after_time_sync_and_may_query_it() -> None:
    """T4: `ProtectClock=` would refuse the question together with the right to set the clock."""
    daemon = unit(UNITS / "camwatch.service")
    assert "time-sync.target" in daemon["Unit"]["After"].split()
    assert daemon["Service"].get("ProtectClock", "no") == "no"
    assert daemon["Service"]["CapabilityBoundingSet"] == ""
    assert "clock_adjtime" in daemon["Service"]["SystemCallFilter"].split()  # as adjtimex(3) calls it


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_unit_names_is_there(name: str) -> None:
    """Pages and programs of the checkout, which is installed at /opt/camwatch."""
    named = re.findall(r"/opt/camwatch/((?:docs|deploy)/\S+)", (UNITS / name).read_text())
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


def make_store(path: Path) -> None:
    with closing(sqlite3.connect(path)) as store:
        store.execute("PRAGMA journal_mode = WAL")
        store.execute("CREATE TABLE kept (what TEXT)")
        store.execute("INSERT INTO kept VALUES ('all of it')")
        store.commit()


def run_backup(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [str(BACKUP), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_nightly_copy_is_whole_and_only_the_newest_are_kept(tmp_path: Path) -> None:
    make_store(tmp_path / "camwatch.db")
    copies = tmp_path / "copies"
    copies.mkdir()
    for day in range(1, 4):
        (copies / f"camwatch-2026-01-0{day}T013000Z.db").touch()
    (copies / "camwatch-2026-01-04T013000Z.db.partial").touch()
    (copies / "of-somebody-else.db").touch()
    done = run_backup(tmp_path / "camwatch.db", copies, 2)
    assert (done.returncode, done.stderr) == (0, "")
    newest = Path(done.stdout.strip())
    kept = {"camwatch-2026-01-03T013000Z.db", "of-somebody-else.db", newest.name}
    assert {file.name for file in copies.iterdir()} == kept
    assert newest.stat().st_mode & 0o077 == 0
    with closing(sqlite3.connect(newest)) as copy:
        assert copy.execute("SELECT what FROM kept").fetchall() == [("all of it",)]


def test_a_copy_that_cannot_be_made_is_an_error_and_takes_no_old_one_away(tmp_path: Path) -> None:
    old = tmp_path / "camwatch-2026-01-01T013000Z.db"
    old.touch()
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 40)
    for store in (damaged, tmp_path / "nowhere.db"):
        done = run_backup(store, tmp_path, 0)
        assert done.returncode == 1, done
        assert done.stderr
        assert old.exists()
    assert not (tmp_path / "nowhere.db").exists()
    assert run_backup(damaged).returncode == 2


def test_the_user_and_the_folders_are_made(tmp_path: Path) -> None:
    """In a root of its own, as a package's scripts would on a machine."""
    (tmp_path / "etc").mkdir()
    user = [program("systemd-sysusers"), f"--root={tmp_path}", str(UNITS / "camwatch.sysusers.conf")]
    folders = [program("systemd-tmpfiles"), f"--root={tmp_path}", "--create"]
    for command in (user, [*folders, str(UNITS / "camwatch.tmpfiles.conf")]):
        subprocess.run(command, check=True, capture_output=True)
    assert "camwatch:" in (tmp_path / "etc/passwd").read_text()
    assert (tmp_path / "etc/camwatch/private").stat().st_mode & 0o777 == 0o750
    assert (tmp_path / "var/backups/camwatch").stat().st_mode & 0o777 == 0o750
