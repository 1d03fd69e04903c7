"""The heartbeat, field by field: what is taken, what costs its field only, and what is refused (rule C4)."""

from __future__ import annotations

import contextlib
import json
import sys
from types import FrameType
from typing import Protocol

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from camwatch.errors import RejectReason, WireError
from camwatch.wire.heartbeat import (
    MAX_PAYLOAD_BYTES,
    Heartbeat,
    PartialHeartbeatError,
    decode_heartbeat,
    encode_heartbeat,
)
from tests.support.wire import strategies

NOT_FINITE = ["NaN", "Infinity", "-Infinity"]
NUMBERS_ONLY = [*NOT_FINITE, "null", "true", '"1"', '""', "[]", "[1]", "{}"]
BOOLEANS_ONLY = ["NaN", "null", "0", "1", "0.0", '"true"', '""', "[]", "{}"]
HUGE = ["1e400", "1" + "0" * 400, "1" + "0" * 5000]
HUGE_NEGATIVE = ["-" + number for number in HUGE]

# field: (JSON that is taken, JSON of the right type and out of range, JSON of a wrong type)
TABLE: dict[str, tuple[list[str], list[str], list[str]]] = {
    "ts": (
        ["0", "-0.0", "1790000000", "1790000000.25", "253402300799", "1e-400"],
        ["-1", "253402300800", "1e308", "-1e308", *HUGE, *HUGE_NEGATIVE],
        NUMBERS_ONLY,
    ),
    "seq": (
        ["0", "-0", "1", "9223372036854775807"],
        [
            "9223372036854775808",
            "18446744073709551616",
            "-1",
            "-9223372036854775809",
            "-99999999999999999999999",
            "1" + "0" * 5000,
        ],
        [*NUMBERS_ONLY, "1.0", "1.5", "-1.5", "1e3", "1e400"],
    ),
    "uptime_s": (["0", "0.0", "-0.0", "0.001", "1e10"], ["-1", "-1e-9", "1e11", *HUGE], NUMBERS_ONLY),
    "fps": (["0", "25", "239.99", "240", "240.0"], ["-0.001", "240.001", "241", *HUGE], NUMBERS_ONLY),
    "bitrate_bps": (["0", "4.2e6", "1e12"], ["-1", "-0.5", "1e13", *HUGE], NUMBERS_ONLY),
    "recording": (["true", "false"], [], BOOLEANS_ONLY),
    "video_loss": (["true", "false"], [], BOOLEANS_ONLY),
    "frozen": (["true", "false"], [], BOOLEANS_ONLY),
    "tamper": (["true", "false"], [], BOOLEANS_ONLY),
    "storage_used_ratio": (["0", "0.5", "1", "1.0", "1e-400"], ["-0.001", "1.001", *HUGE], NUMBERS_ONLY),
    "temperature_celsius": (
        ["-60", "-60.0", "0", "21.5", "150"],
        ["-60.001", "150.001", *HUGE, *HUGE_NEGATIVE],
        NUMBERS_ONLY,
    ),
    "firmware": (
        ['""', '"1.4.2"', f'"{"x" * 64}"', '"~ !"', r'"\u0041\/"'],
        [f'"{"x" * 65}"', '"1.4.2-été"', '"📷"', r'"\ud83d\ude00"', r'"\u001b[31m"', r'"a\tb"', '"\x7f"'],
        ["NaN", "null", "0", "1.4", "true", "[]", '["1.4.2"]', "{}"],
    ),
}
TAKEN = [(name, text) for name, (taken, _, _) in TABLE.items() for text in taken]
UNUSABLE = [(name, text) for name, (_, beyond, wrong) in TABLE.items() for text in (*beyond, *wrong)]


def message(name: str, value: str) -> bytes:
    """Return a heartbeat of one field, its value given as JSON text."""
    return f'{{"{name}":{value}}}'.encode()


def refusal(payload: bytes) -> WireError:
    """Return the error with which the payload is refused."""
    with pytest.raises(WireError) as caught:
        decode_heartbeat(payload)
    return caught.value


def _short(value: object) -> str:
    return str(value)[:24]


def test_the_table_of_this_test_names_every_field() -> None:
    assert tuple(TABLE) == Heartbeat.__struct_fields__
    assert tuple(strategies.FIELDS) == Heartbeat.__struct_fields__


@pytest.mark.parametrize(("name", "value"), TAKEN, ids=_short)
def test_a_value_of_the_right_type_and_range_is_taken(name: str, value: str) -> None:
    heartbeat = decode_heartbeat(message(name, value))
    assert getattr(heartbeat, name) == json.loads(value)
    others = [getattr(heartbeat, other) for other in TABLE if other != name]
    assert others == [None] * 11, "a field that is not told reads None"


def partial(payload: bytes) -> tuple[Heartbeat, tuple[str, ...]]:
    """Return what can be used of a heartbeat, and the names of the fields that cannot."""
    with pytest.raises(PartialHeartbeatError) as caught:
        decode_heartbeat(payload)
    return caught.value.heartbeat, caught.value.dropped


@pytest.mark.parametrize(("name", "value"), UNUSABLE, ids=_short)
def test_a_value_of_no_use_costs_its_field_only(name: str, value: str) -> None:
    """C4: beyond its range, not finite, or of a wrong type; a null is one of these."""
    other, sound = ("fps", 25.0) if name != "fps" else ("seq", 7)
    for fields in (f'"{name}":{value},"{other}":{sound}', f'"x":"é","{other}":{sound},"{name}":{value}'):
        heartbeat, dropped = partial(f"{{{fields}}}".encode())
        assert dropped == (name,)
        assert getattr(heartbeat, name) is None
        assert getattr(heartbeat, other) == sound


@pytest.mark.parametrize(("name", "value"), UNUSABLE, ids=_short)
@pytest.mark.parametrize(
    "worse",
    ['"x":01', r'"x":"\ud800"', r'"x":"\u12"', '"x":"\t"', '"x":nan', '"x":+Infinity', '"x":-NaN', '"x":1NaN',
     '"x":1,', '"x"', '"x":1} x'],
)  # fmt: skip
def test_a_field_of_no_use_does_not_hide_what_is_no_json(name: str, value: str, worse: str) -> None:
    for inside in (f'"{name}":{value},{worse}', f'{worse},"{name}":{value}'):
        assert refusal(f"{{{inside}}}".encode()).reason is RejectReason.MALFORMED


def test_every_field_can_be_of_no_use_and_the_heartbeat_is_a_bare_one() -> None:
    payload = ",".join(f'"{name}":[]' for name in TABLE)
    assert partial(f"{{{payload}}}".encode()) == (Heartbeat(), tuple(TABLE))


def test_each_invalid_field_is_dropped_alone_in_any_order() -> None:
    for fields in (
        '"fps":-1,"temperature_celsius":NaN,"seq":5',
        '"temperature_celsius":NaN,"seq":5,"fps":-1',
    ):
        expected = Heartbeat(seq=5), ("fps", "temperature_celsius")
        assert partial(f"{{{fields}}}".encode()) == expected


def test_literals_that_are_not_json_are_invalid_in_unknown_fields() -> None:
    assert decode_heartbeat(b'{"x":NaN,"y":[-Infinity,{"z":Infinity}],"seq":3}') == Heartbeat(seq=3)


def test_a_text_that_names_such_a_literal_is_taken_as_it_is_or_not_at_all() -> None:
    """C4: where the literal stands beside it, the text is given up rather than shown as another."""
    assert decode_heartbeat(b'{"firmware":"NaN"}').firmware == "NaN"
    assert partial(b'{"firmware":"1.4","fps":NaN}') == (Heartbeat(firmware="1.4"), ("fps",))
    found = partial(b'{"firmware":"v NaN","fps":NaN,"seq":1}')
    assert found == (Heartbeat(seq=1), ("fps", "firmware"))


def test_a_cached_firmware_is_reused_and_replaces_no_other() -> None:
    for before in (None, "1.4.2", "1.4.3"):
        assert decode_heartbeat(b'{"firmware":"1.4.2"}', before) == Heartbeat(firmware="1.4.2")
        assert decode_heartbeat(b"{}", before) == Heartbeat()
        with pytest.raises(PartialHeartbeatError):
            decode_heartbeat(rb'{"firmware":"1.4.2\u001b"}', before)


def test_an_empty_payload_is_a_bare_heartbeat() -> None:
    assert decode_heartbeat(b"") == Heartbeat()
    assert decode_heartbeat(b"{}") == Heartbeat()
    assert encode_heartbeat(Heartbeat()) == b"{}"


@pytest.mark.parametrize("payload", [b"null", b"true", b"1", b'"online"', b"[]", b'[{"seq":1}]'])
def test_json_that_is_no_object_is_malformed(payload: bytes) -> None:
    assert refusal(payload).reason is RejectReason.MALFORMED


@pytest.mark.parametrize(
    "payload",
    [b" ", b"\x00", b"{", b"}", b"{}\x00", b"{} x", b"{},{}", b"{}{}", b"{'seq':1}", b"{seq:1}", b"{1:2}",
     b'{"seq":1,}', b'{"seq" 1}', b'{"seq":+1}', b'{"seq":01}', b'{"ts":.5}', b'{"ts":1.}', b'{"ts":nan}',
     b"NaN", b"[NaN]", b'{"ts":NaN', b'{"ts":Infinity1}', b'{"seq":1}//', b'\xef\xbb\xbf{"seq":1}',
     '{"seq":1}'.encode("utf-16"), '{"seq":1}'.encode("utf-32-le")],
)  # fmt: skip
def test_what_is_no_json_is_malformed(payload: bytes) -> None:
    assert refusal(payload).reason is RejectReason.MALFORMED


def test_space_around_the_object_is_json_too() -> None:
    assert decode_heartbeat(b' \r\n\t{ "seq" : 7 } \n').seq == 7


@pytest.mark.parametrize(
    "bad", [b"\xff", b"\x80", b"\xc3", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80"]
)
@pytest.mark.parametrize(
    "frame",
    [b'{"firmware":"%b"}', b'{"x":"%b"}', b'{"%b":1}', b'{"x":{"y":["%b"]}}', b'{"fps":300,"x":"%b"}',
     b'{"fps":NaN,"x":"%b"}', b"{%b}", b"{}%b", b"%b"],
)  # fmt: skip
def test_bad_utf_8_is_malformed_wherever_it_stands(frame: bytes, bad: bytes) -> None:
    assert refusal(frame % bad).reason is RejectReason.MALFORMED


@pytest.mark.parametrize(
    "unknown",
    ["null", "1e400", "1" + "0" * 3000, '"é📷"', "[[[]]]", '{"seq":-1,"fps":"x"}', r'"\ud83d\ude00"'],
    ids=_short,
)
def test_unknown_fields_are_ignored_whatever_they_hold(unknown: str) -> None:
    payload = f'{{"x":{unknown},"seq":3,"ptz":{unknown},"":{unknown},"Seq":{unknown}}}'.encode()
    assert decode_heartbeat(payload) == Heartbeat(seq=3)


def test_the_last_of_two_fields_of_one_name_counts() -> None:
    assert decode_heartbeat(b'{"seq":1,"seq":2}') == Heartbeat(seq=2)
    assert decode_heartbeat(rb'{"seq":1,"\u0073eq":2}') == Heartbeat(seq=2)


@pytest.mark.parametrize("first", ["300", '"x"', "NaN"])
def test_the_last_of_two_fields_of_one_name_counts_whatever_the_first_was(first: str) -> None:
    assert decode_heartbeat(f'{{"fps":{first},"fps":10}}'.encode()) == Heartbeat(fps=10)
    assert partial(f'{{"fps":10,"fps":{first}}}'.encode()) == (Heartbeat(), ("fps",))


def padded(size: int) -> bytes:
    """Return a valid heartbeat of `size` bytes."""
    frame = b'{"seq":1,"x":"%b"}'
    return frame % (b"x" * (size - len(frame % b"")))


def test_sixteen_kibibytes_are_read_and_a_byte_more_is_not() -> None:
    assert MAX_PAYLOAD_BYTES == 16_384
    assert decode_heartbeat(padded(16_384)) == Heartbeat(seq=1)
    assert refusal(padded(16_385)).reason is RejectReason.TOO_LARGE
    assert refusal(b"\xff" * 16_385).reason is RejectReason.TOO_LARGE, "size comes before sense"
    assert "16385" in refusal(padded(16_385)).detail


@pytest.mark.parametrize("frame", ['{"x":%s}', '{"firmware":%s}', '{"fps":300,"x":%s}', '{"x":%s,"fps":300}'])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
@pytest.mark.parametrize("closed", [True, False])
def test_nesting_without_end_is_malformed(frame: str, opening: str, closing: str, closed: bool) -> None:
    depth = 16_000 // len(opening + closing)
    nest = opening * depth + "1" + closing * (depth if closed else 0)
    error = refusal((frame % nest).encode())
    assert error.reason is RejectReason.MALFORMED


def test_an_error_stays_short() -> None:
    assert str(refusal(b'{"fps":x}')) == "malformed: JSON is malformed: invalid character (byte 7)"
    assert len(str(refusal(b'{"' + b"x" * 16_000 + b'":'))) < 200
    assert len(str(refusal(b"\xff" * 16_000))) < 200


@given(strategies.heartbeats())
def test_any_valid_heartbeat_comes_back_as_it_was_sent(heartbeat: Heartbeat) -> None:
    payload = encode_heartbeat(heartbeat)
    assert decode_heartbeat(payload) == heartbeat
    assert json.loads(payload) == {
        k: v for k, v in msgspec.structs.asdict(heartbeat).items() if v is not None
    }


@given(strategies.heartbeats(), strategies.objects("x", "Fps", "ptz"))
def test_any_valid_heartbeat_bears_any_unknown_field(heartbeat: Heartbeat, more: dict[str, object]) -> None:
    told = json.loads(encode_heartbeat(heartbeat))
    assert decode_heartbeat(json.dumps({**more, **told}, ensure_ascii=True).encode()) == heartbeat


@given(strategies.heartbeats(), st.sampled_from(UNUSABLE), st.data())
def test_one_value_of_no_use_leaves_all_else_of_any_heartbeat(
    heartbeat: Heartbeat, fault: tuple[str, str], data: st.DataObject
) -> None:
    """C4. A text that names a literal like the one beside it is dropped as well: see above."""
    name, value = fault
    told = json.loads(encode_heartbeat(heartbeat))
    told.pop(name, None)
    assume(not any(literal in told.get("firmware", "") for literal in NOT_FINITE))
    fields = [f'"{key}":{json.dumps(valid)}' for key, valid in told.items()]
    fields.insert(data.draw(st.integers(0, len(fields))), f'"{name}":{value}')
    assert partial(f"{{{','.join(fields)}}}".encode()) == (Heartbeat(**told), (name,))


def _crowd(first: str, *, unit: str = '"fps":9') -> bytes:
    """Return a payload of the largest size, full of known keys."""
    more = (MAX_PAYLOAD_BYTES - len(first) - 3) // (len(unit) + 1)
    return f"{{{','.join([first, *[unit] * more])}}}".encode()


class TraceFunction(Protocol):
    """What `sys.settrace` calls."""

    def __call__(self, frame: FrameType, event: str, argument: object, /) -> TraceFunction: ...


HOSTILE = {
    "out of range first": _crowd('"fps":999'),
    "a wrong type first": _crowd('"seq":"7"'),
    "all of no use": _crowd(",".join(f'"{name}":[]' for name in TABLE), unit='"fps":[]'),
    "no number": _crowd('"fps":NaN', unit='"fps":NaN'),
    "hardly a number": _crowd('"fps":NaN'),
    "no firmware": _crowd(r'"firmware":"\u001b"'),
    "two kinds": _crowd('"fps":999,"ts":NaN'),
    "cut off": _crowd('"fps":999')[:-1],
    "cut off, no number": _crowd('"fps":NaN')[:-1],
}


def _steps(payload: bytes) -> int:
    """Return how many lines of Python, and calls of what is written in C, it takes to read a payload."""
    count = 0

    def trace(_frame: FrameType, event: str, _argument: object) -> TraceFunction:
        nonlocal count
        count += event == "line"
        return trace

    def profile(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event == "c_call"

    traced, profiled = sys.gettrace(), sys.getprofile()
    sys.settrace(trace)
    sys.setprofile(profile)
    try:
        with contextlib.suppress(WireError, PartialHeartbeatError):
            decode_heartbeat(payload)
    finally:
        sys.setprofile(profiled)
        sys.settrace(traced)
    return count


@pytest.mark.parametrize("payload", HOSTILE.values(), ids=HOSTILE)
def test_refusing_takes_the_same_few_steps_however_many_fields_there_are(payload: bytes) -> None:
    """C4: two thousand keys are read by msgspec alone, as those of a sound heartbeat are."""
    assert 16_000 < len(payload) <= MAX_PAYLOAD_BYTES
    per_field = 12
    assert _steps(payload) <= 40 + per_field * len(TABLE)
