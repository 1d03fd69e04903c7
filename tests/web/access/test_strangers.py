"""What those may cost who have not said who they are: counted in bytes and calls, not in time."""

from __future__ import annotations

from sys import setprofile
from urllib.parse import quote

import pytest

from camwatch.web.access.body import MOST_STRANGE_BYTES
from tests.web.access.doorway import PASSWORD, accounts, doorway
from tests.web.access.test_door import raw


def posted(length: int, body: bytes = b"") -> bytes:
    """Return a form of the login that tells a length and sends what it sends."""
    return (
        b"POST /login HTTP/1.1\r\nHost: x\r\nSec-Fetch-Site: same-origin\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n" % length
    ) + body


async def test_who_has_to_wait_is_told_so_before_a_byte_of_the_form_is_read() -> None:
    """The form never comes, and still there is an answer."""
    async with doorway(accounts()) as door:
        for number in range(20):
            door.access.attempts.begin(f"name{number}", "127.0.0.1")
        status, head, _ = await raw(door, posted(8000))
        assert status == 429
        assert "retry-after: " in head.lower()


@pytest.mark.parametrize("length", [MOST_STRANGE_BYTES + 1, 255 * 1024])
async def test_a_form_of_a_stranger_is_refused_by_its_length_before_it_is_read(length: int) -> None:
    async with doorway(accounts()) as door:
        assert (await raw(door, posted(length)))[0] == 413
        start = posted(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
        chunk = b"1000\r\n" + b"a" * 4096 + b"\r\n"
        assert (await raw(door, start + chunk * 3))[0] == 413, "it never ends, and is not waited for"


async def test_a_form_is_taken_apart_once() -> None:
    form = f"name=chief&password={quote(PASSWORD)}&next=/who&x={'%41' * 2000}".encode()
    calls = 0

    def note(frame: object, event: str, _what: object) -> None:
        nonlocal calls
        code = getattr(frame, "f_code", None)
        calls += event == "call" and code is not None and code.co_name == "parse_qsl"

    async with doorway(accounts()) as door:
        setprofile(note)
        try:
            status, head, _ = await raw(door, posted(len(form), form))
        finally:
            setprofile(None)
        assert (status, calls) == (303, 1)
        assert "location: /who" in head.lower()
        many = form + b"&y=" * 12
        assert (await raw(door, posted(len(many), many)))[0] == 401, "of so many fields none is read"
