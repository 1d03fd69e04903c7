"""The real server on a free port, as the daemon runs it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import httpx
from starlette.types import ASGIApp

from camwatch.monitoring.service import MonitorService
from camwatch.services.corrections import CorrectionService
from camwatch.services.history import HistoryService
from camwatch.web.application import make_site
from camwatch.web.context import AppContext, RenderMetrics
from camwatch.web.event_stream import EventStream
from camwatch.web.server import HttpServer, listen_on
from camwatch.web.telemetry_samples import TelemetrySamples
from camwatch.web.thread_pool import ThreadPool
from tests.support.fleet import camera
from tests.support.monitor_fixture import City, registered
from tests.support.pace import PATIENCE_S

_UNUSED = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # saves every client the reading of all authorities


def ours(text: str) -> str:
    """Return an exposition without what differs from one moment to the next for reasons of the process."""
    return "".join(line for line in text.splitlines(keepends=True) if "process_" not in line)


async def leave(writer: asyncio.StreamWriter) -> None:
    """Go away without a word, as a client that is killed does."""
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


class _Unready:
    """A daemon that is unready for reasons that the test gives."""

    def __init__(self, watcher: MonitorService, unready: Callable[[], list[str]]) -> None:
        self._watcher = watcher
        self._unready = unready

    @property
    def not_ready_reasons(self) -> list[str]:
        """The reasons."""
        return self._unready()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._watcher, name)


def bare_site(render: RenderMetrics, unready: Callable[[], list[str]] = list) -> ASGIApp:
    """Return the application over a city of one camera, without a record."""
    return site_over(cast("MonitorService", _Unready(City(registered([camera()])).watcher, unready)), render)


def site_over(live: MonitorService, render: RenderMetrics) -> ASGIApp:
    """Return the application over a fleet, without a record."""
    return make_site(parts_over(live, render))


def parts_over(live: MonitorService, render: RenderMetrics) -> AppContext:
    """Return what the window is made of, over a fleet without a record."""
    return AppContext(
        live,
        cast("HistoryService", None),
        cast("CorrectionService", None),
        EventStream(live),
        TelemetrySamples(live),
        ThreadPool(),
        render,
        lambda: None,
    )


@contextlib.asynccontextmanager
async def serving(
    render: RenderMetrics, unready: Callable[[], list[str]] = list
) -> AsyncIterator[httpx.AsyncClient]:
    """Serve `render` while the context lasts, and give a client; it asks for no encoding by itself."""
    async with serving_site(bare_site(render, unready)) as client:
        yield client


@contextlib.asynccontextmanager
async def serving_site(site: ASGIApp) -> AsyncIterator[httpx.AsyncClient]:
    """Serve an application while the context lasts, and give a client."""
    sock = listen_on("127.0.0.1", 0)
    server = HttpServer(site, sock)
    url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.run())
        async with httpx.AsyncClient(
            base_url=url, timeout=PATIENCE_S, headers={"accept-encoding": ""}, verify=_UNUSED
        ) as client:
            try:
                yield client
            finally:
                server.stop()
