"""The HTTP server: metrics and health, by Starlette under uvicorn in the daemon's own event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import zlib
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Sequence

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from camwatch.errors import ConfigurationError, Fault
from camwatch.web.connections import MOST_HEAD_BYTES, Certificate, Server, connections_allowed

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_SEND_BYTES = 64 * 1024

Render = Callable[[bool], Generator[str]]
"""Give the exposition in small pieces; the argument asks for OpenMetrics."""


Export = Callable[[int, int], Iterator[bytes]]
"""Give the record of [begin, end), UTC milliseconds, as JSON lines; it waits for the store."""


def make_site(
    render: Render, unready: Callable[[], list[str]], export: Export, more: Sequence[BaseRoute] = ()
) -> Starlette:
    """Build the application. `unready` says why the daemon is not ready, a line a reason."""

    async def metrics(request: Request) -> Response:
        openmetrics = _wants_openmetrics(request.headers.getlist("accept"))
        headers = {"content-type": OPENMETRICS if openmetrics else TEXT, "vary": "accept, accept-encoding"}
        pieces = _in_turns(render(openmetrics))
        if _accepts_gzip(request.headers.getlist("accept-encoding")):
            headers["content-encoding"] = "gzip"
            pieces = _gzipped(pieces)
        return StreamingResponse(pieces, headers=headers)

    async def healthy(_request: Request) -> Response:
        return PlainTextResponse("camwatch runs\n")

    async def ready(_request: Request) -> Response:
        reasons = unready()
        if reasons:
            return PlainTextResponse("".join(f"{reason}\n" for reason in reasons), status_code=503)
        return PlainTextResponse("camwatch is ready\n")

    async def history(request: Request) -> Response:
        try:
            begin, end = (int(request.query_params[name]) for name in ("from", "to"))
        except (KeyError, ValueError):
            return PlainTextResponse("from, to: give UTC milliseconds\n", status_code=422)
        # An iterator that is not asynchronous is drawn from in threads: the store keeps no loop waiting.
        return StreamingResponse(export(begin, end), media_type="application/x-ndjson")

    async def index(_request: Request) -> Response:
        return PlainTextResponse("camwatch\n\n/metrics\n/-/healthy\n/-/ready\n/api/v1/history\n")

    return Starlette(
        routes=[
            Route("/", index),
            Route("/metrics", metrics),
            Route("/-/healthy", healthy),
            Route("/-/ready", ready),
            Route("/api/v1/history", history),
            *more,
        ]
    )


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


class HttpServer:
    """Serves the application on an open socket, from `run` until `stop`."""

    def __init__(self, site: ASGIApp, sock: socket.socket, certificate: Certificate | None = None) -> None:
        self._sock = sock
        config = uvicorn.Config(
            site,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            proxy_headers=False,  # `web.access` believes those that settings name, and nobody else
            timeout_graceful_shutdown=2,
            h11_max_incomplete_event_size=MOST_HEAD_BYTES,
            limit_concurrency=connections_allowed(),
        )
        self._server = Server(config, certificate)

    async def serving(self) -> None:
        """Wait until requests are answered."""
        await self._server.serving.wait()

    async def run(self) -> None:
        """Serve until stopped."""
        await self._server.serve(sockets=[self._sock])

    def stop(self) -> None:
        """Finish the requests under way, for at most two seconds, and let `run` return."""
        self._server.should_exit = True


def _wants_openmetrics(accept: list[str]) -> bool:
    wanted = _qualities(accept)
    openmetrics = wanted.get("application/openmetrics-text", 0.0)
    return openmetrics > 0 and openmetrics >= wanted.get("text/plain", 0.0)


def _accepts_gzip(accept_encoding: list[str]) -> bool:
    wanted = _qualities(accept_encoding)
    return wanted.get("gzip", wanted.get("*", 0.0)) > 0


def _qualities(headers: list[str]) -> dict[str, float]:
    """Return how much a client wants each thing that its `Accept…` headers name, 0 (not at all) to 1."""
    wanted: dict[str, float] = {}
    for part in ",".join(headers).lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip() == "q":
                with contextlib.suppress(ValueError):
                    quality = float(value)
        wanted[name] = max(quality, wanted.get(name, 0.0))
    return wanted


async def _in_turns(pieces: Generator[str]) -> AsyncGenerator[bytes]:
    """Gather pieces into sizeable chunks, letting the event loop run between pieces."""
    gathered, size = [], 0
    # When the client leaves, the rendering is let go at once, and not whenever it is collected.
    with contextlib.closing(pieces):
        for piece in pieces:
            encoded = piece.encode()
            gathered.append(encoded)
            size += len(encoded)
            if size >= _SEND_BYTES:
                yield b"".join(gathered)
                gathered, size = [], 0
            await asyncio.sleep(0)
    yield b"".join(gathered)


async def _gzipped(chunks: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    packer = zlib.compressobj(level=1, wbits=31)
    async with contextlib.aclosing(chunks):
        async for chunk in chunks:
            packed = packer.compress(chunk)
            if packed:
                yield packed
    yield packer.flush()
