"""Live events for many listeners: one ring, from which each stream reads at its own pace."""

from __future__ import annotations

from collections.abc import AsyncIterator

from camwatch.core.model import Happening
from camwatch.web.house import Live
from camwatch.web.viewer import Viewer


class Events:
    """The last events, and those who wait for the next."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def publish(self, events: list[Happening]) -> None:
        """Take what has just happened."""

    async def stream(self, viewer: Viewer, last_event_id: str | None = None) -> AsyncIterator[bytes]:
        """Yield server-sent events for someone, from after `last_event_id` on."""
        raise NotImplementedError
        yield b""

    async def run(self) -> None:
        """Wake those who wait, and look after links and sight; runs until cancelled."""
