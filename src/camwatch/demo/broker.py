"""The embedded broker, in its own process.

amqtt needs several turns of its event loop per message: sharing the loop with 458 cameras, it cannot handle
229 messages a second; alone, it can.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import multiprocessing
import os
import signal
import socket
from collections.abc import AsyncIterator
from multiprocessing.connection import Connection

from amqtt.broker import Broker

from camsim.rlimits import raise_open_file_limit
from camwatch.errors import CamwatchError

_CONNECTIONS = 2000
_END_S = 5.0


@contextlib.asynccontextmanager
async def embedded_broker() -> AsyncIterator[int]:
    """Run the broker while the context lasts, and yield its port on the loopback.

    Raises CamwatchError if it does not start.
    """
    spawning = multiprocessing.get_context("spawn")
    ours, theirs = spawning.Pipe()
    process = spawning.Process(target=_serve, args=(theirs,), name="camwatch demo broker", daemon=True)
    process.start()
    theirs.close()
    try:
        try:
            port = await asyncio.to_thread(ours.recv)
        except EOFError:
            raise CamwatchError("the embedded broker did not start: its output is above") from None
        yield port
    finally:
        ours.close()  # ends the broker
        await asyncio.to_thread(process.join, _END_S)
        process.kill()


def _serve(pipe: Connection) -> None:
    """Serve until the other end of the pipe is closed, by a clean stop or by the end of the demo."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # sent to the whole process group; the demo ends this process
    raise_open_file_limit(_CONNECTIONS)
    logging.disable()
    asyncio.run(_run(pipe))


async def _run(pipe: Connection) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    listener = {"type": "tcp", "bind": f"127.0.0.1:{port}", "max_connections": _CONNECTIONS}
    anyone = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    broker = Broker({"listeners": {"default": listener}, "plugins": anyone})
    await broker.start()
    pipe.send(port)
    closed = asyncio.Event()
    asyncio.get_running_loop().add_reader(pipe.fileno(), closed.set)
    await closed.wait()
    os._exit(0)  # there is nothing to keep, and a clean shutdown waits for each of 458 sessions
