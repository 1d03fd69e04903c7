"""Heartbeats in a camera's name that it did not send. Pure."""

from __future__ import annotations

from typing import Final

from camsim.faults import SpoofedMessage
from camsim.virtual_camera import VirtualCamera
from camwatch.wire.heartbeat import encode_heartbeat

_OLD_S: Final = 3600.0
FOREIGN_OPERATOR: Final = "somebody-else"


def spoofed_heartbeat(life: VirtualCamera, spoofed: SpoofedMessage, now_s: float, utc_s: float) -> bytes:
    """Return the published payload: an invented heartbeat, an old one, or the last one again."""
    device = life.device
    if spoofed.kind == "spoof":
        # The sender has listened, and knows the next number.
        heartbeat = device.heartbeat(life.seq + spoofed.number, max(0.0, now_s - life.booted_s), utc_s)
        return encode_heartbeat(heartbeat)
    if life.last_payload and (spoofed.kind == "retained" or spoofed.number % 2 == 0):
        return life.last_payload
    past_s = utc_s - _OLD_S - spoofed.number
    return encode_heartbeat(device.heartbeat(spoofed.number, _OLD_S, past_s))
