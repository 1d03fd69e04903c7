"""The one place that reaches inside aiomqtt: a camera that loses power or network sends no farewell.

aiomqtt (2.5) ends a session in one way only, with DISCONNECT, after which the broker must not publish the
last will. What is needed beyond its public interface, and found inside it:

- `client._client`: the paho client, of which only public members are used (`socket()`, the callbacks);
- `client._misc_task`: the task that sends PINGREQ when the keep-alive runs out.

And aiomqtt asks the event loop for a turn to write by the number of the connection's file. When the turn
comes the broker may have closed the connection; the number is nobody's by then, or another camera's.
`careful` mends that.

`tests/integration/simulator/test_disconnects.py` fails when a new release moves either.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any

import aiomqtt


def careful(client: aiomqtt.Client) -> aiomqtt.Client:
    """Return the client, which from now on writes on its own connection only, and only while it is open.

    To be called in the event loop, before the client connects (which it does in a thread).
    """
    loop, paho = asyncio.get_running_loop(), _paho(client)

    def watch(sock: socket.socket) -> None:
        if paho.socket() is sock and sock.fileno() >= 0:
            loop.add_writer(sock.fileno(), paho.loop_write)

    paho.on_socket_register_write = lambda _client, _data, sock: loop.call_soon_threadsafe(watch, sock)
    return client


def hang_up(client: aiomqtt.Client) -> None:
    """End the TCP connection of a session without DISCONNECT, so that the broker publishes the last will.

    The connection is only shut down: the library then reads its end, and tidies up by its own path.
    """
    _shut(_paho(client).socket())


def fall_silent(client: aiomqtt.Client) -> None:
    """Send nothing more of the library's own accord; the TCP connection stays open, the broker unaware."""
    task = client._misc_task  # noqa: SLF001 - see above
    if task is not None:
        task.cancel()


async def leave(client: aiomqtt.Client) -> None:
    """End a session with DISCONNECT. Raises MqttError.

    It is written there and then: aiomqtt would have the event loop do it, which may find the connection
    closed by then, and tells of each in many lines.
    """
    _paho(client).on_socket_register_write = None
    await client.__aexit__(None, None, None)


def abandon(client: aiomqtt.Client, opening: asyncio.Task[Any]) -> None:
    """Give up a session that is still being opened, or could not be, and leave no connection behind.

    aiomqtt connects in a thread, which cannot be cancelled and may get its connection after we have left:
    so it is told to shut that down, instead of giving it to the event loop. Without `on_disconnect`
    because aiomqtt's own raises CancelledError once the opening was cancelled.
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
        with contextlib.suppress(OSError):  # the broker was faster
            sock.shutdown(socket.SHUT_RDWR)
