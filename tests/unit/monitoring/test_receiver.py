"""The way of every message: what goes wrong with one must not reach the others."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camwatch.core.model import Status
from camwatch.errors import RejectReason
from tests.support.examples import examples
from tests.support.fleet import camera
from tests.support.monitor_fixture import City, registered

TOPIC = "camwatch/v1/ville/cam-1/heartbeat"
NUMBERS = ["0", "-0.0", "1e10", "1e308", "-1e308", "1e15", "-1e15", "1e400", "NaN", "9" * 400, "253402300799"]


def city() -> City:
    """Return two cameras whose clocks are known."""
    found = City(registered([camera("cam-1"), camera("cam-2")]))
    for seq in range(3):
        found.beat("cam-1", "cam-2", seq=seq, ts=found.wall, uptime_s=float(seq)).pass_s(10)
    return found


def send(found: City, payload: str) -> None:
    """Let a camera's message come alone."""
    found.link.packets_begin(found.watcher.clock())
    found.link.message(TOPIC, payload.encode(), False)
    found.link.packets_end(found.watcher.clock())


@examples(60)
@given(
    st.lists(
        st.fixed_dictionaries(
            {}, optional=dict.fromkeys(("ts", "uptime_s", "seq"), st.sampled_from(NUMBERS))
        ),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from([0.1, 5.0, 20.0, 100.0]),
)
def test_no_number_that_a_camera_tells_ends_the_link(told: list[dict[str, str]], apart_s: float) -> None:
    """C4, L10: a kept session would bring it again for ever, and blind the whole city."""
    found = city()
    for fields in told:
        send(found, "{" + ",".join(f'"{name}":{value}' for name, value in fields.items()) + "}")
        found.pass_s(apart_s)
    assert not found.link._failures


def test_a_message_that_camwatch_fails_to_judge_is_told_and_ends_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = city()
    broken: Any = found.watcher.fleet.cameras["cam-1"]
    broken.gaps = None  # a fault of ours
    send(found, "{}")
    send(found, "{}")
    found.beat("cam-2", seq=3, ts=found.wall)
    assert found.watcher.rejections.counts[RejectReason.MALFORMED] == 2
    assert found.watcher.fleet.cameras["cam-2"].underlying_status is Status.UP
    assert capsys.readouterr().out.count("message processing failed") == 1
