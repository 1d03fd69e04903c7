"""The heartbeat, field by field: what is taken, what is refused, and with which reason."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from camwatch.errors import RejectReason, WireError
from camwatch.wire.heartbeat import MAX_PAYLOAD_BYTES, Heartbeat, decode_heartbeat, encode_heartbeat
from tests.wire import strategies

NUMBERS_ONLY = ["null", "true", '"1"', '""', "[]", "[1]", "{}"]
BOOLEANS_ONLY = ["null", "0", "1", "0.0", '"true"', '""', "[]", "{}"]
HUGE = ["1e400", "1" + "0" * 400, "1" + "0" * 5000]
HUGE_NEGATIVE = ["-" + number for number in HUGE]

# field: (JSON that is taken, JSON of the right type and out of range, JSON of a wrong type)
TABLE: dict[str, tuple[list[str], list[str], list[str]]] = {
    "ts": (
        ["0", "-0.0", "-1", "1790000000", "1790000000.25", "1e308", "-1e308", "1e-400"],
        [*HUGE, *HUGE_NEGATIVE],
        NUMBERS_ONLY,
    ),
    "seq": (
        ["0", "-0", "1", "9223372036854775807", "9223372036854775808", "18446744073709551616"],
        ["-1", "-9223372036854775809", "-99999999999999999999999", "1" + "0" * 5000],
        [*NUMBERS_ONLY, "1.0", "1.5", "-1.5", "1e3", "1e400"],
    ),
    "uptime_s": (["0", "0.0", "-0.0", "0.001", "1e308"], ["-1", "-1e-9", *HUGE], NUMBERS_ONLY),
    "fps": (["0", "25", "239.99", "240", "240.0"], ["-0.001", "240.001", "241", *HUGE], NUMBERS_ONLY),
    "bitrate_bps": (["0", "4.2e6", "1e308"], ["-1", "-0.5", *HUGE], NUMBERS_ONLY),
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
        ['""', '"1.4.2"', f'"{"x" * 64}"', f'"{"é" * 64}"', f'"{"📷" * 64}"', r'"\ud83d\ude00"'],
        [f'"{"x" * 65}"', f'"{"é" * 65}"'],
        ["null", "0", "1.4", "true", "[]", '["1.4.2"]', "{}"],
    ),
}
TAKEN = [(name, text) for name, (taken, _, _) in TABLE.items() for text in taken]
OUT_OF_RANGE = [(name, text) for name, (_, beyond, _) in TABLE.items() for text in beyond]
WRONG_TYPE = [(name, text) for name, (_, _, wrong) in TABLE.items() for text in wrong]


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


@pytest.mark.parametrize(("name", "value"), OUT_OF_RANGE, ids=_short)
def test_a_value_beyond_its_range_is_refused_as_out_of_range(name: str, value: str) -> None:
    error = refusal(message(name, value))
    assert error.reason is RejectReason.OUT_OF_RANGE
    assert name in error.detail


@pytest.mark.parametrize(("name", "value"), WRONG_TYPE, ids=_short)
def test_a_value_of_a_wrong_type_is_refused_as_malformed(name: str, value: str) -> None:
    """A null is a wrong type too: a camera that does not know leaves the field out."""
    error = refusal(message(name, value))
    assert error.reason is RejectReason.MALFORMED
    assert name in error.detail


@pytest.mark.parametrize(("name", "value"), OUT_OF_RANGE, ids=_short)
@pytest.mark.parametrize(
    "worse",
    [
        '"x":NaN',
        '"x":Infinity',
        '"x":01',
        r'"x":"\ud800"',
        r'"x":"\u12"',
        '"x":"\t"',
        '"recording":1',
        '"ts":null',
        '"x":1,',
        '"x"',
        '"x":1} x',
    ],
)
def test_a_range_fault_does_not_hide_a_worse_one(name: str, value: str, worse: str) -> None:
    """The reason is that of the whole message, in whichever order its faults come."""
    for inside in (f'"{name}":{value},{worse}', f'{worse},"{name}":{value}'):
        assert refusal(f"{{{inside}}}".encode()).reason is RejectReason.MALFORMED


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
     b'{"seq":1,}', b'{"seq" 1}', b'{"seq":+1}', b'{"seq":01}', b'{"ts":.5}', b'{"ts":1.}', b'{"ts":NaN}',
     b'{"ts":Infinity}', b'{"ts":-Infinity}', b'{"ts":nan}', b'{"seq":1}//', b'\xef\xbb\xbf{"seq":1}',
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
     b"{%b}", b"{}%b", b"%b"],
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


@pytest.mark.parametrize(
    ("pair", "reason"),
    [
        ('"fps":300,"fps":10', RejectReason.OUT_OF_RANGE),
        ('"fps":10,"fps":300', RejectReason.OUT_OF_RANGE),
        ('"fps":"x","fps":10', RejectReason.MALFORMED),
        ('"fps":10,"fps":"x"', RejectReason.MALFORMED),
        ('"fps":300,"fps":"x"', RejectReason.MALFORMED),
        ('"fps":"x","fps":300', RejectReason.MALFORMED),
    ],
)
def test_a_bad_field_is_not_mended_by_a_second_of_its_name(pair: str, reason: RejectReason) -> None:
    assert refusal(f"{{{pair}}}".encode()).reason is reason


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


def test_an_error_says_the_field_and_stays_short() -> None:
    error = refusal(b'{"fps":300,"firmware":"' + b"secret" * 10 + b'"}')
    assert str(error) == "out_of_range: Expected `float` <= 240.0 - at `$.fps`"
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


@given(strategies.heartbeats(), st.sampled_from(OUT_OF_RANGE), st.data())
def test_one_value_beyond_its_range_refuses_any_heartbeat(
    heartbeat: Heartbeat, fault: tuple[str, str], data: st.DataObject
) -> None:
    name, value = fault
    told = json.loads(encode_heartbeat(heartbeat))
    told.pop(name, None)
    fields = [f'"{key}":{json.dumps(valid)}' for key, valid in told.items()]
    fields.insert(data.draw(st.integers(0, len(fields))), f'"{name}":{value}')
    assert refusal(f"{{{','.join(fields)}}}".encode()).reason is RejectReason.OUT_OF_RANGE
