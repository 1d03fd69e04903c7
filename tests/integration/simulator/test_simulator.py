"""A fleet against a real Mosquitto, seen as the daemon sees it."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from camsim.errors import ConnectError
from camsim.simulator import Simulator
from camwatch.core.telemetry import SessionStatus
from camwatch.wire.heartbeat import Heartbeat
from tests.support.eventually import eventually
from tests.support.mosquitto import Mosquitto
from tests.support.pace import SCALE
from tests.support.simulator.builders import INTERVAL_S, fleet_of, simulator
from tests.support.simulator.mqtt_observer import Observer, observing

FLAP = "{action: flap, off_for: 0.6, on_for: 0.3, for: 60}"


def all_sent(observer: Observer, count: int, cameras: int = 3) -> bool:
    return all(len(observer.heartbeats(f"cam-{n}")) >= count for n in range(cameras))


def counts_from_its_boot(beat: Heartbeat) -> bool:
    """Return whether a heartbeat's number fits its uptime: the first ones are lost while it connects."""
    return beat.seq <= beat.uptime_s / INTERVAL_S + 1


async def played(simulator: Simulator) -> None:
    async with simulator:
        await simulator.play()


async def test_heartbeats_come_in_order_from_every_camera(mosquitto: Mosquitto) -> None:
    async with observing(mosquitto.url) as observer, simulator(mosquitto.url, fleet_of(3)) as playing:
        await observer.until(lambda: all_sent(observer, 5))
        for n in range(3):
            heartbeats = observer.heartbeats(f"cam-{n}")
            assert counts_from_its_boot(heartbeats[0])
            assert all(one.seq + 1 == other.seq for one, other in pairwise(heartbeats))
            assert all(one.uptime_s < other.uptime_s for one, other in pairwise(heartbeats))
            assert all(one.ts < other.ts for one, other in pairwise(heartbeats))
            assert observer.words(f"cam-{n}") == [SessionStatus.ONLINE]
        assert not any(one.retained for one in observer.seen)
        assert {one.operator for one in observer.seen} == {"ville"}
        assert playing.statistics.connected == playing.statistics.connections == 3
        assert playing.statistics.heartbeats >= 15


@pytest.mark.parametrize("qos", [0, 1])
async def test_sixty_cameras_connect_speak_and_say_goodbye(
    mosquitto: Mosquitto, qos: int, caplog: pytest.LogCaptureFixture
) -> None:
    cameras = [f"cam-{n}" for n in range(60)]
    async with observing(mosquitto.url) as observer:
        async with simulator(mosquitto.url, fleet_of(60), qos=qos) as playing:
            assert playing.statistics.connected == 60
            await observer.until(lambda: all_sent(observer, 2, 60))
        await observer.until(lambda: all(observer.last(one) is SessionStatus.GOODBYE for one in cameras))
        assert all(observer.words(one) == [SessionStatus.ONLINE, SessionStatus.GOODBYE] for one in cameras)
    assert (playing.statistics.failures, playing.statistics.reconnects) == (0, 0)
    assert "Exception in callback" not in caplog.text
    async with observing(mosquitto.url) as late:  # the goodbye is what the broker keeps
        await late.until(lambda: len(late.seen) == 60)
        assert all(one.retained and one.said is SessionStatus.GOODBYE for one in late.seen)


async def test_a_power_cut_publishes_the_will_and_a_reboot_counts_from_zero(
    mosquitto: Mosquitto,
) -> None:
    """Rule L5: the will is the hint. Rule L6: the uptime falls."""
    async with observing(mosquitto.url) as observer, simulator(mosquitto.url, fleet_of(3)) as playing:
        await observer.until(lambda: all_sent(observer, 5))
        playing.cut_power(playing.fleet.cameras[:1])
        await observer.until(lambda: observer.words("cam-0") == [SessionStatus.ONLINE, SessionStatus.OFFLINE])
        assert playing.statistics.connected == playing.statistics.expected == 2
        before = len(observer.heartbeats("cam-0"))
        playing.restore(playing.fleet.cameras[:1])
        await observer.until(lambda: len(observer.heartbeats("cam-0")) >= before + 3)
        after = observer.heartbeats("cam-0")[before:]
        assert counts_from_its_boot(after[0])
        assert all(one.seq + 1 == other.seq for one, other in pairwise(after))
        assert after[0].uptime_s < observer.heartbeats("cam-0")[before - 1].uptime_s
        assert observer.words("cam-0") == [SessionStatus.ONLINE, SessionStatus.OFFLINE, SessionStatus.ONLINE]
        assert observer.words("cam-1") == [SessionStatus.ONLINE]
        assert playing.statistics.reconnects == 1
        assert playing.statistics.failures == 0


@pytest.mark.realtime(bears_s=0.5)
async def test_a_silent_network_shows_no_will_before_one_and_a_half_keep_alives(mosquitto: Mosquitto) -> None:
    """Both cameras have nothing to say for a minute; the one with a network sends PINGREQ."""
    keep_alive_s = round(2 * SCALE)
    quiet = simulator(mosquitto.url, fleet_of(2), interval_s=60.0 * SCALE, keep_alive_s=keep_alive_s)
    async with observing(mosquitto.url) as observer, quiet as playing:
        await observer.until(lambda: observer.words("cam-0") and observer.words("cam-1"))
        playing.silence(playing.fleet.cameras[:1])
        assert (playing.statistics.connected, playing.statistics.expected) == (1, 1)
        await observer.until(lambda: SessionStatus.OFFLINE in observer.words("cam-0"))
        online, offline = (
            observer.when("cam-0", word) for word in (SessionStatus.ONLINE, SessionStatus.OFFLINE)
        )
        assert offline - online > 1.45 * keep_alive_s
        assert observer.words("cam-1") == [SessionStatus.ONLINE]


async def test_after_a_silence_the_camera_goes_on_with_the_same_boot(mosquitto: Mosquitto) -> None:
    async with observing(mosquitto.url) as observer, simulator(mosquitto.url, fleet_of(2)) as playing:
        await observer.until(lambda: all_sent(observer, 3, 2))
        playing.silence(playing.fleet.cameras[:1])
        said = len(observer.heartbeats("cam-1"))
        await observer.until(lambda: len(observer.heartbeats("cam-1")) >= said + 10)
        before = observer.heartbeats("cam-0")
        assert len(before) < len(observer.heartbeats("cam-1")) - 8
        assert observer.words("cam-0") == [SessionStatus.ONLINE]
        playing.restore(playing.fleet.cameras[:1])
        await observer.until(lambda: len(observer.heartbeats("cam-0")) >= len(before) + 3)
        first = observer.heartbeats("cam-0")[len(before)]
        assert first.seq > before[-1].seq + 5  # it counted on while nobody could hear it
        assert first.uptime_s > before[-1].uptime_s + 5 * INTERVAL_S
        assert observer.last("cam-0") is SessionStatus.ONLINE


async def test_a_camera_held_for_two_reasons_comes_back_when_the_second_lets_go(mosquitto: Mosquitto) -> None:
    async with observing(mosquitto.url) as observer, simulator(mosquitto.url, fleet_of(1)) as playing:
        camera = playing.fleet.cameras
        await observer.until(lambda: all_sent(observer, 1, 1))
        playing.cut_power(camera, "site")
        playing.silence(camera, "network")
        playing.cut_power(camera, "camera")
        await observer.until(lambda: observer.last("cam-0") is SessionStatus.OFFLINE)
        for reason in ("network", "site", "nothing"):
            playing.restore(camera, reason)
            assert playing.statistics.expected == 0
        playing.restore(camera, "camera")
        assert playing.statistics.expected == 1
        await observer.until(lambda: observer.last("cam-0") is SessionStatus.ONLINE)
        await observer.until(lambda: len(observer.boots("cam-0")) >= 2)


async def test_power_lost_in_a_silence_is_not_heard_but_is_a_reboot(mosquitto: Mosquitto) -> None:
    async with observing(mosquitto.url) as observer, simulator(mosquitto.url, fleet_of(2)) as playing:
        await observer.until(lambda: all_sent(observer, 3, 2))
        playing.silence(playing.fleet.cameras[:1], "network")
        playing.cut_power(playing.fleet.cameras[:1], "power")
        playing.restore(playing.fleet.cameras[:1], "power")
        said = len(observer.heartbeats("cam-1"))
        await observer.until(lambda: len(observer.heartbeats("cam-1")) >= said + 3)
        assert observer.words("cam-0") == [SessionStatus.ONLINE]
        playing.restore(playing.fleet.cameras[:1], "network")
        await observer.until(lambda: len(observer.boots("cam-0")) >= 2)


async def test_a_planned_camera_is_mute_until_it_is_commissioned(mosquitto: Mosquitto) -> None:
    """Rule V1: a proof from a planned camera commissions it."""
    fleet = fleet_of(2, planned=2)
    async with observing(mosquitto.url) as observer, simulator(mosquitto.url, fleet) as playing:
        await observer.until(lambda: all_sent(observer, 3, 2))
        assert {one.camera for one in observer.seen} == {"cam-0", "cam-1"}
        assert (playing.statistics.cameras, playing.statistics.planned) == (2, 2)
        playing.commission(fleet.planned)
        await observer.until(lambda: all_sent(observer, 3, 4))
        assert counts_from_its_boot(observer.heartbeats("cam-3")[0])
        assert (playing.statistics.cameras, playing.statistics.planned) == (4, 0)


async def test_a_scenario_is_played_at_its_times(mosquitto: Mosquitto) -> None:
    faults = (
        "{action: power_cut, on: {camera: cam-0}, at: 0.2, for: 0.3}",
        "{action: commission, at: 0.1}",
        "{action: network_cut, on: {camera: cam-1}, at: 0.1, for: 0.2}",
    )
    async with observing(mosquitto.url) as observer:
        async with simulator(mosquitto.url, fleet_of(2, planned=1), *faults) as playing:
            await playing.play(duration_s=1.5 * SCALE)
            await observer.until(lambda: all_sent(observer, 3) and playing.statistics.connected == 3)
        await observer.until(lambda: observer.last("cam-0") is SessionStatus.GOODBYE)
        assert observer.words("cam-0") == [
            SessionStatus.ONLINE,
            SessionStatus.OFFLINE,
            SessionStatus.ONLINE,
            SessionStatus.GOODBYE,
        ]
        assert observer.words("cam-2")[0] is SessionStatus.ONLINE
    assert playing.statistics.happened == 3
    assert playing.statistics.reconnects == 2


async def test_a_flapping_camera_goes_off_and_on_again_and_again(mosquitto: Mosquitto) -> None:
    async with observing(mosquitto.url) as observer:
        task = asyncio.create_task(played(simulator(mosquitto.url, fleet_of(1), FLAP)))
        await observer.until(lambda: observer.words("cam-0").count(SessionStatus.OFFLINE) >= 3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        words = observer.words("cam-0")
        assert words[:6] == [SessionStatus.ONLINE, SessionStatus.OFFLINE] * 3
        times = [
            one.at for one in observer.seen if one.camera == "cam-0" and isinstance(one.said, SessionStatus)
        ]
        assert times[2] - times[1] > 4.5 * INTERVAL_S  # long enough to be down (rule L2)
        assert all(counts_from_its_boot(beat) for beat in observer.heartbeats("cam-0"))


async def test_after_a_broker_restart_every_camera_returns_with_the_same_boot(
    mosquitto: Mosquitto,
) -> None:
    notices: list[str] = []
    async with simulator(mosquitto.url, fleet_of(20), reconnect_min_s=0.1, reconnect_max_s=0.5) as playing:
        statistics = playing.statistics
        statistics.on_notice = notices.append
        await eventually(lambda: statistics.heartbeats >= 60)
        mosquitto.kill()
        await eventually(lambda: statistics.connected == 0)
        await eventually(lambda: statistics.failures >= 60)
        mosquitto.start()
        async with observing(mosquitto.url) as observer:
            await eventually(lambda: statistics.connected == 20)
            await observer.until(lambda: all_sent(observer, 2, 20))
            assert min(observer.heartbeats(f"cam-{n}")[0].seq for n in range(20)) > 0
        assert statistics.reconnects == 20
    assert len(notices) <= 4, notices  # not one a camera
    assert sum("nobody listens there" in text for text in notices) == 1
    assert notices[-1] == "20/20 connected again"


async def test_nobody_listening_is_one_clear_error(tmp_path_factory: pytest.TempPathFactory) -> None:
    broker = Mosquitto(tmp_path_factory.mktemp("never-started"))
    silent = simulator(broker.url, fleet_of(30), connect_timeout_s=0.3 * SCALE)
    with pytest.raises(ConnectError, match="nobody listens there: start the broker, or correct --broker"):
        await played(silent)
    assert silent.statistics.connections == 0


async def test_a_silent_broker_is_one_clear_error_and_leaves_nothing_behind(
    mosquitto: Mosquitto,
) -> None:
    mosquitto.freeze()
    with pytest.raises(ConnectError, match=f"no answer from 127.0.0.1:{mosquitto.port}"):
        await played(simulator(mosquitto.url, fleet_of(5), connect_timeout_s=0.3 * SCALE))
    myself = asyncio.current_task()
    await eventually(lambda: asyncio.all_tasks() == {myself})
    mosquitto.thaw()


async def test_a_crash_in_the_host_program_still_says_goodbye(mosquitto: Mosquitto) -> None:
    async with observing(mosquitto.url) as observer:
        with pytest.raises(ZeroDivisionError):
            async with simulator(mosquitto.url, fleet_of(3)):
                raise ZeroDivisionError
        await observer.until(
            lambda: all(observer.last(f"cam-{n}") is SessionStatus.GOODBYE for n in range(3))
        )


async def test_a_fleet_of_planned_cameras_only_starts_with_nobody(mosquitto: Mosquitto) -> None:
    async with simulator(mosquitto.url, fleet_of(0, planned=2)) as playing:
        assert playing.statistics.connected == 0
        playing.commission(playing.fleet.cameras)
        await eventually(lambda: playing.statistics.connected == 2)
