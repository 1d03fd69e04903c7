"""The steps of docs/how-to/access.md: a landlord gets an account and sees only its own cameras."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import subprocess
import sys
import tomllib
from functools import partial
from pathlib import Path

import pytest

from camsim.score.observations import from_api
from camwatch.settings import load_settings
from tests.e2e.test_access import PASSWORD, client_of
from tests.support.daemon import broker, config, running
from tests.support.eventually import eventually
from tests.support.mosquitto import Mosquitto, program
from tests.support.paths import ROOT, blocks
from tests.support.tables import camera, cameras, operator, write_fleet

PAGE = (ROOT / "docs/how-to/access.md").read_text()
LINES = [line for block in blocks(PAGE, "sh") for line in block.splitlines()]
SETTINGS = blocks(PAGE, "toml")


def follow(folder: Path, beginning: str) -> str:
    """Run the page's line that begins so, in a folder; the password comes from here. Return what is said."""
    (line,) = [line for line in LINES if line.startswith(beginning)]
    words = shlex.split(line)
    asks = {"--token", "--no-password", "--change"} & set(words) == set() and words[2] == "add"
    renews = line == "camwatch accounts add sacogiva --change --config camwatch.toml"
    command = [str(Path(sys.executable).with_name("camwatch")), *words[1:]]
    done = subprocess.run(
        [*command, "--password-stdin"] if asks or renews else command,
        cwd=folder,
        input=PASSWORD,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (line, done.stderr)
    return done.stdout


async def test_a_landlord_gets_an_account_and_sees_its_cameras_and_no_others(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    rows = [*cameras(2), camera("tour-1", operator_id="sacogiva"), camera("tour-2", operator_id="sacogiva")]
    fleet = write_fleet(tmp_path / "fleet", rows, operators=[operator("ville"), operator("sacogiva")])
    settings = f"{config(fleet, broker(mosquitto.url))}\n{SETTINGS[0]}"
    (tmp_path / "camwatch.toml").write_text(settings)
    follow(tmp_path, "camwatch accounts add alice")
    async with running(tmp_path, settings) as daemon:
        follow(tmp_path, "camwatch accounts add sacogiva --role viewer")
        await daemon.says("accounts reloaded", added=["sacogiva"])
        async with client_of(daemon) as client:
            way = await client.get("/", headers={"accept": "text/html"})
            form = await client.get(way.headers["location"], headers={"accept": "text/html"})
            (action,) = re.findall(r'<form[^>]* action="([^"]*login)"', form.text)
            fields = {"name": "sacogiva", "password": PASSWORD, "next": "/"}
            came = await client.post(action, data=fields, headers={"origin": daemon.url})
            page = await client.get(came.headers["location"], headers={"accept": "text/html"})
            assert page.status_code == 200
            assert "tour-1" in page.text
            assert "cam-1" not in page.text
            listed = await client.get("/api/v1/cameras")
            assert "tour-2" in listed.text
            assert "cam-" not in listed.text
            assert (await client.get("/api/v1/cameras/cam-1")).status_code == 404
            follow(tmp_path, "camwatch accounts add sacogiva --change --config")
            await daemon.says("accounts reloaded", changed=["sacogiva"])
            assert (await client.get("/api/v1/cameras")).status_code == 401
        follow(tmp_path, "camwatch accounts add sacogiva --change --role")
        assert re.search(r"sacogiva +editor +sacogiva", follow(tmp_path, "camwatch accounts list"))
        said = follow(tmp_path, "camwatch accounts add sacogiva-export")
        await daemon.says("accounts reloaded", added=["sacogiva-export"])
        (token,) = re.findall(r"^cw_\S+$", said, re.MULTILINE)
        assert "tour-1" in await curled(daemon.url, token)
        (tmp_path / "token").write_text(f"{token}\n")
        theirs = partial(from_api, daemon.url, 0, 2**42, tmp_path / "token")
        await eventually(lambda: len(theirs().cameras) > 1)  # in the store
        assert set(theirs().cameras) == {"tour-1", "tour-2"}
        follow(tmp_path, "camwatch accounts add m.dupont")
        follow(tmp_path, "camwatch accounts revoke sacogiva")
        assert "sacogiva-export" in follow(tmp_path, "camwatch accounts list")


async def curled(url: str, token: str) -> str:
    """Run the page's line with curl."""
    (line,) = [line for line in LINES if line.startswith("curl")]
    told = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    process = await asyncio.create_subprocess_shell(
        line.replace("curl", f"{program('curl')} --silent", 1).replace("http://127.0.0.1:10458", url),
        env={**told, "TOKEN": token},
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode()


@pytest.mark.parametrize("text", SETTINGS)
def test_every_setting_of_the_page_can_be_set(text: str, tmp_path: Path) -> None:
    for secret in ("metrics-token", "http.pem", "http.key"):
        (tmp_path / secret).write_text("x" * 32)
    file = tmp_path / "camwatch.toml"
    file.write_text(text.replace("/etc/camwatch/private", str(tmp_path)))
    assert load_settings(file, {}).http.listen
    assert tomllib.loads(text).keys() <= {"http", "access"}
