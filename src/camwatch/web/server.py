"""The HTTP server: sockets, and uvicorn in the daemon's own event loop."""

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
"""How long requests under way may take once the server is asked to stop."""

_FIRST = frozenset({*paths.PROBES, paths.METRICS})  # the door lets in who may
_FULL = PlainTextResponse(
    "too many connections: try again\n", 503, {"connection": "close", "retry-after": "5"}
)


def listen_on(host: str, port: int) -> socket.socket:
    """Open the listening socket, before anything else starts.

    Raises ConfigError when the address cannot be had, InUseError when that may pass.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends at once (TCP_NODELAY) only what it is told to be TCP; else the body of each further answer
    # on a connection waits some 40 ms, for the other side to acknowledge the head.
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
            log_level="error",  # it warns of each bad request, and whoever sends them would fill the log
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            proxy_headers=False,  # `web.auth` believes those that settings name, and nobody else
            timeout_graceful_shutdown=GRACE_S,
            h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        )
        self._server = Server(config, certificate, within_s, IdleConnections(most, each), pays)

    def _rationed(self, site: ASGIApp, most: int, root_path: str) -> ASGIApp:
        """Refuse requests when there are too many connections: those of probes and Prometheus last."""
        reserved = min(RESERVED, most // 8)

        async def rationed(scope: Scope, receive: Receive, send: Send) -> None:
            first = scope.get("path", "").removeprefix(root_path) in _FIRST  # a proxy may have done so
            if len(self._server.server_state.connections) > (most if first else most - reserved):
                await _FULL(scope, receive, send)
            else:
                await site(scope, receive, send)

        return rationed

    async def serving(self) -> None:
        """Wait until requests are answered."""
        await self._server.serving.wait()

    async def run(self) -> None:
        """Serve until stopped."""
        await self._server.serve(sockets=[self._sock])

    def stop(self) -> None:
        """Finish the requests under way, for at most `GRACE_S`, and let `run` return."""
        self._server.should_exit = True
