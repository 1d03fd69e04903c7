"""The page for operators, followed to the letter: its commands are run below a folder, and what they made."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from typer.core import TyperGroup
from typer.main import get_command

from camwatch.cli import app
from tests.integration.deploy.test_mosquitto_acl import CAMERAS, Listening
from tests.support.deploy.broker import DEPLOY, Deployed
from tests.support.eventually import eventually
from tests.support.mosquitto import Mosquitto, free_port, program
from tests.support.paths import ROOT
from tests.support.tables import write_fleet

PAGE = (ROOT / "docs/how-to/operating.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
HERE = [block for block in BLOCKS if block.startswith("cd /opt/camwatch") and "pip install" not in block]
KNOWN = (
    "cd",
    "umask",
    "install",
    "openssl",
    "cp",
    "grep",
    "systemctl",
    "systemd-sysusers",
    "systemd-tmpfiles",
)
STAND_INS = ("systemctl", "systemd-sysusers", "chown")  # what concerns the machine and not its files


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the commands for Debian, as root would, below a folder; `install` gives files to nobody."""
    root = tmp_path_factory.mktemp("machine")
    (root / "bin").mkdir()
    (root / "etc").mkdir()
    (root / "etc/hosts").touch()
    (root / "etc/systemd/system").mkdir(parents=True)
    for name in STAND_INS:
        (root / "bin" / name).write_text("#!/bin/sh\nexit 0\n")
    (root / "bin/systemd-tmpfiles").write_text(f"#!/bin/sh\nmkdir -p {root}/etc/camwatch/private\n")
    (root / "bin/install").write_text(
        "#!/usr/bin/env python3\nimport os, sys\nkept, words = [], iter(sys.argv[1:])\n"
        "for word in words:\n    next(words) if word in ('-o', '-g') else kept.append(word)\n"
        "os.execv('/usr/bin/install', ['install', *kept])\n"
    )
    for file in (root / "bin").iterdir():
        file.chmod(0o755)
    for block in HERE:
        words = [line.split()[0] for line in block.splitlines()]
        assert [word for word in words if word not in KNOWN and not word.startswith("deploy/")] == []
        moved = re.sub(r"(?<![\w.])/etc/", f"{root}/etc/", block).replace("/opt/camwatch", str(ROOT))
        path = f"{root}/bin:{os.environ['PATH']}"
        done = subprocess.run(
            ["sh", "-euc", moved],
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (block, done.stderr)
    return root


def test_the_commands_leave_every_file_where_its_reader_looks(followed: Path) -> None:
    etc = followed / "etc"
    named = set(re.findall(r"/etc/mosquitto/[\w./]+", (DEPLOY / "mosquitto/mosquitto.conf").read_text()))
    settings = tomllib.loads((etc / "camwatch/camwatch.toml").read_text())
    named |= {value for value in settings["brokers"][0].values() if str(value).startswith("/")}
    named |= {settings["fleet"]["path"] + "/cameras.csv", "/etc/systemd/system/camwatch.service"}
    named |= {settings["http"]["metrics_token_file"], "/etc/prometheus/secrets/camwatch-metrics-token"}
    named |= {"/etc/systemd/system/camwatch-backup.timer", "/etc/camwatch/private/mqtt-password-b"}
    assert [path for path in sorted(named) if not (followed / path[1:]).is_file()] == []
    assert (etc / "hosts").read_text() == "127.0.0.1 camwatch alertmanager\n"
    targets = re.findall(r"targets: \[(\w+):", (etc / "prometheus/prometheus.yml").read_text())
    assert set(targets) == {"camwatch", "alertmanager", "localhost"}


def test_no_secret_that_was_made_is_for_others_to_read(followed: Path) -> None:
    """Whatever the umask of the shell in which the commands are typed."""
    made = followed / "etc/camwatch/secrets"
    assert (made / "camwatch/metrics-token").is_file()
    assert [path for path in (made, *made.rglob("*")) if path.stat().st_mode & 0o077] == []


def test_prometheus_and_alertmanager_take_what_was_installed(followed: Path) -> None:
    checks = (
        [program("promtool"), "check", "config", "prometheus.yml"],
        [program("amtool"), "check-config", "alertmanager.yml"],
    )
    for command in checks:
        folder = followed / "etc/prometheus"
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert re.search(r"(\d+) rule files found|(\d+) templates", done.stdout)


def test_camwatch_takes_what_was_installed(followed: Path) -> None:
    file = followed / "etc/camwatch/camwatch.toml"
    moved = followed / "moved.toml"
    moved.write_text(file.read_text().replace('"/etc/', f'"{followed}/etc/'))
    (words,) = re.findall(r"^/opt/camwatch/.venv/bin/camwatch (accounts add .*) --config", PAGE, re.MULTILINE)
    for command in ([*words.split(), "--password-stdin"], ["check-config"]):
        done = subprocess.run(
            [str(Path(sys.executable).with_name("camwatch")), *command, "--config", str(moved)],
            input="a password of tests",
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def test_every_file_that_the_page_names_is_in_the_checkout() -> None:
    named = set(re.findall(r"(?:deploy|config|requirements)/[\w./-]*\w", PAGE))
    assert named
    made = {name for name in named if name.startswith("deploy/secrets")}
    assert [name for name in sorted(named - made) if not (ROOT / name).exists()] == []


def test_every_command_of_camwatch_that_the_page_names_exists() -> None:
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    known = group.commands.keys()
    for command in set(re.findall(r"`(?:\.venv/bin/)?camwatch ([a-z-]+)", PAGE)) - {"is"}:
        assert command in known


def test_the_services_that_the_page_asks_compose_for_are_there() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    named = re.findall(r"compose\.yaml (?:exec|cp|kill -s HUP) (\w+)", PAGE)
    assert named
    assert set(named) <= services.keys()


def test_the_copy_from_a_container_is_a_copy(tmp_path: Path) -> None:
    (command,) = re.findall(r'python -c "(import sqlite3.*)"$', PAGE, re.MULTILINE)
    made = "import sqlite3; s = sqlite3.connect('camwatch.db'); s.execute('CREATE TABLE kept (x)'); s.close()"
    for text in (made, command.replace('\\"', '"')):
        subprocess.run([sys.executable, "-c", text], cwd=tmp_path, check=True)
    assert (tmp_path / "copy.db").stat().st_size > 0


async def test_a_landlords_bridge_brings_its_own_cameras_and_no_others(tmp_path: Path) -> None:
    """The lines of the page, in a second Mosquitto, and one more that asks for too much."""
    found = Deployed.at(tmp_path, write_fleet(tmp_path / "fleet", CAMERAS))
    (lines,) = re.findall(r"^```\n(connection .*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    for place, here in (
        ("broker.ville.example:8883", f"127.0.0.1:{found.mosquitto.port}"),
        ("/etc/mosquitto/ville-ca.pem", str(found.ca_file)),
        ("PASSWORD", found.password("sacogiva")),
    ):
        assert place in lines
        lines = lines.replace(place, here)
    # A landlord who tries: everything, and not only its own.
    greedy = lines + "topic # out 1 camwatch/v1/ville/ camwatch/v1/ville/\n"
    landlord = Mosquitto(tmp_path / "landlord", f"allow_anonymous true\n{greedy}", free_port())
    with found.mosquitto, landlord:
        await eventually(lambda: " as sacogiva (" in found.mosquitto.log())
        async with Listening(found) as camwatch:
            for topic in ("ville/cam-1/heartbeat", "sacogiva/cam-9/heartbeat", "sacogiva/cam-9/status"):
                command = [program("mosquitto_pub"), "-p", str(landlord.port), "-q", "1", "-m", "{}"]
                said = await asyncio.create_subprocess_exec(*command, "-t", f"camwatch/v1/{topic}")
                assert await said.wait() == 0
            heard: list[str] = []
            while "camwatch/v1/sacogiva/cam-9/status" not in heard:  # what is published last
                heard += await camwatch.hears()
            assert heard == ["camwatch/v1/sacogiva/cam-9/heartbeat", "camwatch/v1/sacogiva/cam-9/status"]
