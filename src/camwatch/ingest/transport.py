"""Connects a TCP socket and makes a TLS context. Failures raise LinkError only."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TypeVar

from camwatch.ingest import link_errors
from camwatch.ingest.link import LinkSettings

ContextT = TypeVar("ContextT", bound=ssl.SSLContext)


async def open_socket(settings: LinkSettings) -> socket.socket:
    """Return a non-blocking socket connected to the first of the broker's addresses that answers.

    The addresses share `connect_timeout_s`, so that a dead one does not prevent a connection to another.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise link_errors.unknown_host(settings) from None
    failure = OSError("it has no address")
    for family, kind, number, _, address in found:
        try:
            async with asyncio.timeout(settings.connect_timeout_s / len(found)):
                return await _connected(socket.socket(family, kind, number), address)
        except OSError as error:
            failure = error
    raise link_errors.unreachable(settings, failure)


async def _connected(sock: socket.socket, address: tuple[object, ...]) -> socket.socket:
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:  # including cancellation: the caller cannot close it
        sock.close()
        raise
    return sock


def tls_context(settings: LinkSettings, kind: type[ContextT]) -> ContextT:
    """Return a client context: TLS 1.2 or later, with the broker's name and certificate verified.

    The name must be one of the certificate's subject alternative names; the common name is ignored. Each
    attempt makes a new context, so that renewed certificates are used. Raises LinkError, which names the
    setting whose file cannot be used.
    """
    context = kind(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False
    if settings.ca_file is None:
        context.load_default_certs()
    else:
        try:
            context.load_verify_locations(cafile=settings.ca_file)
        except OSError as error:
            raise link_errors.unusable_file(settings, "ca_file", settings.ca_file, error) from None
    if settings.cert_file is not None:
        try:
            # An empty passphrase, or OpenSSL would ask for one on the terminal.
            context.load_cert_chain(settings.cert_file, settings.key_file, password=str)
        except OSError as error:
            files = f"{settings.cert_file} with `key_file` {settings.key_file}"
            raise link_errors.unusable_file(settings, "cert_file", files, error) from None
    return context
