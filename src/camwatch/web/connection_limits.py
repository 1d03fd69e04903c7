"""Limits on connections: timeouts, and numbers in all and per address.

uvicorn waits for a request without limit. Here a connection that does not send its request in time is closed,
and above a limit the connection that has waited longest is. Some connections are reserved for probes and
Prometheus. With TLS the limits hold from before the handshake, whose time is charged to the address.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import ssl
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeAlias

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from camwatch.errors import ConfigError, ConfigProblem
from camwatch.web.auth.networks import networks

HEADER_TIMEOUT_S = 10.0
"""Timeout for a request's head and for idle connections, seconds."""
MAX_CONNECTIONS = 2000
"""Maximum connections; requests on further ones get 503."""
RESERVED = 50
"""Connections reserved for probes and metrics."""
MAX_HEAD_BYTES = 16 * 1024
MAX_HEAD_LINES = 100
_READ_WITHIN = 6  # timeouts: a client that reads nothing of its response for a minute is gone
_SPARE_FILES = 256  # for the store, the links, the inventory
_BACKLOG = 128  # connections accepted in one iteration of the loop
_TOO_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_EVERYWHERE = ""

Each: TypeAlias = Callable[[str], int | None]
"""Returns the connection limit of an address; None for no limit."""
Pays: TypeAlias = Callable[[str], bool]
"""Charges an address for a TLS handshake; returns whether it could pay."""


class IdleConnections:
    """Counts connections, and keeps those that wait for a request, oldest first."""

    def __init__(self, most: int, each: Each) -> None:
        self._most = most
        self._each = each
        self._open: Counter[str] = Counter()  # by network; all by none
        self._waiting: dict[str, OrderedDict[TimeoutProtocol, None]] = {_EVERYWHERE: OrderedDict()}

    def arrive(self, connection: TimeoutProtocol, address: str) -> None:
        """Count a connection; above a limit close one that waits, or else this one."""
        each = self._each(address)
        if each is not None:
            connection.limits = {network: each * more for network, more in networks(address)}
        for network, most in (*connection.limits.items(), (_EVERYWHERE, self._most)):
            self._open[network] += 1
            if self._open[network] > most and not self._make_room(network) and network:
                connection.transport.abort()

    def depart(self, connection: TimeoutProtocol) -> None:
        """Stop counting a connection."""
        self.leave(connection)
        for network in (*connection.limits, _EVERYWHERE):
            self._open[network] -= 1
            if not self._open[network]:
                del self._open[network]

    def join(self, connection: TimeoutProtocol) -> None:
        """Mark a connection as waiting; if more than half of all wait, close the oldest."""
        for network in (*connection.limits, _EVERYWHERE):
            self._waiting.setdefault(network, OrderedDict()).setdefault(connection)
        if len(self._waiting[_EVERYWHERE]) > self._most // 2:
            self._make_room(_EVERYWHERE)

    def leave(self, connection: TimeoutProtocol) -> None:
        """Mark a connection as not waiting."""
        for network in (*connection.limits, _EVERYWHERE):
            waiting = self._waiting.get(network)
            if waiting is not None:
                waiting.pop(connection, None)
                if not waiting and network:
                    del self._waiting[network]

    def _make_room(self, network: str) -> bool:
        """Close the connection of a network that has waited longest; return whether there was one."""
        first = next(iter(self._waiting.get(network, ())), None)
        if first is None:
            return False
        self.leave(first)
        first.transport.abort()
        return True


class TimeoutProtocol(H11Protocol):
    """HTTP/1.1 protocol with header, idle and write timeouts."""

    crowd: IdleConnections
    within_s = HEADER_TIMEOUT_S
    limits: dict[str, int] = {}  # noqa: RUF012 - replaced as a whole: limits by network
    _counted = False
    _lines = 0  # received so far of a head
    _tail = b""
    _end: asyncio.TimerHandle | None = None
    _stall: asyncio.TimerHandle | None = None

    def arrive(self, transport: asyncio.Transport) -> None:
        """Count the connection, and wait for the first request."""
        self.transport = transport
        self._counted = True
        self.crowd.arrive(self, _address(transport))
        if not transport.is_closing():
            self.crowd.join(self)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        super().connection_made(transport)
        if not self._counted:  # there was no handshake
            self.arrive(transport)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timers."""
        self._answered()
        self._flows()
        self.crowd.depart(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Receive data; a complete request head ends the wait."""
        if not self._serves and self._has_too_many_lines(data):
            self._refuse_head()
        else:
            super().data_received(data)
        self._watch()

    def _refuse_head(self) -> None:
        self.transport.write(_TOO_LONG)
        self.transport.close()

    def _has_too_many_lines(self, data: bytes) -> bool:
        """Count the lines of a head, each of which costs more to parse than to send."""
        joined = self._tail + data
        end = joined.find(b"\r\n\r\n")
        self._lines += joined.count(b"\n", len(self._tail), len(joined) if end < 0 else end)
        self._tail = joined[-3:]
        return self._lines > MAX_HEAD_LINES

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self._lines, self._tail = 0, b""
        if self._has_too_many_lines(self.conn.trailing_data[0]):  # pipelined with the last request
            self._refuse_head()
        super().on_response_complete()
        self._watch()

    def pause_writing(self) -> None:
        """Start the timeout for a client that does not read its response."""
        super().pause_writing()
        if self._stall is None:
            self._stall = self.loop.call_later(self.within_s * _READ_WITHIN, self.transport.abort)

    def resume_writing(self) -> None:
        """Cancel the timeout: the client reads again."""
        self._flows()
        super().resume_writing()

    @property
    def _serves(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # none before the first request
        return cycle is not None and not cycle.response_complete

    def _watch(self) -> None:
        cycle: RequestResponseCycle | None = self.cycle
        serving = self._serves
        if serving or self.transport.is_closing():
            self._answered()
        elif self._end is None:
            self._end = self.loop.call_later(self.within_s, self.transport.abort)
        # The timeout of a body is elsewhere; until it is complete, the connection may be closed to make room.
        if self.transport.is_closing() or (serving and cycle is not None and not cycle.more_body):
            self.crowd.leave(self)
        else:
            self.crowd.join(self)

    def _answered(self) -> None:
        if self._end is not None:
            self._end.cancel()
            self._end = None

    def _flows(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None


class _Greeter(asyncio.Protocol):
    """A connection during its TLS handshake: counted and waiting like any other."""

    def __init__(
        self, patient: TimeoutProtocol, context: ssl.SSLContext, pays: Pays, tasks: set[asyncio.Task[None]]
    ) -> None:
        self._patient = patient
        self._context = context
        self._pays = pays
        self._tasks = tasks
        self._said = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the handshake if limits and budget of the address permit it."""
        patient = self._patient
        patient.arrive(transport)
        if not transport.is_closing() and not self._pays(_address(transport)):
            transport.abort()
        if transport.is_closing():
            patient.crowd.depart(patient)
            return
        transport.pause_reading()
        task = patient.loop.create_task(self._shake_hands(transport), name="handshake")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def data_received(self, data: bytes) -> None:
        """Buffer data that came with the end of the handshake."""
        self._said += data

    async def _shake_hands(self, transport: asyncio.Transport) -> None:
        patient, secure = self._patient, None
        try:
            if not transport.is_closing():
                secure = await patient.loop.start_tls(
                    transport,
                    self,
                    self._context,
                    server_side=True,
                    ssl_handshake_timeout=patient.within_s,
                )
        except OSError:
            pass  # timed out or failed
        finally:
            if secure is None:
                patient.crowd.depart(patient)
        if secure is not None:
            secure.set_protocol(patient)
            patient.connection_made(secure)
            if self._said:
                patient.data_received(self._said)


def _address(transport: asyncio.Transport) -> str:
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if peer else ""


def connections_allowed() -> int:
    """Return the connection limit, given the limit of open files."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MAX_CONNECTIONS if files < 0 else max(64, min(MAX_CONNECTIONS, files - _SPARE_FILES))


def raise_open_file_limit() -> None:
    """Raise the limit of open files to what the connections need, as far as permitted."""
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + _SPARE_FILES
    if 0 <= files < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if most < 0 else min(wanted, most), most))


class TlsCertificate:
    """The server's certificate; can be reloaded while it serves."""

    def __init__(self, cert_file: Path, key_file: Path | None) -> None:
        self._files = cert_file, key_file
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.set_alpn_protocols(["http/1.1"])
        self.reload()

    def reload(self) -> None:
        """Read the files, for new connections. Raises ConfigError."""
        cert_file, key_file = self._files
        try:
            # Tried on a new context first: a mismatched pair would leave half of it in the active one.
            for context in (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), self.context):
                context.load_cert_chain(cert_file, key_file, password=_no_password)
        except ssl.SSLError as error:
            problem = f"{cert_file} and {key_file or 'no key_file'} are not a valid pair: {error.reason}"
        except (OSError, ValueError) as error:
            problem = f"{cert_file} and {key_file or 'no key_file'} cannot be used: {error}"
        else:
            return
        raise ConfigError((ConfigProblem("http.cert_file", f"{problem}; both must be in PEM form"),))


def _no_password() -> str:
    raise ValueError("the key is encrypted: use a key without a password")


class Server(uvicorn.Server):
    """uvicorn without its signal handlers; `serving` is set once it serves."""

    def __init__(
        self,
        config: uvicorn.Config,
        certificate: TlsCertificate | None,
        within_s: float,
        crowd: IdleConnections,
        pays: Pays,
    ) -> None:
        super().__init__(config)
        self.serving = asyncio.Event()
        self._certificate = certificate
        self._within_s = within_s
        self._crowd = crowd
        self._pays = pays
        self._handshakes: set[asyncio.Task[None]] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start on open sockets."""
        await self.lifespan.startup()

        loop = asyncio.get_running_loop()
        certificate = self._certificate
        made = self._plain if certificate is None else partial(self._greeted, certificate.context)
        self.servers = [await loop.create_server(made, sock=sock, backlog=_BACKLOG) for sock in sockets or ()]
        self.started = True
        self.serving.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop, without waiting for handshakes."""
        for handshake in self._handshakes:
            handshake.cancel()
        await super().shutdown(sockets)

    def _plain(self) -> TimeoutProtocol:
        patient = TimeoutProtocol(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        patient.crowd, patient.within_s = self._crowd, self._within_s
        return patient

    def _greeted(self, context: ssl.SSLContext) -> _Greeter:
        return _Greeter(self._plain(), context, self._pays, self._handshakes)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the daemon."""
        yield
