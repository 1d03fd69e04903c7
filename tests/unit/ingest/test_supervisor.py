"""The parts of supervision that need no broker: back-off, and a watch that does not trust itself."""

from __future__ import annotations

import asyncio
import math
import random

from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st

from camwatch.core.model import Instant
from camwatch.errors import LinkError
from camwatch.ingest.canary import Canary
from camwatch.ingest.link import LinkSettings
from camwatch.ingest.supervisor import Supervisor, backoff
from tests.support.ingest.links import FILTERS
from tests.support.recording_receiver import RecordingReceiver, real_clock


def settings(**changes: float) -> LinkSettings:
    return LinkSettings("main", "mqtt", "127.0.0.1", 1, "5", "camwatch-test", FILTERS, **changes)  # type: ignore[arg-type]  # all given are floats


@how(deadline=None)  # a busy machine is no failure
@given(
    failures=st.integers(0, 10_000),
    low=st.floats(0.001, 100),
    cap=st.floats(0.001, 10_000),
    seed=st.integers(),
)
def test_the_pause_never_leaves_its_cap(failures: int, low: float, cap: float, seed: int) -> None:
    pause = backoff(settings(reconnect_min_s=low, reconnect_max_s=cap), failures, random.Random(seed).uniform)
    assert 0 <= pause <= cap
    assert pause <= low * 2.0 ** min(failures, 1000)


@how(deadline=None)
@given(failures=st.integers(0, 100))
def test_the_pause_is_drawn_from_all_below_a_doubling_cap(failures: int) -> None:
    """Full jitter: daemons that lost one broker do not come back to it together."""
    drawn = []

    def uniform(low: float, high: float) -> float:
        drawn.append((low, high))
        return low

    backoff(settings(reconnect_min_s=0.5, reconnect_max_s=30), failures, uniform)
    assert drawn == [(0.0, min(30, 0.5 * 2**failures))]


class Scripted:
    """A connection that has sight at once and answers no question; `asked` counts them."""

    def __init__(self, *, opens: bool = True) -> None:
        self.last_packet = self.last_message = real_clock()
        self.canary: Canary | None = None
        self.keep_alive_s = math.inf
        self.subscribed = False
        self.ended: asyncio.Future[LinkError] = asyncio.get_running_loop().create_future()
        self.asked = 0
        self._opens = opens

    async def open(self) -> None:
        if not self._opens:
            raise LinkError("main", "closed")
        self.subscribed = True

    def publish(self, topic: str, payload: bytes) -> None:
        """Nobody reads it."""

    def timeout_error(self) -> LinkError:
        return LinkError("main", "overdue")

    def ping(self) -> None:
        self.asked += 1

    def abort(self) -> None:
        """Nothing to drop."""

    async def close(self) -> None:
        """Nothing to release."""


async def test_a_watch_that_slept_through_the_answer_asks_anew(receiver: RecordingReceiver) -> None:
    """S10, S8: a process that was frozen does not blame the broker, before it sat out a question awake."""
    slept = 0.0

    def clock() -> Instant:
        return real_clock().shifted(slept)

    connections: list[Scripted] = []

    def connect() -> Scripted:
        connections.append(Scripted())
        return connections[-1]

    class Sleepy(Scripted):
        def ping(self) -> None:
            super().ping()
            if self.asked <= 3:
                nonlocal slept
                slept += 100.0

    connections.append(Sleepy())
    first = [connections[0]]
    supervisor = Supervisor(
        settings(ping_after_s=0.05),
        receiver,
        clock,
        lambda: first.pop() if first else connect(),
        random.uniform,
    )
    task = asyncio.create_task(supervisor.run())
    await receiver.until(lambda told: told.losses)
    await supervisor.stop()
    await task
    assert connections[0].asked >= 4, (
        "three questions slept through, one sat out (more if the machine is busy)"
    )
    assert "no answer when asked" in receiver.losses[0].problem


async def test_the_pauses_grow_until_a_session_and_then_start_anew(receiver: RecordingReceiver) -> None:
    outcomes = [False, False, False, True, False, False]
    caps: list[float] = []

    def connect() -> Scripted:
        connection = Scripted(opens=outcomes.pop(0) if outcomes else False)
        if connection._opens:
            connection.ended.set_result(LinkError("main", "gone"))
        return connection

    def uniform(low: float, high: float) -> float:
        caps.append(high)
        return low

    supervisor = Supervisor(
        settings(reconnect_min_s=1.0, reconnect_max_s=6.0), receiver, real_clock, connect, uniform
    )
    task = asyncio.create_task(supervisor.run())
    await receiver.until(lambda told: len(told.troubles) >= 8)
    await supervisor.stop()
    await task
    assert caps[:7] == [1.0, 2.0, 4.0, 1.0, 2.0, 4.0, 6.0]
    assert [loss.problem for loss in receiver.losses] == ["gone"]
    assert receiver.troubles[:5] == ["closed", "closed", "closed", "gone", "closed"]


async def test_a_bug_in_a_library_is_told_and_survived(receiver: RecordingReceiver) -> None:
    class Broken(Scripted):
        async def open(self) -> None:
            raise ZeroDivisionError("oops")

    supervisor = Supervisor(settings(reconnect_max_s=0.01), receiver, real_clock, Broken, random.uniform)
    task = asyncio.create_task(supervisor.run())
    await receiver.until(lambda told: len(told.troubles) >= 3)
    await supervisor.stop()
    await task
    assert "ZeroDivisionError: oops" in receiver.troubles[0]


async def test_a_stop_waits_until_a_failed_connection_is_closed(receiver: RecordingReceiver) -> None:
    closing, may_close = asyncio.Event(), asyncio.Event()

    class Slow(Scripted):
        async def close(self) -> None:
            closing.set()
            await may_close.wait()
            receiver.warn("all is released")

    supervisor = Supervisor(settings(), receiver, real_clock, lambda: Slow(opens=False), random.uniform)
    task = asyncio.create_task(supervisor.run())
    await closing.wait()
    stopping = asyncio.create_task(supervisor.stop())
    for _ in range(10):
        await asyncio.sleep(0)
    assert not stopping.done()
    may_close.set()
    await stopping
    assert receiver.troubles == ["closed", "all is released"]
    await task


async def test_a_link_that_was_stopped_before_it_ran_does_not_run(receiver: RecordingReceiver) -> None:
    supervisor = Supervisor(settings(), receiver, real_clock, Scripted, random.uniform)
    await supervisor.stop()
    await supervisor.run()
    assert not receiver.order


def test_the_password_is_not_in_the_settings_repr() -> None:
    word = "open sesame"
    told = LinkSettings("main", "mqtts", "h", 1, "5", "c", FILTERS, username="eye", password=word)
    assert word not in repr(told)
