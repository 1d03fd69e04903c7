"""What a camera says, as a function of seed and time."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from camsim.device import Device
from camsim.fleet import PlayedCamera
from camwatch.core.model import Thresholds
from camwatch.wire.heartbeat import decode_heartbeat, encode_heartbeat
from tests.support.simulator.builders import patient

seeds = st.integers()
ids = st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True)
moments = st.floats(min_value=0, max_value=4e9)
intervals = st.floats(min_value=0.05, max_value=3600)


@st.composite
def devices(draw: st.DrawFn) -> Device:
    longitude = draw(st.floats(min_value=-180, max_value=180))
    return Device(PlayedCamera(draw(ids), "ville", "site", longitude=longitude), draw(seeds), draw(intervals))


@patient
@given(devices(), st.integers(min_value=0, max_value=2**53), moments, moments)
def test_every_heartbeat_reads_back_as_it_was_said(
    device: Device, seq: int, uptime: float, utc: float
) -> None:
    heartbeat = device.heartbeat(seq, uptime, utc)
    assert decode_heartbeat(encode_heartbeat(heartbeat)) == heartbeat
    assert heartbeat.seq == seq


@patient
@given(devices(), moments)
def test_a_healthy_device_is_never_degraded(device: Device, utc: float) -> None:
    """Rule C3: what the simulator does not want to be seen must not be seen."""
    limits, heartbeat = Thresholds(), device.heartbeat(0, 0.0, utc)
    assert heartbeat.fps > limits.fps_min
    assert heartbeat.storage_used_ratio < limits.storage_used_max_ratio
    assert limits.temperature_min_celsius < heartbeat.temperature_celsius < limits.temperature_max_celsius
    assert heartbeat.recording
    assert not any((heartbeat.video_loss, heartbeat.frozen, heartbeat.tamper))


@patient
@given(seeds, ids, moments)
def test_the_same_seed_plays_the_same_device(seed: int, name: str, utc: float) -> None:
    one, other = (Device(PlayedCamera(name, "ville", "site"), seed, 10.0) for _ in range(2))
    assert one.heartbeat(3, 30.0, utc) == other.heartbeat(3, 30.0, utc)
    assert [one.due_s(1, seq) for seq in range(9)] == [other.due_s(1, seq) for seq in range(9)]


def test_another_seed_or_another_id_plays_another_device() -> None:
    said = [
        Device(PlayedCamera(name, "ville", "site"), seed, 10.0).heartbeat(0, 0.0, 1e9)
        for seed in (1, 2)
        for name in ("a", "b")
    ]
    assert len(set(map(encode_heartbeat, said))) == 4


@patient
@given(devices(), st.integers(min_value=0, max_value=9), st.integers(min_value=0, max_value=10**6))
def test_heartbeats_are_one_interval_apart_with_some_jitter(device: Device, boot: int, seq: int) -> None:
    gap = device.due_s(boot, seq + 2) - device.due_s(boot, seq + 1)
    assert 0.89 * device.interval_s < gap < 1.11 * device.interval_s
    assert 0 <= device.due_s(boot, 0) < 1.06 * device.interval_s


@patient
@given(devices(), st.floats(min_value=0, max_value=1e6))
def test_the_next_heartbeat_is_the_first_that_is_still_due(device: Device, after_s: float) -> None:
    seq = device.next_seq(0, after_s)
    assert device.due_s(0, seq) > after_s
    assert seq == 0 or device.due_s(0, seq - 1) <= after_s


def test_a_fleet_spreads_evenly_over_the_interval() -> None:
    first = [Device(PlayedCamera(f"cam-{n}", "ville", "site"), 0, 10.0).due_s(0, 0) for n in range(458)]
    per_second = [sum(second <= due < second + 1 for due in first) for second in range(10)]
    assert min(per_second) > 25
    assert max(per_second) < 75


def test_figures_drift_slowly_and_follow_the_hour() -> None:
    device = Device(PlayedCamera("cam-1", "ville", "site", longitude=5.4), 0, 10.0)
    noon = 1_750_000_000 // 86_400 * 86_400 + 43_200.0
    day = [device.heartbeat(0, 0.0, noon + step) for step in range(0, 86_400, 10)]
    jumps = [abs(b.temperature_celsius - a.temperature_celsius) for a, b in pairwise(day)]
    assert max(jumps) <= 0.2
    afternoon, night = device.heartbeat(0, 0.0, noon + 7_200), device.heartbeat(0, 0.0, noon + 50_400)
    assert afternoon.temperature_celsius > night.temperature_celsius + 5
    assert len({heartbeat.firmware for heartbeat in day}) == 1
