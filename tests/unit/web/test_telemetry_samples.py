"""Values of the last hours: what is sampled, how long it stays, how much it may take."""

from __future__ import annotations

import pytest

from camwatch.web.telemetry_samples import BUDGET_BYTES, HOURS, TelemetrySamples, sampling_plan
from tests.support.fleet import camera
from tests.support.monitor_fixture import City, registered


def city(count: int = 2) -> City:
    """Return a city of `cam-1` and so on."""
    return City(registered([camera(f"cam-{number}") for number in range(1, count + 1)]))


async def test_a_sample_tells_what_a_camera_that_is_up_said_last() -> None:
    told = city()
    recent = TelemetrySamples(told.watcher)
    told.beat("cam-1", fps=25.0, bitrate_bps=4_000_000.0, storage_used_ratio=0.25, temperature_celsius=-3.5)
    told.pass_s(1)
    await recent.sample()
    series = recent.series("cam-1", "ville", 6)
    assert (series.fps, series.bitrate_bps) == ([25.0], [4_000_000.0])
    assert (series.storage_used_ratio, series.temperature_celsius) == ([0.25], [-3.5])
    assert series.clock_offset_s == [None]  # it never told the time
    assert [at.isoformat() for at in series.times] == ["2026-01-01T09:00:01+00:00"]


async def test_a_camera_that_is_not_up_says_nothing() -> None:
    told = city()
    recent = TelemetrySamples(told.watcher)
    told.beat("cam-1", "cam-2", fps=25.0)
    await recent.sample()
    told.pass_s(60)
    told.beat("cam-2", fps=12.0)
    await recent.sample()
    assert recent.series("cam-1", "ville", 6).fps == [25.0, None]
    assert recent.series("cam-2", "ville", 6).fps == [25.0, 12.0]


async def test_only_the_hours_that_are_asked_for_come() -> None:
    told = city(1)
    recent = TelemetrySamples(told.watcher)
    for hour in range(3):
        told.beat("cam-1", fps=float(hour))
        await recent.sample()
        told.pass_s(3600)
    assert recent.series("cam-1", "ville", 24).fps == [0.0, 1.0, 2.0]
    assert recent.series("cam-1", "ville", 1.5).fps == [2.0]


async def test_the_ring_goes_round_and_keeps_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("camwatch.web.telemetry_samples.BUDGET_BYTES", 30)  # three samples
    told = city(1)
    recent = TelemetrySamples(told.watcher)
    for value in range(5):
        told.pass_s(1)
        told.beat("cam-1", fps=float(value))
        await recent.sample()
    assert recent.series("cam-1", "ville", 6).fps == [2.0, 3.0, 4.0]


async def test_a_removed_camera_and_a_former_operators_past_are_not_shown() -> None:
    told = city()
    recent = TelemetrySamples(told.watcher)
    told.beat("cam-1", "cam-2", fps=25.0)
    await recent.sample()
    assert recent.series("cam-1", "somebody-else", 6).fps == [None]
    told.watcher.load_inventory(registered([camera("cam-2")]))
    await recent.sample()
    assert list(recent._ring.cameras) == [("cam-2", "ville")]


@pytest.mark.parametrize("cameras", [0, 1, 458, 555, 1_111, 10_000, 100_000])
def test_all_samples_stay_within_the_budget_and_reach_back_six_hours(cameras: int) -> None:
    slots, step_min = sampling_plan(cameras)
    assert slots * 5 * 2 * cameras <= BUDGET_BYTES
    assert slots * step_min >= 6 * 60
    assert slots * step_min <= max(HOURS * 60, 2 * 6 * 60)


async def test_a_fleet_of_quite_another_size_is_sampled_anew() -> None:
    told = city(1)
    recent = TelemetrySamples(told.watcher)
    before = recent._ring
    told.watcher.load_inventory(registered([camera(f"cam-{number}") for number in range(1_000)]))
    await recent.sample()
    assert recent._ring is not before
    assert recent._ring.slots == sampling_plan(1_000).slots


async def test_what_is_out_of_all_proportion_is_kept_as_the_largest() -> None:
    """Half precision ends at 65,504: of kilobits, and of seconds."""
    told = city(1)
    recent = TelemetrySamples(told.watcher)
    told.beat("cam-1", bitrate_bps=9e9, ts=told.wall - 90_000, fps=239.9, storage_used_ratio=0.123)
    await recent.sample()
    series = recent.series("cam-1", "ville", 6)
    assert (series.bitrate_bps, series.clock_offset_s) == ([65_504_000.0], [65_504.0])
    assert (series.fps, series.storage_used_ratio) == ([239.9], [0.123])
