"""What a request carries, read whole before anybody acts on it: not too much, and not too slowly."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs

from starlette.types import Message, Receive

from camwatch.web.problems import Problem

MOST_BYTES = 256 * 1024
"""The largest body of a request; a correction has some hundred bytes."""


class LeftError(Exception):
    """The client left before it had said everything."""


async def read(receive: Receive, length: str, within_s: float) -> bytes:
    """Return the body. Raises Problem for one that is too large or too slow, LeftError."""
    if length.isdecimal() and int(length) > MOST_BYTES:
        raise _too_large()
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(within_s):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise LeftError
                part = message.get("body", b"")
                size += len(part)
                if size > MOST_BYTES:
                    raise _too_large()
                parts.append(part)
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError:
        problem = Problem(
            408, f"the body did not arrive within {within_s:g} s", headers={"connection": "close"}
        )
        raise problem from None


def again(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives a body that was read, then what comes after it."""
    told = False

    async def receive_again() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again


def form_field(body: bytes, content_type: str, name: str) -> str:
    """Return a field of a form as browsers send it; empty if there is none."""
    if content_type.partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        return ""
    try:
        fields = parse_qs(body.decode(), max_num_fields=200)
    except ValueError:
        return ""
    return fields.get(name, [""])[0]


def _too_large() -> Problem:
    kib = MOST_BYTES // 1024
    return Problem(413, f"a request carries {kib} KiB at most")
