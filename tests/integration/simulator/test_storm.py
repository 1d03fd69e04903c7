"""Many faults at once, and a host program that makes mistakes."""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise

import pytest

from camsim.stats import Statistics
from tests.support.eventually import eventually
from tests.support.mosquitto import Mosquitto
from tests.support.pace import SCALE
from tests.support.simulator.builders import fleet_of, simulator
from tests.support.simulator.mqtt_observer import observing


async def test_after_a_storm_of_faults_every_camera_lives_exactly_once(mosquitto: Mosquitto) -> None:
    """Faults that hit a camera in the middle of connecting, publishing or coming back."""
    dice = random.Random(4)
    quick = simulator(
        mosquitto.url, fleet_of(30), interval_s=0.05 * SCALE, qos=1, reconnect_min_s=0.02, reconnect_max_s=0.1
    )
    async with observing(mosquitto.url) as observer, quick as playing:
        cameras = playing.fleet.cameras
        for _ in range(300):
            act = dice.choice([playing.cut_power, playing.silence, playing.restore, playing.restore])
            act(dice.sample(cameras, dice.randint(1, 10)), dice.choice("ab"))
            await asyncio.sleep(dice.choice([0.0, 0.0, 0.001, 0.02]) * SCALE)
        for reason in "ab":
            playing.restore(cameras, reason)
        await eventually(lambda: playing.statistics.connected == 30)
    assert playing.statistics.reconnects > 30
    for camera in cameras:
        for numbers in observer.boots(camera.id):
            assert all(one < other for one, other in pairwise(numbers)), (camera.id, numbers)


async def test_a_mistake_in_a_callback_is_not_swallowed(mosquitto: Mosquitto) -> None:
    def mistaken(_: Statistics) -> None:
        raise ZeroDivisionError

    playing = simulator(mosquitto.url, fleet_of(3))
    playing.statistics.on_change = mistaken
    with pytest.raises(ExceptionGroup) as caught:
        await playing.__aenter__()
    assert caught.group_contains(ZeroDivisionError)
