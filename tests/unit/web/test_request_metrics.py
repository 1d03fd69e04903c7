"""What is counted of requests: `web.request_metrics`."""

from __future__ import annotations

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from camwatch.web.request_metrics import RequestMetrics


async def _answer(request: Request) -> PlainTextResponse:
    return PlainTextResponse("", status_code=int(request.query_params.get("code", "200")))


async def _client(metrics: RequestMetrics) -> httpx.AsyncClient:
    routes = [Route("/x", _answer), Route("/api/v1/events", _answer)]
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(metrics.wrap(Starlette(routes=routes))), base_url="http://camwatch"
    )


async def test_responses_are_counted_by_code_and_durations_by_bucket() -> None:
    metrics = RequestMetrics()
    async with await _client(metrics) as client:
        for code in ("200", "200", "403"):
            await client.get("/x", params={"code": code})
        await client.get("/none")
    assert metrics.responses == {"200": 2, "403": 1, "404": 1}
    assert sum(metrics.durations) == 4
    assert metrics.total_s > 0


async def test_the_duration_of_an_event_stream_is_not_counted() -> None:
    metrics = RequestMetrics()
    async with await _client(metrics) as client:
        await client.get("/api/v1/events")
    assert metrics.responses == {"200": 1}
    assert sum(metrics.durations) == 0
