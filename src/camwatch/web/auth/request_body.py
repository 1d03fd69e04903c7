"""Reads request bodies, with a limit of size and time."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.types import Message, Receive

from camwatch.web.problems import ProblemError

MAX_BODY_BYTES = 16 * 1024
"""Maximum body of a request; the longest reason, escaped, has half of it."""
MAX_ANONYMOUS_BODY_BYTES = 8 * 1024
"""Maximum body of an anonymous request."""
_FORM = "application/x-www-form-urlencoded"


class ClientDisconnectedError(Exception):
    """The client disconnected before the body was complete."""


async def read(receive: Receive, headers: Headers, within_s: float, most: int = MAX_BODY_BYTES) -> bytes:
    """Return the body. Raises ProblemError if it is too large or too slow, ClientDisconnectedError."""
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length) > most:
        raise _too_large(most)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(within_s):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnectedError
                part = message.get("body", b"")
                size += len(part)
                if size > most:
                    raise _too_large(most)
                parts.append(part)
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError:
        problem = ProblemError(
            408, f"the body did not arrive within {within_s:g} s", headers={"connection": "close"}
        )
        raise problem from None


def replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that starts with a body that has been read."""
    replayed = False

    async def receive_again() -> Message:
        nonlocal replayed
        if replayed:
            return await receive()
        replayed = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again


def form(body: bytes, headers: Headers, most_fields: int = 200) -> dict[str, str]:
    """Return the first value of each field of a URL-encoded form; empty for other bodies."""
    if not _is_form(headers):
        return {}
    try:
        fields = parse_qs(body.decode(), max_num_fields=most_fields)
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}


def _is_form(headers: Headers) -> bool:
    return headers.get("content-type", "").partition(";")[0].strip().lower() == _FORM


def _too_large(most: int) -> ProblemError:
    return ProblemError(413, f"request body too large: at most {most // 1024} KiB")
