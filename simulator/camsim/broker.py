"""The broker: its address and accounts, its clients, the causes of their errors, and its restart."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiomqtt

from camsim.disconnects import careful
from camsim.errors import BrokerError
from camsim.fleet import Fleet, PlayedCamera
from camsim.text_file import read_text

_quiet = logging.getLogger("camsim.mqtt")
_quiet.setLevel(logging.CRITICAL)  # paho's errors are raised as exceptions as well
_PORTS = {"mqtt": 1883, "mqtts": 8883}
_FATAL_CODES = {
    132: "the broker does not speak MQTT 3.1.1",
    134: "the broker refuses the user name or the password: check --username and --password-file",
    135: "the broker does not authorise the cameras: check --username, --password-file and its access list",
}
_UNKNOWN_HOST = "the host name is not known: correct --broker ({text})"
_PROBLEMS = {
    "CERTIFICATE_VERIFY_FAILED": "the broker's certificate is not trusted: give the authority that signed it "
    "with --ca-file, and the host name that it names ({text})",
    "Connection refused": "nobody listens there: start the broker, or correct --broker",
    "ame or service not known": _UNKNOWN_HOST,
    "name resolution": _UNKNOWN_HOST,
    "timed out": "the broker does not answer: "
    "is it frozen, behind a firewall, or does it want TLS (mqtts://)?",
    "Disconnected": "sessions were lost "
    "(the broker stopped, or another client took a camera's id): reconnecting",
}
"""By a part of the MQTT library's text."""


@dataclass(frozen=True, slots=True)
class Broker:
    """One broker and its credentials. `keep_alive_s` is in whole seconds.

    With `accounts` (passwords by user) each camera is its own user, `operator/camera`; otherwise all are
    `username`.
    """

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    keep_alive_s: int = 30
    accounts: Mapping[str, str] | None = field(default=None, repr=False)

    @property
    def place(self) -> str:
        """Host and port."""
        return f"{self.host}:{self.port}"

    def must_know(self, fleet: Fleet) -> None:
        """Raise BrokerError if a camera of the fleet has no account."""
        if self.accounts is not None:
            missing = [user for user in map(_user_of, fleet.cameras) if user not in self.accounts]
            if missing:
                raise BrokerError(
                    f"--accounts lacks {len(missing)} of the fleet's cameras: {missing[0]} first"
                )

    def client(self, camera: PlayedCamera, will: aiomqtt.Will, answer_s: float) -> aiomqtt.Client:
        """Return a client for a new session of a camera, with MQTT 3.1.1, which every broker supports.

        It fails if the broker does not answer for `answer_s` seconds.
        """
        username, password = self.username, self.password
        if self.accounts is not None:
            username = _user_of(camera)
            password = self.accounts[username]
        session = {"will": will, "keepalive": self.keep_alive_s, "timeout": answer_s}
        return self._client(camera.id, username, password, protocol=aiomqtt.ProtocolVersion.V311, **session)

    def foreign_client(self, name: str) -> aiomqtt.Client:
        """Return a client that is not a camera, named `camsim-{name}`."""
        return self._client(f"camsim-{name}", self.username, self.password)

    def _client(
        self, identifier: str, username: str | None, password: str | None, **more: Any
    ) -> aiomqtt.Client:
        return careful(
            aiomqtt.Client(
                self.host,
                self.port,
                identifier=identifier,
                logger=_quiet,
                username=username,
                password=password,
                tls_context=self.tls,
                **more,
            )
        )


def broker_at(
    url: str,
    *,
    username: str | None = None,
    password_file: Path | None = None,
    ca_file: Path | None = None,
    accounts_file: Path | None = None,
    keep_alive_s: int = 30,
) -> Broker:
    """Return the broker at `mqtt://host:port` or `mqtts://host:port`. Raises BrokerError."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise BrokerError(f"broker {url!r}: {error}") from None
    if parts.scheme not in _PORTS or not host or parts.path not in ("", "/") or parts.username:
        raise BrokerError(f"broker {url!r}: write mqtt://HOST:PORT, or mqtts://HOST:PORT for TLS")
    if ca_file is not None and parts.scheme != "mqtts":
        raise BrokerError("--ca-file needs mqtts://")
    if password_file is not None and username is None:
        raise BrokerError("--password-file needs --username")
    if accounts_file is not None and username is not None:
        raise BrokerError("--accounts gives each camera a user of its own: leave out --username")
    return Broker(
        host=host,
        port=port or _PORTS[parts.scheme],
        tls=_tls(ca_file) if parts.scheme == "mqtts" else None,
        username=username,
        password=None if password_file is None else _secret("--password-file", password_file),
        keep_alive_s=keep_alive_s,
        accounts=None if accounts_file is None else _accounts(accounts_file),
    )


@dataclass(frozen=True, slots=True)
class Problem:
    """The cause of a failed session; `fatal` if another try does not help."""

    text: str
    fatal: bool = False


def problem_of(broker: Broker, error: aiomqtt.MqttError) -> Problem:
    """Return the cause and remedy of an error of the MQTT library, the same text for every camera."""
    if isinstance(error, aiomqtt.MqttCodeError):
        code = getattr(error.rc, "value", None)
        if isinstance(error, aiomqtt.exceptions.MqttConnectError) and code in _FATAL_CODES:
            return Problem(f"{broker.place}: {_FATAL_CODES[code]}", fatal=True)
        return Problem(f"{broker.place}: no session: {error}")
    text = str(error)
    for words, problem in _PROBLEMS.items():
        if words in text:
            return Problem(
                f"{broker.place}: {problem.format(text=text)}", words == "CERTIFICATE_VERIFY_FAILED"
            )
    return Problem(f"{broker.place}: {text}")


@dataclass(frozen=True, slots=True)
class BrokerController:
    """Shell commands that stop and start the broker. Each must return once it is done."""

    stop: str
    start: str


async def run_command(command: str) -> None:
    """Run a shell command. Raises BrokerError if it fails."""
    process = await asyncio.create_subprocess_shell(
        command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()
    if process.returncode:
        reason = errors.decode(errors="replace").strip().rpartition("\n")[2]
        raise BrokerError(f"{command!r} ended with {process.returncode}: {reason}")


def _tls(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # covers ssl.SSLError: the file is there but holds no certificate
        raise BrokerError(f"--ca-file {ca_file}: cannot be used: {error.strerror or error}") from None


def _user_of(camera: PlayedCamera) -> str:
    return f"{camera.operator}/{camera.id}"


def _accounts(file: Path) -> dict[str, str]:
    """Read lines `user:password`; a password may hold colons."""
    accounts = {}
    for number, line in enumerate(_secret("--accounts", file).splitlines(), 1):
        user, colon, password = line.partition(":")
        if not colon:
            raise BrokerError(f"--accounts {file}: line {number}: write OPERATOR/CAMERA:PASSWORD")
        accounts[user] = password
    return accounts


def _secret(option: str, file: Path) -> str:
    return read_text(file, f"{option} {file}", BrokerError).rstrip("\r\n")
