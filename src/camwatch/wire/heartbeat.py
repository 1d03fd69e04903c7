"""Encoder and decoder of camwatch's own messages, for the daemon and for simulated cameras.

Whatever the bytes, a decoder raises only `WireError`, and for heartbeats `PartialHeartbeatError`. Unknown
fields are ignored for forward compatibility; a known field that cannot be used is dropped alone (rule C4).

Rejecting costs little more than accepting: a payload is parsed at most twice, and each of its fields once
more. No Python code runs per key or per value.
"""

from __future__ import annotations

from typing import Annotated, Any, get_type_hints

import msgspec
from msgspec import Meta

from camwatch.core.telemetry import SessionStatus
from camwatch.errors import CamwatchError, RejectReason, WireError

__all__ = [
    "MAX_PAYLOAD_BYTES",
    "Heartbeat",
    "PartialHeartbeatError",
    "SessionStatus",  # of the core, exported here because the simulator imports `wire` only
    "StatusMessage",
    "decode_heartbeat",
    "decode_status",
    "encode_heartbeat",
    "encode_status",
]

MAX_PAYLOAD_BYTES = 16 * 1024
"""The largest payload that is decoded, for both messages."""

_LAST_TS = 253_402_300_799  # the end of the year 9999, the last one that datetime can show
_ABSENT: Any = None  # the default of every field; a JSON null is a wrong type all the same


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A heartbeat; absent fields read None."""

    ts: Annotated[float, Meta(description="When it was sent: Unix seconds, UTC", ge=0, le=_LAST_TS)] = _ABSENT
    seq: Annotated[int, Meta(description="Heartbeats since boot: one more each time", ge=0, le=2**63 - 1)] = (
        _ABSENT
    )
    uptime_s: Annotated[float, Meta(description="Seconds since boot", ge=0, le=1e10)] = _ABSENT
    fps: Annotated[float, Meta(description="Pictures per second", ge=0, le=240)] = _ABSENT
    bitrate_bps: Annotated[float, Meta(description="Bits per second of the video stream", ge=0, le=1e12)] = (
        _ABSENT
    )
    recording: Annotated[bool, Meta(description="The pictures are being kept")] = _ABSENT
    video_loss: Annotated[bool, Meta(description="The sensor gives no picture")] = _ABSENT
    frozen: Annotated[bool, Meta(description="The picture does not change")] = _ABSENT
    tamper: Annotated[bool, Meta(description="The camera is covered, turned away or out of focus")] = _ABSENT
    storage_used_ratio: Annotated[float, Meta(description="How full the storage is", ge=0, le=1)] = _ABSENT
    temperature_celsius: Annotated[float, Meta(description="Inside the housing", ge=-60, le=150)] = _ABSENT
    firmware: Annotated[
        str,
        # The pattern is for the schema only: matching it would cost as much as half of the fields.
        Meta(
            description="Firmware version, printable ASCII",
            max_length=64,
            extra_json_schema={"pattern": "^[ -~]*$"},
        ),
    ] = _ABSENT


class PartialHeartbeatError(CamwatchError):
    """A valid heartbeat with unusable fields, which `dropped` names (rule C4)."""

    def __init__(self, heartbeat: Heartbeat, dropped: tuple[str, ...]) -> None:
        super().__init__(f"unusable fields: {', '.join(dropped)}")
        self.heartbeat = heartbeat
        self.dropped = dropped


class StatusMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A status message: the state of the camera's session with its broker."""

    status: Annotated[
        SessionStatus,
        Meta(
            description="`online` once connected, `offline` as the last will, `goodbye` before a clean stop"
        ),
    ]


_FIELDS = {
    name: msgspec.json.Decoder(hint).decode
    for name, hint in get_type_hints(Heartbeat, include_extras=True).items()
}
_MISSING = msgspec.Raw()
_Unread = msgspec.defstruct("_Unread", [(name, msgspec.Raw, _MISSING) for name in _FIELDS], gc=False)
_BARE = Heartbeat()
_heartbeat_from_json = msgspec.json.Decoder(Heartbeat).decode
_unread_from_json = msgspec.json.Decoder(_Unread).decode
_status_from_json = msgspec.json.Decoder(StatusMessage).decode
_to_json = msgspec.json.Encoder().encode


def decode_heartbeat(payload: bytes, firmware: str | None = None) -> Heartbeat:
    """Decode a heartbeat; an empty payload is a heartbeat without fields.

    `firmware` is the camera's last known version, which is not validated again.

    Raises WireError (`too_large`, `malformed`), or PartialHeartbeatError, which carries the usable fields.
    """
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise _too_large(payload)
    try:
        # msgspec skips unknown fields without decoding their text, so it is checked first.
        if not payload.isascii():
            payload.decode()
        heartbeat = _heartbeat_from_json(payload)
    except msgspec.ValidationError:
        return _usable(payload)
    except (ValueError, RecursionError) as error:
        if not payload:
            return _BARE
        is_text = not isinstance(error, UnicodeDecodeError)
        if is_text and (b"NaN" in payload or b"Infinity" in payload):
            return _usable(payload)
        raise WireError(RejectReason.MALFORMED, str(error)) from None
    if heartbeat.firmware == firmware or _is_plain(heartbeat.firmware):
        return heartbeat
    return _usable(payload)


def encode_heartbeat(heartbeat: Heartbeat) -> bytes:
    """Return the JSON text of a heartbeat without its absent fields.

    Ranges are not checked: simulated cameras send invalid values on purpose.
    """
    return _to_json(heartbeat)


def decode_status(payload: bytes) -> SessionStatus:
    """Decode a status message. Raises WireError (`too_large`, `malformed`)."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise _too_large(payload)
    try:
        if not payload.isascii():
            payload.decode()
        return _status_from_json(payload).status
    except (ValueError, RecursionError) as error:
        raise WireError(RejectReason.MALFORMED, str(error)) from None


def encode_status(word: SessionStatus) -> bytes:
    """Return the JSON text of a status message."""
    return _to_json(StatusMessage(status=word))


def _is_plain(firmware: str | None) -> bool:
    return firmware is None or (firmware.isascii() and firmware.isprintable())


def _too_large(payload: bytes) -> WireError:
    detail = f"{len(payload)} bytes, at most {MAX_PAYLOAD_BYTES} are read"
    return WireError(RejectReason.TOO_LARGE, detail)


def _without_literals(payload: bytes) -> bytes:
    """Return the payload with null, which no field accepts, instead of the literals that are not JSON.

    This also changes the content of texts, which `_usable` checks for.
    """
    for literal in (b"-Infinity", b"Infinity", b"NaN"):
        payload = payload.replace(literal, b"null")
    return payload


def _usable(payload: bytes) -> Heartbeat:
    """Decode a payload field by field. Raises WireError (`malformed`), PartialHeartbeatError."""
    try:
        unread = _unread_from_json(_without_literals(payload))
    except (ValueError, RecursionError) as error:
        raise WireError(RejectReason.MALFORMED, str(error)) from None
    usable: dict[str, Any] = {}
    dropped = []
    for name, decode in _FIELDS.items():
        field = getattr(unread, name)
        if field is _MISSING:
            continue
        try:
            value = decode(field)
        except (ValueError, RecursionError):
            dropped.append(name)
            continue
        if name == "firmware" and not (_is_plain(value) and bytes(field) in payload):
            dropped.append(name)
        else:
            usable[name] = value
    if dropped:
        raise PartialHeartbeatError(Heartbeat(**usable), tuple(dropped)) from None
    return Heartbeat(**usable)
