"""Health, readiness, what is not there, and the server's life."""

from __future__ import annotations

import asyncio
import signal
import socket

import pytest

from camwatch.errors import ConfigError, InUseError
from camwatch.web.server import HttpServer, listen_on
from tests.support.fleet import camera
from tests.support.monitor_fixture import City, registered
from tests.support.pace import PATIENCE_S
from tests.support.web.serving import bare_site, leave, serving


def city(*, subscribed: bool = True) -> City:
    """Return a city of one camera."""
    return City(registered([camera()]), subscribed=subscribed)


async def test_healthy_while_the_process_runs() -> None:
    async with serving(city().exposition.render, lambda: ["link main: gone"]) as client:
        response = await client.get("/-/healthy")
    assert (response.status_code, response.text) == (200, "camwatch runs\n")
    assert response.headers["content-type"].startswith("text/plain")


async def test_ready_once_every_link_is_subscribed_else_503_with_reasons() -> None:
    told = city(subscribed=False)
    async with serving(told.exposition.render, lambda: told.watcher.not_ready_reasons) as client:
        before = await client.get("/-/ready")
        assert (before.status_code, before.text) == (503, "link main: not connected yet\n")
        told.link.subscribed(told.watcher.clock(), session_present=False)
        ready = await client.get("/-/ready")
        assert (ready.status_code, ready.text) == (200, "camwatch is ready\n")
        told.lose_sight()
        lost = await client.get("/-/ready")
        assert (lost.status_code, lost.text) == (503, "link main: as the test asked\n")


async def test_every_reason_has_a_line() -> None:
    async with serving(city().exposition.render, lambda: ["link a: x", "link b: y"]) as client:
        assert (await client.get("/-/ready")).text.splitlines() == ["link a: x", "link b: y"]


async def test_strangers_behind_a_proxy_get_only_the_kind_of_fault() -> None:
    reasons = [
        "link b: host broker.sacogiva:8883 refuses user 'x'",
        "link a: y",
        "history: no file /srv/a.db",
    ]
    async with serving(city().exposition.render, lambda: reasons) as client:
        told = await client.get("/-/ready", headers={"x-forwarded-for": "192.0.2.7"})
        assert (told.status_code, told.text) == (503, "not ready\nhistory\nlink\n")


async def test_head_has_no_body_and_post_is_not_allowed() -> None:
    async with serving(city().exposition.render) as client:
        for path in ("/", "/metrics", "/-/healthy", "/-/ready", "/api/v1/cameras"):
            head = await client.head(path)
            assert (head.status_code, head.content) == (200, b"")
        for path in ("/metrics", "/-/healthy", "/-/ready"):
            post = await client.post(path, content=b"x")
            assert post.status_code in (403, 405)
        assert "GET" in (await client.post("/-/healthy", content=b"x")).headers["allow"]


async def test_what_is_not_there_is_404() -> None:
    async with serving(city().exposition.render) as client:
        for path in ("/nothing", "/metrics/x", "/-/", "/../etc/passwd", "/%00"):
            assert (await client.get(path)).status_code == 404, path


async def test_the_server_does_not_say_what_it_is_made_of() -> None:
    async with serving(city().exposition.render) as client:
        assert "server" not in (await client.get("/")).headers


async def test_signals_stay_the_daemons() -> None:
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    async with serving(city().exposition.render) as client:
        await client.get("/-/healthy")
        assert [signal.getsignal(number) for number in numbers] == before
    assert [signal.getsignal(number) for number in numbers] == before


async def test_a_stop_closes_the_port_despite_idle_clients() -> None:
    sock = listen_on("127.0.0.1", 0)
    port = sock.getsockname()[1]
    server = HttpServer(bare_site(city().exposition.render), sock)
    running = asyncio.create_task(server.run())
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /-/healthy HTTP/1.1\r\nHost: camwatch\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    server.stop()
    await asyncio.wait_for(running, PATIENCE_S)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    await leave(writer)


async def test_a_stop_before_the_start_ends_the_server_at_once() -> None:
    sock = listen_on("127.0.0.1", 0)
    server = HttpServer(bare_site(city().exposition.render), sock)
    server.stop()
    await asyncio.wait_for(server.run(), PATIENCE_S)
    sock.close()


async def test_no_answer_waits_for_the_one_before_to_be_acknowledged() -> None:
    delays: asyncio.Queue[int] = asyncio.Queue()

    def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted: socket.socket = writer.get_extra_info("socket")
        delays.put_nowait(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    sock = listen_on("127.0.0.1", 0)
    async with await asyncio.start_server(accept, sock=sock):
        _, writer = await asyncio.open_connection(*sock.getsockname())
        assert await delays.get() == 1
        await leave(writer)


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")])
def test_an_address_in_use_may_pass(host: str, shown: str) -> None:
    with listen_on(host, 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InUseError) as caught:
            listen_on(host, port)
    problem = f"cannot listen on {shown}:{port}: Address already in use; choose a free address"
    assert str(caught.value) == f"http.listen: {problem}"


def test_an_address_that_is_bound_but_does_not_listen_yet_is_in_use_too() -> None:
    """Both may reuse the address, so that only `listen` notices."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", 0))
        with listen_on("127.0.0.1", other.getsockname()[1]) as ours, pytest.raises(OSError, match="in use"):
            other.listen()
        assert ours.fileno() == -1


@pytest.mark.parametrize("host", ["203.0.113.1", "no-such-host.invalid"])
def test_an_address_of_another_machine_is_a_fault_of_the_setting(host: str) -> None:
    with pytest.raises(ConfigError, match=f"http.listen: cannot listen on {host}:0: "):
        listen_on(host, 0)
