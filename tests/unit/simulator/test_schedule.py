"""From entries to steps: what befalls which camera, when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camsim.errors import ScenarioError
from camsim.faults import Change, Effect, Install, Moment, NetworkCut, PowerOff, SpoofedMessage
from camsim.fleet import Fleet, PlayedCamera
from camsim.schedule import Step, plan
from tests.support.simulator.builders import fleet_of, scenario_of


def steps(
    *entries: str, fleet: Fleet | None = None, duration_s: float | None = 600, seed: int = 0
) -> list[Step]:
    return plan(scenario_of(*entries, duration_s=duration_s), fleet or fleet_of(6), seed)


def ids(step: Step) -> list[str]:
    return [camera.id for camera in step.cameras]


def moments(found: list[Step]) -> list[tuple[float, Change]]:
    return [(step.at_s, step.change) for step in found]


def test_a_cut_ends_after_its_duration_or_never() -> None:
    found = steps(
        "{action: power_cut, at: 30, for: 60, on: {site: site-1}}",
        "{action: network_cut, at: 10, on: {camera: cam-0}}",
    )
    assert moments(found) == [(10, NetworkCut()), (30, PowerOff()), (90, Moment.END_EFFECT)]
    assert ids(found[1]) == ["cam-3", "cam-4", "cam-5"]
    assert found[1].reason == found[2].reason != found[0].reason
    assert found[1].tells == "power cut: site site-1 (3 cameras)"
    assert found[2].tells == ""


def test_an_uplink_cuts_all_that_stand_there() -> None:
    (found,) = steps("{action: uplink_cut, on: {camera: cam-4}}")
    assert ids(found) == ["cam-3", "cam-4", "cam-5"]


def test_a_flapping_camera_ends_with_power() -> None:
    for lasting in (1, 60, 61, 90, 91, 150, 200):
        found = steps(f"{{action: flap, at: 5, for: {lasting}}}")
        assert found[-1].at_s == 5 + lasting or found[-1].change is Moment.END_EFFECT
        assert sum(isinstance(s.change, Effect) for s in found) == sum(
            s.change is Moment.END_EFFECT for s in found
        )
        assert max(step.at_s for step in found) <= 5 + lasting


def test_what_goes_on_by_itself_goes_on_to_the_end_of_the_scenario() -> None:
    found = steps("{action: reboot_loop, at: 10, up: 50, takes: 10}", duration_s=100)
    assert moments(found) == [
        (10, PowerOff()),
        (20, Moment.END_EFFECT),
        (70, PowerOff()),
        (80, Moment.END_EFFECT),
    ]
    with pytest.raises(ScenarioError, match="has no end"):
        steps("{action: flap}", duration_s=None)


def test_a_repeated_entry_has_a_reason_for_each_time() -> None:
    found = steps("{action: power_cut, at: 5, for: 3, every: 20, times: 3}")
    assert [step.at_s for step in found] == [5, 8, 25, 28, 45, 48]
    assert len({step.reason for step in found}) == 3


def test_spread_delays_each_camera_by_its_own_constant_draw() -> None:
    entry = "{action: reboot, at: 100, takes: 5, spread: 60}"
    found = steps(entry)
    begins = [step for step in found if isinstance(step.change, Effect)]
    assert len({step.at_s for step in begins}) == 6
    assert all(100 <= step.at_s < 160 and len(step.cameras) == 1 for step in begins)
    assert found == steps(entry)
    assert found != steps(entry, seed=1)
    assert sum(bool(step.tells) for step in found) == 1, "people read one line"


def test_a_firmware_says_goodbye_and_comes_back_as_another() -> None:
    found = steps("{action: firmware, at: 1, version: '6', takes: 9}")
    assert moments(found) == [
        (1, PowerOff(goodbye=True)),
        (10, Install("6")),
        (10, Moment.END_EFFECT),
    ]


def test_commissioning_concerns_the_planned_cameras_only() -> None:
    (step,) = steps("{action: commission, at: 7}", fleet=fleet_of(3, planned=2))
    assert ids(step) == ["cam-3", "cam-4"]
    with pytest.raises(ScenarioError, match="nothing to commission"):
        steps("{action: commission}")


def test_the_broker_is_stopped_and_started() -> None:
    found = steps("{action: broker_restart, at: 5, for: 20}")
    assert [(step.at_s, step.change, step.cameras) for step in found] == [
        (5, Moment.STOP_BROKER, ()),
        (25, Moment.START_BROKER, ()),
    ]


def test_lies_are_told_at_their_pace() -> None:
    found = steps("{action: replay, at: 10, for: 20, pace: 6, on: {camera: cam-1}}")
    assert [step.at_s for step in found] == [10, 16, 22, 28]
    assert [step.change for step in found] == [SpoofedMessage("replay", number) for number in range(4)]
    (spoof, *_) = steps("{action: spoof, for: 5, pace: 6}")
    assert spoof.change == SpoofedMessage("spoof", own_topic=False)


def test_a_fleet_that_does_not_fit_is_refused_with_the_place_and_a_hint() -> None:
    with pytest.raises(ScenarioError) as caught:
        steps(
            "{action: reboot, on: {site: site-o}}",
            "{action: reboot, on: {operator: landlord}}",
            "{action: reboot, on: {site: site-0, camera: cam-5}}",
        )
    first, second, third = caught.value.problems
    assert first.startswith("--action:1:1: no camera of the fleet has site 'site-o': did you mean site-")
    assert "has operator 'landlord': it has ville" in second
    assert third == "--action:1:1: no camera of the fleet fits camera cam-5; site site-0"


def test_an_entry_that_makes_millions_of_steps_is_refused() -> None:
    with pytest.raises(ScenarioError, match="makes more than 5,000,000 steps"):
        steps("{action: flap, off_for: 1ms, on_for: 1ms, for: 30d}", fleet=fleet_of(100))


@given(st.floats(0.01, 1), st.integers(0, 50), st.integers(0, 5))
def test_a_share_draws_that_many_and_at_least_one(share: float, seed: int, other: int) -> None:
    fleet = fleet_of(40)
    (step,) = steps(f"{{action: reconnect, on: {{share: {share}, seed: {other}}}}}", fleet=fleet, seed=seed)
    assert len(step.cameras) == max(1, round(share * 40))
    assert list(step.cameras) == [camera for camera in fleet.cameras if camera in step.cameras]


def test_a_count_draws_no_more_than_there_are() -> None:
    (step,) = steps("{action: reconnect, on: {count: 99}}")
    assert len(step.cameras) == 6


def test_zone_and_purpose_select() -> None:
    fleet = Fleet(
        (
            PlayedCamera("a", "o", "s", zone="Jas de Bouffan", purpose="traffic"),
            PlayedCamera("b", "o", "s", zone="Jas de Bouffan", purpose="access_control"),
            PlayedCamera("c", "o", "s", zone="Centre", purpose="traffic"),
        )
    )
    (step,) = steps("{action: reconnect, on: {zone: Jas de Bouffan, purpose: [traffic]}}", fleet=fleet)
    assert ids(step) == ["a"]
