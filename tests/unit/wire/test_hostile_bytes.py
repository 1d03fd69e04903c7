"""Whatever arrives: a value, or a WireError with one of the reasons that the room declares."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from camwatch.core.telemetry import SessionStatus
from camwatch.errors import RejectReason, WireError
from camwatch.wire.heartbeat import (
    Heartbeat,
    PartialHeartbeatError,
    decode_heartbeat,
    decode_status,
    encode_heartbeat,
    encode_status,
)
from tests.support.examples import examples
from tests.support.wire import strategies

FULL = Heartbeat(
    ts=1790000000.25,
    seq=4242,
    uptime_s=42420.5,
    fps=24.97,
    bitrate_bps=4.2e6,
    recording=True,
    video_loss=False,
    frozen=False,
    tamper=False,
    storage_used_ratio=0.62,
    temperature_celsius=-3.5,
    firmware="1.4.2-ete",
)
HEARTBEATS = [encode_heartbeat(FULL), encode_heartbeat(Heartbeat(seq=0)), b'{"x":{"y":[1,null,"\\u00e9"]}}']
STATUSES = [encode_status(word) for word in SessionStatus] + [b'{"status":"online","since":[1]}']
HEARTBEAT_REASONS = {RejectReason.MALFORMED, RejectReason.TOO_LARGE}
STATUS_REASONS = {RejectReason.MALFORMED, RejectReason.TOO_LARGE}


def declared(error: WireError, reasons: set[RejectReason]) -> RejectReason:
    """Return the reason of an error that is short enough to log, after checking that it is declared."""
    assert error.reason in reasons
    assert len(str(error)) < 200
    return error.reason


def heartbeat_or_refusal(payload: bytes) -> Heartbeat | RejectReason:
    """Decode; any error but a WireError with a declared reason fails the test."""
    try:
        heartbeat = decode_heartbeat(payload)
    except PartialHeartbeatError as partial:
        heartbeat = partial.heartbeat
    except WireError as error:
        return declared(error, HEARTBEAT_REASONS)
    assert isinstance(heartbeat, Heartbeat)
    told = msgspec.structs.asdict(heartbeat)
    again = decode_heartbeat(encode_heartbeat(Heartbeat(**told)))
    assert again == Heartbeat(**told), "what is taken is valid"
    return heartbeat


def word_or_refusal(payload: bytes) -> SessionStatus | RejectReason:
    """Decode; any error but a WireError with a declared reason fails the test."""
    try:
        word = decode_status(payload)
    except WireError as error:
        return declared(error, STATUS_REASONS)
    assert isinstance(word, SessionStatus)
    return word


@pytest.mark.parametrize("payload", HEARTBEATS)
def test_a_heartbeat_cut_at_any_byte_is_malformed(payload: bytes) -> None:
    """But for the cut that leaves nothing: that is a bare heartbeat."""
    assert [heartbeat_or_refusal(payload[:cut]) for cut in range(1, len(payload))] == (
        [RejectReason.MALFORMED] * (len(payload) - 1)
    )
    assert heartbeat_or_refusal(payload[:0]) == Heartbeat()


@pytest.mark.parametrize("payload", STATUSES)
def test_a_status_cut_at_any_byte_is_malformed(payload: bytes) -> None:
    assert [word_or_refusal(payload[:cut]) for cut in range(len(payload))] == (
        [RejectReason.MALFORMED] * len(payload)
    )


@pytest.mark.parametrize("payload", HEARTBEATS)
def test_a_heartbeat_mangled_at_any_byte_is_taken_or_refused(payload: bytes) -> None:
    for at in range(len(payload)):
        for byte in range(256):
            heartbeat_or_refusal(payload[:at] + bytes((byte,)) + payload[at + 1 :])
        heartbeat_or_refusal(payload[:at] + payload[at + 1 :])


@pytest.mark.parametrize("payload", STATUSES)
def test_a_status_mangled_at_any_byte_is_taken_or_refused(payload: bytes) -> None:
    for at in range(len(payload)):
        for byte in range(256):
            word_or_refusal(payload[:at] + bytes((byte,)) + payload[at + 1 :])
        word_or_refusal(payload[:at] + payload[at + 1 :])


@given(st.binary(max_size=200))
@example(b"\x00" * 17_000)
def test_arbitrary_bytes_are_taken_or_refused(payload: bytes) -> None:
    heartbeat_or_refusal(payload)
    word_or_refusal(payload)


@examples(300)
@given(strategies.objects(*strategies.FIELDS, "status"), st.booleans())
def test_arbitrary_json_objects_are_taken_or_refused(content: dict[str, object], escaped: bool) -> None:
    payload = json.dumps(content, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    heartbeat_or_refusal(payload)
    word_or_refusal(payload)


@given(strategies.values)
def test_arbitrary_json_values_are_taken_or_refused(content: object) -> None:
    heartbeat_or_refusal(json.dumps(content).encode())
    word_or_refusal(json.dumps(content).encode())


@examples(300)
@given(
    strategies.heartbeats().map(encode_heartbeat),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 8), st.binary(max_size=8)), min_size=1, max_size=4),
)
def test_mutated_heartbeats_are_taken_or_refused(
    payload: bytes, cuts: list[tuple[float, int, bytes]]
) -> None:
    for where, removed, inserted in cuts:
        at = round(where * len(payload))
        payload = payload[:at] + inserted + payload[at + removed :]
    heartbeat_or_refusal(payload)
