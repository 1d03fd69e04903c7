"""The status message: three words, and nothing else."""

from __future__ import annotations

import pytest

from camwatch.core.telemetry import SessionStatus
from camwatch.errors import RejectReason, WireError
from camwatch.wire.heartbeat import MAX_PAYLOAD_BYTES, decode_status, encode_status


def refusal(payload: bytes) -> WireError:
    """Return the error with which the payload is refused."""
    with pytest.raises(WireError) as caught:
        decode_status(payload)
    return caught.value


@pytest.mark.parametrize(
    ("word", "payload"),
    [
        (SessionStatus.ONLINE, b'{"status":"online"}'),
        (SessionStatus.OFFLINE, b'{"status":"offline"}'),
        (SessionStatus.GOODBYE, b'{"status":"goodbye"}'),
    ],
)
def test_a_status_reads_and_writes_as_the_contract_says(word: SessionStatus, payload: bytes) -> None:
    assert encode_status(word) == payload
    assert decode_status(payload) is word


def test_unknown_fields_of_a_status_are_ignored() -> None:
    assert (
        decode_status('{"x":[null,"é"],"status":"goodbye","since":1e400}'.encode()) is SessionStatus.GOODBYE
    )


@pytest.mark.parametrize(
    "payload",
    [b"", b"{}", b"online", b'"online"', b'["online"]', b"null", b'{"status":null}', b'{"status":1}',
     b'{"status":true}', b'{"status":"Online"}', b'{"status":"online "}', b'{"status":"asleep"}',
     b'{"status":""}', b'{"status":["online"]}', b'{"Status":"online"}', b'{"status":"online"',
     b'{"status":"online"}x', b'{"status":"online","x":"\xff"}', b'{"status":"online","\xff":1}',
     b'{"status":"online","x":NaN}'],
)  # fmt: skip
def test_anything_else_is_malformed(payload: bytes) -> None:
    """An empty payload too: the daemon, to whom MQTT so tells of a cleared message, does not ask."""
    assert refusal(payload).reason is RejectReason.MALFORMED


def test_the_last_of_two_words_counts_if_both_are_words() -> None:
    assert decode_status(b'{"status":"online","status":"offline"}') is SessionStatus.OFFLINE
    assert refusal(b'{"status":"asleep","status":"offline"}').reason is RejectReason.MALFORMED


def test_a_status_may_be_as_long_as_a_heartbeat() -> None:
    frame = b'{"status":"online","x":"%b"}'
    room = MAX_PAYLOAD_BYTES - len(frame % b"")
    assert decode_status(frame % (b"x" * room)) is SessionStatus.ONLINE
    assert refusal(frame % (b"x" * (room + 1))).reason is RejectReason.TOO_LARGE


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_a_status_nested_without_end_is_malformed(opening: str, closing: str) -> None:
    depth = 16_000 // len(opening + closing)
    nest = opening * depth + "1" + closing * depth
    assert refusal(f'{{"status":"online","x":{nest}}}'.encode()).reason is RejectReason.MALFORMED
