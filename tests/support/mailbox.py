"""What people would get: a server for webhooks and one for mail, which write down every notification."""

from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from tests.support.eventually import eventually


@dataclass(frozen=True, slots=True)
class Notification:
    """One notification to a receiver; `at` is Unix time. `body` is a webhook's JSON."""

    at: float
    receiver: str
    authorization: str
    body: dict[str, Any]

    @property
    def status(self) -> str:
        """`firing` or `resolved`, of all its alerts together."""
        return str(self.body["status"])

    def alerts(self, status: str = "firing") -> list[dict[str, str]]:
        """Return the labels of its alerts that fire, or are resolved."""
        return [alert["labels"] for alert in self.body["alerts"] if alert["status"] == status]

    def names(self, status: str = "firing") -> list[str]:
        """Return the names of its alerts, sorted."""
        return sorted(labels["alertname"] for labels in self.alerts(status))


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail, as its reader sees it."""

    to: str
    subject: str
    text: str


@dataclass
class Mailbox:
    """All that came; `webhook` and `smarthost` are where to send it."""

    webhook: str = ""
    smarthost: str = ""
    notifications: list[Notification] = field(default_factory=list)
    chats: list[dict[str, Any]] = field(default_factory=list)
    mails: list[Mail] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._open: dict[asyncio.Task[None] | None, asyncio.StreamWriter] = {}

    async def hang_up(self) -> None:
        """End the connections that are still open, and wait for those who serve them."""
        for writer in self._open.values():
            writer.close()
        if serving := [task for task in self._open if task is not None]:
            await asyncio.wait(serving)

    @contextlib.contextmanager
    def _serving(self, writer: asyncio.StreamWriter) -> Iterator[None]:
        self._open[asyncio.current_task()] = writer
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                yield
        finally:
            writer.close()
            del self._open[asyncio.current_task()]

    def to(self, *receivers: str, since: int = 0) -> list[Notification]:
        """Return what these receivers got (none named: all), of the notifications from number `since` on."""
        return [told for told in self.notifications[since:] if not receivers or told.receiver in receivers]

    async def until(self, condition: Callable[[Mailbox], object]) -> None:
        """Wait until the condition is true."""
        await eventually(lambda: condition(self), saw=self._came)

    def _came(self) -> str:
        told = [(each.receiver, each.status, each.names(each.status)) for each in self.notifications]
        return f"{told}, mails {self.mails[-3:]}"

    # ---- webhooks

    async def hook(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take requests on one connection until the other side closes it."""
        with self._serving(writer):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                path = head.split(" ", 2)[1]
                fields = dict(line.split(": ", 1) for line in head.splitlines()[1:] if line)
                body = json.loads(await reader.readexactly(int(fields["Content-Length"])))
                self._take(path.strip("/"), fields.get("Authorization", ""), body)
                answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok"
                writer.write(answer)
                await writer.drain()

    def _take(self, receiver: str, authorization: str, body: dict[str, Any]) -> None:
        if receiver == "chat":
            self.chats.append(body)
        else:
            self.notifications.append(Notification(time.time(), receiver, authorization, body))

    # ---- mail

    async def post_office(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take mails on one connection (RFC 5321, no extension)."""

        async def say(text: str) -> None:
            writer.write(f"{text}\r\n".encode())
            await writer.drain()

        with self._serving(writer):
            await say("220 test")
            while line := (await reader.readline()).decode().strip():
                verb = line.upper()
                if verb == "DATA":
                    await say("354 go on")
                    self._deliver(await reader.readuntil(b"\r\n.\r\n"))
                if verb == "QUIT":
                    await say("221 bye")
                    break
                await say("250 ok")

    def _deliver(self, data: bytes) -> None:
        whole = data.removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n.")  # RFC 5321, 4.5.2
        message = email.message_from_bytes(whole, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        body = message.get_body(("plain",))
        assert body is not None, data
        text = str(body.get_content()).replace("\r\n", "\n")
        self.mails.append(Mail(str(message["To"]), str(message["Subject"]), text))


@asynccontextmanager
async def mailbox() -> AsyncIterator[Mailbox]:
    """Open both servers on free ports of the loopback."""
    box = Mailbox()
    async with (
        await asyncio.start_server(box.hook, "127.0.0.1", 0) as hooks,
        await asyncio.start_server(box.post_office, "127.0.0.1", 0) as post,
    ):
        box.webhook = f"http://127.0.0.1:{hooks.sockets[0].getsockname()[1]}"
        box.smarthost = f"127.0.0.1:{post.sockets[0].getsockname()[1]}"
        try:
            yield box
        finally:
            await box.hang_up()
