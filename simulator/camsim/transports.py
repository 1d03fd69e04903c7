"""Who speaks for the cameras: each its own connection, or few gateways for all. One interface for both."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from camsim.connection import Connection
from camsim.faults import Effect
from camsim.gateway import Gateway
from camsim.lagging_path import Path
from camsim.run_context import RunContext
from camsim.virtual_camera import VirtualCamera


class Transport(Protocol):
    """Lets things befall cameras, by their ids."""

    def commission(self, camera: str) -> None:
        """Bring it to life."""

    def hold(self, camera: str, reason: str, effect: Effect) -> None:
        """Let an effect begin."""

    def release(self, camera: str, reason: str) -> None:
        """End what held for a reason."""

    def reconnect(self, camera: str) -> None:
        """Lose its session, which comes back at once."""

    async def say_goodbye(self) -> None:
        """End cleanly, as far as that can be said."""

    def end(self) -> None:
        """End at once."""


class DirectTransport:
    """Each camera has a connection of its own, as in the field."""

    def __init__(self, lives: Sequence[VirtualCamera], stage: RunContext, path: Path) -> None:
        self._connections = {life.device.camera.id: Connection(life, stage, path) for life in lives}

    def commission(self, camera: str) -> None:
        """Bring it to life."""
        self._connections[camera].commission()

    def hold(self, camera: str, reason: str, effect: Effect) -> None:
        """Let an effect begin."""
        self._connections[camera].hold(reason, effect)

    def release(self, camera: str, reason: str) -> None:
        """End what held for a reason."""
        self._connections[camera].release(reason)

    def reconnect(self, camera: str) -> None:
        """Lose its session, which comes back at once."""
        self._connections[camera].reconnect()

    async def say_goodbye(self) -> None:
        """Publish it for every connected camera."""
        await asyncio.gather(*(connection.say_goodbye() for connection in self._connections.values()))

    def end(self) -> None:
        """End at once."""
        for connection in self._connections.values():
            connection.end()


class GatewayTransport:
    """So many gateways speak for all cameras, neighbours in the table over the same."""

    def __init__(
        self, lives: Sequence[VirtualCamera], stage: RunContext, path: Path, connections: int
    ) -> None:
        self.gateways = [
            Gateway(f"gateway-{number}", some, stage, path)
            for number in range(connections)
            if (some := lives[len(lives) * number // connections : len(lives) * (number + 1) // connections])
        ]
        self._of = {camera: gateway for gateway in self.gateways for camera in gateway.lives}

    def commission(self, camera: str) -> None:
        """Bring it to life."""
        self._of[camera].commission(camera)

    def hold(self, camera: str, reason: str, effect: Effect) -> None:
        """Let an effect begin."""
        self._of[camera].hold(camera, reason, effect)

    def release(self, camera: str, reason: str) -> None:
        """End what held for a reason."""
        self._of[camera].release(camera, reason)

    def reconnect(self, camera: str) -> None:
        """Lose the session of its gateway, which comes back at once."""
        self._of[camera].reconnect()

    async def say_goodbye(self) -> None:
        """Say nothing: a gateway has no words for its cameras."""

    def end(self) -> None:
        """End at once."""
        for gateway in self.gateways:
            gateway.end()
