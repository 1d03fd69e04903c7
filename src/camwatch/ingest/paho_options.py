"""Converts link settings for aiomqtt and paho."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from camwatch.ingest.link import MAX_PACKET_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from camwatch.ingest.link import LinkSettings


class Context(ssl.SSLContext):
    """Remembers the wrapped socket: paho does not close it when the handshake fails."""

    wrapped: ssl.SSLSocket | None = None

    def wrap_socket(self, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        """Wrap a socket and remember it."""
        self.wrapped = super().wrap_socket(*args, **kwargs)
        return self.wrapped


def handing_over_to(deliver: Callable[[aiomqtt.Message], None]) -> type[asyncio.Queue[aiomqtt.Message]]:
    """Return a queue class that passes each message to `deliver` and stays empty."""

    class Handover(asyncio.Queue[aiomqtt.Message]):
        """Stays empty: a message is delivered before paho acknowledges it."""

        def put_nowait(self, item: aiomqtt.Message) -> None:
            deliver(item)

    return Handover


def topic_filters(settings: LinkSettings) -> Any:
    """Return the topic filters for paho, each with QoS 1."""
    if settings.protocol == "5":
        # retainAsPublished off, so that the retained flag means "from the broker's store" (rule L1)
        options = SubscribeOptions(qos=1, retainAsPublished=False, retainHandling=0)
        return [(pattern, options) for pattern in settings.filters]
    return [(pattern, 1) for pattern in settings.filters]


def connect_properties(settings: LinkSettings) -> Properties:
    """Return the properties of CONNECT in MQTT 5."""
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves it untyped
    properties.SessionExpiryInterval = settings.session_expiry_s
    properties.MaximumPacketSize = MAX_PACKET_BYTES
    return properties
