"""A stop has one budget for all that it waits for, below the 10 s after which a container is killed."""

from __future__ import annotations

import asyncio
import threading

from structlog.testing import capture_logs

from camwatch.history.stop_budget import PUT_AWAY_S, STOP_S, StopBudget, put_away
from camwatch.ingest import aiomqtt_link, mqtt5_link
from camwatch.web.server import GRACE_S

KILLED_AFTER_S = 10.0


def test_all_that_a_stop_waits_for_is_less_than_what_a_container_is_given() -> None:
    """Goodbyes are said at once; requests end while the rest is stored; what is left is for the store."""
    goodbye = max(aiomqtt_link._GOODBYE_S, mqtt5_link._GOODBYE_S)
    assert goodbye + GRACE_S <= STOP_S - PUT_AWAY_S
    assert STOP_S < KILLED_AFTER_S


async def test_what_one_part_of_a_stop_takes_is_taken_from_the_next() -> None:
    """Once the time is over, nobody gets more, and nobody gets less than nothing."""
    stop = StopBudget()
    assert stop.left_s(PUT_AWAY_S) <= STOP_S - PUT_AWAY_S
    first = stop.left_s()
    stop.begin()
    assert stop.left_s() <= first
    assert stop.left_s(STOP_S) == 0.0


async def test_a_store_that_takes_too_long_to_put_away_is_left_to_the_next_start() -> None:
    released, closed = threading.Event(), threading.Event()

    def close() -> None:
        released.wait()
        closed.set()

    with capture_logs() as said:
        await put_away(close, StopBudget(stop_s=0.0))
    assert not closed.is_set()
    assert "not put away in time" in said[0]["event"]
    released.set()
    assert await asyncio.to_thread(closed.wait, 30)


async def test_a_store_that_is_put_away_is_closed_before_the_stop_goes_on() -> None:
    closed = threading.Event()
    await put_away(closed.set, StopBudget())
    assert closed.is_set()
