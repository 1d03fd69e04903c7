"""The HTTP server: uvicorn in the daemon's event loop."""

from __future__ import annotations

import errno
import socket

import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from camwatch.errors import ConfigError, ConfigProblem, InUseError
from camwatch.web.auth import paths
from camwatch.web.connection_limits import (
    HEADER_TIMEOUT_S,
    MAX_HEAD_BYTES,
    RESERVED,
    Each,
    IdleConnections,
    Pays,
    Server,
    TlsCertificate,
    connections_allowed,
)

GRACE_S = 2
"""Seconds that a stop waits for requests in progress."""

_FIRST = frozenset({*paths.PROBES, paths.METRICS})  # authorized later
_FULL = PlainTextResponse(
    "too many connections: try again\n", 503, {"connection": "close", "retry-after": "5"}
)


def listen_on(host: str, port: int) -> socket.socket:
    """Open the listening socket.

    Raises InUseError if the address is in use, ConfigError if it cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only if the protocol is given as TCP; otherwise the body of each further
    # response on a connection waits some 40 ms for the acknowledgement of its head.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(128)
    except OSError as error:
        sock.close()
        place = f"[{host}]:{port}" if family == socket.AF_INET6 else f"{host}:{port}"
        problem = f"cannot listen on {place}: {error.strerror or error}; choose a free address"
        if error.errno == errno.EADDRINUSE:
            raise InUseError(f"http.listen: {problem}") from None
        raise ConfigError((ConfigProblem("http.listen", problem),)) from None
    sock.setblocking(False)
    return sock


class HttpServer:
    """Serves the application on an open socket, from `run` until `stop`."""

    def __init__(
        self,
        site: ASGIApp,
        sock: socket.socket,
        certificate: TlsCertificate | None = None,
        *,
        within_s: float = HEADER_TIMEOUT_S,
        most: int | None = None,
        each: Each = lambda _address: None,
        pays: Pays = lambda _address: True,
        root_path: str = "",
    ) -> None:
        self._sock = sock
        most = most or connections_allowed()
        config = uvicorn.Config(
            self._rationed(site, most, root_path),
            log_config=None,
            log_level="error",  # it warns of each bad request: clients could fill the log
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            proxy_headers=False,  # `web.auth.proxy_headers` reads them
            timeout_graceful_shutdown=GRACE_S,
            h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        )
        self._server = Server(config, certificate, within_s, IdleConnections(most, each), pays)

    def _rationed(self, site: ASGIApp, most: int, root_path: str) -> ASGIApp:
        """Refuse requests above the connection limit; probes and metrics may use the reserve."""
        reserved = min(RESERVED, most // 8)

        async def rationed(scope: Scope, receive: Receive, send: Send) -> None:
            first = scope.get("path", "").removeprefix(root_path) in _FIRST  # a proxy may have removed it
            if len(self._server.server_state.connections) > (most if first else most - reserved):
                await _FULL(scope, receive, send)
            else:
                await site(scope, receive, send)

        return rationed

    async def serving(self) -> None:
        """Wait until the server answers requests."""
        await self._server.serving.wait()

    async def run(self) -> None:
        """Serve until stopped."""
        await self._server.serve(sockets=[self._sock])

    def stop(self) -> None:
        """Finish requests in progress, for at most `GRACE_S`, and let `run` return."""
        self._server.should_exit = True
