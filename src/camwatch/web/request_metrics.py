"""Counts and durations of HTTP requests."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from camwatch.metrics.daemon_families import REQUEST_BOUNDS_S

_STREAM = "/api/v1/events"  # lasts for as long as its client wants


class RequestMetrics:
    """Counts responses by status code, and how long requests took until the last byte, in seconds.

    `durations` has one count for each of `REQUEST_BOUNDS_S` and one for what took longer. The event stream is
    counted, but its duration is not.
    """

    def __init__(self) -> None:
        self.responses = Counter({"200": 0})
        self.durations = [0] * (len(REQUEST_BOUNDS_S) + 1)
        self.total_s = 0.0

    def wrap(self, app: ASGIApp) -> ASGIApp:
        """Return an application that counts the requests of `app`."""

        async def counting(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            began = time.monotonic()

            async def send_counted(message: Message) -> None:
                if message["type"] == "http.response.start":
                    self.responses[str(message["status"])] += 1
                await send(message)

            try:
                await app(scope, receive, send_counted)
            finally:
                if not scope["path"].endswith(_STREAM):
                    self._observe(time.monotonic() - began)

        return counting

    def _observe(self, duration_s: float) -> None:
        self.durations[bisect_left(REQUEST_BOUNDS_S, duration_s)] += 1
        self.total_s += duration_s
