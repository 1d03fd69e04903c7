"""The fleet inside one event loop with an embedded broker, as in the demo."""

from __future__ import annotations

from amqtt.broker import Broker

from camwatch.core.telemetry import SessionStatus
from tests.support.mosquitto import free_port
from tests.support.simulator.builders import fleet_of, simulator
from tests.support.simulator.mqtt_observer import observing


async def test_the_fleet_lives_beside_an_amqtt_broker_in_one_loop() -> None:
    port = free_port()
    anonymous = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    listener = {"type": "tcp", "bind": f"127.0.0.1:{port}", "max_connections": 0}
    broker = Broker({"listeners": {"default": listener}, "plugins": anonymous})
    await broker.start()
    url = f"mqtt://127.0.0.1:{port}"
    try:
        async with observing(url) as observer:
            async with simulator(url, fleet_of(10), retain=False) as playing:
                await observer.until(lambda: all(len(observer.heartbeats(f"cam-{n}")) > 1 for n in range(10)))
                playing.cut_power(playing.fleet.cameras[:3])
                playing.silence(playing.fleet.cameras[3:4])
                await observer.until(
                    lambda: all(observer.last(f"cam-{n}") is SessionStatus.OFFLINE for n in range(3))
                )
                playing.restore(playing.fleet.cameras)
                await observer.until(
                    lambda: all(observer.last(f"cam-{n}") is SessionStatus.ONLINE for n in range(4))
                )
                said = len(observer.heartbeats("cam-3"))
                await observer.until(lambda: len(observer.heartbeats("cam-3")) > said + 2)
            await observer.until(
                lambda: all(observer.last(f"cam-{n}") is SessionStatus.GOODBYE for n in range(10))
            )
        assert playing.statistics.failures == 0
    finally:
        await broker.shutdown()
