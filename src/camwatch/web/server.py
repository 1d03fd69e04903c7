"""The HTTP server: sockets, and uvicorn in the daemon's own event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from camwatch.errors import ConfigurationError, Fault


def listen_on(host: str, port: int) -> socket.socket:
    """Open the listening socket, before anything else starts.

    Raises ConfigurationError when the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(128)
    except OSError as error:
        sock.close()
        place = f"[{host}]:{port}" if family == socket.AF_INET6 else f"{host}:{port}"
        problem = f"cannot listen on {place}: {error.strerror or error}; choose a free address"
        raise ConfigurationError((Fault("http.listen", problem),)) from None
    sock.setblocking(False)
    return sock


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers (signals stay the daemon's) that tells when it serves."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.serving = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self.serving.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HttpServer:
    """Serves the application on an open socket, from `run` until `stop`."""

    def __init__(self, site: ASGIApp, sock: socket.socket) -> None:
        self._sock = sock
        self._server = _Server(
            uvicorn.Config(
                site,
                log_config=None,
                access_log=False,
                lifespan="off",
                server_header=False,
                timeout_graceful_shutdown=2,
                limit_concurrency=1000,
            )
        )

    async def serving(self) -> None:
        """Wait until requests are answered."""
        await self._server.serving.wait()

    async def run(self) -> None:
        """Serve until stopped."""
        await self._server.serve(sockets=[self._sock])

    def stop(self) -> None:
        """Finish the requests under way, for at most two seconds, and let `run` return."""
        self._server.should_exit = True
