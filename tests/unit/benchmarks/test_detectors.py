"""The comparison of detectors behind docs/explanation/accuracy.md: it counts what it says it counts."""

from __future__ import annotations

from itertools import islice

import pytest

from benchmarks.detectors import NETWORKS, WINDOW, Network, Score, arrivals, judge
from camsim.device import Device
from camsim.fleet import Fleet, read_fleet
from tests.support.paths import ROOT

REFERENCE = ROOT / "config" / "fleet"
STILL = Network("nothing is late", 0.0, 0.0, lambda _: 0.0)


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    whole = read_fleet(REFERENCE)
    return Fleet(whole.cameras[:3])


def test_a_mistake_is_a_wait_above_the_lowest_allowed_threshold() -> None:
    score = Score()
    for gap in (1.0, 1.0, 2.0, 5.0, 6.0):
        score.add(0.0, 1.0, gap)
    assert score.mistakes(4.5) == 2
    assert score.threshold(2) == 2.0
    assert score.mistakes(score.threshold(2)) == 2
    assert score.threshold(0) == 6.0


def test_a_dead_camera_is_convicted_a_threshold_after_what_was_expected() -> None:
    score = Score()
    for base, scale in ((1.0, 0.5), (2.0, 0.5)):
        score.add(base, scale, 1.0)
    assert score.detection(2.0) == (2.5, 3.0)


def test_where_nothing_is_late_every_detector_needs_just_the_interval(fleet: Fleet) -> None:
    for score in judge(STILL, fleet, 3 * WINDOW, seed=1).values():
        mean, p99 = score.detection(score.threshold(0))
        assert mean == pytest.approx(1.0, abs=1e-3)
        assert p99 == pytest.approx(1.0, abs=1e-3)


def test_the_estimated_arrival_takes_the_jitter_of_the_last_heartbeat_out(fleet: Fleet) -> None:
    """What a fixed silence must add on both sides, it adds on one."""
    scores = judge(Network("uneven", 0.2, 0.0, lambda _: 0.0), fleet, 10 * WINDOW, seed=1)
    fixed, chen = scores["fixed silence"], scores["estimated arrival"]
    assert fixed.threshold(0) == pytest.approx(1.4, abs=0.02)
    assert chen.threshold(0) == pytest.approx(0.2, abs=0.05)


def test_arrivals_are_lost_as_the_network_says_and_come_in_order(fleet: Fleet) -> None:
    device = Device(fleet.cameras[0], 1, 10.0)
    for network in NETWORKS:
        came = list(islice(arrivals(device, network, 5000, seed=1), 5000))
        assert [at for _, at in came] == sorted(at for _, at in came)
        assert [seq for seq, _ in came] == sorted({seq for seq, _ in came})
        if not network.good_s and "slow" not in network.name:  # there, some are overtaken
            assert 1 - len(came) / 5000 == pytest.approx(network.loss, rel=0.5)
