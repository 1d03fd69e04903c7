"""The real server on a free port, as the daemon runs it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable

import httpx

from camwatch.web.server import Export, HttpServer, Render, listen_on, make_site

_UNUSED = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # saves every client the reading of all authorities


def ours(text: str) -> str:
    """Return an exposition without what differs from one moment to the next for reasons of the process."""
    return "".join(line for line in text.splitlines(keepends=True) if "process_" not in line)


async def leave(writer: asyncio.StreamWriter) -> None:
    """Go away without a word, as a client that is killed does."""
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


@contextlib.asynccontextmanager
async def serving(
    render: Render,
    unready: Callable[[], list[str]] = list,
    export: Export = lambda _begin, _end: iter(()),
) -> AsyncIterator[httpx.AsyncClient]:
    """Serve `render` while the context lasts, and give a client; it asks for no encoding by itself."""
    sock = listen_on("127.0.0.1", 0)
    server = HttpServer(make_site(render, unready, export), sock)
    url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.run())
        async with httpx.AsyncClient(
            base_url=url, timeout=30, headers={"accept-encoding": ""}, verify=_UNUSED
        ) as client:
            try:
                yield client
            finally:
                server.stop()
