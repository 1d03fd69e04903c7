"""The proxy does to a connection what tests of slow and broken links rely on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.support.eventually import eventually
from tests.support.pace import PATIENCE_S
from tests.support.proxy import Cut, Proxy, proxy_to

SAID = bytes(range(256)) * 200


@asynccontextmanager
async def echoing() -> AsyncIterator[tuple[Proxy, asyncio.StreamReader, asyncio.StreamWriter]]:
    """Yield a connection, through a proxy, to a server that says again what it hears."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while said := await reader.read(1 << 16):
            writer.write(said)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, proxy_to(server.sockets[0].getsockname()[1]) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        try:
            yield proxy, reader, writer
        finally:
            writer.close()


async def test_a_slow_and_uneven_way_brings_every_byte_in_order() -> None:
    async with echoing() as (proxy, reader, writer):
        delays = iter([0.2, 0.05, 0.1])
        proxy.back.rate = 200_000
        proxy.there.delay_s = lambda: next(delays, 0.0)
        for start in range(0, len(SAID), 10_000):
            writer.write(SAID[start : start + 10_000])
            await writer.drain()
        async with asyncio.timeout(PATIENCE_S):
            assert await reader.readexactly(len(SAID)) == SAID
        assert proxy.back.passed == len(SAID)


async def test_a_way_stalls_in_the_midst_and_goes_on() -> None:
    async with echoing() as (proxy, reader, writer):
        proxy.back.after = 1000
        writer.write(SAID)
        async with asyncio.timeout(PATIENCE_S):
            begun = await reader.readexactly(1000)
            await eventually(lambda: proxy.there.passed == len(SAID))
            assert proxy.back.passed == 1000
            proxy.back.free()
            assert begun + await reader.readexactly(len(SAID) - 1000) == SAID


async def anew(proxy: Proxy) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Return a new connection, which works."""
    proxy.mend()
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"once")
    assert await reader.readexactly(4) == b"once"
    return reader, writer


async def test_faults_end_connections_and_new_ones_pass_after_a_repair() -> None:
    async with echoing() as (proxy, first, _):
        proxy.cut(Cut.FIN)
        assert await first.read() == b""
        second, _ = await anew(proxy)
        proxy.cut(Cut.RESET)
        with pytest.raises(ConnectionResetError):
            await second.read()
        third, writer = await anew(proxy)
        proxy.cut(Cut.BLACK_HOLE)
        passed = proxy.there.passed
        writer.write(b"more")
        _, late = await asyncio.open_connection("127.0.0.1", proxy.port)
        late.write(b"more")
        reading = asyncio.create_task(third.read())
        await asyncio.wait({reading}, timeout=0.2)
        assert not reading.done()
        assert proxy.there.passed == passed
        proxy.mend()
        with pytest.raises(ConnectionResetError):
            await reading
