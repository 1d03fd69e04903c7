"""Chooses the implementation of a link."""

from __future__ import annotations

from typing import TYPE_CHECKING

from camwatch.ingest.aiomqtt_link import AiomqttLink
from camwatch.ingest.mqtt5_link import Mqtt5Link

if TYPE_CHECKING:
    from camwatch.ingest.link import Clock, LinkSettings, Receiver
    from camwatch.ingest.supervisor import Supervisor


def make_link(settings: LinkSettings, receiver: Receiver, clock: Clock) -> Supervisor:
    """Return the fast link for MQTT 5 over TCP or TLS, and the compatible one otherwise."""
    fast = settings.protocol == "5" and settings.scheme in ("mqtt", "mqtts")
    return (Mqtt5Link if fast else AiomqttLink)(settings, receiver, clock)
