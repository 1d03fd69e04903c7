"""Remarks on a camera that is up: flapping and degraded (rules C2, C3). Suspect is in `test_life`."""

from __future__ import annotations

from typing import Any

import pytest

from camwatch.core.conditions import REASON_NAMES, Flapping, Reason
from camwatch.core.model import Status, Thresholds
from camwatch.core.telemetry import SessionStatus
from tests.support.fleet import World, alive, enrolment, instant, window

MINUTE = 60.0


def changes(*minutes: float) -> Flapping:
    """Return the memory of a camera that changed at these minutes."""
    flapping = Flapping()
    for minute in minutes:
        flapping.record_change(minute * MINUTE)
    return flapping


# --- C2


def test_six_changes_in_half_an_hour_are_flapping() -> None:
    """C2: the sixth begins it."""
    flapping = changes(0, 1, 2, 3, 4)
    assert not flapping.is_active(4 * MINUTE)
    flapping.record_change(30 * MINUTE)
    assert flapping.is_active(30 * MINUTE)


def test_six_changes_in_more_than_half_an_hour_are_not() -> None:
    """C2."""
    assert not changes(0, 1, 2, 3, 4, 30.001).is_active(30.001 * MINUTE)


def test_flapping_ends_when_two_or_fewer_changes_are_left() -> None:
    """C2: of changes at 0 … 5, the fourth (3) leaves the half hour just after minute 33."""
    flapping = changes(0, 1, 2, 3, 4, 5)
    assert flapping.is_active(33 * MINUTE)
    assert not flapping.is_active(33.001 * MINUTE)


def test_flapping_goes_on_while_three_changes_are_recent() -> None:
    """C2: six begin it, fewer keep it."""
    flapping = changes(0, 1, 2, 3, 4, 5, 20, 31)
    assert flapping.is_active(34.9 * MINUTE)
    assert not flapping.is_active(35.1 * MINUTE)


def test_after_an_end_six_changes_are_needed_again() -> None:
    """C2."""
    flapping = changes(0, 1, 2, 3, 4, 5, 40, 41, 42, 43, 44)
    assert not flapping.is_active(44 * MINUTE)
    flapping.record_change(45 * MINUTE)
    assert flapping.is_active(45 * MINUTE)


def test_a_camera_that_comes_and_goes_flaps() -> None:
    """C2: three outages in half an hour are six changes."""
    world = World()
    for outage in range(4):
        world.to(outage * 300.0).beats(outage * 300.0 + 100)
        flapping = world.camera().flapping
        assert bool(flapping and flapping.is_active(world.now.mono)) is (outage == 3)
    world.beats(4000)
    flapping = world.camera().flapping
    assert flapping
    assert not flapping.is_active(world.now.mono)


def test_blindness_and_maintenance_are_no_flapping() -> None:
    """C2: changes between up and down only."""
    windows = [window(t, t + 5) for t in range(50, 900, 50)]
    world = alive(windows=windows)
    for t in range(100, 900, 100):
        world.beats(t).lose().to(t + 60).regain()
    assert world.camera().flapping is None
    assert len(world.moves()) > 20


# --- C3


@pytest.mark.parametrize(
    ("reason", "ill", "well"),
    [
        (Reason.VIDEO_LOSS, {"video_loss": True}, {"video_loss": False}),
        (Reason.FROZEN, {"frozen": True}, {"frozen": False}),
        (Reason.TAMPER, {"tamper": True}, {"tamper": False}),
        (Reason.NOT_RECORDING, {"recording": False}, {"recording": True}),
        (Reason.FPS_LOW, {"fps": 4.99}, {"fps": 5.0}),
        (Reason.FPS_LOW, {"fps": 0.0}, {"fps": 240.0}),
        (Reason.STORAGE, {"storage_used_ratio": 0.951}, {"storage_used_ratio": 0.95}),
        (Reason.TEMPERATURE, {"temperature_celsius": 70.1}, {"temperature_celsius": 70.0}),
        (Reason.TEMPERATURE, {"temperature_celsius": -25.1}, {"temperature_celsius": -25.0}),
        (
            Reason.CLOCK,
            {"ts": instant(0).utc_ms / 1000 - 5.1},
            {"ts": instant(10).utc_ms / 1000 - 4.9},
        ),
    ],
)
def test_each_reason_begins_stays_while_not_told_and_ends(
    reason: Reason, ill: dict[str, Any], well: dict[str, Any]
) -> None:
    """C3: alive but useless is still up."""
    world = World()
    world.beat(**ill)
    assert world.camera().reasons == reason
    assert world.status() is Status.UP
    world.to(5).beat()
    assert world.camera().reasons == reason
    world.to(10).beat(**well)
    assert world.camera().reasons == 0
    assert world.camera().reasons_ended == {reason: instant(10).mono}


def test_a_healthy_camera_has_no_reason() -> None:
    """C3."""
    world = World()
    world.beat(
        ts=instant(0).utc_ms / 1000,
        fps=25.0,
        recording=True,
        video_loss=False,
        frozen=False,
        tamper=False,
        storage_used_ratio=0.5,
        temperature_celsius=40.0,
    )
    assert world.camera().reasons == 0


def test_every_reason_that_holds_is_told() -> None:
    """C3."""
    world = World()
    world.beat(
        ts=0.0,
        fps=0.0,
        recording=False,
        video_loss=True,
        frozen=True,
        tamper=True,
        storage_used_ratio=1.0,
        temperature_celsius=150.0,
    )
    assert [name for reason, name in REASON_NAMES.items() if reason & world.camera().reasons] == [
        "video_loss",
        "frozen",
        "fps_low",
        "not_recording",
        "tamper",
        "storage",
        "temperature",
        "clock",
    ]


def test_reasons_begin_and_end_each_by_itself() -> None:
    """C3."""
    world = World()
    world.beat(tamper=True, fps=1.0)
    world.to(10).beat(tamper=False, video_loss=True)
    assert world.camera().reasons == Reason.FPS_LOW | Reason.VIDEO_LOSS
    assert world.camera().reasons_ended == {Reason.TAMPER: instant(10).mono}


def test_thresholds_are_settings() -> None:
    """C3."""
    thresholds = Thresholds(
        fps_min=20,
        storage_used_max_ratio=0.5,
        temperature_min_celsius=0,
        temperature_max_celsius=30,
        clock_offset_max_s=0.5,
    )
    world = World(enrolment(thresholds=thresholds), enrolment("cam-2"))
    for camera_id in ("cam-1", "cam-2"):
        ts = instant(0).utc_ms / 1000 - 1.0
        world.beat(camera_id, ts=ts, fps=15.0, storage_used_ratio=0.6, temperature_celsius=35.0)
    strict = Reason.FPS_LOW | Reason.STORAGE | Reason.TEMPERATURE | Reason.CLOCK
    assert world.camera("cam-1").reasons == strict
    assert world.camera("cam-2").reasons == 0


def test_what_a_camera_last_said_is_kept_field_by_field() -> None:
    """A heartbeat tells what it cares to; the rest stays as last told."""
    world = World()
    world.beat(fps=25.0, bitrate_bps=2e6, firmware="1.0")
    world.beat(temperature_celsius=31.5, storage_used_ratio=0.25, firmware="1.1")
    world.beat(fps=24.0)
    world.beat()
    world.word(SessionStatus.ONLINE)
    camera = world.camera()
    assert (camera.fps, camera.bitrate_bps, camera.firmware) == (24.0, 2e6, "1.1")
    assert (camera.temperature_celsius, camera.storage_used_ratio) == (31.5, 0.25)
    assert camera.heartbeats == 4


def test_a_value_of_zero_is_a_value() -> None:
    """Nothing is not zero."""
    world = World()
    world.beat(fps=25.0, bitrate_bps=1e6, temperature_celsius=20.0, storage_used_ratio=0.5, firmware="1")
    world.beat(fps=0.0, bitrate_bps=0.0, temperature_celsius=0.0, storage_used_ratio=0.0, firmware="")
    camera = world.camera()
    assert (camera.fps, camera.bitrate_bps, camera.temperature_celsius) == (0.0, 0.0, 0.0)
    assert (camera.storage_used_ratio, camera.firmware) == (0.0, "")
    assert camera.reasons == Reason.FPS_LOW


# --- degraded time


def test_degraded_time_lies_beside_the_time_up() -> None:
    """C3, A1: from the heartbeat that told it to the one that took it back."""
    world = World().beats(40).to(50)
    world.beat(tamper=True)
    world.beats(90).to(95)
    world.beat(tamper=False)
    account = world.beats(200).account()
    assert account.degraded == 45_000
    assert (account.up, account.in_service) == (200_000, 200_000)


def test_one_reason_after_another_is_one_stretch_of_degraded_time() -> None:
    """C3: time is degraded once, however many the reasons."""
    world = World()
    world.beat(tamper=True)
    world.to(10).beat(tamper=True, frozen=True)
    world.to(20).beat(tamper=False)
    world.to(30).beat(frozen=False)
    assert world.to(35).account().degraded == 30_000


def test_a_degraded_camera_that_goes_down_is_down_and_not_degraded() -> None:
    """C3: and degraded again from its return, as far as anyone knows."""
    world = World()
    world.beat(tamper=True)
    world.to(100)
    account = world.account()
    assert (account.up, account.degraded, account.down) == (5_000, 5_000, 90_000)
    world.beat()
    account = world.to(105).account()
    assert (account.degraded, account.up, account.down) == (10_000, 10_000, 95_000)


def test_degraded_time_in_maintenance_is_maintenance() -> None:
    """C3, V3."""
    world = World(windows=[window(20, 50)])
    world.beat(tamper=True)
    account = world.beats(100).account()
    assert (account.degraded, account.up, account.maintenance) == (70_000, 70_000, 30_000)


def test_degraded_time_is_never_unknown_time() -> None:
    """C3, S4."""
    world = World()
    world.beat(tamper=True)
    world.blind(5, 105).to(107).beat()
    account = world.to(110).account()
    assert (account.degraded, account.up, account.unknown) == (8_000, 8_000, 102_000)
