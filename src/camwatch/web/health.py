"""The routes `/metrics`, `/-/healthy` and `/-/ready`."""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from collections.abc import AsyncGenerator, Callable, Generator

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from camwatch.web.auth import hears_all
from camwatch.web.context import RenderMetrics

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_SEND_BYTES = 64 * 1024


def probes(render: RenderMetrics, unready: Callable[[], list[str]]) -> list[Route]:
    """Return the routes. `unready` returns why the daemon is not ready, one line per reason.

    Reasons name hosts, users and paths: other clients get only their kinds (see `hears_all`).
    """

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

    async def ready(request: Request) -> Response:
        reasons = unready()
        if reasons:
            if not hears_all(request):
                reasons = ["not ready", *sorted({_kind(reason) for reason in reasons})]
            return PlainTextResponse("".join(f"{reason}\n" for reason in reasons), status_code=503)
        return PlainTextResponse("camwatch is ready\n")

    return [
        Route("/metrics", metrics),
        Route("/-/healthy", healthy),
        Route("/-/ready", ready),
    ]


def _kind(reason: str) -> str:
    """Return the first word of a reason: what is not ready."""
    return reason.partition(" ")[0].partition(":")[0]


def _wants_openmetrics(accept: list[str]) -> bool:
    wanted = _qualities(accept)
    openmetrics = wanted.get("application/openmetrics-text", 0.0)
    return openmetrics > 0 and openmetrics >= wanted.get("text/plain", 0.0)


def _accepts_gzip(accept_encoding: list[str]) -> bool:
    wanted = _qualities(accept_encoding)
    return wanted.get("gzip", wanted.get("*", 0.0)) > 0


def _qualities(headers: list[str]) -> dict[str, float]:
    """Return the quality values of an `Accept…` header, 0 to 1."""
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
    """Join pieces to chunks; yield to the event loop between pieces."""
    gathered, size = [], 0
    # When the client disconnects, close the generator at once.
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
