"""The account of every in-service millisecond, and the figures drawn from it (rules T3, A1-A4)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camwatch.core.model import Status
from camwatch.core.status_time import Proven, StatusTime, sum_status_times, unite
from tests.support.fleet import World, alive, fleet

milliseconds = st.integers(min_value=0, max_value=10**13)
accounts = st.builds(StatusTime, milliseconds, milliseconds, milliseconds, milliseconds)


@pytest.mark.parametrize(
    ("status", "account"),
    [
        (Status.UP, StatusTime(up=7)),
        (Status.DOWN, StatusTime(down=7)),
        (Status.UNKNOWN, StatusTime(unknown=7)),
        (Status.MAINTENANCE, StatusTime(maintenance=7)),
    ],
)
def test_time_is_credited_to_the_account_of_its_status(status: Status, account: StatusTime) -> None:
    """A1."""
    credited = StatusTime()
    credited.add(status, 7)
    assert credited == account
    assert credited.in_service == 7


def test_availability_is_up_over_up_and_down() -> None:
    """A2: unknown and maintenance do not count."""
    assert StatusTime(up=999, down=1, unknown=5_000, maintenance=7_000).availability == 0.999


@pytest.mark.parametrize("account", [StatusTime(), StatusTime(unknown=5), StatusTime(maintenance=5)])
def test_without_covered_time_there_is_no_availability(account: StatusTime) -> None:
    """A2: no value, never 0 or 100 %."""
    assert account.availability is None


def test_coverage_and_bounds_tell_what_the_unknown_time_could_be() -> None:
    """A3."""
    account = StatusTime(up=60, down=20, unknown=20, maintenance=1_000)
    assert account.coverage == 0.8
    assert account.bounds == (0.6, 0.8)


@pytest.mark.parametrize("account", [StatusTime(), StatusTime(maintenance=5)])
def test_maintenance_alone_has_no_coverage_and_no_bounds(
    account: StatusTime,
) -> None:
    """A3."""
    assert account.coverage is None
    assert account.bounds is None


def test_all_unknown_is_no_coverage_and_bounds_from_nothing_to_everything() -> None:
    """A3."""
    assert StatusTime(unknown=5).coverage == 0.0
    assert StatusTime(unknown=5).bounds == (0.0, 1.0)


def test_a_group_is_summed_before_it_is_divided() -> None:
    """A4: a camera of one hour does not weigh as much as one of a year."""
    group = sum_status_times([StatusTime(up=1, down=1), StatusTime(up=98, down=0)])
    assert group.availability == 0.99


def test_a_group_of_nobody_has_no_figures() -> None:
    """A2, A4: an operator with no camera."""
    assert sum_status_times([]) == StatusTime()
    assert sum_status_times([]).availability is None


@given(st.lists(accounts))
def test_a_sum_is_exact(many: list[StatusTime]) -> None:
    """A4, T3: whole milliseconds, whatever the order."""
    whole = sum_status_times(many)
    assert whole == sum_status_times(reversed(many))
    assert whole.in_service == sum(account.in_service for account in many)


@given(accounts)
def test_availability_lies_within_its_bounds_and_all_lie_within_0_and_1(account: StatusTime) -> None:
    """A2, A3."""
    if account.bounds is None or account.availability is None:
        return
    low, high = account.bounds
    assert 0 <= low <= account.availability * (1 + 1e-12)
    assert account.availability <= high * (1 + 1e-12)
    assert high <= 1


def test_every_millisecond_is_in_one_account_at_any_time() -> None:
    """A1: settled at random instants, through every status."""
    world = World()
    for step in range(1, 4_000):
        world.to(step * 0.377)
        phase = int(world.t) % 500
        if phase < 250 and step % 20 == 0:
            world.beat()
        if phase == 400 and not world.is_blind():
            world.lose()
        if phase == 480 and world.is_blind():
            world.regain()
        if step % 7 == 0:
            world.account()
    state = world.camera()
    assert state.accounted_until_ms is not None
    assert world.account().in_service == state.accounted_until_ms - 5_000_000
    assert min(state.status_time.up, state.status_time.down, state.status_time.unknown) > 0


def test_settling_twice_or_more_often_changes_nothing() -> None:
    """A1, T3: nothing is lost between two looks."""
    often, seldom = alive(), alive()
    for world, looks in ((often, 40), (seldom, 1)):
        world.to(3.3333)
        for step in range(400):
            world.to(3.3333 + step * 0.1001)
            if step % 100 == 0:
                world.beat()
            if step % (400 // looks) == 0:
                world.account()
                world.account()
        world.to(200)
    assert often.account() == seldom.account()


def test_a_silent_camera_is_accounted_to_half_an_interval_after_proof() -> None:
    """A1, E5: what a conviction may yet make down is not accounted as up, so nothing is taken back."""
    world = alive(until=100).to(144)
    assert world.account().up == 105_000
    assert world.account().in_service == 105_000
    account = world.to(145).account()
    assert (account.up, account.down) == (105_000, 35_000)


def test_a_camera_that_spoke_at_the_last_moment_was_up_all_the_time() -> None:
    """A1, L2."""
    world = alive(until=100).to(144)
    world.beat()
    assert world.account().up == 144_000


def test_availability_of_a_fleet_counts_every_camera_by_its_time() -> None:
    """A4: on worlds, not on numbers made up."""
    world = alive(*fleet(4)).beats(1000, "cam-1", "cam-2", "cam-3")
    whole = sum_status_times(world.account(camera_id) for camera_id in world.watch.cameras)
    assert whole.in_service == 3 * 1_000_000 + 995_000
    assert whole.availability == pytest.approx((3 * 1000 + 5) / 3995)


def test_proven_time_is_united_where_it_touches_and_empty_time_is_left_out() -> None:
    stretches = [Proven.of(30, 40), Proven.of(10, 20), Proven.of(20, 25), Proven.of(50, 50)]
    assert unite(stretches) == [Proven.of(10, 25), Proven.of(30, 40)]
