"""The door of the real daemon: what it starts with, what changes meanwhile; and no heartbeat waits for it."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.support.cameras import playing
from tests.support.daemon import INTERVAL_S, Daemon, broker, config, running
from tests.support.mosquitto import Mosquitto
from tests.support.pace import PATIENCE_S
from tests.support.tables import cameras, operator, write_fleet
from tests.support.tls import Authority
from tests.support.web.serving import _UNUSED, leave

PROGRAM = Path(sys.executable).with_name("camwatch")
PASSWORD = "rue des cordeliers"  # noqa: S105
ERRORS = "camwatch_auth_reload_errors_total"


def guarded(fleet: Path, url: str, *http: str) -> str:
    """Return settings with accounts, and metrics that anybody may read."""
    lines = "".join(f"{line}\n" for line in ("[http]", "metrics_public = true", *http))
    return (
        config(fleet, broker(url)).replace("[http]\n", lines) + '[access]\naccounts_file = "accounts.toml"\n'
    )


def access(folder: Path, *arguments: str) -> str:
    """Run `camwatch accounts` as an administrator does; return what it says."""
    command = [str(PROGRAM), "accounts", *arguments, "--config", str(folder / "camwatch.toml")]
    done = subprocess.run(command, cwd=folder, input=PASSWORD, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def prepared(folder: Path, settings: str) -> str:
    """Write settings and make an administrator; return the settings."""
    (folder / "camwatch.toml").write_text(settings)
    access(folder, "add", "chief", "--role", "admin", "--password-stdin")
    return settings


def client_of(daemon: Daemon, trusting: ssl.SSLContext = _UNUSED) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=daemon.url, trust_env=False, timeout=PATIENCE_S, verify=trusting)


async def logged_in(client: httpx.AsyncClient, name: str = "chief") -> int:
    form = {"name": name, "password": PASSWORD}
    return (await client.post("/login", data=form, headers={"sec-fetch-site": "same-origin"})).status_code


async def test_without_accounts_it_does_not_start_where_others_could_reach_it(
    tmp_path: Path, fleet: Path
) -> None:
    settings = config(fleet, broker("mqtt://127.0.0.1:1")).replace("127.0.0.1:0", "0.0.0.0:0")
    daemon = Daemon(tmp_path, settings)
    daemon.start()
    assert await daemon.ended() == 2
    assert "http.listen: 0.0.0.0:0 accepts connections from other machines" in daemon.text
    assert "there are no accounts" in daemon.text
    assert "camwatch accounts add" in daemon.text
    await daemon.release()


@pytest.mark.parametrize("fault", ["missing", "open to others", "unknown operator"])
async def test_with_a_faulty_file_of_accounts_it_does_not_start(
    tmp_path: Path, fleet: Path, fault: str
) -> None:
    file = tmp_path / "accounts.toml"
    if fault != "missing":
        prepared(tmp_path, guarded(fleet, "mqtt://127.0.0.1:1"))
        if fault == "unknown operator":
            file.write_text(file.read_text() + 'operators = ["nobody"]\n')
        file.chmod(0o644 if fault == "open to others" else 0o600)
    daemon = Daemon(tmp_path, guarded(fleet, "mqtt://127.0.0.1:1"))
    daemon.start()
    assert await daemon.ended() == 2
    said = {
        "missing": "accounts.toml: does not exist",
        "open to others": "chmod 600",
        "unknown operator": "accounts.toml, line 3: accounts[0].operators: account 'chief': 'nobody' is",
    }
    assert said[fault] in daemon.text
    await daemon.release()


async def test_accounts_are_reloaded_and_a_broken_file_changes_nothing(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    fleet = write_fleet(tmp_path / "fleet", cameras(2), operators=[operator("ville"), operator("sacogiva")])
    settings = prepared(tmp_path, guarded(fleet, mosquitto.url))
    async with (
        running(tmp_path, settings) as daemon,
        client_of(daemon) as client,
    ):
        assert await logged_in(client) == 303
        assert (await client.get("/")).status_code == 200
        said = access(tmp_path, "add", "lady", "--role", "viewer", "--operator", "sacogiva", "--token")
        (token,) = re.findall(r"^cw_\S+$", said, re.MULTILINE)
        assert (await daemon.says("accounts reloaded"))["added"] == ["lady"]
        bearer = {"authorization": f"Bearer {token}"}
        async with client_of(daemon) as bot:
            assert (await bot.get("/", headers=bearer)).status_code == 200
            file = tmp_path / "accounts.toml"
            whole = file.read_text()
            file.write_text(whole.replace('role = "viewer"', 'role = "emperor"'))
            broken = await daemon.says("auth reload failed, keeping previous configuration")
            assert "accounts.toml, line 8: accounts[1].role" in broken["fault"]
            await daemon.until(lambda metrics: metrics.value(ERRORS) == 1)
            assert (await bot.get("/", headers=bearer)).status_code == 200
            file.write_text(whole.replace('"sacogiva"', '"nobody"'))
            stranger = await daemon.says("account refers to unknown operator")
            assert "'nobody' is not an operator" in stranger["fault"]
            access(tmp_path, "revoke", "lady")
            await daemon.says("accounts reloaded", removed=["lady"])
            assert (await bot.get("/", headers=bearer)).status_code == 401
        access(tmp_path, "add", "chief", "--change", "--password-stdin")
        await daemon.says("accounts reloaded", changed=["chief"])
        assert (await client.get("/")).status_code == 401, "the same password, newly set, ends sessions, too"


async def test_idle_connections_and_guesses_delay_no_heartbeat(
    tmp_path: Path, mosquitto: Mosquitto, fleet: Path
) -> None:
    # A slower pace than elsewhere: this process plays the cameras, and opens all the connections.
    settings = prepared(
        tmp_path,
        guarded(fleet, mosquitto.url).replace(f"interval_s = {INTERVAL_S}", f"interval_s = {4 * INTERVAL_S}"),
    )
    async with (
        running(tmp_path, settings) as daemon,
        playing(mosquitto.url, fleet, interval_s=4 * INTERVAL_S),
    ):
        before = await daemon.until_all("up", 4)
        host, port = daemon.url.removeprefix("http://").split(":")
        idle = []
        for number in range(1000):
            _, writer = await asyncio.open_connection(host, int(port))
            if number % 2:
                writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
            idle.append(writer)

        async def guess() -> int:
            async with client_of(daemon) as client:
                form = {"name": "chief", "password": "guess " * 3}
                headers = {"sec-fetch-site": "same-origin"}
                return (await client.post("/login", data=form, headers=headers)).status_code

        statuses = await asyncio.gather(*(guess() for _ in range(40)))
        assert set(statuses) <= {401, 429, 503}
        assert statuses.count(429) >= 15
        beats = "camwatch_camera_heartbeats_total"
        counted = before.by("camera", beats)
        after = await daemon.until(
            lambda now: all(now.by("camera", beats)[camera] >= counted[camera] + 4 for camera in counted)
        )
        assert after.outages() == 0
        assert after.value("camwatch_event_loop_stall_seconds_total") == 0
        assert (await daemon.get("/-/healthy")).status_code == 200
        for writer in idle:
            await leave(writer)


async def test_it_serves_tls_by_itself_and_takes_a_new_certificate(
    tmp_path: Path, mosquitto: Mosquitto, fleet: Path
) -> None:
    first, second = Authority(tmp_path / "first"), Authority(tmp_path / "second", "another")
    cert_file, key_file = tmp_path / "server.pem", tmp_path / "server.key"
    cert_file.write_bytes(first.server_cert.read_bytes())
    key_file.write_bytes(first.server_key.read_bytes())
    tls = (f'cert_file = "{cert_file}"', f'key_file = "{key_file}"')
    settings = prepared(tmp_path, guarded(fleet, mosquitto.url, *tls))
    async with running(tmp_path, settings) as daemon:
        assert daemon.url.startswith("https://127.0.0.1:")

        async def asked(authority: Authority) -> bool:
            context = ssl.create_default_context(cafile=str(authority.ca_file))
            async with client_of(daemon, context) as client:
                with contextlib.suppress(httpx.ConnectError):
                    return await logged_in(client) == 303 and "__Host-camwatch" in client.cookies
            return False

        assert await asked(first)
        assert not await asked(second)
        cert_file.write_bytes(second.server_cert.read_bytes())
        key_file.write_bytes(second.server_key.read_bytes())
        await daemon.says("certificate reloaded")
        assert await asked(second)


async def test_the_token_of_the_metrics_can_be_changed_while_it_runs(
    tmp_path: Path, mosquitto: Mosquitto, fleet: Path
) -> None:
    token = tmp_path / "metrics-token"
    token.write_text("the first of two tokens\n")
    settings = config(fleet, broker(mosquitto.url)).replace(
        "[http]\n", f'[http]\nmetrics_token_file = "{token}"\n'
    )
    async with running(tmp_path, settings) as daemon:
        one, two = ({"authorization": f"Bearer the {number} of two tokens"} for number in ("first", "second"))
        async with client_of(daemon) as client:
            assert (await client.get("/metrics")).status_code == 401
            assert (await client.get("/metrics", headers=one)).status_code == 200
            token.write_text("the second of two tokens")
            await daemon.says("metrics token reloaded")
            assert (await client.get("/metrics", headers=one)).status_code == 401
            assert (await client.get("/metrics", headers=two)).status_code == 200
