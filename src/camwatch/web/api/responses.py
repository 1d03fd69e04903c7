"""Response helpers: JSON models, and streams with a send timeout."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping

import structlog
from pydantic import BaseModel
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

SEND_TIMEOUT_S = 30.0
"""Timeout for sending one piece of a stream, seconds."""

_log = structlog.get_logger("window")


def json_response(view: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a model as JSON, without validating it again."""
    return Response(view.model_dump_json(), status, headers, media_type="application/json")


async def prefetch_first(pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """Fetch the first piece, so that an error at the start still becomes a problem response."""
    first = await anext(pieces, b"")

    async def all_of_them() -> AsyncGenerator[bytes]:
        try:
            yield first
            async for piece in pieces:
                yield piece
        finally:
            await pieces.aclose()

    return all_of_them()


class StreamResponse(Response):
    """A streamed response; closes its source at once if the client disconnects or reads too slowly."""

    def __init__(
        self,
        pieces: AsyncGenerator[bytes] | AsyncIterator[bytes],
        media_type: str,
        headers: Mapping[str, str] | None = None,
        status_code: int = 200,
    ) -> None:
        self._pieces = pieces
        self.status_code = status_code
        self.media_type = media_type
        self.background = None
        self.init_headers(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the pieces until they end or the client disconnects."""
        sending = asyncio.create_task(self._send(send), name="stream")
        leaving = asyncio.create_task(_left(receive), name="client")
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, leaving):
                task.cancel()
            results = await asyncio.gather(sending, leaving, return_exceptions=True)
            close = getattr(self._pieces, "aclose", None)
            if close is not None:
                await close()
        if isinstance(results[0], TimeoutError):
            _log.info("slow client disconnected", path=scope["path"])
        elif isinstance(results[0], Exception) and not isinstance(results[0], OSError):
            raise results[0]

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for piece in self._pieces:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
