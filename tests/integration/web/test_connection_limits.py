"""Connections that ask nothing, or slowly; many of them; and those inside TLS."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from camwatch.errors import ConfigError
from camwatch.web.auth.authenticator import AuthConfig
from camwatch.web.auth.proxy_headers import TrustedProxies
from camwatch.web.auth.time_budget import Allowance
from camwatch.web.connection_limits import TlsCertificate
from tests.support.eventually import eventually
from tests.support.pace import PATIENCE_S, SCALE
from tests.support.tls import Authority
from tests.support.web.auth_app import PASSWORD, TOKEN, Doorway, accounts, doorway
from tests.support.web.serving import leave

OWN = "only-for-the-metrics"
ASKED = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"


async def connected(door: Doorway) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = door.url.partition("://")[2].split(":")
    return await asyncio.open_connection(host, int(port))


async def ended(reader: asyncio.StreamReader) -> bool:
    """Wait until the server has closed, and return whether it did so without an answer."""
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(PATIENCE_S):
            return await reader.read() == b""
    return True


@pytest.mark.parametrize("said", [b"", b"GET", b"GET / HTTP/1.1\r\nHost: x\r\nX: "])
async def test_a_connection_that_does_not_ask_is_closed(said: bytes) -> None:
    async with doorway(accounts(), within_s=0.2 * SCALE) as door:
        reader, writer = await connected(door)
        writer.write(said)
        assert await ended(reader)
        await leave(writer)


async def test_a_head_that_dribbles_in_gains_no_time() -> None:
    async with doorway(accounts(), within_s=0.3 * SCALE) as door:
        reader, writer = await connected(door)

        async def dribble() -> None:
            for byte in b"GET / HTTP/1.1\r\nHost: " + b"x" * 10_000:
                writer.write(bytes([byte]))
                await asyncio.sleep(0.02)

        dribbling = asyncio.create_task(dribble())
        assert await ended(reader)
        assert not dribbling.done()
        dribbling.cancel()
        await leave(writer)


async def test_a_body_that_nobody_reads_cannot_be_dribbled_for_ever() -> None:
    async with doorway(accounts(), within_s=0.3 * SCALE) as door:
        reader, writer = await connected(door)
        writer.write(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")

        async def dribble() -> None:
            while True:
                writer.write(b"x")
                await asyncio.sleep(0.02)

        dribbling = asyncio.create_task(dribble())
        answer = b""
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(PATIENCE_S):
                answer = await reader.read()  # comes to an end
        assert answer == b"" or b" 200 " in answer
        dribbling.cancel()
        await leave(writer)


async def test_an_answer_may_take_longer_than_a_request() -> None:
    async with doorway(within_s=0.1 * SCALE) as door, door.client() as client:
        async with client.stream("GET", "/stream") as stream:
            pieces = stream.aiter_bytes()
            await anext(pieces)
            for _ in range(5):
                await asyncio.sleep(0.05 * SCALE)
            assert not door.ended.is_set()
        await door.ended.wait()


async def test_one_connection_serves_several_requests_also_sent_at_once() -> None:
    async with doorway(accounts()) as door:
        reader, writer = await connected(door)
        writer.write(ASKED * 3)
        for _ in range(3):
            head = await reader.readuntil(b"\r\n\r\n")
            assert b" 200 " in head
            await reader.readexactly(len(b"all of it"))
        writer.write(ASKED)
        assert b" 200 " in await reader.readline()
        await leave(writer)


async def test_when_too_many_wait_the_one_that_waited_longest_makes_room() -> None:
    async with doorway(accounts(), most=20) as door, door.client() as client:
        idle = [await connected(door) for _ in range(15)]
        assert (await client.get("/-/healthy")).status_code == 200
        for reader, _ in idle[:5]:
            assert await ended(reader)
        _, writer = idle[-1]
        writer.write(ASKED)
        assert b" 200 " in await idle[-1][0].readline(), "who asks was not in the way"
        for _, writer in idle:
            await leave(writer)


async def test_those_whose_bodies_dribble_in_make_room_too() -> None:
    async with doorway(accounts(), most=20) as door, door.client() as client:
        slow = [await connected(door) for _ in range(15)]
        for _, writer in slow:
            writer.write(b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\nname=")
        assert (await client.get("/-/healthy")).status_code == 200
        for reader, _ in slow[:5]:
            assert await ended(reader)
        for _, writer in slow:
            await leave(writer)


async def test_a_client_that_does_not_read_its_answer_is_left() -> None:
    async with doorway(within_s=0.05 * SCALE) as door:
        _, writer = await connected(door)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(b"GET /flood HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await asyncio.wait_for(door.ended.wait(), PATIENCE_S)
        await leave(writer)


async def test_whoever_streams_is_no_idler() -> None:
    async with doorway(most=8) as door, door.client() as client:
        async with client.stream("GET", "/stream") as stream:
            pieces = stream.aiter_bytes()
            await anext(pieces)
            idle = [await connected(door) for _ in range(30)]
            assert (await client.get("/-/healthy")).status_code == 200
            assert not door.ended.is_set()
            for _, writer in idle:
                await leave(writer)
        await door.ended.wait()


async def test_one_address_has_so_many_connections_and_those_that_wait_make_room() -> None:
    """Whoever holds them all open keeps nobody else away, nor new ones of its own that ask."""
    async with doorway(accounts(), AuthConfig(each=5)) as door, door.client() as client:
        host, port = door.url.partition("://")[2].split(":")
        idle = [await asyncio.open_connection(host, int(port), local_addr=("127.0.0.2", 0)) for _ in range(8)]
        for reader, _ in idle[:3]:
            assert await ended(reader), "the oldest"
        _, writer = idle[-1]
        writer.write(ASKED)
        assert b" 200 " in await idle[-1][0].readline()
        assert (await client.get("/-/healthy")).status_code == 200
        for _, writer in idle:
            await leave(writer)


async def test_one_address_streams_so_often_at_a_time_and_no_more() -> None:
    bearer = f"GET /stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode()
    async with doorway(accounts(), AuthConfig(each=3)) as door, door.client() as client:
        streams = [await connected(door) for _ in range(3)]
        for reader, writer in streams:
            writer.write(bearer)
            assert b" 200 " in await reader.readline()
        reader, writer = await connected(door)
        assert await ended(reader), "nobody waits who could make room"
        await leave(writer)
        _, first = streams[0]
        await leave(first)
        await door.ended.wait()
        assert (await client.get("/-/healthy")).status_code == 200
        for _, writer in streams:
            await leave(writer)


async def test_behind_a_proxy_requests_are_counted_by_where_they_came_from() -> None:
    rules = AuthConfig(each=3, proxies=TrustedProxies(["127.0.0.1"]))
    async with (
        doorway(accounts(), rules) as door,
        door.client() as client,
        contextlib.AsyncExitStack() as stack,
    ):

        def headers(address: str) -> dict[str, str]:
            return {"authorization": f"Bearer {TOKEN}", "x-forwarded-for": address}

        for _ in range(3):
            await stack.enter_async_context(client.stream("GET", "/stream", headers=headers("192.0.2.1")))
        assert (await client.get("/who", headers=headers("192.0.2.1"))).status_code == 429
        assert (await client.get("/-/healthy", headers=headers("192.0.2.1"))).status_code == 200
        assert (await client.get("/who", headers=headers("192.0.2.2"))).status_code == 200
        await stack.aclose()

        async def is_let_in() -> bool:
            return (await client.get("/who", headers=headers("192.0.2.1"))).status_code == 200

        await eventually(is_let_in, every_s=0.01)


async def test_probes_and_prometheus_connect_when_all_connections_are_taken() -> None:
    bearer = f"GET /stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode()
    own = {"authorization": f"Bearer {OWN}"}
    rules = AuthConfig(root_path="/camwatch")
    async with doorway(accounts(), rules, metrics_token=OWN, most=40) as door, door.client() as client:
        streams = []
        for _ in range(35):
            reader, writer = await connected(door)
            streams.append((reader, writer))
            writer.write(bearer)
            assert b" 200 " in await reader.readline()
        refused = await client.get("/who", headers={"authorization": f"Bearer {TOKEN}"})
        assert (refused.status_code, refused.headers["connection"]) == (503, "close")
        for path in ("/-/healthy", "/-/ready", "/metrics", "/camwatch/metrics"):
            assert (await client.get(path, headers=own)).status_code == 200, path
        for path in ("/x/metrics", "/camwatch/x/-/healthy", "/x/camwatch/metrics"):
            assert (await client.get(path, headers=own)).status_code == 503, path
        for _, writer in streams:
            await leave(writer)


@pytest.mark.parametrize(("files", "connections"), [(1000, 744), (300, 64), (3000, 2000)])
def test_the_files_that_the_rest_of_camwatch_needs_are_left(files: int, connections: int) -> None:
    """In a process of its own, whose limit cannot be raised any more."""
    code = (
        f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({files}, {files}));"
        "from camwatch.web.connection_limits import raise_open_file_limit, connections_allowed;"
        "raise_open_file_limit(); print(connections_allowed())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert int(done.stdout) == connections


# TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


def trusting(authority: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(authority.ca_file))


async def test_inside_tls_cookies_are_secure_and_browsers_are_told_to_stay(authority: Authority) -> None:
    certificate = TlsCertificate(authority.server_cert, authority.server_key)
    async with doorway(accounts(), certificate=certificate) as door:
        async with door.client(verify=trusting(authority)) as client:
            form = {"name": "chief", "password": PASSWORD}
            came = await client.post("/login", data=form, headers={"origin": door.url})
            assert came.status_code == 303
            assert came.headers["set-cookie"].startswith("__Host-camwatch=")
            assert came.headers["set-cookie"].endswith("; Secure")
            assert came.headers["strict-transport-security"] == "max-age=31536000"
            assert (await client.get("/who")).json()["url"] == f"{door.url}/who"
            plain = {"cookie": came.headers["set-cookie"].replace("__Host-camwatch", "camwatch")}
        async with door.client(verify=trusting(authority)) as other:
            assert (await other.get("/who", headers=plain)).status_code == 401, "planted without TLS"


async def test_tls_before_1_2_and_no_tls_at_all_are_refused(authority: Authority) -> None:
    certificate = TlsCertificate(authority.server_cert, authority.server_key)
    assert certificate.context.minimum_version is ssl.TLSVersion.TLSv1_2
    async with doorway(certificate=certificate) as door:
        reader, writer = await connected(door)
        writer.write(ASKED)
        assert await ended(reader)
        await leave(writer)


async def test_a_handshake_that_does_not_come_is_not_waited_for(authority: Authority) -> None:
    certificate = TlsCertificate(authority.server_cert, authority.server_key)
    async with doorway(certificate=certificate, within_s=0.2 * SCALE) as door:
        reader, writer = await connected(door)
        assert await ended(reader)
        await leave(writer)


async def test_who_has_not_shaken_hands_is_counted_and_makes_room(authority: Authority) -> None:
    """Else the limits would not hold inside TLS: silent sockets would use up the files of the process."""
    certificate = TlsCertificate(authority.server_cert, authority.server_key)
    async with doorway(accounts(), AuthConfig(each=5), certificate=certificate) as door:
        silent = [await connected(door) for _ in range(8)]
        for reader, _ in silent[:3]:
            assert await ended(reader), "the oldest"
        async with door.client(verify=trusting(authority)) as client:
            assert (await client.get("/-/healthy")).status_code == 200
        for _, writer in silent:
            await leave(writer)


async def test_those_who_left_during_the_handshake_are_counted_no_more(authority: Authority) -> None:
    certificate = TlsCertificate(authority.server_cert, authority.server_key)
    async with doorway(accounts(), AuthConfig(each=2), certificate=certificate) as door:
        for said in (b"no handshake", b"", b"\x16\x03\x01", b"no handshake"):
            reader, writer = await connected(door)
            writer.write(said)
            if said.startswith(b"no"):
                assert await ended(reader)
            await leave(writer)
        for _ in range(4):
            async with door.client(verify=trusting(authority)) as client:
                assert (await client.get("/-/healthy")).status_code == 200


async def test_a_request_may_come_with_the_end_of_the_handshake(
    authority: Authority,
) -> None:
    certificate = TlsCertificate(authority.server_cert, authority.server_key)
    async with doorway(accounts(), certificate=certificate) as door:
        reader, writer = await connected(door)
        came, leaves = ssl.MemoryBIO(), ssl.MemoryBIO()
        inside = trusting(authority).wrap_bio(came, leaves, server_hostname="127.0.0.1")
        while True:
            try:
                inside.do_handshake()
            except ssl.SSLWantReadError:
                writer.write(leaves.read())
                came.write(await reader.read(65_536))
            else:
                break
        inside.write(ASKED)
        writer.write(leaves.read())  # the end of the handshake, and the request
        answer = b""
        while not answer and (piece := await reader.read(65_536)):
            came.write(piece)
            with contextlib.suppress(ssl.SSLWantReadError):
                answer = inside.read()
        assert b" 200 " in answer
        await leave(writer)


async def test_an_address_pays_for_its_handshakes_before_they_begin(authority: Authority) -> None:
    certificate = TlsCertificate(authority.server_cert, authority.server_key)
    rules = AuthConfig(strangers=Allowance(0.0055, 0.001))
    async with doorway(accounts(), rules, certificate=certificate) as door:
        silent = [await connected(door) for _ in range(4)]
        reader, writer = await connected(door)
        assert await ended(reader), "it has spent what it may"
        assert door.access.denials["budget"] == 1
        door.hands.seconds += 10
        async with door.client(verify=trusting(authority)) as client:
            assert (await client.get("/-/healthy")).status_code == 200
        for _, other in silent:
            await leave(other)
        await leave(writer)


async def test_a_stop_does_not_wait_for_unfinished_handshakes(
    authority: Authority,
) -> None:
    certificate = TlsCertificate(authority.server_cert, authority.server_key)
    async with doorway(accounts(), certificate=certificate) as door:
        reader, writer = await connected(door)
        async with door.client(verify=trusting(authority)) as client:
            await client.get("/-/healthy")
    assert await ended(reader)
    await leave(writer)


async def test_a_new_certificate_is_loaded_and_a_faulty_one_changes_nothing(
    tmp_path: Path, authority: Authority
) -> None:
    other = Authority(tmp_path / "other", "another authority")
    cert_file, key_file = tmp_path / "server.pem", tmp_path / "server.key"
    cert_file.write_bytes(authority.server_cert.read_bytes())
    key_file.write_bytes(authority.server_key.read_bytes())
    certificate = TlsCertificate(cert_file, key_file)
    async with doorway(certificate=certificate) as door:
        cert_file.write_bytes(other.server_cert.read_bytes())
        with pytest.raises(ConfigError, match="not a valid pair"):
            certificate.reload()
        async with door.client(verify=trusting(authority)) as client:
            assert (await client.get("/who")).status_code == 200
        key_file.write_bytes(other.server_key.read_bytes())
        certificate.reload()
        async with door.client(verify=trusting(other)) as client:
            assert (await client.get("/who")).status_code == 200


def test_a_certificate_that_is_none_says_so(tmp_path: Path, authority: Authority) -> None:
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("x")
    for cert_file, key_file in (
        (nonsense, authority.server_key),
        (authority.server_cert, nonsense),
        (authority.server_cert, None),
        (authority.server_cert, authority.client_key),
    ):
        with pytest.raises(ConfigError) as caught:
            TlsCertificate(cert_file, key_file)
        (fault,) = caught.value.problems
        assert fault.place == "http.cert_file"
        assert "PEM" in fault.problem
