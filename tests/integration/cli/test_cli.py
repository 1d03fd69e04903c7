"""Commands, flags and exit codes: 0 done, 1 failed while running, 2 wrong usage or configuration."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from camwatch import __version__
from camwatch.cli import app
from camwatch.history.store import Store
from camwatch.settings import HistorySettings
from camwatch.web.server import listen_on
from tests.support.mosquitto import Mosquitto
from tests.support.pace import PATIENCE_S
from tests.support.paths import ROOT
from tests.support.tables import camera, cameras, write_fleet

PROGRAM = Path(sys.executable).with_name("camwatch")
SECRET = "très-geheim-4711"  # noqa: S105 - what must never be seen


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CAMWATCH_")]:
        monkeypatch.delenv(name)


def run(*arguments: object) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def program(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the installed program."""
    return subprocess.run(
        [PROGRAM, *(each if isinstance(each, bytes) else str(each) for each in arguments)],
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE_S,
        check=False,
    )


def config(folder: Path, *lines: str) -> Path:
    """Write a settings file for the inventory in `folder/fleet`."""
    file = folder / "camwatch.toml"
    file.write_text("\n".join((f'fleet.path = "{folder / "fleet"}"', "clock.require_sync = false", *lines)))
    return file


def test_version_is_told_by_the_installed_program() -> None:
    answer = program("--version")
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, f"camwatch {__version__}\n", "")


def test_help_names_every_command() -> None:
    answer = run("--help")
    assert answer.exit_code == 0
    for command in ("run", "check-config", "demo"):
        assert f"\n  {command} " in answer.output
        assert run(command, "--help").exit_code == 0


def test_without_a_command_there_is_help() -> None:
    answer = run()
    assert answer.exit_code == 2
    assert "Usage: " in answer.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("rum",),
        ("run", "--no-such-flag"),
        ("run", "unexpected"),
        ("run", "--config"),
        ("check-config", "--config", "a", "b"),
        ("demo", "--duration", "soon"),
        ("demo", "--duration", "0"),
        ("demo", "--port", "65536"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_says_what_is_wrong(arguments: tuple[str, ...]) -> None:
    answer = run(*arguments)
    assert answer.exit_code == 2
    assert answer.stdout == ""
    assert "Error" in answer.stderr
    assert "Traceback" not in answer.output


def test_check_config_of_the_reference_settings_finds_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for arguments in (("--config", "config/camwatch.toml"), ()):
        answer = run("check-config", *arguments)
        assert (answer.exit_code, answer.stderr) == (0, "")
        assert answer.stdout.startswith("Configuration OK: 472 cameras (458 in service), 9 operators, ")
        assert answer.stdout.endswith("1 broker.\n")


def test_check_config_counts_what_it_read(tmp_path: Path) -> None:
    write_fleet(tmp_path / "fleet", cameras(3))
    brokers = ['[[brokers]]\nname = "a"', '[[brokers]]\nname = "b"\nclient_id = "b"']
    answer = run("check-config", "--config", config(tmp_path, *brokers))
    expected = (
        "Configuration OK: 3 cameras (3 in service), 1 operator, 1 site, 0 maintenance windows, 2 brokers.\n"
    )
    assert answer.stdout == expected


def test_check_config_tells_all_faults_of_settings_and_inventory_at_once(tmp_path: Path) -> None:
    write_fleet(tmp_path / "fleet", [camera("cam-1", purpose="art"), camera("Cam 2")])
    file = config(tmp_path, "[liveness]", "interval_s = -1", "down_after = 1.0", "[http]", 'listen = "x"')
    answer = run("check-config", "--config", file)
    assert answer.exit_code == 2
    assert answer.stdout == ""
    first, *faults = answer.stderr.splitlines()
    assert first == f"camwatch: {len(faults)} faults in the configuration:"
    for place in ("liveness.interval_s", "http.listen", "cameras.csv, line 2", "cameras.csv, line 3"):
        assert any(place in fault for fault in faults), place


def test_one_fault_is_called_one(tmp_path: Path) -> None:
    write_fleet(tmp_path / "fleet", [camera("cam-1", purpose="art")])
    answer = run("check-config", "--config", config(tmp_path))
    assert answer.exit_code == 2
    assert answer.stderr.startswith("camwatch: 1 fault in the configuration:\n  ")


@pytest.mark.parametrize("command", ["run", "check-config"])
@pytest.mark.parametrize("name", ["missing.toml", ".", "binary.toml", "no.toml"])
def test_settings_that_cannot_be_read_are_exit_code_2(tmp_path: Path, command: str, name: str) -> None:
    (tmp_path / "binary.toml").write_bytes(b"\xff\x00\xfe")
    (tmp_path / "no.toml").write_text("this is = = no toml")
    answer = run(command, "--config", tmp_path / name)
    assert answer.exit_code == 2
    assert answer.stderr.startswith("camwatch: 1 fault in the configuration:\n")
    assert "Traceback" not in answer.output


def test_run_with_a_faulty_inventory_starts_nothing_and_is_exit_code_2(tmp_path: Path) -> None:
    write_fleet(tmp_path / "fleet", [camera("cam-1", lifecycle="undead")])
    answer = program("run", "--config", config(tmp_path))
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "cameras.csv, line 2" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_run_on_a_port_that_is_taken_is_exit_code_1_and_names_the_setting(tmp_path: Path) -> None:
    write_fleet(tmp_path / "fleet")
    with listen_on("127.0.0.1", 0) as taken:
        listen = f'http.listen = "127.0.0.1:{taken.getsockname()[1]}"'
        answer = program("run", "--config", config(tmp_path, listen))
    assert answer.returncode == 1
    assert answer.stderr.startswith("camwatch: http.listen: cannot listen on")
    assert "Traceback" not in answer.stderr


def test_the_demo_without_its_packages_says_what_to_install() -> None:
    script = "import sys; sys.modules['amqtt'] = None; from camwatch.cli import main; main()"
    answer = subprocess.run(
        [sys.executable, "-c", script, "demo"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr == "camwatch: the demo needs amqtt: pip install 'camwatch[demo]'\n"


def test_the_daemon_starts_without_rich() -> None:
    """Structlog imports rich where it is installed; camwatch's own modules must not need it."""
    script = "import sys; sys.modules['rich'] = None; import camwatch.app"
    subprocess.run([sys.executable, "-c", script], timeout=PATIENCE_S, check=True)


@pytest.mark.parametrize(
    "lines",
    [
        f'[[brokers]]\nurl = "mqtt://camwatch:{SECRET}@127.0.0.1"',
        f'[history]\nurl = "mysql://camwatch:{SECRET}@db/x"',
        f'[history]\nurl = "postgresql://camwatch:{SECRET}@db/x"\nurk = 1',
        f'[[brokers]]\nusername = "camwatch"\npassword = "{SECRET}"',
    ],
)
def test_faults_never_show_a_password(tmp_path: Path, lines: str) -> None:
    write_fleet(tmp_path / "fleet")
    answer = run("check-config", "--config", config(tmp_path, lines))
    assert answer.exit_code == 2
    assert SECRET not in answer.output


@pytest.mark.parametrize(
    ("content", "problem"), [(b"", "is empty"), (b"\n", "is empty"), (b"\xff\xfe", "is not UTF-8 text")]
)
def test_a_secret_that_cannot_be_used_is_a_fault(tmp_path: Path, content: bytes, problem: str) -> None:
    write_fleet(tmp_path / "fleet")
    (tmp_path / "secret").write_bytes(content)
    login = f'[[brokers]]\nusername = "eye"\npassword_file = "{tmp_path / "secret"}"'
    answer = run("check-config", "--config", config(tmp_path, login))
    assert answer.exit_code == 2
    assert problem in answer.output


def test_a_password_that_others_could_read_is_told_and_sound(tmp_path: Path) -> None:
    write_fleet(tmp_path / "fleet")
    (tmp_path / "secret").write_text(SECRET)
    login = f'username = "eye"\npassword_file = "{tmp_path / "secret"}"'
    lines = f'[[brokers]]\nurl = "mqtt://broker.example"\n{login}'
    answer = run("check-config", "--config", config(tmp_path, lines))
    assert answer.exit_code == 0
    assert "Warning: broker main: the password is sent unencrypted" in answer.output
    assert SECRET not in answer.output


def test_a_refusal_by_the_broker_is_logged_without_the_password(tmp_path: Path) -> None:
    write_fleet(tmp_path / "fleet")
    (tmp_path / "secret").write_text(SECRET + "\n")
    with Mosquitto(tmp_path / "broker", "allow_anonymous false") as broker:
        login = f'username = "camwatch"\npassword_file = "{tmp_path / "secret"}"'
        lines = (
            f'http.listen = "127.0.0.1:0"\nlog.level = "debug"\n'
            f'history.url = "sqlite:///{tmp_path}/camwatch.db"\n[[brokers]]\nurl = "{broker.url}"\n{login}'
        )
        command = [str(PROGRAM), "run", "--config", str(config(tmp_path, lines))]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
        ) as daemon:
            assert daemon.stdout is not None
            told = []
            for line in daemon.stdout:
                told.append(line)
                if "link not connected" in line:
                    daemon.send_signal(signal.SIGTERM)
        assert daemon.returncode == 0
    events = [json.loads(line) for line in told]
    assert [event["event"] for event in events][:3] == [
        "tables brought up to date",
        "started",
        "link not connected, retrying",
    ]
    assert "password" in events[2]["problem"]
    assert SECRET not in "".join(told)


@pytest.mark.parametrize(
    "words", [("outages", "list", "--camera", b"\xff"), ("report", "--operator", b"ville\xe9")]
)
def test_an_argument_that_is_no_text_is_exit_code_2(tmp_path: Path, words: tuple[object, ...]) -> None:
    """Whatever encoding a terminal has: no traceback."""
    url = f"sqlite:///{tmp_path / 'camwatch.db'}"
    Store.open(HistorySettings(url=url)).close()
    write_fleet(tmp_path / "fleet")
    file = config(tmp_path, f'history.url = "{url}"')
    done = program(*words, "--config", file)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr


def test_python_m_camwatch_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "camwatch", "-h"], capture_output=True, text=True, check=True
    )
    assert "Usage: python -m camwatch" in done.stdout
