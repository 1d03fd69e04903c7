"""Faults as people write them, and what they become in time."""

from __future__ import annotations

import contextlib
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camsim.errors import FaultError
from camsim.faults import Action, Fault, Kind, Scope, parse_fault, timeline
from camsim.fleet import Fleet, PlayedCamera
from tests.simulator.builders import fleet_of, patient

seconds = st.integers(min_value=0, max_value=10**6).map(lambda tenths: tenths / 10)


@patient
@given(
    st.sampled_from([Kind.POWER, Kind.NETWORK, Kind.FLAP]),
    st.sampled_from([Scope.CAMERA, Scope.SITE, Scope.OPERATOR, Scope.ALL]),
    st.from_regex(r"[a-z0-9][a-z0-9-]{0,30}", fullmatch=True),
    seconds,
    st.none() | seconds.filter(bool),
)
def test_a_fault_reads_back_as_it_is_written(
    kind: Kind, scope: Scope, name: str, start: float, lasting: float | None
) -> None:
    fault = Fault(kind, scope, "" if scope is Scope.ALL else name, start, lasting)
    assert parse_fault(str(fault)) == fault


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("power", "write KIND:SELECTOR@START+DURATION"),
        ("power:all", "write KIND:SELECTOR@START+DURATION"),
        ("pwer:all@1", "unknown kind 'pwer': use power, network, flap, commission"),
        ("power:room=3@1", "unknown selector 'room=3': use camera=ID, site=ID, operator=ID or all"),
        ("power:site@1", "unknown selector 'site'"),
        ("power:site=@1", "unknown selector 'site='"),
        ("power:all=x@1", "unknown selector 'all=x'"),
        ("power:all@", "'' is not a number of seconds"),
        ("power:all@soon", "'soon' is not a number of seconds"),
        ("power:all@-1", "'-1' is not a number of seconds"),
        ("power:all@1+inf", "'inf' is not a number of seconds"),
        ("power:all@1+nan", "'nan' is not a number of seconds"),
        ("power:all@1+", "'' is not a number of seconds"),
        ("power:all@1+0", "the duration is 0"),
        ("commission:all@1+5", "leave the duration out"),
    ],
)
def test_a_wrong_fault_says_what_to_write(spec: str, says: str) -> None:
    with pytest.raises(FaultError) as caught:
        parse_fault(spec)
    assert says in str(caught.value)
    assert spec in str(caught.value)


@patient
@given(st.text())
def test_any_text_is_a_fault_or_a_fault_error(text: str) -> None:
    with contextlib.suppress(FaultError):
        parse_fault(text)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("power:site=site-o@1", "no camera of the fleet has site=site-o: did you mean site-"),
        ("power:operator=landlord@1", "no camera of the fleet has operator=landlord, which has ville"),
        ("power:camera=nothing@1", "no camera of the fleet has camera=nothing"),
        ("commission:camera=cam-0@1", "nothing to commission"),
    ],
)
def test_a_fault_that_does_not_fit_the_fleet_is_refused_before_it_is_played(spec: str, says: str) -> None:
    with pytest.raises(FaultError) as caught:
        timeline([parse_fault(spec)], fleet_of(3), 10.0)
    assert says in str(caught.value)


def test_a_power_cut_ends_after_its_duration_or_never() -> None:
    faults = [parse_fault("power:site=site-1@30+60"), parse_fault("network:camera=cam-0@10")]
    steps = list(timeline(faults, fleet_of(6), 10.0))
    assert [(step.at_s, step.action) for step in steps] == [
        (10, Action.SILENCE),
        (30, Action.CUT_POWER),
        (90, Action.RESTORE),
    ]
    assert [camera.id for camera in steps[1].cameras] == ["cam-3", "cam-4", "cam-5"]
    assert steps[1].reason == steps[2].reason != steps[0].reason


def test_a_flapping_camera_is_off_long_enough_to_be_down_and_on_long_enough_to_be_up() -> None:
    """Rule L2: down after 4.5 intervals, of the slowest camera concerned."""
    fleet = Fleet((PlayedCamera("a", "o", "s"), PlayedCamera("b", "o", "s", interval_s=20.0)))
    steps = list(islice(timeline([parse_fault("flap:all@5")], fleet, 10.0), 40))
    assert [step.action for step in steps] == [Action.CUT_POWER, Action.RESTORE] * 20
    for one, other in pairwise(steps):
        assert other.at_s - one.at_s == (120 if one.action is Action.CUT_POWER else 60)


@pytest.mark.parametrize("lasting", [1, 60, 61, 90, 91, 150, 200])
def test_a_flapping_that_ends_leaves_the_cameras_with_power(lasting: int) -> None:
    steps = list(timeline([parse_fault(f"flap:all@5+{lasting}")], fleet_of(2), 10.0))
    assert steps[-1].action is Action.RESTORE
    assert steps[-1].at_s == 5 + lasting
    assert [step.at_s for step in steps] == sorted(step.at_s for step in steps)


def test_commissioning_concerns_the_planned_cameras_only() -> None:
    (step,) = timeline([parse_fault("commission:all@7")], fleet_of(3, planned=2), 10.0)
    assert [camera.id for camera in step.cameras] == ["cam-3", "cam-4"]
