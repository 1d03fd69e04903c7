"""Mosquitto as it is deployed: deploy/mosquitto's own files, moved to a folder and a free port."""

from __future__ import annotations

import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiomqtt

from tests.support.mosquitto import Mosquitto
from tests.support.paths import ROOT

DEPLOY = ROOT / "deploy"


def make_accounts(fleet: Path, secrets: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Run deploy/mosquitto/generate-accounts.py, and return how it went."""
    script = str(DEPLOY / "mosquitto/generate-accounts.py")
    command = [sys.executable, script, "--fleet", str(fleet), "--folder", str(secrets), *more]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def make_certificate(secrets: Path, *names: str) -> None:
    """Run deploy/mosquitto/generate-certificates.sh."""
    subprocess.run(
        [DEPLOY / "mosquitto/generate-certificates.sh", secrets, *names], check=True, capture_output=True
    )


@dataclass
class Deployed:
    """The broker, and the folder of its accounts and certificates."""

    mosquitto: Mosquitto
    secrets: Path

    @classmethod
    def at(cls, folder: Path, fleet: Path) -> Deployed:
        """Make accounts and certificate for this fleet, and the broker's files; nothing runs yet."""
        secrets = folder / "secrets"
        made = make_accounts(fleet, secrets)
        assert made.returncode == 0, made.stderr
        make_certificate(secrets, "127.0.0.1", "localhost")
        mosquitto = Mosquitto(folder / "mosquitto")
        text = (DEPLOY / "mosquitto/mosquitto.conf").read_text()
        for place, moved in (
            ("/etc/mosquitto/private/", f"{secrets}/mosquitto/"),
            ("listener 8883\n", f"listener {mosquitto.port} 127.0.0.1\n"),
            ("log_dest stderr\n", f"log_dest file {mosquitto.folder}/mosquitto.log\n"),
        ):
            assert place in text, place
            text = text.replace(place, moved)
        mosquitto._file.write_text(f"user root\npersistence_location {mosquitto.folder}/\n{text}")
        mosquitto.url = f"mqtts://127.0.0.1:{mosquitto.port}"
        return cls(mosquitto, secrets)

    @property
    def ca_file(self) -> Path:
        """The authority that cameras are told to trust."""
        return self.secrets / "cameras/ca.pem"

    def name(self, user: str) -> str:
        """Return the name of an account: the one drawn for a daemon, by its client id; others as they are."""
        if user not in ("camwatch", "camwatch-b"):
            return user
        return (
            (self.secrets / "camwatch" / f"mqtt-username{user.removeprefix('camwatch')}").read_text().strip()
        )

    def password(self, user: str) -> str:
        """Return the password of an account."""
        if user in ("camwatch", "camwatch-b"):
            name = "mqtt-password" + user.removeprefix("camwatch")
            return (self.secrets / "camwatch" / name).read_text().strip()
        lines = (self.secrets / "cameras/accounts").read_text().splitlines()
        return dict(line.split(":", 1) for line in lines)[user]

    @asynccontextmanager
    async def session(self, user: str | None, **options: Any) -> AsyncIterator[aiomqtt.Client]:
        """Open a session as `user`, with its password and the right authority unless `options` differ."""
        told: dict[str, Any] = {
            "username": None if user is None else self.name(user),
            "password": None if user is None else self.password(user),
            "identifier": None if user is None else user.rpartition("/")[2],  # as camwatch and cameras do
            "tls_context": ssl.create_default_context(cafile=self.ca_file),
            "protocol": aiomqtt.ProtocolVersion.V5,
            "timeout": 10,
        }
        async with aiomqtt.Client("127.0.0.1", self.mosquitto.port, **(told | options)) as client:
            yield client
