"""`/metrics`: formats, encodings, and clients that behave and misbehave."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Generator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from camwatch.web.context import RenderMetrics
from camwatch.web.health import OPENMETRICS, TEXT, _accepts_gzip, _qualities, _wants_openmetrics
from tests.support.fleet import camera
from tests.support.monitor_fixture import City, Scraped, registered
from tests.support.pace import PATIENCE_S
from tests.support.web.serving import leave, ours, serving

PROMETHEUS_2_42 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


def city(cameras: int = 3) -> City:
    """Return a city with an odd name in it."""
    return City(registered([camera(f"cam-{number}", name="L'Étoile") for number in range(1, cameras + 1)]))


FORMATS = {
    PROMETHEUS_2_42: OPENMETRICS,
    PROMETHEUS_3: OPENMETRICS,
    "application/openmetrics-text": OPENMETRICS,
    "Application/OpenMetrics-Text; Version=1.0.0; charset=utf-8": OPENMETRICS,
    "text/plain;q=0.5, application/openmetrics-text;q=0.5": OPENMETRICS,
    "text/plain, application/openmetrics-text;q=0.9": TEXT,
    "application/openmetrics-text;q=0, */*": TEXT,
    "application/openmetrics-textual": TEXT,
    "text/plain;version=0.0.4": TEXT,
    "text/html,*/*": TEXT,
    "*/*": TEXT,
    "": TEXT,
}


async def test_the_format_is_the_one_that_the_client_likes_best() -> None:
    told = city()
    async with serving(told.exposition.render) as client:
        for accept, wanted in FORMATS.items():
            response = await client.get("/metrics", headers={"accept": accept})
            assert response.status_code == 200
            assert response.headers["content-type"] == wanted, accept
            assert "accept" in response.headers["vary"]
            assert ours(response.text) == ours(told.text(openmetrics=wanted == OPENMETRICS))


async def test_both_formats_can_be_parsed_as_they_arrive() -> None:
    told = city()
    async with serving(told.exposition.render) as client:
        openmetrics = await client.get("/metrics", headers={"accept": PROMETHEUS_2_42})
        text = await client.get("/metrics")
    assert Scraped(openmetrics.text, openmetrics=True).ours() == Scraped(text.text).ours()


async def test_a_request_without_an_accept_header_gets_the_text_format() -> None:
    async with serving(city().exposition.render) as client:
        request = client.build_request("GET", "/metrics")
        del request.headers["accept"]
        response = await client.send(request)
    assert response.headers["content-type"] == TEXT


GZIPPED = {
    "gzip": True,
    "deflate, GZIP;q=0.5": True,
    "*": True,
    "br;q=1.0, *;q=0.1": True,
    "gzip;q=0": False,
    "gzip; q=0.000": False,
    "gzip;q=0, *": False,
    "identity": False,
    "gzipped": False,
    "": False,
}


async def test_the_answer_is_compressed_for_those_who_can_read_that() -> None:
    told = city(300)
    async with serving(told.exposition.render) as client:
        for encodings, gzipped in GZIPPED.items():
            headers = {"accept-encoding": encodings}
            async with client.stream("GET", "/metrics", headers=headers) as response:
                raw = b"".join([piece async for piece in response.aiter_raw()])
            assert response.headers.get("content-encoding") == ("gzip" if gzipped else None), encodings
            assert "accept-encoding" in response.headers["vary"]
            plain = gzip.decompress(raw) if gzipped else raw
            assert ours(plain.decode()) == ours(told.text())
            assert not gzipped or len(raw) < len(plain) / 5


async def test_head_gives_the_headers_and_no_body() -> None:
    async with serving(city().exposition.render) as client:
        response = await client.head("/metrics", headers={"accept": PROMETHEUS_2_42})
        assert (response.status_code, response.content) == (200, b"")
        assert response.headers["content-type"] == OPENMETRICS
        assert (await client.get("/metrics")).status_code == 200


async def test_several_scrapes_at_once_are_each_whole() -> None:
    told = city(600)
    expected = ours(told.text())
    async with serving(told.exposition.render) as client:
        answers = await asyncio.gather(
            *(
                client.get("/metrics", headers={"accept-encoding": encoding})
                for encoding in ("", "gzip", "", "gzip")
            )
        )
    assert all(ours(answer.text) == expected for answer in answers)


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_a_client_that_leaves_in_mid_scrape_harms_nobody(encoding: str) -> None:
    """The rendering stops where the client left; the next scrape is whole."""
    told = city(600)
    ended = asyncio.Event()

    def endless(openmetrics: bool) -> Generator[str]:
        try:
            while True:
                yield from told.exposition.render(openmetrics)
        finally:
            ended.set()

    async with serving(first(endless, told)) as client:
        host, port = client.base_url.host, client.base_url.port
        reader, writer = await asyncio.open_connection(host, port)
        request = f"GET /metrics HTTP/1.1\r\nHost: camwatch\r\nAccept-Encoding: {encoding}\r\n\r\n"
        writer.write(request.encode())
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        await leave(writer)
        await asyncio.wait_for(ended.wait(), PATIENCE_S)
        response = await client.get("/metrics")
        assert ours(response.text) == ours(told.text())


def first(render: RenderMetrics, told: City) -> RenderMetrics:
    """Return `render` for the first request, and what `told` says for all others."""
    renders = iter([render])

    def next_one(openmetrics: bool) -> Generator[str]:
        return next(renders, told.exposition.render)(openmetrics)

    return next_one


async def test_a_client_that_does_not_read_makes_nobody_wait() -> None:
    told = city(600)

    asked, ended = asyncio.Event(), asyncio.Event()

    def endless(openmetrics: bool) -> Generator[str]:
        asked.set()
        try:
            while True:
                yield from told.exposition.render(openmetrics)
        finally:
            ended.set()

    async with serving(first(endless, told)) as client:
        _, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: camwatch\r\n\r\n")
        await asyncio.wait_for(asked.wait(), PATIENCE_S)
        response = await client.get("/metrics")
        assert ours(response.text) == ours(told.text())
        await leave(writer)
        await asyncio.wait_for(ended.wait(), PATIENCE_S)


async def test_the_event_loop_gets_its_turns_during_a_large_scrape() -> None:
    """Counted, not timed: each piece of a scrape lets everybody else run once."""
    told = city(2000)
    pieces = len(list(told.exposition.render()))
    turns = 0

    async def tick() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with serving(told.exposition.render) as client:
        await client.get("/-/healthy")
        ticker = asyncio.create_task(tick())
        turns = 0
        response = await client.get("/metrics")
        ticker.cancel()
    assert response.status_code == 200
    assert pieces > 8 * 17  # slices of 250 cameras in each of 17 families
    assert turns >= pieces


async def test_a_failure_while_rendering_cuts_the_answer_and_not_the_server() -> None:
    told = city()

    def failing(_openmetrics: bool) -> Generator[str]:
        yield "# the beginning\n" * 10_000
        raise RuntimeError("the renderer stumbles, as the test asked")

    async with serving(first(failing, told)) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/metrics")
        assert (await client.get("/metrics")).status_code == 200


@given(st.lists(st.text(max_size=30) | st.sampled_from(["gzip;q=nan", "a;q=1e999", "q=;;=,", "gzip;q"])))
def test_headers_of_any_kind_are_borne(headers: list[str]) -> None:
    _qualities(headers)
    assert _wants_openmetrics(headers) in (True, False)
    assert _accepts_gzip(headers) in (True, False)
