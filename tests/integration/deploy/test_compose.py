"""The stack in one file: sound, pinned, confined, without secrets; its checks of health are tried."""

from __future__ import annotations

import asyncio
import json
import os
import re
import stat
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from tests.support.daemon import broker, config, running
from tests.support.deploy.broker import DEPLOY, Deployed
from tests.support.mosquitto import program
from tests.support.paths import ROOT
from tests.support.simulator.process import camsim, finished
from tests.support.tables import cameras, write_fleet

FILE = DEPLOY / "compose.yaml"
TEXT = FILE.read_text()
STACK: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = STACK["services"]
SCHEMA = Path("/usr/lib/python3/dist-packages/compose/config/compose_spec.json")  # of Debian's docker-compose
PREPARED_ELSEWHERE = "./secrets/"


def environment(**variables: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("CAMWATCH_")} | variables


def prepare(folder: Path, *names: str) -> subprocess.CompletedProcess[str]:
    """Run deploy/bootstrap.sh for three cameras, with `folder` for deploy/secrets."""
    fleet = write_fleet(folder.parent / "fleet", cameras(3))
    told = environment(CAMWATCH_SECRETS=str(folder), CAMWATCH_FLEET=str(fleet))
    return subprocess.run(
        [DEPLOY / "bootstrap.sh", *names], env=told, capture_output=True, text=True, check=False
    )


def test_the_file_is_what_the_specification_says() -> None:
    schema = json.loads(SCHEMA.read_text())
    assert [error.message for error in Draft7Validator(schema).iter_errors(STACK)] == []


def test_docker_compose_understands_the_file() -> None:
    command = [program("docker-compose"), "--file", str(FILE), "--profile", "simulator", "config"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert set(yaml.safe_load(done.stdout)["services"]) == set(SERVICES)


def test_all_that_the_stack_needs_is_there() -> None:
    needed = {"mosquitto", "camwatch", "camsim", "prometheus", "alertmanager", "grafana"}
    assert set(SERVICES) == needed
    assert [name for name, service in SERVICES.items() if "profiles" in service] == ["camsim"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_has_a_version_to_the_last_digit(name: str) -> None:
    image = SERVICES[name]["image"]
    assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+\.\d+", image), image


def test_grafana_is_not_older_than_what_it_has_mended() -> None:
    """11.6.1 and before open redirects to strangers (CVE-2025-4123)."""
    version = SERVICES["grafana"]["image"].partition(":")[2]
    assert tuple(map(int, version.split("."))) > (11, 6, 1)


def test_our_own_image_has_the_version_of_the_package() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert SERVICES["camwatch"]["image"] == SERVICES["camsim"]["image"] == f"camwatch:{version}"


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_can_do_more_than_it_must(name: str) -> None:
    """Whatever breaks in: no root, no capability, a root folder that cannot be written."""
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    user = "10001:10001" if "build" in service else service["user"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user), "the Dockerfile says USER, others say it here"


@pytest.mark.parametrize("name", SERVICES)
def test_only_cameras_are_let_in_from_elsewhere(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert port == "8883:8883" or port.startswith("127.0.0.1:"), port


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_asked_how_it_is(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    if name == "camsim":  # serves nothing that could be asked
        assert check == {"disable": True}
    else:
        assert {"test", "interval", "timeout", "retries"} <= check.keys()


def test_everything_that_is_mounted_exists(tmp_path: Path) -> None:
    """What `deploy/bootstrap.sh` makes, too; a volume is declared; only volumes can be written."""
    secrets = tmp_path / "secrets"
    assert prepare(secrets, "broker.example").returncode == 0
    for mount in [mount for service in SERVICES.values() for mount in service["volumes"]]:
        source, target, *mode = mount.split(":")
        assert target.startswith("/")
        if source[0] in "./":
            assert mode == ["ro"], mount
            if source.startswith(PREPARED_ELSEWHERE):
                assert (secrets / source.removeprefix(PREPARED_ELSEWHERE)).is_dir(), mount
            elif source[0] == ".":
                assert (DEPLOY / source).exists(), mount
        else:
            assert source in STACK["volumes"]


def test_no_secret_stands_in_the_file() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|TOKEN|SECRET|KEY", name):
                assert name.endswith("_FILE"), name
                assert value.startswith("/etc/"), name
    assert "deploy/secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    assert not re.search(r"://[^/\s]*:[^/\s]*@", TEXT)


# What is prepared


def test_preparing_twice_keeps_what_people_were_told(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    first = prepare(secrets, "broker.example", "192.0.2.7")
    assert first.returncode == 0, first.stderr
    alertmanager = (DEPLOY / "alertmanager/alertmanager.yml").read_text()
    wanted = set(re.findall(r"alertmanager/secrets/([a-z0-9-]+)", alertmanager))
    assert {file.name for file in (secrets / "alertmanager").iterdir()} == wanted
    assert all(str(secrets / "alertmanager" / name) in first.stdout for name in wanted)
    (secrets / "alertmanager" / min(wanted)).write_text("filled in")
    kept = (
        "camwatch/metrics-token",
        "grafana/admin-password",
        "cameras/accounts",
        "cameras/ca.pem",
        "mosquitto/passwords",
    )
    before = {name: (secrets / name).read_text() for name in (*kept, f"alertmanager/{min(wanted)}")}
    owner = (secrets / "mosquitto/passwords").stat().st_uid
    second = prepare(secrets, "broker.example", "192.0.2.7")
    assert second.returncode == 0, second.stderr
    assert "to be filled in" not in second.stdout
    assert {name: (secrets / name).read_text() for name in before} == before
    assert owner == (1883 if os.geteuid() == 0 else os.geteuid())
    certificate = str(secrets / "mosquitto/server.pem")
    question = [program("openssl"), "x509", "-in", certificate, "-noout", "-ext", "subjectAltName"]
    named = subprocess.run(question, capture_output=True, text=True, check=True).stdout
    for name in ("DNS:broker.example", "IP Address:192.0.2.7", "DNS:mosquitto", "DNS:localhost"):
        assert name in named


def test_what_is_prepared_is_for_its_reader_only(tmp_path: Path) -> None:
    prepare(tmp_path / "secrets", "broker.example")
    for file in (tmp_path / "secrets").rglob("*"):
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file


def test_preparing_without_a_name_says_what_is_wanted(tmp_path: Path) -> None:
    done = prepare(tmp_path / "secrets")
    assert done.returncode == 2
    assert "usage: bootstrap.sh NAME" in done.stderr
    assert not (tmp_path / "secrets").exists()


# What the containers would run, run here


def test_camwatch_takes_the_settings_of_the_stack(tmp_path: Path) -> None:
    """The file and the variables that its container gets, with the paths of this machine."""
    prepare(tmp_path / "secrets", "broker.example")
    told = {
        name: value.replace("/etc/camwatch/private", f"{tmp_path}/secrets/camwatch").replace(
            "/etc/camwatch/fleet", str(ROOT / "config/fleet")
        )
        for name, value in SERVICES["camwatch"]["environment"].items()
    }
    told["CAMWATCH_ACCESS__ACCOUNTS_FILE"] = str(tmp_path / "accounts.toml")

    def camwatch(*words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("camwatch")), *words]
        env = environment(**told)
        return subprocess.run(command, env=env, input=given, capture_output=True, text=True, check=False)

    config_file = ["--config", str(ROOT / "config/camwatch.toml")]
    first = camwatch("check-config", *config_file)
    assert first.returncode == 2, "nobody could come in"
    assert "add an account with `camwatch accounts add`" in first.stderr
    words = re.findall(r"camwatch (accounts add .*?) *\\\n", TEXT)[0].split()
    made = camwatch(*words, *config_file, "--password-stdin", given="a password of tests")
    assert made.returncode == 0, made.stderr
    done = camwatch("check-config", *config_file)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Configuration OK: ")


def test_prometheus_has_the_token_that_camwatch_asks_for(tmp_path: Path) -> None:
    prepare(tmp_path / "secrets", "broker.example")
    scrapes = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())["scrape_configs"]
    shown = scrapes[0]["authorization"]["credentials_file"].removeprefix("secrets/")
    asked = SERVICES["camwatch"]["environment"]["CAMWATCH_HTTP__METRICS_TOKEN_FILE"].rpartition("/")[2]
    token = (tmp_path / "secrets/camwatch" / asked).read_text()
    assert re.fullmatch(r"[0-9a-f]{64}\n", token)
    assert (tmp_path / "secrets/prometheus" / shown).read_text() == token
    assert "./secrets/prometheus:/etc/prometheus/secrets:ro" in SERVICES["prometheus"]["volumes"]


def test_the_broker_answers_the_question_how_it_is(tmp_path: Path) -> None:
    """It refuses who has no account, which only a broker that works can do."""
    found = Deployed.at(tmp_path, write_fleet(tmp_path / "fleet", cameras(1)))
    kind, question = SERVICES["mosquitto"]["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    question = question.replace("8883", str(found.mosquitto.port)).replace("$$", "$")
    question = question.replace("/etc/mosquitto/private/", f"{found.secrets}/mosquitto/")
    with found.mosquitto:
        assert subprocess.run(["sh", "-c", question], check=False).returncode == 0
    assert subprocess.run(["sh", "-c", question], check=False).returncode == 1


async def test_camwatch_answers_the_question_how_it_is(tmp_path: Path) -> None:
    """With a link that is down it is healthy still: starting it anew would mend nothing."""
    _, python, *question = SERVICES["camwatch"]["healthcheck"]["test"]
    assert python == "python"
    fleet = write_fleet(tmp_path / "fleet", cameras(1))
    async with running(tmp_path, config(fleet, broker("mqtt://127.0.0.1:1"))) as daemon:
        port = daemon.url.rpartition(":")[2]
        asked = [sys.executable, *(part.replace("10458", port) for part in question)]
        assert await answer(asked) == 0
    assert await answer(asked) == 1


async def answer(command: list[str]) -> int:
    """Return the exit code of a check of health; a machine's proxy is nothing to it."""
    told = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    process = await asyncio.create_subprocess_exec(*command, env=told, stderr=asyncio.subprocess.DEVNULL)
    return await process.wait()


async def test_the_simulator_plays_with_the_options_of_the_stack(tmp_path: Path) -> None:
    found = Deployed.at(tmp_path, write_fleet(tmp_path / "fleet", cameras(3)))
    name, *options = SERVICES["camsim"]["entrypoint"] + SERVICES["camsim"]["command"]
    assert name == "camsim"
    moved = {
        "mqtts://mosquitto:8883": found.mosquitto.url,
        "/etc/camwatch/fleet": str(tmp_path / "fleet"),
        "/etc/camwatch/cameras": str(found.secrets / "cameras"),
    }
    for place, here in moved.items():
        options = [option.replace(place, here) for option in options]
    with found.mosquitto:
        code, out, err = await finished(await camsim(*options, "--duration", "0.1"))
    assert (code, err) == (0, "")
    assert "3/3 connected, playing" in out
