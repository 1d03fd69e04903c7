"""From settings to a connected TCP socket and a TLS context. Raises LinkError and nothing else on failure."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TypeVar

from camwatch.ingest import link_errors
from camwatch.ingest.link import LinkSettings

ContextT = TypeVar("ContextT", bound=ssl.SSLContext)


async def open_socket(settings: LinkSettings) -> socket.socket:
    """Return a non-blocking socket connected to the broker: the first of its addresses that answers.

    Each address gets its share of `connect_timeout_s`, so that a dead one does not hide a live one.
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
    except BaseException:  # also when cancelled: whoever asked is not there to close it
        sock.close()
        raise
    return sock


def tls_context(settings: LinkSettings, kind: type[ContextT]) -> ContextT:
    """Return a client context of this kind: TLS 1.2 or later, the broker's name and certificate checked.

    The name must stand among the certificate's subject alternative names; a common name alone proves nothing.
    Made anew for each attempt, so that renewed certificates are taken up. Raises LinkError naming
    the setting whose file cannot be used.
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
