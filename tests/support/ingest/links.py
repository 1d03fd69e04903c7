"""Brokers with every kind of listener, and links that run and stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from camwatch.ingest.factory import make_link
from camwatch.ingest.link import LinkSettings
from camwatch.ingest.supervisor import Supervisor
from tests.support.eventually import eventually_blocking
from tests.support.mosquitto import Mosquitto, accepts_at, free_port
from tests.support.pace import PATIENCE_S
from tests.support.recording_receiver import RecordingReceiver, real_clock
from tests.support.tls import Authority

FILTERS = ("camwatch/v1/+/+/heartbeat", "camwatch/v1/+/+/status")
HEARTBEAT = "camwatch/v1/ville/cam-0001/heartbeat"
STATUS = "camwatch/v1/ville/cam-0001/status"


@dataclass(frozen=True)
class Kind:
    """One way to reach a broker: a protocol version over a transport."""

    protocol: str
    scheme: str

    def __str__(self) -> str:
        return f"{self.protocol}-{self.scheme}"


EVERY_KIND = tuple(
    Kind(*pair)
    for pair in (
        ("5", "mqtt"), ("5", "mqtts"), ("5", "ws"), ("5", "wss"),
        ("3.1.1", "mqtt"), ("3.1.1", "mqtts"), ("3.1.1", "ws"), ("3.1.1", "wss"),
    )
)  # fmt: skip
REPRESENTATIVE = (Kind("5", "mqtt"), Kind("5", "mqtts"), Kind("3.1.1", "mqtt"), Kind("5", "wss"))
BOTH_LINKS = (Kind("5", "mqtt"), Kind("3.1.1", "mqtt"))


class Broker(Mosquitto):
    """A Mosquitto that listens with and without TLS, for MQTT and for WebSocket, and keeps its sessions."""

    def __init__(self, folder: Path, authority: Authority, config: str = "allow_anonymous true") -> None:
        self.authority = authority
        self._ports = dict(zip(("mqtt", "mqtts", "ws", "wss"), (free_port() for _ in range(4)), strict=True))
        super().__init__(
            folder,
            f"{authority.listener(self._ports['mqtts'], client_certificate=True)}"
            f"listener {self._ports['ws']} 127.0.0.1\nprotocol websockets\n"
            f"{authority.listener(self._ports['wss'])}protocol websockets\n"
            f"persistence true\npersistence_location {folder}/\n"
            f"autosave_on_changes true\nautosave_interval 1\nmax_queued_messages 0\n{config}",
            self._ports["mqtt"],
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def start(self) -> None:
        """Start the broker and wait until every listener accepts connections: WebSocket comes last."""
        super().start()
        eventually_blocking(lambda: all(map(accepts_at, self._ports.values())), saw=self.log)

    def settings(self, kind: Kind, **changes: Any) -> LinkSettings:
        """Return settings that lead to this broker, quick to retry."""
        told: dict[str, Any] = {
            "name": "main", "scheme": kind.scheme, "host": "127.0.0.1", "port": self._ports[kind.scheme],
            "protocol": kind.protocol, "client_id": "camwatch-test", "filters": FILTERS,
            "ping_after_s": 5.0, "connect_timeout_s": 10.0, "reconnect_min_s": 0.02, "reconnect_max_s": 0.1,
        }  # fmt: skip
        if kind.scheme in ("mqtts", "wss"):
            told["ca_file"] = self.authority.ca_file
        if kind.scheme == "mqtts":
            told |= {"cert_file": self.authority.client_cert, "key_file": self.authority.client_key}
        return LinkSettings(**(told | changes))


@asynccontextmanager
async def running(
    settings: LinkSettings, receiver: RecordingReceiver, *, alone: bool = True
) -> AsyncIterator[Supervisor]:
    """Run the link for these settings, stop it, and see that it leaves no task behind.

    That can be seen only where nothing else of the test makes tasks: `alone`.
    """
    before = asyncio.all_tasks()
    link = make_link(settings, receiver, real_clock)
    task = asyncio.create_task(link.run(), name="the test's link")
    try:
        yield link
    finally:
        async with asyncio.timeout(PATIENCE_S):
            await link.stop()
            await task
    assert not alone or asyncio.all_tasks() - before == set()
