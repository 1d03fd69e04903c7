"""Ends of a session that aiomqtt does not offer: a camera that loses power or network sends no DISCONNECT.

aiomqtt (2.5) always ends a session with DISCONNECT, after which the broker must not publish the last will.
Only this module uses its private attributes:

- `client._client`: the paho client, of which only public members are used (`socket()`, the callbacks);
- `client._misc_task`: the task that sends PINGREQ when the keep-alive runs out.

aiomqtt also registers writers by the file number of the connection. Once the broker has closed the
connection, that number may belong to another camera; `careful` prevents that.

`tests/integration/simulator/test_disconnects.py` fails if a release of aiomqtt changes any of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any

import aiomqtt


def careful(client: aiomqtt.Client) -> aiomqtt.Client:
    """Make the client write on its own connection only, while it is open; return the client.

    Call it in the event loop, before the client connects.
    """
    loop, paho = asyncio.get_running_loop(), _paho(client)

    def watch(sock: socket.socket) -> None:
        if paho.socket() is sock and sock.fileno() >= 0:
            loop.add_writer(sock.fileno(), paho.loop_write)

    paho.on_socket_register_write = lambda _client, _data, sock: loop.call_soon_threadsafe(watch, sock)
    return client


def hang_up(client: aiomqtt.Client) -> None:
    """End the TCP connection of a session without DISCONNECT, so that the broker publishes the last will.

    The connection is only shut down: the library then reads its end, and cleans up.
    """
    _shut(_paho(client).socket())


def fall_silent(client: aiomqtt.Client) -> None:
    """Stop the library's PINGREQs; the TCP connection stays open."""
    task = client._misc_task  # noqa: SLF001 - see above
    if task is not None:
        task.cancel()


async def leave(client: aiomqtt.Client) -> None:
    """End a session with DISCONNECT. Raises MqttError.

    It is written at once: aiomqtt leaves that to the event loop, which logs an error if the connection is
    closed by then.
    """
    _paho(client).on_socket_register_write = None
    await client.__aexit__(None, None, None)


def abandon(client: aiomqtt.Client, opening: asyncio.Task[Any]) -> None:
    """Abandon a session that is being opened, or could not be, and close its connection.

    aiomqtt connects in a thread, which cannot be cancelled and may connect later: it shuts that connection
    down instead of passing it to the event loop. `on_disconnect` is removed because aiomqtt's own raises
    CancelledError once the opening is cancelled.
    """
    paho = _paho(client)
    paho.on_disconnect = None
    paho.on_socket_register_write = None
    paho.on_socket_open = lambda _client, _data, sock: _shut(sock)
    _shut(paho.socket())
    opening.cancel()


def _paho(client: aiomqtt.Client) -> Any:
    return client._client  # noqa: SLF001 - see above


def _shut(sock: socket.socket | None) -> None:
    if sock is not None:
        with contextlib.suppress(OSError):  # the broker closed it before
            sock.shutdown(socket.SHUT_RDWR)
