"""camwatch's own messages: encoder and decoder, for the daemon and for anything that plays a camera.

A decoder raises `WireError` and nothing else, whatever the bytes. Unknown fields are ignored, so that
cameras may say more one day; a known field of a wrong type or range rejects the whole message.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from camwatch.core.signal import Word
from camwatch.errors import RejectReason, WireError

__all__ = [
    "MAX_PAYLOAD_BYTES",
    "Heartbeat",
    "StatusMessage",
    "Word",  # of the core, and part of what is said here: who plays a camera needs no other room
    "decode_heartbeat",
    "decode_status",
    "encode_heartbeat",
    "encode_status",
]

MAX_PAYLOAD_BYTES = 16 * 1024
"""The largest payload that is read, for both messages."""

_ABSENT: Any = None  # "not told": the default of every field, yet a JSON null is a wrong type


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A camera's life sign, with what it cares to tell; a field that it does not tell reads None."""

    ts: Annotated[float, Meta(description="When it was sent: Unix seconds, UTC")] = _ABSENT
    seq: Annotated[int, Meta(description="Heartbeats since boot: one more each time", ge=0)] = _ABSENT
    uptime_s: Annotated[float, Meta(description="Seconds since boot", ge=0)] = _ABSENT
    fps: Annotated[float, Meta(description="Pictures per second", ge=0, le=240)] = _ABSENT
    bitrate_bps: Annotated[float, Meta(description="Bits per second of the video stream", ge=0)] = _ABSENT
    recording: Annotated[bool, Meta(description="The pictures are being kept")] = _ABSENT
    video_loss: Annotated[bool, Meta(description="The sensor gives no picture")] = _ABSENT
    frozen: Annotated[bool, Meta(description="The picture does not change")] = _ABSENT
    tamper: Annotated[bool, Meta(description="The camera is covered, turned away or out of focus")] = _ABSENT
    storage_used_ratio: Annotated[float, Meta(description="How full the storage is", ge=0, le=1)] = _ABSENT
    temperature_celsius: Annotated[float, Meta(description="Inside the housing", ge=-60, le=150)] = _ABSENT
    firmware: Annotated[str, Meta(description="Firmware version", max_length=64)] = _ABSENT


class StatusMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A word about the camera's session with its broker."""

    status: Annotated[
        Word,
        Meta(
            description="`online` once connected, `offline` as the last will, `goodbye` before a clean stop"
        ),
    ]


class _AnyRange(msgspec.Struct):
    """The heartbeat's types without their ranges: tells `out_of_range` from `malformed`."""

    ts: float = 0
    seq: int = 0
    uptime_s: float = 0
    fps: float = 0
    bitrate_bps: float = 0
    recording: bool = False
    video_loss: bool = False
    frozen: bool = False
    tamper: bool = False
    storage_used_ratio: float = 0
    temperature_celsius: float = 0
    firmware: str = ""


class _AnyObject(msgspec.Struct):
    """Any JSON object at all: reads the whole text and keeps nothing."""


_BARE = Heartbeat()
_heartbeat_from_json = msgspec.json.Decoder(Heartbeat).decode
_any_object_from_json = msgspec.json.Decoder(_AnyObject).decode
_status_from_json = msgspec.json.Decoder(StatusMessage).decode
_to_json = msgspec.json.Encoder().encode


def decode_heartbeat(payload: bytes) -> Heartbeat:
    """Read a heartbeat; an empty payload is a bare one.

    Raises WireError (`too_large`, `malformed`, `out_of_range`).
    """
    if not payload:
        return _BARE
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise _too_large(payload)
    try:
        # msgspec skips unknown fields without decoding their text, so look at it first.
        if not payload.isascii():
            payload.decode()
        return _heartbeat_from_json(payload)
    except msgspec.ValidationError as error:
        raise _violation(payload, error) from None
    except (ValueError, RecursionError) as error:
        raise WireError(RejectReason.MALFORMED, str(error)) from None


def encode_heartbeat(heartbeat: Heartbeat) -> bytes:
    """Return the JSON text of a heartbeat, without the fields that are not told.

    Ranges are not checked here: a simulated camera must be able to talk nonsense.
    """
    return _to_json(heartbeat)


def decode_status(payload: bytes) -> Word:
    """Read a status message. Raises WireError (`too_large`, `malformed`)."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise _too_large(payload)
    try:
        if not payload.isascii():
            payload.decode()
        return _status_from_json(payload).status
    except (ValueError, RecursionError) as error:
        raise WireError(RejectReason.MALFORMED, str(error)) from None


def encode_status(word: Word) -> bytes:
    """Return the JSON text of a status message."""
    return _to_json(StatusMessage(status=word))


def _too_large(payload: bytes) -> WireError:
    detail = f"{len(payload)} bytes, at most {MAX_PAYLOAD_BYTES} are read"
    return WireError(RejectReason.TOO_LARGE, detail)


def _violation(payload: bytes, first: msgspec.ValidationError) -> WireError:
    """Tell a message whose only faults are ranges from one that is worse than its first fault says."""
    try:
        _any_object_from_json(payload)  # decoding stopped at the first bad field: is the rest JSON?
        # Numbers are read as small ones of the same type: here only types count, not size.
        fields = json.loads(payload, object_pairs_hook=list, parse_int=lambda _: 0, parse_float=lambda _: 0.5)
        for name, value in fields:  # pairs, as a name may stand in it twice
            if name in _AnyRange.__struct_fields__:
                msgspec.convert({name: value}, _AnyRange)
    except (ValueError, RecursionError) as worse:
        return WireError(RejectReason.MALFORMED, str(worse))
    return WireError(RejectReason.OUT_OF_RANGE, str(first))
